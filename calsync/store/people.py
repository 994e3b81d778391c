"""Tenants, their users, connections, pairs and feeds (`ports.People`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection as Sql
from sqlalchemy import Select, delete, insert, select, update

from calsync.core.ends import End
from calsync.core.refs import Cursor, PairId, Ref
from calsync.ports import Associate, Clock, Connection, Pair, Tenant
from calsync.store import due, peoplerows
from calsync.store.database import Database
from calsync.store.erase import erase_rows
from calsync.store.errors import CalendarTakenError, NoSuchRecordError
from calsync.store.records import touch
from calsync.store.schema import ASSOCIATES, CALENDARS, CONNECTIONS, FEEDS, PAIRS, TENANTS, in_groups, upsert
from calsync.store.vault import Vault

_PUT: Final = {table.name: upsert(table) for table in (TENANTS, ASSOCIATES, CONNECTIONS)}


class SqlPeople:
    """Each method is one hop to the store's thread and one transaction."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._run = database.run
        self._vault = vault
        self._clock = clock

    async def tenants(self) -> Sequence[Tenant]:
        return await self._tenants(select(TENANTS).order_by(TENANTS.c.id))

    async def tenant(self, tenant: str) -> Tenant | None:
        found = await self._tenants(select(TENANTS).where(TENANTS.c.id == tenant))
        return found[0] if found else None

    async def _tenants(self, query: Select[Any]) -> Sequence[Tenant]:
        def read(sql: Sql) -> Sequence[Tenant]:
            return [peoplerows.tenant_from_row(row, self._vault.seal(row.id)) for row in sql.execute(query)]

        return await self._run(read)

    async def put_tenant(self, tenant: Tenant) -> None:
        def put(sql: Sql) -> None:
            if tenant.id in self._vault.destroyed():
                # Whatever an interrupted erasure left behind was sealed with a key that is no more.
                erase_rows(sql, tenant.id)
            self._vault.provide(tenant.id)
            sql.execute(_PUT[TENANTS.name], peoplerows.row_from_tenant(tenant, self._vault.seal(tenant.id)))

        await self._run(put)

    async def erase_tenant(self, tenant: str) -> Mapping[str, int]:
        def erase(sql: Sql) -> Mapping[str, int]:
            # The key goes first: if the rows stay because we die here, they are unreadable and go at the next start.
            self._vault.destroy(tenant)
            return erase_rows(sql, tenant)

        return await self._run(erase)

    async def associates(self, tenant: str | None = None) -> Sequence[Associate]:
        query = select(ASSOCIATES).order_by(ASSOCIATES.c.tenant, ASSOCIATES.c.id)
        if tenant is not None:
            query = query.where(ASSOCIATES.c.tenant == tenant)

        def read(sql: Sql) -> Sequence[Associate]:
            return [peoplerows.associate_from_row(row, self._vault.seal(row.tenant)) for row in sql.execute(query)]

        return await self._run(read)

    async def put_associates(self, tenant: str, people: Sequence[Associate]) -> None:
        def put(sql: Sql) -> None:
            _require_tenant(sql, tenant)
            seal = self._vault.seal(tenant)
            sql.execute(delete(ASSOCIATES).where(ASSOCIATES.c.tenant == tenant))
            if people:
                sql.execute(_PUT[ASSOCIATES.name], [peoplerows.row_from_associate(person, seal) for person in people])

        await self._run(put)

    async def connections(self, tenant: str | None = None) -> Sequence[Connection]:
        query = select(CONNECTIONS).order_by(CONNECTIONS.c.id)
        return await self._connections(query if tenant is None else query.where(CONNECTIONS.c.tenant == tenant))

    async def connection(self, connection: str) -> Connection | None:
        found = await self._connections(select(CONNECTIONS).where(CONNECTIONS.c.id == connection))
        return found[0] if found else None

    async def _connections(self, query: Select[Any]) -> Sequence[Connection]:
        def read(sql: Sql) -> Sequence[Connection]:
            return [peoplerows.connection_from_row(row, self._vault.seal(row.tenant)) for row in sql.execute(query)]

        return await self._run(read)

    async def put_connection(self, connection: Connection) -> None:
        def put(sql: Sql) -> None:
            _require_tenant(sql, connection.tenant)
            row = peoplerows.row_from_connection(connection, self._vault.seal(connection.tenant))
            sql.execute(_PUT[CONNECTIONS.name], row)

        await self._run(put)

    async def pairs(self, tenant: str | None = None) -> Sequence[Pair]:
        query = select(PAIRS).order_by(PAIRS.c.id)
        return await self._pairs(query if tenant is None else query.where(PAIRS.c.tenant == tenant))

    async def pair(self, pair: PairId) -> Pair | None:
        found = await self._pairs(select(PAIRS).where(PAIRS.c.id == pair))
        return found[0] if found else None

    async def _pairs(self, query: Select[Any]) -> Sequence[Pair]:
        return await self._run(lambda sql: [peoplerows.pair_from_row(row) for row in sql.execute(query)])

    async def put_pair(self, pair: Pair) -> None:
        """Insert or replace. A run that is under way does not undo it.

        Raises:
            CalendarTakenError: another pair uses one of its calendars and one of the two writes there.
        """
        await self._run(lambda sql: _put_pair(sql, pair, self._clock.now()))

    async def remove_pair(self, pair: PairId) -> None:
        await self._run(lambda sql: sql.execute(delete(PAIRS).where(PAIRS.c.id == pair)))

    async def claim_due(self, now: datetime, *, limit: int, lease_s: float) -> Sequence[Pair]:
        return await self._run(lambda sql: due.claim_due(sql, now, limit=limit, lease_s=lease_s))

    async def release(self, pair: Pair) -> None:
        await self._run(lambda sql: due.release(sql, pair, self._clock.now()))

    async def feed_cursor(self, tenant: str) -> tuple[Cursor | None, datetime | None]:
        query = select(FEEDS.c.cursor, FEEDS.c.swept_at).where(FEEDS.c.tenant == tenant)
        row = await self._run(lambda sql: sql.execute(query).one_or_none())
        if row is None:
            return None, None
        return (None if row.cursor is None else Cursor(row.cursor)), row.swept_at

    async def commit_feed(
        self,
        tenant: str,
        *,
        cursor: Cursor | None,
        swept_at: datetime | None,
        touched: Mapping[PairId, Collection[Ref]],
    ) -> None:
        """Cursor and time change where not None. Pairs that were removed meanwhile are passed over."""

        def commit(sql: Sql) -> None:
            _require_tenant(sql, tenant)
            _put_feed(sql, tenant, cursor=cursor, swept_at=swept_at)
            concerned = [pair for pair in _pairs_of(sql, tenant, sorted(touched)) if touched[pair.id]]
            for pair in concerned:
                touch(sql, pair.id, _records(pair, touched[pair.id]))
            due.wake(sql, [pair.id for pair in concerned], self._clock.now())

        await self._run(commit)


