"""Making, opening and checking a store. Whatever looks wrong is refused: our own state is never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from calsync.core.errors import OwnStateError
from calsync.ports import Clock
from calsync.store.checks import check_is_store, check_pages, check_revision, read_epoch
from calsync.store.database import (
    Database,
    connect_file,
    connect_memory,
    connect_reader,
    driver_of,
    one_thread,
    own_state,
)
from calsync.store.due import forget_leases
from calsync.store.epoch import EpochFile
from calsync.store.erase import erase_rows
from calsync.store.errors import StoreExistsError
from calsync.store.files import sync_directory, write_new_file
from calsync.store.keyfiles import FileKeyStore
from calsync.store.layout import StoreFiles
from calsync.store.lock import InstanceLock
from calsync.store.people import SqlPeople
from calsync.store.records import SqlRecords
from calsync.store.schema import APPLICATION_ID, COUNTERS, TENANTS
from calsync.store.vault import Master, MemoryKeyStore, Vault


class Store:
    """An open store."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, *, lock: InstanceLock | None = None) -> None:
        self.database = database
        self.vault = vault
        self.records = SqlRecords(database, vault)
        self.people = SqlPeople(database, vault, clock)
        self._lock = lock

    async def raise_epoch(self) -> int:
        """Count on, as at every start: an hourly job does it."""
        return await self.database.run_raise_epoch()

    async def aclose(self) -> None:
        await self.database.aclose()
        if self._lock is not None:
            self._lock.release()


def init_store(path: Path, master: Master) -> None:
    """Make an empty store. An epoch beside it, left by a lost store, is carried on.

    Raises:
        StoreExistsError: there is one.
        InstanceLockedError: another instance runs there.
    """
    files = StoreFiles(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = InstanceLock(files.lock)
    try:
        if path.exists():
            raise StoreExistsError(f"there is a store already: {path}")
        _init_keys(files, master)
        _init_file(files, epoch=(EpochFile(files.epoch).read() or 0) + 1)
    finally:
        lock.release()


def _init_keys(files: StoreFiles, master: Master) -> None:
    """Keys of a lost store stay if they are ours: its backups can then still be read."""
    keys = FileKeyStore(files.keys)
    vault = Vault(master, keys)
    if files.keys.exists():
        try:
            vault.check()
        except OwnStateError:
            keys.put_away()
        else:
            return
    vault.start()


def _init_file(files: StoreFiles, *, epoch: int) -> None:
    """Build it under another name, so that half a store never bears the name of one."""
    fresh = StoreFiles(files.store.with_name(files.store.name + ".new"))
    for leftover in (fresh.store, fresh.wal, fresh.shm, files.wal, files.shm):
        leftover.unlink(missing_ok=True)
    write_new_file(fresh.store, b"")
    engine = connect_file(fresh.store)
    with engine.connect() as connection:
        build(connection, epoch=epoch)
        driver_of(connection).execute("PRAGMA journal_mode = WAL")
    engine.dispose()
    EpochFile(files.epoch).write(epoch)
    fresh.store.replace(files.store)
    sync_directory(files.store.parent)


def build(connection: Connection, *, epoch: int) -> None:
    """All tables, in an empty database."""
    from calsync.store.migrate import upgrade  # noqa: PLC0415  # Alembic's import costs more than most commands

    with connection.begin():
        upgrade(connection)
        connection.execute(insert(COUNTERS), [{"name": "epoch", "value": epoch}, {"name": "mark", "value": 0}])
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


async def open_store(path: Path, master: Master, clock: Clock, *, executor: Executor | None = None) -> Store:
    """Open the store for this instance alone; the epoch is raised.

    Raises:
        InstanceLockedError: another instance has it.
        OwnStateError: it is missing, empty, foreign, damaged, newer, older, an old copy, or of another master key.
    """
    return await _in_thread(executor or one_thread(), lambda own: _open_writer(path, master, clock, own))


def _open_writer(path: Path, master: Master, clock: Clock, executor: Executor) -> Store:
    files = StoreFiles(path)
    check_is_store(path)
    lock = InstanceLock(files.lock)
    try:
        vault = Vault(master, FileKeyStore(files.keys))
        epoch = EpochFile(files.epoch)
        connection = _connect(connect_file(path), _check_deeply)
        database = Database(connection, executor, wal=files.wal, epoch=epoch)
        try:
            epoch.check(database.transact(read_epoch))
            _start(database, vault)
            return Store(database, vault, clock, lock=lock)
        except BaseException:
            database.close()
            raise
    except BaseException:
        lock.release()
        raise


def _start(database: Database, vault: Vault) -> None:
    vault.check()
    database.transact(lambda connection: _check_keys(connection, vault))
    database.transact(forget_leases)
    database.raise_epoch()


def _check_keys(connection: Connection, vault: Vault) -> None:
    """Finish interrupted erasures; open one sealed text of every tenant."""
    for tenant in sorted(vault.destroyed()):
        erase_rows(connection, tenant)
    for row in connection.execute(select(TENANTS.c.id, TENANTS.c.sealed)):
        vault.seal(row.id).open("tenant", row.sealed)


async def open_reader(path: Path, master: Master, clock: Clock) -> Store:
    """Open the store for reading only, also while another instance has it. Writing fails.

    An old copy can be looked at: only going on with it is refused.

    Raises:
        OwnStateError: it is missing, empty, foreign, damaged, newer or older, or of another master key.
    """
    return await _in_thread(one_thread(), lambda own: _open_reader(path, master, clock, own))


def _open_reader(path: Path, master: Master, clock: Clock, executor: Executor) -> Store:
    check_is_store(path)
    vault = Vault(master, FileKeyStore(StoreFiles(path).keys))
    vault.check()
    connection = _connect(connect_reader(path), check_revision)
    return Store(Database(connection, executor, wal=None, epoch=None), vault, clock)


async def open_memory(master: Master, clock: Clock, *, executor: Executor | None = None) -> Store:
    """A store that ends with the process."""
    return await _in_thread(executor or one_thread(), lambda own: _open_memory(master, clock, own))


def _open_memory(master: Master, clock: Clock, executor: Executor) -> Store:
    vault = Vault(master, MemoryKeyStore())
    vault.start()
    connection = connect_memory().connect()
    build(connection, epoch=1)
    return Store(Database(connection, executor, wal=None, epoch=None), vault, clock)


async def _in_thread(executor: Executor, open_: Callable[[Executor], Store]) -> Store:
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, open_, executor)
    except BaseException:
        executor.shutdown(wait=False)
        raise


def _connect(engine: Engine, check: Callable[[Connection], None]) -> Connection:
    with own_state():
        connection = engine.connect()
        try:
            check(connection)
        except BaseException:
            connection.close()
            engine.dispose()
            raise
        return connection


def _check_deeply(connection: Connection) -> None:
    check_revision(connection)
    findings = check_pages(connection)
    if findings:
        raise OwnStateError(f"the store is damaged ({findings[0]}); run `calsync restore` to bring a backup back")
