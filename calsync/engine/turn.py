"""A pair's turn: one run with everything around it, one at a time for each SuperOffice user."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from calsync.core.ends import Ends
from calsync.core.errors import OwnStateError, RemoteError, SignInNeededError, TryLaterError
from calsync.core.record import Run, RunState
from calsync.core.refs import PairId
from calsync.engine.context import Context, Pace
from calsync.engine.people import Admissions, recent_failures
from calsync.engine.resolve import NotFoundError
from calsync.engine.rhythm import PairReason, Rhythm, after, empty_run
from calsync.engine.run import PlanChangedError, Result, run_pair
from calsync.ports import (
    Calendar,
    Changes,
    Clock,
    Connection,
    ConnectionState,
    Diary,
    NewId,
    Pair,
    PairState,
    People,
    Records,
    Side,
    Systems,
)

log = logging.getLogger(__name__)

RUN_MAX_S: Final = 6 * 3600.0
"""A run that takes longer hangs; it is ended like one that lost its connection."""


class Counted(Protocol):
    """Requests that were sent."""

    @property
    def total(self) -> int: ...


class Accounts(Admissions, Protocol):
    """What is known of accounts while they are used."""

    def refusals(self, connection: Connection) -> Sequence[datetime]:
        """When the credential was not accepted, as far as this process saw."""
        ...

    def learned(self, pair: PairId) -> Mapping[str, Mapping[str, Any]]:
        """What the pair's sides know of their servers by now, by connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDesk:
    """What turns work with. ``counting`` counts the requests that are sent inside."""

    people: People
    records: Records
    systems: Systems
    accounts: Accounts
    clock: Clock
    new_id: NewId
    rhythm: Rhythm
    counting: Callable[[], AbstractContextManager[Counted]]

    @property
    def pace(self) -> Pace:
        return self.rhythm.pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a turn made of its pair."""

    pair: Pair
    run: Run


Wrap = Callable[[Ends[Side]], Ends[Side]]


class Turns:
    """Runs pairs; whoever asks, a diary is never worked on twice at the same time."""

    def __init__(self, desk: TurnDesk) -> None:
        self._desk = desk
        self._owners: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def alone(self, pair: Pair) -> AsyncIterator[Pair]:
        """Nobody else works on the pair's diary meanwhile; gives the pair as it is then.

        Raises:
            NotFoundError: it was removed.
        """
        async with self._owners.setdefault(_owner_of(pair), asyncio.Lock()):
            yield await self._fresh(pair.id)

    async def _fresh(self, pair: PairId) -> Pair:
        found = await self._desk.people.pair(pair)
        if found is None:
            raise NotFoundError(f"there is no pair {pair}")
        return found

    async def context(self, pair: Pair, wrap: Wrap | None = None) -> Context:
        """Open both sides of a pair."""
        desk = self._desk
        tenant = await desk.people.tenant(pair.tenant)
        if tenant is None:
            raise NotFoundError(f"there is no tenant {pair.tenant}")
        sides = await desk.systems.open(pair)
        return Context(
            pair=pair,
            realm=tenant.realm,
            sides=sides if wrap is None else wrap(sides),
            records=desk.records,
            clock=desk.clock,
            new_id=desk.new_id,
            pace=desk.pace,
            started=desk.clock.now(),
        )

    async def take(
        self, pair: Pair, *, expect: str | None = None, audit: bool = False, wrap: Wrap | None = None
    ) -> Turn:
        """Run the pair now, whether it is due or not, and store what became of it.

        ``audit`` looks at everything instead of at what changed.

        Raises:
            PlanChangedError: ``expect`` is not the checksum of the plan of now.
            NotFoundError: the pair was removed.
        """
        async with self.alone(pair) as fresh:
            return await self._take(fresh, expect, audit, wrap)

    async def _take(self, pair: Pair, expect: str | None, audit: bool, wrap: Wrap | None) -> Turn:
        desk = self._desk
        with desk.counting() as counted:
            looked_at = replace(pair, cursors=Ends(None, None)) if audit else pair
            result = await self._result(looked_at, expect, wrap)
            if isinstance(result.error, SignInNeededError):
                result = await self._confirmed(pair, result)
        await self._keep_facts(pair)
        run = replace(result.run, requests=counted.total, ended=desk.clock.now())
        left = await self._told(after(pair, result, desk.clock.now(), desk.rhythm))
        await desk.records.commit(pair.id, Changes(run=run))
        await desk.people.release(left)
        return Turn(pair=left, run=run)

    async def _result(self, pair: Pair, expect: str | None, wrap: Wrap | None) -> Result:
        begun = self._desk.clock.now()
        try:
            dead = await self._dead_connection(pair)
            if dead is not None:
                raise SignInNeededError(f"{dead.username} must sign in again: `calsync connect`.")  # noqa: TRY301  # ends as any refused sign-in
            async with asyncio.timeout(RUN_MAX_S):
                return await run_pair(await self.context(pair, wrap), expect=expect)
        except (PlanChangedError, OwnStateError, NotFoundError):
            raise
        except RemoteError as error:
            return self._ended(pair, begun, error)
        except Exception as error:
            # One pair's bug must not stop the others: it is said loudly, counted, and the pair backs off.
            log.exception("the run failed", extra={"action": "run.failed", "pair": pair.id})
            text = f"an error of the program itself ({type(error).__name__}); the log has the details"
            return Result(run=empty_run(pair, self._desk.new_id(), RunState.ERROR, begun, text))

    def _ended(self, pair: Pair, begun: datetime, error: RemoteError) -> Result:
        state = RunState.ERROR
        if isinstance(error, SignInNeededError | TryLaterError):
            state = RunState.ACTION if isinstance(error, SignInNeededError) else RunState.MORE
        wait_s = error.wait_s if isinstance(error, TryLaterError) else None
        return Result(run=empty_run(pair, self._desk.new_id(), state, begun, str(error)), error=error, wait_s=wait_s)

    # --- refused credentials ----------------------------------------------------------------------------------------

    async def _connections(self, pair: Pair) -> list[Connection]:
        found = [await self._desk.people.connection(end.connection) for end in pair.ends if isinstance(end, Calendar)]
        return [one for one in found if one is not None]

    async def _dead_connection(self, pair: Pair) -> Connection | None:
        return next((one for one in await self._connections(pair) if one.state is ConnectionState.SIGN_IN), None)

    async def _confirmed(self, pair: Pair, result: Result) -> Result:
        """A sick server says 401 too: a second, spaced try decides whether somebody must sign in."""
        connections = await self._connections(pair)
        if any(one.state is ConnectionState.SIGN_IN for one in connections):
            return result
        await self._desk.clock.sleep(self._desk.rhythm.at_least(self._desk.pace.retry_base_s))
        refused = [one for one in connections if not await self._is_accepted(one)]
        has_diary = any(isinstance(end, Diary) for end in pair.ends)
        if refused or has_diary:
            return result
        error = TryLaterError("A credential was refused once and accepted a moment later.")
        return replace(result, run=replace(result.run, state=RunState.MORE, error=str(error)), error=error)

    async def _told(self, pair: Pair) -> Pair:
        """A pair that waits for a sign-in says whose: the tenant's, unless it is a connection's."""
        if pair.state is not PairState.SIGN_IN or await self._dead_connection(pair) is not None:
            return pair
        return replace(pair, reason=PairReason.TENANT.value)

    async def _is_accepted(self, connection: Connection) -> bool:
        state = ConnectionState.OK
        try:
            await self._desk.accounts.account(connection)
        except SignInNeededError:
            state = ConnectionState.SIGN_IN
        except RemoteError as error:
            log.info("the sign-in could not be tried: %s", error)
        failures = recent_failures(self._desk.accounts.refusals(connection), self._desk.clock.now())
        await self._desk.people.put_connection(replace(connection, state=state, failed_sign_ins=failures))
        return state is ConnectionState.OK

    async def _keep_facts(self, pair: Pair) -> None:
        for connection_id, facts in self._desk.accounts.learned(pair.id).items():
            connection = await self._desk.people.connection(connection_id)
            if connection is not None and {**connection.facts, **facts} != dict(connection.facts):
                kept = replace(connection, facts={**connection.facts, **facts})
                await self._desk.people.put_connection(kept)


def _owner_of(pair: Pair) -> str:
    match pair.ends.crm:
        case Diary(associate=associate):
            return f"{pair.tenant} associate {associate}"
        case Calendar(connection=connection):
            return f"{pair.tenant} connection {connection}"
