"""Exit codes, error objects and options of the contract for automation."""

from __future__ import annotations

from pathlib import Path

import pytest

from calsync.cli.main import COMMANDS
from calsync.sandbox.radicale import RadicaleProcess
from calsync.store.lock import InstanceLock
from tests.cli.program import Program

NEED_A_STORE = (
    *(("status",), ("why", "x"), ("runs",), ("people", "list"), ("tenant", "list"), ("tenant", "remove", "x", "--yes")),
    *(("pair", "list"), ("pair", "pause", "x"), ("pair", "remove", "x", "--keep"), ("conflicts", "list")),
    *(("conflicts", "use", "x", "crm"), ("held", "list"), ("held", "approve", "x"), ("set-aside", "list")),
    *(("sync", "--once"), ("serve",), ("doctor",), ("fsck",), ("db", "stats"), ("db", "query", "select 1")),
    *(("connection", "list"), ("db", "backup", "copy"), ("db", "export", "pairs")),
)


@pytest.mark.parametrize("command", NEED_A_STORE, ids=" ".join)
def test_every_command_but_init_says_78_where_there_is_no_store(bare: Program, command: tuple[str, ...]) -> None:
    said = bare.run(*command)

    assert said.exit == 78
    assert "calsync init" in said.out + said.err


@pytest.mark.parametrize("command", [("status",), ("sync", "--once"), ("fsck",)], ids=" ".join)
@pytest.mark.parametrize("content", [b"", b"this is no store"], ids=["empty", "foreign"])
def test_an_empty_or_foreign_store_is_78(program: Program, command: tuple[str, ...], content: bytes) -> None:
    program.store.write_bytes(content)

    assert program.run(*command).exit == 78


def test_K09_init_makes_store_and_key_once(bare: Program) -> None:
    made = bare.json("init")
    refused = bare.json("init", expect=2)

    assert made == {"store": str(bare.store), "key": "created"}
    assert (bare.folder / "key").stat().st_mode & 0o777 == 0o600
    assert refused["error"]["code"] == "exists"
    assert set(refused["error"]) >= {"code", "message", "hint"}


def test_init_takes_a_key_that_is_there(bare: Program) -> None:
    bare.json("init")
    bare.store.unlink()
    key = (bare.folder / "key").read_text()

    assert bare.json("init")["key"] == "present"
    assert (bare.folder / "key").read_text() == key


def test_K10_a_store_that_was_copied_back_is_refused_with_its_remedy(program: Program) -> None:
    old = program.store.read_bytes()
    program.json("sync", "--once")
    program.store.write_bytes(old)

    refused = program.json("sync", "--once", expect=78)

    assert "calsync restore" in refused["error"]["message"]


def test_another_key_is_refused(program: Program) -> None:
    from cryptography.fernet import Fernet  # noqa: PLC0415  # needed here alone

    (program.folder / "key").write_bytes(Fernet.generate_key())

    assert program.json("status", expect=78)["error"]["code"] == "own_state"


def test_K11_a_command_that_cannot_reach_the_holder_of_the_lock_says_75(program: Program) -> None:
    lock = InstanceLock(Path(f"{program.store}.lock"))
    try:
        refused = program.json("sync", "--once", expect=75)
        reads = program.run("status")
    finally:
        lock.release()

    assert (refused["error"]["code"], reads.exit) == ("locked", 0)


def test_settings_report_every_problem_and_78(bare: Program) -> None:
    bare.config.write_text("[sync]\npoll_interval_s = 0\nunknown = 1\n")

    report, command = bare.run("check-config"), bare.json("status", expect=78)

    assert report.exit == 78
    assert len(report.out.splitlines()) == len(command["error"]["findings"]) == 2


def test_the_settings_are_checked_without_a_store(bare: Program) -> None:
    assert bare.json("check-config") == {"ok": True, "file": str(bare.config), "findings": []}


def test_without_pairs_there_is_nothing_to_do(program: Program) -> None:
    assert program.json("sync", "--once") == {"pairs": []}


def test_fsck_and_doctor_find_a_new_store_in_order(program: Program) -> None:
    assert program.json("fsck") == {"ok": True, "findings": []}
    assert all(check["ok"] for check in program.json("doctor"))


def test_doctor_says_what_is_missing_before_anything_else_works(bare: Program) -> None:
    checks = bare.json("doctor", expect=78)

    assert [check["ok"] for check in checks] == [True, True, False]


def test_the_store_can_be_queried_and_copied_but_not_changed(program: Program) -> None:
    copy = program.folder / "copy.db"

    counted = program.json("db", "query", "select count(*) as pairs from pairs")
    changed = program.json("db", "query", "delete from pairs", expect=1)
    program.json("db", "backup", str(copy))

    assert (counted, changed["error"]["code"], copy.exists()) == ([{"pairs": 0}], "error", True)
    assert program.json("db", "stats")["tables"]["pairs"] == 0


