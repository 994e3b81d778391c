"""What principals, homes and calendars say of themselves during discovery, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from calsync.adapters.caldav import wire
from calsync.adapters.caldav.hrefs import CollectionUrl, is_same_origin, path_key, resolve
from calsync.adapters.caldav.multistatus import CALDAV, DAV, Member
from calsync.ports import FoundCalendar

PRINCIPAL_URL: Final = f"{DAV}principal-URL"
ADDRESSES: Final = f"{CALDAV}calendar-user-address-set"
OUTBOX: Final = f"{CALDAV}schedule-outbox-URL"
_UNAUTHENTICATED: Final = f"{DAV}unauthenticated"

CONTEXT_PROPERTIES: Final = (wire.PRINCIPAL, PRINCIPAL_URL, wire.HOME_SET, wire.RESOURCE_TYPE)
PRINCIPAL_PROPERTIES: Final = (wire.HOME_SET, ADDRESSES, OUTBOX, wire.DISPLAY_NAME)

_SUBSCRIBED: Final = "{http://calendarserver.org/ns/}subscribed"
_NO_CALENDARS: Final = frozenset(
    {
        f"{CALDAV}schedule-inbox",
        f"{CALDAV}schedule-outbox",
        "{http://nextcloud.com/ns}deleted-calendar",
        "{http://nextcloud.com/ns}trash-bin",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointers:
    """Where a context URL or a principal points to. ``anonymous``: the server takes us for nobody."""

    principals: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    outbox: bool = False
    anonymous: bool = False
    is_calendar: bool = False


def pointers(member: Member) -> Pointers:
    return Pointers(
        principals=member.hrefs(wire.PRINCIPAL) or member.hrefs(PRINCIPAL_URL),
        homes=member.hrefs(wire.HOME_SET),
        addresses=tuple(address.lower() for address in member.hrefs(ADDRESSES)),
        outbox=bool(member.hrefs(OUTBOX)),
        anonymous=_UNAUTHENTICATED in member.children(wire.PRINCIPAL),
        is_calendar=f"{CALDAV}calendar" in member.children(wire.RESOURCE_TYPE),
    )


def calendar_of(member: Member, base_url: str) -> FoundCalendar | None:
    """The calendar that a member of a home is; None for anything else, such as an inbox or a task list."""
    facts = wire.collection_facts(member)
    if not facts.is_calendar or facts.types & _NO_CALENDARS or not facts.holds_events:
        return None
    if not is_same_origin(base_url, member.href):
        return None
    url = CollectionUrl(resolve(base_url, member.href)).url
    return FoundCalendar(
        id=url,
        name=facts.name or path_key(url).rpartition("/")[2],
        writable=facts.is_writable and _SUBSCRIBED not in facts.types,
    )


def each_once(found: Iterable[FoundCalendar]) -> tuple[FoundCalendar, ...]:
    """The first spelling of each calendar, in the order listed."""
    kept: dict[str, FoundCalendar] = {}
    for calendar in found:
        kept.setdefault(path_key(calendar.id), calendar)
    return tuple(kept.values())
