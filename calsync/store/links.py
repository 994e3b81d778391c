"""Rows of links. The index of a side (refs, versions, digests) is read without touching any content."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from calsync.core.ends import End, Ends
from calsync.core.link import Hold, Link
from calsync.core.observation import Digest
from calsync.core.refs import LinkId, PairId, Ref
from calsync.ports import KnownItem
from calsync.store.linkcodec import (
    bases_from_content,
    decode_link,
    encode_link,
    pendings_from_content,
    text_from_writes,
    wishes_from_content,
    writes_from_text,
)
from calsync.store.schema import ASIDES, LINKS, in_groups, upsert
from calsync.store.vault import Seal

_PUT: Final = upsert(LINKS)
_GROUP: Final = 500
_FREE_REFS: Final = (
    update(LINKS)
    .where(LINKS.c.pair == bindparam("of_pair"), LINKS.c.id == bindparam("of_id"))
    .values(crm_ref=None, calendar_ref=None)
)
_DECIDED: Final = frozenset({Hold.APPROVED, Hold.DISCARDED})


def purpose(pair: PairId, link: LinkId) -> str:
    return f"link {pair} {link}"


def row_from_link(pair: PairId, link: Link, seal: Seal) -> dict[str, Any]:
    crm, calendar = link.base
    crm_pending, calendar_pending = link.pending
    return {
        "pair": pair,
        "id": link.id,
        "crm_ref": crm and crm.ref,
        "crm_version": crm and crm.version,
        "crm_digest": crm and crm.digest,
        "calendar_ref": calendar and calendar.ref,
        "calendar_version": calendar and calendar.version,
        "calendar_digest": calendar and calendar.digest,
        "crm_pending_ref": crm_pending and crm_pending.ref,
        "calendar_pending_ref": calendar_pending and calendar_pending.ref,
        "born": link.born.value,
        "generation": link.generation,
        "hold": link.hold.value,
        "dormant": link.dormant,
        "restless": not link.is_settled or bool(link.wishes) or link.hold in _DECIDED,
        "writes": text_from_writes(link.writes),
        "sealed": seal.close(purpose(pair, link.id), encode_link(link)),
    }


def link_from_row(row: Row[Any], seal: Seal) -> Link:
    content = decode_link(seal.open(purpose(row.pair, row.id), row.sealed))
    crm = None if row.crm_ref is None else (row.crm_ref, row.crm_version, row.crm_digest)
    calendar = None if row.calendar_ref is None else (row.calendar_ref, row.calendar_version, row.calendar_digest)
    return Link(
        id=LinkId(row.id),
        base=bases_from_content(content, Ends(crm, calendar)),
        born=End(row.born),
        generation=row.generation,
        pending=pendings_from_content(content, Ends(row.crm_pending_ref, row.calendar_pending_ref)),
        wishes=wishes_from_content(content),
        hold=Hold(row.hold),
        dormant=row.dormant,
        waiting=frozenset(content.waiting),
        masked=content.masked,
        writes=writes_from_text(row.writes),
        past=Ends(*content.past),
        made_at=content.made_at,
    )


def put_links(connection: Connection, pair: PairId, links: Sequence[Link], seal: Seal) -> None:
    """Insert or replace; refs may change places among them."""
    try:
        _put_rows(connection, pair, links, seal)
    except IntegrityError:
        # No savepoint: a full disk ends the whole transaction, and undoing to one would then hide that. What was
        # written of these rows is written again.
        connection.execute(_FREE_REFS, [{"of_pair": pair, "of_id": link.id} for link in links])
        _put_rows(connection, pair, links, seal)


def _put_rows(connection: Connection, pair: PairId, links: Sequence[Link], seal: Seal) -> None:
    """In groups, so that a first sync does not hold all its rows in memory at once."""
    for start in range(0, len(links), _GROUP):
        connection.execute(_PUT, [row_from_link(pair, link, seal) for link in links[start : start + _GROUP]])


def forget_links(connection: Connection, pair: PairId, links: Sequence[LinkId]) -> None:
    for group in in_groups(links):
        connection.execute(delete(LINKS).where(LINKS.c.pair == pair, LINKS.c.id.in_(group)))


def all_links(pair: PairId) -> Select[Any]:
    return select(LINKS).where(LINKS.c.pair == pair)


def restless_links(pair: PairId) -> Select[Any]:
    return all_links(pair).where(LINKS.c.restless)


def links_with(pair: PairId, ids: Collection[LinkId]) -> Iterator[Select[Any]]:
    for group in in_groups(sorted(set(ids))):
        yield all_links(pair).where(LINKS.c.id.in_(group))


def links_at(pair: PairId, end: End, refs: Collection[Ref]) -> Iterator[Select[Any]]:
    base, pending = LINKS.c[f"{end.value}_ref"], LINKS.c[f"{end.value}_pending_ref"]
    for group in in_groups(sorted(set(refs))):
        # Two questions, as one with OR (or an ORDER BY) makes SQLite read all links of the pair.
        yield all_links(pair).where(base.in_(group))
        yield all_links(pair).where(pending.in_(group))


def read_links(connection: Connection, seal: Seal, queries: Iterable[Select[Any]]) -> Sequence[Link]:
    """Each link once, by id."""
    rows = {row.id: row for query in queries for row in connection.execute(query)}
    return [link_from_row(rows[id_], seal) for id_ in sorted(rows)]


def count_links(connection: Connection, pair: PairId) -> int:
    query = select(func.count()).select_from(LINKS).where(LINKS.c.pair == pair, LINKS.c.dormant.is_(False))
    return connection.execute(query).scalar_one()


def read_known(connection: Connection, pair: PairId, end: End, refs: Collection[Ref] | None) -> Mapping[Ref, KnownItem]:
    """Set-aside objects and linked ones; what is both counts as linked."""
    known: dict[Ref, KnownItem] = {}
    groups = [None] if refs is None else in_groups(sorted(set(refs)))
    for group in groups:
        for ref, version, link in connection.execute(_asides_known(pair, end, group)):
            known[ref] = KnownItem(version=version, digest=Digest(""), link=link)
        for ref, version, digest, link, dormant in connection.execute(_links_known(pair, end, group)):
            known[ref] = KnownItem(version=version, digest=digest, link=link, dormant=dormant)
    return known


def _links_known(pair: PairId, end: End, refs: Sequence[str] | None) -> Select[Any]:
    table, at = LINKS.c, end.value
    ref = table[f"{at}_ref"]
    query = select(ref, table[f"{at}_version"], table[f"{at}_digest"], table.id, table.dormant)
    return query.where(table.pair == pair, _is_one_of(ref, refs))


def _asides_known(pair: PairId, end: End, refs: Sequence[str] | None) -> Select[Any]:
    query = select(ASIDES.c.ref, ASIDES.c.version, ASIDES.c.link)
    return query.where(ASIDES.c.pair == pair, ASIDES.c.end == end.value, _is_one_of(ASIDES.c.ref, refs))


def _is_one_of(column: ColumnElement[Any], refs: Sequence[str] | None) -> ColumnElement[bool]:
    return column.is_not(None) if refs is None else column.in_(refs)
