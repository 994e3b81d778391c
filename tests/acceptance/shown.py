"""What a person sees of an event, in one form for both sides; read by nothing that calsync is made of.

The diary is read from the simulator's own records, a calendar from its texts by the `icalendar` library.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import icalendar

_BLOCK: Final = re.compile(r"<br\s*/?>|</p>|</div>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """Instants in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Days:
    """Whole days, both inclusive."""

    first: date
    last: date


When: TypeAlias = Span | Days


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One event as both sides can show it."""

    title: str
    when: When
    place: str = ""
    notes: str = ""
    private: bool = False
    busy: bool = True


def in_order(events: Iterable[Shown]) -> list[Shown]:
    """The events of one side as a list that can be compared: doubles count."""
    return sorted(events, key=repr)


def shown_record(record: Mapping[str, Any], zone: str) -> Shown:
    """A row of the simulator's database; whole days are those of the person's ``zone``."""
    start, end = record["start"], record["end"]
    when: When = Span(start=start, end=end)
    if record["all_day"]:
        place = ZoneInfo(zone)
        when = Days(first=start.astimezone(place).date(), last=end.astimezone(place).date())
    return Shown(
        title=record["title"],
        when=when,
        place=record["place"],
        notes=_plain(record["notes"]),
        private=record["private"],
        busy=record["busy"],
    )


def _plain(source: str) -> str:
    if not _TAG.search(source):
        return source.replace("\r\n", "\n")
    return html.unescape(_TAG.sub("", _BLOCK.sub("\n", source))).strip("\n")


def shown_text(text: str, zone: str) -> Shown:
    """A calendar object that holds one event; floating times are read in ``zone``."""
    event = next(iter(icalendar.Calendar.from_ical(text).walk("VEVENT")))
    start, end = event.decoded("DTSTART"), event.decoded("DTEND")
    when: When
    if isinstance(start, datetime):
        when = Span(start=_instant(start, zone), end=_instant(end, zone))
    else:
        when = Days(first=start, last=end - timedelta(days=1))
    return Shown(
        title=str(event.get("SUMMARY", "")),
        when=when,
        place=str(event.get("LOCATION", "")),
        notes=str(event.get("DESCRIPTION", "")),
        private=str(event.get("CLASS", "PUBLIC")) != "PUBLIC",
        busy=str(event.get("TRANSP", "OPAQUE")) != "TRANSPARENT",
    )


def _instant(moment: datetime, zone: str) -> datetime:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    return aware.astimezone(UTC)
