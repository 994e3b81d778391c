"""VTIMEZONE: what the rules in an object say, and the rules we send along (RFC 5545 3.6.5).

Rules are read per object and cached by their whole text, never by their name: two objects may define one name in
two ways. Only yearly rules are evaluated; anything else says nothing (so a rule for every second costs nothing).
"""

from __future__ import annotations

import calendar
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from calsync.adapters.caldav.lines import Component, UnreadableError, parse, render_component

_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONTHS: Final = 12
_BLOCKS_MAX: Final = 400
_TEXT_MAX: Final = 100_000
_YEARS: Final = 10
"""How many years of clock changes must follow one rule before it is written as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """From when on an offset holds: ``wall`` is read with the offset before it.

    ``month`` is 0 where it happens once; else it comes back yearly on one of ``days`` (of the month, 1 to 31) that is
    ``weekday`` (Monday 0; None: any), the ``nth`` of them (negative: from the last), until ``until``.
    """

    wall: datetime
    before: timedelta
    after: timedelta
    month: int = 0
    weekday: int | None = None
    nth: int = 0
    days: frozenset[int] = frozenset()
    until: datetime | None = None

    def at_or_before(self, wall: datetime) -> datetime | None:
        """The latest time not after ``wall`` at which this starts; a wall time inside a gap is before it."""
        limit = wall - max(timedelta(), self.after - self.before)
        if self.wall > limit:
            return None
        if not self.month:
            return self.wall
        for year in (limit.year, limit.year - 1):
            start = self._in_year(year)
            if start is not None and self.wall <= start <= limit:
                return start
        return self.wall

    def _in_year(self, year: int) -> datetime | None:
        day = _day(year, self.month, self.weekday, self.nth, self.days)
        if not day:
            return None
        start = self.wall.replace(year=year, month=self.month, day=day)
        return None if self.until is not None and start > self.until else start


@lru_cache(maxsize=4096)
def _day(year: int, month: int, weekday: int | None, nth: int, days: frozenset[int]) -> int:
    """The day of the month on which a yearly rule falls; 0 where there is none."""
    fits = [
        day
        for day in range(1, calendar.monthrange(year, month)[1] + 1)
        if (not days or day in days) and (weekday is None or date(year, month, day).weekday() == weekday)
    ]
    at = nth - 1 if nth > 0 else nth
    return fits[at] if -len(fits) <= at < len(fits) else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one VTIMEZONE. ``location`` is the zone it says it stands for, or empty."""

    tzid: str
    location: str
    onsets: tuple[Onset, ...]

    def offset(self, wall: datetime) -> timedelta | None:
        """The offset of a wall time; None before the first onset, where the rules say nothing.

        As everywhere a wall time in a gap has the offset before it, and one that occurs twice means the first.
        """
        begun = [(start, onset) for onset in self.onsets if (start := onset.at_or_before(wall)) is not None]
        return max(begun, key=lambda one: one[0])[1].after if begun else None

    def changes(self, year: int) -> tuple[datetime, ...]:
        """When the clock changes in that year and the next, on the clock before."""
        ends = [datetime(year + n, 12, 31) for n in (0, 1)]  # noqa: DTZ001  # wall times
        starts = {start for onset in self.onsets for end in ends if (start := onset.at_or_before(end)) is not None}
        return tuple(sorted(start for start in starts if start.year >= year))


def rules_in(calendar_: Component) -> dict[str, Rules]:
    """The rules of every VTIMEZONE of an object by TZID; one that cannot be understood is left out."""
    found = (_rules(render_component(item)) for item in calendar_.named("VTIMEZONE"))
    return {rules.tzid: rules for rules in found if rules is not None}


def vtimezone_for(zone: str, around: date) -> tuple[str, ...]:
    """The content lines of a VTIMEZONE for an IANA zone, right from the year before ``around`` on.

    A clock change that ten years in a row keep to is written as a yearly rule, any other as single dates.
    """
    return _vtimezone(zone, around.year)


# Reading


@lru_cache(maxsize=512)
def _rules(text: str) -> Rules | None:
    if len(text) > _TEXT_MAX:
        return None
    try:
        zone = next(parse(f"BEGIN:VCALENDAR\r\n{text.rstrip()}\r\nEND:VCALENDAR\r\n".encode()).calendar.components)
        blocks = list(zone.components)
        onsets = tuple(onset for block in blocks[:_BLOCKS_MAX] for onset in _onsets(block))
        tzid, location = (_value(zone, name) for name in ("TZID", "X-LIC-LOCATION"))
    except (UnreadableError, ValueError, OverflowError):
        return None
    return Rules(tzid=tzid, location=location, onsets=onsets) if onsets and tzid else None


def _value(component: Component, name: str) -> str:
    line = component.first(name)
    return line.value.strip() if line is not None else ""


def _onsets(block: Component) -> Iterator[Onset]:
    first = Onset(
        wall=_wall(_value(block, "DTSTART")),
        before=_offset(_value(block, "TZOFFSETFROM")),
        after=_offset(_value(block, "TZOFFSETTO")),
    )
    rules = block.all("RRULE")
    yield _yearly(first, rules[0].value) if rules else first
    for line in block.all("RDATE"):
        for value in line.value.split(","):
            yield Onset(wall=_wall(value), before=first.before, after=first.after)


