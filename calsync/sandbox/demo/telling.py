"""What a step of the demo has to tell, as values; how it looks on a terminal is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A step before it is played; ``number`` is 0 for what is around the story."""

    name: str
    title: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """Somebody did something, on one of the two sides."""

    who: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command line that an operator could have typed."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saw:
    """An effect was seen at ``where``, so long after what caused it."""

    where: str
    what: str
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A plain fact."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A named value, such as a count or an address."""

    name: str
    value: str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The reason, in the words of calsync itself."""

    sentence: str


Line: TypeAlias = Did | Ran | Saw | Note | Fact | Why


class Teller(Protocol):
    """Shows what happens while it happens."""

    def begin(self, heading: Heading) -> None: ...

    def tell(self, line: Line) -> None: ...

    def wait(self, what: str) -> None:
        """Something is awaited, until the next line or the end of the step."""
        ...

    def end(self, heading: Heading, lines: tuple[Line, ...], seconds: float) -> None:
        """The step is over; ``lines`` are all that was told in it."""
        ...

    def close(self) -> None:
        """Nothing more is told, perhaps in the middle of a step."""
        ...
