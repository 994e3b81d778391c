"""Mixed single events with fixed seeds: timed in zones, UTC, all-day, alarms, X- properties, many alphabets."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from icalendar import Timezone

_FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS: Final = 700
_ZONES: Final = ("Europe/Oslo", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
_TITLES: Final = ("Lunch with Acme", "Møte på Ås", "Projektbesprechung", "☕ coffee", "会議", "Release, part 1; part 2")
_PLACES: Final = ("Room 4", "Karl Johans gate 1, Oslo", "Teams", "大阪")
_WORDS: Final = ("agenda", "budget", "customer", "delivery", "æøå", "follow-up", "🎯", "minutes", "offer", "price")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One event as an object of its own; ``text`` has CRLF line ends."""

    uid: str
    text: str

    @property
    def href(self) -> str:
        return f"{self.uid.partition('@')[0]}.ics"


def mixed_events(count: int, *, seed: int) -> list[Sample]:
    """Make ``count`` events; the same seed gives the same ones, byte for byte."""
    chance = random.Random(seed)  # a fixed seed is the point
    zones = {name: _zone(name) for name in _ZONES}
    return [_sample(number, chance, zones) for number in range(count)]


_HEAD: Final = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calsync//benchmark//EN\r\n"


def _zone(name: str) -> str:
    found = Timezone.from_tzid(name, first_date=_FIRST.date(), last_date=(_FIRST + timedelta(_DAYS)).date())
    text: str = found.to_ical().decode()
    return text


def _sample(number: int, chance: random.Random, zones: dict[str, str]) -> Sample:
    uid = f"bench-{number:06d}@example.org"
    begin = _FIRST + timedelta(days=chance.randrange(_DAYS), minutes=15 * chance.randrange(24, 72))
    zone, times = _times(begin, chance)
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        *times,
        f"SUMMARY:{_escaped(chance.choice(_TITLES))} {number}",
        *_optional(number, chance),
        "END:VEVENT",
    ]
    event = "".join(_folded(line) for line in lines)
    return Sample(uid=uid, text=f"{_HEAD}{zones.get(zone, '')}{event}END:VCALENDAR\r\n")


def _times(begin: datetime, chance: random.Random) -> tuple[str, list[str]]:
    """Give the name of the zone, if one is used, and the lines of start and end."""
    end = begin + timedelta(minutes=15 * chance.randrange(1, 9))
    match chance.randrange(20):
        case 0 | 1 | 2:
            last = begin + timedelta(days=chance.randrange(1, 4))
            return "", [f"DTSTART;VALUE=DATE:{begin:%Y%m%d}", f"DTEND;VALUE=DATE:{last:%Y%m%d}"]
        case 3 | 4 | 5:
            return "", [f"DTSTART:{begin:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}"]
        case _:
            zone = chance.choice(_ZONES)
            return zone, [
                f"DTSTART;TZID={zone}:{begin:%Y%m%dT%H%M%S}",
                f"DTEND;TZID={zone}:{end:%Y%m%dT%H%M%S}",
            ]


def _optional(number: int, chance: random.Random) -> Iterator[str]:
    if chance.random() < 0.6:
        yield f"LOCATION:{_escaped(chance.choice(_PLACES))}"
    if chance.random() < 0.5:
        words = " ".join(chance.choice(_WORDS) for _ in range(chance.randrange(5, 80)))
        yield f"DESCRIPTION:{words}\\nline two"
    if chance.random() < 0.2:
        yield "CLASS:PRIVATE"
    if chance.random() < 0.2:
        yield "TRANSP:TRANSPARENT"
    if chance.random() < 0.3:
        yield f"X-BENCH-NUMBER;X-KIND=test:{number}"
    if chance.random() < 0.2:
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:soon", "TRIGGER:-PT15M", "END:VALARM")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")


def _folded(line: str) -> str:
    """Fold at 75 octets, never inside a character (RFC 5545 3.1)."""
    pieces, current = [], ""
    for character in line:
        if len(f"{current}{character}".encode()) > 75:
            pieces.append(current)
            current = " "
        current += character
    return "".join(f"{piece}\r\n" for piece in [*pieces, current])
