"""What a process and its children cost: wall time, CPU, peak memory."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SAMPLE_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one piece of work took; ``requests`` and ``bytes`` are counted by the proxy."""

    wall_s: float
    cpu_s: float
    rss_mib: float
    requests: float = 0.0
    bytes: float = 0.0

    def then(self, other: "Cost") -> "Cost":
        """Add up two pieces of work done one after the other."""
        return replace(
            self,
            wall_s=self.wall_s + other.wall_s,
            cpu_s=self.cpu_s + other.cpu_s,
            rss_mib=max(self.rss_mib, other.rss_mib),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has run to its end."""

    exit: int
    output: str
    errors: str
    cost: Cost


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], wait_s: float = 3600.0) -> Ended:
    """Run a command to its end, or for ``wait_s`` and then kill it.

    CPU is that of the process and every child it waited for; memory is its own.
    """
    out, err = cwd / "stdout.txt", cwd / "stderr.txt"
    with out.open("wb") as output, err.open("wb") as errors:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        limit = threading.Timer(wait_s, process.kill)
        limit.start()
        with PeakMemory(process.pid) as peak:
            _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begun
        limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, rss_mib=peak.mib)
    return Ended(exit=process.returncode, output=_text(out), errors=_text(err), cost=cost)


class PeakMemory:
    """Follows the peak memory of a process. (`ru_maxrss` would count our own, up to the child's exec.)"""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self.mib = max(self.mib, peak_mib(self._pid))


def peak_mib(pid: int) -> float:
    """Give the most memory the running program of a process ever held; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def cpu_s(pid: int) -> float:
    """Give the CPU time that a running process, without its children, has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # proc(5) counts from 1 and the first two fields are cut off here: utime is 14, stime is 15.
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
