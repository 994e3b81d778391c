"""The daemon as a real process: it gets ready, works, is asked by commands, and ends when told to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from calsync.web.places import socket_path
from tests.cli.fixtures import Duo
from tests.cli.program import Program, get, wait_for

Start = Callable[[Program], tuple[subprocess.Popen[bytes], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start daemons; none outlives its test."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(program: Program) -> tuple[subprocess.Popen[bytes], str]:
        ready = program.folder / "ready"
        process = program.start("serve", "--listen", "127.0.0.1:0", "--ready-file", str(ready))
        running.append(process)
        wait_for(ready, process)
        return process, str(json.loads(ready.read_text())["url"])

    yield begin
    for process in running:
        process.kill()
        process.wait()


def until(holds: Callable[[], bool], *, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


def test_it_says_how_it_is_and_ends_within_ten_seconds(program: Program, start: Start) -> None:
    process, url = start(program)

    answers = {path: get(url + path) for path in ("/healthz", "/readyz", "/metrics", "/operations/status")}
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(10)

    assert [answers[path][0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
    assert b"calsync_pairs_overdue" in answers["/metrics"][1]
    assert answers["/operations/status"][0] == 404
    assert (code, time.monotonic() - begun < 10) == (0, True)
    assert not socket_path(program.store).exists()
    assert not (program.folder / "ready").exists()


def test_changes_reach_the_other_side_by_themselves(duo: Duo, start: Start) -> None:
    duo.crm.put("one", "One")
    duo.add()
    start(duo.program)

    duo.crm.put("two", "Two")
    duo.calendar.rename("One", "Renamed")

    until(lambda: duo.calendar.titles() == duo.crm.titles() == ["Renamed", "Two"])


def test_commands_go_through_the_daemon_and_wait_for_it(duo: Duo, start: Start) -> None:
    start(duo.program)
    duo.crm.put("one", "One")

    pair = duo.add()
    paused = duo.program.json("pair", "pause", pair)
    resumed = duo.program.json("pair", "resume", pair)
    duo.crm.put("two", "Two")
    done = duo.sync()
    missing = duo.program.json("pair", "pause", "nothing", expect=1)

    assert (paused["state"], resumed["state"], done["state"]) == ("paused", "ok", "converged")
    assert duo.calendar.titles() == ["One", "Two"]
    assert missing["error"]["code"] == "not_found"
    assert duo.program.json("status")["pairs"][0]["linked"] == 2


def test_the_socket_for_commands_is_for_our_own_user_only(program: Program, start: Start) -> None:
    start(program)

    assert socket_path(program.store).stat().st_mode & 0o777 == 0o600


def test_K11_a_second_daemon_on_the_same_data_says_75(program: Program, start: Start) -> None:
    start(program)

    second = program.start("serve", "--listen", "127.0.0.1:0")

    assert second.wait(60) == 75
    assert program.json("sync", "--once") == {"pairs": []}


def test_a_wrong_store_or_a_taken_address_says_78(program: Program) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = program.run("serve", "--listen", f"127.0.0.1:{port}")
    program.store.write_bytes(b"this is no store at all")
    foreign = program.run("serve", "--listen", "127.0.0.1:0")

    assert (busy.exit, foreign.exit) == (78, 78)
    assert "listen" in busy.err
    assert "not a store of calsync" in foreign.err


def test_it_makes_store_and_key_where_there_is_nothing(bare: Program) -> None:
    ready = bare.folder / "ready"
    process = bare.start("serve", "--init", "--listen", "127.0.0.1:0", "--ready-file", str(ready))
    try:
        wait_for(ready, process)
    finally:
        process.terminate()
        process.wait(10)

    assert bare.store.exists()
    assert bare.run("status").exit == 0


def test_K09_it_does_not_make_a_new_store_where_one_was_lost(program: Program) -> None:
    program.store.unlink()

    said = program.run("serve", "--init", "--listen", "127.0.0.1:0")

    assert (said.exit, program.store.exists()) == (78, False)


def test_K22_a_killed_daemon_starts_again_and_goes_on(duo: Duo, start: Start) -> None:
    duo.crm.put("one", "One")
    duo.add()
    process, _ = start(duo.program)
    process.kill()
    process.wait()
    (duo.program.folder / "ready").unlink()
    duo.crm.put("two", "Two")

    start(duo.program)

    until(lambda: duo.calendar.titles() == ["One", "Two"])
