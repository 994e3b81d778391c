from __future__ import annotations

import itertools

from calsync.core.event import Field
from calsync.core.grid import GRID, MEANING, MIRROR, Change, Rule
from calsync.core.policy import DEFAULT_WINNERS
from calsync.core.reason import SENTENCES, Reason


def test_pain_36_every_pair_of_changes_has_a_rule() -> None:
    assert set(GRID) == set(itertools.product(Change, Change))


def test_every_rule_is_used_and_has_a_meaning() -> None:
    assert set(GRID.values()) == set(Rule) == set(MEANING)


def test_swapping_the_sides_swaps_the_rule() -> None:
    assert all(GRID[calendar, crm] is MIRROR[rule] for (crm, calendar), rule in GRID.items())


def test_only_a_proven_deletion_leads_to_a_delete() -> None:
    deletes = {Rule.DELETE_FROM_CALENDAR: 0, Rule.DELETE_FROM_CRM: 1}
    assert all(key[deletes[rule]] is Change.GONE for key, rule in GRID.items() if rule in deletes)


def test_only_an_untouched_copy_is_deleted() -> None:
    cells = {key for key, rule in GRID.items() if rule in (Rule.DELETE_FROM_CALENDAR, Rule.DELETE_FROM_CRM)}
    assert cells == {(Change.GONE, Change.SAME), (Change.SAME, Change.GONE)}


def test_every_field_has_a_default_winner_and_every_reason_a_sentence() -> None:
    assert set(DEFAULT_WINNERS) == set(Field)
    assert set(SENTENCES) == set(Reason)
