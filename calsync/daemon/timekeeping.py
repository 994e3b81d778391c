"""Notices when the clock was set: whatever waits for a time of day would else wait for as long as it was moved."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.schedulers.base import BaseScheduler

from calsync.compose import House

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
JUMP_S: Final = 10.0
"""Less than this is a clock that is kept right."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of day, and a time that only goes forward (seconds)."""

    wall: datetime
    steady: float


def jump_s(before: Moment, now: Moment) -> float:
    """By how much the clock was set between two looks; 0 for what is no more than keeping it right."""
    moved = (now.wall - before.wall).total_seconds() - (now.steady - before.steady)
    return moved if abs(moved) > JUMP_S else 0.0


async def keep_time(house: House, scheduler: BaseScheduler) -> None:
    """Look again and again, until cancelled."""
    steady = asyncio.get_running_loop().time
    before = Moment(house.clock.now(), steady())
    while True:
        await asyncio.sleep(LOOK_S)
        now = Moment(house.clock.now(), steady())
        moved = jump_s(before, now)
        before = now
        if moved:
            log.warning("the clock was set by %.0f s", moved, extra={"action": "clock.set"})
            start_anew(scheduler)
            await bring_forward(house, moved)


def start_anew(scheduler: BaseScheduler) -> None:
    """Every job runs now, and from now on in its interval."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=datetime.now(UTC))


async def bring_forward(house: House, moved_s: float) -> None:
    """After the clock was set back, due times lie as far in the future: move them along."""
    if moved_s > 0:
        return
    for pair in await house.store.people.pairs():
        if pair.due_at is not None:
            due_at = pair.due_at + timedelta(seconds=moved_s)
            await house.store.people.put_pair(replace(pair, due_at=due_at))
