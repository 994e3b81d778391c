from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from calsync.core.errors import UnprovenDeletionError
from calsync.core.proof import Answer, DirectAnswer, Gone, Witness, prove
from calsync.core.refs import Ref

ANSWER = DirectAnswer(ref=Ref("a"), answer=Answer.CALDAV_404, calendar="cal", credential="me", order=1)
WITNESS = Witness(subject="b", calendar="cal", credential="me", order=2)


def test_S4_two_good_reads_prove_a_deletion() -> None:
    assert prove(ANSWER, WITNESS).ref == "a"


@pytest.mark.parametrize(
    "witness",
    [
        replace(WITNESS, calendar="another"),
        replace(WITNESS, credential="somebody else"),
        replace(WITNESS, order=1),
        replace(WITNESS, subject="a"),
    ],
)
def test_S4_anything_less_proves_nothing(witness: Witness) -> None:
    with pytest.raises(UnprovenDeletionError):
        prove(ANSWER, witness)


def test_S4_a_deletion_cannot_be_stated() -> None:
    with pytest.raises(UnprovenDeletionError):
        Gone(ref=Ref("a"), answer=ANSWER, witness=WITNESS, _seal=object())


def test_S4_a_proof_cannot_be_turned_into_another_one() -> None:
    with pytest.raises((UnprovenDeletionError, TypeError, ValueError)):
        dataclasses.replace(prove(ANSWER, WITNESS), ref=Ref("b"), _seal=object())
