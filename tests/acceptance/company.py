"""A company with its diaries in the simulator and its calendars on Radicale, and calsync composed between them.

People and witnesses reach the servers directly; calsync reaches the calendars through a front that counts what it
writes. The composition is the one of the daemon (`calsync.compose`), in process and on a clock that tests move.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from calsync.compose import House, init_house, open_house
from calsync.core.ends import End
from calsync.core.record import Conflict, Held
from calsync.core.refs import ConflictId, PairId
from calsync.engine.pairs import Added, apply_pair, read_pair
from calsync.engine.people import add_tenant, connect
from calsync.engine.resolve import approve, discard, use_other
from calsync.engine.rounds import Outcome, sync_once
from calsync.ports import Clock
from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.believable import believable_company
from calsync.sandbox.superoffice.server import SuperOfficeSandbox
from calsync.sandbox.superoffice.world import World
from calsync.settings import load_settings
from tests.acceptance.shown import Shown, in_order, shown_record, shown_text
from tests.acceptance.text import one_file
from tests.engine.bench import TestClock
from tests.schemas import SchemaCheckedApp, schema_folder
from tests.servers.behaviour import Behaviour
from tests.servers.front import Front
from tests.servers.witness import RawWitness, Witness

USERS: Final[Mapping[str, str]] = {name: f"{name}-password" for name in ("kari", "ola", "emma")}
"""Accounts on Radicale; the simulator has people of the same names."""

ZONES: Final[Mapping[str, str]] = {"kari": "Europe/Oslo", "ola": "Europe/Oslo", "emma": "America/New_York"}
_numbers: Final = itertools.count(1)


@dataclass(slots=True, kw_only=True)
class Person:
    """One user: a diary, a calendar (by its own address on Radicale), and the eyes of a witness on both."""

    name: str
    associate: int
    zone: str
    url: str
    raw: RawWitness
    witness: Witness
    sandbox: SuperOfficeSandbox
    pair: PairId = PairId("")  # noqa: RUF009  # an immutable value

    def diary(self) -> list[Shown]:
        return in_order(shown_record(record, self.zone) for record in self.records())

    def records(self) -> list[dict[str, Any]]:
        return self.sandbox.act.records(self.associate)

    def calendar(self) -> list[Shown]:
        """As the `caldav` library reads it."""
        return in_order(shown_text(text, self.zone) for text in self.witness.list_objects(self.url).values())

    def put(self, name: str, text: str) -> str:
        """Store an object as another program; gives its URL."""
        url = f"{self.url}{name}.ics"
        answer = self.raw.put(url, text.encode())
        assert answer.status in {201, 204}, answer
        return url

    def import_file(self, texts: Sequence[str]) -> None:
        """Fill the calendar from a file; what was in it is gone."""
        answer = self.raw.put(self.url, one_file(texts).encode())
        assert answer.status in {201, 204}, answer


@dataclass(slots=True, kw_only=True)
class Servers:
    """The systems at both ends and the people who use them."""

    sandbox: SuperOfficeSandbox
    radicale: RadicaleProcess
    front: Front
    people: list[Person]


class PassingClock(Clock, Protocol):
    """A clock for which a test can let time pass."""

    def advance(self, seconds: float) -> None: ...


@dataclass(slots=True, kw_only=True)
class Company:
    """Everything in one place. ``pairs`` are made by `connect`."""

    folder: Path
    clock: PassingClock
    servers: Servers
    house: House
    is_open: bool = True

    @property
    def sandbox(self) -> SuperOfficeSandbox:
        return self.servers.sandbox

    @property
    def front(self) -> Front:
        return self.servers.front

    @property
    def people(self) -> list[Person]:
        return self.servers.people

    # --- taking in

    async def connect(
        self, people: Sequence[Person] | None = None, policy: Mapping[str, Any] | None = None
    ) -> list[Added]:
        """Take the tenant in, and connect and pair each person; a pair's first run is part of it."""
        await self.admit()
        desk, house = self.house.people_desk, self.house
        added = []
        for person in self.people if people is None else people:
            login = {"url": self.front.through(self.servers.radicale.home_url(person.name)), "username": person.name}
            wanted = {"tenant": self.sandbox.world.tenant().custid, "associate_id": person.associate}
            account = {**wanted, **login, "kind": "caldav", "password": USERS[person.name]}
            connection, _ = await connect(desk, account)
            calendar = {"connection": connection.id, "calendar": self.front.through(person.url)}
            request = {**wanted, **calendar, "policy": dict(policy or {})}
            pair = await read_pair(desk, house.turns, request, house.standard_policy)
            added.append(await apply_pair(desk, house.turns, pair, None))
            person.pair = pair.id
        return added

    async def admit(self) -> None:
        """`calsync tenant add`."""
        credentials = self.sandbox.credentials()
        tenant = {
            "environment": "sod",
            "custid": credentials.custid,
            "system_user_token": credentials.system_user_token,
        }
        await add_tenant(self.house.people_desk, tenant)

    async def reopen(self, *, without_store: bool = False) -> None:
        """Close everything and open it again, with a new empty store where the old one is lost."""
        await self.close()
        if without_store:
            for name in ("calsync.db", "calsync.db-wal", "calsync.db-shm"):
                (self.folder / name).unlink(missing_ok=True)
        self.house, self.is_open = await open_house_in(self.folder, self.clock, fresh=without_store), True

    async def close(self) -> None:
        """Leave the store to others."""
        if self.is_open:
            self.is_open = False
            await self.house.aclose()

    # --- runs

    async def run(self) -> list[Outcome]:
        """`calsync sync --once`, two minutes later."""
        self.clock.advance(120)
        return await sync_once(self.house.turns, self.house.feeds)

    async def run_until_converged(self, most: int = 3) -> int:
        """How many runs it took."""
        outcomes: list[Outcome] = []
        for number in range(1, most + 1):
            outcomes = await self.run()
            if all(outcome.state.value == "converged" for outcome in outcomes):
                return number
        raise AssertionError(outcomes)

    @property
    def writes(self) -> list[str]:
        """Every request that meant to change something, at both systems."""
        office = [f"{entry.method} {entry.path}" for entry in self.sandbox.requests.writes]
        return office + [f"{asked.method} {asked.path}" for asked in self.front.writes]

    def forget_requests(self) -> None:
        self.sandbox.requests.clear()
        self.front.forget()

    # --- records

    async def conflicts(self) -> Sequence[Conflict]:
        return await self.house.store.records.conflicts()

    async def held(self) -> Sequence[Held]:
        return await self.house.store.records.held(open_only=True)

    async def use(self, conflict: ConflictId, choice: End) -> Conflict:
        """`calsync conflicts use`."""
        row = next(row for row in await self.conflicts() if row.id == conflict)
        pair = await self.house.store.people.pair(row.pair)
        assert pair is not None
        return await use_other(await self.house.turns.context(pair), conflict, choice, "admin")

    async def discard(self) -> None:
        for group in await self.held():
            await discard(self.house.resolve_desk, group.id, "admin")

    async def approve(self) -> None:
        for group in await self.held():
            await approve(self.house.resolve_desk, group.id, "admin")

    async def asides(self) -> list[str]:
        """What is set aside, as words to be read in a failed test."""
        rows = [row for person in self.people for row in await self.house.store.records.asides(person.pair)]
        return [f"{row.end.value} {row.item.reason.value} {row.item.title!r} {row.item.detail}" for row in rows]

    def findings(self) -> list[Exception]:
        """Exchanges that do not fit the published definition of SuperOffice."""
        return list(self.sandbox.app.findings) if isinstance(self.sandbox.app, SchemaCheckedApp) else []


