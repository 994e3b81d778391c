"""`calsync serve` as the demo's own process, and the operator's hands: commands without a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from calsync.cli.reach import change, look
from calsync.core.errors import CalsyncError
from calsync.settings import Settings
from calsync.web.operations import READING

_PROGRAM: Final = "from calsync.cli.main import main; main()"
_START_WAIT_S: Final = 30.0
_STOP_WAIT_S: Final = 12.0
"""More than the ten seconds in which `serve` ends by itself."""
_PAUSE_S: Final = 0.05
_LOG_TAIL: Final = 1000


class DaemonEndedError(CalsyncError):
    """The daemon of the demo did not come up, or ended before its time."""


class RefusedOperationError(CalsyncError):
    """calsync refused an operation; the message is its own."""


def clean_environment() -> dict[str, str]:
    """The environment without settings of another installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CALSYNC_")}


@asynccontextmanager
async def serving(settings: Settings, folder: Path, *, seed: str | None) -> AsyncIterator[Daemon]:
    """Run `calsync serve` on these settings; when the context ends it is gone.

    Raises:
        DaemonEndedError: it did not come up.
    """
    daemon = Daemon(settings, folder, seed=seed)
    try:
        await daemon.start()
        yield daemon
    finally:
        await daemon.stop()


class Daemon:
    """One `calsync serve` process."""

    def __init__(self, settings: Settings, folder: Path, *, seed: str | None) -> None:
        self._ready_file = folder / "serve.ready"
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        seeded = [] if seed is None else ["--seed", seed]
        self._command = [
            *(sys.executable, "-P", "-c", _PROGRAM, "--config", str(settings.file), *seeded),
            *("serve", "--ready-file", str(self._ready_file)),
        ]

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        with self._log.open("ab") as log:
            # A process group of its own: Ctrl+C at a terminal reaches us alone, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220  # our own program; starting it does not wait
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(),
                process_group=0,
            )
        deadline = time.monotonic() + _START_WAIT_S
        while not self._ready_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise DaemonEndedError(f"`calsync serve` did not start: {self._log_tail()}")
            await asyncio.sleep(_PAUSE_S)

    async def watch(self) -> None:
        """Wait for its end, which comes too early.

        Raises:
            DaemonEndedError: when it comes.
        """
        while self._process is not None and self._process.poll() is None:  # noqa: ASYNC110  # it may be no child of this loop
            await asyncio.sleep(_PAUSE_S)
        raise DaemonEndedError(f"`calsync serve` ended: {self._log_tail()}")

    async def stop(self) -> None:
        """End it: politely first, then for certain."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
        deadline = time.monotonic() + _STOP_WAIT_S
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.send_signal(signal.SIGKILL)
            await asyncio.sleep(_PAUSE_S)

    def _log_tail(self) -> str:
        text = self._log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
        return text.rpartition("\n")[2] or "it wrote nothing"


class DemoOperator:
    """Asks as the commands do: reads the store, changes through the daemon."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def ask(self, operation: str, **arguments: Any) -> Any:
        if operation in READING:
            return (await asyncio.to_thread(look, self._settings, operation, arguments)).value
        answer = await asyncio.to_thread(change, self._settings, operation, arguments, seed=None)
        if isinstance(answer.value, Mapping) and "error" in answer.value:
            raise RefusedOperationError(answer.value["error"]["message"])
        return answer.value
