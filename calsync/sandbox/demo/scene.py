"""One step while it is played: tells what is done, and waits for effects instead of assuming them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from calsync.core.errors import CalsyncError
from calsync.sandbox.demo.telling import Did, Fact, Heading, Line, Note, Ran, Saw, Teller, Why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LOOK_EVERY_S: Final = 0.05


class EffectMissingError(CalsyncError):
    """What should have happened was not seen in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``rest_s`` is the time to read a step; ``patience_s`` how long an effect may take."""

    rest_s: float = 2.5
    patience_s: float = 30.0


@dataclass(slots=True, kw_only=True)
class Scene:
    """The voice of a step. ``acted_at`` is when its people did something last; effects are measured from there."""

    heading: Heading
    teller: Teller
    pace: Pace
    lines: list[Line] = field(default_factory=list)
    acted_at: float = field(default_factory=time.monotonic)

    def did(self, who: str, what: str) -> None:
        self._tell(Did(who=who, what=what))

    def ran(self, command: str) -> None:
        self._tell(Ran(command=command))

    def note(self, text: str) -> None:
        self._tell(Note(text=text))

    def fact(self, name: str, value: str | float) -> None:
        self._tell(Fact(name=name, value=value))

    def why(self, sentence: str) -> None:
        self._tell(Why(sentence=sentence))

    def acted(self) -> None:
        """The clock of `see` starts now."""
        self.acted_at = time.monotonic()

    async def see(self, where: str, what: str, check: Callable[[], Awaitable[bool]]) -> None:
        """Look until ``check`` says yes, and tell how long it took.

        Raises:
            EffectMissingError: it did not within the patience of the pace.
        """
        self.teller.wait(f"{where}: {what}")
        await self.until(check, f"{where} did not show within {self.pace.patience_s:.0f} s: {what}")
        self._tell(Saw(where=where, what=what, after_s=round(time.monotonic() - self.acted_at, 3)))

    async def until(self, check: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Look until ``check`` says yes, and say nothing about it."""
        deadline = time.monotonic() + self.pace.patience_s
        while not await check():
            if time.monotonic() > deadline:
                raise EffectMissingError(otherwise)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _tell(self, line: Line) -> None:
        self.lines.append(line)
        self.teller.tell(line)


@asynccontextmanager
async def played(heading: Heading, teller: Teller, pace: Pace) -> AsyncIterator[Scene]:
    """A step from its heading to the time to read it."""
    begun = time.monotonic()
    scene = Scene(heading=heading, teller=teller, pace=pace)
    teller.begin(heading)
    yield scene
    teller.end(heading, tuple(scene.lines), round(time.monotonic() - begun, 3))
    await asyncio.sleep(pace.rest_s)
