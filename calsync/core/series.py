"""A repeating event: a rule, extra dates, and what differs at single occurrences.

The shape is complete; adapters fill it in when series are synchronised. Until then an event that has one is set
aside (`Reason.SERIES`), never flattened and never deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from calsync.core.event import Event

OriginalStart: TypeAlias = datetime | date
"""The start an occurrence has by the rule: a wall time in the series' zone, or a date for whole days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """An occurrence that does not take place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An occurrence that differs from the others; ``event`` is complete and inherits nothing."""

    event: Event


Difference: TypeAlias = Cancelled | Override


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``rule`` is an RRULE value (RFC 5545 3.3.10) or empty; ``extra`` are further starts (RDATE)."""

    rule: str = ""
    extra: tuple[OriginalStart, ...] = ()
    exceptions: Mapping[OriginalStart, Difference] = field(default_factory=dict)
