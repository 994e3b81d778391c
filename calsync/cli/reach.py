"""How a command reaches the store: by itself, or through the daemon that has it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from calsync.settings import Settings
from calsync.web.places import short_name, socket_path

PATIENCE_S: Final = 3.0
"""Another command may hold the store for a moment, and a daemon that starts listens a moment later."""
_PAUSE_S: Final = 0.1
REPEATABLE: Final = frozenset({"sync", "doctor", "pair.preview", "connect", "tenant.add", "pair.set", "pair.pause"})
"""Operations that may be done once more when the daemon ended under them: the second time changes nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The JSON value of an operation, and the exit code of the command."""

    value: Any
    exit: int


_INTERRUPTED: Final = Answer(
    value={
        "error": {
            "code": "interrupted",
            "message": "the daemon ended while it worked on this; what it had begun goes on with the next run",
            "hint": "`calsync status` and the lists show how far it came.",
        }
    },
    exit=1,
)


def look(settings: Settings, name: str, arguments: Mapping[str, Any]) -> Answer:
    """Do an operation that only looks, on the file, whoever else works on it.

    Raises:
        CalsyncError: what stopped it.
    """
    return asyncio.run(_look(settings, name, arguments))


async def _look(settings: Settings, name: str, arguments: Mapping[str, Any]) -> Answer:
    from calsync.compose import open_house  # noqa: PLC0415  # costs time to load
    from calsync.web.operations import READING  # noqa: PLC0415  # costs time to load

    house = await open_house(settings, reading=True)
    try:
        done = await READING[name](house, arguments)
    finally:
        await house.aclose()
    return Answer(value=done.value, exit=done.exit)


def change(settings: Settings, name: str, arguments: Mapping[str, Any], *, seed: str | None) -> Answer:
    """Do an operation that changes something or talks to servers, in the daemon if one runs, else here.

    Raises:
        InstanceLockedError: another process has the store and cannot be reached.
        CalsyncError: what stopped it here; what stopped it in the daemon comes as an `Answer`.
    """
    from calsync.store.errors import InstanceLockedError  # noqa: PLC0415  # costs time to load

    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = through_daemon(settings.store.path, name, arguments)
        if answer is not None:
            return answer
        try:
            return asyncio.run(_change(settings, name, arguments, seed))
        except InstanceLockedError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


async def _change(settings: Settings, name: str, arguments: Mapping[str, Any], seed: str | None) -> Answer:
    from calsync.compose import open_house  # noqa: PLC0415  # costs time to load
    from calsync.web.operations import CHANGING  # noqa: PLC0415  # costs time to load

    house = await open_house(settings, seed=seed)
    try:
        done = await CHANGING[name](house, arguments)
    finally:
        await house.aclose()
    return Answer(value=done.value, exit=done.exit)


class _BesideStore(http.client.HTTPConnection):
    """HTTP over the Unix socket beside the store. Operations take as long as they take."""

    def __init__(self, path: Path) -> None:
        super().__init__("calsync")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_name(self._path) as name:
            self.sock.connect(name)


def through_daemon(store: Path, name: str, arguments: Mapping[str, Any]) -> Answer | None:
    """What the daemon answers; None where none listens."""
    connection = _BesideStore(socket_path(store))
    is_connected = False
    try:
        connection.connect()
        is_connected = True
        body = json.dumps(dict(arguments))
        connection.request("POST", f"/operations/{name}", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        # Before that: there is no daemon, or it is not ours to ask.
        return _INTERRUPTED if is_connected and name not in REPEATABLE else None
    finally:
        connection.close()
    if "exit" not in answer:
        message = f"the running daemon does not know {name}; is it an older version?"
        return Answer(value={"error": {"code": "daemon", "message": message, "hint": ""}}, exit=1)
    return Answer(value=answer["value"], exit=int(answer["exit"]))
