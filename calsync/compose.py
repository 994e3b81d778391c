"""The only file that chooses implementations: from settings to a house in which everything works together.

The demo, the daemon and every command are composed here and differ in their settings only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, Final

from calsync.adapters.http.account import Account as HttpAccount
from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.adapters.http.counts import Counts, count_into
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.sender import TransportFactory
from calsync.core.ends import Ends
from calsync.core.errors import OwnStateError, SignInNeededError
from calsync.core.loops import Breaker
from calsync.core.policy import Policy
from calsync.core.refs import PairId
from calsync.engine.context import Pace
from calsync.engine.feed import FeedDesk
from calsync.engine.people import SIGN_INS_A_DAY, Account, PeopleDesk, recent_failures
from calsync.engine.policies import WINDOW_DAYS_MAX
from calsync.engine.resolve import NotFoundError, ResolveDesk
from calsync.engine.rhythm import Rhythm
from calsync.engine.rounds import Feeds
from calsync.engine.turn import TurnDesk, Turns
from calsync.ports import (
    Associate,
    Calendar,
    Clock,
    Connection,
    Diary,
    Endpoint,
    NewId,
    Pair,
    People,
    Side,
    Tenant,
    TenantFeed,
)
from calsync.settings import Settings
from calsync.store.checks import read_epoch
from calsync.store.opening import Store, init_store, open_reader, open_store
from calsync.store.vault import Master, master_from_text

if TYPE_CHECKING:
    from calsync.adapters.caldav.side import CaldavSide
    from calsync.adapters.superoffice.auth import Environment, SigningKeys
    from calsync.adapters.superoffice.tenant import TenantApi

_UNAUTHORIZED: Final = 401
_ALONE_S: Final = 5.0
_MEGABYTE: Final = 1_000_000


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def master_of(settings: Settings) -> Master:
    """The master key.

    Raises:
        OwnStateError: there is none yet, or it is unusable.
    """
    if settings.secrets.key is None:
        raise OwnStateError(f"there is no master key at {settings.secrets.key_file}; `calsync init` makes one")
    return master_from_text(settings.secrets.key.reveal())


def init_house(settings: Settings) -> bool:
    """Make the store and, where there is none, a key; whether a key was made.

    Raises:
        StoreExistsError: there is a store.
        OwnStateError: the key cannot be made or used.
    """
    from calsync.store.errors import StoreExistsError  # noqa: PLC0415  # needed here alone
    from calsync.store.keyfiles import make_key_file  # noqa: PLC0415  # needed here alone

    if settings.store.path.exists():
        raise StoreExistsError(f"there is a store already: {settings.store.path}")
    if settings.secrets.key is not None:
        with _usable(settings):
            init_store(settings.store.path, master_of(settings))
        return False
    path = settings.secrets.key_file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        created = make_key_file(path)
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise OwnStateError(f"the master key {path} cannot be made or read: {error}") from error
    with _usable(settings):
        init_store(settings.store.path, master_from_text(text))
    return created


@contextmanager
def _usable(settings: Settings) -> Iterator[None]:
    """What the system says of the store's files and folder, as a sentence."""
    try:
        yield
    except OSError as error:
        raise OwnStateError(f"the store {settings.store.path} cannot be used: {error.strerror}") from error


class House:
    """Everything that one process works with. `open_house` makes one; `aclose` ends it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        clock: Clock,
        random: Random,
        transport: TransportFactory | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock = clock
        self.random = random
        self.new_id: NewId = lambda: f"{random.getrandbits(80):020x}"
        self._transport = transport
        self._http: HttpClient | None = None
        self.remote = Remote(settings=settings, clock=clock, people=store.people, http=lambda: self.http)

    @property
    def http(self) -> HttpClient:
        """Made when it is first needed: reading commands need none."""
        if self._http is None:
            outbound = self.settings.outbound
            limits = OutboundLimits(
                connect_s=outbound.connect_s,
                read_s=outbound.read_s,
                total_s=outbound.total_s,
                body_max_bytes=int(outbound.body_max_mb * _MEGABYTE),
            )
            self._http = HttpClient(
                limits=limits,
                clock=self.clock,
                random=self.random,
                allow_hosts=outbound.allow_hosts,
                transport=self._transport,
                proxy=outbound.proxy,
            )
        return self._http

    @cached_property
    def rhythm(self) -> Rhythm:
        sync = self.settings.sync
        pace = Pace(
            settle_s=sync.settle_s,
            retry_base_s=sync.retry_base_s,
            retry_max_s=sync.retry_max_s,
            held_period_s=sync.held_period_s,
            breaker=Breaker(writes=sync.breaker_writes, period=timedelta(seconds=sync.breaker_period_s)),
        )
        return Rhythm(pace=pace, poll_s=sync.poll_interval_s, random=self.random)

    @property
    def standard_policy(self) -> Policy:
        """What a pair's policy is where nobody chose."""
        sync = self.settings.sync
        return Policy(
            window_past_days=min(sync.window_past_days, WINDOW_DAYS_MAX),
            window_future_days=min(sync.window_future_days, WINDOW_DAYS_MAX),
            held_min=sync.held_min,
            held_share=sync.held_share,
        )

    @cached_property
    def people_desk(self) -> PeopleDesk:
        return PeopleDesk(
            people=self.store.people,
            records=self.store.records,
            systems=self.remote,
            admissions=self.remote,
            clock=self.clock,
            new_id=self.new_id,
        )

    @cached_property
    def resolve_desk(self) -> ResolveDesk:
        return ResolveDesk(records=self.store.records, clock=self.clock)

    @cached_property
    def turns(self) -> Turns:
        return Turns(
            TurnDesk(
                people=self.store.people,
                records=self.store.records,
                systems=self.remote,
                accounts=self.remote,
                clock=self.clock,
                new_id=self.new_id,
                rhythm=self.rhythm,
                counting=_counting,
            )
        )

    @cached_property
    def feeds(self) -> Feeds:
        desk = FeedDesk(people=self.store.people, records=self.store.records, clock=self.clock)
        return Feeds(desk=desk, systems=self.remote, rhythm=self.rhythm)

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.aclose()
        await self.store.aclose()


