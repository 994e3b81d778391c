"""What must hold in the end, judged from what both sides show and from the conflict log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from calsync.core.event import AllDay, Timed
from calsync.core.record import Conflict
from tests.acceptance.company import Company, Person
from tests.acceptance.shown import Days, Span
from tests.acceptance.text import untouchable, zone_of
from tests.acceptance.world import Story


def assert_both_show(people: Iterable[Person], story: Story) -> None:
    for person in people:
        expected = story.expected(person)
        assert person.diary() == expected, person.name
        assert person.calendar() == expected, person.name


async def links_of(company: Company, person: Person) -> int:
    return await company.house.store.records.link_count(person.pair)


async def assert_quiet(company: Company) -> None:
    """Two more runs write nothing; nobody was mailed, and nothing waits for anybody."""
    company.forget_requests()
    assert [{one.state.value for one in await company.run()} for _ in range(2)] == [{"converged"}] * 2
    assert company.writes == []
    assert company.sandbox.mails == []
    assert await company.asides() == []
    assert await company.held() == []
    assert company.findings() == []


def assert_nothing_hidden_changed(company: Company, story: Story) -> None:
    """What calsync does not know stays as it was, byte for byte; and a time stays in the zone it was written in."""
    texts = {url: text for person in company.people for url, text in person.raw.texts(person.url).items()}
    for entry in story.entries:
        if entry.shown is None or entry.url is None:
            continue
        stored = texts[entry.url]
        if entry.kept is not None:
            assert untouchable(stored) == entry.kept, entry
        if entry.zone and isinstance(entry.shown.when, Span):
            assert zone_of(stored.decode()) == entry.zone, entry


def assert_in_conflict_log(story: Story, rows: Sequence[Conflict]) -> None:
    """Each value that gave way to another one, and each deletion that gave way to an edit; and nothing else."""
    logged = [(row.field.value, plain(row.values[row.won.other])) for row in rows if row.field and row.won]
    spared = [("deleted", row.title) for row in rows if row.field is None]

    assert {*map(repr, logged), *map(repr, spared)} == {*map(repr, story.lost)}
    assert all(row.won is not None and row.values[row.won] is not None for row in rows)
    assert {row.policy for row in rows if row.field} <= {"birth"}


def assert_logged_once(story: Story, rows: Sequence[Conflict]) -> None:
    """Where nothing was interrupted."""
    assert len(rows) == len(story.lost)


def plain(value: object) -> object:
    match value:
        case Timed():
            return Span(start=value.start_utc, end=value.end_utc)
        case AllDay(first=first, last=last):
            return Days(first=first, last=last)
        case _:
            return value
