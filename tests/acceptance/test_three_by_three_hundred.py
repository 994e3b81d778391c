"""Three people with three hundred events each, five hundred changes on both sides, and nothing is lost or doubled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import USERS, open_company
from tests.acceptance.edits import Kind, live
from tests.acceptance.judge import (
    assert_both_show,
    assert_in_conflict_log,
    assert_logged_once,
    assert_nothing_hidden_changed,
    assert_quiet,
    links_of,
)
from tests.acceptance.world import Story, fill

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

EACH, CHANGES = 300, 500


async def test_everything_of_three_people_converges_and_stays(folder: Path, calendars: RadicaleProcess) -> None:
    async with open_company(folder, calendars, users=list(USERS)) as company:
        story = Story(rng=random.Random(20260701))
        fill(story, company.people, each=EACH, on_both=0.25)

        await company.connect()
        await company.run_until_converged(most=1)

        assert_both_show(company.people, story)
        assert [await links_of(company, person) for person in company.people] == [EACH] * 3
        story.look_up()

        people = live(story, CHANGES)
        assert people.done.total() == CHANGES
        assert min(people.done[kind] for kind in Kind) >= 40
        company.clock.advance(600)
        await company.run_until_converged(most=3)

        assert_both_show(company.people, story)
        assert_nothing_hidden_changed(company, story)
        assert_in_conflict_log(story, await company.conflicts())
        assert_logged_once(story, await company.conflicts())
        await assert_quiet(company)
