"""Start and end of a VEVENT: reading every form in use, and writing in the form the object has (caldav.md 3.2).

Rules where the text is wrong or leaves a choice:

- DTEND wins over DURATION; neither means no length (a date: one day).
- An end before the start means no length (a date: one day); so does an end inside a gap of the clock.
- The type of DTSTART decides: a DTEND that is a date means the midnight of that day; one that is a time on an
  all-day event means its day, which counts unless the time is midnight.
- ``DURATION:P1D`` is a day on the clock, ``PT24H`` is 24 hours.
- Floating times are read in the calendar's zone, else the person's.
- iCalendar cannot say "the second 02:30" of a night with two. Such a time is written in UTC, and the zone it is
  shown in stands in ``X-CALSYNC-ZONE``, which counts for UTC times only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from calsync.adapters.caldav.lines import Component, Line, UnreadableError, make_line, new_component, parse
from calsync.adapters.caldav.vtimezone import Rules, rules_in, vtimezone_for
from calsync.adapters.caldav.zones import candidate, zone_of
from calsync.core.errors import RefusedError
from calsync.core.event import AllDay, Timed, When
from calsync.core.reason import Reason

YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2200
ZONE_PROPERTY: Final = "X-CALSYNC-ZONE"
_ALL_DAY_FLAG: Final = "X-MICROSOFT-CDO-ALLDAYEVENT"
_SHOWN_MAX: Final = 60

_MOMENT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?")
_DURATION: Final = re.compile(
    r"([+-]?)P(?=[\dT])(?:(\d{1,5})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?"
)
_DAY: Final = timedelta(days=1)


class _Kind(Enum):
    DATE = "date"
    FLOATING = "floating"
    UTC = "utc"
    ZONED = "zoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A DTSTART or DTEND as written; a date stands at midnight."""

    kind: _Kind
    wall: datetime
    tzid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """Days on the clock, then exact time; both carry the sign."""

    days: int
    exact: timedelta

    @property
    def total(self) -> timedelta:
        return timedelta(days=self.days) + self.exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an event takes place; ``floating`` where its text names no zone."""

    when: When
    floating: bool = False


def read_timing(calendar: Component, event: Component, *, floating_zone: str) -> Timing:
    """When the event takes place.

    Raises:
        UnreadableError: no start, no valid value, outside the years 1900 to 2200, or (reason ``time_zone``) a zone
            that nothing tells.
    """
    line = event.first("DTSTART")
    if line is None:
        raise UnreadableError("it has no start")
    start = _moment(line)
    try:
        if start.kind is _Kind.DATE:
            timing = Timing(when=_read_days(event, start.wall.date()))
        else:
            timing = _read_times(event, start, rules_in(calendar), floating_zone)
        check_years(timing.when)
    except (OverflowError, RefusedError) as error:
        raise UnreadableError("its end is beyond the years that can be handled") from error
    return timing


def set_when(calendar: Component, event: Component, want: When, *, floating_zone: str) -> Component:
    """The calendar with the times of that event set, in the object's own form where that can say it.

    A floating time stays floating and a TZID stays as spelled where they mean the wanted zone; else it becomes UTC
    or an IANA TZID, whose VTIMEZONE is then defined in the object. DURATION gives way to DTEND.
    """
    check_years(want)
    match want:
        case AllDay():
            return calendar.swapping(event, _with_days(event, want))
        case Timed():
            form = _form(event, want, rules_in(calendar), floating_zone)
            return _defining(calendar.swapping(event, _with_times(event, want, form)), want, form)


def check_years(when: When) -> None:
    """Refuse years outside 1900 to 2200: sentinels of some program, and beyond what every system can hold."""
    ends = (when.first, when.last) if isinstance(when, AllDay) else (when.start, when.end)
    if not all(YEAR_MIN <= day.year <= YEAR_MAX for day in ends):
        raise RefusedError(f"it lies outside the years {YEAR_MIN} to {YEAR_MAX}")


def read_duration(text: str) -> Duration | None:
    found = _DURATION.fullmatch(text.strip().upper())
    if found is None:
        return None
    sign = -1 if found[1] == "-" else 1
    weeks, days, hours, minutes, seconds = (int(part or 0) * sign for part in found.groups()[1:])
    return Duration(days=weeks * 7 + days, exact=timedelta(hours=hours, minutes=minutes, seconds=seconds))


# Reading


def _moment(line: Line) -> _Moment:
    found = _MOMENT.fullmatch(line.value.strip().upper())
    if found is None:
        raise UnreadableError(f"{line.name} is no date or time")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        # RFC 5545 3.3.12: a leap second is written as 60; no clock here has one.
        wall = datetime(year, month, day, hour, minute, min(second, 59))  # noqa: DTZ001  # a wall time
    except ValueError as error:
        raise UnreadableError(f"{line.name} is no date or time") from error
    if not YEAR_MIN <= wall.year <= YEAR_MAX:
        raise UnreadableError(f"{line.name} is outside the years {YEAR_MIN} to {YEAR_MAX}")
    params = line.params
    if found[4] is None or "DATE" in {value.upper() for value in params.get("VALUE", ())}:
        return _Moment(kind=_Kind.DATE, wall=datetime.combine(wall, time()))
    if found[7]:
        return _Moment(kind=_Kind.UTC, wall=wall)
    if "TZID" in params:
        return _Moment(kind=_Kind.ZONED, wall=wall, tzid="".join(params["TZID"][:1]))
    return _Moment(kind=_Kind.FLOATING, wall=wall)


def _duration(event: Component) -> Duration | None:
    line = event.first("DURATION")
    if line is None:
        return None
    duration = read_duration(line.value)
    if duration is None:
        raise UnreadableError("DURATION is no length of time")
    return duration


def _read_days(event: Component, first: date) -> AllDay:
    line = event.first("DTEND")
    if line is not None:
        end = _moment(line)
        # RFC 5545 3.6.1: DTEND is the first day after the event.
        last = end.wall.date() - (_DAY if end.wall.time() == time() else timedelta())
    else:
        duration = _duration(event)
        last = first + (duration.total if duration is not None else _DAY) - _DAY
    return AllDay(first=first, last=max(first, last))


def _read_times(event: Component, start: _Moment, rules: Mapping[str, Rules], floating_zone: str) -> Timing:
    line = event.first("DTEND")
    end = _moment(line) if line is not None else None
    walls = [start.wall, end.wall] if end is not None and end.tzid == start.tzid else [start.wall]
    zone = _zone(start, walls, rules, floating_zone)
    shown = _shown_zone(event, start, zone)
    first = _moved(start.wall, zone, shown)
    if end is not None:
        last = _moved(end.wall, _end_zone(end, start, zone, rules, floating_zone), shown)
    else:
        last = _wall(_after(start.wall, zone, _duration(event)), shown)
    if _instant(last, shown) < _instant(first, shown):
        last = first
    when = Timed(start=first, end=last, zone=shown)
    days = _flagged_days(event, when, [zone, floating_zone] if start.kind is _Kind.UTC else [zone])
    return Timing(when=days or when, floating=start.kind is _Kind.FLOATING)


def _zone(moment: _Moment, walls: Sequence[datetime], rules: Mapping[str, Rules], floating_zone: str) -> str:
    match moment.kind:
        case _Kind.UTC:
            return "UTC"
        case _Kind.FLOATING | _Kind.DATE:
            return floating_zone
        case _Kind.ZONED:
            zone = zone_of(moment.tzid, walls, rules.get(moment.tzid), likely=floating_zone)
            if zone is None:
                shown = moment.tzid[:_SHOWN_MAX]
                raise UnreadableError(f"nothing tells what time zone {shown!r} is", reason=Reason.TIME_ZONE)
            return zone


def _end_zone(end: _Moment, start: _Moment, zone: str, rules: Mapping[str, Rules], floating_zone: str) -> str:
    if end.kind is _Kind.DATE or (start.kind is not _Kind.UTC and end.kind is _Kind.FLOATING):
        return zone
    if end.kind is _Kind.ZONED and end.tzid == start.tzid:
        return zone
    return _zone(end, [end.wall], rules, floating_zone)


def _after(start: datetime, zone: str, duration: Duration | None) -> datetime:
    if duration is None:
        return _instant(start, zone)
    return _instant(start + timedelta(days=duration.days), zone) + duration.exact


def _shown_zone(event: Component, start: _Moment, zone: str) -> str:
    note = event.first(ZONE_PROPERTY)
    if start.kind is not _Kind.UTC or note is None:
        return zone
    return candidate(note.value) or zone


def _flagged_days(event: Component, when: Timed, zones: Sequence[str]) -> AllDay | None:
    """Outlook's all-day: from midnight to midnight, and a flag."""
    flag = event.first(_ALL_DAY_FLAG)
    if flag is None or flag.value.strip().upper() != "TRUE":
        return None
    for zone in zones:
        there = when.in_zone(zone)
        if there.start.time() == there.end.time() == time() and there.start < there.end:
            return AllDay(first=there.start.date(), last=there.end.date() - _DAY)
    return None


