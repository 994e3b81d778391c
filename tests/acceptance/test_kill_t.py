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
from tests.acceptance.company import Person, Servers, open_servers, write_config
from tests.acceptance.edits import Kind, live
from tests.acceptance.holding import Holder, Moment
from tests.acceptance.program import Program, kill
from tests.acceptance.world import Story, fill

pytestmark = [pytest.mark.kill, pytest.mark.server]

CHANGES: Final = 50
POINTS: Final = {Moment.BEFORE_REQUEST: 10, Moment.BEFORE_ANSWER: 10, Moment.BEFORE_NEXT_REQUEST: 5, Moment.BEFORE_COMMIT: 5}
SYNC: Final[dict[str, Any]] = {
    "settle_s": 0.05,
    "retry_base_s": 0.05,
    "retry_max_s": 1.0,
    "poll_interval_s": 0.3,
    "held_min": 1000,
}
DAEMON: Final = ("serve", "--listen", "127.0.0.1:0")
ONE_RUN: Final = ("sync", "--once")
COMMANDS: Final = {"daemon": DAEMON, "one run": ONE_RUN}
WRITES: Final = (1, 5, 13, 26, 44)
"""At which write of a run the process dies; a run of fifty changes has more than fifty."""


@pytest.mark.parametrize("moment", list(Moment), ids=lambda moment: moment.value)
@pytest.mark.parametrize("command", COMMANDS)
async def test_a_killed_process_goes_on_where_it_was(
    folder: Path, calendars: RadicaleProcess, command: str, moment: Moment
) -> None:
    today = datetime.now(UTC).date()
    story = Story(rng=random.Random(f"{command} {moment.value}"), first_day=today - timedelta(days=11))
    async with open_servers(World(), calendars) as servers:
        config = write_config(folder, servers.sandbox, servers.front.url, **SYNC)
        async with Program(config=config) as program:
            fill(story, servers.people, each=60, on_both=0.25)
            await program.connect(servers)
            holder = Holder(servers, folder / "calsync.db")
            import time; t0=time.time(); T=lambda w: print(w, round(time.time()-t0,2), flush=True)
            for number in points(moment, command):
                T('start'); story.look_up(); T('looked')
                live(story, CHANGES, without=frozenset({Kind.COPY}))

                T('lived')
                with holder.armed(moment, number):
                    process = await program.start(*COMMANDS[command])
                    await holder.reached(); T('reached')
                    await kill(process)

                await goes_on(program, servers, story); T('well')
            await assert_nothing_left(program, servers, story)


def points(moment: Moment, command: str) -> tuple[int, ...]:
    """The last two moments share their ten points."""
    if moment in {Moment.BEFORE_REQUEST, Moment.BEFORE_ANSWER}:
        return WRITES
    return WRITES[::2] if command == "daemon" else WRITES[1::2]


async def goes_on(program: Program, servers: Servers, story: Story) -> None:
    daemon = await program.start(*DAEMON)
    async with asyncio.timeout(30):
        while any(differs(person, story) for person in servers.people):
            await asyncio.sleep(0.2)
            assert daemon.returncode is None
    await kill(daemon)


def differs(person: Person, story: Story) -> bool:
    expected = story.expected(person)
    return person.diary() != expected or person.calendar() != expected


async def assert_nothing_left(program: Program, servers: Servers, story: Story) -> None:
    await program.sync()
    servers.front.forget()
    servers.sandbox.requests.clear()
    assert [await program.sync(most=1) for _ in range(2)] == [1, 1]
    assert servers.front.writes == []
    assert servers.sandbox.requests.writes == []
    assert servers.sandbox.mails == []
    assert not any(differs(person, story) for person in servers.people)
    rows = await program.must("conflicts", "list")
    logged = {(row["field"], value) for row in rows for value in (row["crm"], row["calendar"]) if isinstance(value, str)}
    assert [one for one in story.lost if one[0] not in {"deleted", "when"} and one not in logged] == []
    code, found = await program.run("fsck")
    assert (code, found["findings"]) == (0, [])
