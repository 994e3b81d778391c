from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from calsync.sandbox.superoffice.believable import Company, believable_company
from calsync.sandbox.superoffice.server import SuperOfficeSandbox
from calsync.sandbox.superoffice.world import World
from tests.sandbox.superoffice.client import Client, TestClock
from tests.schemas import SchemaCheckedApp, schema_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.switches import Switches


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def world(clock: TestClock) -> World:
    world = World(now=clock)
    world.add_tenant()
    return world


@pytest.fixture
def company(world: World) -> Company:
    return believable_company(world.tenant())


@pytest.fixture
def sandbox(world: World, company: Company) -> SuperOfficeSandbox:
    """Every exchange is checked against the published definition where that is at hand."""
    there = (schema_folder() / "superoffice-openapi.json").is_file()
    return SuperOfficeSandbox(world, wrap=SchemaCheckedApp if there else None)


@pytest.fixture
def switches(world: World) -> Switches:
    return world.switches


@pytest.fixture
def act(sandbox: SuperOfficeSandbox) -> Acting:
    return sandbox.act


@pytest.fixture
async def client(sandbox: SuperOfficeSandbox) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app)) as http:
        yield await Client(sandbox, http).sign_in()


@pytest.fixture
def lunch(act: Acting, company: Company) -> int:
    """One appointment of Kari, 12 to 13 in Oslo."""
    return act.create(
        company.kari,
        title="Lunch",
        start=datetime(2026, 3, 5, 12, 0),  # noqa: DTZ001  # wall clock of the user
        end=datetime(2026, 3, 5, 13, 0),  # noqa: DTZ001  # wall clock of the user
        place="Room 4",
    )
