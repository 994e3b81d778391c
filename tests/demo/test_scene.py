"""A step waits for effects, and does not wait for ever; what it tells reads well on a page and as JSON."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from calsync.cli.demo_tellers import JsonTeller, TextTeller
from calsync.sandbox.demo.scene import EffectMissingError, Pace, played
from calsync.sandbox.demo.telling import Heading, Saw

HEADING = Heading(name="rename", title="A new title", number=1)
FAST = Pace(rest_s=0, patience_s=0.1)


def text_teller() -> tuple[TextTeller, io.StringIO]:
    page = io.StringIO()
    return TextTeller(Console(file=page, soft_wrap=True, highlight=False, width=40)), page


async def test_an_effect_is_told_when_it_was_seen_and_with_the_time_it_took() -> None:
    teller, page = text_teller()
    looks = iter([False, False, True])

    async def check() -> bool:
        return next(looks)

    async with played(HEADING, teller, FAST) as scene:
        scene.did("Ola", "renames something that has a name which is longer than this page is wide")
        scene.acted()
        await scene.see("the calendar", "“Lunch”", check)

    assert isinstance(scene.lines[-1], Saw)
    assert 0.1 <= scene.lines[-1].after_s < 5
    heading, did, saw = page.getvalue().strip().splitlines()
    assert heading == "1. A new title"
    assert did.endswith("than this page is wide.")
    assert saw.startswith("   ✓ the calendar shows “Lunch” after 0.")


async def test_an_effect_that_does_not_come_is_an_error_with_its_name() -> None:
    teller, page = text_teller()

    async def never() -> bool:
        return False

    with pytest.raises(EffectMissingError, match="the calendar did not show within 0 s: “Lunch”"):
        async with played(HEADING, teller, FAST) as scene:
            await scene.see("the calendar", "“Lunch”", never)
    assert "✓" not in page.getvalue()


async def test_brackets_in_a_title_are_shown_as_they_are() -> None:
    teller, page = text_teller()

    async with played(HEADING, teller, FAST) as scene:
        scene.note("[bold]Lunch[/bold]")

    assert "[bold]Lunch[/bold]" in page.getvalue()


async def test_as_json_a_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with played(HEADING, JsonTeller(), FAST) as scene:
        scene.did("Ola", "renames it")
        scene.ran("calsync status")
        scene.fact("mails sent", 0)
        scene.why("Because.")

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["step"], told["number"], told["title"]) == ("rename", 1, "A new title")
    assert [one["kind"] for one in told["lines"]] == ["did", "ran", "fact", "why"]
    assert told["lines"][2] == {"kind": "fact", "name": "mails sent", "value": 0}
