"""CalDAV requests as values, and what their answers say. No waiting, no HTTP library.

Sources: RFC 4791, RFC 4918, RFC 6578, RFC 9110 section 13.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from calsync.adapters.caldav import multistatus
from calsync.adapters.caldav.hrefs import CollectionUrl
from calsync.adapters.caldav.multistatus import CALDAV, CALENDARSERVER, DAV, Listing, Member
from calsync.adapters.http.exchange import Answer, Request
from calsync.core.errors import UnusableAnswerError
from calsync.core.refs import NO_VERSION, Ref, Version

ETAG: Final = f"{DAV}getetag"
CTAG: Final = f"{CALENDARSERVER}getctag"
SYNC_TOKEN: Final = f"{DAV}sync-token"
RESOURCE_TYPE: Final = f"{DAV}resourcetype"
PRIVILEGES: Final = f"{DAV}current-user-privilege-set"
REPORTS: Final = f"{DAV}supported-report-set"
COMPONENTS: Final = f"{CALDAV}supported-calendar-component-set"
DATA: Final = f"{CALDAV}calendar-data"
TIME_ZONE: Final = f"{CALDAV}calendar-timezone"
DISPLAY_NAME: Final = f"{DAV}displayname"
PRINCIPAL: Final = f"{DAV}current-user-principal"
HOME_SET: Final = f"{CALDAV}calendar-home-set"

_XML: Final = "application/xml; charset=utf-8"
_CALENDAR: Final = "text/calendar; charset=utf-8"
_PREFIXES: Final = {DAV: "D:", CALDAV: "C:", CALENDARSERVER: "S:"}
_NAMESPACES: Final = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:S="http://calendarserver.org/ns/"'

_TAG_MAX: Final = 512
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]*"')
_ANY: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


class IllegalTagError(ValueError):
    """A text that is no strong entity tag was about to be used as a condition."""


@dataclass(frozen=True, slots=True)
class StrongTag:
    """An entity tag that a condition may name. A weak, illegal or overlong one cannot be made into this."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > _TAG_MAX or not _STRONG.fullmatch(self.text):
            raise IllegalTagError("not a strong entity tag")


def strong_tag(version: Version) -> StrongTag | None:
    """The version as a condition; None where it cannot be one."""
    try:
        return StrongTag(version)
    except IllegalTagError:
        return None


def version_of(tag: str) -> Version:
    """An entity tag as listed, weak ones too (they show changes); NO_VERSION where it is malformed."""
    return Version(tag) if len(tag) <= _TAG_MAX and _ANY.fullmatch(tag) else NO_VERSION


# --- requests -------------------------------------------------------------------------------------------------------


def options(url: str) -> Request:
    return Request(method="OPTIONS", url=url)


def propfind(url: str, names: Iterable[str], *, depth: int) -> Request:
    body = f"<D:propfind {_NAMESPACES}>{_prop(names)}</D:propfind>"
    return _with_xml("PROPFIND", url, body, depth=depth)


def sync_collection(url: str, token: str) -> Request:
    """Ask what changed since ``token``; for everything with an empty one.

    There is no limit in it: some servers cut the list silently and hand out a token that skips the rest.
    """
    body = (
        f"<D:sync-collection {_NAMESPACES}><D:sync-token>{escape(token)}</D:sync-token>"
        f"<D:sync-level>1</D:sync-level>{_prop((ETAG,))}</D:sync-collection>"
    )
    return _with_xml("REPORT", url, body, depth=0)


def multiget(url: str, refs: Iterable[Ref]) -> Request:
    asked = "".join(f"<D:href>{escape(ref)}</D:href>" for ref in refs)
    body = f"<C:calendar-multiget {_NAMESPACES}>{_prop((ETAG, DATA))}{asked}</C:calendar-multiget>"
    return _with_xml("REPORT", url, body, depth=1)


