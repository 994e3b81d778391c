"""Holds the n-th write of a client at either system at an exact point, so that the client can be killed there."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Final

from calsync.sandbox.superoffice.asgi import Call
from calsync.sandbox.superoffice.gate import is_write
from tests.acceptance.company import Servers
from tests.servers.behaviour import Asked, Fault

_POLL_S: Final = 0.01
_REACHED_S: Final = 30.0
_WRITE_LOCK: Final = 120
"""Where in ``<store>-shm`` a writer of SQLite takes its lock (WAL-index format: lock 0 of eight, from byte 120)."""


class Moment(Enum):
    """Where between two states of the world the client dies."""

    BEFORE_REQUEST = "before a request"
    """The n-th write has arrived and is not done."""
    BEFORE_ANSWER = "after its effect and before its answer"
    """The n-th write is done, and its answer does not leave."""
    BEFORE_NEXT_REQUEST = "between effect and commit, with writes left"
    """The n-th write is answered, and nothing after it is let in: the outcomes cannot have been committed."""
    BEFORE_COMMIT = "between effect and commit, with all writes done"
    """From the n-th write on the store's writer waits for its lock: every write is done, none is committed."""


class Holder:
    """Stands before both systems. ``arm`` it, wait until the point is ``reached``, kill, then ``release``."""

    def __init__(self, servers: Servers, store: Path) -> None:
        self._servers = servers
        self._store = store
        self._lock = threading.Lock()
        self._moment: Moment | None = None
        self._left = 0
        self._held = threading.Event()
        self._released = asyncio.Event()
        self._after: asyncio.Task[object] | None = None
        self._wal: int | None = None
        servers.front.behaviour.fault = self._at_calendar
        servers.sandbox.switches.before_effect.append(self._before_effect)
        servers.sandbox.switches.after_effect.append(self._after_effect)

    @contextmanager
    def armed(self, moment: Moment, number: int) -> Iterator[None]:
        """Hold at the ``number``-th write from now; on leaving, whatever is held is dropped."""
        self._moment, self._left = moment, number
        self._held.clear()
        self._released = asyncio.Event()
        try:
            yield
        finally:
            self._moment = None
            self._released.set()
            self._unlock()

    async def reached(self) -> None:
        """Wait until the client stands at the point."""
        assert await asyncio.to_thread(self._held.wait, _REACHED_S), (
            "the run has fewer writes, or does not come to them"
        )
        if self._moment is Moment.BEFORE_COMMIT:
            await self._silence()
        elif self._moment is Moment.BEFORE_NEXT_REQUEST:
            await asyncio.sleep(_POLL_S)

    async def _silence(self) -> None:
        """Wait until nothing more is asked for a while: all is done and read back, and the store waits."""
        count, quiet = -1, 0
        while quiet < 20:
            now = len(self._servers.front.exchanges) + len(self._servers.sandbox.requests)
            quiet = quiet + 1 if now == count else 0
            count = now
            await asyncio.sleep(_POLL_S)

    # --- at the calendar: called from the front's thread

    def _at_calendar(self, asked: Asked) -> Fault | None:
        match self._judge(writes=asked.method in {"PUT", "DELETE"}):
            case Moment.BEFORE_REQUEST | Moment.BEFORE_NEXT_REQUEST:
                return Fault.HANG
            case Moment.BEFORE_ANSWER:
                return Fault.HANG_AFTER
            case Moment.BEFORE_COMMIT | None:
                return None

    # --- at the diary: called on the test's loop

    async def _before_effect(self, call: Call) -> None:
        signs_in = call.path.lower().startswith("/login/")
        match self._judge(writes=is_write(call.method, call.path) and not signs_in):
            case Moment.BEFORE_REQUEST | Moment.BEFORE_NEXT_REQUEST:
                await self._hang()
                raise ConnectionResetError("the client is gone, and nothing was done")
            case Moment.BEFORE_ANSWER:
                self._after = asyncio.current_task()
            case Moment.BEFORE_COMMIT | None:
                pass

    async def _after_effect(self, call: Call) -> None:
        del call
        if self._after is asyncio.current_task():
            self._after = None
            await self._hang()

    async def _hang(self) -> None:
        await self._released.wait()

    # --- both

    def _judge(self, *, writes: bool) -> Moment | None:
        """What happens to this request: the moment that is to be held at it, if any."""
        with self._lock:
            moment = self._moment
            if moment is None:
                return None
            if self._left == 0:
                return self._later(moment)
            self._left -= writes
            if self._left or not writes:
                return None
            return self._nth(moment)

    def _nth(self, moment: Moment) -> Moment | None:
        if moment is Moment.BEFORE_NEXT_REQUEST:
            return None
        if moment is Moment.BEFORE_COMMIT:
            self._take_lock()
        self._held.set()
        return moment

    def _later(self, moment: Moment) -> Moment | None:
        """What comes after the n-th write: nothing is let in, or everything."""
        if moment is Moment.BEFORE_NEXT_REQUEST:
            self._held.set()
            return moment
        return None

    def _take_lock(self) -> None:
        self._wal = os.open(self._store.with_name(f"{self._store.name}-shm"), os.O_RDWR)
        fcntl.lockf(self._wal, fcntl.LOCK_EX, 1, _WRITE_LOCK)  # a commit under way ends first; it takes no time

    def _unlock(self) -> None:
        if self._wal is not None:
            os.close(self._wal)
            self._wal = None
