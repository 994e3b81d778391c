"""The process is killed at many points of a run of fifty changes and started again: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from calsync.compose import SystemClock
from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.world import World
from tests.acceptance.company import Company, open_house_in, open_servers, write_config
from tests.acceptance.edits import Kind, live
from tests.acceptance.holding import Holder, Moment
from tests.acceptance.judge import assert_both_show, assert_in_conflict_log, assert_quiet
from tests.acceptance.program import Program, kill
from tests.acceptance.world import Story, fill

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]

CHANGES: Final = 50
SYNC: Final[dict[str, Any]] = {
    "settle_s": 0.05,
    "retry_base_s": 0.05,
    "retry_max_s": 1.0,
    "poll_interval_s": 0.3,
    "held_min": 1000,
}
POINTS: Final = [
    *((Moment.BEFORE_REQUEST, numbers) for numbers in ((1, 4, 9, 17, 30), (2, 6, 13, 23, 42))),
    *((Moment.BEFORE_ANSWER, numbers) for numbers in ((1, 4, 9, 17, 30), (2, 6, 13, 23, 42))),
    (Moment.BEFORE_NEXT_REQUEST, (1, 4, 11, 23, 42)),
    (Moment.BEFORE_COMMIT, (1, 3, 8, 20, 40)),
]
"""At which writes of a run the daemon dies; a run of fifty changes has more than fifty."""


class PassingTime(SystemClock):
    """The machine's clock. Letting time pass is to wait until what was too young to be judged is older."""

    def advance(self, seconds: float) -> None:
        del seconds
        time.sleep(2 * SYNC["settle_s"])


@asynccontextmanager
async def connected(folder: Path, calendars: RadicaleProcess, story: Story) -> AsyncIterator[Company]:
    """One person with 56 linked events; the store is closed and ready for the daemon."""
    clock = PassingTime()
    async with open_servers(World(), calendars, is_checked=False) as servers:
        write_config(folder, servers.sandbox, servers.front.url, **SYNC)
        fill(story, servers.people, each=56, on_both=0.9)
        house = await open_house_in(folder, clock, fresh=True)
        company = Company(folder=folder, clock=clock, servers=servers, house=house)
        await company.connect()
        await company.close()
        try:
            yield company
        finally:
            await company.close()


def change_fifty(story: Story) -> None:
    story.look_up()
    live(story, CHANGES, without=frozenset({Kind.COPY}))


@pytest.mark.parametrize(("moment", "numbers"), POINTS)
async def test_a_killed_daemon_goes_on_where_it_was(
    folder: Path, calendars: RadicaleProcess, moment: Moment, numbers: tuple[int, ...]
) -> None:
    story = new_story(f"{moment.value} {numbers}")
    async with connected(folder, calendars, story) as company, Program(config=folder / "calsync.toml") as program:
        holder = Holder(company.servers, folder / "calsync.db")
        for number in numbers:
            change_fifty(story)

            await killed_at(holder, moment, number, program)
            await company.reopen()
            assert await open_writes(company) > 0
            await company.run_until_converged(most=3)

            assert_both_show(company.people, story)
            await company.close()
        await company.reopen()
        assert_in_conflict_log(story, await company.conflicts())
        await assert_quiet(company)


async def test_a_killed_daemon_is_started_again_as_a_daemon(folder: Path, calendars: RadicaleProcess) -> None:
    story = new_story("again and again")
    async with connected(folder, calendars, story) as company, Program(config=folder / "calsync.toml") as program:
        holder = Holder(company.servers, folder / "calsync.db")
        change_fifty(story)
        for moment in Moment:
            await killed_at(holder, moment, 5, program)

        daemon = await program.start_daemon()
        await program.sync()

        assert_both_show(company.people, story)
        assert daemon.returncode is None
        daemon.terminate()
        assert await asyncio.wait_for(daemon.wait(), 10) == 0
        await company.reopen()
        assert_in_conflict_log(story, await company.conflicts())
        await assert_quiet(company)


async def killed_at(holder: Holder, moment: Moment, number: int, program: Program) -> None:
    with holder.armed(moment, number):
        daemon = await program.start_daemon(wait=False)
        await holder.reached()
        await kill(daemon)


async def open_writes(company: Company) -> int:
    """Writes of which the store says that they were about to be sent, and not what came of them."""
    found = [await company.house.store.records.restless_links(person.pair) for person in company.people]
    return sum(not link.is_settled for links in found for link in links)


def new_story(seed: str) -> Story:
    return Story(rng=random.Random(seed), first_day=datetime.now(UTC).date() - timedelta(days=11))
