"""An appointment and an event: one small function for each field and direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calsync.adapters.superoffice import quirks, text, wire
from calsync.adapters.superoffice.wire import Entity, Row
from calsync.core.errors import InvalidEventError
from calsync.core.event import AllDay, Busy, Event, Field, Privacy, Timed, When, timed_from_utc
from calsync.core.lens import Lens
from calsync.core.observation import Aside, Marker, Seen
from calsync.core.reason import Reason
from calsync.core.refs import Identity, Ref, Version

TITLE_MAX: Final = 4000
PLACE_MAX: Final = 254
REMINDER_MAX: Final = 65535
"""Reminders are stored as minutes in 16 bits without a sign."""

HOLDS: Final = frozenset({Field.TITLE, Field.WHEN, Field.PLACE, Field.NOTES, Field.PRIVACY, Field.BUSY, Field.REMINDER})
_LAST_MINUTE: Final = time(23, 59)
_DIARY_TYPES: Final = frozenset({"inDiary", "BookingForDiary", "BookingForChecklist"})
_TASK_TYPES: Final = frozenset({"inChecklist", "Note"})
_PAPER_TYPES: Final = frozenset({"Document", "SavedReport", "MergeDraft", "MergeFinal"})


def lens_for(zone: str) -> Lens:
    """How a diary rounds: one zone for all, free or busy and nothing between, no categories, text as HTML."""
    return Lens(
        holds=HOLDS,
        zone=zone,
        busy={Busy.TENTATIVE: Busy.BUSY, Busy.AWAY: Busy.BUSY},
        title_max=TITLE_MAX,
        place_max=PLACE_MAX,
        notes=text.rounded,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClock:
    """The clock times that this tenant's web client gives whole days."""

    first: time
    last: time

    @classmethod
    def from_texts(cls, first: str, last: str) -> DayClock | None:
        """The two preferences, such as ``08:00``; None if they are not both times."""
        try:
            return cls(first=time.fromisoformat(first.strip()), last=time.fromisoformat(last.strip()))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Whose diary is read, and where that person is. ``zones`` are IANA names by SuperOffice's zone id."""

    associate: int
    zone: str
    base_zone: str = ""
    zones: Mapping[int, str] = field(default_factory=dict)
    day_clock: DayClock | None = None


# --- reading --------------------------------------------------------------------------------------------------------


def seen_or_aside(row: Row, reading: Reading, marker: Marker | None = None) -> Seen | Aside:
    """What one row of a diary is to us."""
    reason = reason_to_leave(row, reading.associate)
    if reason is not None:
        return _aside(row, reason)
    try:
        event = event_from_row(row, reading)
    except InvalidEventError as error:
        return _aside(row, Reason.UNREADABLE, str(error))
    return Seen(
        ref=ref_of(row.id),
        version=Version(row.digest),
        digest=row.digest,
        identity=Identity(row.identity),
        event=event,
        marker=marker,
    )


def ref_of(appointment: int) -> Ref:
    return Ref(str(appointment))


def _aside(row: Row, reason: Reason, detail: str = "") -> Aside:
    title = row.title[:200]
    return Aside(ref=ref_of(row.id), reason=reason, version=Version(row.digest), detail=detail, title=title)


def reason_to_leave(row: Row, associate: int) -> Reason | None:
    """Why a row is not offered; words of newer servers count as ordinary where nothing depends on them."""
    kind = wire.type_name(row.type)
    if kind in _PAPER_TYPES:
        return Reason.DOCUMENT
    if row.associate != associate:
        return Reason.OTHER_PERSON
    if quirks.is_assignment(row.assignment):
        return Reason.ASSIGNMENT
    if kind in _TASK_TYPES:
        return Reason.TASK
    if kind not in _DIARY_TYPES:
        return Reason.NOT_AN_EVENT
    if row.booking or kind != "inDiary":
        return Reason.BOOKING
    return Reason.SERIES if row.recurring else None


def event_from_row(row: Row, reading: Reading) -> Event:
    """Raises InvalidEventError for a row that is at no time, or ends before it starts."""
    return Event(
        title=row.title,
        when=when_from_row(row, reading),
        place=row.place,
        notes=text.text_from_html(row.agenda),
        privacy=Privacy.PRIVATE if row.private else Privacy.PUBLIC,
        busy=Busy.FREE if row.free else Busy.BUSY,
        reminder=row.lead if row.alarm else None,
    )


def when_from_row(row: Row, reading: Reading) -> When:
    if row.start is None:
        raise InvalidEventError("it has no start")
    end = row.start if row.end is None else row.end
    if row.all_day:
        return _days(row.start, end, _zone_of_days(row, reading, row.start, end))
    return timed_from_utc(row.start, end, reading.zone)


def _zone_of_days(row: Row, reading: Reading, start: datetime, end: datetime) -> str:
    """The zone in which these are whole days: the first that fits of row, person and tenant, else the person's."""
    candidates = (reading.zones.get(row.zone, ""), reading.zone, reading.base_zone)
    fitting = (zone for zone in candidates if zone and _are_whole_days(start, end, zone, reading.day_clock))
    return next(fitting, reading.zone)


def _are_whole_days(start: datetime, end: datetime, zone: str, day_clock: DayClock | None) -> bool:
    first, last = _wall(start, zone).time(), _wall(end, zone).time()
    if first == time() and (last == time() or last >= _LAST_MINUTE):
        return True
    return day_clock is not None and (first, last) == (day_clock.first, day_clock.last)


