"""What a person decides afterwards: use the other value, approve or discard held deletions, try again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from calsync.core.ends import End, Ends
from calsync.core.errors import CalsyncError
from calsync.core.link import Hold, Link, Wish
from calsync.core.observation import Seen
from calsync.core.record import Conflict, ConflictState, Held, HeldState, Step
from calsync.core.refs import ConflictId, HeldId, PairId, Ref
from calsync.engine.context import Context
from calsync.engine.observe import look
from calsync.ports import Changes, Clock, Records


class NotFoundError(CalsyncError):
    """There is no such record."""


class NotPossibleError(CalsyncError):
    """The record is not in a state in which this can be done; the message says what it is."""


class SupersededError(CalsyncError):
    """Somebody edited the field since: nothing is written. ``row`` shows the values of now."""

    def __init__(self, row: Conflict) -> None:
        super().__init__("one of the two sides was edited since; nothing was written")
        self.row = row


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveDesk:
    """The ports that resolving works with."""

    records: Records
    clock: Clock


async def use_other(context: Context, conflict: ConflictId, choice: End, by: str) -> Conflict:
    """Take the value of ``choice`` for a conflict: an edit by the person who asked for it.

    It is stored on the link as a wish and carried out by the next run, conditionally, on every side that does not
    show it. It applies only while both sides still show what they showed when the conflict was decided.

    Raises:
        NotFoundError: no such conflict, or its event is no longer linked.
        NotPossibleError: it is about a deletion, was void, or is superseded already.
        SupersededError: one of the sides was edited since.
    """
    row = await _usable(context, conflict)
    link = await _link_of(context, row)
    now = await _values_now(context, link, row)
    if now not in _shown_after(row, context):
        superseded = replace(row, state=ConflictState.SUPERSEDED, values=now, at=context.clock.now())
        await context.records.commit(context.pair.id, Changes(conflicts=(superseded,)))
        raise SupersededError(superseded)
    decided = replace(row, won=choice, state=ConflictState.SETTLED, at=context.clock.now(), by=by)
    assert row.field is not None  # noqa: S101  # _usable refuses the others
    wish = Wish(conflict=row.id, value=row.values[choice], upon=now, by=by)
    step = Step(at=context.clock.now(), link=link.id, what=f"use {choice.value} for {row.field.value}", why=by)
    changed = replace(link, wishes={**link.wishes, row.field: wish})
    await context.records.commit(context.pair.id, Changes(links=(changed,), conflicts=(decided,), steps=(step,)))
    return decided


async def _usable(context: Context, conflict: ConflictId) -> Conflict:
    row = await context.records.conflict(conflict)
    if row is None or row.pair != context.pair.id:
        raise NotFoundError(f"there is no conflict {conflict}")
    if row.field is None:
        raise NotPossibleError("the edit was kept against a deletion; delete the event if it should go")
    if row.state in (ConflictState.VOID, ConflictState.SUPERSEDED):
        raise NotPossibleError(f"the conflict is {row.state.value}: the values of then are no longer there")
    return row


async def _link_of(context: Context, row: Conflict) -> Link:
    links = await context.records.links(context.pair.id, [row.link])
    if not links:
        raise NotFoundError("the event of this conflict is no longer linked")
    return links[0]


async def _values_now(context: Context, link: Link, row: Conflict) -> Ends[object]:
    """What both sides show of the field at this moment, by direct reads."""
    assert row.field is not None  # noqa: S101  # _usable refuses the others
    values: list[object] = []
    for end in End:
        base = link.base[end]
        looks = await look(context.sides[end], [base.ref]) if base is not None else []
        values.append(getattr(looks[0].event, row.field.value) if looks and isinstance(looks[0], Seen) else None)
    return Ends(*values)


def _shown_after(row: Conflict, context: Context) -> list[Ends[object]]:
    """What the sides show while the decision stands: each its own value, or the winner's, as each rounds it."""
    assert row.field is not None  # noqa: S101  # _usable refuses the others
    shown = [Ends[object](*row.values)]
    if row.won is not None:
        won = row.values[row.won]
        shown.append(Ends(won, won))
        shown.append(Ends(*(_rounded(context, end, row, won) for end in End)))
    return shown


def _rounded(context: Context, end: End, row: Conflict, value: object) -> object:
    assert row.field is not None  # noqa: S101  # _usable refuses the others
    return context.sides[end].lens.round(row.field, value)


async def approve(desk: ResolveDesk, held: HeldId, by: str) -> Held:
    """Let exactly these deletions go: those that are still gone there and unedited here when the next run looks."""
    return await _decide(desk, held, HeldState.APPROVED, by)


async def discard(desk: ResolveDesk, held: HeldId, by: str) -> Held:
    """Bring the events back where they vanished, as a new generation."""
    return await _decide(desk, held, HeldState.DISCARDED, by)


async def _decide(desk: ResolveDesk, held: HeldId, state: HeldState, by: str) -> Held:
    group = await desk.records.held_group(held)
    if group is None:
        raise NotFoundError(f"there is no held group {held}")
    if group.state is not HeldState.OPEN:
        raise NotPossibleError(f"the group is {group.state.value} already")
    hold = Hold.APPROVED if state is HeldState.APPROVED else Hold.DISCARDED
    links = await desk.records.links(group.pair, [event.link for event in group.events])
    decided = replace(group, state=state, at=desk.clock.now(), by=by)
    changed = tuple(replace(link, hold=hold) for link in links if link.hold is Hold.HELD)
    await desk.records.commit(group.pair, Changes(held=(decided,), links=changed))
    return decided


async def retry_aside(desk: ResolveDesk, pair: PairId, end: End, ref: Ref) -> None:
    """Look at a set-aside item in the next run, whatever its next try was."""
    rows = [row for row in await desk.records.asides(pair) if (row.end, row.item.ref) == (end, ref)]
    if not rows:
        raise NotFoundError("there is no such set-aside item")
    again = replace(rows[0], next_try=desk.clock.now())
    await desk.records.commit(pair, Changes(asides=(again,), touched=((end, ref),)))