def _require_tenant(sql: Sql, tenant: str) -> None:
    if sql.execute(select(TENANTS.c.id).where(TENANTS.c.id == tenant)).one_or_none() is None:
        raise NoSuchRecordError(f"tenant {tenant} is not in the store (any more)")


def _put_pair(sql: Sql, pair: Pair, now: datetime) -> None:
    _require_tenant(sql, pair.tenant)
    row = peoplerows.row_from_pair(pair)
    known = sql.execute(select(PAIRS.c.tenant, PAIRS.c.lease_until).where(PAIRS.c.id == pair.id)).one_or_none()
    if known is None:
        sql.execute(insert(PAIRS).values(**row, woken=False, changed=False))
    elif known.tenant != pair.tenant:
        raise NoSuchRecordError(f"tenant {pair.tenant} has no pair {pair.id}")
    else:
        runs = known.lease_until is not None and known.lease_until > now
        sql.execute(update(PAIRS).where(PAIRS.c.id == pair.id).values(**row, changed=PAIRS.c.changed | runs))
    _take_calendars(sql, pair)


def _take_calendars(sql: Sql, pair: Pair) -> None:
    rows = peoplerows.rows_from_calendars(pair)
    sql.execute(delete(CALENDARS).where(CALENDARS.c.pair == pair.id))
    for row in rows:
        same = select(CALENDARS.c.pair).where(CALENDARS.c.identity == row["identity"])
        if not row["writes"]:
            same = same.where(CALENDARS.c.writes)
        if sql.execute(same.limit(1)).one_or_none() is not None:
            raise CalendarTakenError("this calendar is kept in sync by another pair already; remove that pair first")
        sql.execute(insert(CALENDARS), row)


def _put_feed(sql: Sql, tenant: str, *, cursor: Cursor | None, swept_at: datetime | None) -> None:
    moved: dict[str, Any] = {}
    if cursor is not None:
        moved["cursor"] = cursor
    if swept_at is not None:
        moved["swept_at"] = swept_at
    if not moved:
        return
    if not sql.execute(update(FEEDS).where(FEEDS.c.tenant == tenant).values(**moved)).rowcount:
        sql.execute(insert(FEEDS).values(tenant=tenant, **moved))


def _pairs_of(sql: Sql, tenant: str, ids: Sequence[PairId]) -> list[Pair]:
    query = select(PAIRS).where(PAIRS.c.tenant == tenant)
    rows = (row for group in in_groups(ids) for row in sql.execute(query.where(PAIRS.c.id.in_(group))))
    return [peoplerows.pair_from_row(row) for row in rows]


def _records(pair: Pair, refs: Collection[Ref]) -> list[tuple[End, Ref]]:
    """The feed speaks of diaries: each ref is at the end that is one."""
    diaries = peoplerows.diary_ends(pair)
    return [(end, ref) for end in End if diaries[end] for ref in refs]
