"""Jobs go on whatever happens: an error of their own, or a clock that is set."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from calsync.compose import SystemClock
from calsync.daemon.health import Health
from calsync.daemon.schedule import add_job
from calsync.daemon.timekeeping import Moment, jump_s, start_anew

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_K19_a_job_that_fails_is_counted_and_comes_again() -> None:
    health = Health(SystemClock(), poll_s=300)
    times: list[int] = []
    scheduler = AsyncIOScheduler(timezone=UTC)

    async def fail() -> None:
        times.append(1)
        raise ZeroDivisionError

    add_job(scheduler, health, "failing", fail, 0.05)
    scheduler.start()
    async with asyncio.timeout(10):
        while len(times) < 3:  # noqa: ASYNC110  # what is waited for is that it comes again
            await asyncio.sleep(0.02)
    scheduler.shutdown(wait=False)

    assert health.ready()[1] == {"status": "failing: ZeroDivisionError"}
    assert b'calsync_failures_total{where="failing"}' in health.metrics()[0]


async def test_K14_jobs_go_on_when_the_clock_was_set_back() -> None:
    health = Health(SystemClock(), poll_s=300)
    ran = asyncio.Event()
    scheduler = AsyncIOScheduler(timezone=UTC)

    async def run() -> None:
        ran.set()

    add_job(scheduler, health, "job", run, 3600)
    scheduler.start()
    await asyncio.wait_for(ran.wait(), 10)
    ran.clear()
    scheduler.get_jobs()[0].modify(next_run_time=datetime.now(UTC) + timedelta(days=1))

    start_anew(scheduler)

    await asyncio.wait_for(ran.wait(), 10)
    scheduler.shutdown(wait=False)


def test_K14_a_clock_that_is_set_is_noticed_and_one_that_is_kept_right_is_not() -> None:
    before = Moment(NOON, 100.0)

    def after(wall_s: float, steady_s: float) -> float:
        return jump_s(before, Moment(NOON + timedelta(seconds=wall_s), 100.0 + steady_s))

    assert after(1, 1) == 0
    assert after(2, 1) == 0
    assert after(-86_399, 1) == -86_400
    assert after(3_601, 1) == 3_600
