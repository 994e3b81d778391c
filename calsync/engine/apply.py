"""Carry out decisions: commit what is about to be sent, send it, read it back, commit what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from calsync.core.action import Create, Decision, Delete, Forget, Update, Writing
from calsync.core.closing import Closing, Done, Doubtful, Outcome, Taken, Undone, close_decision
from calsync.core.ends import End, Ends
from calsync.core.errors import (
    AlreadyThereError,
    CalendarUnavailableError,
    CalsyncError,
    InDoubtError,
    RefusedError,
    RemoteError,
    SignInNeededError,
    StaleVersionError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.core.link import Hold
from calsync.core.observation import Marker, Seen
from calsync.core.opening import Desk, Opening, open_decision
from calsync.core.reason import Reason
from calsync.core.refs import NO_VERSION, LinkId, Ref, Version
from calsync.engine.context import Context
from calsync.engine.observe import look
from calsync.ports import Changes, Draft, Receipt, Side

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A write that was refused or failed: its event is set aside at the side it came from."""

    decision: Decision
    at: End
    reason: Reason
    detail: str


@dataclass(slots=True, kw_only=True)
class Applied:
    """What came of carrying out a plan."""

    writes: int = 0
    conflicts: int = 0
    look_again: set[tuple[End, Ref]] = field(default_factory=set)
    troubles: list[Trouble] = field(default_factory=list)
    stopped_by: RemoteError | None = None
    doubtful: int = 0


async def apply(context: Context, decisions: Sequence[Decision]) -> Applied:
    """Carry out decisions in chunks; each chunk is one commit before its requests and one after them.

    A side that is throttled, down or no longer accepts us stops the rest: it is planned again later.
    """
    applied = Applied()
    for start in range(0, len(decisions), context.pace.chunk):
        if applied.stopped_by is not None:
            break
        await _apply_chunk(context, decisions[start : start + context.pace.chunk], applied)
    return applied


async def _apply_chunk(context: Context, decisions: Sequence[Decision], applied: Applied) -> None:
    desk = await _desk(context, decisions)
    openings = [open_decision(decision, desk) for decision in decisions]
    await context.records.commit(
        context.pair.id,
        Changes(
            links=tuple(opening.link for opening in openings),
            conflicts=tuple(row for opening in openings for row in opening.conflicts),
        ),
    )
    sender = _Sender(context, applied)
    outcomes = await sender.send_all(decisions)
    closings = [
        close_decision(decision, opening, outcomes[decision.link.id], desk)
        for decision, opening in zip(decisions, openings, strict=True)
    ]
    await _commit_closings(context, decisions, openings, closings, outcomes, applied)


async def _desk(context: Context, decisions: Sequence[Decision]) -> Desk:
    asking = [d.link.id for d in decisions if d.clashes or d.agreed or d.superseded or d.link.wishes or _unties(d)]
    rows = {row.id: row for row in await context.records.open_conflicts(context.pair.id, asking)} if asking else {}
    for decision in decisions:
        for part in decision.superseded:
            row = await context.records.conflict(decision.link.wishes[part].conflict)
            if row is not None:
                rows[row.id] = row
    return Desk(
        pair=context.pair.id,
        at=context.clock.now(),
        new_id=context.new_id,
        lenses=context.sides.map(lambda side: side.lens),
        rows=rows,
    )


def _unties(decision: Decision) -> bool:
    return any(isinstance(action, Delete | Forget) for action in decision.actions)


async def _commit_closings(
    context: Context,
    decisions: Sequence[Decision],
    openings: Sequence[Opening],
    closings: Sequence[Closing],
    outcomes: dict[LinkId, dict[End, Outcome]],
    applied: Applied,
) -> None:
    now = context.clock.now()
    again = {place for closing in closings for place in closing.look_again}
    conflicts = tuple(row for closing in closings for row in closing.conflicts)
    deletes = tuple(
        (write.at, decision.link.id, now)
        for decision in decisions
        for write in decision.writes
        if isinstance(write, Delete)
        and isinstance(outcomes[decision.link.id][write.at], Done)
        and decision.link.hold is not Hold.APPROVED
    )
    await context.records.commit(
        context.pair.id,
        Changes(
            links=tuple(closing.link for closing in closings if closing.link is not None),
            forgotten=tuple(d.link.id for d, closing in zip(decisions, closings, strict=True) if closing.link is None),
            conflicts=conflicts,
            touched=tuple(sorted(again, key=str)),
            steps=tuple(step for closing in closings for step in closing.steps),
            deletes_sent=deletes,
        ),
    )
    applied.look_again |= again
    applied.conflicts += sum(len(opening.conflicts) for opening in openings)


