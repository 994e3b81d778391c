from __future__ import annotations

from dataclasses import replace

import pytest

from calsync.core.action import Decision, Delete, Plan
from calsync.core.ends import End, Ends
from calsync.core.grid import Rule
from calsync.core.guard import Tally, guard
from calsync.core.link import Hold, Link
from calsync.core.observation import Digest, Seen
from calsync.core.policy import Policy
from calsync.core.proof import Answer, DirectAnswer, Witness, prove
from calsync.core.refs import Identity, LinkId, Ref, Version
from tests.builders import event


def deletion(number: int, hold: Hold = Hold.NONE) -> Decision:
    ref = Ref(str(number))
    seen = Seen(ref=ref, version=Version("1"), digest=Digest("1"), identity=Identity(ref), event=event())
    answer = DirectAnswer(ref=ref, answer=Answer.MEMORY, calendar="c", credential="m", order=1)
    proof = prove(answer, Witness(subject="c", calendar="c", credential="m", order=2))
    link = Link(id=LinkId(ref), base=Ends(seen, seen), born=End.CRM, hold=hold)
    delete = Delete(at=End.CRM, now=seen, proof=proof)
    return Decision(rule=Rule.DELETE_FROM_CRM, link=link, now=Ends(seen, proof), actions=(delete,))


def held(count: int, *, linked: int, sent: int = 0, earlier: int = 0) -> int:
    plan = Plan(decisions=tuple(map(deletion, range(count))))
    tally = Tally(linked=linked, sent=Ends(sent, 0), held=Ends(earlier, 0))
    verdict = guard(plan, Policy(), tally)
    assert len(verdict.plan.decisions) + len(verdict.held.crm) == count
    return len(verdict.held.crm)


@pytest.mark.parametrize(
    ("count", "linked", "expected"),
    [(10, 50, 0), (11, 50, 11), (12, 50, 12), (5, 50, 0), (20, 100, 0), (21, 100, 21), (2, 2, 0), (3, 3, 3), (2, 3, 0)],
)
def test_O04_more_than_ten_or_a_fifth_or_all_of_three_are_held(count: int, linked: int, expected: int) -> None:
    assert held(count, linked=linked) == expected


def test_deletes_already_sent_within_the_period_count() -> None:
    assert held(4, linked=42, sent=8) == 4


def test_deletes_that_are_held_already_count() -> None:
    assert held(1, linked=50, earlier=12) == 1


def test_an_approved_deletion_is_neither_counted_nor_held() -> None:
    plan = Plan(decisions=tuple(deletion(number, Hold.APPROVED) for number in range(12)))

    verdict = guard(plan, Policy(), Tally(linked=50, sent=Ends(0, 0), held=Ends(0, 0)))

    assert verdict.plan == plan


def test_a_held_deletion_stays_held_though_few_are_left() -> None:
    plan = Plan(decisions=(deletion(1, Hold.HELD), deletion(2)))

    verdict = guard(plan, Policy(), Tally(linked=50, sent=Ends(0, 0), held=Ends(0, 0)))

    assert [decision.link.id for decision in verdict.held.crm] == ["1"]


def test_everything_else_goes_on() -> None:
    other = replace(deletion(99), actions=())
    plan = Plan(decisions=(*map(deletion, range(12)), other))

    verdict = guard(plan, Policy(), Tally(linked=50, sent=Ends(0, 0), held=Ends(0, 0)))

    assert verdict.plan.decisions == (other,)
