"""What people can look up afterwards: conflicts, held deletions, set-aside items, runs, history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from calsync.core.ends import End, Ends
from calsync.core.event import Field
from calsync.core.observation import Aside
from calsync.core.refs import ConflictId, HeldId, LinkId, PairId, Ref


class ConflictState(Enum):
    """OPEN waits for somebody (`ask`); VOID means that the overwriting write never happened."""

    OPEN = "open"
    SETTLED = "settled"
    SUPERSEDED = "superseded"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Both sides changed one field, or one edited what the other deleted: both values, who won and why.

    ``field`` is None for an edit against a deletion. ``base`` is what each side showed before; ``values`` what they
    showed then (None for *deleted*). ``won`` is None while it is open. ``policy`` is the rule that decided.
    """

    id: ConflictId
    pair: PairId
    link: LinkId
    title: str
    field: Field | None
    base: Ends[Any]
    values: Ends[Any]
    won: End | None
    policy: str
    state: ConflictState
    at: datetime
    by: str = "calsync"


class HeldState(Enum):
    """What became of a group of held deletions."""

    OPEN = "open"
    APPROVED = "approved"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEvent:
    """One deletion of a held group, with what a person needs to recognise it."""

    link: LinkId
    title: str
    start: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Deletions that the guard keeps until somebody decides. ``end`` is the side that would be written."""

    id: HeldId
    pair: PairId
    end: End
    events: tuple[HeldEvent, ...]
    state: HeldState
    at: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """One object that is not synchronised, why, and when it is looked at again (None: when it changes)."""

    end: End
    item: Aside
    since: datetime
    next_try: datetime | None = None
    tries: int = 0
    link: LinkId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A record that must be looked at, durable until a run has dealt with it. ``mark`` grows with each touch."""

    end: End
    ref: Ref
    mark: int


class RunState(Enum):
    """How a run ended; the value is the word of `sync --once`."""

    CONVERGED = "converged"
    MORE = "more"
    ACTION = "action"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one pair, in counts."""

    id: str
    pair: PairId
    started: datetime
    ended: datetime | None = None
    state: RunState | None = None
    reads: int = 0
    writes: int = 0
    requests: int = 0
    conflicts: int = 0
    held: int = 0
    set_aside: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of an event's history: what was seen, decided or written, and by which rule."""

    at: datetime
    link: LinkId
    what: str
    why: str
