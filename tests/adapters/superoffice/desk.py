"""A tenant's API on the simulator, in process, with a clock that only moves when told."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.adapters.http.in_process import in_process
from calsync.adapters.superoffice.admission import admit
from calsync.adapters.superoffice.auth import Environment, SigningKeys
from calsync.adapters.superoffice.feed import SuperOfficeFeed
from calsync.adapters.superoffice.side import SuperOfficeSide
from calsync.adapters.superoffice.tenant import TenantApi
from calsync.core.ends import End
from calsync.core.event import Event
from calsync.core.observation import Marker, Seen
from calsync.core.policy import Window
from calsync.core.refs import Identity, Ref, make_key
from calsync.ports import Draft, KnownItem, Tenant
from calsync.sandbox.superoffice.server import SuperOfficeSandbox
from calsync.sandbox.superoffice.switches import Fault, Switches
from calsync.sandbox.superoffice.world import World
from tests.schemas import SchemaCheckedApp, schema_folder

START = datetime(2026, 7, 1, 8, 7, 11, tzinfo=UTC)


@dataclass(slots=True)
class HandClock:
    """Time that moves when somebody sleeps or says so."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class Memory:
    """What a store would know."""

    items: dict[Ref, KnownItem] = field(default_factory=dict)

    async def some(self, refs: Collection[Ref]) -> Mapping[Ref, KnownItem]:
        return {ref: self.items[ref] for ref in refs if ref in self.items}

    def learn(self, shown: Iterable[Seen]) -> None:
        self.items |= {each.ref: KnownItem(version=each.version, digest=each.digest) for each in shown}

    async def everything(self) -> Mapping[Ref, KnownItem]:
        return dict(self.items)


@dataclass(slots=True, kw_only=True)
class Desk:
    """One tenant with its people, and everything a test needs to talk to it."""

    clock: HandClock
    world: World
    sandbox: SuperOfficeSandbox
    environment: Environment
    http: HttpClient
    keys: SigningKeys
    given: Tenant
    tenant: Tenant
    kari: int
    ola: int

    @property
    def api(self) -> TenantApi:
        return TenantApi(
            environment=self.environment, tenant=self.tenant, keys=self.keys, http=self.http, clock=self.clock
        )

    def side(self, associate: int = 0, *, zone: str = "Europe/Oslo", api: TenantApi | None = None) -> SuperOfficeSide:
        return SuperOfficeSide(
            api=api or self.api, associate=associate or self.kari, zone=zone, base_zone=self.tenant.zone
        )

    def feed(self) -> SuperOfficeFeed:
        return SuperOfficeFeed(self.api)

    def strike(self, *faults: Fault) -> None:
        """Let these faults hit; none clears them. The definition does not judge what faults answer."""
        if isinstance(self.sandbox.app, SchemaCheckedApp):
            self.sandbox.app.faulty_answers = True
        self.world.switches.faults = list(faults)

    @property
    def window(self) -> Window:
        now = self.clock.now()
        return Window(start=now - timedelta(days=30), end=now + timedelta(days=365), zone="Europe/Oslo")

    def paths(self) -> list[str]:
        """The calls made since the log was cleared, without the login host's."""
        return [f"{entry.method} {entry.path}" for entry in self.sandbox.requests if entry.custid]


def draft(event: Event, *, uid: str = "", original: str = "original", generation: int = 1) -> Draft:
    key = make_key(
        realm="sod/Cust12345",
        crm_calendar="crm",
        calendar="calendar",
        original_at=End.CALENDAR,
        original=Identity(original),
        generation=generation,
    )
    return Draft(event=event, marker=Marker(realm="sod/Cust12345", key=key, generation=generation), uid=uid)


@asynccontextmanager
async def open_desk(
    *, switches: Switches | None = None, base_zone: str = "NO", before: Callable[[Any], Any] | None = None
) -> AsyncIterator[Desk]:
    """A tenant that was admitted. ``before`` may put an application before the simulator."""
    clock = HandClock()
    world = World(now=clock.now, switches=switches)
    tenant = world.add_tenant(base_zone=base_zone)
    kari = tenant.add_associate(name="KN", first="Kari", last="Nordmann", emails=["Kari@Example.com"]).associate_id
    ola = tenant.add_associate(name="OH", first="Ola", last="Hansen", emails=["ola@example.com"]).associate_id
    sandbox = SuperOfficeSandbox(world, wrap=_checked(world) if _is_definition_at_hand() else None)
    app = sandbox.app if before is None else before(sandbox.app)
    origins = [sandbox.environment.origins.login, *sandbox.environment.origins.tenants]
    http = HttpClient(
        limits=OutboundLimits(),
        clock=clock,
        random=random.Random(7),
        transport=in_process(dict.fromkeys(origins, app)),
    )
    credentials = sandbox.credentials()
    environment = Environment(
        name="sod",
        login_url=credentials.login_url,
        client_secret=credentials.client_secret,
        private_key=credentials.private_key_pem,
        tenant_hosts=("*.superoffice.test",),
        calls_per_s=1e9,
    )
    keys = SigningKeys(environment=environment, http=http, clock=clock)
    given = Tenant(id=credentials.custid, environment="sod", token=credentials.system_user_token)
    async with http:
        admitted, _ = await admit(environment=environment, keys=keys, http=http, clock=clock, tenant=given)
        yield Desk(
            clock=clock,
            world=world,
            sandbox=sandbox,
            environment=environment,
            http=http,
            keys=keys,
            given=given,
            tenant=admitted,
            kari=kari,
            ola=ola,
        )


def _is_definition_at_hand() -> bool:
    return (schema_folder() / "superoffice-openapi.json").is_file()


def _checked(world: World) -> Callable[[Any], SchemaCheckedApp]:
    """Every exchange is checked against the published definition; what a newer server added may be echoed."""
    return lambda app: SchemaCheckedApp(app, echoed=frozenset({world.switches.future_property} - {""}))
