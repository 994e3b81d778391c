"""Values for tests: simple ones with defaults, and hypothesis strategies for all of them."""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from calsync.core.event import AllDay, Busy, Event, Privacy, Timed, When, timed_from_utc

OSLO: Final = "Europe/Oslo"

ZONES: Final = (
    "UTC",
    "Europe/Oslo",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Asia/Jerusalem",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
)
"""North and south, no daylight saving, half hours, irregular rules, both edges of the day."""


def timed(start: str = "2026-07-01 10:00", *, minutes: int = 60, zone: str = OSLO) -> Timed:
    """``start`` on the wall clock of ``zone``; the end ``minutes`` later on the same clock."""
    begin = datetime.fromisoformat(start)
    return Timed(start=begin, end=begin + timedelta(minutes=minutes), zone=zone)


def all_day(first: str = "2026-07-01", *, days: int = 1) -> AllDay:
    begin = date.fromisoformat(first)
    return AllDay(first=begin, last=begin + timedelta(days=days - 1))


def event(
    title: str = "Lunch",
    when: When | None = None,
    *,
    place: str = "",
    notes: str = "",
    privacy: Privacy = Privacy.PUBLIC,
    busy: Busy = Busy.BUSY,
    reminder: int | None = None,
    categories: tuple[str, ...] = (),
) -> Event:
    return Event(
        title=title,
        when=timed() if when is None else when,
        place=place,
        notes=notes,
        privacy=privacy,
        busy=busy,
        reminder=reminder,
        categories=categories,
    )


_TRICKY: Final = (
    "👩‍👩‍👧 café",
    "first\r\nsecond\rthird\u2028fourth",
    "END:VEVENT\nBEGIN:VTODO",
    'C:\\temp\\new; a, b: "c" ^n',
    "æøå " * 40,
    "trailing blanks   \n\n",
    "\ufeffmark \x00 \x07",
)


def texts(*, max_size: int = 200) -> st.SearchStrategy[str]:
    """Any text a person could paste, awkward ones often."""
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)
    return st.one_of(st.sampled_from(_TRICKY), anything)


def zones() -> st.SearchStrategy[str]:
    return st.sampled_from(ZONES)


def _instants(first_year: int, last_year: int) -> st.SearchStrategy[datetime]:
    seconds = st.integers(
        int(datetime(first_year, 1, 2, tzinfo=UTC).timestamp()),
        int(datetime(last_year, 12, 30, tzinfo=UTC).timestamp()),
    )
    return seconds.map(lambda second: datetime.fromtimestamp(second, UTC))


@functools.cache
def turns_of(zone: str) -> tuple[datetime, ...]:
    """The instants, to the hour, at which the clock of ``zone`` is put forward or back, 2024 to 2027."""
    place = ZoneInfo(zone)
    hours = (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(4 * 365 * 24))
    return tuple(
        after
        for before, after in itertools.pairwise(hours)
        if before.astimezone(place).utcoffset() != after.astimezone(place).utcoffset()
    )


@st.composite
def timeds(draw: st.DrawFn, *, first_year: int = 1990, last_year: int = 2100) -> Timed:
    """Spans of 0 seconds to 3 days, whole seconds, in any zone; every fourth one near a clock change."""
    zone = draw(zones())
    turns = turns_of(zone)
    if turns and draw(st.integers(0, 3)) == 0:
        start = draw(st.sampled_from(turns)) + timedelta(minutes=draw(st.integers(-180, 180)))
    else:
        start = draw(_instants(first_year, last_year))
    length = timedelta(seconds=draw(st.one_of(st.sampled_from((0, 1800, 3600)), st.integers(0, 3 * 86400))))
    return timed_from_utc(start, start + length, zone)


@st.composite
def all_days(draw: st.DrawFn, *, first_year: int = 1990, last_year: int = 2100) -> AllDay:
    first = draw(st.dates(date(first_year, 1, 1), date(last_year, 12, 1)))
    return AllDay(first=first, last=first + timedelta(days=draw(st.integers(0, 20))))


def whens() -> st.SearchStrategy[When]:
    return st.one_of(timeds(), all_days())


def events() -> st.SearchStrategy[Event]:
    """Single events without other people."""
    return st.builds(
        Event,
        title=texts(),
        when=whens(),
        place=texts(max_size=60),
        notes=texts(max_size=400),
        privacy=st.sampled_from(Privacy),
        busy=st.sampled_from(Busy),
        reminder=st.one_of(st.none(), st.integers(0, 40320)),
        categories=st.lists(texts(max_size=20), max_size=3).map(tuple),
    )
