"""Everything of one tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from calsync.store.schema import (
    ASIDES,
    ASSOCIATES,
    CALENDARS,
    CONFLICTS,
    CONNECTIONS,
    DELETES,
    FEEDS,
    HELD,
    LINKS,
    PAIRS,
    RUNS,
    STEPS,
    TENANTS,
    TOUCHED,
)

OF_PAIR: Final = (LINKS, ASIDES, TOUCHED, DELETES, CALENDARS)
OF_TENANT: Final = (STEPS, RUNS, CONFLICTS, HELD, PAIRS, CONNECTIONS, ASSOCIATES, FEEDS)


def erase_rows(connection: Connection, tenant: str) -> Mapping[str, int]:
    """Delete all rows of a tenant; how many of each kind there were."""
    pairs = select(PAIRS.c.id).where(PAIRS.c.tenant == tenant)
    of_pair = {table.name: _count(connection, table, table.c.pair.in_(pairs)) for table in OF_PAIR}
    of_tenant = {table.name: _count(connection, table, table.c.tenant == tenant) for table in OF_TENANT}
    connection.execute(delete(TENANTS).where(TENANTS.c.id == tenant))
    return of_pair | of_tenant


def _count(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(table).where(which)).scalar_one()
