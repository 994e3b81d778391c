"""The store is lost, made anew, and the same pair is connected again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import open_company
from tests.acceptance.edits import Side, live
from tests.acceptance.judge import assert_both_show, assert_quiet, links_of
from tests.acceptance.world import Story, fill

pytestmark = pytest.mark.server


async def test_a_lost_store_makes_nothing_new_and_deletes_nothing(folder: Path, calendars: RadicaleProcess) -> None:
    async with open_company(folder, calendars) as company:
        person = company.people[0]
        story = Story(rng=random.Random(4))
        fill(story, company.people, each=60, on_both=0.25)
        await company.connect()
        story.look_up()
        live(story, 44)
        await company.run_until_converged()
        company.forget_requests()
        there = len(story.expected(person))

        await company.reopen(without_store=True)
        (added,) = await company.connect()

        assert (added.link, added.create.crm, added.create.calendar) == (there, 0, 0)
        assert company.writes == []
        assert await links_of(company, person) == there
        assert_both_show(company.people, story)
        await assert_quiet(company)


@pytest.mark.parametrize("side", list(Side))
async def test_after_a_lost_store_edits_go_on(folder: Path, calendars: RadicaleProcess, side: Side) -> None:
    async with open_company(folder, calendars) as company:
        story = Story(rng=random.Random(5))
        fill(story, company.people, each=8, on_both=0.25)
        await company.connect()
        await company.reopen(without_store=True)
        await company.connect()
        story.look_up()

        live(story, 8 if side is Side.DIARY else 7)
        await company.run_until_converged()

        assert_both_show(company.people, story)
        await assert_quiet(company)
