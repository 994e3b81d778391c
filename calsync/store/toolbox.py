"""The operators' toolbox on the file: look, count, export, copy. It can change nothing.

Content is sealed; these functions have no keys, so what they print is safe to show.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from calsync.core.errors import CalsyncError
from calsync.store.checks import check_is_store
from calsync.store.errors import StoreExistsError
from calsync.store.files import write_new_file
from calsync.store.layout import StoreFiles

_READS: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_SAVEPOINT,  # sqlite-utils looks inside one
    }
)
_BUSY_S: Final = 10.0


class QueryError(CalsyncError):
    """A query that is wrong, or that would do more than read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """``tables`` are rows by table; ``free_bytes`` would be given back by a compaction."""

    tables: Mapping[str, int]
    store_bytes: int
    free_bytes: int
    log_bytes: int


def query(path: Path, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of one reading statement.

    Raises:
        QueryError: it is wrong or writes.
        OwnStateError: there is no store.
    """
    with _reading(path) as database:
        database.conn.set_authorizer(_only_reads)
        try:
            return [_printable(row) for row in database.query(sql, dict(parameters or {}))]
        except (sqlite3.Error, ValueError) as error:
            raise QueryError(f"this query cannot be run here, where one can only read: {error}") from error


def export(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """All rows of one table.

    Raises:
        QueryError: there is no such table.
    """
    with _reading(path) as database:
        names = database.table_names()
        if table not in names:
            raise QueryError(f"there is no table {table}; there are {', '.join(sorted(names))}")
        for row in database.table(table).rows:
            yield _printable(row)


def stats(path: Path) -> Stats:
    with _reading(path) as database:
        tables = {name: database.table(name).count for name in sorted(database.table_names())}
        pages = {name: _pragma(database, name) for name in ("page_size", "page_count", "freelist_count")}
    wal = StoreFiles(path).wal
    return Stats(
        tables=tables,
        store_bytes=pages["page_size"] * pages["page_count"],
        free_bytes=pages["page_size"] * pages["freelist_count"],
        log_bytes=wal.stat().st_size if wal.exists() else 0,
    )


def copy_store(path: Path, target: Path) -> None:
    """A consistent copy, also while the store is in use.

    Raises:
        StoreExistsError: there is something at ``target``.
    """
    with _reading(path) as database:
        try:
            write_new_file(target, b"")
        except FileExistsError:
            raise StoreExistsError(f"there is a file already: {target}") from None
        with closing(sqlite3.connect(target)) as copy:
            database.conn.backup(copy)


@contextmanager
def _reading(path: Path) -> Iterator[Database]:
    check_is_store(path)
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield Database(connection)


def _only_reads(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _pragma(database: Database, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _printable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Sealed bytes are text already (Fernet tokens)."""
    return {name: value.decode("ascii") if isinstance(value, bytes) else value for name, value in row.items()}
