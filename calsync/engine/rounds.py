"""A round: the feeds of the tenants concerned, then every pair once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from calsync.core.errors import CalendarUnavailableError, RemoteError, SignInNeededError, TryLaterError
from calsync.core.record import RunState
from calsync.core.refs import PairId
from calsync.engine.feed import FeedDesk, run_feed
from calsync.engine.resolve import NotFoundError, NotPossibleError
from calsync.engine.rhythm import PairReason, Rhythm, is_throttled
from calsync.engine.turn import Turns
from calsync.ports import Diary, Pair, PairState, Tenant, TenantFeed, TenantState

log = logging.getLogger(__name__)

WORKERS: Final = 16
"""How many pairs run at the same time; what each account and host may be asked is limited elsewhere."""
DEAD_TENANT_S: Final = 8 * 3600.0
"""How often a tenant that no longer lets us in is asked again: three times a day."""


class TenantSystems(Protocol):
    """Where tenants are read, and where they were found last."""

    async def feed(self, tenant: Tenant) -> TenantFeed: ...

    def located(self, tenant: Tenant) -> Tenant:
        """The tenant with the address of now."""
        ...


@dataclass(slots=True, kw_only=True)
class _Rest:
    """A tenant that is not asked for a while."""

    until: datetime
    error: RemoteError
    fails: int


@dataclass(slots=True, kw_only=True)
class Feeds:
    """Reads the feeds of tenants, one run at a time for each; one that fails backs off by itself."""

    desk: FeedDesk
    systems: TenantSystems
    rhythm: Rhythm
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _resting: dict[str, _Rest] = field(default_factory=dict)

    async def read(self, tenant: Tenant, *, asked: bool = False) -> RemoteError | None:
        """Read the changes and sweep the diaries; what stopped it, if anything did.

        ``asked``: somebody waits for it, so back-off does not count; a time that the server named does.
        """
        async with self._locks.setdefault(tenant.id, asyncio.Lock()):
            if tenant.state is TenantState.RUNNING:  # a failed feed left it otherwise: it was taken in again since
                self._resting.pop(tenant.id, None)
            rest = self._resting.get(tenant.id)
            if rest is not None and rest.until > self.desk.clock.now() and not (asked and _is_our_own(rest.error)):
                return rest.error
            return await self._read(tenant, 0 if rest is None else rest.fails)

    async def _read(self, tenant: Tenant, fails: int) -> RemoteError | None:
        try:
            # Without a healthy webhook each poll sweeps (design 6); there are none in this version.
            await run_feed(self.desk, tenant, await self.systems.feed(tenant), sweep=True)
        except RemoteError as error:
            wait_s = self._wait_s(error, fails)
            until = self.desk.clock.now() + timedelta(seconds=wait_s)
            self._resting[tenant.id] = _Rest(until=until, error=error, fails=fails + 1)
            log.warning("the feed of %s failed: %s", tenant.id, error, extra={"action": "feed.failed"})
            await self._keep(tenant, error)
            return error
        self._resting.pop(tenant.id, None)
        await self._keep(tenant, None)
        await self._wake(tenant)
        return None

    async def _wake(self, tenant: Tenant) -> None:
        """Pairs that waited for the tenant to let us in again go on."""
        for pair in await self.desk.people.pairs(tenant.id):
            if pair.state is PairState.SIGN_IN and pair.reason == PairReason.TENANT.value:
                woken = replace(pair, state=PairState.OK, reason="", fails=0, due_at=self.desk.clock.now())
                await self.desk.people.put_pair(woken)

    def _wait_s(self, error: RemoteError, fails: int) -> float:
        if isinstance(error, SignInNeededError):
            return DEAD_TENANT_S
        if isinstance(error, TryLaterError) and error.wait_s is not None:
            return self.rhythm.at_least(error.wait_s)
        return self.rhythm.spread(self.rhythm.pace.back_off_s(fails))

    async def _keep(self, tenant: Tenant, error: RemoteError | None) -> None:
        """The tenant's state of now, where it changed."""
        state, detail = TenantState.RUNNING, ""
        if error is not None:
            detail = str(error)
            state = TenantState.REMOVED if isinstance(error, CalendarUnavailableError) else TenantState.PAUSED
        known = await self.desk.people.tenant(tenant.id)
        if known is None:
            return
        if known.token != tenant.token:  # taken in again meanwhile
            self._resting.pop(tenant.id, None)
            return
        located = replace(self.systems.located(known), state=state, detail=detail)
        if located != known:
            await self.desk.people.put_tenant(located)