def both_sides(person: Person) -> tuple[list[Shown], list[Shown]]:
    return person.diary(), person.calendar()


def write_config(folder: Path, sandbox: SuperOfficeSandbox, *origins: str, **sync: object) -> Path:
    """The configuration file of everything under test; ``sync`` are keys of that section."""
    credentials = sandbox.credentials()
    (folder / "client-secret").write_text(credentials.client_secret)
    (folder / "private-key").write_text(credentials.private_key_pem)
    offices = [urlsplit(origin).netloc for origin in sandbox.environment.origins.tenants]
    allowed = [f"http://{urlsplit(url).netloc}" for url in (sandbox.login_url, *origins)]
    allowed += [f"http://{host}" for host in offices]
    lines = [
        "[server]",
        'listen = "127.0.0.1:0"',
        'public_url = "http://127.0.0.1:8080"',
        "[secrets]",
        'key_file = "key"',
        "[superoffice.sod]",
        f"login_url = {json.dumps(credentials.login_url)}",
        f"client_id = {json.dumps(credentials.client_id)}",
        'client_secret_file = "client-secret"',
        'private_key_file = "private-key"',
        f"tenant_hosts = {json.dumps(offices)}",
        "calls_per_s = 100000",
        "[outbound]",
        f"allow_hosts = {json.dumps(sorted(set(allowed)))}",
        "[sync]",
        *(f"{key} = {json.dumps(value)}" for key, value in sync.items()),
    ]
    path = folder / "calsync.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


async def open_house_in(folder: Path, clock: Clock, *, fresh: bool) -> House:
    settings = load_settings(folder / "calsync.toml", {})
    if fresh:
        await asyncio.to_thread(init_house, settings)
        settings = load_settings(folder / "calsync.toml", {})
    return await open_house(settings, clock=clock, seed="acceptance")


def _sandbox(world: World, *, is_checked: bool) -> SuperOfficeSandbox:
    """The simulator, each exchange checked against the published definition where that is at hand."""
    at_hand = (schema_folder() / "superoffice-openapi.json").is_file()
    return SuperOfficeSandbox(world, wrap=SchemaCheckedApp if is_checked and at_hand else None)


@asynccontextmanager
async def open_servers(
    world: World,
    radicale: RadicaleProcess,
    *,
    users: Sequence[str] = ("kari",),
    behaviour: Behaviour | None = None,
    is_checked: bool = True,
) -> AsyncIterator[Servers]:
    """A company whose diaries and (new) calendars are empty."""
    ids = believable_company(world.add_tenant())
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(_sandbox(world, is_checked=is_checked))
        front = stack.enter_context(Front(radicale.url, behaviour))
        people = [
            Person(
                name=name,
                associate=getattr(ids, name),
                zone=ZONES[name],
                url=radicale.make_calendar(f"cal-{next(_numbers)}", user=name),
                raw=RawWitness(name, USERS[name]),
                witness=stack.enter_context(Witness(name, USERS[name])),
                sandbox=sandbox,
            )
            for name in users
        ]
        yield Servers(sandbox=sandbox, radicale=radicale, front=front, people=people)


@asynccontextmanager
async def open_company(
    folder: Path, radicale: RadicaleProcess, *, users: Sequence[str] = ("kari",), behaviour: Behaviour | None = None
) -> AsyncIterator[Company]:
    """A company that is not connected yet, on a clock that stands still."""
    clock = TestClock()
    async with open_servers(World(now=clock.now), radicale, users=users, behaviour=behaviour) as servers:
        write_config(folder, servers.sandbox, servers.front.url)
        company = Company(
            folder=folder, clock=clock, servers=servers, house=await open_house_in(folder, clock, fresh=True)
        )
        try:
            yield company
        finally:
            await company.close()
