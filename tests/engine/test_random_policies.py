"""Random users under every policy, on servers that lag, rename, forget and lose; then the promises are checked."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from calsync.core.ends import End, Ends
from calsync.core.errors import InDoubtError
from calsync.core.event import Event, Field, Privacy
from calsync.core.match import Pairing
from calsync.core.observation import Aside, Digest, Look, Marker, Observation, Seen
from calsync.core.policy import Direction, Policy, PrivacyLevel, Window, Winner
from calsync.core.privacy import is_masked
from calsync.core.reason import Reason
from calsync.core.record import RunState
from calsync.core.refs import Cursor, Identity, Key, Ref
from calsync.engine.context import Pace
from calsync.engine.feed import FeedDesk, run_feed
from calsync.ports import Diary, DiaryRow, Draft, FeedPage, Known, Receipt, Side, Tenant, Traits
from calsync.sandbox.memory import MemoryCalendar
from tests.builders import event, timed
from tests.engine.bench import Bench, bench, make_pair
from tests.engine.test_random import (
    TEXTS,
    Fate,
    FlakyRecords,
    FlakySide,
    run_through_crashes,
    tokens_of,
)

SETTLE_S: Final = 60.0
LAG_MAX_S: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A policy, and what the servers and the world do beside failing. Values of ``rates`` are probabilities."""

    policy: Policy = field(default_factory=Policy)
    rates: Mapping[str, float] = field(default_factory=dict)
    traits: Traits = field(default_factory=Traits)
    has_feed: bool = False
    days: int = 0
    loses_store: bool = False
    privately: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether both sides must show the very same in the end."""
        two_way = self.policy.direction is Direction.BOTH and self.policy.privacy is PrivacyLevel.FULL
        odd = self.days or self.loses_store or {"aside", "late", "rename", "replace", "twin"} & self.rates.keys()
        return two_way and not odd and Winner.ASK not in self.policy.wins.values()


ASK: Final = dict.fromkeys(TEXTS, Winner.ASK)
HOME: Final = dict.fromkeys(TEXTS, Winner.CALENDAR)
SCENARIOS: Final = {
    "ask": Scenario(policy=Policy(wins=ASK)),
    "to the calendar": Scenario(policy=Policy(direction=Direction.TO_CALENDAR)),
    "to the crm": Scenario(policy=Policy(direction=Direction.TO_CRM, wins=HOME)),
    "busy only": Scenario(policy=Policy(privacy=PrivacyLevel.BUSY, wins=HOME), privately=True),
    "busy only, lost": Scenario(policy=Policy(privacy=PrivacyLevel.BUSY), loses_store=True, privately=True),
    "skip private": Scenario(policy=Policy(privacy=PrivacyLevel.SKIP_PRIVATE), privately=True),
    "skip private, ask": Scenario(policy=Policy(privacy=PrivacyLevel.SKIP_PRIVATE, wins=ASK), privately=True),
    "window": Scenario(policy=Policy(window_past_days=3, window_future_days=9), days=1),
    "lost store": Scenario(loses_store=True),
    "lost store, calendar wins": Scenario(policy=Policy(wins=HOME), loses_store=True),
    "fed": Scenario(traits=Traits(own_feed=False), has_feed=True),
    "fed, lost store": Scenario(traits=Traits(own_feed=False), has_feed=True, loses_store=True),
    "late creates": Scenario(traits=Traits(enforces_keys=False), rates={"late": 0.3}),
    "late creates under enforced keys": Scenario(rates={"late": 0.3}),
    "lagging listings": Scenario(rates={"missing": 0.3}),
    "stale reads": Scenario(rates={"stale": 0.3}),
    "set aside and back": Scenario(rates={"aside": 0.3}),
    "another object in its place": Scenario(rates={"replace": 0.1}),
    "renamed": Scenario(rates={"rename": 0.3}),
    "twins": Scenario(rates={"twin": 0.1}),
    "all of it": Scenario(rates=dict.fromkeys(("late", "missing", "stale", "aside", "rename"), 0.1), days=1),
}


class OddSide(FlakySide):
    """A server that shows old versions, misses what is new, sets things aside and creates late."""

    def __init__(self, calendar: MemoryCalendar, fate: Fate, now: Callable[[], datetime], traits: Traits) -> None:
        super().__init__(calendar, fate)
        self.traits = traits
        self.now = now
        self.asides: set[Ref] = set()
        self.late: list[tuple[datetime, Draft]] = []
        self.odd: dict[Ref, tuple[datetime, Look | None]] = {}

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        self._catch_up()
        observed = await super().observe(cursor, known, window)
        looks = [self._shown(seen) for seen in observed.seen]
        return replace(
            observed,
            seen=tuple(look for look in looks if isinstance(look, Seen)),
            aside=tuple(look for look in looks if isinstance(look, Aside)),
        )

    def _catch_up(self) -> None:
        """What was not shown as it is for a while is reported again."""
        over = {ref for ref, (until, _) in self.odd.items() if until <= self.now()}
        for ref in sorted(over & self.calendar.entries.keys()):
            self.calendar.edit(ref, self.calendar.entries[ref].event)
        self.odd = {ref: odd for ref, odd in self.odd.items() if ref not in over}

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        looks = []
        for look in await super().look(refs):
            shown = self._shown(look) if isinstance(look, Seen) else look
            looks.append(self._gone(look.ref) if shown is None else shown)
        return looks

    def _shown(self, seen: Seen) -> Look | None:
        if seen.ref in self.asides:
            return Aside(ref=seen.ref, reason=Reason.MEETING)
        until, shown = self.odd.get(seen.ref, (self.now(), None))
        return shown if until > self.now() else seen

    async def create(self, draft: Draft) -> Receipt:
        if self.fate.strikes("late"):
            self.late.append((self._soon(), draft))
            raise InDoubtError("it is under way")
        receipt = await super().create(draft)
        if self.fate.strikes("missing"):
            self.odd[receipt.ref] = self._soon(), None
        return receipt

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        receipt = await super().update(base, want, fields)
        if self.fate.strikes("stale"):
            self.odd[receipt.ref] = self._soon(), base
        return receipt

    def _soon(self) -> datetime:
        return self.now() + timedelta(seconds=self.fate.rng.randrange(1, LAG_MAX_S))

    def arrive(self) -> None:
        """Creates that are due take effect, unless their key is taken."""
        due = [draft for at, draft in self.late if at <= self.now()]
        self.late = [(at, draft) for at, draft in self.late if at > self.now()]
        for draft in due:
            ref = Ref(f"copy-{draft.key}")
            if ref not in self.calendar.entries and ref not in self.calendar.removed:
                self.calendar.put_copy(ref, draft.event, draft.marker)


@dataclass(slots=True)
class MemoryFeed:
    """A tenant's feed over one diary in memory."""

    calendar: MemoryCalendar

    async def changes(self, cursor: Cursor | None, associates: Collection[int]) -> FeedPage:
        newest = Cursor(str(self.calendar.last_change))
        since = self.calendar.last_change if cursor is None else int(cursor)
        changed = {ref for ref, entry in self.calendar.entries.items() if entry.changed > since}
        return FeedPage(touched=dict.fromkeys(associates, frozenset(changed)), cursor=newest)

    async def sweep(self, associates: Collection[int], window: Window) -> Mapping[int, Sequence[DiaryRow]]:
        inside = [entry for entry in self.calendar.entries.values() if window.holds(entry.event.when)]
        rows = [DiaryRow(ref=entry.ref, digest=Digest(str(entry.changed))) for entry in inside]
        return dict.fromkeys(associates, rows)


