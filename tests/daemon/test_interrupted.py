"""A first run that is asked to end in the middle: it ends in time, goes on later, and makes nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

from tests.cli.fixtures import Duo
from tests.cli.program import PROGRAM, Program, wait_for

MANY = 300


def serve(program: Program) -> subprocess.Popen[bytes]:
    ready = program.folder / "ready"
    process = program.start("serve", "--listen", "127.0.0.1:0", "--ready-file", str(ready))
    wait_for(ready, process)
    return process


def wait_until_some_arrived(duo: Duo) -> None:
    deadline = time.monotonic() + 60
    while len(duo.calendar.titles()) < MANY // 20:
        assert time.monotonic() < deadline, "nothing arrived"
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes]) -> float:
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    return time.monotonic() - begun


@pytest.fixture
def many(duo: Duo) -> Duo:
    for number in range(MANY):
        duo.crm.put(f"e{number}", f"Event {number:03}", day=f"202612{number % 28 + 1:02}")
    return duo


@pytest.mark.server
@pytest.mark.kill
def test_K22_sigterm_in_a_first_sync_ends_in_time_and_the_rest_follows(many: Duo) -> None:
    process = serve(many.program)
    adding = subprocess.Popen(
        [PROGRAM, "--config", many.program.config, "--json", "pair", "add", "--from-file", many.paper, "--apply-any"],
        stdout=subprocess.PIPE,
    )
    wait_until_some_arrived(many)

    took_s = end(process)
    said, _ = adding.communicate(timeout=30)
    interrupted = len(many.calendar.titles())
    # What was under way when it ended may need a second look: "more" is an honest answer, three times is not.
    states = [many.program.run("--json", "sync", "--once").json["pairs"][0]["state"] for _ in range(3)]

    assert took_s < 10
    assert interrupted < MANY, "it was over before it was interrupted"
    assert (adding.returncode, json.loads(said)["error"]["code"]) == (1, "interrupted")
    assert states[-1] == "converged"
    assert many.calendar.titles() == many.crm.titles() == [f"Event {number:03}" for number in range(MANY)]
    assert many.sync()["writes"] == 0