def _instant(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _wall(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _moved(wall: datetime, zone: str, shown: str) -> datetime:
    """A wall time on the clock of another zone; as it was written where that is the same, even in a gap."""
    return wall if zone == shown else _wall(_instant(wall, zone), shown)


# Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How times are written; ``define`` where the object must say what its TZID means."""

    kind: _Kind
    tzid: str = ""
    define: bool = False


def _form(event: Component, want: Timed, rules: Mapping[str, Rules], floating_zone: str) -> _Form:
    line = event.first("DTSTART")
    now = _moment(line) if line is not None else None
    if _is_second(want.start, want.zone) or _is_second(want.end, want.zone):
        return _Form(kind=_Kind.UTC)
    if now is not None and now.kind is _Kind.FLOATING and want.zone == floating_zone:
        return _Form(kind=_Kind.FLOATING)
    if now is not None and now.kind is _Kind.ZONED and _means(now.tzid, want, rules.get(now.tzid), floating_zone):
        return _Form(kind=_Kind.ZONED, tzid=now.tzid)
    if want.zone == "UTC":
        return _Form(kind=_Kind.UTC)
    return _Form(kind=_Kind.ZONED, tzid=want.zone, define=True)


def _is_second(wall: datetime, zone: str) -> bool:
    """Whether the wall time means something else than its first occurrence."""
    return bool(wall.fold) and _instant(wall, zone) != _instant(wall.replace(fold=0), zone)


def _means(tzid: str, want: Timed, rules: Rules | None, likely: str = "") -> bool:
    """Whether the object's TZID says the wanted zone at the wanted times."""
    walls = [want.start, want.end]
    if rules is not None and any(rules.offset(wall) is None for wall in walls):
        return False
    return zone_of(tzid, walls, rules, likely=likely) == want.zone


def _with_days(event: Component, want: AllDay) -> Component:
    event = _with_moment(event, "DTSTART", f"{want.first:%Y%m%d}", {"VALUE": ("DATE",)})
    event = _with_moment(event, "DTEND", f"{want.last + _DAY:%Y%m%d}", {"VALUE": ("DATE",)})
    return _flagging(event.without(ZONE_PROPERTY), "TRUE")


def _with_times(event: Component, want: Timed, form: _Form) -> Component:
    params = {"TZID": (form.tzid,)} if form.tzid else {}
    for name, wall in (("DTSTART", want.start), ("DTEND", want.end)):
        at = _instant(wall, want.zone) if form.kind is _Kind.UTC else wall
        event = _with_moment(event, name, f"{at:%Y%m%dT%H%M%S}{'Z' if form.kind is _Kind.UTC else ''}", params)
    event = _flagging(event, "FALSE")
    if form.kind is _Kind.UTC and want.zone != "UTC":
        return event.with_line(ZONE_PROPERTY, want.zone)
    return event.without(ZONE_PROPERTY)


def _with_moment(event: Component, name: str, value: str, params: Mapping[str, tuple[str, ...]]) -> Component:
    """The event with that moment; parameters we do not know stay, and an equal line stays as it is."""
    old = event.first(name)
    if old is not None:
        said = {key: values for key, values in old.params.items() if key in {"VALUE", "TZID"}}
        if old.value == value and said == params:
            return event.without("DURATION") if name == "DTEND" else event
        params = {**params, **{key: values for key, values in old.params.items() if key not in {"VALUE", "TZID"}}}
    length = event.first("DURATION")
    if name == "DTEND" and old is None and length is not None:
        event = event.swapping(length, make_line(name, value, params, eol=event.eol))
    else:
        event = event.with_line(name, value, params)
    return event.without("DURATION") if name == "DTEND" else event


def _flagging(event: Component, value: str) -> Component:
    flag = event.first(_ALL_DAY_FLAG)
    if flag is None or flag.value.strip().upper() == value:
        return event
    return event.with_line(_ALL_DAY_FLAG, value)


def _defining(calendar: Component, want: Timed, form: _Form) -> Component:
    """The calendar with a VTIMEZONE for the TZID that the form uses, right for the wanted times."""
    if form.kind is not _Kind.ZONED:
        return calendar
    old = next((zone for zone in calendar.named("VTIMEZONE") if _tzid(zone) == form.tzid), None)
    if old is not None and (not form.define or _means(form.tzid, want, rules_in(calendar).get(form.tzid))):
        return calendar
    if candidate(form.tzid) != form.tzid:
        return calendar
    new = _vtimezone(form.tzid, want.start.year, calendar.eol)
    if old is not None:
        return calendar.swapping(old, new)
    at = next(n for n, item in enumerate(calendar.items) if isinstance(item, Component) and item.name == "VEVENT")
    return calendar._replace(items=(*calendar.items[:at], new, *calendar.items[at:]))


def _tzid(zone: Component) -> str:
    line = zone.first("TZID")
    return line.value.strip() if line is not None else ""


@lru_cache(maxsize=512)
def _vtimezone(zone: str, year: int, eol: str) -> Component:
    text = eol.join(vtimezone_for(zone, date(year, 1, 1)))
    wrapped = new_component("VCALENDAR", (), eol=eol)
    return next(parse(f"{wrapped.begin}{text}{eol}{wrapped.end}".encode()).calendar.components)
