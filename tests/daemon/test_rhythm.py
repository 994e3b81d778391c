"""What a run makes of its pair, and when it is due again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from calsync.core.ends import Ends
from calsync.core.errors import CalendarUnavailableError, RemoteError, SignInNeededError, TryLaterError
from calsync.core.policy import Policy
from calsync.core.record import Run, RunState
from calsync.core.refs import PairId
from calsync.engine.context import Pace
from calsync.engine.rhythm import SENTENCES, PairReason, Rhythm, after, is_throttled
from calsync.engine.run import Result
from calsync.ports import Calendar, Diary, Pair, PairState

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RHYTHM = Rhythm(pace=Pace(), poll_s=300, random=Random(1))
PAIR = Pair(
    id=PairId("p"),
    tenant="t",
    ends=Ends(Diary(associate=1), Calendar(connection="c", calendar="x")),
    policy=Policy(),
    zone="UTC",
    identities=Ends("a", "b"),
)


def ended(state: RunState, error: RemoteError | None = None, *, held: int = 0, wait_s: float | None = None) -> Result:
    run = Run(id="r", pair=PAIR.id, started=NOW, ended=NOW, state=state, held=held)
    return Result(run=run, error=error, wait_s=wait_s)


def wait_of(pair: Pair) -> float:
    assert pair.due_at is not None
    return (pair.due_at - NOW).total_seconds()


def test_a_converged_pair_is_due_at_the_next_poll_give_or_take_a_tenth() -> None:
    waits = [wait_of(after(PAIR, ended(RunState.CONVERGED), NOW, RHYTHM)) for _ in range(50)]

    assert all(270 <= wait <= 330 for wait in waits)
    assert len(set(waits)) > 1


def test_a_converged_pair_forgets_its_failures() -> None:
    pair = after(replace(PAIR, fails=7, state=PairState.ERROR), ended(RunState.CONVERGED), NOW, RHYTHM)

    assert (pair.state, pair.reason, pair.fails, pair.last_converged) == (PairState.OK, "", 0, NOW)


@pytest.mark.parametrize(
    ("result", "state", "reason"),
    [
        (ended(RunState.MORE), PairState.OK, PairReason.LOOK_AGAIN),
        (ended(RunState.ACTION, held=3), PairState.HELD, PairReason.HELD),
        (ended(RunState.ACTION), PairState.OK, PairReason.DECISION),
        (ended(RunState.ACTION, SignInNeededError("x")), PairState.SIGN_IN, PairReason.SIGN_IN),
        (ended(RunState.MORE, TryLaterError("x")), PairState.DELAYED, PairReason.UNREACHABLE),
        (ended(RunState.MORE, TryLaterError("x"), wait_s=90), PairState.DELAYED, PairReason.THROTTLED),
        (ended(RunState.ERROR, CalendarUnavailableError("x")), PairState.ERROR, PairReason.UNAVAILABLE),
        (ended(RunState.ERROR), PairState.ERROR, PairReason.FAILED),
    ],
)
def test_each_end_of_a_run_has_its_state_and_reason(result: Result, state: PairState, reason: PairReason) -> None:
    pair = after(PAIR, result, NOW, RHYTHM)

    assert (pair.state, pair.reason) == (state, reason.value)


def test_what_is_unclear_is_looked_at_soon() -> None:
    assert wait_of(after(PAIR, ended(RunState.MORE), NOW, RHYTHM)) < 10


def test_failures_back_off_up_to_a_limit() -> None:
    pair, waits = PAIR, []
    for _ in range(15):
        pair = after(pair, ended(RunState.ERROR), NOW, RHYTHM)
        waits.append(wait_of(pair))

    assert waits[0] < 6
    assert waits[5] > waits[2]
    assert 3240 <= waits[-1] <= 3960


def test_a_time_that_the_server_named_is_never_cut_short() -> None:
    waits = [wait_of(after(PAIR, ended(RunState.MORE, TryLaterError("x"), wait_s=90), NOW, RHYTHM)) for _ in range(50)]

    assert all(90 <= wait <= 99 for wait in waits)


def test_only_a_time_that_the_server_named_holds_up_somebody_who_asks() -> None:
    throttled = after(PAIR, ended(RunState.MORE, TryLaterError("x"), wait_s=90), NOW, RHYTHM)
    unreachable = after(PAIR, ended(RunState.MORE, TryLaterError("x")), NOW, RHYTHM)

    assert is_throttled(throttled, NOW)
    assert not is_throttled(throttled, NOW + timedelta(seconds=100))
    assert not is_throttled(unreachable, NOW)


def test_every_reason_has_a_sentence() -> None:
    assert SENTENCES.keys() == set(PairReason)
