"""How the demo looks: live on a terminal, plain text elsewhere, or one JSON line a step."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from calsync.sandbox.demo.telling import Did, Fact, Heading, Line, Note, Ran, Saw, Teller, Why

if TYPE_CHECKING:
    from rich.status import Status


def teller_for(*, as_json: bool) -> Teller:
    if as_json:
        return JsonTeller()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without “ and ✓ shows ? instead
    return TextTeller(_Console(highlight=False, soft_wrap=True))


class _Console(Console):
    """Leaves it to the demo to end in order when nobody reads it any more (`calsync demo | head`)."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class TextTeller:
    """Lines for people; on a terminal with colours and a moving line while something is awaited."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def begin(self, heading: Heading) -> None:
        number = f"{heading.number}. " if heading.number else ""
        self._console.print()
        self._console.print(Text(f"{number}{heading.title}", style="bold"))

    def tell(self, line: Line) -> None:
        self._rest()
        self._console.print(_shown(line))

    def wait(self, what: str) -> None:
        self._rest()
        if self._console.is_terminal:
            self._status = self._console.status(Text(f"waiting for {what}", style="dim"))
            self._status.start()

    def end(self, heading: Heading, lines: tuple[Line, ...], seconds: float) -> None:
        del heading, lines, seconds
        self._rest()

    def close(self) -> None:
        self._rest()  # else the terminal stays without a cursor

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _shown(line: Line) -> Text:
    match line:
        case Did(who=who, what=what):
            return Text.assemble("   ", (who, "bold cyan"), f" {what}.")
        case Ran(command=command):
            return Text.assemble("   ", (f"$ {command}", "magenta"))
        case Saw(where=where, what=what, after_s=after_s):
            return Text.assemble("   ", ("✓ ", "green"), f"{where} shows {what} ", (f"after {after_s:.2f} s", "green"))
        case Note(text=text):
            return Text(f"   {text}")
        case Fact(name=name, value=value):
            return Text.assemble("   ", (f"{name}: ", "dim"), str(value))
        case Why(sentence=sentence):
            return Text.assemble("   ", ("why: ", "dim"), (sentence, "italic"))


class JsonTeller:
    """One JSON object a line: a step when it is over, with everything told in it."""

    def begin(self, heading: Heading) -> None:
        del heading

    def tell(self, line: Line) -> None:
        del line

    def wait(self, what: str) -> None:
        del what

    def end(self, heading: Heading, lines: tuple[Line, ...], seconds: float) -> None:
        step: dict[str, Any] = {"step": heading.name, "number": heading.number, "title": heading.title}
        told = [{"kind": type(line).__name__.lower(), **dataclasses.asdict(line)} for line in lines]
        print(json.dumps({**step, "seconds": seconds, "lines": told}, ensure_ascii=False), flush=True)

    def close(self) -> None:
        """Every line is out already."""
