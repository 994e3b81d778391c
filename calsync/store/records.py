"""The durable state of pairs (`ports.Records`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, func, insert, select, update

from calsync.core.ends import End
from calsync.core.link import Link
from calsync.core.record import Conflict, ConflictState, Held, HeldState, Run, SetAside, Step, Touched
from calsync.core.refs import ConflictId, HeldId, LinkId, PairId, Ref
from calsync.ports import Changes, KnownItem
from calsync.store import journal, links
from calsync.store.database import Database, next_number
from calsync.store.errors import NoSuchRecordError
from calsync.store.retention import prune
from calsync.store.schema import (
    ASIDES,
    CONFLICTS,
    DELETES,
    HELD,
    PAIRS,
    RUNS,
    STEPS,
    TOUCHED,
    in_groups,
    insert_if_new,
    upsert,
)
from calsync.store.vault import Seal, Vault

T = TypeVar("T")

_PUT: Final = {table.name: upsert(table) for table in (CONFLICTS, HELD, ASIDES, RUNS, TOUCHED)}
_PUT_DELETES: Final = insert_if_new(DELETES)
_DEALT_WITH: Final = delete(TOUCHED).where(
    TOUCHED.c.pair == bindparam("of_pair"),
    TOUCHED.c.end == bindparam("of_end"),
    TOUCHED.c.ref == bindparam("of_ref"),
    TOUCHED.c.mark == bindparam("of_mark"),
)
_NOT_ASIDE: Final = delete(ASIDES).where(
    ASIDES.c.pair == bindparam("of_pair"), ASIDES.c.end == bindparam("of_end"), ASIDES.c.ref == bindparam("of_ref")
)


def touch(connection: Connection, pair: PairId, touched: Collection[tuple[End, Ref]]) -> None:
    """Mark records, with a mark higher than any before."""
    if touched:
        mark = next_number(connection, "mark")
        rows = [{"pair": pair, "end": end.value, "ref": ref, "mark": mark} for end, ref in sorted_marks(touched)]
        connection.execute(_PUT[TOUCHED.name], rows)


def sorted_marks(touched: Collection[tuple[End, Ref]]) -> Sequence[tuple[End, Ref]]:
    return sorted(set(touched), key=lambda mark: (mark[0].value, mark[1]))


class SqlRecords:
    """Each method is one hop to the store's thread and one transaction."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._run = database.run
        self._vault = vault

    async def links(self, pair: PairId, ids: Collection[LinkId] | None = None) -> Sequence[Link]:
        return await self._links(pair, [links.all_links(pair)] if ids is None else list(links.links_with(pair, ids)))

    async def links_at(self, pair: PairId, end: End, refs: Collection[Ref]) -> Sequence[Link]:
        return await self._links(pair, list(links.links_at(pair, end, refs)))

    async def restless_links(self, pair: PairId) -> Sequence[Link]:
        return await self._links(pair, [links.restless_links(pair)])

    async def _links(self, pair: PairId, queries: Sequence[Select[Any]]) -> Sequence[Link]:
        def read(connection: Connection) -> Sequence[Link]:
            seal = self._seal_of(connection, pair)
            return [] if seal is None else links.read_links(connection, seal, queries)

        return await self._run(read)

    async def link_count(self, pair: PairId) -> int:
        return await self._run(lambda connection: links.count_links(connection, pair))

    async def known(self, pair: PairId, end: End, refs: Collection[Ref] | None = None) -> Mapping[Ref, KnownItem]:
        return await self._run(lambda connection: links.read_known(connection, pair, end, refs))

    async def touched(self, pair: PairId) -> Sequence[Touched]:
        query = select(TOUCHED).where(TOUCHED.c.pair == pair).order_by(TOUCHED.c.mark, TOUCHED.c.end, TOUCHED.c.ref)
        rows = await self._run(lambda connection: connection.execute(query).all())
        return [Touched(end=End(row.end), ref=Ref(row.ref), mark=row.mark) for row in rows]

    async def asides(self, pair: PairId, *, due_before: datetime | None = None) -> Sequence[SetAside]:
        query = select(ASIDES, PAIRS.c.tenant).join(PAIRS, PAIRS.c.id == ASIDES.c.pair).where(ASIDES.c.pair == pair)
        if due_before is not None:
            query = query.where(ASIDES.c.next_try <= due_before)
        return await self._unsealed(journal.aside_from_row, query.order_by(ASIDES.c.end, ASIDES.c.ref))

    async def deletes_since(self, pair: PairId, end: End, since: datetime) -> int:
        query = select(func.count()).select_from(DELETES)
        query = query.where(DELETES.c.pair == pair, DELETES.c.end == end.value, DELETES.c.at >= since)
        return await self._run(lambda connection: connection.execute(query).scalar_one())

    async def open_conflicts(self, pair: PairId, links: Collection[LinkId]) -> Sequence[Conflict]:
        query = _open_conflicts().where(CONFLICTS.c.pair == pair)
        queries = [query.where(CONFLICTS.c.link.in_(group)) for group in in_groups(sorted(set(links)))]
        return await self._unsealed(journal.conflict_from_row, *queries)

    async def conflict(self, conflict: ConflictId) -> Conflict | None:
        found = await self._unsealed(journal.conflict_from_row, select(CONFLICTS).where(CONFLICTS.c.id == conflict))
        return found[0] if found else None

    async def conflicts(self, pair: PairId | None = None, *, open_only: bool = False) -> Sequence[Conflict]:
        query = _open_conflicts() if open_only else select(CONFLICTS).order_by(CONFLICTS.c.at, CONFLICTS.c.id)
        return await self._unsealed(journal.conflict_from_row, _of_pair(query, CONFLICTS, pair))

    async def held(self, pair: PairId | None = None, *, open_only: bool = False) -> Sequence[Held]:
        query = select(HELD).order_by(HELD.c.at, HELD.c.id)
        if open_only:
            query = query.where(HELD.c.state == HeldState.OPEN.value)
        return await self._unsealed(journal.held_from_row, _of_pair(query, HELD, pair))

    async def held_group(self, held: HeldId) -> Held | None:
        found = await self._unsealed(journal.held_from_row, select(HELD).where(HELD.c.id == held))
        return found[0] if found else None

    async def runs(self, pair: PairId | None = None, *, limit: int = 100) -> Sequence[Run]:
        """Newest first."""
        query = select(RUNS).order_by(RUNS.c.started.desc(), RUNS.c.id.desc()).limit(limit)
        return await self._unsealed(journal.run_from_row, _of_pair(query, RUNS, pair))

    async def steps(self, link: LinkId) -> Sequence[Step]:
        """Oldest first."""
        query = select(STEPS).where(STEPS.c.link == link).order_by(STEPS.c.number)
        return await self._unsealed(journal.step_from_row, query)

    async def commit(self, pair: PairId, changes: Changes) -> None:
        """Write everything or nothing.

        Raises:
            NoSuchRecordError: the pair was removed meanwhile; nothing comes back.
        """
        await self._run(lambda connection: self._commit(connection, pair, changes))

    def _commit(self, connection: Connection, pair: PairId, changes: Changes) -> None:
        tenant = _tenant_of(connection, pair)
        if tenant is None:
            raise NoSuchRecordError(f"pair {pair} was removed; the outcome of its run is not kept")
        seal = self._vault.seal(tenant)
        links.forget_links(connection, pair, changes.forgotten)
        links.put_links(connection, pair, changes.links, seal)
        _put_asides(connection, pair, changes, seal)
        _put(connection, CONFLICTS, [journal.row_from_conflict(tenant, row, seal) for row in changes.conflicts])
        _put(connection, HELD, [journal.row_from_held(tenant, row, seal) for row in changes.held])
        if changes.run is not None:
            _put(connection, RUNS, [journal.row_from_run(tenant, changes.run, seal)])
        if changes.steps:
            connection.execute(insert(STEPS), journal.rows_from_steps(tenant, pair, changes.steps, seal))
        _put_touched(connection, pair, changes)
        _put_deletes(connection, pair, changes)
        _put_cursors(connection, pair, changes)

    async def prune(self, before: datetime) -> Mapping[str, int]:
        return await self._run(lambda connection: prune(connection, before))

    async def _unsealed(self, make: Callable[[Row[Any], Seal], T], *queries: Select[Any]) -> list[T]:
        def read(connection: Connection) -> list[T]:
            rows = (row for query in queries for row in connection.execute(query))
            return [make(row, self._vault.seal(row.tenant)) for row in rows]

        return await self._run(read)

    def _seal_of(self, connection: Connection, pair: PairId) -> Seal | None:
        tenant = _tenant_of(connection, pair)
        return None if tenant is None else self._vault.seal(tenant)


