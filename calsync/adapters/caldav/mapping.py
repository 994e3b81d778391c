"""A CalDAV object's text and the event it means, both ways (reference: caldav.md 3).

Reading offers a plain single event or says why not. Writing edits the object's own text: only the lines of the
fields that change, and everything else stays byte for byte.

Laws: reading a new object gives ``LENS.show(event)``; reading an edited object gives the wanted fields; writing what
is already there gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from calsync.adapters.caldav.alarms import read_reminder
from calsync.adapters.caldav.fields import WRITERS, busy_of, categories_of, privacy_of, text_of, word_of
from calsync.adapters.caldav.lines import (
    Component,
    Document,
    UnreadableError,
    escape,
    make_line,
    new_component,
    parse,
    render,
    unescape,
)
from calsync.adapters.caldav.times import Timing, read_timing, set_when
from calsync.adapters.caldav.zones import candidate
from calsync.core.errors import InvalidEventError, RefusedError
from calsync.core.event import Event, Field, Timed, When
from calsync.core.lens import Lens
from calsync.core.observation import Digest, Marker
from calsync.core.reason import Reason
from calsync.core.refs import Key

PRODUCT: Final = "-//calsync//calsync//EN"
MARKER_PROPERTY: Final = "X-CALSYNC-MARKER"
_MARKER: Final = re.compile(r"v1:(\d{1,9}):([0-9A-Za-z]{1,200}):(\S.*)", re.DOTALL)

LENS: Final = Lens(holds=frozenset({Field.WHEN, *WRITERS}))
"""What a CalDAV object holds: each event's own zone, texts of any length, no people and no series yet."""

_SINGLE: Final = frozenset(
    {
        *("UID", "DTSTART", "DTEND", "DURATION", "SUMMARY", "LOCATION", "DESCRIPTION", "CLASS", "TRANSP", "STATUS"),
        *("X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-ALLDAYEVENT"),
    }
)
"""Properties we read that must not stand twice: nobody can say which of the two holds."""

_REPEATS: Final = ("RRULE", "RDATE", "EXRULE", "EXDATE", "RECURRENCE-ID")
_OTHER_KINDS: Final = frozenset({"VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY", "VPOLL"})

