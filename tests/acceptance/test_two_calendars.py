"""A pair of two calendars, on Radicale and on Xandikos, through the same engine and composition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from calsync.compose import House
from calsync.engine.pairs import Added, apply_pair, read_pair
from calsync.engine.people import connect
from calsync.engine.rounds import sync_once
from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import USERS, open_house_in
from tests.acceptance.shown import Shown, Span, in_order, shown_text
from tests.acceptance.text import edited, new_text, untouchable
from tests.engine.bench import TestClock
from tests.servers.fixtures import CalDavServer, MakeCalendar
from tests.servers.front import Front
from tests.servers.witness import RawWitness, Witness
from tests.servers.xandikos import XandikosProcess

pytestmark = pytest.mark.server

ZONE: Final = "Europe/Oslo"


@dataclass(slots=True, kw_only=True)
class Place:
    """A calendar on one server, a front before it, and a person who uses it."""

    user: str
    password: str
    home: str
    url: str
    front: Front
    witness: Witness

    @property
    def raw(self) -> RawWitness:
        return RawWitness(self.user, self.password)

    def shown(self) -> list[Shown]:
        return in_order(shown_text(text, ZONE) for text in self.witness.list_objects(self.url).values())

    def put(self, name: str, shown: Shown) -> str:
        url = f"{self.url}{name}.ics"
        assert self.raw.put(url, new_text(name, shown, zone=ZONE).encode()).status == 201
        return url

    def url_of(self, title: str) -> str:
        return next(url for url, text in self.raw.objects(self.url).items() if f"SUMMARY:{title}\r\n".encode() in text)

    def edit(self, title: str, /, **fields: object) -> None:
        self.witness.edit(self.url_of(title), lambda text: edited(text, fields, zone=ZONE))


@dataclass(slots=True, kw_only=True)
class Two:
    """Both calendars, ``left`` in the place of the diary, and calsync between them."""

    left: Place
    right: Place
    folder: Path
    clock: TestClock
    house: House

    async def connect(self) -> Added:
        desk, turns = self.house.people_desk, self.house.turns
        ends = []
        for place in (self.left, self.right):
            account = {"kind": "caldav", "url": place.front.through(place.home), "username": place.user}
            connection, _ = await connect(desk, {**account, "password": place.password})
            ends.append({"connection": connection.id, "calendar": place.front.through(place.url)})
        wanted = {**ends[1], "crm": ends[0], "policy": {"time_zone": ZONE}}
        return await apply_pair(
            desk, turns, await read_pair(desk, turns, wanted, self.house.standard_policy), checksum=None
        )

    async def run(self) -> list[str]:
        self.clock.advance(120)
        return [outcome.state.value for outcome in await sync_once(self.house.turns, self.house.feeds)]

    async def lose_store(self) -> None:
        await self.house.aclose()
        for name in ("calsync.db", "calsync.db-wal", "calsync.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        self.house = await open_house_in(self.folder, self.clock, fresh=True)

    @property
    def writes(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for place in (self.left, self.right) for asked in place.front.writes]

    def forget_requests(self) -> None:
        for place in (self.left, self.right):
            place.front.forget()


def event(title: str, day: int) -> Shown:
    start = datetime(2026, 7, day, 9, tzinfo=UTC)
    return Shown(title=title, when=Span(start=start, end=start + timedelta(hours=1)), notes="ça\nva 🎉")


@pytest.fixture
async def two(
    folder: Path, calendars: RadicaleProcess, xandikos: XandikosProcess, new_xandikos_calendar: MakeCalendar
) -> AsyncIterator[Two]:
    async with (
        _place("kari", USERS["kari"], calendars, calendars.make_calendar(folder.name)) as left,
        _place(xandikos.user, xandikos.password, xandikos, new_xandikos_calendar()) as right,
    ):
        allowed = [place.front.url.rstrip("/") for place in (left, right)]
        config = ["[secrets]", 'key_file = "key"', "[outbound]", f"allow_hosts = {allowed}"]
        (folder / "calsync.toml").write_text("\n".join(config))
        clock = TestClock()
        house = await open_house_in(folder, clock, fresh=True)
        both = Two(left=left, right=right, folder=folder, clock=clock, house=house)
        for number in range(1, 9):
            left.put(f"left-{number}", event(f"Left {number}", number))
            right.put(f"right-{number}", event(f"Right {number}", 10 + number))
            for place in (left, right):
                place.put(f"both-{number}", event(f"Both {number}", 20 + number))
        yield both
        await both.house.aclose()


@asynccontextmanager
async def _place(user: str, password: str, server: CalDavServer, url: str) -> AsyncIterator[Place]:
    with Front(server.url) as front, Witness(user, password) as witness:
        yield Place(user=user, password=password, home=server.home_url(), url=url, front=front, witness=witness)


async def test_two_calendars_are_kept_the_same(two: Two) -> None:
    added = await two.connect()
    assert (added.link, added.create.crm, added.create.calendar) == (8, 8, 8)
    assert two.left.shown() == two.right.shown()
    assert len(two.left.shown()) == 24
    hidden = {url: untouchable(text) for url, text in two.right.raw.objects(two.right.url).items()}

    two.left.edit("Left 1", title="Renamed on the left")
    two.right.edit("Left 1", place="Moved on the right")
    two.right.edit("Both 2", private=True, notes="Said on the right")
    two.left.edit("Right 3", when=event("", 25).when)
    two.left.witness.delete(two.left.url_of("Both 4"))
    two.right.witness.delete(two.right.url_of("Right 5"))
    # Xandikos answers 423 to a write while it is busy with another one; then there is more to do.
    states = [await two.run() for _ in range(3)]
    two.forget_requests()

    assert states[-1] == await two.run() == ["converged"]
    assert two.writes == []
    shown = two.left.shown()
    assert shown == two.right.shown()
    assert len(shown) == 22
    assert replace(event("Renamed on the left", 1), place="Moved on the right") in shown
    assert replace(event("Both 2", 22), private=True, notes="Said on the right") in shown
    assert event("Right 3", 25) in shown
    left_over = two.right.raw.objects(two.right.url)
    assert {url: untouchable(text) for url, text in left_over.items()} == {url: hidden[url] for url in left_over}


async def test_a_lost_store_of_two_calendars_makes_nothing_new_and_deletes_nothing(two: Two) -> None:
    await two.connect()
    two.forget_requests()
    before = two.left.shown()

    await two.lose_store()
    added = await two.connect()

    assert (added.link, added.create.crm, added.create.calendar) == (24, 0, 0)
    assert two.writes == []
    assert two.left.shown() == two.right.shown() == before
    assert await two.run() == ["converged"]
    assert two.writes == []


async def test_a_quiet_run_of_two_calendars_asks_each_once(two: Two) -> None:
    await two.connect()
    await two.run()
    two.forget_requests()

    assert await two.run() == ["converged"]

    assert [len(place.front.requests) for place in (two.left, two.right)] == [1, 1]
