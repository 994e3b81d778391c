"""Awkward courses of events between two calendars in memory, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from calsync.core.ends import End, Ends
from calsync.core.errors import InDoubtError, RefusedError
from calsync.core.event import Event, Field, Privacy
from calsync.core.observation import Aside, Look, Marker, Observation, Seen
from calsync.core.policy import Policy, PrivacyLevel, Window, Winner
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.record import RunState
from calsync.core.refs import Cursor, Identity, Key, Ref
from calsync.ports import Draft, Known, Receipt, Side
from calsync.sandbox.memory import MemorySide
from tests.builders import event, timed
from tests.engine.bench import Bench, bench

LUNCH = event("Lunch", timed("2026-07-02 12:00"), place="Room 1", notes="bring cake")


class OddSide(MemorySide):
    """A side that tests make behave oddly, request by request."""

    def __init__(self, side: MemorySide) -> None:
        super().__init__(side.calendar, traits=side.traits)
        self.instead: dict[Ref, Look] = {}
        self.lose: list[str] = []
        self.late: list[Draft] = []
        self.refuse: set[str] = set()

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        seen = await super().observe(cursor, known, window)
        looks = [self.instead.get(one.ref, one) for one in seen.seen]
        return replace(
            seen,
            seen=tuple(look for look in looks if isinstance(look, Seen)),
            aside=tuple(look for look in looks if isinstance(look, Aside)),
            gone=(*seen.gone, *(look for look in looks if isinstance(look, Gone))),
        )

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        looks = await super().look(refs)
        return [self.instead.get(one.ref, one) for one in looks]

    async def create(self, draft: Draft) -> Receipt:
        if "create late" in self.lose:
            self.lose.remove("create late")
            self.late.append(draft)
            raise InDoubtError("nobody knows")
        return await self._answer("create", await super().create(draft))

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        if want.title in self.refuse:
            raise RefusedError("not this title")
        return await self._answer("update", await super().update(base, want, fields))

    async def delete(self, base: Seen, proof: Gone) -> None:
        await super().delete(base, proof)
        await self._answer("delete", Receipt(ref=base.ref))

    async def _answer(self, what: str, receipt: Receipt) -> Receipt:
        if what in self.lose:
            self.lose.remove(what)
            raise InDoubtError("the answer was lost")
        return receipt

    async def arrive(self) -> None:
        """What was sent first, and given up long ago, takes effect."""
        await super().create(self.late[0])


def odd(at: Bench) -> Ends[OddSide]:
    sides = Ends(*(OddSide(MemorySide(at.calendar_of(end))) for end in End))
    at.sides = Ends[Side](*sides)
    return sides


async def one_linked(at: Bench, shown: Event = LUNCH) -> Ends[Ref]:
    at.crm.make(shown)
    await at.converge(2)
    return Ends(next(iter(at.crm.entries)), next(iter(at.calendar.entries)))


def change(at: Bench, end: End, ref: Ref, **parts: Any) -> None:
    """A user changes parts of an event."""
    calendar = at.calendar_of(end)
    calendar.edit(ref, replace(calendar.entries[ref].event, **parts))


def assert_alike(at: Bench, count: int) -> None:
    assert at.shown().crm == at.shown().calendar
    assert len(at.crm.entries) == count


# --- writes in doubt ------------------------------------------------------------------------------------------------


async def test_N05_a_create_that_arrives_after_we_looked_does_not_swallow_an_edit() -> None:
    async with bench() as at:
        sides = odd(at)
        sides.calendar.lose = ["create late", "create late", "create late"]
        ref = at.crm.make(LUNCH)
        await at.run()
        await sides.calendar.arrive()
        at.crm.edit(ref, replace(LUNCH, title="Supper"))

        await at.converge()

        assert_alike(at, 1)
        values = {v for row in await at.store.records.conflicts() for v in row.values} | {at.crm.events()[0].title}
        assert "Supper" in values


async def test_N05_an_edit_of_the_late_copy_is_never_lost_either() -> None:
    async with bench() as at:
        sides = odd(at)
        sides.calendar.lose = ["create late"] * 3
        at.crm.make(LUNCH)
        await at.run()
        await sides.calendar.arrive()
        change(at, End.CALENDAR, next(iter(at.calendar.entries)), notes="by hand")

        await at.converge()

        assert_alike(at, 1)
        values = {v for row in await at.store.records.conflicts() for v in row.values} | {at.crm.events()[0].notes}
        assert "by hand" in values


async def test_N07_deletes_in_doubt_are_counted_by_the_guard() -> None:
    async with bench() as at:
        sides = odd(at)
        for number in range(50):
            at.crm.make(event(f"Meeting {number}", timed(f"2026-07-{1 + number % 28:02d} 09:00", minutes=30 + number)))
        await at.converge(2)

        for ref in list(at.calendar.entries)[:14]:
            sides.crm.lose = ["delete"]
            at.calendar.remove(ref)
            await at.run()

        assert len(at.crm.entries) == 40
        assert await at.store.records.held(open_only=True)


async def test_a_run_that_settles_its_own_doubt_is_converged() -> None:
    async with bench() as at:
        odd(at).calendar.lose = ["create"]
        at.crm.make(LUNCH)

        result = await at.run()

        assert result.run.state is RunState.CONVERGED
        assert_alike(at, 1)


async def test_a_copy_made_again_in_doubt_is_a_new_generation() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        change(at, End.CRM, ref.crm, title="Supper")
        at.calendar.remove(ref.calendar)
        odd(at).calendar.lose = ["create"]

        await at.converge()

        [link] = await at.store.records.links(at.pair_id)
        assert link.generation == 2
        assert_alike(at, 1)


# --- stale and lagging servers --------------------------------------------------------------------------------------


async def test_P38_an_old_version_served_after_our_write_is_no_users_edit() -> None:
    async with bench() as at:
        at.pace = replace(at.pace, settle_s=60.0)
        ref = await one_linked(at)
        at.clock.advance(3600)
        sides = odd(at)
        [old] = await sides.calendar.look([ref.calendar])
        change(at, End.CRM, ref.crm, title="Supper")
        await at.run()
        sides.calendar.instead[ref.calendar] = old
        change(at, End.CALENDAR, ref.calendar)

        lagging = await at.run()
        del sides.calendar.instead[ref.calendar]
        at.clock.advance(100)
        await at.converge()

        assert lagging.run.state is RunState.MORE
        assert at.crm.events()[0].title == at.calendar.events()[0].title == "Supper"


async def test_P03_an_event_brought_back_to_its_own_side_is_young_there_too() -> None:
    async with bench() as at:
        at.pace = replace(at.pace, settle_s=60.0)
        ref = await one_linked(at)
        at.clock.advance(3600)
        at.crm.remove(ref.crm)
        change(at, End.CALENDAR, ref.calendar, title="Supper")
        sides = odd(at)
        await at.run()
        back = next(iter(at.crm.entries))
        change(at, End.CRM, back)
        sides.crm.instead[back] = sides.crm._gone(back)  # the server lags behind

        await at.run()
        del sides.crm.instead[back]
        at.clock.advance(100)
        await at.converge()

        assert_alike(at, 1)


# --- events that come and go ----------------------------------------------------------------------------------------


def meeting(ref: Ref) -> Aside:
    return Aside(ref=ref, reason=Reason.MEETING)


async def test_an_edit_made_while_the_other_side_was_set_aside_is_carried_over_afterwards() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        sides = odd(at)
        sides.calendar.instead[ref.calendar] = meeting(ref.calendar)
        change(at, End.CALENDAR, ref.calendar)
        await at.run()
        change(at, End.CRM, ref.crm, title="Supper")
        before = at.writes
        await at.run()
        assert at.writes == before
        del sides.calendar.instead[ref.calendar]
        change(at, End.CALENDAR, ref.calendar)

        await at.converge()

        assert_alike(at, 1)
        assert at.calendar.events()[0].title == "Supper"


async def test_an_edit_made_while_a_refused_write_waits_is_carried_over_when_the_cause_is_gone() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        sides = odd(at)
        sides.calendar.refuse.add("Poison")
        change(at, End.CRM, ref.crm, title="Poison")
        await at.run()
        change(at, End.CALENDAR, ref.calendar, notes="by hand")
        await at.run()
        change(at, End.CRM, ref.crm, title="Lunch")

        await at.converge()

        assert_alike(at, 1)
        assert at.crm.events()[0].notes == "by hand"


async def test_a_conflict_that_waits_for_an_answer_ends_with_its_event() -> None:
    async with bench(Policy(wins={Field.TITLE: Winner.ASK})) as at:
        ref = await one_linked(at)
        change(at, End.CRM, ref.crm, title="A")
        change(at, End.CALENDAR, ref.calendar, title="B")
        await at.run()
        at.crm.remove(ref.crm)
        at.calendar.remove(ref.calendar)

        await at.converge()

        assert not await at.store.records.conflicts(open_only=True)


# --- identities -----------------------------------------------------------------------------------------------------


async def test_P20_a_second_object_with_a_linked_ones_identity_is_set_aside() -> None:
    async with bench() as at:
        at.calendar.make(LUNCH)
        await at.converge(2)
        first = next(iter(at.calendar.entries.values()))
        twin = at.calendar.make(replace(LUNCH, title="Twin"))
        at.calendar.entries[twin] = replace(at.calendar.entries[twin], identity=first.identity)

        await at.converge()

        assert [e.title for e in at.crm.events()] == ["Lunch"]
        [link] = await at.store.records.links(at.pair_id)
        assert link.ref(End.CALENDAR) == first.ref
        assert {row.item.reason for row in await at.store.records.asides(at.pair_id)} == {Reason.DUPLICATE_UID}


async def test_P20_two_new_objects_with_one_identity_are_not_both_copied() -> None:
    async with bench() as at:
        first, second = at.calendar.make(LUNCH), at.calendar.make(replace(LUNCH, title="Twin"))
        identity = at.calendar.entries[first].identity
        at.calendar.entries[second] = replace(at.calendar.entries[second], identity=identity)

        await at.converge()

        assert len(at.crm.entries) == 1
        assert {row.item.reason for row in await at.store.records.asides(at.pair_id)} == {Reason.DUPLICATE_UID}


def rename(at: Bench, end: End, old: Ref, new: Ref) -> None:
    """The server gives an object another name."""
    calendar = at.calendar_of(end)
    entry = calendar.entries[old]
    calendar.remove(old)
    calendar.put_copy(new, entry.event, Marker(realm="", key=Key("x"), generation=1))
    calendar.entries[new] = replace(calendar.entries[new], identity=entry.identity, marker=entry.marker)


async def test_P21_a_renamed_object_whose_old_name_is_not_reported_keeps_its_link() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        rename(at, End.CRM, ref.crm, Ref("elsewhere"))
        change(at, End.CRM, Ref("elsewhere"), title="Supper")
        at.crm.removed.clear()
        change(at, End.CALENDAR, ref.calendar, notes="by hand")

        await at.converge()

        assert_alike(at, 1)
        assert (at.crm.events()[0].title, at.crm.events()[0].notes) == ("Supper", "by hand")
        [link] = await at.store.records.links(at.pair_id)
        assert link.ref(End.CRM) == "elsewhere"


async def test_an_original_restored_beside_what_was_brought_back_does_not_take_its_link() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        original = at.crm.entries[ref.crm]
        at.crm.remove(ref.crm)
        change(at, End.CALENDAR, ref.calendar, title="Supper")
        await at.converge()
        at.crm.put_copy(ref.crm, original.event, Marker(realm="", key=Key("x"), generation=1))
        at.crm.entries[ref.crm] = replace(at.crm.entries[ref.crm], identity=original.identity, marker=None)

        await at.run()
        await at.run()

        [link] = await at.store.records.links(at.pair_id)
        assert link.ref(End.CRM) != ref.crm
        assert len(at.calendar.entries) == 1


# --- first meeting --------------------------------------------------------------------------------------------------


async def lose_store(at: Bench, again: Bench) -> None:
    again.crm, again.calendar = at.crm, at.calendar
    again.sides = Ends[Side](MemorySide(at.crm), MemorySide(at.calendar))


async def test_an_unsure_event_that_is_edited_is_still_compared_with_the_others() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        at.calendar.make(replace(LUNCH, notes="one"))
        two = at.calendar.make(replace(LUNCH, notes="two"))
        await at.run()

        change(at, End.CALENDAR, two, notes="two and a half")
        await at.run()

        assert (len(at.crm.entries), at.writes) == (1, 0)


async def test_an_unsure_event_is_linked_when_the_other_candidate_is_gone() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        at.calendar.make(LUNCH)
        other = at.calendar.make(replace(LUNCH, title="Other"))
        change(at, End.CALENDAR, other, title="Lunch", notes="two")
        change(at, End.CALENDAR, next(iter(at.calendar.entries)), notes="one")
        await at.run()

        at.calendar.remove(other)
        at.clock.advance(4000)
        await at.converge()

        assert_alike(at, 1)


async def test_S11_a_lost_store_never_reads_a_stripped_copy_back() -> None:
    policy = Policy(privacy=PrivacyLevel.BUSY, wins=dict.fromkeys((Field.TITLE, Field.NOTES), Winner.CALENDAR))
    async with bench(policy) as at:
        await one_linked(at)
    async with bench(policy) as again:
        await lose_store(at, again)
        before = again.writes

        await again.converge()

        assert again.writes == before
        assert again.crm.events() == [LUNCH]
        assert not await again.store.records.conflicts()
        [link] = await again.store.records.links(again.pair_id)
        assert link.masked


async def test_a_lost_store_links_what_one_side_moved_out_of_the_window() -> None:
    policy = Policy(window_future_days=10)
    async with bench(policy) as at:
        ref = await one_linked(at)
    at.crm.edit(ref.crm, replace(LUNCH, when=timed("2026-12-01 12:00")))
    async with bench(policy) as again:
        await lose_store(at, again)

        await again.converge()

        assert_alike(again, 1)


async def test_a_lost_store_with_a_twin_of_a_copy_links_one_and_takes_the_other_for_new() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        twin = at.calendar.make(LUNCH)
        at.calendar.entries[twin] = replace(
            at.calendar.entries[twin], marker=at.calendar.entries[ref.calendar].marker, identity=Identity("twin")
        )
    async with bench() as again:
        await lose_store(at, again)

        await again.converge()

        assert_alike(again, 2)


# --- privacy --------------------------------------------------------------------------------------------------------


async def test_S1_an_edit_of_the_copy_is_kept_when_the_original_becomes_private() -> None:
    async with bench(Policy(privacy=PrivacyLevel.SKIP_PRIVATE)) as at:
        ref = await one_linked(at)
        change(at, End.CALENDAR, ref.calendar, notes="by hand")
        change(at, End.CRM, ref.crm, privacy=Privacy.PRIVATE)

        await at.converge()

        assert at.crm.events()[0].notes == "by hand"
        assert (at.calendar.events()[0].title, at.calendar.events()[0].notes) == ("Busy", "")


async def test_S11_a_copy_made_private_by_its_user_is_stripped_like_any_other() -> None:
    async with bench(Policy(privacy=PrivacyLevel.SKIP_PRIVATE)) as at:
        ref = await one_linked(at)
        change(at, End.CALENDAR, ref.calendar, privacy=Privacy.PRIVATE)

        await at.converge()

        assert at.crm.events()[0].privacy is Privacy.PRIVATE
        assert at.calendar.events()[0].title == "Busy"


async def test_a_stripped_copy_is_filled_again_though_the_first_try_failed() -> None:
    async with bench(Policy(privacy=PrivacyLevel.SKIP_PRIVATE)) as at:
        await one_linked(at)
        ref = next(iter(at.crm.entries))
        change(at, End.CRM, ref, privacy=Privacy.PRIVATE)
        await at.converge()
        sides = odd(at)
        sides.calendar.refuse.add("Lunch")
        change(at, End.CRM, ref, privacy=Privacy.PUBLIC)
        await at.run()

        sides.calendar.refuse.clear()
        at.clock.advance(10_000)
        await at.converge()

        assert_alike(at, 1)


async def test_a_stripped_events_original_is_brought_back_in_full() -> None:
    async with bench(Policy(privacy=PrivacyLevel.BUSY)) as at:
        ref = await one_linked(at)
        at.crm.remove(ref.crm)
        change(at, End.CALENDAR, ref.calendar, when=timed("2026-07-02 15:00"))

        await at.converge()

        assert at.crm.events() == [replace(LUNCH, when=timed("2026-07-02 15:00"))]
        assert at.calendar.events()[0].title == "Busy"


async def test_an_event_is_brought_back_with_what_the_other_side_cannot_hold() -> None:
    async with bench() as at:
        at.calendar.make(replace(LUNCH, title="x" * 300))
        await at.converge(2)
        at.calendar.remove(next(iter(at.calendar.entries)))
        change(at, End.CRM, next(iter(at.crm.entries)), place="Room 2")

        await at.converge()

        assert at.calendar.events() == [replace(LUNCH, title="x" * 300, place="Room 2")]


async def test_a_copy_refused_before_is_not_made_when_the_event_is_private_by_then() -> None:
    async with bench(Policy(privacy=PrivacyLevel.SKIP_PRIVATE)) as at:
        sides = odd(at)
        sides.calendar.lose = ["create late"] * 4
        ref = at.crm.make(LUNCH)
        await at.run()
        change(at, End.CRM, ref, privacy=Privacy.PRIVATE)

        await at.converge()

        assert not at.calendar.entries
        assert {row.item.reason for row in await at.store.records.asides(at.pair_id)} == {Reason.PRIVATE}
