"""A person edits an appointment between our read and our write of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.asgi import Call
from tests.acceptance.company import open_company
from tests.acceptance.edits import People, Side
from tests.acceptance.judge import assert_quiet
from tests.acceptance.world import Born, Story

pytestmark = pytest.mark.server


@pytest.mark.parametrize("later_s", [0, 3], ids=["in the same second", "three seconds later"])
@pytest.mark.parametrize("born", list(Born))
@pytest.mark.parametrize("field", ["title", "place", "notes"])
async def test_H49_an_edit_in_the_gap_is_merged_or_kept_as_a_conflict(
    folder: Path, calendars: RadicaleProcess, field: str, born: Born, later_s: int
) -> None:
    async with open_company(folder, calendars) as company:
        person, story = company.people[0], Story(rng=random.Random(7))
        entry = story.make(person, born)
        await company.connect()
        story.look_up()
        people = People(story)
        gap: list[str] = []

        def edit_in_the_gap(call: Call) -> None:
            if call.method == "PATCH" and not gap:
                gap.append(call.path)
                company.clock.advance(later_s)
                people.edit_appointment(entry, {field: "From the diary"})

        company.sandbox.switches.before_effect.append(edit_in_the_gap)
        people.edit_object(entry, {"title": "From the calendar"}, zone="UTC")

        await company.run_until_converged(most=3)

        assert gap
        (diary,), (calendar,) = person.diary(), person.calendar()
        assert diary == calendar
        logged = {value for row in await company.conflicts() for value in row.values}
        shown = {diary.title, getattr(diary, field)}
        assert {"From the diary", "From the calendar"} <= shown | logged
        if field != "title":
            assert (diary.title, getattr(diary, field)) == ("From the calendar", "From the diary")
            assert logged == set()
        await assert_quiet(company)


@pytest.mark.parametrize("later_s", [0, 3], ids=["in the same second", "three seconds later"])
async def test_H49_an_edit_in_the_gap_before_a_deletion_wins(
    folder: Path, calendars: RadicaleProcess, later_s: int
) -> None:
    async with open_company(folder, calendars) as company:
        person, story = company.people[0], Story(rng=random.Random(8))
        entry, _ = (story.make(person, Born.BOTH) for _ in range(2))
        await company.connect()
        story.look_up()
        people = People(story)
        gap: list[str] = []

        def edit_in_the_gap(call: Call) -> None:
            if call.method == "DELETE" and not gap:
                gap.append(call.path)
                company.clock.advance(later_s)
                people.change(entry, Side.DIARY, title="Still needed")

        company.sandbox.switches.before_effect.append(edit_in_the_gap)
        people.remove(entry, Side.CALENDAR)

        await company.run_until_converged(most=3)

        assert gap
        titles = {shown.title for shown in person.diary()}
        logged = {row.title for row in await company.conflicts()}
        assert "Still needed" in titles | logged
        assert person.diary() == person.calendar()
        await assert_quiet(company)
