from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from calsync.core.ends import End, Ends
from calsync.core.event import Busy, Field
from calsync.core.explain import conflict_sentence, held_sentence, reason_sentence, rule_sentence, shown
from calsync.core.grid import MEANING
from calsync.core.reason import Reason
from calsync.core.record import Conflict, ConflictState, Held, HeldEvent, HeldState
from calsync.core.refs import ConflictId, HeldId, LinkId, PairId
from tests.builders import all_day, timed

AT = datetime(2026, 7, 1, tzinfo=UTC)
ROW = Conflict(
    id=ConflictId("c"),
    pair=PairId("p"),
    link=LinkId("l"),
    title="Lunch",
    field=Field.TITLE,
    base=Ends("Lunch", "Lunch"),
    values=Ends("Lunch A", "Lunch B"),
    won=End.CRM,
    policy="birth",
    state=ConflictState.SETTLED,
    at=AT,
)


def test_a_conflict_is_told_with_both_values_the_winner_and_why() -> None:
    told = conflict_sentence(ROW)

    assert "“Lunch A” in SuperOffice and “Lunch B” in the calendar" in told
    assert "SuperOffice won (the side where the event was made decides this field)" in told


@pytest.mark.parametrize("state", ConflictState)
def test_every_state_of_a_conflict_has_an_ending(state: ConflictState) -> None:
    assert conflict_sentence(replace(ROW, state=state)).endswith(".")


def test_a_persons_choice_is_told_as_theirs() -> None:
    assert "The calendar won (chosen by kari)" in conflict_sentence(replace(ROW, won=End.CALENDAR, by="kari"))


def test_an_edit_that_beat_a_deletion_is_told_so() -> None:
    assert "an edit wins against a deletion" in conflict_sentence(replace(ROW, field=None, policy="edit_beats_delete"))


def test_a_held_group_says_what_the_two_answers_do() -> None:
    events = (HeldEvent(link=LinkId("l"), title="Lunch", start="2026-07-01"),)
    group = Held(id=HeldId("h"), pair=PairId("p"), end=End.CRM, events=events, state=HeldState.OPEN, at=AT)

    told = held_sentence(group)
    assert told.startswith("1 event was deleted in the calendar. They are kept in SuperOffice")
    assert held_sentence(replace(group, events=events * 12)).startswith("12 events were deleted at once")


def test_every_rule_and_reason_has_a_sentence() -> None:
    assert all(rule_sentence(rule.value) == meaning for rule, meaning in MEANING.items())
    assert all(reason_sentence(reason).endswith((".", ")")) for reason in Reason)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (timed("2026-07-02 12:00"), "2026-07-02 12:00 to 13:00 Europe/Oslo"),
        (all_day("2026-07-02"), "2026-07-02, all day"),
        (all_day("2026-07-02", days=3), "2026-07-02 to 2026-07-04"),
        (Busy.FREE, "free"),
        (None, "nothing"),
        (("a", "b"), "a, b"),
    ],
)
def test_values_are_told_as_a_person_writes_them(value: object, told: str) -> None:
    assert shown(value) == told
