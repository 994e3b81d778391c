"""What a run makes of its pair: its state, why, and when it is due again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from random import Random
from typing import Final

from calsync.core.errors import RemoteError, SignInNeededError, TryLaterError
from calsync.core.record import Run, RunState
from calsync.engine.context import Pace
from calsync.engine.run import Result
from calsync.ports import Pair, PairState

JITTER: Final = 0.1
"""Due times are spread by this share, so that pairs do not march in step."""


class PairReason(Enum):
    """Why a pair is not simply running: the ``reason`` of `status`; printed into ``docs/reference/reasons.md``."""

    NONE = ""
    LOOK_AGAIN = "look_again"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    SIGN_IN = "sign_in"
    TENANT = "tenant"
    UNAVAILABLE = "unavailable"
    HELD = "held"
    DECISION = "decision"
    PAUSED = "paused"
    FAILED = "failed"


SENTENCES: Final[Mapping[PairReason, str]] = {
    PairReason.NONE: "It runs.",
    PairReason.LOOK_AGAIN: "Something changed meanwhile or is too young to be judged; it is looked at again soon.",
    PairReason.THROTTLED: "The calendar system asked us to wait. It goes on at the time it named.",
    PairReason.UNREACHABLE: "The calendar system cannot be reached or is down. It is tried ever less often.",
    PairReason.SIGN_IN: "A credential is no longer accepted. Nothing is lost; it goes on after `calsync connect`.",
    PairReason.TENANT: "SuperOffice no longer lets this app in. It goes on after `calsync tenant add`.",
    PairReason.UNAVAILABLE: "The calendar is not there, not readable, or another one. Nothing is deleted meanwhile.",
    PairReason.HELD: "Many deletions at once wait for somebody: `calsync held list`.",
    PairReason.DECISION: "A conflict or an unsure event waits for somebody: `conflicts list`, `set-aside list`.",
    PairReason.PAUSED: "Somebody paused it: `calsync pair resume`.",
    PairReason.FAILED: "An error of the program itself; the log has the details. It is tried again.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often pairs run. ``soon_s`` is the wait before something unclear is looked at again."""

    pace: Pace
    poll_s: float
    random: Random

    @property
    def soon_s(self) -> float:
        return min(self.poll_s, max(self.pace.retry_base_s, self.pace.settle_s / 10))

    def spread(self, seconds: float) -> float:
        return seconds * self.random.uniform(1 - JITTER, 1 + JITTER)

    def at_least(self, seconds: float) -> float:
        """A wait that a server asked for is never cut short."""
        return seconds * self.random.uniform(1, 1 + JITTER)


def is_throttled(pair: Pair, now: datetime) -> bool:
    """Whether a server named a time before which nobody may ask it again."""
    return pair.reason == PairReason.THROTTLED.value and pair.due_at is not None and pair.due_at > now


def after(pair: Pair, result: Result, now: datetime, rhythm: Rhythm) -> Pair:
    """The pair as its run leaves it."""
    pair = replace(pair, last_run=now)
    match result.run.state:
        case RunState.CONVERGED:
            pair = _fine(pair, PairReason.NONE, now, rhythm.spread(rhythm.poll_s))
            return replace(pair, last_converged=now)
        case RunState.MORE if result.error is None:
            return _fine(pair, PairReason.LOOK_AGAIN, now, rhythm.spread(rhythm.soon_s))
        case RunState.ACTION if result.error is None:
            held = result.run.held > 0
            reason = PairReason.HELD if held else PairReason.DECISION
            pair = _fine(pair, reason, now, rhythm.spread(rhythm.poll_s))
            return replace(pair, state=PairState.HELD) if held else pair
        case _:  # an error decides, whatever it is
            return _stopped(pair, result, now, rhythm)


def _fine(pair: Pair, reason: PairReason, now: datetime, wait_s: float) -> Pair:
    due_at = now + timedelta(seconds=wait_s)
    return replace(pair, state=PairState.OK, reason=reason.value, fails=0, due_at=due_at)


def _stopped(pair: Pair, result: Result, now: datetime, rhythm: Rhythm) -> Pair:
    fails = pair.fails + 1
    wait_s = rhythm.spread(rhythm.pace.back_off_s(pair.fails))
    match result.error:
        case SignInNeededError():
            return replace(pair, state=PairState.SIGN_IN, reason=PairReason.SIGN_IN.value, fails=fails, due_at=None)
        case TryLaterError() if result.wait_s is not None:
            state, reason, wait_s = PairState.DELAYED, PairReason.THROTTLED, rhythm.at_least(result.wait_s)
        case TryLaterError():
            state, reason = PairState.DELAYED, PairReason.UNREACHABLE
        case RemoteError():
            state, reason = PairState.ERROR, PairReason.UNAVAILABLE
        case _:  # not a calendar system's error but ours
            state, reason = PairState.ERROR, PairReason.FAILED
    return replace(pair, state=state, reason=reason.value, fails=fails, due_at=now + timedelta(seconds=wait_s))


def empty_run(pair: Pair, run_id: str, state: RunState, now: datetime, error: str) -> Run:
    """A run that ended before it looked at anything."""
    return Run(id=run_id, pair=pair.id, started=now, ended=now, state=state, error=error)