def _counting() -> AbstractContextManager[Counts]:
    return count_into(Counts())


async def open_house(
    settings: Settings,
    *,
    reading: bool = False,
    clock: Clock | None = None,
    seed: str | None = None,
    transport: TransportFactory | None = None,
) -> House:
    """Open the store, for this process alone or for ``reading``, and put everything together around it.

    ``seed`` fixes jitter and ids: the same seed on the same store does the same, and no id comes twice.

    Raises:
        InstanceLockedError: another process works on the store.
        OwnStateError: store or key cannot be used.
    """
    clock = clock or SystemClock()
    open_ = open_reader if reading else open_store
    with _usable(settings):
        store = await open_(settings.store.path, master_of(settings), clock)
    random = SystemRandom() if seed is None else Random(f"{seed}/{await store.database.run(read_epoch)}")  # noqa: S311  # jitter and ids, no secrets
    return House(settings, store, clock=clock, random=random, transport=transport)


# --- the calendar systems -------------------------------------------------------------------------------------------


class Watched:
    """The client for one credential: counts refusals, sends no credential that was refused three times a day.

    After a while without a good answer the first request goes alone, so that a changed password is refused once and
    not once for each request that was ready.
    """

    def __init__(self, http: Callable[[], HttpClient], clock: Clock, failures: Sequence[datetime]) -> None:
        self._http = http
        self._clock = clock
        self._first = asyncio.Lock()
        self._good_at: datetime | None = None
        self.failures = list(failures)

    async def send(self, request: Request, account: HttpAccount) -> Answer:
        if self._is_proven():
            return await self._send(request, account)
        async with self._first:
            if not self._is_proven():
                return await self._send(request, account)
        return await self._send(request, account)

    def _is_proven(self) -> bool:
        now = self._clock.now()
        return self._good_at is not None and (now - self._good_at).total_seconds() < _ALONE_S

    async def _send(self, request: Request, account: HttpAccount) -> Answer:
        if len(recent_failures(self.failures, self._clock.now())) >= SIGN_INS_A_DAY:
            raise SignInNeededError("This credential was refused three times within a day and is not tried any more.")
        answer = await self._http().send(request, account)
        if answer.status == _UNAUTHORIZED:
            self._good_at = None
            self.failures.append(self._clock.now())
        else:
            self._good_at = self._clock.now()
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """A credential as it is used now."""

    secret: str
    http: Watched


@dataclass(slots=True, kw_only=True)
class _Office:
    """A tenant's API as it is used now."""

    token: str
    api: TenantApi


