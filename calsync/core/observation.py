"""What a side shows: events, events it cannot offer, proven deletions, and how much was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NewType, TypeAlias

from calsync.core.event import Event
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import NO_VERSION, Cursor, Identity, Key, Ref, Version

Digest = NewType("Digest", str)
"""Hash of the side's own text or row: equal digests mean that nothing at all changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What we wrote on a copy: whose it is and which key made it.

    ``realm`` is environment and tenant in one word (``sod/Cust12345``); ``generation`` counts re-creations from 1.
    """

    realm: str
    key: Key
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One event as a side shows it now.

    ``version`` is what a conditional write must name (an ETag with its quotes; empty where the side has none).
    ``identity`` names this object for ever, also to a lost database: CalDAV UID; SuperOffice id and created stamp.
    ``uid`` is its iCalendar UID, empty where unknown. ``marker`` is set only on a copy that we made and that is
    still that copy: an adapter drops the marker of an object whose UID or record is not the one the marker names.
    """

    ref: Ref
    version: Version
    digest: Digest
    identity: Identity
    event: Event
    uid: str = ""
    marker: Marker | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """An object that exists and is not offered for synchronisation. It is never a deletion."""

    ref: Ref
    reason: Reason
    version: Version = NO_VERSION
    detail: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """A direct read that neither showed the object nor proved it gone; ``why`` is for a person. Looked at again."""

    ref: Ref
    why: str


Look: TypeAlias = Seen | Aside | Gone | Unclear
"""What a direct read of one ref says."""


class Coverage(Enum):
    """How much an observation covers."""

    CHANGES = "changes"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was read of one side. In no particular order; at most one entry per ref.

    Absence means nothing: only ``gone`` are deletions, each proven. ``unchanged`` are refs that a listing named at
    the version we know. With `Coverage.EVERYTHING` all known refs are accounted for in one of the five.
    """

    coverage: Coverage
    seen: tuple[Seen, ...] = ()
    aside: tuple[Aside, ...] = ()
    gone: tuple[Gone, ...] = ()
    unclear: tuple[Unclear, ...] = ()
    unchanged: frozenset[Ref] = frozenset()
    cursor: Cursor | None = None
