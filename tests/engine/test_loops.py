"""The loop breaker, and items that fail alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from calsync.core.ends import Ends
from calsync.core.errors import RefusedError, SignInNeededError, TryLaterError
from calsync.core.event import Event
from calsync.core.reason import Reason
from calsync.core.record import RunState
from calsync.ports import Draft, Receipt, Side
from calsync.sandbox.memory import MemorySide
from tests.builders import event, timed
from tests.engine.bench import Bench, bench

LUNCH = event("Lunch", timed("2026-07-02 12:00"))


async def test_P37_an_item_that_flips_without_a_users_edit_is_held() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        await at.converge(2)
        ref = next(iter(at.calendar.entries))
        crm_ref = next(iter(at.crm.entries))
        at.crm.edit(crm_ref, replace(LUNCH, title="Supper"))
        await at.converge(1)
        before = at.writes

        for number in range(12):
            other_tool_writes = LUNCH if number % 2 == 0 else replace(LUNCH, title="Supper")
            at.calendar.edit(ref, other_tool_writes)
            await at.run()

        assert at.writes - before <= 4
        assert Reason.LOOP in {row.item.reason for row in await at.store.records.asides(at.pair_id)}


async def test_a_user_who_edits_often_is_never_held() -> None:
    async with bench() as at:
        ref = at.crm.make(LUNCH)
        await at.converge(2)

        for number in range(12):
            at.crm.edit(ref, replace(LUNCH, title=f"Lunch {number}"))
            await at.converge(1)

        assert at.calendar.events() == [replace(LUNCH, title="Lunch 11")]


class PickySide(MemorySide):
    """Refuses events with one title."""

    def __init__(self, side: MemorySide, title: str, error: Exception) -> None:
        super().__init__(side.calendar)
        self.title, self.error, self.tries = title, error, 0

    async def create(self, draft: Draft) -> Receipt:
        self._refuse(draft.event)
        return await super().create(draft)

    def _refuse(self, wanted: Event) -> None:
        if wanted.title == self.title:
            self.tries += 1
            raise self.error


def picky(at: Bench, error: Exception) -> PickySide:
    side = PickySide(MemorySide(at.calendar), "Poison", error)
    at.sides = Ends[Side](at.sides.crm, side)
    return side


async def test_pain_14_P19_one_bad_item_never_stops_the_others_and_is_retried_with_back_off() -> None:
    async with bench() as at:
        side = picky(at, RefusedError("too long"))
        at.crm.make(event("Poison", timed("2026-07-03 12:00")))
        at.crm.make(LUNCH)

        await at.converge(4)

        assert [e.title for e in at.calendar.events()] == ["Lunch"]
        [row] = await at.store.records.asides(at.pair_id)
        assert (row.item.reason, row.item.detail) == (Reason.REFUSED, "too long")
        assert side.tries == 1

        side.title = "no longer refused"
        at.clock.advance(7200)
        await at.converge(1)
        assert len(at.calendar.entries) == 2
        assert not await at.store.records.asides(at.pair_id)


async def test_the_waits_between_tries_grow() -> None:
    async with bench() as at:
        picky(at, RefusedError("too long"))
        at.crm.make(event("Poison", timed("2026-07-03 12:00")))
        waits = []
        for _ in range(5):
            await at.run()
            [row] = await at.store.records.asides(at.pair_id)
            assert row.next_try is not None
            waits.append((row.next_try - at.clock.now()).total_seconds())
            at.clock.time = row.next_try

        assert all(later > earlier for earlier, later in pairwise(waits))


async def test_an_unexpected_error_in_one_write_leaves_the_others_alone() -> None:
    async with bench() as at:
        picky(at, ZeroDivisionError("a bug"))
        at.crm.make(event("Poison", timed("2026-07-03 12:00")))
        at.crm.make(LUNCH)

        await at.run()

        assert [e.title for e in at.calendar.events()] == ["Lunch"]


async def test_a_throttled_side_stops_the_rest_and_nothing_is_lost() -> None:
    async with bench() as at:
        side = picky(at, TryLaterError("slow down", wait_s=30))
        at.crm.make(event("Poison", timed("2026-07-03 12:00")))
        at.crm.make(LUNCH)

        result = await at.run()
        assert (result.run.state, result.wait_s) == (RunState.MORE, 30)

        side.title = "no longer throttled"
        await at.converge(2)
        assert len(at.calendar.entries) == 2


async def test_A05_a_dead_credential_is_for_the_person_and_deletes_nothing() -> None:
    async with bench() as at:
        side = picky(at, SignInNeededError("password changed"))
        at.crm.make(event("Poison", timed("2026-07-03 12:00")))

        result = await at.run()
        assert result.run.state is RunState.ACTION

        side.title = "signed in again"
        await at.converge(2)
        assert len(at.crm.entries) == len(at.calendar.entries) == 1
