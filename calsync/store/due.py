"""The due queue: pairs are rows with a due time, claimed under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select, update

from calsync.core.refs import PairId
from calsync.ports import Pair, PairState
from calsync.store.peoplerows import columns_from_progress, pair_from_row
from calsync.store.schema import PAIRS, in_groups

_RESTING: Final = (PairState.PAUSED.value, PairState.SIGN_IN.value)
"""Pairs that only their people can wake."""


def claim_due(connection: Connection, now: datetime, *, limit: int, lease_s: float) -> Sequence[Pair]:
    ids = list(connection.execute(_fairest(now, limit)).scalars())
    if not ids:
        return []
    leased = update(PAIRS).where(PAIRS.c.id.in_(ids))
    connection.execute(leased.values(lease_until=now + timedelta(seconds=lease_s), woken=False, changed=False))
    pairs = {row.id: pair_from_row(row) for row in connection.execute(select(PAIRS).where(PAIRS.c.id.in_(ids)))}
    return [pairs[id_] for id_ in ids]


def _fairest(now: datetime, limit: int) -> Select[tuple[str]]:
    """Due pairs: the longest due of each owner; tenants take turns, counting what they have under way."""
    under_way = (
        select(PAIRS.c.tenant, func.count().label("count"))
        .where(PAIRS.c.lease_until > now)
        .group_by(PAIRS.c.tenant)
        .subquery("under_way")
    )
    busy = select(PAIRS.c.owner).where(PAIRS.c.lease_until > now)
    longest_first = (PAIRS.c.due_at, PAIRS.c.id)
    first_of_owner = (
        select(
            PAIRS.c.id,
            PAIRS.c.tenant,
            PAIRS.c.due_at,
            func.row_number().over(partition_by=PAIRS.c.owner, order_by=longest_first).label("turn"),
        )
        .where(PAIRS.c.due_at <= now, PAIRS.c.state.not_in(_RESTING), PAIRS.c.owner.not_in(busy))
        .subquery("first_of_owner")
    )
    due = first_of_owner.c
    turn = func.row_number().over(partition_by=due.tenant, order_by=(due.due_at, due.id))
    turn_of_tenant = turn + func.coalesce(under_way.c.count, 0)
    query: Select[tuple[str]] = select(due.id).outerjoin_from(
        first_of_owner, under_way, under_way.c.tenant == due.tenant
    )
    return query.where(due.turn == 1).order_by(turn_of_tenant, due.due_at, due.id).limit(limit)


def release(connection: Connection, pair: Pair, now: datetime) -> None:
    """Store what the run made of the pair, unless somebody changed it meanwhile; then just the run's times.

    What woke the pair during the run makes it due at once, except while it rests or backs off.
    """
    row = connection.execute(select(PAIRS.c.changed, PAIRS.c.woken).where(PAIRS.c.id == pair.id)).one_or_none()
    if row is None:
        return
    progress = columns_from_progress(pair)
    if row.changed:
        progress = {name: progress[name] for name in ("last_run", "last_converged")}
    ended: dict[str, Any] = {"lease_until": None, "woken": False, "changed": False}
    connection.execute(update(PAIRS).where(PAIRS.c.id == pair.id).values(**progress, **ended))
    if row.woken:
        wake(connection, [pair.id], now)


def wake(connection: Connection, pairs: Sequence[PairId], now: datetime) -> None:
    """Make pairs due now; a running one is woken when its run ends, one that rests or backs off is left alone."""
    may_run = PAIRS.c.state.not_in(_RESTING) & (PAIRS.c.fails == 0)
    waits = PAIRS.c.due_at.is_(None) | (PAIRS.c.due_at > now)
    for group in in_groups(pairs):
        these = update(PAIRS).where(PAIRS.c.id.in_(group))
        connection.execute(these.where(PAIRS.c.lease_until > now).values(woken=True))
        connection.execute(these.where(may_run, waits).values(due_at=now))


def forget_leases(connection: Connection) -> None:
    """After a start nothing is under way."""
    connection.execute(update(PAIRS).where(PAIRS.c.lease_until.is_not(None)).values(lease_until=None))
