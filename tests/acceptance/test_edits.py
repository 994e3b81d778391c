"""One event edited on both sides: different fields, one field, and a person who wants the other value."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from calsync.core.ends import End
from calsync.core.record import ConflictState
from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import open_company
from tests.acceptance.edits import People, Side
from tests.acceptance.judge import assert_both_show, assert_quiet
from tests.acceptance.world import Born, Story

pytestmark = pytest.mark.server


@pytest.mark.parametrize("born", list(Born))
async def test_edits_of_different_fields_both_survive(folder: Path, calendars: RadicaleProcess, born: Born) -> None:
    async with open_company(folder, calendars) as company:
        story = Story(rng=random.Random(1))
        entry = story.make(company.people[0], born)
        await company.connect()
        story.look_up()

        people = People(story)
        people.change(entry, Side.DIARY, title="Renamed in the diary", private=True)
        people.change(entry, Side.CALENDAR, place="Moved in the calendar", notes="And\nsaid so")
        await company.run_until_converged(most=1)

        assert_both_show(company.people, story)
        assert await company.conflicts() == []
        await assert_quiet(company)


@pytest.mark.parametrize("born", list(Born))
async def test_an_edit_of_one_field_keeps_both_values_and_the_other_can_be_used(
    folder: Path, calendars: RadicaleProcess, born: Born
) -> None:
    async with open_company(folder, calendars) as company:
        story = Story(rng=random.Random(2))
        entry = story.make(company.people[0], born)
        await company.connect()
        story.look_up()
        titles = {Side.DIARY: "So says the diary", Side.CALENDAR: "So says the calendar"}
        people = People(story)
        for side, title in titles.items():
            people.change(entry, side, title=title)
        winner = Side.CALENDAR if born is Born.CALENDAR else Side.DIARY

        await company.run_until_converged(most=1)

        assert entry.shown is not None
        entry.shown = replace(entry.shown, title=titles[winner])
        assert_both_show(company.people, story)
        (row,) = await company.conflicts()
        assert (row.values.crm, row.values.calendar) == (titles[Side.DIARY], titles[Side.CALENDAR])
        assert row.won is End(({Side.DIARY: "crm", Side.CALENDAR: "calendar"})[winner])

        await company.use(row.id, row.won.other)
        await company.run_until_converged(most=1)

        entry.shown = replace(entry.shown, title=titles[winner.other])
        assert_both_show(company.people, story)
        assert [one.state for one in await company.conflicts()] == [ConflictState.SETTLED]
        await assert_quiet(company)