_VOLATILE: Final = frozenset(
    {
        *("DTSTAMP", "LAST-MODIFIED", "CREATED", "PRODID", "VERSION", "CALSCALE", "SEQUENCE", "REQUEST-STATUS"),
        *("ACKNOWLEDGED", "X-LIC-ERROR", "X-RADICALE-NAME", "X-MOZ-LASTACK", ""),
    }
)
_SCHEDULE_STATUS: Final = re.compile(r';SCHEDULE-STATUS=(?:"[^"]*"|[^;:"]*)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvent:
    """A plain single event. ``floating``: its text names no zone, and ``event`` shows it in the one it was read in."""

    event: Event
    uid: str
    marker: Marker | None = None
    floating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOffered:
    """An object that is not synchronised; ``title`` and ``uid`` are empty where they cannot be read."""

    reason: Reason
    detail: str = ""
    title: str = ""
    uid: str = ""


ObjectRead: TypeAlias = ReadEvent | NotOffered


def read_object(data: bytes, *, person_zone: str, calendar_zone: str | None) -> ObjectRead:
    """What one calendar object says. Never raises: what cannot be read is not offered, with the reason.

    Floating times are read in ``calendar_zone``, else in ``person_zone`` (IANA names). A marker counts only where it
    names this object's UID: a copy that a person makes of our copy has another one, and is an original of its own.
    """
    try:
        calendar = parse(data).calendar
    except UnreadableError as error:
        return NotOffered(reason=error.reason, detail=str(error))
    return _read(calendar, person_zone, calendar_zone)


def read_with_digest(data: bytes, *, person_zone: str, calendar_zone: str | None) -> tuple[ObjectRead, Digest]:
    """As `read_object` and `digest`, at the price of one."""
    try:
        calendar = parse(data).calendar
    except UnreadableError as error:
        return NotOffered(reason=error.reason, detail=str(error)), _hash(data)
    return _read(calendar, person_zone, calendar_zone), _digest(calendar, data)


def _read(calendar: Component, person_zone: str, calendar_zone: str | None) -> ObjectRead:
    title = uid = ""
    try:
        title, uid = _label(calendar, "SUMMARY"), _label(calendar, "UID")
        event = _plain_event(calendar)
        timing = read_timing(calendar, event, floating_zone=calendar_zone or person_zone)
        read = _read_event(event, timing)
    except UnreadableError as error:
        return NotOffered(reason=error.reason, detail=str(error), title=title, uid=uid)
    except RefusedError as error:
        return NotOffered(reason=Reason(error.reason), detail=str(error), title=title, uid=uid)
    except InvalidEventError as error:
        return NotOffered(reason=Reason.UNREADABLE, detail=str(error), title=title, uid=uid)
    return ReadEvent(event=read, uid=uid, marker=_marker(event, uid), floating=timing.floating)


def new_object(event: Event, marker: Marker, *, stamp: datetime) -> bytes:
    """The text of a copy that we make: its UID is the marker's key. ``stamp`` (aware) is when it is written.

    Raises:
        RefusedError: a series, or years that no calendar holds.
    """
    _refuse_series(event)
    note = f"v1:{marker.generation}:{marker.key}:{marker.realm}"
    lines = (
        *(("UID", escape(marker.key)), ("DTSTAMP", _utc_text(stamp)), ("SUMMARY", escape(event.title))),
        (MARKER_PROPERTY, escape(note)),
    )
    blank = new_component("VEVENT", (make_line(name, value) for name, value in lines))
    # VERSION first: some servers re-order it and then withhold the ETag.
    head = (make_line("VERSION", "2.0"), make_line("PRODID", PRODUCT))
    written = _written(blank, event, frozenset(WRITERS), shown=Event(title=event.title, when=event.when))
    calendar = set_when(new_component("VCALENDAR", (*head, written)), written, event.when, floating_zone="")
    return render(Document("", calendar, ""))


def edited_object(
    data: bytes,
    want: Event,
    fields: frozenset[Field],
    *,
    stamp: datetime,
    person_zone: str,
    calendar_zone: str | None,
) -> bytes:
    """The object's own text with those fields as wanted; the zones are those it was read with.

    Nothing else changes but DTSTAMP and LAST-MODIFIED, where present. Fields that already read as wanted are left
    alone; if all do, the same bytes come back. Fields a CalDAV object does not hold are ignored.

    Raises:
        RefusedError: the object is not one that `read_object` offers, or the wanted event cannot be written.
    """
    try:
        document = parse(data)
    except UnreadableError as error:
        raise RefusedError(f"the object cannot be edited: {error}", reason=error.reason.value) from error
    read = _read(document.calendar, person_zone, calendar_zone)
    if isinstance(read, NotOffered):
        raise RefusedError(f"the object cannot be edited: {read.detail}", reason=read.reason.value)
    if Field.SERIES in fields:
        _refuse_series(want)
    event = _plain_event(document.calendar)
    edited = _written(event, want, fields, shown=read.event)
    calendar = document.calendar.swapping(event, edited)
    if Field.WHEN in fields and not _same_when(read.event.when, want.when):
        calendar = set_when(calendar, edited, want.when, floating_zone=calendar_zone or person_zone)
    if calendar == document.calendar:
        return data
    return render(document._replace(calendar=_stamped(calendar, stamp)))


def digest(data: bytes) -> Digest:
    """A hash of what the text says, the same when a server merely re-orders, re-folds or re-stamps it.

    Left out: stamps, SEQUENCE, PRODID, bookkeeping of servers and alarms, and the VTIMEZONE of a known zone, which
    some servers add.
    """
    try:
        calendar = parse(data).calendar
    except UnreadableError:
        return _hash(data)
    return _digest(calendar, data)


def _digest(calendar: Component, data: bytes) -> Digest:
    try:
        text = _canonical(calendar).encode()
    except UnreadableError:
        text = data
    return _hash(text)


def _hash(text: bytes) -> Digest:
    return Digest(hashlib.sha256(text).hexdigest())


# Reading


def _label(calendar: Component, name: str) -> str:
    return next((text_of(event, name) for event in calendar.named("VEVENT")), "")


def _plain_event(calendar: Component) -> Component:
    """The one event of the object, if it is one that can be synchronised."""
    events = calendar.named("VEVENT")
    others = sorted({item.name for item in calendar.components} & _OTHER_KINDS)
    uids = {text_of(event, "UID") for event in events}
    if others or len(uids) != 1:
        raise _refused(Reason.NOT_AN_EVENT, f"it holds {', '.join(others) or f'{len(uids)} events'}")
    if any(event.first(name) for event in events for name in _REPEATS):
        raise _refused(Reason.SERIES, "it repeats")
    if len(events) > 1 or "" in uids:
        raise _refused(Reason.UNREADABLE, "its event stands there twice" if len(events) > 1 else "it has no UID")
    event = events[0]
    _refuse_doubled(event)
    if word_of(event, "STATUS") == "CANCELLED":
        raise _refused(Reason.CANCELLED, "its status is cancelled")
    if event.first("ATTENDEE") is not None:
        raise _refused(Reason.MEETING, "it has attendees")
    return event


def _refuse_doubled(event: Component) -> None:
    counts = Counter(line.name for line in event.lines)
    doubled = sorted(name for name in _SINGLE if counts[name] > 1)
    if doubled:
        raise _refused(Reason.UNREADABLE, f"it has more than one {doubled[0]}")


def _read_event(event: Component, timing: Timing) -> Event:
    return Event(
        title=text_of(event, "SUMMARY"),
        when=timing.when,
        place=text_of(event, "LOCATION"),
        notes=text_of(event, "DESCRIPTION"),
        privacy=privacy_of(event),
        busy=busy_of(event),
        reminder=read_reminder(event),
        categories=categories_of(event),
    )


def _marker(event: Component, uid: str) -> Marker | None:
    for line in event.all(MARKER_PROPERTY):
        found = _MARKER.fullmatch(unescape(line.value).strip())
        if found is not None and found[2] == uid and int(found[1]) > 0:
            return Marker(realm=found[3], key=Key(found[2]), generation=int(found[1]))
    return None


def _refused(reason: Reason, detail: str) -> RefusedError:
    return RefusedError(detail, reason=reason.value)


# Writing


def _refuse_series(event: Event) -> None:
    if event.series is not None:
        raise _refused(Reason.SERIES, "a series is never written as a single event")


def _written(component: Component, want: Event, fields: frozenset[Field], *, shown: Event) -> Component:
    """The VEVENT with each field that differs from what it shows, apart from the times."""
    for field, write in WRITERS.items():
        if field in fields and getattr(shown, field.value) != getattr(want, field.value):
            component = write(component, want)
    return component


def _same_when(shown: When, want: When) -> bool:
    if isinstance(shown, Timed) and isinstance(want, Timed):
        # Wall times compare without their fold; instants tell the two 02:30 of one night apart.
        return shown == want and shown.same_instants(want)
    return shown == want


def _stamped(calendar: Component, stamp: datetime) -> Component:
    event = calendar.named("VEVENT")[0]
    stamped = event
    for name in ("DTSTAMP", "LAST-MODIFIED"):
        if event.first(name) is not None:
            stamped = stamped.with_line(name, _utc_text(stamp))
    return calendar.swapping(event, stamped)


def _utc_text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


# Comparing


def _canonical(component: Component) -> str:
    lines = sorted(
        _SCHEDULE_STATUS.sub("", line.name + line.content[len(line.name) :])
        for line in component.lines
        if line.name not in _VOLATILE
    )
    parts = sorted(_canonical(item) for item in component.components if not _is_known_zone(item))
    return "\n".join((f"BEGIN:{component.name}", *lines, *parts, f"END:{component.name}"))


def _is_known_zone(component: Component) -> bool:
    if component.name != "VTIMEZONE":
        return False
    tzid = text_of(component, "TZID").strip()
    return bool(tzid) and candidate(tzid) == tzid
