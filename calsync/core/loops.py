"""The loop breaker: notices that we write one object again and again without anybody editing it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.link import Link

_DAY: Final = timedelta(days=1)
_PAST_MAX: Final = 8
_WRITES_MAX: Final = 50


def content_hash(event: Event) -> str:
    """A short name for everything an event says."""
    said = repr([getattr(event, part.value) for part in Field])
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def remembered(past: tuple[str, ...], event: Event) -> tuple[str, ...]:
    """``past`` with what the side shows now."""
    name = content_hash(event)
    return (*(old for old in past if old != name), name)[-_PAST_MAX:]


def is_users_edit(link: Link, now: Ends[Event]) -> bool:
    """Whether somebody edited: a side shows something that it did not show lately.

    A server that rewrites what we write, or two synchronisers correcting each other, come back to old values.
    """
    changed = [end for end in End if (base := link.base[end]) is None or base.event != now[end]]
    return not changed or any(content_hash(now[end]) not in link.past[end] for end in changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """More than ``writes`` of ours to one object within ``period``, or ``daily`` within a day, trip it."""

    writes: int = 3
    period: timedelta = timedelta(seconds=600)
    daily: int = 6

    def is_tripped(self, link: Link, at: End, now: Ends[Event], time: datetime) -> bool:
        """Whether one more write to ``at`` would be one too many."""
        if is_users_edit(link, now):
            return False
        recent = [written for written in link.writes[at] if written > time - self.period]
        today = [written for written in link.writes[at] if written > time - _DAY]
        return len(recent) >= self.writes or len(today) >= self.daily


def with_write(link: Link, at: End, time: datetime) -> tuple[datetime, ...]:
    """The write times of one end with another write."""
    return (*(written for written in link.writes[at] if written > time - _DAY), time)[-_WRITES_MAX:]
