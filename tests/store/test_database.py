from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, select, update

from calsync.core.ends import End
from calsync.core.errors import OwnStateError
from calsync.ports import Changes
from calsync.store.database import Database, InlineExecutor, driver_of
from calsync.store.opening import Store, open_memory
from calsync.store.schema import COUNTERS
from calsync.store.vault import master_from_text
from tests.contracts.store_values import PAIR, SetClock, aside, link, pair, tenant
from tests.store.desk import Desk


async def with_pair(store: Store) -> None:
    await store.people.put_tenant(tenant())
    await store.people.put_pair(pair())


def count_up(connection: Connection) -> None:
    """Reads, then writes what it read plus one: the pattern that loses updates."""
    mark = COUNTERS.c.name == "mark"
    value = connection.execute(select(COUNTERS.c.value).where(mark)).scalar_one()
    connection.execute(update(COUNTERS).where(mark).values(value=value + 1))


async def marks(database: Database) -> int:
    query = select(COUNTERS.c.value).where(COUNTERS.c.name == "mark")
    return int(await database.run(lambda connection: connection.execute(query).scalar_one()))


async def test_K07_eight_tasks_that_count_together_lose_nothing(desk: Desk) -> None:
    async with desk.open() as store:

        async def count() -> None:
            for _ in range(300):
                await store.database.run(count_up)

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(count())

        assert await marks(store.database) == 2_400


async def test_K07_two_tasks_never_share_a_transaction(desk: Desk) -> None:
    async with desk.open() as store:
        inside: list[int] = []

        def alone(connection: Connection) -> int:
            inside.append(1)
            time.sleep(0.002)
            count_up(connection)
            together = len(inside)
            inside.clear()
            return together

        assert await asyncio.gather(*(store.database.run(alone) for _ in range(10))) == [1] * 10


async def test_the_loop_goes_on_while_the_store_works(desk: Desk) -> None:
    async with desk.open() as store:
        slow = asyncio.ensure_future(store.database.run(lambda _: time.sleep(0.3)))
        beats = 0
        while not slow.done():
            await asyncio.sleep(0.01)
            beats += 1

    assert beats > 5


async def test_K03_a_cancelled_task_leaves_a_whole_commit_or_none(desk: Desk) -> None:
    async with desk.open() as store:
        await with_pair(store)
        started = threading.Event()

        def slowly(connection: Connection) -> None:
            count_up(connection)
            started.set()
            time.sleep(0.05)
            count_up(connection)

        task = asyncio.ensure_future(store.database.run(slowly))
        await asyncio.to_thread(started.wait)
        task.cancel()

        assert await marks(store.database) == 2


async def test_work_that_fails_leaves_nothing(desk: Desk) -> None:
    def fail(connection: Connection) -> None:
        count_up(connection)
        raise KeyError("bug")

    async with desk.open() as store:
        with pytest.raises(KeyError):
            await store.database.run(fail)

        assert await marks(store.database) == 0
        await store.database.run(count_up)
        assert await marks(store.database) == 1


async def test_K05_a_full_disk_refuses_the_commit_as_a_whole_and_is_survived(desk: Desk) -> None:
    async with desk.open() as store:
        await with_pair(store)
        await store.database.run(lambda connection: _limit(connection, 0))
        many = Changes(links=tuple(link(f"{number:04}") for number in range(500)), asides=(aside(),))

        with pytest.raises(OwnStateError, match="full"):
            await store.records.commit(PAIR, many)

        assert await store.records.links(PAIR) == []
        await store.database.run(lambda connection: _limit(connection, 1_000_000))
        await store.records.commit(PAIR, many)
        assert len(await store.records.links(PAIR)) == 500


def _limit(connection: Connection, pages: int) -> None:
    """As little room as is in use already, or more."""
    driver_of(connection).execute(f"PRAGMA max_page_count = {pages or 1}")


async def test_an_error_of_the_store_repeats_no_content(desk: Desk) -> None:
    async with desk.open() as store:
        await with_pair(store)
        await store.database.run(lambda connection: driver_of(connection).execute("DROP TABLE touched"))

        with pytest.raises(OwnStateError) as caught:
            await store.records.touched(PAIR)

    assert "pair-1" not in str(caught.value)


async def test_K06_a_writer_that_is_held_up_waits(desk: Desk) -> None:
    async with desk.open() as store:
        with closing(sqlite3.connect(desk.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(store.database.run(count_up))
            await asyncio.sleep(0.2)
            assert not waiting.done()
            other.execute("ROLLBACK")
            await waiting

        assert await marks(store.database) == 1


async def test_K24_only_the_writing_connection_checkpoints(desk: Desk) -> None:
    async with desk.open() as store, desk.read() as reader:
        pragmas = "PRAGMA wal_autocheckpoint", "PRAGMA synchronous", "PRAGMA foreign_keys", "PRAGMA journal_mode"

        def read(connection: Connection) -> list[object]:
            return [driver_of(connection).execute(pragma).fetchone()[0] for pragma in pragmas]

        assert await store.database.run(read) == [0, 2, 1, "wal"]
        assert await reader.database.run(read) == [0, 2, 1, "wal"]


async def test_the_log_is_moved_into_the_store_and_begins_with_a_new_epoch(desk: Desk) -> None:
    async with desk.open() as store:
        await with_pair(store)
        epoch = int(desk.files.epoch.read_text())
        store.database._wal_max = 100_000
        links = tuple(link(f"{number:06}") for number in range(300))

        await store.records.commit(PAIR, Changes(links=links))

        assert desk.files.wal.stat().st_size < 100_000
        assert int(desk.files.epoch.read_text()) == epoch + 1
        with closing(sqlite3.connect(f"file:{desk.path}?immutable=1", uri=True)) as without_log:
            assert without_log.execute("SELECT count(*) FROM links").fetchone() == (300,)
            assert without_log.execute("SELECT value FROM counters WHERE name = 'epoch'").fetchone() == (epoch,)


async def test_a_reader_that_stays_holds_nobody_up(desk: Desk) -> None:
    async with desk.open() as store:
        await with_pair(store)
        with closing(sqlite3.connect(f"file:{desk.path}?mode=ro", uri=True, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM links").fetchone()
            started = time.monotonic()
            for half in range(2):
                store.database._wal_max = 100_000
                links = tuple(link(f"{half}{number:06}") for number in range(300))
                await store.records.commit(PAIR, Changes(links=links))
            reader.execute("COMMIT")

        assert time.monotonic() - started < 9  # less than the time-out of a busy store
        assert len(await store.records.known(PAIR, End.CRM)) == 600


async def test_an_inline_store_stays_in_the_callers_thread() -> None:
    master = master_from_text(Fernet.generate_key().decode())
    store = await open_memory(master, SetClock(), executor=InlineExecutor())

    assert await store.database.run(lambda _: threading.current_thread()) is threading.current_thread()
    await store.aclose()


async def test_inline_errors_reach_the_caller() -> None:
    future = InlineExecutor().submit(lambda: 1 // 0)

    assert isinstance(future.exception(), ZeroDivisionError)
