"""Deletions: many are held, a few go, and nothing that only looks like one deletes anything."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.acceptance.company import Company, open_company
from tests.acceptance.edits import People, Side
from tests.acceptance.judge import assert_both_show, assert_quiet
from tests.acceptance.world import Story, fill
from tests.schemas import SchemaCheckedApp
from tests.servers.behaviour import Collection

pytestmark = pytest.mark.server

COUNT: Final = 50
ALWAYS: Final = 1_000_000


@asynccontextmanager
async def fifty_linked(folder: Path, calendars: RadicaleProcess) -> AsyncIterator[tuple[Company, Story]]:
    async with open_company(folder, calendars) as company:
        story = Story(rng=random.Random(3))
        fill(story, company.people, each=COUNT, on_both=1.0)
        await company.connect()
        story.look_up()
        company.forget_requests()
        yield company, story


def delete(story: Story, side: Side, count: int) -> None:
    people = People(story)
    for _ in range(count):
        entry = people.take()
        people.remove(entry, side)
        entry.shown = None


@pytest.mark.parametrize("side", list(Side))
async def test_twelve_of_fifty_are_held_and_approved_exactly_those_go(
    folder: Path, calendars: RadicaleProcess, side: Side
) -> None:
    async with fifty_linked(folder, calendars) as (company, story):
        person = company.people[0]
        there = {Side.DIARY: person.calendar, Side.CALENDAR: person.diary}[side]
        delete(story, side, 12)

        outcomes = [*await company.run(), *await company.run()]

        assert [(one.state.value, one.held) for one in outcomes] == [("action", 12)] * 2
        assert company.writes == []
        assert len(there()) == COUNT

        await company.approve()
        await company.run_until_converged(most=1)

        assert_both_show(company.people, story)
        await assert_quiet(company)


@pytest.mark.parametrize("side", list(Side))
async def test_five_of_fifty_go(folder: Path, calendars: RadicaleProcess, side: Side) -> None:
    async with fifty_linked(folder, calendars) as (company, story):
        delete(story, side, 5)

        await company.run_until_converged(most=1)

        assert_both_show(company.people, story)
        await assert_quiet(company)


async def test_a_calendar_that_is_emptied_is_held_and_can_be_filled_again(
    folder: Path, calendars: RadicaleProcess
) -> None:
    async with fifty_linked(folder, calendars) as (company, story):
        person = company.people[0]
        for entry in story.entries:
            People(story).remove(entry, Side.CALENDAR)

        outcomes = await company.run()

        assert [(one.state.value, one.held) for one in outcomes] == [("action", COUNT)]
        assert company.writes == []
        assert person.diary() == story.expected(person)

        await company.discard()
        await company.run_until_converged(most=2)

        assert_both_show(company.people, story)
        await assert_quiet(company)


@pytest.mark.parametrize("tokens_expired", [False, True], ids=["token known", "token unknown"])
@pytest.mark.parametrize("wrong", [each for each in Collection if each is not Collection.FINE])
async def test_N10_N15_P23_P24_a_calendar_that_cannot_be_read_deletes_nothing(
    folder: Path, calendars: RadicaleProcess, wrong: Collection, *, tokens_expired: bool
) -> None:
    async with fifty_linked(folder, calendars) as (company, story):
        person = company.people[0]
        company.front.behaviour.tokens_expired = tokens_expired
        company.front.behaviour.collection = wrong

        for _ in range(2):
            await company.run()

        assert company.writes == []
        assert person.diary() == person.calendar() == story.expected(person)

        company.front.behaviour.collection = Collection.FINE
        company.front.behaviour.tokens_expired = False
        await goes_on(company, story)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(harm=Harm.ANSWER_BEFORE, status=500, times=ALWAYS),
        Fault(harm=Harm.HTML, status=200, times=ALWAYS),
        Fault(harm=Harm.EMPTY, status=200, times=ALWAYS),
        Fault(harm=Harm.ANSWER_BEFORE, status=401, times=ALWAYS),
        Fault(harm=Harm.ANSWER_BEFORE, status=404, times=ALWAYS),
        Fault(harm=Harm.CUT_BEFORE, times=ALWAYS),
    ],
    ids=["500", "login page", "empty", "401", "404", "cut"],
)
async def test_a_diary_that_cannot_be_read_deletes_nothing(
    folder: Path, calendars: RadicaleProcess, fault: Fault
) -> None:
    async with fifty_linked(folder, calendars) as (company, story):
        person = company.people[0]
        if isinstance(company.sandbox.app, SchemaCheckedApp):
            company.sandbox.app.faulty_answers = True
        fault.path = "appointment"
        company.sandbox.switches.faults.append(fault)

        for _ in range(2):
            await company.run()

        assert company.writes == []
        assert person.diary() == person.calendar() == story.expected(person)

        company.sandbox.switches.faults.clear()
        company.clock.advance(3600)
        await company.admit()
        await goes_on(company, story)


async def goes_on(company: Company, story: Story) -> None:
    """Nothing was lost, and what is edited now arrives."""
    people = People(story)
    for side in Side:
        people.change(people.take(), side, title=f"Well again, says the {side.value}")

    await company.run_until_converged(most=2)

    assert_both_show(company.people, story)
    await assert_quiet(company)
