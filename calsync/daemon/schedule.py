"""The handful of recurring jobs. Pairs are no jobs: they are rows with a due time (docs/decisions/0006)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from calsync.compose import House
from calsync.core.errors import OwnStateError
from calsync.daemon.dispatch import Dispatch
from calsync.daemon.health import Health
from calsync.ports import Diary

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
SHORTEST_S: Final = 0.05
VITALS_S: Final = 15.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
KEPT_FOR: Final = timedelta(days=90)
"""How long runs, histories and settled conflicts are kept; documented in ``docs/reference/cli.md``."""
_TICKS_A_POLL: Final = 10

Job = Callable[[], Awaitable[None]]


def make_schedule(house: House, dispatch: Dispatch, health: Health) -> AsyncIOScheduler:
    """All jobs; each runs once at the start, never twice at the same time, and goes on after an error."""
    # Its own words about slow jobs and missed times are of no use to an operator.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = AsyncIOScheduler(timezone=UTC)
    poll_s = house.settings.sync.poll_interval_s
    jobs: tuple[tuple[str, Job, float], ...] = (
        ("dispatch", dispatch.tick, min(TICK_S, max(SHORTEST_S, poll_s / _TICKS_A_POLL))),
        ("feeds", lambda: read_feeds(house), poll_s),
        ("vitals", lambda: count_pairs(house, health), VITALS_S),
        ("epoch", lambda: raise_epoch(house), HOUR_S),
        ("history", lambda: prune_history(house), DAY_S),
    )
    for name, job, every_s in jobs:
        add_job(scheduler, health, name, job, every_s)
    return scheduler


def add_job(scheduler: AsyncIOScheduler, health: Health, name: str, job: Job, every_s: float) -> None:
    options: dict[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
    scheduler.add_job(
        _guarded(name, job, health), "interval", seconds=every_s, id=name, next_run_time=datetime.now(UTC), **options
    )


def _guarded(name: str, job: Job, health: Health) -> Job:
    async def run() -> None:
        try:
            await job()
        except OwnStateError as error:
            log.error("%s: %s", name, error, extra={"action": "job.failed"})  # noqa: TRY400  # expected now and then
            health.troubled(name, error)
        except Exception as error:
            # A job that fails is counted and comes again; the daemon does not end for it.
            log.exception("the job %s failed", name, extra={"action": "job.failed"})
            health.troubled(name, error)

    return run


async def read_feeds(house: House) -> None:
    """Ask every tenant that has a diary in a pair what changed; touched pairs are due at once."""
    people = house.store.people
    concerned = {pair.tenant for pair in await people.pairs() if isinstance(pair.ends.crm, Diary)}
    tenants = [tenant for tenant in await people.tenants() if tenant.id in concerned]
    await asyncio.gather(*(house.feeds.read(tenant) for tenant in tenants))


async def count_pairs(house: House, health: Health) -> None:
    health.counted(await house.store.people.pairs())


async def prune_history(house: House) -> None:
    """Delete history that is old enough, a batch at a time: runs have their turn in between."""
    before = house.clock.now() - KEPT_FOR
    pruned = 1
    while pruned:
        pruned = sum((await house.store.records.prune(before)).values())


async def raise_epoch(house: House) -> None:
    await house.store.raise_epoch()
