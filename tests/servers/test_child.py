"""A server process starts within bounds and ends for certain."""

import time
from pathlib import Path

import pytest

from calsync.sandbox.child import ChildServer, ServerStartError

# `python -m timeit SETUP STATEMENT` runs what it is given: a server that never answers, in one line.
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def child(tmp_path: Path, code: str, *, ready: bool, start_wait_s: float = 20.0) -> ChildServer:
    return ChildServer(
        module="timeit",
        arguments=lambda _: ["-n1", "-r1", code],
        is_ready=lambda _: ready,
        log=tmp_path / "log",
        start_wait_s=start_wait_s,
    )


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path: Path) -> None:
    server = child(tmp_path, "import time; time.sleep(60)", ready=False, start_wait_s=0.5)

    with pytest.raises(ServerStartError, match="it wrote nothing"):
        server.start()

    assert server.pid is None


def test_a_server_that_ends_at_once_is_tried_on_other_ports_and_its_words_are_passed_on(tmp_path: Path) -> None:
    server = child(tmp_path, "raise SystemExit('port taken')", ready=False)

    with pytest.raises(ServerStartError, match="port taken"):
        server.start()

    assert (tmp_path / "log").read_text().count("SystemExit: port taken") == 3


def test_a_server_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    server = child(tmp_path, DEAF, ready=True)
    with server:
        pid = server.pid
        time.sleep(0.5)  # until it has become deaf

    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()
