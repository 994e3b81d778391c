"""The scenarios once more through the commands, as processes of their own, one after the other on one company."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.world import World
from tests.acceptance.company import Servers, open_servers, write_config
from tests.acceptance.edits import People, Side, live
from tests.acceptance.judge import assert_both_show
from tests.acceptance.program import Program
from tests.acceptance.world import Story, fill
from tests.servers.behaviour import Collection

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]


async def test_the_commands_lead_through_all_scenarios(folder: Path, calendars: RadicaleProcess) -> None:
    story = Story(rng=random.Random(10), first_day=datetime.now(UTC).date() - timedelta(days=11))
    async with open_servers(World(), calendars) as servers:
        config = write_config(folder, servers.sandbox, servers.front.url, settle_s=0.05, retry_base_s=0.05)
        fill(story, servers.people, each=46, on_both=0.25)
        async with Program(config=config) as program:
            await program.connect(servers)
            assert_both_show(servers.people, story)
            story.look_up()

            await changes_converge(program, servers, story, live(story, 22))
            await the_other_value_can_be_used(program, servers)
            await many_deletions_are_held(program, servers)
            await an_unreadable_calendar_deletes_nothing(program, servers)
            await a_lost_store_changes_nothing(program, servers, folder)


async def changes_converge(program: Program, servers: Servers, story: Story, people: People) -> None:
    assert await program.sync() <= 3
    assert_both_show(servers.people, story)
    entry = people.take()
    for side in Side:
        people.change(entry, side, title=f"{side.value} says")
    await program.sync()


async def the_other_value_can_be_used(program: Program, servers: Servers) -> None:
    row = next(row for row in await program.must("conflicts", "list") if row["crm"] == "diary says")
    other = {"crm": "calendar", "calendar": "crm"}[row["won"]]

    await program.must("conflicts", "use", row["id"], other)
    await program.sync()

    (person,) = servers.people
    assert person.diary() == person.calendar()
    assert row[other] in {shown.title for shown in person.diary()}


async def many_deletions_are_held(program: Program, servers: Servers) -> None:
    servers.front.forget()
    (person,) = servers.people
    there = person.records()
    for record in there[:12]:
        servers.sandbox.act.delete(person.associate, record["id"])

    code, _ = await program.run("sync", "--once")

    assert code == 20
    assert servers.front.writes == []
    (group,) = await program.must("held", "list")
    assert group["count"] == 12
    await program.must("held", "approve", group["id"])
    await program.sync()
    assert len(person.diary()) == len(there) - 12
    assert person.diary() == person.calendar()


async def an_unreadable_calendar_deletes_nothing(program: Program, servers: Servers) -> None:
    (person,) = servers.people
    before = person.diary()
    servers.front.behaviour.collection = Collection.NOT_FOUND

    code, _ = await program.run("sync", "--once")

    assert code == 1
    assert person.diary() == person.calendar() == before
    servers.front.behaviour.collection = Collection.FINE
    await program.sync()
    assert person.diary() == person.calendar() == before


async def a_lost_store_changes_nothing(program: Program, servers: Servers, folder: Path) -> None:
    (person,) = servers.people
    before = person.diary()
    servers.front.forget()
    servers.sandbox.requests.clear()
    for name in ("calsync.db", "calsync.db-wal", "calsync.db-shm"):
        (folder / name).unlink(missing_ok=True)

    await program.connect(servers)

    assert await program.sync() == 1
    assert [*servers.front.writes, *servers.sandbox.requests.writes] == []
    assert servers.sandbox.mails == []
    assert person.diary() == person.calendar() == before