# --- what people hand over ------------------------------------------------------------------------------------------


def test_unknown_keys_are_one_finding_each(program: Program) -> None:
    wanted = {"associate_id": 1, "connection": "c", "calendar": "d", "colour": 1, "policy": {"wins": {"mood": "crm"}}}

    refused = program.json("pair", "add", "--from-file", program.paper("p", wanted), "--preview", expect=2)

    assert len(refused["error"]["findings"]) == 2
    assert "wins.mood" in str(refused["error"]["findings"])


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        ({"attendees": "silent"}, "none or listed"),
        ({"attendees": "none", "footer": True, "relay": False}, "relay"),
        ({"privacy": "secret"}, "full or busy or skip-private"),
        ({"time_zone": "Oslo"}, "Europe/Oslo"),
        ({"window_past_days": -1}, "from 0 to 36500"),
        ({"window_future_days": 99_999_999_999}, "from 0 to 36500"),
        ({"window_past_days": True}, "whole number"),
        ({"wins": {"*": "nobody"}}, "crm or calendar or ask"),
        ("strict", "JSON object"),
    ],
)
def test_a_policy_that_cannot_be_used_says_what_can(program: Program, policy: object, word: str) -> None:
    wanted = {"associate_id": 1, "connection": "c", "calendar": "d", "policy": policy}

    refused = program.json("pair", "add", "--from-file", program.paper("p", wanted), "--apply-any", expect=2)

    assert word in refused["error"]["message"]


def test_microsoft_is_said_to_be_missing(program: Program) -> None:
    wanted = {"tenant": "local", "kind": "microsoft", "tenant_id": "x", "user_id": "y"}

    refused = program.json("connect", "--from-file", program.paper("c", wanted), expect=1)

    assert refused["error"]["code"] == "not_available"


def test_a_tenant_of_an_environment_without_settings_is_refused(program: Program) -> None:
    wanted = {"environment": "sod", "custid": "Cust1", "system_user_token": "very-secret"}

    said = program.run("--json", "tenant", "add", "--from-file", program.paper("t", wanted))

    assert (said.exit, "superoffice" in said.out, "very-secret" in said.out + said.err) == (2, False, False)


def test_a_connection_of_nobody_is_refused(program: Program, radicale: RadicaleProcess) -> None:
    wanted = {"tenant": "Cust1", "associate_id": 4, "kind": "caldav", "url": radicale.url}
    wanted |= {"username": "kari", "password": "secret"}

    refused = program.json("connect", "--from-file", program.paper("c", wanted), expect=1)

    assert "tenant add" in refused["error"]["message"]


def test_private_addresses_need_the_operators_word(program: Program, radicale: RadicaleProcess) -> None:
    program.allow = ()
    program.configure()

    refused = program.connect(radicale, "kari", expect=1)

    assert "No calendars were found" in refused["error"]["message"]
    assert any("https" in finding for finding in refused["error"]["findings"])


# --- silly inputs ---------------------------------------------------------------------------------------------------

SILLY = (
    (("nonsense",), "nonsense"),
    (("sync",), "--once"),
    (("sync", "--twice"), "--twice"),
    (("pair",), "--help"),
    (("pair", "add"), "--from-file"),
    (("pair", "add", "--from-file", "nowhere.json"), "nowhere.json"),
    (("pair", "remove", "x"), "--keep"),
    (("conflicts", "use", "x", "mine"), "crm"),
    (("serve", "--listen", "everywhere"), "HOST:PORT"),
    (("runs", "--limit", "0"), "limit"),
    (("connect", "--from-file", "/dev/null"), "JSON"),
    (("why",), "EVENT"),
)


@pytest.mark.parametrize(
    ("words", "hint"), SILLY, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_silly_inputs_get_one_helpful_answer(program: Program, words: tuple[str, ...], hint: str) -> None:
    said = program.run(*words)

    assert said.exit == 2
    assert hint.lower() in (said.out + said.err).lower()
    assert "Traceback" not in said.out + said.err


def test_wrong_usage_is_an_error_object_too(program: Program) -> None:
    refused = program.json("pair", "remove", "x", expect=2)

    assert refused["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "command",
    [
        ("pair", "pause", "x"),
        ("conflicts", "show", "x"),
        ("held", "show", "x"),
        ("held", "approve", "x"),
        ("set-aside", "retry", "x", "y"),
        ("why", "x"),
        ("sync", "--once", "--pair", "x"),
        ("tenant", "remove", "x", "--yes"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_said_so(program: Program, command: tuple[str, ...]) -> None:
    assert program.json(*command, expect=1)["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_the_shared_options(bare: Program, name: str) -> None:
    said = bare.run(name, "--help")

    assert said.exit == 0
    assert all(option in said.out for option in ("--config", "--json", "--seed"))