def _tenant_of(connection: Connection, pair: PairId) -> str | None:
    return connection.execute(select(PAIRS.c.tenant).where(PAIRS.c.id == pair)).scalar_one_or_none()


def _open_conflicts() -> Select[Any]:
    query = select(CONFLICTS).where(CONFLICTS.c.state == ConflictState.OPEN.value)
    return query.order_by(CONFLICTS.c.at, CONFLICTS.c.id)


def _of_pair(query: Select[Any], table: Table, pair: PairId | None) -> Select[Any]:
    return query if pair is None else query.where(table.c.pair == pair)


def _put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(_PUT[table.name], rows)


def _put_asides(connection: Connection, pair: PairId, changes: Changes, seal: Seal) -> None:
    if changes.not_aside:
        gone = [{"of_pair": pair, "of_end": end.value, "of_ref": ref} for end, ref in changes.not_aside]
        connection.execute(_NOT_ASIDE, gone)
    _put(connection, ASIDES, [journal.row_from_aside(pair, row, seal) for row in changes.asides])


def _put_touched(connection: Connection, pair: PairId, changes: Changes) -> None:
    if changes.dealt_with:
        done = [
            {"of_pair": pair, "of_end": row.end.value, "of_ref": row.ref, "of_mark": row.mark}
            for row in changes.dealt_with
        ]
        connection.execute(_DEALT_WITH, done)
    touch(connection, pair, changes.touched)


def _put_deletes(connection: Connection, pair: PairId, changes: Changes) -> None:
    if changes.deletes_sent:
        rows = [{"pair": pair, "end": end.value, "link": link, "at": at} for end, link, at in changes.deletes_sent]
        connection.execute(_PUT_DELETES, rows)


def _put_cursors(connection: Connection, pair: PairId, changes: Changes) -> None:
    moved = {f"{end.value}_cursor": changes.cursors[end] for end in End if changes.cursors[end] is not None}
    if moved:
        connection.execute(update(PAIRS).where(PAIRS.c.id == pair).values(**moved))
