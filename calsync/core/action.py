"""What a plan is made of. Every decision says why, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.grid import Rule
from calsync.core.link import Link
from calsync.core.match import How
from calsync.core.merge import Clash
from calsync.core.observation import Look, Seen
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a copy of ``original`` at ``at`` under ``key``."""

    at: End
    original: Seen
    event: Event
    key: Key
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Write ``fields`` of ``want`` at ``at``, on the condition that the side still shows ``now``."""

    at: End
    now: Seen
    want: Event
    fields: frozenset[Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete the copy at ``at``, because its counterpart is proven gone: without a proof there is no such action."""

    at: End
    now: Seen
    proof: Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Tie two events together that were found on both sides."""

    how: How


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Nothing to write: what both sides show now is the new base (except for fields that wait)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Untie the link; nothing is written anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Leave it alone until somebody decides or it changes."""

    at: End
    reason: Reason


Writing: TypeAlias = Create | Update | Delete
Action: TypeAlias = Writing | Adopt | Refresh | Forget | Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything decided about one linked event (or one that a Create or Adopt is about to link).

    ``now`` is what each side showed when it was decided. ``clashes`` go to the conflict log together with the
    writes. ``edit_won`` is the side whose edit beat a deletion. ``waiting`` fields keep their bases. ``granted`` and
    ``superseded`` are wishes that this decision fulfils or that no longer apply; ``agreed`` are open conflicts whose
    two values became one.
    """

    rule: Rule
    link: Link
    now: Ends[Look | None]
    actions: tuple[Action, ...]
    clashes: tuple[Clash, ...] = ()
    edit_won: End | None = None
    waiting: frozenset[Field] = frozenset()
    granted: frozenset[Field] = frozenset()
    superseded: frozenset[Field] = frozenset()
    agreed: frozenset[Field] = frozenset()
    masked: bool = False

    @property
    def writes(self) -> tuple[Writing, ...]:
        return tuple(action for action in self.actions if isinstance(action, Create | Update | Delete))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """An unlinked event that is not copied, and why."""

    end: End
    seen: Seen
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is going to do. A value: the preview shows it, the guard judges it, `engine.apply` carries it out."""

    decisions: tuple[Decision, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
