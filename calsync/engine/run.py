"""One run of one pair: settle, observe, plan, guard, apply, record."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from calsync.core.action import Decision, Delete, Plan
from calsync.core.decide import View
from calsync.core.ends import End, Ends
from calsync.core.errors import CalendarUnavailableError, RemoteError, SignInNeededError, TryLaterError
from calsync.core.event import AllDay, Field
from calsync.core.guard import Tally, Verdict, guard
from calsync.core.link import Hold, Link
from calsync.core.match import Pairing
from calsync.core.observation import Seen
from calsync.core.plan import checksum, plan_pair
from calsync.core.record import Conflict, Held, HeldEvent, HeldState, Run, RunState
from calsync.core.refs import HeldId, Key, LinkId, Ref
from calsync.engine.apply import Applied, apply
from calsync.engine.aside import ASKING, PutDown, Shelf, set_aside, shelf_of
from calsync.engine.context import Context
from calsync.engine.observe import Sight, observe, revisit, unclear_refs, views_of
from calsync.engine.preview import first_terms
from calsync.engine.settle import settle_pending
from calsync.ports import Changes

log = logging.getLogger(__name__)


class PlanChangedError(Exception):
    """The plan is no longer the one that was previewed; ``plan`` is the present one."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("the plan is no longer the one that was previewed")
        self.plan = plan


@dataclass(slots=True, kw_only=True)
class Tracks:
    """What one run adds up."""

    reads: int = 0
    writes: int = 0
    conflicts: int = 0
    stopped_by: RemoteError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended. ``wait_s`` is how long the remote system asked us to wait."""

    run: Run
    error: RemoteError | None = None
    wait_s: float | None = None


async def run_pair(context: Context, *, expect: str | None = None) -> Result:
    """Run a pair until nothing changes under its hands any more, or something stops it.

    Raises:
        PlanChangedError: ``expect`` is the checksum of a previewed plan and the plan is another one now.
    """
    tracks = Tracks()
    try:
        await _check_identity(context)
        await _passes(context, tracks, expect)
    except* RemoteError as group:
        tracks.stopped_by = _first(group)
    return await _finish(context, tracks)


def _first(group: BaseExceptionGroup[RemoteError]) -> RemoteError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, RemoteError)  # noqa: S101  # the group holds nothing else
    return error


async def _check_identity(context: Context) -> None:
    for end in End:
        shown, pinned = context.sides[end].identity, context.pair.identities[end]
        if shown != pinned:
            raise CalendarUnavailableError(f"the {end.value} side is another calendar than the one that was connected")


async def _passes(context: Context, tracks: Tracks, expect: str | None) -> None:
    for number in range(context.pace.passes):
        await settle_pending(context)
        sight = await (observe(context) if number == 0 else revisit(context))
        applied = await _pass(context, sight, tracks, expect if number == 0 else None)
        if applied.stopped_by is not None or not (applied.look_again or applied.doubtful):
            break


async def _pass(context: Context, sight: Sight, tracks: Tracks, expect: str | None) -> Applied:
    shelf = await shelf_of(context) if any(sight.looks) else Shelf(before={})
    views, unlinked = await views_of(context, sight, shelf.before.values())
    plan = await plan_of(context, views, unlinked)
    if expect is not None and checksum(plan) != expect:
        raise PlanChangedError(plan)
    plan, waiting = shelf.split(plan, context.clock.now())
    verdict = await _guarded(context, plan)
    applied = await apply(context, verdict.plan.decisions)
    again = unclear_refs(views, sight) if applied.stopped_by is None else set()
    if applied.stopped_by is None:
        await _commit_pass(context, sight, set_aside(context, shelf, sight, verdict.plan, applied, waiting), again)
    tracks.reads += sight.reads
    tracks.writes += applied.writes
    tracks.conflicts += applied.conflicts
    tracks.stopped_by = tracks.stopped_by or applied.stopped_by
    return applied


async def plan_of(context: Context, views: Sequence[View], unlinked: Ends[list[Seen]]) -> Plan:
    terms = replace(
        first_terms(context, await _pairing(context, unlinked)),
        asked=await _asked(context, [view.link.id for view in views]),
    )
    return plan_pair(views, Ends[Sequence[Seen]](*unlinked), terms)


async def _pairing(context: Context, unlinked: Ends[list[Seen]]) -> Pairing:
    """Keys whose copies are linked already: an object that bears one too is somebody's copy of our copy."""
    if not any(seen.marker is not None for side in unlinked for seen in side):
        return context.pairing
    links = await context.records.links(context.pair.id)
    keys = Ends(*(_marker_keys(links, end) for end in End))
    return replace(context.pairing, linked=keys)


def _marker_keys(links: Sequence[Link], end: End) -> frozenset[Key]:
    return frozenset(base.marker.key for link in links if (base := link.base[end]) is not None and base.marker)


async def _asked(context: Context, links: Sequence[LinkId]) -> dict[LinkId, frozenset[Field]]:
    asked: dict[LinkId, frozenset[Field]] = {}
    for row in await context.records.open_conflicts(context.pair.id, links):
        if row.field is not None:
            asked[row.link] = asked.get(row.link, frozenset()) | {row.field}
    return asked


