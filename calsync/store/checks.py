"""What must be right before a store is used."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, select

from calsync.core.errors import OwnStateError
from calsync.store.schema import APPLICATION_ID, COUNTERS, HEAD


def check_is_store(path: Path) -> None:
    """See that the file is there and is SQLite's.

    Raises:
        OwnStateError: it is not.
    """
    remedy = "run `calsync init` to make a new one, or `calsync restore` to bring a backup back"
    try:
        with path.open("rb") as file:
            header = file.read(16)
    except OSError as error:
        raise OwnStateError(f"there is no store at {path} ({error.strerror}); {remedy}") from None
    if not header:
        raise OwnStateError(f"the store {path} is empty; {remedy}")
    if header != b"SQLite format 3\0":
        raise OwnStateError(f"{path} is not a store of calsync; {remedy}")


def read_revision(connection: Connection) -> str:
    """The schema of the store.

    Raises:
        OwnStateError: the file is another program's.
    """
    with connection.begin():
        if connection.exec_driver_sql("PRAGMA application_id").scalar_one() == APPLICATION_ID:
            return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    raise OwnStateError("the file is another program's, not a store of calsync; check `[store] url`")


def check_pages(connection: Connection) -> list[str]:
    """What SQLite finds wrong with its own structure."""
    with connection.begin():
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(10)")]
        lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [text for text in found if text != "ok"] + [f"a row of {row[0]} belongs to nothing" for row in lost[:10]]


def check_revision(connection: Connection) -> None:
    """See that the schema is the one of this version.

    Raises:
        OwnStateError: the file is another program's, or the schema is newer or older.
    """
    revision = read_revision(connection)
    if revision > HEAD:
        raise OwnStateError(f"a newer version made this store (schema {revision}, known: {HEAD}); upgrade calsync")
    if revision < HEAD:
        raise OwnStateError(f"this store has schema {revision}; run `calsync migrate` to bring it to {HEAD}")


def read_epoch(connection: Connection) -> int:
    epoch: int = connection.execute(select(COUNTERS.c.value).where(COUNTERS.c.name == "epoch")).scalar_one()
    return epoch
