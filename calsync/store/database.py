"""The one connection that writes, and checkpoints, on a thread of its own.

SQLite up to 3.51.2 can corrupt a store when two connections write and checkpoint at the same time, so there is
exactly one. It is used by one thread, one transaction after the other: two tasks cannot come between each other.

A checkpoint moves what was committed from the log beside the store into the store. Each one is followed by raising
the epoch, so the log always begins with an epoch that the store alone does not have: a store without its log is
recognised as an old copy.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import StaticPool

from calsync.core.errors import OwnStateError
from calsync.store.epoch import EpochFile
from calsync.store.schema import COUNTERS

T = TypeVar("T")
P = ParamSpec("P")

WAL_MAX: Final = 4 * 2**20
"""The log is moved into the store when it is larger than this (bytes)."""
_CACHE_KIB: Final = 16 * 1024
"""Room for a first sync's transaction, which would else be written twice."""
_BUSY_S: Final = 10.0


class InlineExecutor(Executor):
    """Runs work at once, in the caller's thread: for simulations that must repeat exactly."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
            future.set_exception(error)
        return future


def one_thread() -> Executor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="calsync-store")


def connect_memory() -> Engine:
    return _engine(lambda: sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))


def connect_file(path: Path) -> Engine:
    """Open an existing file for writing; its log and synchronisation survive power cuts."""
    return _engine(lambda: _open(path, "rw"))


def connect_reader(path: Path) -> Engine:
    """Open an existing file for reading only; it never checkpoints."""
    return _engine(lambda: _open(path, "ro"), begin="BEGIN")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=_BUSY_S)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _engine(connect: Callable[[], sqlite3.Connection], begin: str = "BEGIN IMMEDIATE") -> Engine:
    def connected() -> sqlite3.Connection:
        connection = connect()
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def started(connection: Connection) -> None:
        # A transaction that begins by reading and goes on to write would lose updates or fail with "locked".
        connection.exec_driver_sql(begin)

    engine = create_engine("sqlite://", creator=connected, poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "begin", started)
    return engine


@contextmanager
def own_state() -> Iterator[None]:
    """Turn SQLite's errors into ours; a violated constraint stays what it is."""
    try:
        yield
    except IntegrityError:
        raise
    except DatabaseError as error:
        raise OwnStateError(f"the store cannot be used: {error.orig}; see `calsync fsck`") from error


class Database:
    """Runs transactions."""

    def __init__(
        self, connection: Connection, executor: Executor, *, wal: Path | None, epoch: EpochFile | None
    ) -> None:
        self._connection = connection
        self._executor = executor
        self._wal = wal
        self._wal_max = WAL_MAX
        self._epoch = epoch

    async def run(self, work: Callable[[Connection], T]) -> T:
        """One transaction: all of ``work`` or nothing.

        Raises:
            OwnStateError: the store cannot be read or written; nothing was committed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        result = self.transact(work)
        if self._wal is not None and self._wal_size() > self._wal_max:
            self._checkpoint()
        return result

    def transact(self, work: Callable[[Connection], T]) -> T:
        """As `run`, in the store's own thread."""
        with own_state(), self._connection.begin():
            return work(self._connection)

    def raise_epoch(self) -> int:
        """Count on, and only then say so beside the store."""
        epoch = self.transact(_count_epoch)
        if self._epoch is not None:
            self._epoch.write(epoch)
        return epoch

    async def run_raise_epoch(self) -> int:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.raise_epoch)

    def _wal_size(self) -> int:
        return self._wal.stat().st_size if self._wal is not None and self._wal.exists() else 0

    def _checkpoint(self) -> None:
        # What was asked for is committed already. If there is no room to move it now, a later commit tries again.
        with suppress(DatabaseError, OwnStateError, OSError):
            busy = self._pragma("wal_checkpoint(PASSIVE)")[0] or self._truncate_wal()
            self._wal_max = WAL_MAX + (self._wal_size() if busy else 0)
            self.raise_epoch()

    def _truncate_wal(self) -> int:
        """Empty the log unless somebody reads it (1)."""
        self._pragma("busy_timeout = 0")
        try:
            return int(self._pragma("wal_checkpoint(TRUNCATE)")[0])
        finally:
            self._pragma(f"busy_timeout = {_BUSY_S * 1000:.0f}")

    def _pragma(self, text: str) -> Any:
        # Outside of a transaction, so past SQLAlchemy, which would begin one.
        return driver_of(self._connection).execute(f"PRAGMA {text}").fetchone()

    def close(self) -> None:
        if self._wal is not None:
            with suppress(DatabaseError):
                self._truncate_wal()
        self._connection.close()
        self._connection.engine.dispose()

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self.close)
        self._executor.shutdown()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """SQLite's own connection."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _count_epoch(connection: Connection) -> int:
    return next_number(connection, "epoch")


def next_number(connection: Connection, name: str) -> int:
    """The next value of a counter."""
    counted = update(COUNTERS).where(COUNTERS.c.name == name).values(value=COUNTERS.c.value + 1)
    value: int = connection.execute(counted.returning(COUNTERS.c.value)).scalar_one()
    return value
