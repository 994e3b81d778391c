"""The process is killed at many points of a run of fifty changes and started again: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.world import World
from tests.acceptance.company import Servers, open_servers, write_config
from tests.acceptance.edits import Kind, live
from tests.acceptance.holding import Holder, Moment
from tests.acceptance.judge import assert_both_show
from tests.acceptance.program import Program, kill
from tests.acceptance.world import Story, fill

pytestmark = [pytest.mark.kill, pytest.mark.server]

CHANGES: Final = 50
SYNC: Final[dict[str, Any]] = {
    "settle_s": 0.05,
    "retry_base_s": 0.05,
    "retry_max_s": 1.0,
    "poll_interval_s": 0.3,
    "held_min": 1000,
}
DAEMON: Final = ("serve", "--listen", "127.0.0.1:0")
POINTS: Final = [
    *((Moment.BEFORE_REQUEST, numbers) for numbers in ((1, 4, 9, 17, 30), (2, 6, 13, 23, 42))),
    *((Moment.BEFORE_ANSWER, numbers) for numbers in ((1, 4, 9, 17, 30), (2, 6, 13, 23, 42))),
    (Moment.BEFORE_NEXT_REQUEST, (1, 4, 11, 23, 42)),
    (Moment.BEFORE_COMMIT, (1, 3, 8, 20, 40)),
]
"""At which writes of a run the daemon dies; a run of fifty changes has more than fifty."""


@pytest.mark.parametrize(("moment", "numbers"), POINTS)
async def test_a_killed_daemon_goes_on_where_it_was(
    folder: Path, calendars: RadicaleProcess, moment: Moment, numbers: tuple[int, ...]
) -> None:
    today = datetime.now(UTC).date()
    story = Story(rng=random.Random(f"{moment.value} {numbers}"), first_day=today - timedelta(days=11))
    async with open_servers(World(), calendars) as servers:
        config = write_config(folder, servers.sandbox, servers.front.url, **SYNC)
        async with Program(config=config) as program:
            fill(story, servers.people, each=56, on_both=0.9)
            await program.connect(servers)
            holder = Holder(servers, folder / "calsync.db")
            for number in numbers:
                story.look_up()
                live(story, CHANGES, without=frozenset({Kind.COPY}))

                with holder.armed(moment, number):
                    daemon = await program.start(*DAEMON)
                    await holder.reached()
                    await kill(daemon)

                await program.sync()
                assert_both_show(servers.people, story)
            await assert_nothing_left(program, servers, story)


async def test_a_killed_daemon_is_started_again_as_a_daemon(folder: Path, calendars: RadicaleProcess) -> None:
    today = datetime.now(UTC).date()
    story = Story(rng=random.Random(9), first_day=today - timedelta(days=11))
    async with open_servers(World(), calendars) as servers:
        config = write_config(folder, servers.sandbox, servers.front.url, **SYNC)
        async with Program(config=config) as program:
            fill(story, servers.people, each=56, on_both=0.9)
            await program.connect(servers)
            holder = Holder(servers, folder / "calsync.db")
            story.look_up()
            live(story, CHANGES, without=frozenset({Kind.COPY}))
            for moment in Moment:
                with holder.armed(moment, 5):
                    daemon = await program.start(*DAEMON)
                    await holder.reached()
                    await kill(daemon)

            daemon = await program.start(*DAEMON)
            await program.sync()

            assert_both_show(servers.people, story)
            assert daemon.returncode is None
            daemon.terminate()
            assert await asyncio.wait_for(daemon.wait(), 10) == 0
            await assert_nothing_left(program, servers, story)


async def assert_nothing_left(program: Program, servers: Servers, story: Story) -> None:
    await program.sync()
    servers.front.forget()
    servers.sandbox.requests.clear()
    assert [await program.sync(most=1) for _ in range(2)] == [1, 1]
    assert servers.front.writes == []
    assert servers.sandbox.requests.writes == []
    assert servers.sandbox.mails == []
    assert_both_show(servers.people, story)
    rows = await program.must("conflicts", "list")
    logged = {(row["field"], value) for row in rows for value in (row["crm"], row["calendar"]) if isinstance(value, str)}
    assert [one for one in story.lost if one[0] not in {"deleted", "when"} and one not in logged] == []
    code, found = await program.run("fsck")
    assert (code, found["findings"]) == (0, [])
