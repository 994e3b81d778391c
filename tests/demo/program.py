"""`calsync` as a process of its own, as a person starts it, and what is left of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_MAIN: Final = "from calsync.cli.main import main; main()"
_WITHOUT_RADICALE: Final = "import sys; sys.modules['radicale'] = None; "
"""As far as the import system says, it is not installed."""
WAIT_S: Final = 90.0


class Program:
    """Runs commands whose temporary files all lie in one folder."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("CALSYNC_")}
        self._environment |= {"TMPDIR": str(temporary), "COLUMNS": "200"}

    def run(self, *words: str, radicale: bool = True) -> subprocess.CompletedProcess[str]:
        """Wait for a command to end by itself."""
        return subprocess.run(
            self._command(words, radicale=radicale),
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    def run_unread(self, *words: str) -> tuple[int, str]:
        """A command whose reader is gone from the start; its exit code and what it said on standard error."""
        with subprocess.Popen(
            self._command(words), env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            errors = process.stderr.read()
            return process.wait(WAIT_S), errors

    @contextmanager
    def running(self, *words: str) -> Iterator[Running]:
        """A command while it runs; it is killed if the test did not end it."""
        log = self.temporary / "output"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._command(words), env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            yield Running(process, log)
        finally:
            process.kill()
            process.wait()
            for pid in self.left():
                os.kill(pid, 9)

    def left(self) -> list[int]:
        """Processes whose command line names something in our folder."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                try:
                    line = (folder / "cmdline").read_bytes()
                except OSError:
                    continue
                if str(self.temporary).encode() in line:
                    found.append(int(folder.name))
        return found

    def _command(self, words: tuple[str, ...], *, radicale: bool = True) -> list[str]:
        code = _MAIN if radicale else _WITHOUT_RADICALE + _MAIN
        return [sys.executable, "-c", code, *words]


class Running:
    """A started command and what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, self.output

    def end(self, number: int) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


def wait_until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