def edit_as(calendar: MemoryCalendar, ref: Ref, shown: Event, identity: Identity, marker: Marker | None = None) -> None:
    """Put an object at ``ref``, whatever was there before."""
    calendar.put_copy(ref, shown, marker or Marker(realm="", key=Key("-"), generation=1))
    calendar.entries[ref] = replace(calendar.entries[ref], identity=identity, marker=marker)


@dataclass(slots=True)
class World:
    """Two users, their odd servers, and every text anybody wrote: each is a token that nobody else writes."""

    at: Bench
    scenario: Scenario
    rng: random.Random
    sides: Ends[OddSide]
    written: Ends[set[str]] = field(default_factory=lambda: Ends(set(), set()))
    replaced: set[str] = field(default_factory=set)
    logged: set[str] = field(default_factory=set)
    number: int = 0

    def token(self, end: End) -> str:
        self.number += 1
        self.written[end].add(f"<{self.number}>")
        return f"<{self.number}>"

    def act(self) -> None:
        """One user does something."""
        end = self.rng.choice(list(End))
        refs = sorted(self.at.calendar_of(end).entries)
        if not refs or self.rng.random() < 0.25:
            self._make(end)
        elif self.rng.random() < 0.8:
            self._edit(end, self.rng.choice(refs))
        else:
            self._remove(end, self.rng.choice(refs))

    def turn_odd(self) -> None:
        """The servers do something that their users did not ask for."""
        for what in ("aside", "replace", "rename", "twin"):
            if self.rng.random() < self.scenario.rates.get(what, 0.0):
                self._be_odd(what, self.rng.choice(list(End)))

    def _make(self, end: End) -> None:
        today = self.at.clock.now().date() + timedelta(days=self.rng.randrange(-2, 8))
        made = event(self.token(end), timed(f"{today} 09:00"), place=self.token(end))
        if self.scenario.privately and self.rng.random() < 0.3:
            made = replace(made, privacy=Privacy.PRIVATE)
        self.at.calendar_of(end).make(made)

    def _edit(self, end: End, ref: Ref) -> None:
        calendar = self.at.calendar_of(end)
        old, part = calendar.entries[ref].event, self.rng.choice(TEXTS)
        self.replaced.add(getattr(old, part.value))
        parts: dict[str, Any] = {part.value: self.token(end)}
        if self.scenario.privately and self.rng.random() < 0.3:
            parts["privacy"] = self.rng.choice(list(Privacy))
        if self.scenario.days and self.rng.random() < 0.2:
            today = self.at.clock.now().date() + timedelta(days=self.rng.randrange(-5, 15))
            parts["when"] = timed(f"{today} 10:00")
        calendar.edit(ref, replace(old, **parts))

    def _remove(self, end: End, ref: Ref) -> None:
        calendar = self.at.calendar_of(end)
        entry = calendar.entries[ref]
        self.replaced |= {getattr(entry.event, part.value) for part in TEXTS}
        if self.scenario.privately and entry.marker is not None:
            self._remove_unseen(end.other, entry.marker.key)
        calendar.remove(ref)

    def _remove_unseen(self, end: End, key: Key) -> None:
        """Who deletes a stripped copy means the original, without seeing what it says."""
        pairing = Pairing(realm="local/test", identities=Ends("memory:crm", "memory:calendar"))
        for entry in self.at.calendar_of(end).entries.values():
            if key in {pairing.key_of(entry.identity, end, generation) for generation in range(1, 20)}:
                self.replaced |= {getattr(entry.event, part.value) for part in TEXTS}

    def _be_odd(self, what: str, end: End) -> None:
        calendar, side = self.at.calendar_of(end), self.sides[end]
        refs = sorted(calendar.entries)
        if not refs:
            return
        ref = self.rng.choice(refs)
        entry = calendar.entries[ref]
        match what:
            case "aside":
                side.asides ^= {ref}
                calendar.edit(ref, entry.event)
            case "replace":
                self._remove(end, ref)
                edit_as(calendar, ref, event(self.token(end), entry.event.when), Identity(f"new {self.number}"))
            case "rename":
                calendar.remove(ref)
                calendar.removed = {one: n for one, n in calendar.removed.items() if self.rng.random() < 0.7}
                edit_as(calendar, Ref(f"{ref}+"), entry.event, entry.identity, entry.marker)
            case _:
                twin = calendar.make(event(self.token(end), entry.event.when))
                edit_as(calendar, twin, calendar.entries[twin].event, entry.identity)

    async def run(self) -> None:
        """A feed run where there is one, and a run of the pair; the process may die in either."""
        for side in self.sides:
            side.arrive()
        if self.scenario.has_feed:
            desk = FeedDesk(people=self.at.store.people, records=self.at.store.records, clock=self.at.clock)
            await run_feed(desk, Tenant(id="test"), MemoryFeed(self.at.crm), sweep=self.rng.random() < 0.5)
        await run_through_crashes(self.at)
        self.check_safety()

    def check_safety(self) -> None:
        """What must hold at any moment."""
        direction, privacy = self.scenario.policy.direction, self.scenario.policy.privacy
        for end in End:
            if not direction.writes(end):
                assert self.at.calendar_of(end).writes == 0
            if privacy is PrivacyLevel.BUSY:
                assert not self.texts(end) & self.written[end.other]

    def texts(self, end: End) -> set[str]:
        return {getattr(e, part.value) for e in self.at.calendar_of(end).events() for part in TEXTS}

    async def note_log(self) -> None:
        for row in await self.at.store.records.conflicts():
            self.logged |= tokens_of(list(row.values)) | tokens_of(list(row.base))

    async def lose_store(self) -> None:
        """Nothing is known any more; the same calendars are connected again."""
        await self.note_log()
        await self.at.store.people.remove_pair(self.at.pair_id)
        await connect(self.at, self.scenario)

    async def calm_down(self) -> None:
        """No more faults: what is late arrives, what lagged catches up, what was set aside is back."""
        self.sides.crm.fate.on = False
        for end in End:
            for ref in sorted(self.sides[end].asides & self.at.calendar_of(end).entries.keys()):
                self.at.calendar_of(end).edit(ref, self.at.calendar_of(end).entries[ref].event)
            self.sides[end].asides.clear()
        for _ in range(6):
            self.at.clock.advance(4000)
            await self.run()


