"""What is committed before the requests of a decision leave: its pending writes and its conflict rows.

The process may die right after; `core.settle` picks up from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from calsync.core.action import Create, Decision, Delete, Update, Writing
from calsync.core.ends import End, Ends
from calsync.core.event import Field
from calsync.core.lens import Lens
from calsync.core.link import Link, Pending, Write
from calsync.core.merge import Clash
from calsync.core.observation import Seen
from calsync.core.record import Conflict, ConflictState
from calsync.core.refs import ConflictId, PairId

ALL_FIELDS = frozenset(Field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What bookkeeping needs beside the decision. ``rows`` are the conflict rows of the links concerned."""

    pair: PairId
    at: datetime
    new_id: Callable[[], str]
    lenses: Ends[Lens]
    rows: Mapping[ConflictId, Conflict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is committed before the requests of one decision leave."""

    link: Link
    conflicts: tuple[Conflict, ...] = ()


def open_decision(decision: Decision, desk: Desk) -> Opening:
    """The link with its pending writes, and the conflict rows that explain what they overwrite."""
    link = decision.link
    for write in decision.writes:
        link = link.with_pending(write.at, _pending(write, desk.at))
    rows = tuple(_conflict_rows(decision, desk))
    by_field = {row.field: row.id for row in rows}
    wishes = {
        part: replace(wish, conflict=wish.conflict or by_field.get(part, ConflictId("")))
        for part, wish in link.wishes.items()
    }
    return Opening(link=replace(link, wishes=wishes), conflicts=rows)


def _pending(write: Writing, at: datetime) -> Pending:
    match write:
        case Create():
            return Pending(
                write=Write.CREATE,
                at=at,
                sent=write.event,
                fields=ALL_FIELDS,
                key=write.key,
                generation=write.generation,
            )
        case Update():
            return Pending(
                write=Write.UPDATE,
                at=at,
                sent=write.want,
                fields=write.fields,
                ref=write.now.ref,
                expected=write.now.version,
            )
        case Delete():
            return Pending(write=Write.DELETE, at=at, ref=write.now.ref, expected=write.now.version)


def _conflict_rows(decision: Decision, desk: Desk) -> Iterator[Conflict]:
    open_rows = {
        row.field: row for row in desk.rows.values() if row.link == decision.link.id and row.state is ConflictState.OPEN
    }
    for clash in decision.clashes:
        yield _clash_row(decision, clash, open_rows.get(clash.field), desk)
    for part in decision.agreed:
        if part in open_rows:
            yield replace(open_rows[part], state=ConflictState.SETTLED, at=desk.at)
    for part in decision.superseded:
        row = desk.rows.get(decision.link.wishes[part].conflict)
        if row is not None:
            yield replace(row, state=ConflictState.SUPERSEDED, at=desk.at)
    if decision.edit_won is not None:
        yield _edit_won_row(decision, decision.edit_won, desk)


def title_of(decision: Decision) -> str:
    for look in (*decision.now, *decision.link.base):
        if isinstance(look, Seen):
            return look.event.title
    return ""


def _clash_row(decision: Decision, clash: Clash, already: Conflict | None, desk: Desk) -> Conflict:
    return Conflict(
        id=already.id if already is not None else _row_id(decision, clash.field.value, clash.base, clash.values),
        pair=desk.pair,
        link=decision.link.id,
        title=title_of(decision),
        field=clash.field,
        base=clash.base,
        values=clash.values,
        won=clash.won,
        policy=clash.policy.value,
        state=ConflictState.OPEN if clash.won is None else ConflictState.SETTLED,
        at=already.at if already is not None and clash.won is None else desk.at,
    )


def _row_id(decision: Decision, *what: object) -> ConflictId:
    """The same clash has the same row: planned again after a crash, it is not logged twice."""
    said = repr((decision.link.id, decision.link.generation, *what))
    return ConflictId(hashlib.sha256(said.encode()).hexdigest()[:20])


def _edit_won_row(decision: Decision, winner: End, desk: Desk) -> Conflict:
    before = decision.link.base.map(lambda seen: seen.event.title if seen is not None else None)
    return Conflict(
        id=_row_id(decision, "edit_beats_delete", winner),
        pair=desk.pair,
        link=decision.link.id,
        title=title_of(decision),
        field=None,
        base=before,
        values=Ends[str | None](None, None).replace(winner, title_of(decision)),
        won=winner,
        policy="edit_beats_delete",
        state=ConflictState.SETTLED,
        at=desk.at,
    )
