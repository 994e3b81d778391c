"""Two calendars in memory, a real store, and the engine between them, on a clock that tests set."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from calsync.core.ends import End, Ends
from calsync.core.event import Busy, Event, Field
from calsync.core.lens import Lens
from calsync.core.policy import Policy
from calsync.core.record import RunState
from calsync.core.refs import PairId
from calsync.engine.context import Context, Pace
from calsync.engine.run import Result, run_pair
from calsync.ports import Calendar, Connection, Pair, Side, Tenant
from calsync.sandbox.memory import MemoryCalendar, MemorySide
from calsync.store.database import InlineExecutor
from calsync.store.opening import Store, open_memory
from calsync.store.vault import master_from_text

START = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
CRM_LENS = Lens(
    holds=frozenset({Field.TITLE, Field.WHEN, Field.PLACE, Field.NOTES, Field.PRIVACY, Field.BUSY}),
    zone="Europe/Oslo",
    busy={Busy.TENTATIVE: Busy.BUSY, Busy.AWAY: Busy.BUSY},
    title_max=200,
)


@dataclass(slots=True)
class TestClock:
    """A clock that stands still until a test moves it."""

    __test__ = False
    time: datetime = START

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class Bench:
    """A pair under test. ``crm`` and ``calendar`` are what the users act on; ``sides`` are what the engine sees."""

    store: Store
    clock: TestClock
    crm: MemoryCalendar
    calendar: MemoryCalendar
    pair_id: PairId
    sides: Ends[Side]
    pace: Pace = field(default_factory=lambda: Pace(settle_s=0.0))
    new_id: Callable[[], str] = field(default_factory=lambda: map("id{}".format, itertools.count(1)).__next__)

    async def context(self) -> Context:
        pair = await self.store.people.pair(self.pair_id)
        assert pair is not None
        return Context(
            pair=pair,
            realm="local/test",
            sides=self.sides,
            records=self.store.records,
            clock=self.clock,
            new_id=self.new_id,
            pace=self.pace,
            started=self.clock.now(),
        )

    async def run(self, *, expect: str | None = None) -> Result:
        self.clock.advance(1)
        return await run_pair(await self.context(), expect=expect)

    async def converge(self, runs: int = 3) -> None:
        results = [await self.run() for _ in range(runs)]
        assert results[-1].run.state is RunState.CONVERGED, results[-1]

    async def change_policy(self, policy: Policy) -> None:
        pair = await self.store.people.pair(self.pair_id)
        assert pair is not None
        await self.store.people.put_pair(replace(pair, policy=policy))

    def shown(self) -> Ends[list[Event]]:
        """What the users see, as the poorer side could show it."""
        return Ends(*(sorted(map(self._rounded, side.events()), key=repr) for side in (self.crm, self.calendar)))

    def _rounded(self, event: Event) -> Event:
        return self.calendar.lens.show(self.crm.lens.show(event))

    def calendar_of(self, end: End) -> MemoryCalendar:
        return self.crm if end is End.CRM else self.calendar

    @property
    def writes(self) -> int:
        return self.crm.writes + self.calendar.writes


@asynccontextmanager
async def bench(policy: Policy | None = None, *, crm: MemoryCalendar | None = None) -> AsyncIterator[Bench]:
    """A new pair of two empty calendars."""
    clock = TestClock()
    store = await open_memory(master_from_text(Fernet.generate_key().decode()), clock, executor=InlineExecutor())
    try:
        calendars = Ends(crm or MemoryCalendar(name="crm", lens=CRM_LENS), MemoryCalendar(name="calendar"))
        pair = await make_pair(store, calendars, policy or Policy())
        yield Bench(
            store=store,
            clock=clock,
            crm=calendars.crm,
            calendar=calendars.calendar,
            pair_id=pair.id,
            sides=Ends[Side](MemorySide(calendars.crm), MemorySide(calendars.calendar)),
        )
    finally:
        await store.aclose()


async def make_pair(store: Store, calendars: Ends[MemoryCalendar], policy: Policy, name: str = "pair") -> Pair:
    await store.people.put_tenant(Tenant(id="test"))
    for end in End:
        await store.people.put_connection(
            Connection(
                id=end.value,
                tenant="test",
                associate=None,
                kind="memory",
                subject=end.value,
                url="",
                username="",
                secret="",
            )
        )
    pair = Pair(
        id=PairId(name),
        tenant="test",
        ends=Ends(*(Calendar(connection=end.value, calendar=end.value) for end in End)),
        policy=policy,
        zone="Europe/Oslo",
        identities=calendars.map(lambda calendar: f"memory:{calendar.name}"),
    )
    await store.people.put_pair(pair)
    return pair