def _is_our_own(error: RemoteError) -> bool:
    """Whether the wait is our own back-off, not one that the system asked for, nor a dead credential."""
    return not isinstance(error, SignInNeededError) and getattr(error, "wait_s", None) is None


# --- every pair once ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one pair's part of a round ended."""

    pair: PairId
    state: RunState
    reads: int = 0
    writes: int = 0
    conflicts: int = 0
    held: int = 0
    set_aside: int = 0
    error: str = ""


async def sync_once(turns: Turns, feeds: Feeds, only: PairId | None = None) -> list[Outcome]:
    """Run every pair (or one), due or not, and wait for all of them. Paused pairs are left alone.

    Raises:
        NotFoundError: there is no such pair.
        NotPossibleError: the one pair is paused.
    """
    pairs = await _wanted(feeds, only)
    now = feeds.desk.clock.now()
    waiting = [pair for pair in pairs if is_throttled(pair, now)]
    running = [pair for pair in pairs if not is_throttled(pair, now)]
    failed = await _read_feeds(feeds, running)
    gate = asyncio.Semaphore(WORKERS)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(turns, pair, failed, gate)) for pair in running]
    outcomes = [task.result() for task in tasks]
    outcomes += [Outcome(pair=pair.id, state=RunState.MORE, error=PairReason.THROTTLED.value) for pair in waiting]
    return sorted((one for one in outcomes if one is not None), key=lambda one: one.pair)


async def _wanted(feeds: Feeds, only: PairId | None) -> Sequence[Pair]:
    if only is None:
        return [pair for pair in await feeds.desk.people.pairs() if pair.state is not PairState.PAUSED]
    pair = await feeds.desk.people.pair(only)
    if pair is None:
        raise NotFoundError(f"there is no pair {only}")
    if pair.state is PairState.PAUSED:
        raise NotPossibleError(f"pair {only} is paused; `calsync pair resume {only}` lets it run")
    return [pair]


async def _read_feeds(feeds: Feeds, pairs: Sequence[Pair]) -> Mapping[str, RemoteError]:
    """The tenants whose feed could not be read, and why."""
    concerned = {pair.tenant for pair in pairs if isinstance(pair.ends.crm, Diary)}
    tenants = [tenant for tenant in await feeds.desk.people.tenants() if tenant.id in concerned]
    errors = await asyncio.gather(*(feeds.read(tenant, asked=True) for tenant in tenants))
    return {tenant.id: error for tenant, error in zip(tenants, errors, strict=True) if error is not None}


async def _one(turns: Turns, pair: Pair, failed: Mapping[str, RemoteError], gate: asyncio.Semaphore) -> Outcome | None:
    error = failed.get(pair.tenant) if isinstance(pair.ends.crm, Diary) else None
    if error is not None:
        return Outcome(pair=pair.id, state=_state_of(error), error=str(error))
    async with gate:
        try:
            turn = await turns.take(pair)
        except NotFoundError:  # removed meanwhile
            return None
    run = turn.run
    return Outcome(
        pair=pair.id,
        state=run.state or RunState.ERROR,
        reads=run.reads,
        writes=run.writes,
        conflicts=run.conflicts,
        held=run.held,
        set_aside=run.set_aside,
        error=run.error,
    )


def _state_of(error: RemoteError) -> RunState:
    match error:
        case SignInNeededError():
            return RunState.ACTION
        case TryLaterError():
            return RunState.MORE
        case _:  # an error family stays open, so it keeps its catch-all
            return RunState.ERROR
