"""Old history: what may go, in batches that do not keep the writer for long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, and_, delete, exists, func, or_, select

from calsync.core.record import ConflictState
from calsync.store.schema import CONFLICTS, LINKS, RUNS, STEPS

BATCH: Final = 2_000
"""Rows of a table that one transaction deletes."""


def prune(connection: Connection, before: datetime) -> Mapping[str, int]:
    """Delete at most one batch of each kind; the counts."""
    return {
        "runs": _delete(connection, RUNS.c.id, RUNS.c.started < before),
        "steps": _delete(connection, STEPS.c.number, _old_steps(before)),
        "conflicts": _delete(connection, CONFLICTS.c.id, _old_conflicts(before)),
    }


def _delete(connection: Connection, key: Column[Any], is_old: ColumnElement[bool]) -> int:
    some = select(key).where(is_old).limit(BATCH)
    return connection.execute(delete(key.table).where(key.in_(some))).rowcount


def _old_conflicts(before: datetime) -> ColumnElement[bool]:
    return and_(CONFLICTS.c.at < before, CONFLICTS.c.state != ConflictState.OPEN.value)


def _old_steps(before: datetime) -> ColumnElement[bool]:
    """What led to a link as it is now is kept for as long as the link."""
    other = STEPS.alias("other")
    newest = (
        select(func.max(other.c.at)).where(other.c.link == STEPS.c.link, other.c.pair == STEPS.c.pair).scalar_subquery()
    )
    is_linked = exists().where(LINKS.c.pair == STEPS.c.pair, LINKS.c.id == STEPS.c.link)
    return and_(STEPS.c.at < before, or_(STEPS.c.at < newest, ~is_linked))
