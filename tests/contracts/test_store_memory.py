"""The store in memory, on a thread and inline, keeps the promises of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Executor

import pytest
from cryptography.fernet import Fernet

from calsync.store import open_memory
from calsync.store.database import InlineExecutor, one_thread
from calsync.store.vault import master_from_text
from tests.contracts.people_contract import PeopleContract
from tests.contracts.records_contract import RecordsContract
from tests.contracts.store_values import Kept, SetClock


@pytest.fixture(params=[one_thread, InlineExecutor], ids=["thread", "inline"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    clock = SetClock()
    executor: Executor = request.param()
    store = await open_memory(master_from_text(Fernet.generate_key().decode()), clock, executor=executor)
    yield Kept(store.records, store.people, clock)
    await store.aclose()


class TestRecordsInMemory(RecordsContract):
    pass


class TestPeopleInMemory(PeopleContract):
    pass
