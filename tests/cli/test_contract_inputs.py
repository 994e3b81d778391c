"""Files, words and folders that nobody meant to hand over: one sentence, the right exit code, never a traceback."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from rich.console import Console

from calsync.cli.main import run
from calsync.cli.show import table
from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.fixtures import Duo
from tests.cli.program import Program

FILES = {
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "cut": b'{"kind": "caldav"',
    "deep": b"[" * 100_000,
    "nan": b'{"associate_id": NaN}',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_json_is_wrong_usage(program: Program, name: str) -> None:
    path = program.folder / name
    path.write_bytes(FILES[name])

    refused = program.json("connect", "--from-file", str(path), expect=2)

    assert refused["error"]["code"] == "usage"
    assert name in refused["error"]["message"]


@pytest.mark.parametrize("value", [[], "text", 5, None, True], ids=repr)
@pytest.mark.parametrize("command", [("connect",), ("tenant", "add"), ("pair", "add", "--preview")], ids=" ".join)
def test_what_is_no_object_is_one_finding(program: Program, command: tuple[str, ...], value: object) -> None:
    refused = program.json(*command, "--from-file", program.paper("input", value), expect=2)

    assert (refused["error"]["code"], len(refused["error"]["findings"])) == ("input", 1)
    assert "expected a JSON object" in refused["error"]["message"]


def test_a_folder_in_place_of_a_file_is_wrong_usage(program: Program) -> None:
    assert program.json("connect", "--from-file", str(program.folder), expect=2)["error"]["code"] == "usage"


def test_half_a_character_is_refused_before_it_is_stored_or_sent(program: Program, radicale: RadicaleProcess) -> None:
    wanted = {"kind": "caldav", "url": radicale.url, "username": "kari\ud800", "password": "pass\udcff"}

    refused = program.json("connect", "--from-file", program.paper("c", wanted), expect=2)
    asked = program.json("why", "caf\udce9", expect=2)

    assert len(refused["error"]["findings"]) == 2
    assert "pass" not in refused["error"]["message"].replace("password", "")
    assert asked["error"]["code"] == "input"


def test_a_long_name_is_not_repeated_in_full(program: Program) -> None:
    refused = program.json("why", "x" * 10_000, expect=1)

    assert len(refused["error"]["message"]) < 300


@pytest.mark.parametrize("limit", ["0", "99999999999999999999"])
def test_a_number_of_runs_that_cannot_be_is_wrong_usage(program: Program, limit: str) -> None:
    assert program.json("runs", "--limit", limit, expect=2)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "file:///etc/passwd", "x", "kari@", "http://[::1", "http://u:p@h/"],
)
def test_an_address_that_may_not_be_asked_says_why_once(program: Program, url: str) -> None:
    paper = program.paper("c", {"kind": "caldav", "url": url, "username": "kari", "password": "secret"})

    said = program.run("connect", "--from-file", paper)
    refused = program.json("connect", "--from-file", paper, expect=1)

    findings = refused["error"]["findings"]
    assert len(findings) == len(set(findings)) == 1
    assert said.exit == 1
    assert findings[0] in said.err
    assert not any(".." in finding.replace("...", "") for finding in findings)


@pytest.mark.parametrize("url", ["sqlite:////proc/calsync.db", "sqlite:///calsync.toml/calsync.db"])
@pytest.mark.parametrize("command", [("init",), ("status",), ("sync", "--once"), ("doctor",), ("serve",)], ids=" ".join)
def test_a_folder_that_cannot_hold_a_store_is_78(bare: Program, command: tuple[str, ...], url: str) -> None:
    bare.more = f'[store]\nurl = "{url}"\n'
    bare.configure()
    (bare.folder / "key").write_bytes(Fernet.generate_key())

    said = bare.run("--json", *command)

    assert said.exit == 78
    assert isinstance(said.json, list if command == ("doctor",) else dict)


@pytest.mark.parametrize("target", ["/proc/copy", "calsync.toml/copy"])
def test_a_copy_that_cannot_be_written_is_one_sentence(program: Program, target: str) -> None:
    place = target if target.startswith("/") else str(program.folder / target)

    refused = program.json("db", "backup", place, expect=1)

    assert "cannot be written" in refused["error"]["message"]


def test_erasing_a_tenant_needs_a_yes_where_nobody_can_be_asked(program: Program) -> None:
    refused = program.json("tenant", "remove", "Cust1", expect=2)

    assert "--yes" in refused["error"]["message"]


# --- words before and after the command -----------------------------------------------------------------------------


def test_relative_paths_are_relative_to_the_file(bare: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = bare.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    made = bare.json("init")

    assert made["store"] == str(bare.folder / "calsync.db")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("words", [["--json", "--seed", "1"], []], ids=["before", "after"])
def test_options_stand_before_and_after_the_command(
    bare: Program, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    both = ["--config", str(bare.config), "--json", "--seed", "1"]
    capsys.readouterr()

    code = run([*both, "init"] if words else ["init", *both])

    assert (code, json.loads(capsys.readouterr().out)["key"]) == (0, "created")


# --- why ------------------------------------------------------------------------------------------------------------


def test_why_takes_every_name_of_an_event(duo: Duo) -> None:
    duo.crm.put("one", "Lunch with Åse")
    duo.add()
    by_uid = duo.program.json("why", "one")
    hrefs = [by_uid[end]["ref"] for end in ("crm", "calendar")]
    link = by_uid["event"]

    names = [link, *hrefs, f"{duo.crm.url}one.ics", f"  {duo.crm.url}one.ics\n", "Lunch with Åse"]

    assert [duo.program.json("why", name)["event"] for name in names] == [link] * len(names)


def test_why_with_a_title_that_two_events_have_names_them(duo: Duo) -> None:
    duo.crm.put("one", "Standup")
    duo.crm.put("two", "Standup", day="20261202")
    duo.add()

    refused = duo.program.json("why", "Standup", expect=1)

    assert "2 events" in refused["error"]["message"]
    ids = refused["error"]["message"].rsplit("such as ", 1)[1].split(", ")
    assert {duo.program.json("why", one)["title"] for one in ids} == {"Standup"}


def test_why_finds_a_set_aside_event_by_its_title(duo: Duo) -> None:
    duo.add()
    duo.crm.put("daily", "Daily\r\nRRULE:FREQ=DAILY")
    duo.sync()

    assert duo.program.json("why", "Daily")["reason"] == "series"


# --- tables ---------------------------------------------------------------------------------------------------------


def test_records_stand_one_a_line_where_nobody_watches_and_as_blocks_in_a_narrow_window() -> None:

    rows = [
        {"id": f"{number}" * 20, "event": "A long title of an event", "won": "", "state": "open"} for number in (1, 2)
    ]
    shown = {}
    for width in (40, 200):
        out = StringIO()
        table(Console(file=out, width=width, soft_wrap=True), rows, ("id", "event", "won", "state"), "nothing")
        shown[width] = out.getvalue().splitlines()

    assert len(shown[200]) == 3
    assert shown[40][:3] == ["1" * 20, "  event: A long title of an event", "  state: open"]
    assert max(map(len, shown[40])) <= 40