class _Sender:
    """Sends the writes of one chunk: in parallel, as far as each side likes, and reads them back in batches."""

    def __init__(self, context: Context, applied: Applied) -> None:
        self.context, self.applied = context, applied
        self.gates = context.sides.map(lambda side: asyncio.Semaphore(side.traits.parallel))
        self.receipts: Ends[dict[Ref, tuple[LinkId, Receipt]]] = Ends({}, {})

    async def send_all(self, decisions: Sequence[Decision]) -> dict[LinkId, dict[End, Outcome]]:
        outcomes: dict[LinkId, dict[End, Outcome]] = {decision.link.id: {} for decision in decisions}
        async with asyncio.TaskGroup() as group:
            for decision in decisions:
                for write in decision.writes:
                    group.create_task(self._send(decision, write, outcomes[decision.link.id]))
        for end in End:
            await self._read_back(end, outcomes)
        return outcomes

    async def _send(self, decision: Decision, write: Writing, outcomes: dict[End, Outcome]) -> None:
        async with self.gates[write.at]:
            if self.applied.stopped_by is not None:
                outcomes[write.at] = Undone(why="not sent")
                return
            try:
                receipt = await self._write(write)
            except CalsyncError as error:
                outcomes[write.at] = self._judge(decision, write, error)
                return
            except Exception as error:  # a bug must not stop the other events; it stays loud in the log
                log.exception("write failed unexpectedly", extra={"action": "write_bug", "link": decision.link.id})
                self._set_aside(decision, write.at, Reason.FAILED, repr(type(error).__name__))
                outcomes[write.at] = Doubtful(why="unexpected error")
                return
        outcomes[write.at] = self._outcome(decision, write, receipt)

    def _outcome(self, decision: Decision, write: Writing, receipt: Receipt | Taken | None) -> Outcome:
        if isinstance(receipt, Taken):
            return receipt
        self.applied.writes += 1
        if receipt is None:
            return Done()
        if receipt.seen is not None:
            return Done(seen=receipt.seen, overwritten=receipt.overwritten)
        # Until it is read back nobody has seen what the server made of it.
        self.receipts[write.at][receipt.ref] = (decision.link.id, receipt)
        return Doubtful(why="not read back")

    async def _write(self, write: Writing) -> Receipt | Taken | None:
        side = self.context.sides[write.at]
        match write:
            case Create():
                return await self._create(side, write)
            case Update():
                return await side.update(write.now, write.want, write.fields)
            case Delete():
                await side.delete(write.now, write.proof)
                return None

    async def _create(self, side: Side, write: Create) -> Receipt | Taken:
        marker = Marker(realm=self.context.realm, key=write.key, generation=write.generation)
        draft = Draft(event=write.event, marker=marker, uid=write.original.uid)
        try:
            return await side.create(draft)
        except AlreadyThereError as taken:
            found = await side.find(draft)
            if found is None and taken.ref is not None:
                [found] = await side.look([Ref(taken.ref)])
            if isinstance(found, Seen) and found.marker == marker and not await self._is_linked(write, found.ref):
                return Taken(ref=found.ref)
            raise RefusedError("its key is taken there by something else", reason=Reason.DUPLICATE_UID.value) from None

    async def _is_linked(self, write: Create, ref: Ref) -> bool:
        return bool(await self.context.records.links_at(self.context.pair.id, write.at, [ref]))

    def _judge(self, decision: Decision, write: Writing, error: CalsyncError) -> Outcome:
        """Who can do something about it, in one place."""
        match error:
            case InDoubtError() | UnusableAnswerError():
                self.applied.doubtful += 1
                return Doubtful(why=str(error))
            case StaleVersionError():
                return Undone(why="changed meanwhile")
            case TryLaterError() | SignInNeededError() | CalendarUnavailableError():
                self.applied.stopped_by = self.applied.stopped_by or error
                return Undone(why=str(error))
            case RefusedError(reason=word):
                self._set_aside(decision, write.at, _reason(word), str(error))
                return Undone(why=str(error), is_set_aside=True)
            case _:  # an error family stays open, so it keeps its catch-all
                self._set_aside(decision, write.at, Reason.FAILED, str(error))
                return Undone(why=str(error), is_set_aside=True)

    def _set_aside(self, decision: Decision, at: End, reason: Reason, detail: str) -> None:
        self.applied.troubles.append(Trouble(decision=decision, at=at, reason=reason, detail=detail))

    async def _read_back(self, end: End, outcomes: dict[LinkId, dict[End, Outcome]]) -> None:
        """What the servers made of our writes; what cannot be read stays in doubt and is settled later."""
        waiting = self.receipts[end]
        if not waiting:
            return
        try:
            looks = await look(self.context.sides[end], list(waiting))
        except RemoteError as error:
            self.applied.stopped_by = self.applied.stopped_by or error
            self.applied.doubtful += len(waiting)
            return
        for seen in looks:
            link, receipt = waiting[seen.ref]
            if isinstance(seen, Seen):
                outcomes[link][end] = Done(seen=seen, certain=_is_certain(receipt.version, seen.version))
            else:
                self.applied.doubtful += 1


def _is_certain(written: Version, read: Version) -> bool:
    """A server that named a version for what it stored and shows another one now was written by somebody else."""
    return written in (NO_VERSION, read)


def _reason(word: str) -> Reason:
    return next((reason for reason in Reason if reason.value == word), Reason.REFUSED)