async def connect(at: Bench, scenario: Scenario) -> None:
    policy = replace(scenario.policy, held_min=1000, held_share=1.0)
    pair = await make_pair(at.store, Ends(at.crm, at.calendar), policy)
    if scenario.has_feed:
        await at.store.people.put_pair(replace(pair, ends=pair.ends.replace(End.CRM, Diary(associate=1))))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SCENARIOS)
async def test_the_promises_hold_under_every_policy_and_on_odd_servers(name: str, seed: int) -> None:
    scenario = SCENARIOS[name]
    rng = random.Random(f"{name} {seed}")
    rates = {"crash": rng.choice([0, 0.02]), "lost": rng.choice([0, 0.1]), "later": rng.choice([0, 0.05])}
    async with bench() as at:
        at.pace = Pace(settle_s=SETTLE_S)
        await connect(at, scenario)
        fate = Fate(rng, {**rates, **scenario.rates})
        traits = Ends(scenario.traits, replace(scenario.traits, own_feed=True))
        sides = Ends(*(OddSide(at.calendar_of(end), fate, at.clock.now, traits[end]) for end in End))
        at.sides = Ends[Side](*sides)
        at.store.records = FlakyRecords(at.store.records, fate)  # type: ignore[assignment]  # a proxy of the same port
        world = World(at, scenario, rng, sides)
        fate.users = world  # type: ignore[assignment]  # acts as the users do
        fate.rates["edit"] = rng.choice([0, 0.1])
        for number in range(10):
            for _ in range(rng.randrange(5)):
                world.act()
                world.turn_odd()
            at.clock.advance(rng.choice([1, 30, 100, 86400 * scenario.days]))
            if scenario.loses_store and number == 6:
                await world.lose_store()
            await world.run()

        await world.calm_down()
        writes = at.writes
        quiet = [await at.run() for _ in range(2)]

        assert at.writes == writes
        assert_ended_well(scenario, {result.run.state for result in quiet})
        await check_promises(world)


