"""What the people of a pair have chosen. Every default is the design's; the winners are a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from calsync.core.ends import End
from calsync.core.event import Field, When, span_utc


class Direction(Enum):
    """Which way edits go."""

    BOTH = "both"
    TO_CALENDAR = "to-calendar"
    TO_CRM = "to-crm"

    def writes(self, end: End) -> bool:
        """Whether this pair may write at ``end``."""
        match self:
            case Direction.BOTH:
                return True
            case Direction.TO_CALENDAR:
                return end is End.CALENDAR
            case Direction.TO_CRM:
                return end is End.CRM


class Winner(Enum):
    """Who decides when both sides changed one field differently."""

    CRM = "crm"
    CALENDAR = "calendar"
    BIRTH = "birth"
    """The side where the event was born (matched events count as born in SuperOffice)."""
    STRICTER = "stricter"
    ASK = "ask"


class PrivacyLevel(Enum):
    """How much of an event leaves its own side."""

    FULL = "full"
    BUSY = "busy"
    SKIP_PRIVATE = "skip-private"


DEFAULT_WINNERS: Final[Mapping[Field, Winner]] = {
    Field.TITLE: Winner.BIRTH,
    Field.WHEN: Winner.BIRTH,
    Field.PLACE: Winner.BIRTH,
    Field.NOTES: Winner.BIRTH,
    Field.CATEGORIES: Winner.BIRTH,
    Field.ONLINE_MEETING: Winner.BIRTH,
    Field.BUSY: Winner.CALENDAR,
    Field.REMINDER: Winner.CALENDAR,
    Field.PRIVACY: Winner.STRICTER,
    Field.PEOPLE: Winner.BIRTH,
    Field.SERIES: Winner.BIRTH,
}
"""Printed into ``docs/sync-rules.md``; complete by test."""

CARRIED: Final = frozenset({Field.TITLE, Field.WHEN, Field.PLACE, Field.NOTES, Field.PRIVACY, Field.BUSY})
"""The fields that every pair carries. Reminders are carried where the policy says *mapped*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One pair's rules. ``wins`` overrides `DEFAULT_WINNERS`; windows are days from today.

    ``time_zone`` is the person's zone; empty means the associate's, else the tenant's.
    """

    direction: Direction = Direction.BOTH
    wins: Mapping[Field, Winner] = field(default_factory=dict)
    privacy: PrivacyLevel = PrivacyLevel.FULL
    reminders_mapped: bool = False
    time_zone: str = ""
    window_past_days: int = 30
    window_future_days: int = 365
    held_min: int = 10
    held_share: float = 0.2

    @property
    def carried(self) -> frozenset[Field]:
        return CARRIED | {Field.REMINDER} if self.reminders_mapped else CARRIED

    def winner(self, of: Field) -> Winner:
        return self.wins.get(of, DEFAULT_WINNERS[of])


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days that are kept in sync: instants, ``start`` inclusive, ``end`` exclusive; whole days read in ``zone``."""

    start: datetime
    end: datetime
    zone: str

    def holds(self, when: When) -> bool:
        """Whether any part of ``when`` lies inside (a moment without length counts where it is)."""
        first, last = span_utc(when, self.zone)
        return first < self.end and (last > self.start or first == last >= self.start)


def window_of(policy: Policy, now: datetime, zone: str) -> Window:
    return Window(
        start=now - timedelta(days=policy.window_past_days),
        end=now + timedelta(days=policy.window_future_days),
        zone=zone,
    )
