"""What every step has in hand, and the ways in which steps ask calsync what it did and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from calsync.core.errors import CalsyncError
from calsync.sandbox.demo.program import Entry
from calsync.sandbox.demo.scene import Scene
from calsync.sandbox.demo.stage import NotAsExpectedError, Operator, Person, Stage

CALENDAR: Final = "the calendar"
SUPEROFFICE: Final = "SuperOffice"
_NOT_DONE: Final = ": undone"
"""How a history names a write that was refused, because somebody edited in between; the next one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One step's stage and voice. ``pairs`` are ids by the user's name."""

    stage: Stage
    operator: Operator
    pairs: Mapping[str, str]
    scene: Scene

    async def see_entry(self, url: str, person: Person, what: str, check: Callable[[Entry], bool]) -> None:
        """Wait until an event of a person's calendar is as ``check`` wants it."""

        async def is_so() -> bool:
            entry = await person.program.read(url)
            return entry is not None and check(entry)

        await self.scene.see(CALENDAR, what, is_so)

    async def see_row(self, number: int, person: Person, what: str, check: Callable[[Mapping[str, Any]], bool]) -> None:
        """Wait until an appointment of a person's diary is as ``check`` wants it."""

        async def is_so() -> bool:
            row = person.acting.record(number)
            return row is not None and check(row)

        await self.scene.see(SUPEROFFICE, what, is_so)

    async def history(self, event: str | int) -> list[Mapping[str, Any]]:
        """What calsync did with an event so far; nothing where it does not know it (yet)."""
        try:
            known: Mapping[str, Any] = await self.operator.ask("why", event=str(event))
        except CalsyncError:
            return []
        return list(known["history"])

    @asynccontextmanager
    async def explained(self, event: str | int) -> AsyncIterator[None]:
        """Tell what calsync says of an event's new history, once it has recorded it."""
        before = len(await self.history(event))
        yield
        await self.tell_history(event, since=before)

    async def tell_history(self, event: str | int, *, since: int = 0) -> None:
        news: list[Mapping[str, Any]] = []

        async def is_recorded() -> bool:
            news[:] = [step for step in (await self.history(event))[since:] if not step["what"].endswith(_NOT_DONE)]
            return bool(news)

        await self.scene.until(is_recorded, "calsync recorded nothing about it")
        for sentence in dict.fromkeys(str(step["sentence"]) for step in news):
            self.scene.why(sentence)

    @asynccontextmanager
    async def unseen(self, person: Person) -> AsyncIterator[None]:
        """Edits made inside meet: calsync looks at the pair only when all of them are made."""
        await self.operator.ask("pair.pause", pair=self.pairs[person.first])
        await self._no_run_is_under_way(person)
        yield
        await self.operator.ask("pair.resume", pair=self.pairs[person.first])
        self.scene.acted()

    async def _no_run_is_under_way(self, person: Person) -> None:
        async def is_quiet() -> bool:
            runs = await self.operator.ask("runs", pair=self.pairs[person.first], limit=1)
            return bool(runs) and runs[0]["ended"] is not None

        await self.scene.until(is_quiet, "the last run does not end")

    async def conflict(self, person: Person, event: str | int, field: str | None) -> Mapping[str, Any]:
        """The newest conflict about a field of an event (None: an edit against a deletion)."""
        link = (await self.operator.ask("why", event=str(event)))["event"]
        found: list[Mapping[str, Any]] = []

        async def is_there() -> bool:
            rows = await self.operator.ask("conflicts.list", pair=self.pairs[person.first])
            found[:] = [row for row in rows if row["field"] == field and row["event"]["link"] == link]
            return bool(found)

        await self.scene.until(is_there, "calsync recorded no conflict")
        return max(found, key=lambda row: str(row["at"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the story. ``name`` is its word in JSON."""

    name: str
    title: str
    play: Callable[[Play], Awaitable[None]]


Steps: TypeAlias = tuple[Step, ...]


async def entry_of(person: Person, title: str) -> Entry:
    """The one event of this title in a person's calendar.

    Raises:
        NotAsExpectedError: there is none, or several.
    """
    entry = await person.program.find(title)
    if entry is None:
        raise NotAsExpectedError(f"not exactly one event in {person.first}'s calendar is called “{title}”")
    return entry
