"""A process that opens the store, says so, and writes one link after the other until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from calsync.core.errors import CalsyncError
from calsync.ports import Changes
from calsync.store import open_store
from calsync.store.vault import master_from_text
from tests.contracts.store_values import PAIR, SetClock, link


async def main(path: Path, key: str) -> None:
    store = await open_store(path, master_from_text(key), SetClock())
    for number in range(10_000):
        await store.records.commit(PAIR, Changes(links=(link(f"{number:06}"),)))
        print(number, flush=True)  # noqa: T201  # it talks to the test by its output


try:
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
except CalsyncError as error:
    print(type(error).__name__, flush=True)  # noqa: T201  # the same
