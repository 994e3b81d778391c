"""The promises of `calsync.ports.Side`, kept by every implementation.

A subclass gives a fixture ``bench``: a side, a memory of it, and the hands of its user::

    class TestMySide(SideContract):
        @pytest.fixture
        async def bench(self) -> AsyncIterator[Bench]: ...
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from calsync.core.errors import AlreadyThereError, RemoteError, StaleVersionError
from calsync.core.event import Busy, Event, Field, Privacy
from calsync.core.observation import Aside, Coverage, Digest, Seen
from calsync.core.policy import Window
from calsync.core.proof import Gone
from calsync.core.refs import NO_VERSION, Cursor
from calsync.ports import Draft, KnownItem, Receipt, Side
from tests.builders import all_day, event, timed
from tests.contracts.side_bench import (
    SAMPLES,
    TEXTS,
    WINDOW,
    Bench,
    DictKnown,
    Spoil,
    carried,
    draft,
    made,
    observe,
    proof,
    refs,
    see,
    troubles,
)

__all__ = ["WINDOW", "Bench", "DictKnown", "SideContract", "Spoil", "draft", "made", "observe", "proof", "refs", "see"]


class SideContract:
    """Every sentence of `Side` as a test."""

    # --- observe ----------------------------------------------------------------------------------------------------

    async def test_an_empty_calendar_shows_nothing_and_gives_a_cursor(self, bench: Bench) -> None:
        observation = await observe(bench)

        assert (observation.seen, observation.aside, observation.gone) == ((), (), ())
        assert observation.coverage is Coverage.EVERYTHING
        assert not bench.side.traits.own_feed or observation.cursor is not None

    async def test_what_the_user_made_is_seen_as_it_is(self, bench: Bench) -> None:
        made_refs = {name: await bench.make(wanted) for name, wanted in SAMPLES.items()}

        seen = {seen.ref: seen for seen in (await observe(bench)).seen}

        lens = bench.side.lens
        shown = {name: carried(seen[ref].event, lens) for name, ref in made_refs.items()}
        assert shown == {name: carried(wanted, lens) for name, wanted in SAMPLES.items()}
        assert len({found.identity for found in seen.values()}) == len(SAMPLES)
        assert not any(found.marker for found in seen.values())

    async def test_many_events_are_all_seen_once(self, bench: Bench) -> None:
        made_refs = {await bench.make(event(f"Event {n}", timed("2026-07-01 08:00"))) for n in range(6)}

        observation = await observe(bench)

        assert refs(observation.seen) == made_refs
        assert len(observation.seen) == 6

    async def test_without_a_cursor_known_versions_are_unchanged_and_not_seen_again(self, bench: Bench) -> None:
        made_refs = {await bench.make(event(f"Event {n}")) for n in range(3)}
        await observe(bench)

        again = await observe(bench)

        assert again.coverage is Coverage.EVERYTHING
        assert again.unchanged == made_refs
        assert not again.seen

    async def test_a_quiet_observation_shows_nothing(self, bench: Bench) -> None:
        await bench.make(event())
        first = await observe(bench)

        quiet = await observe(bench, first.cursor)

        assert not refs(quiet.seen) | troubles(quiet)

    async def test_a_cursor_gives_just_the_changes(self, bench: Bench) -> None:
        edited, removed, kept = [await bench.make(event(title)) for title in ("Edited", "Removed", "Kept")]
        first = await observe(bench)
        await bench.edit(edited, event("Edited again"))
        await bench.remove(removed)
        new = await bench.make(event("New"))

        later = await observe(bench, first.cursor)

        assert {seen.ref: seen.event.title for seen in later.seen} == {edited: "Edited again", new: "New"}
        assert refs(later.gone) == {removed}
        assert kept not in troubles(later)

    async def test_the_changes_of_a_cursor_come_again_until_the_next_one_is_used(self, bench: Bench) -> None:
        first = await observe(bench)
        ref = await bench.make(event())

        once = await bench.side.observe(first.cursor, bench.known, WINDOW)
        twice = await bench.side.observe(first.cursor, bench.known, WINDOW)

        assert refs(once.seen) == refs(twice.seen) == {ref}

    async def test_P01_a_refused_cursor_is_answered_with_everything(self, bench: Bench) -> None:
        ref = await bench.make(event())
        await observe(bench)

        observation = await observe(bench, Cursor("made up"))

        assert observation.coverage is Coverage.EVERYTHING
        assert ref in observation.unchanged | refs(observation.seen)

    async def test_everything_accounts_for_every_known_ref(self, bench: Bench) -> None:
        kept, edited, removed = [await bench.make(event(title)) for title in ("Kept", "Edited", "Removed")]
        unoffered = await bench.make_unoffered()
        far = await bench.make(event("Long ago", timed("2001-01-01 08:00")))
        await observe(bench)
        bench.known.items[far] = replace(
            bench.known.items.get(far, KnownItem(version=NO_VERSION, digest=Digest(""))), dormant=True
        )
        known = set(bench.known.items)
        await bench.edit(edited, event("Edited again"))
        await bench.remove(removed)

        everything = await observe(bench)

        accounted = refs(everything.seen) | everything.unchanged | troubles(everything)
        assert known <= accounted
        assert refs(everything.gone) == {removed}
        assert {kept, edited, unoffered, removed} <= accounted

    async def test_what_is_not_offered_is_aside_and_never_gone(self, bench: Bench) -> None:
        ref = await bench.make_unoffered()

        first = await observe(bench)
        again = await observe(bench)

        assert refs(first.aside) == {ref}
        assert not first.seen
        assert not again.gone

    # --- deletions --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("with_cursor", [True, False])
    async def test_what_the_user_deleted_is_proven_gone(self, bench: Bench, with_cursor: bool) -> None:
        deleted, kept = await bench.make(event("Deleted")), await bench.make(event("Kept"))
        first = await observe(bench)
        await bench.remove(deleted)

        later = await observe(bench, first.cursor if with_cursor else None)

        [gone] = later.gone
        assert gone.ref == deleted
        assert gone.witness.order > gone.answer.order
        assert kept not in refs(later.gone)

    @pytest.mark.parametrize("with_cursor", [True, False])
    async def test_the_last_event_of_a_calendar_can_be_deleted_too(self, bench: Bench, with_cursor: bool) -> None:
        ref = await bench.make(event())
        first = await observe(bench)
        await bench.remove(ref)

        later = await observe(bench, first.cursor if with_cursor else None)

        assert refs(later.gone) == {ref}

    async def test_P10_a_deletion_of_something_never_known_is_nothing(self, bench: Bench) -> None:
        first = await observe(bench)
        await bench.remove(await bench.make(event()))

        later = await observe(bench, first.cursor)

        assert not refs(later.seen) | troubles(later)

    @pytest.mark.parametrize("with_cursor", [True, False])
    @pytest.mark.parametrize("how", Spoil)
    async def test_pain_02_a_calendar_that_fails_or_seems_empty_proves_no_deletion(
        self, bench: Bench, how: Spoil, with_cursor: bool
    ) -> None:
        if how not in bench.spoils:
            pytest.skip(f"this bench cannot do {how.name}")
        for n in range(3):
            await bench.make(event(f"Event {n}"))
        first = await observe(bench)

        await bench.spoil(how)
        try:
            spoiled = await bench.side.observe(first.cursor if with_cursor else None, bench.known, WINDOW)
        except RemoteError:
            spoiled = None
        await bench.spoil(None)

        assert spoiled is None or not spoiled.gone
        assert not (await observe(bench, first.cursor)).gone

    async def test_pain_02_reading_known_objects_of_a_failing_calendar_proves_no_deletion(self, bench: Bench) -> None:
        ref = await bench.make(event())
        await observe(bench)

        for how in bench.spoils - {Spoil.EMPTY}:
            await bench.spoil(how)
            try:
                looks = await bench.side.look([ref])
            except RemoteError:
                looks = []
            assert not any(isinstance(look, Gone) for look in looks), how

    # --- look and find ----------------------------------------------------------------------------------------------

    async def test_a_look_gives_exactly_one_answer_for_each_ref(self, bench: Bench) -> None:
        there, removed = await bench.make(event("There")), await bench.make(event("Removed"))
        unoffered = await bench.make_unoffered()
        await bench.remove(removed)

        looks = {look.ref: look for look in await bench.side.look([there, removed, unoffered])}

        assert isinstance(looks[there], Seen)
        assert isinstance(looks[removed], Gone)
        assert isinstance(looks[unoffered], Aside)
        assert len(await bench.side.look([there, removed, unoffered])) == 3

    async def test_a_look_at_nothing_gives_nothing(self, bench: Bench) -> None:
        assert list(await bench.side.look([])) == []

    async def test_a_look_shows_what_observing_showed(self, bench: Bench) -> None:
        ref = await bench.make(event())

        [observed] = (await observe(bench)).seen

        assert await see(bench.side, ref) == observed

    async def test_a_draft_is_found_only_once_it_was_made(self, bench: Bench) -> None:
        wanted = draft(event())

        before = await bench.side.find(wanted)
        receipt = await bench.side.create(wanted)
        found = await bench.new_side().find(wanted)

        assert before is None
        assert isinstance(found, Seen)
        assert found.ref == receipt.ref
        assert found.marker == wanted.marker

    # --- create -----------------------------------------------------------------------------------------------------

    async def test_copies_read_back_as_the_lens_shows_them(self, bench: Bench) -> None:
        shown = {
            name: (await made(bench, draft(wanted, str(number)))).event
            for number, (name, wanted) in enumerate(SAMPLES.items())
        }

        assert shown == {name: bench.side.lens.show(wanted) for name, wanted in SAMPLES.items()}

    async def test_a_copy_bears_its_marker(self, bench: Bench) -> None:
        wanted = draft(event())

        seen = await made(bench, wanted)

        assert seen.marker == wanted.marker
        assert await bench.count() == 1

    @pytest.mark.parametrize("after_restart", [True, False])
    async def test_N04_creating_twice_with_one_key_makes_one(self, bench: Bench, after_restart: bool) -> None:
        first = await bench.side.create(draft(event()))
        before = await bench.raw(first.ref)

        second = bench.new_side() if after_restart else bench.side
        where = await _create_again(second, draft(event()))

        assert where == first.ref
        assert await bench.count() == 1
        assert await bench.raw(first.ref) == before

    @pytest.mark.parametrize("after_restart", [True, False])
    async def test_a_create_with_a_taken_key_overwrites_no_edit(self, bench: Bench, after_restart: bool) -> None:
        first = await bench.side.create(draft(event("Lunch")))
        await bench.edit(first.ref, event("Dinner"))
        before = await bench.raw(first.ref)

        await _create_again(bench.new_side() if after_restart else bench.side, draft(event("Lunch")))

        assert await bench.raw(first.ref) == before
        assert await bench.count() == 1

    async def test_different_keys_make_different_copies(self, bench: Bench) -> None:
        receipts = [await bench.side.create(draft(event(), name)) for name in ("1", "2", "3")]

        assert len({receipt.ref for receipt in receipts}) == 3
        assert await bench.count() == 3

    async def test_P32_the_echo_of_a_create_is_no_change(self, bench: Bench) -> None:
        first = await observe(bench)
        copy = await made(bench, draft(event()))

        later = await observe(bench, first.cursor)

        assert all((seen.digest, seen.event) == (copy.digest, copy.event) for seen in later.seen)
        assert not troubles(later)

    # --- update -----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("what", "want"),
        [
            (Field.TITLE, event("Renamed", place="Room 1", notes="Bring cake")),
            (Field.PLACE, event("Lunch", place="Room 2", notes="Bring cake")),
            (Field.NOTES, event("Lunch", place="Room 1", notes="Bring tea\nand milk")),
            (Field.WHEN, event("Lunch", timed("2026-07-02 23:30", minutes=90), place="Room 1", notes="Bring cake")),
            (Field.WHEN, event("Lunch", all_day("2026-07-02"), place="Room 1", notes="Bring cake")),
            (Field.PRIVACY, event("Lunch", place="Room 1", notes="Bring cake", privacy=Privacy.PRIVATE)),
            (Field.BUSY, event("Lunch", place="Room 1", notes="Bring cake", busy=Busy.FREE)),
        ],
    )
    async def test_an_update_changes_just_its_field(self, bench: Bench, what: Field, want: Event) -> None:
        ref = await bench.make(event("Lunch", place="Room 1", notes="Bring cake"))
        base = await see(bench.side, ref)

        await bench.side.update(base, want, frozenset({what}))

        now = await see(bench.new_side(), ref)
        assert now.event == bench.side.lens.show(replace(base.event, **{what.value: getattr(want, what.value)}))
        assert now.identity == base.identity

    async def test_fields_that_are_not_named_stay_whatever_is_wanted(self, bench: Bench) -> None:
        ref = await bench.make(event("Lunch", place="Room 1"))
        base = await see(bench.side, ref)

        await bench.side.update(base, event("Other", place="Room 9"), frozenset({Field.TITLE}))

        now = await see(bench.side, ref)
        assert (now.event.title, now.event.place) == ("Other", "Room 1")

    async def test_a_whole_day_becomes_a_timed_event(self, bench: Bench) -> None:
        ref = await bench.make(event("Day", all_day("2026-07-01", days=2)))
        base = await see(bench.side, ref)

        await bench.side.update(base, event("Day", timed("2026-07-01 09:00")), frozenset({Field.WHEN}))

        assert (await see(bench.side, ref)).event.when == bench.side.lens.show_when(timed("2026-07-01 09:00"))

    async def test_an_update_to_what_is_there_already_changes_nothing(self, bench: Bench) -> None:
        ref = await bench.make(event())
        base = await see(bench.side, ref)
        before = await bench.raw(ref)

        await bench.side.update(base, base.event, TEXTS)

        assert await bench.raw(ref) == before
        assert (await see(bench.side, ref)).digest == base.digest

    @pytest.mark.parametrize("after_restart", [True, False])
    async def test_P18_an_update_upon_an_old_version_is_refused(self, bench: Bench, after_restart: bool) -> None:
        ref = await bench.make(event("Lunch"))
        base = await see(bench.side, ref)
        await bench.edit(ref, event("Dinner"))

        side = bench.new_side() if after_restart else bench.side
        with pytest.raises(StaleVersionError):
            await side.update(base, event("Breakfast"), frozenset({Field.TITLE}))

        assert (await see(bench.side, ref)).event.title == "Dinner"

    async def test_an_update_of_something_deleted_is_refused_and_makes_nothing(self, bench: Bench) -> None:
        ref = await bench.make(event())
        base = await see(bench.side, ref)
        await bench.remove(ref)

        with pytest.raises(StaleVersionError):
            await bench.side.update(base, event("Other"), frozenset({Field.TITLE}))

        assert await bench.count() == 0

    async def test_P32_the_echo_of_an_update_is_no_change(self, bench: Bench) -> None:
        ref = await bench.make(event("Lunch"))
        first = await observe(bench)
        [base] = first.seen
        receipt = await bench.side.update(base, event("Dinner"), frozenset({Field.TITLE}))
        written = receipt.seen or await see(bench.side, ref)
        bench.known.learn_look(written)

        later = await observe(bench, first.cursor)

        assert all((seen.digest, seen.event) == (written.digest, written.event) for seen in later.seen)
        assert not troubles(later)

    async def test_updates_can_follow_each_other(self, bench: Bench) -> None:
        seen = await made(bench, draft(event("One")))

        for title in ("Two", "Three"):
            receipt = await bench.side.update(seen, event(title), frozenset({Field.TITLE}))
            seen = receipt.seen or await see(bench.side, receipt.ref)

        assert seen.event.title == "Three"
        assert seen.marker is not None

    # --- delete -----------------------------------------------------------------------------------------------------

    async def test_a_delete_removes_the_object_and_nothing_else(self, bench: Bench) -> None:
        ref, other = await bench.make(event("One")), await bench.make(event("Other"))

        await bench.side.delete(await see(bench.side, ref), proof())

        assert await bench.raw(ref) is None
        assert await bench.raw(other) is not None

    @pytest.mark.parametrize("after_restart", [True, False])
    async def test_a_delete_of_an_edited_object_is_refused(self, bench: Bench, after_restart: bool) -> None:
        ref = await bench.make(event("Lunch"))
        base = await see(bench.side, ref)
        await bench.edit(ref, event("Dinner"))

        side = bench.new_side() if after_restart else bench.side
        with pytest.raises(StaleVersionError):
            await side.delete(base, proof())

        assert await bench.raw(ref) is not None

    async def test_N07_a_delete_of_something_gone_is_done(self, bench: Bench) -> None:
        ref = await bench.make(event())
        base = await see(bench.side, ref)
        await bench.remove(ref)

        await bench.side.delete(base, proof())

        assert await bench.count() == 0

    async def test_the_echo_of_a_delete_is_gone(self, bench: Bench) -> None:
        ref, _ = await bench.make(event("One")), await bench.make(event("Other"))
        first = await observe(bench)
        await bench.side.delete(await see(bench.side, ref), proof())

        later = await observe(bench, first.cursor)

        assert refs(later.gone) == {ref}

    # --- identity ---------------------------------------------------------------------------------------------------

    async def test_a_side_names_its_calendar_the_same_way_every_time(self, bench: Bench) -> None:
        assert bench.side.identity == bench.new_side().identity
        assert bench.side.identity

    async def test_the_lens_is_idempotent(self, bench: Bench) -> None:
        once = {name: bench.side.lens.show(sample) for name, sample in SAMPLES.items()}

        assert {name: bench.side.lens.show(shown) for name, shown in once.items()} == once

    async def test_a_window_does_not_delete_what_it_leaves_out(self, bench: Bench) -> None:
        ref = await bench.make(event())
        first = await observe(bench)
        later = Window(start=WINDOW.end, end=WINDOW.end + timedelta(days=30), zone=WINDOW.zone)

        narrow = await bench.side.observe(first.cursor, bench.known, later)
        everything = await bench.side.observe(None, bench.known, later)

        assert ref not in refs(narrow.gone) | refs(everything.gone)


async def _create_again(side: Side, of: Draft) -> str | None:
    """Where a second create with a taken key says that the copy is."""
    try:
        receipt: Receipt = await side.create(of)
    except AlreadyThereError as taken:
        return taken.ref
    return receipt.ref