def query(url: str, start: datetime, end: datetime) -> Request:
    """Ask for the events that touch a span, with their text; both ends are sent, open ones are unreliable."""
    body = (
        f"<C:calendar-query {_NAMESPACES}>{_prop((ETAG, DATA))}<C:filter>"
        '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f'<C:time-range start="{_stamp(start)}" end="{_stamp(end)}"/>'
        "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )
    return _with_xml("REPORT", url, body, depth=1)


def query_uid(url: str, uid: str) -> Request:
    """Ask for the object with this UID. Some servers search badly: only what it finds means anything."""
    body = (
        f"<C:calendar-query {_NAMESPACES}>{_prop((ETAG, DATA))}<C:filter>"
        '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="UID">'
        f'<C:text-match collation="i;octet">{escape(uid)}</C:text-match>'
        "</C:prop-filter></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )
    return _with_xml("REPORT", url, body, depth=1)


def get(url: str) -> Request:
    # RFC 9110 8.8.3.3: a compressed answer has an entity tag of its own, useless as a condition.
    return Request(method="GET", url=url, headers={"Accept-Encoding": "identity"})


def put_new(url: str, data: bytes) -> Request:
    return Request(method="PUT", url=url, headers={"Content-Type": _CALENDAR, "If-None-Match": "*"}, body=data)


def put_over(url: str, data: bytes, tag: StrongTag) -> Request:
    return Request(method="PUT", url=url, headers={"Content-Type": _CALENDAR, "If-Match": tag.text}, body=data)


def put_unguarded(url: str, data: bytes) -> Request:
    """Overwrite without a condition: only where the server has no tag to name, right after a read."""
    return Request(method="PUT", url=url, headers={"Content-Type": _CALENDAR}, body=data)


def delete(url: str, tag: StrongTag) -> Request:
    return Request(method="DELETE", url=url, headers={"If-Match": tag.text})


def delete_unguarded(url: str) -> Request:
    """Delete without a condition: only where the server has no tag to name, right after a read."""
    return Request(method="DELETE", url=url)


def make_calendar(url: str, name: str) -> Request:
    body = (
        f"<C:mkcalendar {_NAMESPACES}><D:set><D:prop><D:displayname>{escape(name)}</D:displayname>"
        '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
        "</D:prop></D:set></C:mkcalendar>"
    )
    return _with_xml("MKCALENDAR", url, body, depth=None)


def _with_xml(method: str, url: str, body: str, *, depth: int | None) -> Request:
    headers = {"Content-Type": _XML} | ({} if depth is None else {"Depth": str(depth)})
    return Request(method=method, url=url, headers=headers, body=f'<?xml version="1.0"?>{body}'.encode())


def _prop(names: Iterable[str]) -> str:
    return f"<D:prop>{''.join(f'<{_short(name)}/>' for name in names)}</D:prop>"


def _short(name: str) -> str:
    namespace, _, local = name.partition("}")
    return f"{_PREFIXES[namespace + '}']}{local}"


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


# --- answers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A member of a listing. ``removed`` is a bare 404 of a sync report; ``data`` is the object's text if asked for.

    ``status`` is what the server said of this member.
    """

    ref: Ref
    version: Version = NO_VERSION
    data: bytes | None = None
    status: int = multistatus.OK

    @property
    def removed(self) -> bool:
        return self.status in {multistatus.NOT_FOUND, multistatus.GONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPage:
    """One page of a sync report. ``more``: it goes on with ``token``."""

    members: tuple[Listed, ...]
    token: str
    more: bool


def parse_members(answer: Answer, collection: CollectionUrl) -> Listing[Listed]:
    """The objects in a multistatus. What is no object of this collection, or on another origin, is left out."""
    return multistatus.read(answer, lambda member: _listed(member, collection))


def _listed(member: Member, collection: CollectionUrl) -> Listed | None:
    ref = collection.member(member.href)
    if ref is None or f"{DAV}collection" in member.children(RESOURCE_TYPE):
        return None
    data = member.content(DATA)
    return Listed(
        ref=ref,
        version=version_of(member.text(ETAG)),
        data=None if data is None else data.encode(),
        status=member.status,
    )


def parse_sync(answer: Answer, collection: CollectionUrl) -> SyncPage:
    """One page of a sync report.

    Raises:
        UnusableAnswerError: it is incomplete, or has no token to go on from.
    """
    cut = False

    def take(member: Member) -> Listed | None:
        nonlocal cut
        # RFC 6578 3.6: a list that was cut carries a bare 507 for the request URL.
        if member.status == multistatus.INSUFFICIENT_STORAGE:
            cut = True
            return None
        return _listed(member, collection)

    page = multistatus.read(answer, take)
    if not page.token:
        raise UnusableAnswerError("the sync report has no token")
    return SyncPage(members=page.members, token=page.token, more=cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFacts:
    """What a collection says of itself. ``components`` is empty where it takes any (RFC 4791 5.2.3)."""

    href: str
    name: str
    types: frozenset[str]
    components: frozenset[str]
    reports: frozenset[str]
    privileges: frozenset[str] | None
    token: str
    ctag: str
    time_zone: str

    @property
    def is_calendar(self) -> bool:
        return f"{CALDAV}calendar" in self.types

    @property
    def holds_events(self) -> bool:
        return not self.components or "VEVENT" in self.components

    @property
    def is_writable(self) -> bool:
        """By the privilege set; a server that gives none is believed to let its user write."""
        needed = {f"{DAV}all", f"{DAV}write", f"{DAV}write-content", f"{DAV}bind"}
        return self.privileges is None or bool(self.privileges & needed)

    @property
    def can_sync(self) -> bool:
        return f"{DAV}sync-collection" in self.reports


COLLECTION_FACTS: Final = (
    RESOURCE_TYPE,
    DISPLAY_NAME,
    PRIVILEGES,
    REPORTS,
    COMPONENTS,
    TIME_ZONE,
)
"""What is asked of a collection once. The tags are asked for apart: some servers read every object for them."""


def collection_facts(member: Member) -> CollectionFacts:
    privileges = member.properties.get(PRIVILEGES)
    components = member.properties.get(COMPONENTS)
    reports = member.properties.get(REPORTS)
    return CollectionFacts(
        href=member.href,
        name=member.text(DISPLAY_NAME),
        types=member.children(RESOURCE_TYPE),
        components=frozenset()
        if components is None
        else frozenset(str(part.get("name", "")).upper() for part in components.iterchildren(f"{CALDAV}comp")),
        reports=frozenset() if reports is None else frozenset(str(part.tag) for part in reports.iter("{*}*")),
        privileges=None if privileges is None else frozenset(str(part.tag) for part in privileges.iter("{*}*")),
        token=member.text(SYNC_TOKEN),
        ctag=member.text(CTAG),
        time_zone=member.text(TIME_ZONE),
    )


def parse_collection(answer: Answer, collection: CollectionUrl) -> CollectionFacts | None:
    """What the collection itself says in an answer of depth 0; None where the answer is not about it."""
    found = multistatus.read(
        answer, lambda member: collection_facts(member) if collection.is_itself(member.href) else None
    )
    return found.members[0] if found.members else None


def is_calendar_text(answer: Answer) -> bool:
    """Whether the body of a GET is an iCalendar object; a login page in its place is not."""
    return answer.body.lstrip(b"\xef\xbb\xbf\r\n\t ")[:15].upper() == b"BEGIN:VCALENDAR"
