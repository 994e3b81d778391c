"""The tools that are compared, driven the way their users drive them. Nothing else here knows their commands."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from calsync.sandbox.child import free_port
from tests.benchmarks import measure
from tests.benchmarks.measure import Cost, Ended
from tests.benchmarks.world import End

VDIRSYNCER_VERSION: Final = "0.21.0"
_CONVERGED: Final = 0
_MORE: Final = 10
_RUNS_MAX: Final = 3
_POLL_S: Final = 5.0
_SERVE_WAIT_S: Final = 60.0


class ToolError(Exception):
    """A tool did not do its work; the message carries what it said."""


class Tool(Protocol):
    """One synchroniser, set up in a folder of its own between two calendars."""

    name: str
    keeps_uid: bool  # whether a copy bears the UID of its original

    def prepare(self, folder: Path, ends: Sequence[End]) -> None:
        """Write the configuration and find the calendars; not measured."""

    def first(self) -> Cost:
        """Sync for the first time."""

    def sync(self) -> Cost:
        """Sync again, in a process started for it."""


class Vdirsyncer:
    """vdirsyncer from its package, in an environment of its own."""

    name = "vdirsyncer"
    keeps_uid = True

    def __init__(self) -> None:
        self._program = _vdirsyncer_program()

    def prepare(self, folder: Path, ends: Sequence[End]) -> None:
        self._folder = folder
        (folder / "config").write_text(_vdirsyncer_config(folder, ends))
        self._run("discover")

    def first(self) -> Cost:
        return self._run("sync")

    def sync(self) -> Cost:
        return self._run("sync")

    def _run(self, verb: str) -> Cost:
        command = [str(self._program), "--config", str(self._folder / "config"), verb]
        ended = measure.run(command, cwd=self._folder, env=_environment())
        if ended.exit != 0:
            raise ToolError(_said(ended))
        return ended.cost


class Calsync:
    """calsync of this work tree, through its public commands."""

    name = "calsync"
    keeps_uid = False

    def __init__(self) -> None:
        self._program = Path(sys.executable).with_name("calsync")
        self._pair = ""

    def prepare(self, folder: Path, ends: Sequence[End]) -> None:
        self._folder = folder
        (folder / "calsync.toml").write_text(_calsync_config(ends))
        self._json("init")
        connections = [self._connect(end) for end in ends]
        self._write("pair.json", _pair(*connections))

    def first(self) -> Cost:
        added = self._run("pair", "add", "--from-file", "pair.json", "--apply-any")
        if added.exit not in {_CONVERGED, _MORE}:
            raise ToolError(_said(added))
        self._pair = str(json.loads(added.output)["pair"])
        return added.cost if added.exit == _CONVERGED else added.cost.then(self.sync())

    def sync(self) -> Cost:
        """Sync until it says that nothing is left to do."""
        ended = self._run("sync", "--once", "--pair", self._pair)
        cost = ended.cost
        for _ in range(_RUNS_MAX - 1):
            if ended.exit != _MORE:
                break
            ended = self._run("sync", "--once", "--pair", self._pair)
            cost = cost.then(ended.cost)
        if ended.exit != _CONVERGED:
            raise ToolError(_said(ended))
        return cost

    def serve(self) -> "Resident":
        """Start the daemon and wait until it is ready."""
        return Resident(self._command("serve", "--listen", f"127.0.0.1:{free_port()}"), self._folder)

    def _connect(self, end: End) -> dict[str, str]:
        self._write(
            "connect.json",
            {
                "tenant": "local",
                "kind": "caldav",
                "url": f"{end.origin}/",
                "username": end.user,
                "password": end.password,
            },
        )
        made = self._json("connect", "--from-file", "connect.json")
        calendar = next(one for one in made["calendars"] if one["name"] == end.calendar_name)
        return {"connection": made["connection"], "calendar": calendar["id"]}

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._program), "--config", "calsync.toml", "--json", *arguments]

    def _run(self, *arguments: str) -> Ended:
        return measure.run(self._command(*arguments), cwd=self._folder, env=_environment())

    def _json(self, *arguments: str) -> Any:
        ended = self._run(*arguments)
        if ended.exit != 0:
            raise ToolError(_said(ended))
        return json.loads(ended.output)

    def _write(self, name: str, content: object) -> None:
        (self._folder / name).write_text(json.dumps(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the daemon has used up to a moment."""

    at: float
    cpu_s: float
    rss_mib: float


class Resident:
    """calsync's daemon at rest: what does it cost to look and find nothing?"""

    poll_s: Final = _POLL_S

    def __init__(self, command: list[str], folder: Path) -> None:
        ready = folder / "ready"
        ready.unlink(missing_ok=True)
        self._log = folder / "serve.txt"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--ready-file", str(ready)], cwd=folder, env=_environment(), stdout=log, stderr=log
            )
        self._await(ready)

    def snapshot(self) -> Snapshot:
        pid = self._process.pid
        return Snapshot(at=time.monotonic(), cpu_s=measure.cpu_s(pid), rss_mib=measure.peak_mib(pid))

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await(self, ready: Path) -> None:
        deadline = time.monotonic() + _SERVE_WAIT_S
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ToolError(f"serve did not get ready: {self._log.read_text()[-500:]}")
            time.sleep(0.1)


def _environment() -> Mapping[str, str]:
    """Give both tools the same plain environment: no proxies, no colours, no settings from outside."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _said(ended: Ended) -> str:
    return f"exit {ended.exit}: {(ended.errors or ended.output).strip()[-500:]}"


def _vdirsyncer_config(folder: Path, ends: Sequence[End]) -> str:
    storages = "".join(
        f'[storage {name}]\ntype = "caldav"\nurl = "{end.origin}/"\n'
        f'username = "{end.user}"\npassword = "{end.password}"\n'
        for name, end in zip("ab", ends, strict=True)
    )
    a, b = (end.calendar_name for end in ends)
    return (
        f'[general]\nstatus_path = "{folder / "status"}"\n'
        f'[pair bench]\na = "a"\nb = "b"\ncollections = [["bench", "{a}", "{b}"]]\n'
        f'conflict_resolution = "a wins"\n{storages}'
    )


def _vdirsyncer_program() -> Path:
    """Find vdirsyncer in an environment of its own, made on first use."""
    home = Path(tempfile.gettempdir()) / f"calsync-benchmark-vdirsyncer-{VDIRSYNCER_VERSION}"
    program = home / "bin" / "vdirsyncer"
    if not program.exists():
        package = f"vdirsyncer=={VDIRSYNCER_VERSION}"
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        if uv is None:
            _must(sys.executable, "-m", "venv", str(home))
            _must(str(home / "bin" / "pip"), "install", "--quiet", package)
        else:
            _must(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home))
            _must(uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), package)
    return program


def _must(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{command[0]}: {done.stderr.strip()[-500:]}")


def _calsync_config(ends: Sequence[End]) -> str:
    origins = ", ".join(f'"{end.origin}"' for end in ends)
    return (
        '[store]\nurl = "sqlite:///calsync.db"\n'
        '[secrets]\nkey_file = "calsync.key"\n'
        f"[outbound]\nallow_hosts = [{origins}]\n"
        f"[sync]\npoll_interval_s = {_POLL_S}\n"
    )


def _pair(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, object]:
    # The events of the benchmark have fixed dates: the window must hold them whenever it is run.
    window = {"window_past_days": 3650, "window_future_days": 3650}
    return {"tenant": "local", "crm": dict(a), **b, "direction": "both", "policy": window}
