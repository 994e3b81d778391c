"""Read multistatus and error bodies strictly: no DTD, no entities, no network, within caps, or not at all.

Source: RFC 4918 sections 13 and 14, RFC 6578 section 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from lxml import etree

from calsync.adapters.http.exchange import Answer
from calsync.core.errors import UnusableAnswerError

T = TypeVar("T")

DAV: Final = "{DAV:}"
CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"
CALENDARSERVER: Final = "{http://calendarserver.org/ns/}"

MULTISTATUS: Final = 207
OK: Final = 200
NOT_FOUND: Final = 404
GONE: Final = 410
INSUFFICIENT_STORAGE: Final = 507

BODY_MAX: Final = 32 << 20
MEMBERS_MAX: Final = 200_000
_PIECE: Final = 1 << 16
_ERROR_MAX: Final = 1 << 16

_ROOT: Final = f"{DAV}multistatus"
_RESPONSE: Final = f"{DAV}response"
_TOKEN: Final = f"{DAV}sync-token"
_STATUS: Final = re.compile(r"\s*HTTP/\d(?:\.\d)?\s+(\d{3})\b", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One response of a multistatus.

    ``href`` is the text as listed. ``status`` is that of a bare status, 200 where properties came, else that of the
    refused properties; 0 says that there was none. ``properties`` are those with status 200. ``preconditions`` are
    the names in its error element.
    """

    href: str
    status: int
    properties: Mapping[str, etree._Element] = field(default_factory=dict)
    preconditions: frozenset[str] = frozenset()

    def text(self, name: str) -> str:
        """The text of a property without the blanks around it; empty where there is none."""
        found = self.properties.get(name)
        return "" if found is None else (found.text or "").strip()

    def content(self, name: str) -> str | None:
        """The text of a property as it stands; None where there is no such property."""
        found = self.properties.get(name)
        return None if found is None else "".join(str(text) for text in found.itertext())

    def children(self, name: str) -> frozenset[str]:
        """The names of the elements directly inside a property."""
        found = self.properties.get(name)
        return frozenset() if found is None else frozenset(str(child.tag) for child in found.iterchildren("{*}*"))

    def hrefs(self, name: str) -> tuple[str, ...]:
        """Every href inside a property, as it stands."""
        found = self.properties.get(name)
        if found is None:
            return ()
        return tuple(href for item in found.iter(f"{DAV}href") if (href := (item.text or "").strip()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """What was taken from a *complete* multistatus; ``token`` is its sync token, empty where it has none."""

    members: tuple[T, ...]
    token: str = ""


def read(answer: Answer, take: Callable[[Member], T | None]) -> Listing[T]:
    """Read a whole multistatus; ``take`` makes plain values of each member (None leaves it out).

    One member's failure is that member's alone. A body without its end, or of another kind, proves nothing.

    Raises:
        UnusableAnswerError: it is no complete multistatus.
    """
    if answer.status != MULTISTATUS:
        raise UnusableAnswerError(f"expected a multistatus, the server answered {answer.status} {answer.media_type}")
    if len(answer.body) > BODY_MAX:
        raise UnusableAnswerError(f"the listing is larger than {BODY_MAX} bytes")
    taken: list[T] = []
    token = ""
    try:
        for number, element in enumerate(_parts(answer.body)):
            if number > MEMBERS_MAX:
                raise UnusableAnswerError(f"the listing has more than {MEMBERS_MAX} members")
            if element.tag == _TOKEN:
                token = (element.text or "").strip()
            elif (value := take(_member(element))) is not None:
                taken.append(value)
            element.clear()
    except etree.XMLSyntaxError as error:
        raise UnusableAnswerError(f"the listing is not complete XML: {error.msg}") from error
    return Listing(members=tuple(taken), token=token)


def _parser() -> etree.XMLPullParser:
    # Without huge_tree libxml2 itself refuses 256 levels, a text of 10 MB and entities that blow up.
    return etree.XMLPullParser(
        events=("end",),
        tag=(_RESPONSE, _TOKEN),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )


def _parts(body: bytes) -> Iterator[etree._Element]:
    """The finished responses and sync tokens directly under the root, then the proof that the root was closed."""
    parser = _parser()
    root: etree._Element | None = None
    for start in range(0, len(body), _PIECE):
        parser.feed(body[start : start + _PIECE])
        for _, item in parser.read_events():
            element: etree._Element = item  # type: ignore[assignment]  # an "end" event brings its element
            root = _checked_root(element.getroottree().getroot()) if root is None else root
            if element.getparent() is root:
                yield element
    _checked_root(parser.close())


def _checked_root(root: etree._Element) -> etree._Element:
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnusableAnswerError("the listing brings a document type, which none does")
    if root.tag != _ROOT:
        raise UnusableAnswerError(f"expected a multistatus, the server sent {str(root.tag)[:80]}")
    return root


def _member(response: etree._Element) -> Member:
    href, bare, refused = "", 0, 0
    properties: dict[str, etree._Element] = {}
    preconditions: frozenset[str] = frozenset()
    for part in response:
        if part.tag == f"{DAV}href":
            href = href or (part.text or "").strip()
        elif part.tag == f"{DAV}propstat":
            status = _status(part.findtext(f"{DAV}status"))
            if status == OK:
                properties |= {str(name.tag): name for group in part.iterchildren(f"{DAV}prop") for name in group}
            else:
                refused = refused or status
        elif part.tag == f"{DAV}status":
            bare = _status(part.text)
        elif part.tag == f"{DAV}error":
            preconditions = frozenset(str(child.tag) for child in part)
    return Member(
        href=href,
        status=bare or (OK if properties else refused),
        properties=properties,
        preconditions=preconditions,
    )


def _status(line: str | None) -> int:
    found = _STATUS.match(line or "")
    return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What an error body says: the names of the violated preconditions, and the hrefs inside them."""

    preconditions: frozenset[str] = frozenset()
    hrefs: tuple[str, ...] = ()

    def names(self, *local: str) -> bool:
        """Whether one of these preconditions is named, in whatever namespace (servers disagree on it)."""
        return any(name.rpartition("}")[2] in local for name in self.preconditions)


def complaint(answer: Answer) -> Complaint:
    """The preconditions in an error body; nothing where it is a text, a page or broken.

    SOGo's error element has the namespace `DAV`, without the colon.
    """
    if not answer.body or len(answer.body) > _ERROR_MAX:
        return Complaint()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(answer.body, parser)
    except etree.XMLSyntaxError:
        return Complaint()
    if root.tag not in {f"{DAV}error", "{DAV}error"} or root.getroottree().docinfo.internalDTD is not None:
        return Complaint()
    hrefs = tuple(href for item in root.iter("{*}href") if (href := (item.text or "").strip()))
    return Complaint(preconditions=frozenset(str(child.tag) for child in root.iterchildren("{*}*")), hrefs=hrefs)
