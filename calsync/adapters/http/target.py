"""The one parser of addresses: what it returns is what is connected to, or it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import urljoin

import idna

from calsync.adapters.http.failures import ForbiddenAddressError

URL_MAX: Final = 8192
HOST_MAX: Final = 253
_URL: Final = re.compile(r"(https?)://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)
_PLAIN: Final = re.compile(r"[!-~]*")  # printable ASCII without the space
_PORT: Final = re.compile(r"[0-9]{1,5}")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a request goes. ``host`` is normalised: lower case, Punycode, no trailing dot, no brackets."""

    secure: bool
    host: str
    port: int
    numeric: bool
    place: str
    """``host:port``, with brackets around an IPv6 address."""
    origin: str
    """``https://host``, with the port unless it is the usual one."""
    host_header: bytes


def parse_url(url: str) -> tuple[Site, bytes]:
    """The site and the exact path and query of an absolute address.

    Raises:
        ForbiddenAddressError: it is not one, or two parsers could read it in two ways.
    """
    if len(url) > URL_MAX:
        raise ForbiddenAddressError(f"An address of {len(url)} characters is longer than {URL_MAX}.")
    match = _URL.fullmatch(url)
    if match is None:
        raise ForbiddenAddressError("An address must begin with https://")
    scheme, authority, path = match.groups()
    if not _PLAIN.fullmatch(path) or "#" in path or "\\" in path:
        raise ForbiddenAddressError("The path of an address holds characters that must be percent-encoded.")
    if not path.startswith("/"):
        path = f"/{path}"
    return parse_site(scheme.lower(), authority), path.encode("ascii")


def origin_of(url: str) -> str:
    """The normalised origin of an address: ``https://host`` or ``https://host:port``."""
    return parse_url(url)[0].origin


def joined(base: str, location: str) -> str:
    """The address that a Location or href means, read at ``base``, without its fragment."""
    try:
        return urljoin(base, location.partition("#")[0])
    except ValueError as error:
        raise ForbiddenAddressError("The server named an address that cannot be read.") from error


@lru_cache(maxsize=2048)
def parse_site(scheme: str, authority: str) -> Site:
    """What stands between ``://`` and the path."""
    if "@" in authority:
        raise ForbiddenAddressError("An address must not carry a user name or password.")
    secure = scheme == "https"
    host_text, port = _split(authority, 443 if secure else 80)
    bracketed = host_text.startswith("[")
    host = _ipv6(host_text) if bracketed else _name(host_text)
    shown = f"[{host}]" if bracketed else host
    usual = port == (443 if secure else 80)
    header = shown if usual else f"{shown}:{port}"
    return Site(
        secure=secure,
        host=host,
        port=port,
        numeric=bracketed or _is_number(host),
        place=f"{shown}:{port}",
        origin=f"{scheme}://{header}",
        host_header=header.encode("ascii"),
    )


def _split(authority: str, usual: int) -> tuple[str, int]:
    bracket = authority.rfind("]")
    colon = authority.find(":", bracket + 1)
    if colon < 0:
        return authority, usual
    host, port = authority[:colon], authority[colon + 1 :]
    if not port:
        return host, usual
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:  # noqa: PLR2004  # the highest port
        raise ForbiddenAddressError("The port of an address must be a number from 1 to 65535.")
    return host, int(port)


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise ForbiddenAddressError("What stands in brackets is no IPv6 address.") from error
    if address.scope_id is not None:
        raise ForbiddenAddressError("An address must not name a network interface.")
    return address.compressed


def _name(text: str) -> str:
    host = text if text.isascii() else _punycode(text)
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > HOST_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise ForbiddenAddressError("The host of an address is no valid name.")
    if _NUMBER.fullmatch(labels[-1]) and not _is_number(host):
        # 127.1, 0x7f000001, 2130706433, 0177.0.0.1: the system would read them as addresses
        raise ForbiddenAddressError("A numeric address must be written as four decimal numbers.")
    return host


def _punycode(text: str) -> str:
    if any(mark in text for mark in "\u3002\uff0e\uff61"):
        raise ForbiddenAddressError("The host of an address holds a mark that only looks like a full stop.")
    try:
        return idna.encode(text.lower(), strict=False).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ForbiddenAddressError("The host of an address holds characters that no name may hold.") from error


def _is_number(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