# --- the guard ------------------------------------------------------------------------------------------------------


async def _guarded(context: Context, plan: Plan) -> Verdict:
    if not any(isinstance(action, Delete) for decision in plan.decisions for action in decision.actions):
        return Verdict(plan=plan, held=Ends((), ()))
    groups = await context.records.held(context.pair.id, open_only=True)
    verdict = guard(plan, context.pair.policy, await _tally(context, plan, groups))
    for end in End:
        if verdict.held[end]:
            await _hold(context, end, verdict.held[end], groups)
    return verdict


async def _tally(context: Context, plan: Plan, groups: Iterable[Held]) -> Tally:
    since = context.clock.now() - timedelta(seconds=context.pace.held_period_s)
    planned = {decision.link.id for decision in plan.decisions}
    waiting = {end: {one.link for group in groups if group.end is end for one in group.events} for end in End}
    sent = Ends(*[await context.records.deletes_since(context.pair.id, end, since) for end in End])
    return Tally(
        linked=await context.records.link_count(context.pair.id),
        sent=sent,
        held=Ends(*(len(waiting[end] - planned) for end in End)),
    )


async def _hold(context: Context, end: End, decisions: Sequence[Decision], groups: Sequence[Held]) -> None:
    """Put deletions into the open group of this side, or begin one."""
    group = next((one for one in groups if one.end is end), None)
    group = group or Held(
        id=HeldId(context.new_id()),
        pair=context.pair.id,
        end=end,
        events=(),
        state=HeldState.OPEN,
        at=context.clock.now(),
    )
    already = {one.link for one in group.events}
    joining = [decision for decision in decisions if decision.link.id not in already]
    events = (*group.events, *(_held_event(decision, end) for decision in joining))
    await context.records.commit(
        context.pair.id,
        Changes(
            held=(replace(group, events=events),),
            links=tuple(replace(decision.link, hold=Hold.HELD) for decision in decisions),
        ),
    )


def _held_event(decision: Decision, end: End) -> HeldEvent:
    base = decision.link.base[end]
    assert base is not None  # noqa: S101  # what is deleted was there
    when = base.event.when
    start = when.first.isoformat() if isinstance(when, AllDay) else when.start_utc.isoformat()
    return HeldEvent(link=decision.link.id, title=base.event.title, start=start)


# --- recording ------------------------------------------------------------------------------------------------------


async def _commit_pass(context: Context, sight: Sight, put_down: PutDown, again: set[tuple[End, Ref]]) -> None:
    """Cursor last: it is stored with everything that it delivered."""
    changes = Changes(
        asides=put_down.asides,
        not_aside=put_down.cleared,
        dealt_with=sight.dealt_with,
        touched=tuple(sorted(again, key=str)),
        cursors=sight.cursors,
    )
    if changes != Changes():
        await context.records.commit(context.pair.id, changes)


async def _finish(context: Context, tracks: Tracks) -> Result:
    held = await _still_held(context)
    asking = await context.records.conflicts(context.pair.id, open_only=True)
    asides = await context.records.asides(context.pair.id)
    touched = await context.records.touched(context.pair.id)
    pending = any(not link.is_settled for link in await context.records.restless_links(context.pair.id))
    unsure = any(row.item.reason in ASKING for row in asides)
    state = _state(tracks.stopped_by, held, asking, unsure=unsure, more=pending or bool(touched))
    run = Run(
        id=context.new_id(),
        pair=context.pair.id,
        started=context.started,
        ended=context.clock.now(),
        state=state,
        reads=tracks.reads,
        writes=tracks.writes,
        conflicts=tracks.conflicts,
        held=sum(len(group.events) for group in held),
        set_aside=len(asides),
        error="" if tracks.stopped_by is None else str(tracks.stopped_by),
    )
    wait_s = tracks.stopped_by.wait_s if isinstance(tracks.stopped_by, TryLaterError) else None
    return Result(run=run, error=tracks.stopped_by, wait_s=wait_s)


async def _still_held(context: Context) -> list[Held]:
    """Open groups in which something still waits; one whose events all came back by themselves is closed."""
    waiting: list[Held] = []
    for group in await context.records.held(context.pair.id, open_only=True):
        links = await context.records.links(context.pair.id, [event.link for event in group.events])
        if any(link.hold is Hold.HELD for link in links):
            waiting.append(group)
        else:
            over = replace(group, state=HeldState.DISCARDED, at=context.clock.now(), by="calsync")
            await context.records.commit(context.pair.id, Changes(held=(over,)))
    return waiting


def _state(
    stopped_by: RemoteError | None, held: Sequence[Held], asking: Sequence[Conflict], *, unsure: bool, more: bool
) -> RunState:
    """Error over action over more over converged (design, contract for automation)."""
    match stopped_by:
        case SignInNeededError():
            return RunState.ACTION
        case TryLaterError():
            return RunState.MORE
        case None if held or asking or unsure:
            return RunState.ACTION
        case None if more:
            return RunState.MORE
        case None:
            return RunState.CONVERGED
        case _:  # an error family stays open, so it keeps its catch-all
            return RunState.ERROR
