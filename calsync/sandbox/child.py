"""A server that runs as a process of its own: a free port, a bounded wait until it answers, a sure end."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from calsync.core.errors import CalsyncError

_LOOPBACK: Final = "127.0.0.1"
_ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.05
_STOP_WAIT_S: Final = 5.0
_LOG_TAIL: Final = 2000


class ServerStartError(CalsyncError):
    """A server of the sandbox did not come up; the message ends with what it wrote."""


def free_port() -> int:
    """Give a port that nobody listened on a moment ago; whoever takes it next wins."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class ChildServer:
    """One server process, from ``start`` to ``stop``; usable as a context manager.

    Args:
        module: what ``python -m`` runs.
        arguments: the command line for a given port.
        is_ready: asks the server at a given port whether it serves, and answers to us.
        log: where its output goes.
        port: a fixed port; without one a free port is chosen, anew if somebody else was quicker.
    """

    def __init__(
        self,
        *,
        module: str,
        arguments: Callable[[int], Sequence[str]],
        is_ready: Callable[[int], bool],
        log: Path,
        port: int | None = None,
        start_wait_s: float = 20.0,
    ) -> None:
        self._module = module
        self._arguments = arguments
        self._is_ready = is_ready
        self._log = log
        self._fixed_port = port
        self._start_wait_s = start_wait_s
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ServerStartError: it ended at once, or did not answer in time.
        """
        for _ in range(1 if self._fixed_port else _ATTEMPTS):
            self._port = self._fixed_port or free_port()
            try:
                process = self._launch()
                if self._comes_up(process):
                    return
                ended_by_itself = process.poll() is not None
            except BaseException:  # an interrupt too must not leave the process behind
                self.stop()
                raise
            self.stop()
            if not ended_by_itself:  # it hangs: another port would not help
                break
        raise ServerStartError(f"{self._module} did not start on port {self._port}: {self._log_tail()}")

    def stop(self) -> None:
        """End the server: politely first, then for certain."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", self._module, *self._arguments(self._port)]
        with self._log.open("ab") as log:
            # A process group of its own: Ctrl+C at a terminal reaches us alone, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, a fixed module, our arguments
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        return self._process

    def _comes_up(self, process: "subprocess.Popen[bytes]") -> bool:
        deadline = time.monotonic() + self._start_wait_s
        while time.monotonic() < deadline and process.poll() is None:
            if self._is_ready(self._port):
                return True
            time.sleep(_PAUSE_S)
        return False

    def _log_tail(self) -> str:
        text = self._log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
        return text or "it wrote nothing"
