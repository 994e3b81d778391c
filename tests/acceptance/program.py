"""`calsync` as processes of its own: commands that end, and the daemon, which may be killed at any moment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.acceptance.company import USERS, Person, Servers

_MAIN: Final = "from calsync.cli.main import main; main()"
_WAIT_S: Final = 60.0
_POLL_S: Final = 0.02


@dataclass(slots=True, kw_only=True)
class Program:
    """One configuration and one store. Whatever still runs at the end is killed."""

    config: Path
    _started: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._started:
            await kill(process)

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """Start a command; its output goes to a file beside the configuration."""
        with (self.config.parent / "output").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command(words),
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._started.append(process)
        return process

    async def start_daemon(self, *, wait: bool = True) -> asyncio.subprocess.Process:
        """`calsync serve`; with ``wait`` until it says that it is ready."""
        ready = self.config.with_name("ready")
        ready.unlink(missing_ok=True)
        daemon = await self.start("serve", "--listen", "127.0.0.1:0", "--ready-file", str(ready))
        async with asyncio.timeout(_WAIT_S):
            while wait and not ready.exists():
                assert daemon.returncode is None, (self.config.parent / "output").read_text()
                await asyncio.sleep(_POLL_S)
        return daemon

    async def run(self, *words: str, given: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """The exit code of a command and what it said."""
        stack = AsyncExitStack()
        async with stack:
            process = await asyncio.create_subprocess_exec(
                *self._command((*words, "--json")),
                env=_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            stack.push_async_callback(kill, process)
            sent = None if given is None else json.dumps(given).encode()
            said, errors = await asyncio.wait_for(process.communicate(sent), _WAIT_S)
        assert process.returncode is not None
        assert said, errors.decode()
        return process.returncode, json.loads(said)

    async def must(self, *words: str, given: Mapping[str, Any] | None = None) -> Any:
        code, said = await self.run(*words, given=given)
        assert code == 0, said
        return said

    async def connect(self, servers: Servers) -> None:
        """`init`, `tenant add`, and `connect` and `pair add` for each person, whose first run is part of it."""
        await self.must("init")
        made = servers.sandbox.credentials()
        tenant = {"environment": "sod", "custid": made.custid, "system_user_token": made.system_user_token}
        await self.must("tenant", "add", "--from-file", "-", given=tenant)
        for person in servers.people:
            await self._pair(servers, person, made.custid)

    async def _pair(self, servers: Servers, person: Person, custid: str) -> None:
        wanted = {"tenant": custid, "associate_id": person.associate}
        url = servers.front.through(servers.radicale.home_url(person.name))
        account = {**wanted, "kind": "caldav", "url": url, "username": person.name, "password": USERS[person.name]}
        connection = (await self.must("connect", "--from-file", "-", given=account))["connection"]
        calendar = servers.front.through(person.url)
        pair = {**wanted, "connection": connection, "calendar": calendar}
        await self.must("pair", "add", "--apply-any", "--from-file", "-", given=pair)

    async def sync(self, *, most: int = 5) -> int:
        """`sync --once` until it says *converged*; how often that was."""
        said: Any = None
        for number in range(1, most + 1):
            code, said = await self.run("sync", "--once")
            if code == 0:
                return number
            assert code == 10, said
            await asyncio.sleep(0.1)  # what is too young to be judged is older then
        raise AssertionError(said)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-c", _MAIN, "--config", str(self.config), *words]


async def kill(process: asyncio.subprocess.Process) -> None:
    """SIGKILL, if it still runs."""
    if process.returncode is None:
        process.kill()
    await process.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CALSYNC_")}