def assert_ended_well(scenario: Scenario, states: set[RunState | None]) -> None:
    assert states <= ({RunState.CONVERGED} if scenario.is_plain else {RunState.CONVERGED, RunState.ACTION})


async def check_promises(world: World) -> None:
    at, scenario = world.at, world.scenario
    await world.note_log()
    live = world.texts(End.CRM) & world.texts(End.CALENDAR) if scenario.is_plain else set[str]()
    if not scenario.is_plain:
        live = world.texts(End.CRM) | world.texts(End.CALENDAR)
    written = world.written.crm | world.written.calendar
    assert not written - world.replaced - live - world.logged
    if scenario.is_plain:
        assert at.shown().crm == at.shown().calendar
    for end in End:
        titles = [e.title for e in at.calendar_of(end).events() if e.title != "Busy"]
        assert len(titles) == len(set(titles))
    await check_links(world)


async def check_links(world: World) -> None:
    """Every base was shown by its side, and stripped copies show nothing of a private event."""
    at, policy = world.at, world.scenario.policy
    for link in await at.store.records.links(at.pair_id):
        assert link.is_settled
        entries = [at.calendar_of(end).entries.get(link.ref(end) or Ref("")) for end in (link.born, link.born.other)]
        original, copy = (None if entry is None else entry.event for entry in entries)
        settled = original is not None and copy is not None and not world.scenario.days
        if settled and original is not None and copy is not None and is_masked(original, policy):
            assert (copy.title, copy.place, copy.notes) == ("Busy", "", "")
