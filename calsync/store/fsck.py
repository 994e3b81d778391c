"""A look at everything in the store, changing nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Row, Select, Table, func, select, union_all
from sqlalchemy.exc import DatabaseError

from calsync.core.ends import End
from calsync.core.errors import OwnStateError
from calsync.core.record import ConflictState
from calsync.ports import Calendar
from calsync.store import journal, links, peoplerows
from calsync.store.checks import check_is_store, check_pages, check_revision, read_epoch
from calsync.store.database import connect_reader
from calsync.store.epoch import EpochFile
from calsync.store.keyfiles import FileKeyStore
from calsync.store.layout import StoreFiles
from calsync.store.schema import ASIDES, ASSOCIATES, CONFLICTS, CONNECTIONS, HELD, LINKS, PAIRS, RUNS, STEPS, TENANTS
from calsync.store.vault import Master, Seal, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found. Not every one is a fault: a pending write is settled by the next run."""

    kind: str
    text: str
    is_fault: bool = True


def check_store(path: Path, master: Master) -> list[Finding]:
    """Everything that is wrong or unfinished; a store in use can be checked.

    Raises:
        OwnStateError: there is no store at all.
    """
    check_is_store(path)
    engine = connect_reader(path)
    try:
        with engine.connect() as connection:
            return list(_look_everywhere(connection, StoreFiles(path), master))
    except DatabaseError as error:
        return [Finding(kind="damaged", text=f"the store cannot be read: {error.orig}")]
    except OwnStateError as error:
        return [Finding(kind="unusable", text=str(error))]
    finally:
        engine.dispose()


def _look_everywhere(connection: Connection, files: StoreFiles, master: Master) -> Iterator[Finding]:
    check_revision(connection)
    for text in check_pages(connection):
        yield Finding(kind="damaged", text=text)
    yield from _check_epoch(connection, files)
    with connection.begin():
        yield from _refs_twice(connection)
        yield from _pendings(connection)
        yield from _orphans(connection)
        yield from _unsealable(connection, Vault(master, FileKeyStore(files.keys)))


def _check_epoch(connection: Connection, files: StoreFiles) -> Iterator[Finding]:
    with connection.begin():
        epoch = read_epoch(connection)
    try:
        EpochFile(files.epoch).check(epoch)
    except OwnStateError as error:
        yield Finding(kind="old_copy", text=str(error))


def _refs_twice(connection: Connection) -> Iterator[Finding]:
    """An object that two links claim, one of them by a pending write."""
    for end in End:
        base, pending = LINKS.c[f"{end.value}_ref"], LINKS.c[f"{end.value}_pending_ref"]
        claims = union_all(_claims(base), _claims(pending)).subquery()
        twice = select(claims.c.pair, claims.c.ref).group_by(claims.c.pair, claims.c.ref)
        for pair, ref in connection.execute(twice.having(func.count(claims.c.id.distinct()) > 1)):
            yield Finding(kind="ref_twice", text=f"pair {pair}: two links claim {ref} at the {end.value} side")


def _claims(ref: Column[Any]) -> Select[Any]:
    return select(LINKS.c.pair, LINKS.c.id, ref.label("ref")).where(ref.is_not(None))


def _pendings(connection: Connection) -> Iterator[Finding]:
    count = func.count()
    for pair, links_ in connection.execute(select(LINKS.c.pair, count).where(LINKS.c.restless).group_by(LINKS.c.pair)):
        text = f"pair {pair}: {links_} links have something to settle; the next run does"
        yield Finding(kind="pending", text=text, is_fault=False)


def _orphans(connection: Connection) -> Iterator[Finding]:
    known = select(LINKS.c.id)
    asides = select(ASIDES.c.pair, ASIDES.c.link).where(ASIDES.c.link.is_not(None), ASIDES.c.link.not_in(known))
    for pair, link in connection.execute(asides):
        yield Finding(kind="orphan", text=f"pair {pair}: a set-aside item belongs to link {link}, which is not there")
    waiting = select(CONFLICTS.c.id, CONFLICTS.c.link).where(
        CONFLICTS.c.state == ConflictState.OPEN.value,
        CONFLICTS.c.pair.in_(select(PAIRS.c.id)),
        CONFLICTS.c.link.not_in(known),
    )
    for conflict, link in connection.execute(waiting):
        yield Finding(kind="orphan", text=f"open conflict {conflict} belongs to link {link}, which is not there")
    connections = set(connection.execute(select(CONNECTIONS.c.id)).scalars())
    for row in connection.execute(select(PAIRS)):
        pair = peoplerows.pair_from_row(row)
        for endpoint in pair.ends:
            if isinstance(endpoint, Calendar) and endpoint.connection not in connections:
                text = f"pair {pair.id} uses connection {endpoint.connection}, which is not there"
                yield Finding(kind="orphan", text=text)


_OF_TENANT: Final[tuple[tuple[Table, Callable[[Row[Any], Seal], object]], ...]] = (
    (ASSOCIATES, peoplerows.associate_from_row),
    (CONNECTIONS, peoplerows.connection_from_row),
    (CONFLICTS, journal.conflict_from_row),
    (HELD, journal.held_from_row),
    (RUNS, journal.run_from_row),
    (STEPS, journal.step_from_row),
)
_OF_PAIR: Final[tuple[tuple[Table, Callable[[Row[Any], Seal], object]], ...]] = (
    (LINKS, links.link_from_row),
    (ASIDES, journal.aside_from_row),
)


def _unsealable(connection: Connection, vault: Vault) -> Iterator[Finding]:
    """Open and read all content, as the program would."""
    vault.check()
    for tenant in connection.execute(select(TENANTS.c.id).order_by(TENANTS.c.id)).scalars():
        try:
            seal = vault.seal(tenant)
        except OwnStateError as error:
            yield Finding(kind="unsealable", text=str(error))
            continue
        pairs = select(PAIRS.c.id).where(PAIRS.c.tenant == tenant)
        yield from _unreadable(connection, TENANTS, TENANTS.c.id == tenant, peoplerows.tenant_from_row, seal)
        for table, make in _OF_TENANT:
            yield from _unreadable(connection, table, table.c.tenant == tenant, make, seal)
        for table, make in _OF_PAIR:
            yield from _unreadable(connection, table, table.c.pair.in_(pairs), make, seal)


def _unreadable(
    connection: Connection, table: Table, which: Any, make: Callable[[Row[Any], Seal], object], seal: Seal
) -> Iterator[Finding]:
    for row in connection.execute(select(table).where(which)):
        try:
            make(row, seal)
        except (OwnStateError, ValueError) as error:
            yield Finding(kind="unsealable", text=f"{table.name}: {error}")
