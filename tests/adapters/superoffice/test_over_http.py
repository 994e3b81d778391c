"""The same calls over a socket, where headers and addresses are bytes."""

from __future__ import annotations

import random

from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.adapters.superoffice.admission import admit
from calsync.adapters.superoffice.auth import Environment, SigningKeys
from calsync.adapters.superoffice.feed import SuperOfficeFeed
from calsync.adapters.superoffice.side import SuperOfficeSide
from calsync.adapters.superoffice.tenant import TenantApi
from calsync.ports import Tenant
from calsync.sandbox.superoffice.server import SuperOfficeSandbox
from calsync.sandbox.superoffice.world import World
from tests.adapters.superoffice.desk import HandClock, draft
from tests.builders import event


async def test_a_tenant_on_loopback_ports_is_admitted_written_and_polled() -> None:
    clock = HandClock()
    world = World(now=clock.now)
    tenant = world.add_tenant()
    kari = tenant.add_associate(name="KN", first="Kari", last="Nordmann", emails=[]).associate_id
    async with SuperOfficeSandbox(world) as sandbox:
        origins = [sandbox.environment.origins.login, *sandbox.environment.origins.tenants]
        given = sandbox.credentials()
        environment = Environment(
            name="sod",
            login_url=given.login_url,
            client_secret=given.client_secret,
            private_key=given.private_key_pem,
            tenant_hosts=tuple(origin.removeprefix("http://") for origin in origins),
        )
        limits = OutboundLimits()
        async with HttpClient(limits=limits, clock=clock, random=random.Random(7), allow_hosts=origins) as http:
            keys = SigningKeys(environment=environment, http=http, clock=clock)
            known = Tenant(id=given.custid, environment="sod", token=given.system_user_token)
            admitted, people = await admit(environment=environment, keys=keys, http=http, clock=clock, tenant=known)
            api = TenantApi(environment=environment, tenant=admitted, keys=keys, http=http, clock=clock)
            side, feed = SuperOfficeSide(api=api, associate=kari, zone=admitted.zone), SuperOfficeFeed(api)
            cursor = (await feed.changes(None, [kari])).cursor
            clock.pass_s(5)
            made = await side.create(draft(event("Møte 👩‍👧", place="Rom «4»", notes="æøå\n  & <b>")))
            page = await feed.changes(cursor, [kari])

    assert [each.id for each in people] == [kari]
    assert page.touched == {kari: {made.ref}}
    assert made.seen is not None
    assert made.seen.event == side.lens.show(event("Møte 👩‍👧", place="Rom «4»", notes="æøå\n  & <b>"))
