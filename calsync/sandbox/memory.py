"""A calendar in memory, as a side of a pair and as its user sees it.

It keeps the promises of `ports.Side` (the same contract suite holds) and counts what is asked of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from calsync.core.errors import AlreadyThereError, StaleVersionError
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.merge import with_fields
from calsync.core.observation import Coverage, Digest, Look, Marker, Observation, Seen
from calsync.core.policy import Window
from calsync.core.proof import Answer, DirectAnswer, Gone, Witness, prove
from calsync.core.refs import Cursor, Identity, Ref, Version
from calsync.ports import Draft, Known, Receipt, Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event as it is stored: ``changed`` is the number of the change that made it so."""

    ref: Ref
    identity: Identity
    event: Event
    changed: int
    marker: Marker | None = None


@dataclass(slots=True, kw_only=True)
class MemoryCalendar:
    """The calendar and its user's hands. Every change has a number; a cursor is the last number seen."""

    name: str = "memory"
    lens: Lens = field(default_factory=Lens)
    entries: dict[Ref, Entry] = field(default_factory=dict)
    removed: dict[Ref, int] = field(default_factory=dict)
    writes: int = 0
    reads: int = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def make(self, event: Event) -> Ref:
        """The user makes an event."""
        number = next(self._numbers)
        return self._put(Ref(f"{self.name}-{number}"), Identity(f"{self.name}:{number}"), event, None)

    def edit(self, ref: Ref, event: Event) -> None:
        """The user changes an event."""
        entry = self.entries[ref]
        self._put(ref, entry.identity, event, entry.marker)

    def remove(self, ref: Ref) -> None:
        """The user deletes an event."""
        del self.entries[ref]
        self.removed[ref] = next(self._numbers)

    def events(self) -> list[Event]:
        return [entry.event for entry in self.entries.values()]

    def _put(self, ref: Ref, identity: Identity, event: Event, marker: Marker | None) -> Ref:
        shown = self.lens.show(event)
        number = next(self._numbers)
        self.entries[ref] = Entry(ref=ref, identity=identity, event=shown, changed=number, marker=marker)
        self.removed.pop(ref, None)
        return ref

    def put_copy(self, ref: Ref, event: Event, marker: Marker) -> None:
        self._put(ref, Identity(marker.key), event, marker)

    @property
    def last_change(self) -> int:
        changes = [entry.changed for entry in self.entries.values()] + list(self.removed.values())
        return max(changes, default=0)


class MemorySide:
    """`ports.Side` over a `MemoryCalendar`."""

    def __init__(self, calendar: MemoryCalendar, *, traits: Traits | None = None) -> None:
        self.calendar = calendar
        self.traits = traits or Traits()
        self._order = itertools.count(1)

    @property
    def identity(self) -> str:
        return f"memory:{self.calendar.name}"

    @property
    def lens(self) -> Lens:
        return self.calendar.lens

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        del window
        self.calendar.reads += 1
        newest = Cursor(str(self.calendar.last_change))
        since = int(cursor) if cursor is not None else 0
        changed = [entry for entry in self.calendar.entries.values() if entry.changed > since]
        if cursor is None:
            remembered = await known.everything()
            missing = [ref for ref in remembered if ref not in self.calendar.entries]
        else:
            removed = [ref for ref, number in self.calendar.removed.items() if number > since]
            remembered = await known.some([*removed, *(entry.ref for entry in changed)])
            missing = [ref for ref in removed if ref in remembered]
        same = {e.ref for e in changed if (item := remembered.get(e.ref)) and item.version == _version(e)}
        return Observation(
            coverage=Coverage.EVERYTHING if cursor is None else Coverage.CHANGES,
            seen=tuple(_seen(entry) for entry in changed if entry.ref not in same),
            gone=tuple(self._gone(ref) for ref in missing),
            unchanged=frozenset(same),
            cursor=newest,
        )

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        self.calendar.reads += 1
        return [self._look(ref) for ref in refs]

    def _look(self, ref: Ref) -> Look:
        entry = self.calendar.entries.get(ref)
        return _seen(entry) if entry is not None else self._gone(ref)

    def _gone(self, ref: Ref) -> Gone:
        where, who = self.identity, "memory"
        answer = DirectAnswer(ref=ref, answer=Answer.MEMORY, calendar=where, credential=who, order=next(self._order))
        return prove(answer, Witness(subject=where, calendar=where, credential=who, order=next(self._order)))

    async def find(self, draft: Draft) -> Look | None:
        self.calendar.reads += 1
        entry = self.calendar.entries.get(_ref(draft))
        return None if entry is None else _seen(entry)

    async def create(self, draft: Draft) -> Receipt:
        if _ref(draft) in self.calendar.entries:
            raise AlreadyThereError("the key is taken", ref=_ref(draft))
        self.calendar.writes += 1
        self.calendar.put_copy(_ref(draft), draft.event, draft.marker)
        return Receipt(ref=_ref(draft), seen=_seen(self.calendar.entries[_ref(draft)]))

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        entry = self._unchanged(base)
        self.calendar.writes += 1
        self.calendar.edit(base.ref, with_fields(entry.event, want, fields))
        return Receipt(ref=base.ref, seen=_seen(self.calendar.entries[base.ref]))

    async def delete(self, base: Seen, proof: Gone) -> None:
        del proof
        if base.ref in self.calendar.entries:
            self._unchanged(base)
            self.calendar.writes += 1
            self.calendar.remove(base.ref)

    def _unchanged(self, base: Seen) -> Entry:
        entry = self.calendar.entries.get(base.ref)
        if entry is None or entry.event != base.event:
            raise StaleVersionError("it changed since it was looked at")
        return entry


def _ref(draft: Draft) -> Ref:
    return Ref(f"copy-{draft.key}")


def _version(entry: Entry) -> Version:
    return Version(str(entry.changed))


def _seen(entry: Entry) -> Seen:
    return Seen(
        ref=entry.ref,
        version=_version(entry),
        digest=Digest(str(entry.changed)),
        identity=entry.identity,
        event=entry.event,
        uid=entry.identity,
        marker=entry.marker,
    )
