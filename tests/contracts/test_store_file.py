"""The store in a file keeps the promises of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from calsync.store import init_store, open_store
from calsync.store.vault import master_from_text
from tests.contracts.people_contract import PeopleContract
from tests.contracts.records_contract import RecordsContract
from tests.contracts.store_values import Kept, SetClock


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    clock, master = SetClock(), master_from_text(Fernet.generate_key().decode())
    init_store(tmp_path / "calsync.db", master)
    store = await open_store(tmp_path / "calsync.db", master, clock)
    yield Kept(store.records, store.people, clock)
    await store.aclose()


class TestRecordsInAFile(RecordsContract):
    pass


class TestPeopleInAFile(PeopleContract):
    pass
