"""How many requests at once and per second, for each account and each host; and pauses that a server asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from calsync.core.errors import TryLaterError
from calsync.ports import Clock

PATIENCE_S: Final = 2.0
JITTER: Final = 0.1
JITTER_MOST_S: Final = 1.0
WAITING_MAX: Final = 1000
REMEMBERED_MAX: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of what may be used: requests under way, and per second (None: no such limit)."""

    of: Hashable
    parallel: int
    per_second: float | None = None


class Limits:
    """Turns, first come first served. Waiting is bounded; who would wait too long is told when to come again."""

    def __init__(self, *, clock: Clock, random: Random, queue_s: float, waiting_max: int = WAITING_MAX) -> None:
        self._clock = clock
        self._random = random
        self._queue_s = queue_s
        self._waiting_max = waiting_max
        self._gates: dict[Share, Gate] = {}
        self._pauses: dict[Hashable, Pause] = {}

    @asynccontextmanager
    async def turn(self, *shares: Share) -> AsyncIterator[None]:
        """Hold one place of each share, in this order, while inside.

        Raises:
            TryLaterError: a share is paused, or its queue too long; nothing was sent.
        """
        held: list[Gate] = []
        try:
            for share in shares:
                gate = self._gate(share)
                await gate.enter(self._queue_s)
                held.append(gate)
                if self._pauses:
                    await self._sit_out(share.of)
                await gate.take(self._clock, self._queue_s)
            yield
        finally:
            for gate in held:
                gate.leave()

    def pause(self, of: Hashable, wait_s: float) -> None:
        """Send nothing of this share for ``wait_s`` seconds and a little more, so that not all return at once."""
        extra_s = min(wait_s * JITTER, JITTER_MOST_S) * self._random.random()
        now = self._clock.now()
        pause = Pause(since=now, until=now + timedelta(seconds=wait_s + extra_s))
        if len(self._pauses) >= REMEMBERED_MAX:
            self._pauses = {key: kept for key, kept in self._pauses.items() if kept.left_s(now) > 0}
        if of not in self._pauses or self._pauses[of].until < pause.until:
            self._pauses[of] = pause

    async def _sit_out(self, of: Hashable) -> None:
        pause = self._pauses.get(of)
        if pause is None:
            return
        left_s = pause.left_s(self._clock.now())
        if left_s > PATIENCE_S:
            raise TryLaterError("The server asked us to wait; nothing was sent.", wait_s=left_s)
        if left_s > 0:
            await self._clock.sleep(left_s)
        elif self._pauses.get(of) is pause:
            del self._pauses[of]

    def _gate(self, share: Share) -> Gate:
        gate = self._gates.get(share)
        if gate is None:
            if len(self._gates) >= REMEMBERED_MAX:
                now = self._clock.now()
                self._gates = {key: kept for key, kept in self._gates.items() if not kept.is_idle(now)}
            gate = self._gates[share] = Gate(share, self._waiting_max)
        return gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """From when to when. A clock that is set back in between does not make it longer."""

    since: datetime
    until: datetime

    def left_s(self, now: datetime) -> float:
        return min(self.until - now, self.until - self.since).total_seconds()


class Gate:
    """The places of one share, and a bucket that holds a second's worth of its rate."""

    def __init__(self, share: Share, waiting_max: int) -> None:
        self._places = asyncio.Semaphore(share.parallel)
        self._parallel = share.parallel
        self._inside = 0
        self._waiting = 0
        self._waiting_max = waiting_max
        self._interval_s = 0.0 if share.per_second is None else 1 / share.per_second
        self._burst_s = 0.0 if share.per_second is None else max(1.0, self._interval_s) - self._interval_s
        self._full_at: datetime | None = None

    def is_idle(self, now: datetime) -> bool:
        return not self._inside and not self._waiting and (self._full_at is None or self._full_at <= now)

    async def enter(self, queue_s: float) -> None:
        """Take a place; TryLaterError after ``queue_s``."""
        if self._places.locked():
            await self._queue(queue_s)
        else:
            await self._places.acquire()
        self._inside += 1

    async def _queue(self, queue_s: float) -> None:
        if self._waiting >= self._waiting_max:
            raise TryLaterError("Too many requests are waiting already; nothing was sent.")
        self._waiting += 1
        try:
            async with asyncio.timeout(queue_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise TryLaterError(f"No turn came within {queue_s:g} s; nothing was sent.") from error
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        self._inside -= 1
        self._places.release()

    async def take(self, clock: Clock, queue_s: float) -> None:
        """Wait for the rate: the moment at which the bucket is full again moves on by one interval a request."""
        if not self._interval_s:
            return
        now = clock.now()
        full_in_s = 0.0 if self._full_at is None else max(0.0, (self._full_at - now).total_seconds())
        # Nobody inside waits longer than all others before it; more means that the clock was set back.
        full_in_s = min(full_in_s, self._burst_s + self._interval_s * (self._inside + 1))
        wait_s = full_in_s - self._burst_s
        if wait_s > queue_s:
            raise TryLaterError("The rate allows no further request for now; nothing was sent.", wait_s=wait_s)
        self._full_at = now + timedelta(seconds=full_in_s + self._interval_s)
        if wait_s > 0:
            await clock.sleep(wait_s)
