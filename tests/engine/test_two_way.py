"""The engine between two calendars in memory: what people are promised, in small."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calsync.core.ends import End, Ends
from calsync.core.event import Busy, Field, Privacy
from calsync.core.policy import Direction, Policy, PrivacyLevel, Winner
from calsync.core.reason import Reason
from calsync.core.record import ConflictState, RunState
from calsync.core.refs import Ref
from calsync.engine.preview import preview
from calsync.engine.resolve import ResolveDesk, SupersededError, approve, discard, use_other
from calsync.sandbox.memory import MemoryCalendar
from tests.builders import all_day, event, timed
from tests.engine.bench import Bench, bench

LUNCH = event("Lunch", timed("2026-07-02 12:00"))


async def one_linked(at: Bench) -> Ends[Ref]:
    """Lunch in the CRM, copied to the calendar: its two refs."""
    at.crm.make(LUNCH)
    await at.converge(2)
    return Ends(next(iter(at.crm.entries)), next(iter(at.calendar.entries)))


async def test_events_made_on_both_sides_are_copied_to_the_other() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        at.calendar.make(event("Dentist", all_day("2026-07-03")))

        result = await at.run()

        assert result.run.state is RunState.CONVERGED
        assert at.shown().crm == at.shown().calendar
        assert len(at.crm.entries) == len(at.calendar.entries) == 2


async def test_a_quiet_run_writes_nothing() -> None:
    async with bench() as at:
        await one_linked(at)
        before = at.writes

        await at.converge(2)

        assert at.writes == before


async def test_edits_to_different_fields_reach_both_sides() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch with Acme"))
        at.calendar.edit(ref.calendar, replace(LUNCH, place="Room 4"))

        await at.converge()

        both = replace(LUNCH, title="Lunch with Acme", place="Room 4")
        assert at.shown() == Ends([both], [both])
        assert not await at.store.records.conflicts()


async def test_pain_07_the_same_field_edited_on_both_sides_is_a_conflict_that_keeps_both_values() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))

        await at.converge()

        [row] = await at.store.records.conflicts()
        assert (row.field, row.values, row.won) == (Field.TITLE, Ends("Lunch A", "Lunch B"), End.CRM)
        assert at.shown() == Ends(*[[replace(LUNCH, title="Lunch A")]] * 2)


async def test_pain_07_use_the_other_syncs_out() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))
        await at.converge()
        [row] = await at.store.records.conflicts()

        await use_other(await at.context(), row.id, End.CALENDAR, "kari")
        await at.converge()

        assert at.shown() == Ends(*[[replace(LUNCH, title="Lunch B")]] * 2)
        [row] = await at.store.records.conflicts()
        assert (row.won, row.by, row.state) == (End.CALENDAR, "kari", ConflictState.SETTLED)


async def test_use_the_other_after_another_edit_writes_nothing_and_is_superseded() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))
        await at.converge()
        [row] = await at.store.records.conflicts()
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch C"))

        with pytest.raises(SupersededError):
            await use_other(await at.context(), row.id, End.CALENDAR, "kari")
        await at.converge()

        assert at.shown() == Ends(*[[replace(LUNCH, title="Lunch C")]] * 2)


async def test_a_wish_gives_way_to_an_edit_made_before_it_was_carried_out() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))
        await at.converge()
        [row] = await at.store.records.conflicts()
        await use_other(await at.context(), row.id, End.CALENDAR, "kari")
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch C"))

        await at.converge()

        assert at.shown() == Ends(*[[replace(LUNCH, title="Lunch C")]] * 2)
        [row] = await at.store.records.conflicts()
        assert row.state is ConflictState.SUPERSEDED


async def test_under_ask_the_field_waits_on_both_sides_and_the_others_go_on() -> None:
    async with bench(Policy(wins={Field.TITLE: Winner.ASK})) as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A", place="Room 1"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))

        result = await at.run()
        again = await at.run()

        assert result.run.state is again.run.state is RunState.ACTION
        assert at.shown().crm == [replace(LUNCH, title="Lunch A", place="Room 1")]
        assert at.shown().calendar == [replace(LUNCH, title="Lunch B", place="Room 1")]
        [row] = await at.store.records.conflicts(open_only=True)
        assert row.won is None


async def test_under_ask_a_further_edit_updates_the_row_and_is_not_carried_over() -> None:
    async with bench(Policy(wins={Field.TITLE: Winner.ASK})) as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))
        await at.run()

        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch C"))
        await at.run()

        assert [e.title for e in at.calendar.events()] == ["Lunch B"]
        [row] = await at.store.records.conflicts(open_only=True)
        assert row.values == Ends("Lunch C", "Lunch B")


async def test_under_ask_equal_values_close_the_row() -> None:
    async with bench(Policy(wins={Field.TITLE: Winner.ASK})) as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))
        await at.run()

        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch B"))
        await at.converge()

        assert not await at.store.records.conflicts(open_only=True)


async def test_under_ask_a_decision_syncs_out() -> None:
    async with bench(Policy(wins={Field.TITLE: Winner.ASK})) as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Lunch B"))
        await at.run()
        [row] = await at.store.records.conflicts(open_only=True)

        await use_other(await at.context(), row.id, End.CALENDAR, "kari")
        await at.converge()

        assert at.shown() == Ends(*[[replace(LUNCH, title="Lunch B")]] * 2)


async def test_a_deletion_reaches_the_untouched_copy() -> None:
    async with bench() as at:
        at.crm.make(event("Stays", timed("2026-07-05 12:00")))
        await one_linked(at)

        at.calendar.remove(next(r for r, e in at.calendar.entries.items() if e.event.title == "Lunch"))
        await at.converge()

        assert [e.title for e in at.crm.events()] == ["Stays"]


async def test_an_edit_wins_against_a_deletion_and_the_conflict_row_says_so() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        at.crm.edit(ref.crm, replace(LUNCH, title="Lunch A"))
        at.calendar.remove(ref.calendar)

        await at.converge()

        assert at.shown() == Ends(*[[replace(LUNCH, title="Lunch A")]] * 2)
        [row] = await at.store.records.conflicts()
        assert (row.field, row.won) == (None, End.CRM)


async def test_an_event_brought_back_can_be_deleted_again() -> None:
    async with bench() as at:
        at.crm.make(event("Stays", timed("2026-07-05 12:00")))
        await one_linked(at)
        lunch = next(r for r, e in at.calendar.entries.items() if e.event.title == "Lunch")
        crm = next(r for r, e in at.crm.entries.items() if e.event.title == "Lunch")
        at.crm.edit(crm, replace(LUNCH, title="Lunch A"))
        at.calendar.remove(lunch)
        await at.converge()
        back = next(r for r, e in at.calendar.entries.items() if e.event.title == "Lunch A")

        at.calendar.remove(back)
        await at.converge()

        assert back != lunch
        assert [e.title for e in at.crm.events()] == ["Stays"]


async def many_linked(at: Bench, count: int) -> None:
    for number in range(count):
        at.crm.make(event(f"Meeting {number}", timed(f"2026-07-{1 + number % 28:02d} 09:00", minutes=30 + number)))
    await at.converge(2)


async def test_pain_01_twelve_of_fifty_deletions_are_held_and_go_when_approved() -> None:
    async with bench() as at:
        await many_linked(at, 50)
        for ref in list(at.calendar.entries)[:12]:
            at.calendar.remove(ref)

        result = await at.run()
        again = await at.run()
        [group] = await at.store.records.held(open_only=True)
        assert (result.run.state, again.run.state) == (RunState.ACTION, RunState.ACTION)
        assert (len(at.crm.entries), len(group.events)) == (50, 12)

        await approve(ResolveDesk(records=at.store.records, clock=at.clock), group.id, "admin")
        await at.converge()

        assert len(at.crm.entries) == len(at.calendar.entries) == 38


async def test_pain_01_discarded_deletions_are_all_restored() -> None:
    async with bench() as at:
        await many_linked(at, 50)
        for ref in list(at.calendar.entries)[:12]:
            at.calendar.remove(ref)
        await at.run()
        [group] = await at.store.records.held(open_only=True)

        await discard(ResolveDesk(records=at.store.records, clock=at.clock), group.id, "admin")
        await at.converge()

        assert len(at.crm.entries) == len(at.calendar.entries) == 50
        assert at.shown().crm == at.shown().calendar


async def test_five_of_fifty_deletions_pass() -> None:
    async with bench() as at:
        await many_linked(at, 50)
        for ref in list(at.calendar.entries)[:5]:
            at.calendar.remove(ref)

        await at.converge()

        assert len(at.crm.entries) == 45


async def test_a_held_group_whose_events_all_came_back_is_over() -> None:
    async with bench() as at:
        await many_linked(at, 50)
        removed = {ref: at.calendar.entries[ref] for ref in list(at.calendar.entries)[:12]}
        for ref in removed:
            at.calendar.remove(ref)
        await at.run()

        for ref, entry in removed.items():
            at.calendar.entries[ref] = entry
            at.calendar.edit(ref, entry.event)
        await at.converge(2)

        assert not await at.store.records.held(open_only=True)
        assert len(at.crm.entries) == len(at.calendar.entries) == 50


async def test_pain_38_a_reminder_stays_on_its_own_side_unless_reminders_are_mapped() -> None:
    for policy, expected in ((Policy(), None), (Policy(reminders_mapped=True), 15)):
        async with bench(policy, crm=MemoryCalendar(name="crm")) as at:
            at.crm.make(replace(LUNCH, reminder=15))
            await at.converge(2)

            assert [e.reminder for e in at.calendar.events()] == [expected]


async def test_a_held_deletion_that_was_edited_since_is_not_deleted_when_approved() -> None:
    async with bench() as at:
        await many_linked(at, 50)
        for ref in list(at.calendar.entries)[:12]:
            at.calendar.remove(ref)
        await at.run()
        [group] = await at.store.records.held(open_only=True)
        edited = next(r for r, e in at.crm.entries.items() if e.event.title == group.events[0].title)
        at.crm.edit(edited, replace(at.crm.entries[edited].event, place="Here"))

        await approve(ResolveDesk(records=at.store.records, clock=at.clock), group.id, "admin")
        await at.converge()

        assert len(at.crm.entries) == len(at.calendar.entries) == 39


async def test_pain_04_a_lost_store_links_everything_again_without_a_write() -> None:
    async with bench() as at:
        at.calendar.make(event("Dentist", all_day("2026-07-03")))
        await many_linked(at, 20)
        calendars = Ends(at.crm, at.calendar)

    async with bench() as again:
        again.crm, again.calendar = calendars.crm, calendars.calendar
        again.sides.crm.calendar, again.sides.calendar.calendar = calendars.crm, calendars.calendar  # type: ignore[attr-defined]  # memory sides
        before = again.writes

        await again.converge(2)

        assert again.writes == before
        assert await again.store.records.link_count(again.pair_id) == 21


async def test_a_quarter_present_on_both_sides_is_linked_without_a_duplicate() -> None:
    async with bench() as at:
        for number in range(8):
            same = event(f"Meeting {number}", timed(f"2026-07-0{1 + number} 09:00"))
            at.crm.make(same)
            if number % 4 == 0:
                at.calendar.make(same)

        await at.converge(2)

        assert len(at.crm.entries) == len(at.calendar.entries) == 8


async def test_matched_events_that_differ_are_conflicts_that_policy_decides() -> None:
    async with bench() as at:
        at.crm.make(replace(LUNCH, place="Room 1", notes="from crm"))
        at.calendar.make(replace(LUNCH, place="Room 2"))

        plan = await preview(await at.context())
        await at.converge(2)

        assert (plan.link, plan.differs) == (1, 1)
        assert at.shown() == Ends(*[[replace(LUNCH, place="Room 1", notes="from crm")]] * 2)
        rows = await at.store.records.conflicts()
        assert {row.field for row in rows} == {Field.PLACE, Field.NOTES}


async def test_a_preview_that_no_longer_holds_is_not_applied() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        shown = await preview(await at.context())
        at.crm.make(event("Another", timed("2026-07-04 09:00")))

        with pytest.raises(Exception, match="no longer"):
            await at.run(expect=shown.checksum)
        assert not at.calendar.entries

        fresh = await preview(await at.context())
        await at.run(expect=fresh.checksum)
        assert len(at.calendar.entries) == 2


async def test_D28_two_events_with_the_same_content_stay_two() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        at.crm.make(LUNCH)

        await at.converge(2)

        assert len(at.crm.entries) == len(at.calendar.entries) == 2


async def test_two_candidates_that_fit_equally_well_are_unsure_and_both_stay() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        at.calendar.make(replace(LUNCH, notes="one"))
        at.calendar.make(replace(LUNCH, notes="two"))

        result = await at.run()

        assert result.run.state is RunState.ACTION
        assert at.writes == 0
        assert {row.item.reason for row in await at.store.records.asides(at.pair_id)} == {Reason.UNSURE}


async def test_pain_35_a_persons_copy_of_our_copy_is_an_event_of_its_own() -> None:
    async with bench() as at:
        ref = await one_linked(at)
        marker = at.calendar.entries[ref.calendar].marker
        assert marker is not None
        copy = at.calendar.make(replace(LUNCH, title="Lunch (copy)"))
        at.calendar.entries[copy] = replace(at.calendar.entries[copy], marker=marker)

        await at.converge(2)

        assert len(at.crm.entries) == len(at.calendar.entries) == 2
        assert at.shown().crm == at.shown().calendar


async def test_pain_05_out_of_the_window_nothing_is_written_and_nothing_deleted() -> None:
    async with bench(Policy(window_past_days=10, window_future_days=10)) as at:
        at.crm.make(event("Far", timed("2027-01-01 09:00")))
        await many_linked(at, 3)
        assert {e.title for e in at.calendar.events()} == {f"Meeting {n}" for n in range(3)}

        at.clock.advance(86400 * 40)
        refs = list(at.crm.entries)
        at.crm.edit(refs[1], replace(at.crm.entries[refs[1]].event, title="Edited long after"))
        at.calendar.remove(next(iter(at.calendar.entries)))
        before = at.writes
        await at.converge(2)

        assert at.writes == before
        assert len(at.crm.entries) == 4


async def test_an_event_moved_out_of_the_window_is_moved_on_the_other_side_too() -> None:
    async with bench(Policy(window_future_days=10)) as at:
        ref = await one_linked(at)

        at.crm.edit(ref.crm, replace(LUNCH, when=timed("2026-12-01 12:00")))
        await at.converge(2)

        assert at.shown().calendar == [replace(LUNCH, when=timed("2026-12-01 12:00"))]


async def test_S10_a_one_way_pair_writes_only_its_target() -> None:
    async with bench(Policy(direction=Direction.TO_CALENDAR)) as at:
        ref = await one_linked(at)
        at.calendar.make(event("Private thing", timed("2026-07-04 09:00")))
        at.calendar.edit(ref.calendar, replace(LUNCH, title="Renamed there"))

        await at.converge(2)
        at.crm.edit(ref.crm, replace(LUNCH, place="Room 9"))
        await at.converge(2)

        assert at.crm.writes == 0
        assert at.calendar.entries[ref.calendar].event.place == "Room 9"
        assert at.calendar.entries[ref.calendar].event.title == "Renamed there"


async def test_pain_34_the_stricter_privacy_wins_without_a_conflict() -> None:
    async with bench() as at:
        at.crm.make(LUNCH)
        at.calendar.make(replace(LUNCH, privacy=Privacy.PRIVATE))

        await at.converge(2)

        assert at.shown() == Ends(*[[replace(LUNCH, privacy=Privacy.PRIVATE)]] * 2)
        assert not await at.store.records.conflicts()


async def test_S11_busy_only_lets_no_text_leave_and_the_copy_is_never_read_back() -> None:
    async with bench(Policy(privacy=PrivacyLevel.BUSY)) as at:
        at.crm.make(replace(LUNCH, notes="secret", place="Bank"))
        await at.converge(2)
        [copy] = at.calendar.events()
        ref = next(iter(at.calendar.entries))
        at.calendar.edit(ref, replace(copy, when=timed("2026-07-02 13:00"), title="Renamed"))
        await at.converge(2)

        [original] = at.crm.events()
        assert (copy.title, copy.notes, copy.place, copy.privacy) == ("Busy", "", "", Privacy.PRIVATE)
        assert original == replace(LUNCH, notes="secret", place="Bank", when=timed("2026-07-02 13:00"))


async def test_S11_an_event_that_becomes_private_under_skip_private_is_stripped() -> None:
    async with bench(Policy(privacy=PrivacyLevel.SKIP_PRIVATE)) as at:
        ref = await one_linked(at)

        at.crm.edit(ref.crm, replace(LUNCH, privacy=Privacy.PRIVATE, notes="secret"))
        await at.converge(2)

        assert (at.calendar.events()[0].title, at.calendar.events()[0].notes) == ("Busy", "")
        assert at.crm.events()[0].notes == "secret"

        at.crm.edit(ref.crm, replace(LUNCH, notes="open again"))
        await at.converge(2)
        assert at.shown() == Ends(*[[replace(LUNCH, notes="open again")]] * 2)


async def test_P13_a_side_that_rounds_a_field_never_looks_edited() -> None:
    async with bench() as at:
        at.calendar.make(replace(LUNCH, busy=Busy.TENTATIVE, title="x" * 300, when=timed(zone="America/New_York")))
        await at.converge(2)
        before = at.writes

        await at.converge(3)

        assert at.writes == before
        assert at.calendar.events()[0].busy is Busy.TENTATIVE
        assert len(at.calendar.events()[0].title) == 300


async def test_a_move_in_the_crm_keeps_the_calendars_own_time_zone() -> None:
    async with bench() as at:
        at.calendar.make(replace(LUNCH, when=timed("2026-07-02 10:00", zone="America/New_York")))
        await at.converge(2)
        ref = next(iter(at.crm.entries))

        at.crm.edit(ref, replace(at.crm.entries[ref].event, when=timed("2026-07-02 17:00")))
        await at.converge(2)

        assert at.calendar.events()[0].when == timed("2026-07-02 11:00", zone="America/New_York")


async def test_pain_19_another_calendar_behind_the_same_pair_stops_it() -> None:
    async with bench() as at:
        await one_linked(at)
        at.calendar.name = "somebody else's"

        result = await at.run()

        assert result.run.state is RunState.ERROR
