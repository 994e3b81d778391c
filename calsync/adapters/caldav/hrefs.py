"""Addresses of collections and objects: kept as listed, compared by a derived key, never taken to another origin."""

from __future__ import annotations

import re
import unicodedata
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NewType

from calsync.adapters.http.failures import ForbiddenAddressError
from calsync.adapters.http.target import joined, origin_of
from calsync.core.errors import CalendarUnavailableError
from calsync.core.refs import Key, Ref

_ILLEGAL: Final = re.compile(r"[^!#-;=?-\[\]_a-z~]")
_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9._@/-]*")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._@%-]*")


PathKey = NewType("PathKey", str)
"""What two spellings of one path have in common; for comparing alone, never an address."""


def path_key(href: str) -> PathKey:
    """The path, percent-decoded once, in NFC, without a slash at the end."""
    path = urllib.parse.unquote(_path(href), errors="surrogateescape")
    return PathKey(unicodedata.normalize("NFC", path).rstrip("/") or "/")


def resolve(base_url: str, href: str) -> str:
    """The absolute URL of an href in an answer from ``base_url``; letters that no URL may hold are encoded.

    The href is not decoded: what the server listed is what it will be asked for.

    Raises:
        ForbiddenAddressError: it is no address.
    """
    return _ILLEGAL.sub(_encoded, joined(base_url, href))


def is_same_origin(base_url: str, href: str) -> bool:
    """Whether an href stays where the password may go; an unreadable one does not."""
    try:
        return origin_of(resolve(base_url, href)) == origin_of(base_url)
    except ForbiddenAddressError:
        return False


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _path(href: str) -> str:
    if href.startswith("/") and not href.startswith("//"):
        return href.partition("?")[0].partition("#")[0]
    return urllib.parse.urlsplit(href).path


@dataclass(frozen=True, slots=True)
class CollectionUrl:
    """The absolute URL of a calendar, with a slash at the end."""

    url: str
    path: str = field(init=False, compare=False, repr=False)
    _is_plain: bool = field(init=False, compare=False, repr=False)
    """Whether a plain name can simply be appended."""

    def __post_init__(self) -> None:
        if not self.url.endswith("/"):
            object.__setattr__(self, "url", f"{self.url}/")
        object.__setattr__(self, "path", _path(self.url))
        plain = not _ILLEGAL.search(self.url) and "?" not in self.url and "#" not in self.url
        object.__setattr__(self, "_is_plain", plain and resolve(self.url, self.path) == self.url)

    def url_of(self, ref: Ref) -> str:
        """Where to ask for an object.

        Raises:
            CalendarUnavailableError: it would be asked for at another origin.
        """
        if self._is_plain and self._is_name(ref):
            return self.url + ref[len(self.path) :]
        if not is_same_origin(self.url, ref):
            raise CalendarUnavailableError("an object lies on another host than its calendar")
        return resolve(self.url, ref)

    def new_ref(self, key: Key) -> Ref:
        """Where the copy with this key is made."""
        return Ref(f"{self.path}{key}.ics")

    def member(self, href: str) -> Ref | None:
        """The ref of a listed href; None for the collection itself, collections inside, and foreign origins."""
        if self._is_name(href):
            return Ref(href)
        if not href or href.endswith("/") or not is_same_origin(self.url, href):
            return None
        if path_key(resolve(self.url, href)) == path_key(self.url):
            return None
        return Ref(href)

    def _is_name(self, href: str) -> bool:
        """Whether it is this very path and a plain name: nothing in it leads elsewhere."""
        return href.startswith(self.path) and _PLAIN_NAME.fullmatch(href, len(self.path)) is not None

    def holds(self, href: str) -> bool:
        """Whether an href is directly inside this collection by its path."""
        ref = self.member(href)
        return ref is not None and path_key(resolve(self.url, ref).rpartition("/")[0]) == path_key(self.url)

    def is_itself(self, href: str) -> bool:
        return is_same_origin(self.url, href) and path_key(resolve(self.url, href)) == path_key(self.url)

    def key(self, href: str) -> PathKey:
        if _PLAIN_PATH.fullmatch(href) and "/." not in href and "//" not in href:
            return PathKey(href.rstrip("/") or "/")
        return path_key(resolve(self.url, href))

    def spellings(self, href: str) -> Iterable[Ref]:
        """The ways in which we may have stored an object that is listed as ``href``, the listed one first."""
        name = href.rsplit("/", 1)[-1]
        plain = urllib.parse.unquote(name, errors="surrogateescape")
        encoded = urllib.parse.quote(plain, errors="surrogateescape")
        return dict.fromkeys((Ref(href), *(Ref(f"{self.path}{last}") for last in (name, encoded, plain))))
