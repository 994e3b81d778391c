"""The whole demo as a process: it tells its story, keeps running to play with, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from calsync.sandbox.demo.program import CalendarProgram
from calsync.sandbox.demo.week import ZONE
from tests.demo.program import Program, json_lines, wait_until

pytestmark = pytest.mark.server

STEPS: Final = [
    *("sandbox", "connect", "pair-kari", "pair-ola"),
    *("rename", "move", "new", "merge", "conflict", "use-other", "private", "all-day", "delete"),
    *("edit-beats-delete", "held", "left-alone", "summary"),
]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_the_story_is_told_step_by_step_and_every_effect_is_seen(program: Program, tmp_path: Path) -> None:
    told = program.run("demo", "--once", "--json", "--speed", "20", "--seed", "7", "--folder", str(tmp_path / "kept"))

    assert told.returncode == 0, told.stderr
    steps = json_lines(told.stdout)
    assert [step["step"] for step in steps] == STEPS
    facts = {line["name"]: line["value"] for line in steps[-1]["lines"]}
    assert (facts["mails sent"], facts["duplicates"]) == (0, 0)
    assert facts["effects seen on the other side"] == 14
    for step in steps[4:-1]:
        assert {"why"} <= {line["kind"] for line in step["lines"]}, step["step"]
    assert program.left() == []
    # What it leaves is an installation like any other.
    settings = str(tmp_path / "kept" / "calsync.toml")
    assert program.run("check-config", "--config", settings).returncode == 0
    kept = json.loads(program.run("--config", settings, "--json", "conflicts", "list").stdout)
    assert len(kept) == facts["conflicts kept, each with both values"]


async def test_it_keeps_running_to_play_with_until_ctrl_c(program: Program) -> None:
    with program.running("demo", "--speed", "50") as demo:
        demo.wait_for("Ctrl-C ends it and removes everything.")
        said = demo.output
        for line in lines_of_the_quickstart():
            assert _timeless(line) in _timeless(said), line
        status = shlex.split(_said_command(said, "status"))
        shown = program.run(*status[1:], "--json")
        assert [pair["state"] for pair in json.loads(shown.stdout)["pairs"]] == ["ok", "ok"]

        await _calendar_of("Kari", said).add(title="Played with", **_hour())
        records = _said_command(said, "curl").split()[1]
        wait_until(lambda: "Played with" in _titles(records))

        assert demo.end(signal.SIGINT) == 0
        assert program.left() == []
        assert [path.name for path in program.temporary.iterdir()] == ["output"]


def lines_of_the_quickstart() -> list[str]:
    text = (Path(__file__).parents[2] / "docs/quickstart.md").read_text(encoding="utf-8")
    return [line for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def _timeless(text: str) -> str:
    """Without what differs from one showing to the next: seconds and ids."""
    return re.sub(r"\b[0-9a-f]{16,20}\b", "ID", re.sub(r"after [\d.]+ s\b", "after a while", text))


def _said_command(said: str, word: str) -> str:
    """The first command line after the story that contains a word."""
    lines = said[said.index("Now it is yours") :].splitlines()
    return next(line for line in lines if line.strip().startswith("$") and word in line).strip().removeprefix("$ ")


def _calendar_of(name: str, said: str) -> CalendarProgram:
    url = re.search(rf"{name}'s calendar: (\S+)", said)
    login = re.search(rf"{name}'s user and password: (\S+) / (\S+)", said)
    assert url is not None
    assert login is not None
    return CalendarProgram(url=url[1], user=login[1], password=login[2])


def _hour() -> dict[str, Any]:
    """An hour that is surely inside of the window."""
    start = datetime.now(ZONE).replace(microsecond=0) + timedelta(days=2)
    return {"start": start, "end": start + timedelta(hours=1)}


def _titles(records: str) -> set[str]:
    with urllib.request.urlopen(records) as answer:  # noqa: S310  # the simulator on loopback
        return {row["title"] for row in json.load(answer)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_ends_every_process(program: Program, number: signal.Signals) -> None:
    with program.running("demo", "--speed", "20") as demo:
        demo.wait_for("$ calsync connect")

        code = demo.end(number)

        assert code == 128 + number
        assert program.left() == []
        assert [path.name for path in program.temporary.iterdir()] == ["output"]


def test_a_daemon_that_dies_ends_the_demo_with_a_sentence(program: Program, tmp_path: Path) -> None:
    with program.running("demo", "--speed", "20", "--folder", str(tmp_path / "kept")) as demo:
        demo.wait_for("1. ")
        ready = json.loads((tmp_path / "kept" / "serve.ready").read_text())

        os.kill(ready["pid"], signal.SIGKILL)

        assert demo.process.wait(20) == 1
        assert "`calsync serve` ended" in demo.output
        assert "Traceback" not in demo.output
        assert program.left() == []


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_it_ends_quietly_when_nobody_reads_it_any_more(program: Program, how: list[str]) -> None:
    code, errors = program.run_unread("demo", "--speed", "50", *how)

    assert (code, errors) == (1, "")
    assert program.left() == []
    assert list(program.temporary.iterdir()) == []


def test_without_the_sandbox_extra_it_says_so_in_one_sentence(program: Program) -> None:
    told = program.run("demo", radicale=False)

    assert told.returncode == 2
    assert told.stderr.strip() == ("Error: The demo needs calsync with its `sandbox` extra: install calsync[sandbox].")


def test_a_folder_that_holds_something_is_not_touched(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "letter").write_text("dear")

    told = program.run("demo", "--folder", str(folder))

    assert told.returncode == 2
    assert "is not empty" in told.stderr
    assert [path.name for path in folder.iterdir()] == ["letter"]


def test_an_address_that_is_taken_is_said_and_nothing_stays_behind(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = program.run("demo", "--once", "--speed", "20", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert told.returncode == 1
    assert "`calsync serve` did not start" in told.stderr
    assert "Traceback" not in told.stderr
    assert program.left() == []
    assert list(program.temporary.iterdir()) == []


def test_a_wrong_address_is_wrong_usage_of_the_settings(program: Program) -> None:
    told = program.run("demo", "--once", "--json", "--listen", "nowhere")

    assert told.returncode == 78
    assert "server.listen" in json_lines(told.stdout)[-1]["error"]["message"]
    assert program.left() == []
