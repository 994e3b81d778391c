"""Where the story plays: the SuperOffice simulator, a real CalDAV server, and two users with both."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from calsync.core.errors import CalsyncError
from calsync.sandbox.demo.program import CalendarProgram
from calsync.sandbox.demo.week import fill_calendars, fill_superoffice, utc
from calsync.sandbox.radicale import RadicaleProcess
from calsync.sandbox.superoffice.acting import Acting
from calsync.sandbox.superoffice.server import SuperOfficeSandbox
from calsync.sandbox.superoffice.world import World

CUSTID: Final = "Cust12345"
_USERS: Final = {"kari": "kari-demo", "ola": "ola-demo"}


class NotAsExpectedError(CalsyncError):
    """The calendars do not hold what the story has brought about."""


class Operator(Protocol):
    """Whoever runs calsync."""

    async def ask(self, operation: str, **arguments: Any) -> Any:
        """Ask the running calsync, such as ``ask("why", event="4711")``; the answer is JSON values.

        Raises:
            CalsyncError: it refused.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user: a diary in SuperOffice and a calendar of their own. ``first`` is what the story calls them."""

    first: str
    associate: int
    acting: Acting
    program: CalendarProgram

    def appointments(self) -> list[dict[str, Any]]:
        """The rows of the diary as they lie in the database."""
        return self.acting.records(self.associate)

    def appointment(self, title: str) -> dict[str, Any]:
        """The one appointment of this title.

        Raises:
            NotAsExpectedError: there is none, or several.
        """
        found = [row for row in self.appointments() if row["title"] == title]
        if len(found) != 1:
            raise NotAsExpectedError(f"{len(found)} appointments of {self.first} are called “{title}”")
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything outside of calsync."""

    folder: Path
    superoffice: SuperOfficeSandbox
    radicale: RadicaleProcess
    kari: Person
    ola: Person
    monday: date

    @property
    def people(self) -> tuple[Person, Person]:
        return self.kari, self.ola

    @property
    def mails(self) -> int:
        """Mails that the real SuperOffice would have sent."""
        return len(self.superoffice.mails)

    async def duplicates(self) -> int:
        """Events that stand twice in one calendar or diary."""
        return sum([await _doubles(person) for person in self.people])


async def _doubles(person: Person) -> int:
    shown: Counter[tuple[str, str, datetime | date]] = Counter()
    shown.update(("calendar", entry.title, utc(entry.start)) for entry in await person.program.entries())
    shown.update(("diary", row["title"], row["start"]) for row in person.appointments())
    return sum(count - 1 for count in shown.values())


@asynccontextmanager
async def open_stage(folder: Path, *, monday: date, seed: int) -> AsyncIterator[Stage]:
    """Start both servers with the company's week on them; they end with the context.

    Raises:
        SandboxMissingError: Radicale is not installed.
        ServerStartError: it did not come up.
    """
    world = World()
    tenant = world.add_tenant(CUSTID)
    company = fill_superoffice(tenant, monday=monday, seed=seed)
    async with SuperOfficeSandbox(world) as superoffice:
        with RadicaleProcess(folder / "radicale", users=_USERS) as radicale:
            programs = {user: _program(radicale, user) for user in _USERS}
            acting = superoffice.act
            stage = Stage(
                folder=folder,
                superoffice=superoffice,
                radicale=radicale,
                kari=Person(first="Kari", associate=company.kari, acting=acting, program=programs["kari"]),
                ola=Person(first="Ola", associate=company.ola, acting=acting, program=programs["ola"]),
                monday=monday,
            )
            await fill_calendars(tenant, company, monday=monday, kari=programs["kari"], ola=programs["ola"])
            yield stage


def _program(radicale: RadicaleProcess, user: str) -> CalendarProgram:
    url = radicale.make_calendar("work", user=user, title=f"{user.capitalize()}'s calendar")
    return CalendarProgram(url=url, user=user, password=radicale.users[user])
