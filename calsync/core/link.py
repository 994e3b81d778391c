"""A link: one event known on both sides, and everything we remember of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.observation import Seen
from calsync.core.refs import NO_VERSION, ConflictId, Key, LinkId, Ref, Version


class Write(Enum):
    """What a pending write does at its side."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A write that was committed before its request left and whose outcome is not stored yet.

    ``sent`` is the event as it was meant to be at that side, ``fields`` the ones sent (all for a create),
    ``expected`` the version it was made upon, ``key`` the key of a create. It is settled by a direct look-up
    before its link is planned again. ``attempts`` counts look-ups of an unanswered create.
    """

    write: Write
    at: datetime
    sent: Event | None = None
    fields: frozenset[Field] = frozenset()
    ref: Ref | None = None
    expected: Version = NO_VERSION
    key: Key | None = None
    generation: int = 1
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """*Use the other*: a value a person chose over the one that won, not yet shown by both sides.

    It applies only while both sides still show what they showed when it was chosen (``upon``).
    """

    conflict: ConflictId
    value: Any
    upon: Ends[Any]
    by: str


class Hold(Enum):
    """What was decided of a delete that the guard held."""

    NONE = "none"
    HELD = "held"
    APPROVED = "approved"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One event on both sides.

    ``base`` is what each side showed when both last agreed; None at an end where there is nothing (a create that is
    pending, or a copy that vanished). ``born`` is the side of the original. ``generation`` counts re-creations.
    ``writes`` are the times of our recent writes per end with no user's edit between and ``past`` the hashes of what
    each side showed earlier (the loop breaker reads both). ``made_at`` is when its copy was last created.
    ``waiting`` are fields whose base deliberately lags behind what the sides show (an open `ask`, a one-way pair):
    such a link is planned only upon a fresh look at both sides. ``masked``: its copy was stripped of details.
    ``dormant``: out of scope, kept and not written.
    """

    id: LinkId
    base: Ends[Seen | None]
    born: End
    generation: int = 1
    pending: Ends[Pending | None] = Ends(None, None)  # noqa: RUF009  # an immutable value
    wishes: Mapping[Field, Wish] = field(default_factory=dict)
    hold: Hold = Hold.NONE
    dormant: bool = False
    waiting: frozenset[Field] = frozenset()
    masked: bool = False
    writes: Ends[tuple[datetime, ...]] = Ends((), ())  # noqa: RUF009  # an immutable value
    past: Ends[tuple[str, ...]] = Ends((), ())  # noqa: RUF009  # an immutable value
    made_at: datetime | None = None

    def ref(self, end: End) -> Ref | None:
        shown = self.base[end]
        return None if shown is None else shown.ref

    def with_base(self, end: End, seen: Seen | None) -> Link:
        return replace(self, base=self.base.replace(end, seen))

    def with_pending(self, end: End, pending: Pending | None) -> Link:
        return replace(self, pending=self.pending.replace(end, pending))

    @property
    def is_settled(self) -> bool:
        return self.pending.crm is None and self.pending.calendar is None
