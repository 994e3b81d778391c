"""Dispatch: claims due pairs from the store, fairly and under a limit, and gives each its turn."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from calsync.compose import House
from calsync.core.errors import OwnStateError
from calsync.core.refs import PairId
from calsync.daemon.health import Health
from calsync.engine.resolve import NotFoundError
from calsync.engine.rhythm import PairReason
from calsync.engine.rounds import WORKERS
from calsync.engine.turn import RUN_MAX_S
from calsync.ports import Pair, PairState

log = logging.getLogger(__name__)

LEASE_S: Final = RUN_MAX_S + 600


class Dispatch:
    """Pairs under way, and those that still have to be given back to the store."""

    def __init__(self, house: House, health: Health) -> None:
        self._house = house
        self._health = health
        self._tasks: set[asyncio.Task[None]] = set()
        self._owed: dict[PairId, Pair] = {}
        self._audit_at: dict[PairId, datetime] = {}
        self._is_stopping = False

    async def tick(self) -> None:
        """Claim what is due, as far as there is room."""
        try:
            await self._give_back()
            await self._claim()
        except OwnStateError as error:
            # Disk full, for instance. Nothing is lost: what is due stays due, and the next tick tries again.
            log.error("the store cannot be used: %s", error, extra={"action": "store.failed"})  # noqa: TRY400  # expected
            self._health.troubled("store", error)
        else:
            self._health.dispatched(len(self._tasks))

    async def _claim(self) -> None:
        room = WORKERS - len(self._tasks)
        if self._is_stopping or room <= 0:
            return
        now = self._house.clock.now()
        for pair in await self._house.store.people.claim_due(now, limit=room, lease_s=LEASE_S):
            task = asyncio.create_task(self._run(pair), name=f"pair {pair.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, pair: Pair) -> None:
        try:
            turn = await self._house.turns.take(pair, audit=self._is_audit_due(pair))
        except NotFoundError:
            self._audit_at.pop(pair.id, None)
        except Exception as error:
            # Whatever it is, it belongs to this pair: it backs off, and the others go on.
            log.exception("the turn failed", extra={"action": "turn.failed", "pair": pair.id})
            self._health.troubled("turn", error)
            self._owed[pair.id] = self._backed_off(pair)
        else:
            self._health.ran(turn.run)
            if turn.run.error:
                log.warning("%s", turn.run.error, extra={"action": "run.stopped", "pair": pair.id})
            elif turn.run.writes:
                told = {"action": "run.wrote", "pair": pair.id, "writes": turn.run.writes}
                log.info("both sides are brought together", extra=told)

    def _is_audit_due(self, pair: Pair) -> bool:
        """Now and then everything is looked at; the first time at a moment of its own within the interval."""
        sync, now = self._house.settings.sync, self._house.clock.now()
        every_s = min(sync.audit_interval_s, sync.roll_interval_s)
        due_at = self._audit_at.get(pair.id)
        if due_at is not None and now < due_at:
            return False
        wait_s = every_s if due_at is not None else every_s * self._house.random.random()
        self._audit_at[pair.id] = now + timedelta(seconds=wait_s)
        return due_at is not None

    def _backed_off(self, pair: Pair) -> Pair:
        rhythm = self._house.rhythm
        wait_s = rhythm.spread(rhythm.pace.back_off_s(pair.fails))
        due_at = self._house.clock.now() + timedelta(seconds=wait_s)
        failed = PairReason.FAILED.value
        return replace(pair, state=PairState.ERROR, reason=failed, fails=pair.fails + 1, due_at=due_at)

    async def _give_back(self) -> None:
        for pair in list(self._owed.values()):
            await self._house.store.people.release(pair)
            del self._owed[pair.id]

    async def stop(self, *, grace_s: float) -> None:
        """Claim nothing more; let what runs come to its end, and cut off what does not in time.

        What was cut off has its intents in the store: the next start settles them.
        """
        self._is_stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
