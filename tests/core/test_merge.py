from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field, Privacy
from calsync.core.lens import Lens
from calsync.core.merge import Merged, merge
from calsync.core.policy import CARRIED, Direction, Policy, Winner
from tests.builders import all_day, event, events, timed
from tests.engine.bench import CRM_LENS

SAME = Ends(Lens(), Lens())
LUNCH = event("Lunch", timed("2026-07-02 12:00"))


def merged(base: Ends[Event], now: Ends[Event], policy: Policy | None = None, lenses: Ends[Lens] = SAME) -> Merged:
    return merge(base, now, policy=policy or Policy(), born=End.CRM, lenses=lenses)


def carried_of(event_: Event) -> list[object]:
    return [getattr(event_, part.value) for part in sorted(CARRIED, key=lambda part: part.value)]


def test_edits_to_different_fields_are_both_wanted_on_both_sides() -> None:
    now = Ends(replace(LUNCH, title="Lunch with Acme"), replace(LUNCH, place="Room 4"))

    both = replace(LUNCH, title="Lunch with Acme", place="Room 4")
    assert merged(Ends(LUNCH, LUNCH), now) == Merged(want=Ends(both, both))


def test_the_same_edit_on_both_sides_is_agreed() -> None:
    now = replace(LUNCH, title="Supper")

    assert merged(Ends(LUNCH, LUNCH), Ends(now, now)) == Merged(want=Ends(now, now))


@given(base=events(), edited=events())
def test_an_edit_on_one_side_only_is_taken_whole(base: Event, edited: Event) -> None:
    result = merged(Ends(base, base), Ends(edited, base))

    assert carried_of(result.want.calendar) == carried_of(edited)
    assert result.want.crm == edited
    assert not result.clashes


@given(base=events(), left=events(), right=events())
def test_swapping_the_sides_swaps_the_merge(base: Event, left: Event, right: Event) -> None:
    there = merge(Ends(base, base), Ends(left, right), policy=Policy(), born=End.CRM, lenses=SAME)
    policy = Policy(wins={Field.BUSY: Winner.CRM})
    back = merge(Ends(base, base), Ends(right, left), policy=policy, born=End.CALENDAR, lenses=SAME)

    assert there.want == back.want.swapped
    assert {clash.field for clash in there.clashes} == {clash.field for clash in back.clashes}


@given(base=events(), left=events(), right=events())
def test_S1_no_value_disappears_without_a_conflict(base: Event, left: Event, right: Event) -> None:
    result = merged(Ends(base, base), Ends(left, right))

    lost = {clash.field for clash in result.clashes} | {Field.PRIVACY}
    for part in CARRIED - lost:
        edits = {getattr(side, part.value) for side in (left, right)} - {getattr(base, part.value)}
        assert edits <= {getattr(result.want.crm, part.value)}


@given(base=events(), left=events(), right=events())
def test_merging_what_was_merged_changes_nothing(base: Event, left: Event, right: Event) -> None:
    once = merged(Ends(base, base), Ends(left, right)).want

    assert merged(once, once) == Merged(want=once)


def test_under_ask_both_values_wait() -> None:
    now = Ends(replace(LUNCH, title="A"), replace(LUNCH, title="B"))

    result = merged(Ends(LUNCH, LUNCH), now, Policy(wins={Field.TITLE: Winner.ASK}))

    assert result.want == now
    assert result.waiting == {Field.TITLE}
    assert result.clashes[0].won is None


def test_the_stricter_privacy_wins_without_a_conflict() -> None:
    base = Ends(replace(LUNCH, privacy=Privacy.PRIVATE), LUNCH)
    now = Ends(LUNCH, replace(LUNCH, privacy=Privacy.PRIVATE))

    result = merged(base, now)

    assert result.want.map(lambda side: side.privacy) == Ends(Privacy.PRIVATE, Privacy.PRIVATE)
    assert not result.clashes


def test_an_edit_at_a_read_only_side_waits_and_overwrites_nothing() -> None:
    now = Ends(LUNCH, replace(LUNCH, title="B"))

    result = merged(Ends(LUNCH, LUNCH), now, Policy(direction=Direction.TO_CALENDAR))

    assert result.want == now
    assert result.waiting == {Field.TITLE}


def test_pain_18_days_stay_days_and_times_stay_times() -> None:
    day = replace(LUNCH, when=all_day("2026-07-02"))

    assert merged(Ends(LUNCH, LUNCH), Ends(day, LUNCH)).want.calendar.when == day.when
    assert merged(Ends(day, day), Ends(day, LUNCH)).want.crm.when == LUNCH.when


def test_a_side_that_cannot_hold_zones_moves_the_time_and_keeps_the_others_zone() -> None:
    base = Ends(LUNCH, replace(LUNCH, when=timed("2026-07-02 06:00", zone="America/New_York")))
    now = base.replace(End.CRM, replace(LUNCH, when=timed("2026-07-02 13:00")))

    result = merged(base, now, lenses=Ends(CRM_LENS, Lens()))

    assert result.want.calendar.when == timed("2026-07-02 07:00", zone="America/New_York")