class Remote:
    """The calendar systems behind pairs: implements `ports.Systems` and what `engine` needs of accounts."""

    def __init__(self, *, settings: Settings, clock: Clock, people: People, http: Callable[[], HttpClient]) -> None:
        self._settings = settings
        self._clock = clock
        self._people = people
        self._http = http
        self._doors: dict[str, _Door] = {}
        self._offices: dict[str, _Office] = {}
        self._keys: dict[str, SigningKeys] = {}
        self._sides: dict[PairId, dict[str, CaldavSide]] = {}

    # --- sides and feeds

    async def open(self, pair: Pair) -> Ends[Side]:
        self._sides[pair.id] = {}
        return Ends(await self._side(pair, pair.ends.crm), await self._side(pair, pair.ends.calendar))

    async def _side(self, pair: Pair, end: Endpoint) -> Side:
        match end:
            case Diary(associate=associate):
                return await self._diary(pair, associate)
            case Calendar():
                return await self._calendar(pair, end)

    async def _diary(self, pair: Pair, associate: int) -> Side:
        from calsync.adapters.superoffice.side import SuperOfficeSide  # noqa: PLC0415  # costs time to load

        tenant = await self._people.tenant(pair.tenant)
        if tenant is None:
            raise NotFoundError(f"there is no tenant {pair.tenant}")
        parallel = self._office_settings(tenant.environment).parallel
        return SuperOfficeSide(
            api=self._api(tenant),
            associate=associate,
            zone=pair.zone,
            base_zone=tenant.zone,
            counterpart=pair.identities.calendar,
            parallel=parallel,
        )

    async def _calendar(self, pair: Pair, end: Calendar) -> Side:
        from calsync.adapters.caldav.auth import Password, account_for  # noqa: PLC0415  # costs time to load
        from calsync.adapters.caldav.side import CaldavSide  # noqa: PLC0415  # costs time to load

        connection = await self._people.connection(end.connection)
        if connection is None:
            raise NotFoundError(f"there is no connection {end.connection}; `calsync connect` makes one")
        account = account_for(
            Password(username=connection.username, password=connection.secret),
            connection.facts["origins"],
            name=f"{connection.tenant}/{connection.subject}",
            parallel=self._settings.caldav.parallel_per_account,
        )
        side = CaldavSide(
            http=self._door(connection),
            account=account,
            principal=connection.facts["principal"],
            collection_url=end.calendar,
            person_zone=pair.zone,
            clock=self._clock,
            facts=connection.facts,
        )
        self._sides[pair.id][connection.id] = side
        return side

    async def feed(self, tenant: Tenant) -> TenantFeed:
        from calsync.adapters.superoffice.feed import SuperOfficeFeed  # noqa: PLC0415  # costs time to load

        return SuperOfficeFeed(self._api(tenant))

    def located(self, tenant: Tenant) -> Tenant:
        office = self._offices.get(tenant.id)
        return tenant if office is None or office.token != tenant.token else replace(tenant, url=office.api.url)

    # --- SuperOffice

    def environments(self) -> Sequence[str]:
        return sorted(self._settings.superoffice)

    async def tenant(self, tenant: Tenant) -> tuple[Tenant, Sequence[Associate]]:
        from calsync.adapters.superoffice.admission import admit  # noqa: PLC0415  # costs time to load

        return await admit(
            environment=self._environment(tenant.environment),
            keys=self._signing_keys(tenant.environment),
            http=self._http(),
            clock=self._clock,
            tenant=tenant,
        )

    def _api(self, tenant: Tenant) -> TenantApi:
        from calsync.adapters.superoffice.tenant import TenantApi  # noqa: PLC0415  # costs time to load

        office = self._offices.get(tenant.id)
        if office is None or office.token != tenant.token:
            api = TenantApi(
                environment=self._environment(tenant.environment),
                tenant=tenant,
                keys=self._signing_keys(tenant.environment),
                http=self._http(),
                clock=self._clock,
            )
            office = self._offices[tenant.id] = _Office(token=tenant.token, api=api)
        return office.api

    def _office_settings(self, name: str) -> Any:
        found = self._settings.superoffice.get(name)
        if found is None:
            raise OwnStateError(f"the settings have no [superoffice.{name}], which a tenant in the store needs")
        return found

    def _environment(self, name: str) -> Environment:
        from calsync.adapters.superoffice.auth import Environment  # noqa: PLC0415  # costs time to load

        office = self._office_settings(name)
        return Environment(
            name=name,
            login_url=office.login_url,
            client_secret=office.client_secret.reveal(),
            private_key=office.private_key.reveal(),
            tenant_hosts=office.tenant_hosts,
            ticket_issuer=office.ticket_issuer,
            calls_per_s=office.calls_per_s,
            parallel=office.parallel,
        )

    def _signing_keys(self, name: str) -> SigningKeys:
        from calsync.adapters.superoffice.auth import SigningKeys  # noqa: PLC0415  # costs time to load

        if name not in self._keys:
            self._keys[name] = SigningKeys(environment=self._environment(name), http=self._http(), clock=self._clock)
        return self._keys[name]

    # --- accounts

    async def account(self, connection: Connection) -> Account:
        from calsync.adapters.caldav.auth import Password  # noqa: PLC0415  # costs time to load
        from calsync.adapters.caldav.discovery import connect  # noqa: PLC0415  # costs time to load
        from calsync.adapters.caldav.dns import DnsResolver  # noqa: PLC0415  # costs time to load

        found = await connect(
            self._door(connection),
            address=connection.url,
            login=Password(username=connection.username, password=connection.secret),
            resolver=DnsResolver(),
            name=f"{connection.tenant}/{connection.username}",
            parallel=self._settings.caldav.parallel_per_account,
        )
        return Account(
            subject=f"{connection.kind} {found.principal} {connection.username}",
            calendars=found.calendars,
            facts=found.facts,
        )

    def _door(self, connection: Connection) -> Watched:
        secret = hashlib.sha256(f"{connection.username}\0{connection.secret}".encode()).hexdigest()
        door = self._doors.get(connection.id)
        if door is None or door.secret != secret:
            watched = Watched(self._http, self._clock, connection.failed_sign_ins)
            door = self._doors[connection.id] = _Door(secret=secret, http=watched)
        return door.http

    def refusals(self, connection: Connection) -> Sequence[datetime]:
        return tuple(self._door(connection).failures)

    def learned(self, pair: PairId) -> Mapping[str, Mapping[str, Any]]:
        return {connection: side.learned for connection, side in self._sides.get(pair, {}).items()}