def _yearly(first: Onset, rule: str) -> Onset:
    """The onset with its rule.

    Raises:
        ValueError: the rule is not a plain yearly one.
    """
    parts = dict(part.upper().split("=", 1) for part in rule.strip().strip(";").split(";"))
    if parts.pop("FREQ", "") != "YEARLY" or parts.pop("INTERVAL", "1") != "1":
        raise ValueError(rule)
    month = int(parts.pop("BYMONTH", first.wall.month))
    written = parts.pop("BYDAY", "")
    by_day = re.fullmatch(r"([+-]?\d)?([A-Z]{2})", written)
    days = frozenset(int(day) for day in parts.pop("BYMONTHDAY", "").split(",") if day)
    until = parts.pop("UNTIL", "")
    parts.pop("WKST", "")
    if parts or not 1 <= month <= _MONTHS or (written and by_day is None):
        raise ValueError(rule)
    return Onset(
        wall=first.wall,
        before=first.before,
        after=first.after,
        month=month,
        weekday=_DAYS.index(by_day[2]) if by_day else None,
        nth=int(by_day[1] or 1) if by_day else 1,
        days=days or (frozenset() if by_day else frozenset({first.wall.day})),
        until=_until(until, first.before) if until else None,
    )


def _until(text: str, before: timedelta) -> datetime:
    wall = _wall(text.removesuffix("Z"))
    return wall + before if text.endswith("Z") else wall


def _wall(text: str) -> datetime:
    digits = text.strip().upper().removesuffix("Z")
    return datetime.strptime(digits, "%Y%m%dT%H%M%S" if "T" in digits else "%Y%m%d")  # noqa: DTZ007  # a wall time


def _offset(text: str) -> timedelta:
    found = re.fullmatch(r"([+-]?)(\d\d):?(\d\d)(?::?(\d\d))?", text)
    if found is None:
        raise ValueError(text)
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if size >= timedelta(days=1):
        raise ValueError(text)
    return -size if found[1] == "-" else size


# Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A clock change: its wall time on the clock before it, and the kind of time that begins."""

    wall: datetime
    before: timedelta
    after: timedelta
    name: str

    @property
    def kind(self) -> tuple[timedelta, timedelta, str]:
        return self.before, self.after, self.name


@lru_cache(maxsize=512)
def _vtimezone(zone: str, year: int) -> tuple[str, ...]:
    turns = _turns(ZoneInfo(zone), year - 1)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{zone}"]
    if not turns or turns[0].wall.year >= year:
        begin = datetime(year - 1, 1, 1, tzinfo=ZoneInfo(zone))
        offset = begin.utcoffset() or timedelta()
        wall = begin.replace(tzinfo=None)
        lines += _block([_Turn(wall=wall, before=offset, after=offset, name=begin.tzname() or "")])
    kinds = sorted({turn.kind: turn.wall for turn in reversed(turns)}.items(), key=lambda one: one[1])
    for kind, _ in kinds:
        lines += _block([turn for turn in turns if turn.kind == kind])
    return (*lines, "END:VTIMEZONE")


def _turns(zone: ZoneInfo, first_year: int) -> list[_Turn]:
    step = timedelta(days=5)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    looks = [start + step * n for n in range(366 * _YEARS // 5)]
    return [
        _turn(zone, early, late)
        for early, late in itertools.pairwise(looks)
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset() and late.year < first_year + _YEARS
    ]


def _turn(zone: ZoneInfo, early: datetime, late: datetime) -> _Turn:
    before = early.astimezone(zone).utcoffset() or timedelta()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    local = late.astimezone(zone)
    return _Turn(
        wall=(late + before).replace(tzinfo=None),
        before=before,
        after=local.utcoffset() or timedelta(),
        name=local.tzname() or "",
    )


def _block(turns: Sequence[_Turn]) -> list[str]:
    first = turns[0]
    kind = "DAYLIGHT" if first.after > first.before else "STANDARD"
    rule = _rule(turns)
    dates = [] if rule else [f"RDATE:{turn.wall:%Y%m%dT%H%M%S}" for turn in turns[1:]]
    return [
        f"BEGIN:{kind}",
        f"DTSTART:{first.wall:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_offset_text(first.before)}",
        f"TZOFFSETTO:{_offset_text(first.after)}",
        *([f"RRULE:{rule}"] if rule else []),
        *dates,
        f"TZNAME:{first.name}",
        f"END:{kind}",
    ]


def _rule(turns: Sequence[_Turn]) -> str:
    """The yearly rule all of them keep to, or nothing."""
    walls = [turn.wall for turn in turns]
    alike = len({(wall.month, wall.weekday(), wall.time()) for wall in walls}) == 1
    if not alike or len(walls) < _YEARS or any(b.year - a.year != 1 for a, b in itertools.pairwise(walls)):
        return ""
    nths = {(wall.day - 1) // 7 + 1 for wall in walls}
    last = all(wall.day + 7 > calendar.monthrange(wall.year, wall.month)[1] for wall in walls)
    if not last and len(nths) > 1:
        return ""
    nth = -1 if last else nths.pop()
    return f"FREQ=YEARLY;BYMONTH={walls[0].month};BYDAY={nth}{_DAYS[walls[0].weekday()]}"


def _offset_text(offset: timedelta) -> str:
    seconds = int(abs(offset).total_seconds())
    text = f"{'-' if offset < timedelta() else '+'}{seconds // 3600:02}{seconds // 60 % 60:02}"
    return text + (f"{seconds % 60:02}" if seconds % 60 else "")
