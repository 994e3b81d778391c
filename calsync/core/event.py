"""An event as both systems understand it, in one normal form."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from calsync.core.errors import InvalidEventError
from calsync.core.series import Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timed:
    """A time span on the wall clock of ``zone`` (an IANA name); ``start`` and ``end`` are naive.

    The wall clock is the truth and instants are derived, so a changed time zone rule moves the instant and not
    the clock. In a repeated hour ``fold`` tells the two apart (RFC 5545 knows the first only).
    """

    start: datetime
    end: datetime
    zone: str

    def __post_init__(self) -> None:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise InvalidEventError("start and end are wall times and carry no zone of their own")
        if self.end_utc < self.start_utc:
            raise InvalidEventError(f"the end {self.end} is before the start {self.start}")

    def __eq__(self, other: object) -> bool:
        """The same wall times in the same zone; in a repeated hour the same one of the two."""
        if not isinstance(other, Timed):
            return NotImplemented
        same_walls = (self.start, self.end, self.zone) == (other.start, other.end, other.zone)
        return same_walls and (self._folds == other._folds or self.same_instants(other))

    def __hash__(self) -> int:
        return hash((self.start, self.end, self.zone))

    @property
    def _folds(self) -> tuple[int, int]:
        return self.start.fold, self.end.fold

    @property
    def start_utc(self) -> datetime:
        return _utc(self.start, self.zone)

    @property
    def end_utc(self) -> datetime:
        return _utc(self.end, self.zone)

    def in_zone(self, zone: str) -> Timed:
        """The same instants on the wall clock of another zone."""
        if zone == self.zone:
            return self
        return timed_from_utc(self.start_utc, self.end_utc, zone)

    def same_instants(self, other: Timed) -> bool:
        return (self.start_utc, self.end_utc) == (other.start_utc, other.end_utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllDay:
    """Whole days, ``first`` to ``last`` inclusive: dates, never instants."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidEventError(f"the last day {self.last} is before the first day {self.first}")


When: TypeAlias = Timed | AllDay


def _utc(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def timed_from_utc(start: datetime, end: datetime, zone: str) -> Timed:
    """The span between two aware instants on the wall clock of ``zone``."""
    place = ZoneInfo(zone)
    return Timed(
        start=start.astimezone(place).replace(tzinfo=None),
        end=end.astimezone(place).replace(tzinfo=None),
        zone=zone,
    )


def span_utc(when: When, zone: str) -> tuple[datetime, datetime]:
    """First and last instant of ``when``; whole days are read in ``zone``."""
    match when:
        case Timed():
            return when.start_utc, when.end_utc
        case AllDay():
            start = datetime.combine(when.first, time())
            end = datetime.combine(when.last + timedelta(days=1), time())
            return _utc(start, zone), _utc(end, zone)


class Privacy(Enum):
    """Who may see the details; a stricter value is a later member."""

    PUBLIC = "public"
    PRIVATE = "private"


class Busy(Enum):
    """How the time is shown to others."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    AWAY = "away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in a meeting; ``email`` is lower case."""

    email: str
    name: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who calls a meeting and who is asked to come."""

    organizer: Person | None = None
    attendees: tuple[Person, ...] = ()


class Field(Enum):
    """A part of an event that is merged, compared and reported by itself; the value is the attribute's name."""

    TITLE = "title"
    WHEN = "when"
    PLACE = "place"
    NOTES = "notes"
    PRIVACY = "privacy"
    BUSY = "busy"
    REMINDER = "reminder"
    CATEGORIES = "categories"
    ONLINE_MEETING = "online_meeting"
    PEOPLE = "people"
    SERIES = "series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    r"""What calsync knows of an event. Texts are normalised where the value is made.

    ``title`` and ``place`` are one line; ``notes`` is plain text with ``\\n`` line ends. ``reminder``
    is minutes before the start. ``series`` is None for a single event.
    """

    title: str
    when: When
    place: str = ""
    notes: str = ""
    privacy: Privacy = Privacy.PUBLIC
    busy: Busy = Busy.BUSY
    reminder: int | None = None
    categories: tuple[str, ...] = ()
    online_meeting: str = ""
    people: People = field(default_factory=People)
    series: Series | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title))
        object.__setattr__(self, "place", one_line(self.place))
        object.__setattr__(self, "notes", plain_text(self.notes))
        object.__setattr__(self, "categories", tuple(sorted({one_line(name) for name in self.categories} - {""})))


# C0 and C1 control characters except tab and line feed, line and paragraph separators, lone surrogates, non-characters.
_UNWANTED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_LINE_END: Final = re.compile("\r\n|\r|\x85|\u2028|\u2029")
_SPACES: Final = re.compile("[ \t\n]+")


def plain_text(text: str) -> str:
    r"""Text that every system can hold: NFC, ``\n`` line ends, no control characters, no blanks at line ends."""
    if text.isascii() and text.isprintable():
        return text.rstrip(" ")
    text = _UNWANTED.sub("", _LINE_END.sub("\n", text))
    lines = unicodedata.normalize("NFC", text).split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines).strip("\n")


def one_line(text: str) -> str:
    """As `plain_text`, with runs of blanks and line ends made one blank."""
    plain = plain_text(text)
    return plain if plain.isalnum() else _SPACES.sub(" ", plain).strip(" ")
