"""Settling a pending write: its outcome is unknown, a direct look-up tells what became of it.

What is found is judged field by field: as sent - ours, and now that side's base; as the old base - it did not
arrive; anything else - somebody's edit upon what was sent. A pending write explains a difference on the side it was
sent to, never on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from calsync.core.ends import End
from calsync.core.event import Event
from calsync.core.lens import Lens
from calsync.core.link import Hold, Link, Pending, Write
from calsync.core.merge import with_fields
from calsync.core.observation import Aside, Look, Seen, Unclear
from calsync.core.proof import Gone
from calsync.core.refs import NO_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The write's outcome is known; the link is planned anew upon a fresh look at both sides."""

    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """The pending delete arrived: the link is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillOpen:
    """It cannot be told yet: the link is left alone and looked at again."""

    link: Link


Settlement: TypeAlias = Settled | Deleted | StillOpen


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an unanswered create may still arrive late, where the server does not enforce keys."""

    now: datetime
    settle_s: float
    enforces_keys: bool


def settle(link: Link, end: End, look: Look | None, lens: Lens, patience: Patience) -> Settlement:
    """Judge what the direct look-up of the pending write at ``end`` found (None: a create that is not there)."""
    pending = link.pending[end]
    if pending is None:
        return Settled(link=link)
    cleared = link.with_pending(end, None)
    match look:
        case Unclear():
            return StillOpen(link=link)
        case None:
            return _not_there(link, cleared, end, pending, patience)
        case Gone():
            return Deleted() if pending.write is Write.DELETE else Settled(link=cleared)
        case Aside():
            return Settled(link=cleared)
        case Seen():
            settled = cleared.with_base(end, _base_of(link, end, pending, look, lens))
            return Settled(link=_as_made(settled, pending) if pending.write is Write.CREATE else settled)


def _as_made(link: Link, pending: Pending) -> Link:
    """The copy was found: as after an answer, the next one is another generation and this one is young."""
    return replace(link, generation=pending.generation, made_at=pending.at, hold=Hold.NONE)


def _not_there(link: Link, cleared: Link, end: End, pending: Pending, patience: Patience) -> Settlement:
    """A create that is not found: sent again at once where the server enforces keys, else looked up twice."""
    late = patience.now - pending.at >= timedelta(seconds=patience.settle_s)
    if patience.enforces_keys or (late and pending.attempts >= 1):
        return Settled(link=cleared)
    return StillOpen(link=link.with_pending(end, replace(pending, attempts=pending.attempts + (1 if late else 0))))


def _base_of(link: Link, end: End, pending: Pending, seen: Seen, lens: Lens) -> Seen | None:
    old = link.base[end]
    if pending.sent is None:
        return old
    rounded = lens.show(pending.sent)
    if pending.write is Write.CREATE:
        event = rounded
    elif old is None:
        event = seen.event
    else:
        event = _judged(old.event, seen.event, rounded, pending)
    return seen if event == seen.event else replace(seen, event=event, version=NO_VERSION)


def _judged(old: Event, now: Event, sent: Event, pending: Pending) -> Event:
    arrived = frozenset(part for part in pending.fields if getattr(now, part.value) != getattr(old, part.value))
    return with_fields(old, sent, arrived)