def _days(start: datetime, end: datetime, zone: str) -> AllDay:
    first, last = _wall(start, zone), _wall(end, zone)
    # An end at midnight is 24:00 of the day before; clock times mean nothing else.
    if last.time() == time() and last > first:
        last -= timedelta(days=1)
    return AllDay(first=first.date(), last=last.date())


def _wall(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


# --- writing --------------------------------------------------------------------------------------------------------


def properties(event: Event, fields: frozenset[Field], reading: Reading) -> Entity:
    """The vendor's properties that hold these fields of an event. Fields that a diary does not hold give none."""
    written: Entity = {}
    for part in Field:
        if part in fields and part in _WRITERS:
            written |= _WRITERS[part](event, reading)
    return written


def filled(default: Entity, event: Event, reading: Reading) -> Entity:
    """A default entity made into a copy of ``event``; nobody on it is to be mailed."""
    entity = dict(default) | properties(event, HOLDS, reading)
    entity["Participants"] = quirks.with_mail_off(entity.get("Participants"))
    return entity


def patch_of(
    entity: Entity, event: Event, fields: frozenset[Field], reading: Reading, *, untested: frozenset[str]
) -> list[Mapping[str, Any]]:
    """JSON Patch: test what was seen of these fields, then replace what is to be different. Empty if nothing is."""
    wanted = properties(event, fields, reading)
    changed = {name: value for name, value in wanted.items() if not _same(entity, name, value)}
    if "StartDate" not in changed:
        changed.pop("ActiveDate", None)
    if not changed:
        return []
    tested = [name for name in wanted if name in entity and name not in untested and name not in _NEVER_TESTED]
    tests = [{"op": "test", "path": f"/{name}", "value": entity[name]} for name in tested]
    return [*tests, *({"op": "replace", "path": f"/{name}", "value": value} for name, value in changed.items())]


_NEVER_TESTED: Final = frozenset({"VisibleFor", "ActiveDate"})
"""``VisibleFor`` carries display texts, and ``Private`` mirrors it; ``ActiveDate`` follows the start."""


TESTABLE: Final = frozenset(
    {"Title", "Description", "Location", "Agenda", "Private", "IsFree", "IsAlldayEvent", "HasAlarm"}
    | quirks.FORMAT_SENSITIVE
)


def _same(entity: Entity, name: str, value: Any) -> bool:
    there = entity.get(name)
    if name in {"StartDate", "EndDate", "ActiveDate"}:
        return wire.instant(there) == wire.instant(value)
    if name == "AlarmLeadTime":
        return wire.minutes(there) == wire.minutes(value)
    if name in {"Title", "Description", "Agenda", "Location"}:
        return bool((there or "") == value)
    if name == "VisibleFor":
        return False  # written with Private, and only where privacy changes
    return bool(there == value)


def _title(event: Event, _: Reading) -> Entity:
    # Which of the two wins if they differ is not known, so they never do.
    title = _fitting(event.title, TITLE_MAX)
    return {"Title": title, "Description": title}


def _when(event: Event, reading: Reading) -> Entity:
    start, end = _edges(event.when, reading.zone)
    return {
        "IsAlldayEvent": isinstance(event.when, AllDay),
        "StartDate": wire.written(start),
        "EndDate": wire.written(end),
        "ActiveDate": wire.written(start),
    }


def _edges(when: When, zone: str) -> tuple[datetime, datetime]:
    match when:
        case Timed():
            return when.start_utc, when.end_utc
        case AllDay():
            place = ZoneInfo(zone)
            start = datetime.combine(when.first, time(), tzinfo=place)
            end = datetime.combine(when.last, _LAST_MINUTE, tzinfo=place)
            return start.astimezone(UTC), end.astimezone(UTC)


def _place(event: Event, _: Reading) -> Entity:
    return {"Location": _fitting(event.place, PLACE_MAX)}


def _notes(event: Event, _: Reading) -> Entity:
    return {"Agenda": text.html_from_text(event.notes)}


def _privacy(event: Event, reading: Reading) -> Entity:
    if event.privacy is Privacy.PUBLIC:
        return {"Private": "Public", "VisibleFor": [{"Visibility": "All", "VisibleId": 0}]}
    visible = [{"Visibility": "Associate", "VisibleId": reading.associate}]
    return {"Private": "PrivateUser", "VisibleFor": visible}


def _busy(event: Event, _: Reading) -> Entity:
    return {"IsFree": event.busy is Busy.FREE}


def _reminder(event: Event, _: Reading) -> Entity:
    if event.reminder is None:
        return {"HasAlarm": False}
    return {"HasAlarm": True, "AlarmLeadTime": wire.span(min(max(event.reminder, 0), REMINDER_MAX))}


_WRITERS: Final[Mapping[Field, Callable[[Event, Reading], Entity]]] = {
    Field.TITLE: _title,
    Field.WHEN: _when,
    Field.PLACE: _place,
    Field.NOTES: _notes,
    Field.PRIVACY: _privacy,
    Field.BUSY: _busy,
    Field.REMINDER: _reminder,
}


def _fitting(words: str, most: int) -> str:
    """At most ``most`` UTF-16 units, as the columns count; a character is never cut in two."""
    return words.encode("utf-16-le")[: most * 2].decode("utf-16-le", errors="ignore")
