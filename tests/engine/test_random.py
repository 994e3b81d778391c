"""Random users, lost answers and crashes between two calendars in memory; then the promises are checked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from calsync.core.ends import End, Ends
from calsync.core.errors import InDoubtError, TryLaterError
from calsync.core.event import Event, Field
from calsync.core.observation import Look, Observation, Seen
from calsync.core.policy import Policy, Window
from calsync.core.proof import Gone
from calsync.core.record import RunState
from calsync.core.refs import Cursor, PairId, Ref
from calsync.engine.resolve import ResolveDesk, approve
from calsync.ports import Changes, Draft, Known, Receipt, Records, Side
from calsync.sandbox.memory import MemoryCalendar, MemorySide
from tests.builders import event, timed
from tests.engine.bench import Bench, bench

TEXTS = (Field.TITLE, Field.PLACE, Field.NOTES)


class CrashError(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class Fate:
    """Decides what goes wrong, and lets users act in between. Off, everything works."""

    rng: random.Random
    rates: dict[str, float]
    on: bool = True
    users: Users | None = None

    def strikes(self, what: str) -> bool:
        return self.on and self.rng.random() < self.rates.get(what, 0.0)

    def before(self) -> None:
        if self.users is not None and self.strikes("edit"):
            self.users.act()
        if self.strikes("crash"):
            raise CrashError
        if self.strikes("later"):
            raise TryLaterError("down")

    def lose_write(self) -> None:
        if self.strikes("lost"):
            raise InDoubtError("lost before")

    def lose_answer(self) -> None:
        if self.users is not None and self.strikes("edit"):
            self.users.act()
        if self.strikes("crash"):
            raise CrashError
        if self.strikes("lost"):
            raise InDoubtError("lost after")


class FlakySide(MemorySide):
    """A side whose requests fail, before or after their effect."""

    def __init__(self, calendar: MemoryCalendar, fate: Fate) -> None:
        super().__init__(calendar)
        self.fate = fate

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        self.fate.before()
        return await super().observe(cursor, known, window)

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        self.fate.before()
        return await super().look(refs)

    async def create(self, draft: Draft) -> Receipt:
        self.fate.before()
        self.fate.lose_write()
        receipt = await super().create(draft)
        self.fate.lose_answer()
        return receipt

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        self.fate.before()
        self.fate.lose_write()
        receipt = await super().update(base, want, fields)
        self.fate.lose_answer()
        return receipt

    async def delete(self, base: Seen, proof: Gone) -> None:
        self.fate.before()
        self.fate.lose_write()
        await super().delete(base, proof)
        self.fate.lose_answer()


class FlakyRecords:
    """Records whose commits may be the last thing before or after the process dies."""

    def __init__(self, records: Records, fate: Fate) -> None:
        self._records, self._fate = records, fate

    def __getattr__(self, name: str) -> object:
        return getattr(self._records, name)

    async def commit(self, pair: PairId, changes: Changes) -> None:
        if self._fate.strikes("crash"):
            raise CrashError
        await self._records.commit(pair, changes)
        if self._fate.strikes("crash"):
            raise CrashError


@dataclass(slots=True)
class Users:
    """Two users who edit their own calendar. Each text they write is a token that nobody else writes."""

    at: Bench
    rng: random.Random
    written: set[str] = field(default_factory=set)
    seen_and_replaced: set[str] = field(default_factory=set)
    number: int = 0

    def token(self) -> str:
        self.number += 1
        self.written.add(f"<{self.number}>")
        return f"<{self.number}>"

    def act(self) -> None:
        end = self.rng.choice(list(End))
        calendar = self.at.calendar_of(end)
        refs = sorted(calendar.entries)
        choice = self.rng.random()
        if not refs or choice < 0.25:
            day = 1 + self.number % 27
            calendar.make(event(self.token(), timed(f"2026-07-{day:02d} 09:00"), place=self.token()))
        elif choice < 0.85:
            ref = self.rng.choice(refs)
            old, part = calendar.entries[ref].event, self.rng.choice(TEXTS)
            self.seen_and_replaced.add(getattr(old, part.value))
            text: dict[str, Any] = {part.value: self.token()}
            calendar.edit(ref, replace(old, **text))
        else:
            ref = self.rng.choice(refs)
            self.seen_and_replaced |= {getattr(calendar.entries[ref].event, part.value) for part in TEXTS}
            calendar.remove(ref)


async def run_through_crashes(at: Bench) -> None:
    try:
        await at.run()
    except* CrashError:
        pass


def tokens_of(values: object) -> set[str]:
    return {str(value) for value in values} if isinstance(values, tuple | list | set) else {str(values)}


@pytest.mark.parametrize("seed", range(60))
async def test_S1_S2_S9_nothing_is_lost_or_doubled_whatever_goes_wrong(seed: int) -> None:
    rng = random.Random(seed)
    rates = {"crash": rng.choice([0, 0.03]), "lost": rng.choice([0, 0.1, 0.3]), "later": rng.choice([0, 0.05])}
    rates["edit"] = rng.choice([0, 0.1, 0.3])
    policy = Policy(held_min=1000, held_share=1.0)
    async with bench(policy) as at:
        fate = Fate(rng, rates)
        users = Users(at, rng)
        fate.users = users
        at.sides = Ends[Side](FlakySide(at.crm, fate), FlakySide(at.calendar, fate))
        at.store.records = FlakyRecords(at.store.records, fate)  # type: ignore[assignment]  # a proxy of the same port
        for _ in range(12):
            for _ in range(rng.randrange(6)):
                users.act()
            await run_through_crashes(at)

        fate.on = False
        at.clock.advance(10_000)
        for _ in range(4):
            await at.run()
            at.clock.advance(10_000)
        await settle_held(at)
        writes = at.writes
        quiet = [await at.run(), await at.run()]

        assert [result.run.state for result in quiet] == [RunState.CONVERGED] * 2
        assert at.writes == writes
        assert at.shown().crm == at.shown().calendar
        await check_no_loss(at, users)


async def settle_held(at: Bench) -> None:
    for group in await at.store.records.held(open_only=True):
        await approve(ResolveDesk(records=at.store.records, clock=at.clock), group.id, "admin")
    for _ in range(3):
        await at.run()


async def check_no_loss(at: Bench, users: Users) -> None:
    live = [{getattr(e, part.value) for e in side.events() for part in TEXTS} for side in (at.crm, at.calendar)]
    logged: set[str] = set()
    for row in await at.store.records.conflicts():
        logged |= tokens_of(list(row.values)) | tokens_of(list(row.base))
    missing = users.written - users.seen_and_replaced - (live[0] & live[1]) - logged
    assert not missing
    titles = [e.title for e in at.crm.events()]
    assert len(titles) == len(set(titles))
