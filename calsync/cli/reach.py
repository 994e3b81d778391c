"""How a command reaches the store: by itself, or through the daemon that has it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from calsync.compose import open_house
from calsync.settings import Settings
from calsync.store.errors import InstanceLockedError
from calsync.web.failures import ERROR
from calsync.web.operations import CHANGING, READING, Done
from calsync.web.places import short_name, socket_path

PATIENCE_S: Final = 3.0
"""Another command may hold the store for a moment, and a daemon that starts listens a moment later."""
_PAUSE_S: Final = 0.1


def ask(settings: Settings, name: str, arguments: Mapping[str, Any], *, seed: str | None) -> Done:
    """Do one operation, here or in the daemon, and wait for it.

    Raises:
        InstanceLockedError: another process has the store and cannot be reached.
        CalsyncError: whatever stopped the operation here; what stopped it in the daemon comes as `Done`.
    """
    if name in READING:
        return asyncio.run(_look(settings, name, arguments))
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return asyncio.run(_change(settings, name, arguments, seed))
        except InstanceLockedError:
            answer = through_daemon(settings.store.path, name, arguments)
            if answer is not None:
                return answer
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


async def _look(settings: Settings, name: str, arguments: Mapping[str, Any]) -> Done:
    house = await open_house(settings, reading=True)
    try:
        return await READING[name](house, arguments)
    finally:
        await house.aclose()


async def _change(settings: Settings, name: str, arguments: Mapping[str, Any], seed: str | None) -> Done:
    house = await open_house(settings, seed=seed)
    try:
        return await CHANGING[name](house, arguments)
    finally:
        await house.aclose()


class _BesideStore(http.client.HTTPConnection):
    """HTTP over the Unix socket beside the store. Operations take as long as they take."""

    def __init__(self, path: Path) -> None:
        super().__init__("calsync")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with short_name(self._path) as name:
            self.sock.connect(name)


def through_daemon(store: Path, name: str, arguments: Mapping[str, Any]) -> Done | None:
    """What the daemon answers; None where none listens."""
    connection = _BesideStore(socket_path(store))
    try:
        body = json.dumps(dict(arguments))
        connection.request("POST", f"/operations/{name}", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (FileNotFoundError, ConnectionError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    if "exit" not in answer:
        message = f"the running daemon does not know {name}; is it an older version?"
        return Done(value={"error": {"code": "daemon", "message": message, "hint": ""}}, exit=ERROR)
    return Done(value=answer["value"], exit=int(answer["exit"]))
