"""Set-aside items: what is written down, when it is tried again, and what has been dealt with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calsync.core.action import Ask, Create, Decision, Plan
from calsync.core.ends import End
from calsync.core.event import Timed, span_utc
from calsync.core.observation import Aside, Look, Seen
from calsync.core.reason import Reason
from calsync.core.record import SetAside
from calsync.core.refs import LinkId, Ref
from calsync.engine.apply import Applied, Trouble
from calsync.engine.context import Context
from calsync.engine.observe import Sight

Place = tuple[End, Ref]
RETRIED = frozenset({Reason.REFUSED, Reason.FAILED, Reason.WOULD_MAIL, Reason.READ_ONLY})
"""Tried again with back-off."""
REVIEWED = frozenset({Reason.UNSURE, Reason.ORIGINAL_DELETED, Reason.DUPLICATE_UID, Reason.LOOP})
"""Looked at again now and then, because other events decide about them."""
ASKING = frozenset({Reason.UNSURE, Reason.ORIGINAL_DELETED, Reason.LOOP})
"""Somebody must decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The set-aside items of a pair before this pass."""

    before: Mapping[Place, SetAside]

    def split(self, plan: Plan, now: datetime) -> tuple[Plan, frozenset[Place]]:
        """The plan without decisions that failed before and whose next try has not come; where those stand."""
        waiting = {id(decision): place for decision in plan.decisions if (place := self._waits_at(decision, now))}
        decisions = tuple(decision for decision in plan.decisions if id(decision) not in waiting)
        return replace(plan, decisions=decisions), frozenset(waiting.values())

    def _waits_at(self, decision: Decision, now: datetime) -> Place | None:
        for end in End:
            look = decision.now[end]
            row = self.before.get((end, look.ref)) if isinstance(look, Seen) else None
            if row is None or row.next_try is None or row.next_try <= now or row.item.reason not in RETRIED:
                continue
            if isinstance(look, Seen) and row.item.version == look.version:
                return end, look.ref
        return None


async def shelf_of(context: Context) -> Shelf:
    rows = await context.records.asides(context.pair.id)
    return Shelf(before={(row.end, row.item.ref): row for row in rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDown:
    """What a pass does to the set-aside rows."""

    asides: tuple[SetAside, ...]
    cleared: tuple[Place, ...]


def set_aside(
    context: Context, shelf: Shelf, sight: Sight, plan: Plan, applied: Applied, waiting: frozenset[Place]
) -> PutDown:
    """The rows to store and the places to clear, by everything this pass looked at."""
    found: dict[Place, tuple[Aside, LinkId | None]] = {}
    for end in End:
        for look in sight.looks[end].values():
            if isinstance(look, Aside):
                found[end, look.ref] = (look, None)
    for one in plan.left_alone:
        found[one.end, one.seen.ref] = (_aside(one.seen, one.reason), None)
    for decision in plan.decisions:
        for action in decision.actions:
            if isinstance(action, Ask):
                found.update(_asked(decision, action))
    for trouble in applied.troubles:
        found.update(_troubled(trouble))
    rows = tuple(_row(context, shelf, place, item, link, sight) for place, (item, link) in found.items())
    looked_at = {(end, ref) for end in End for ref in sight.looks[end]}
    cleared = (looked_at & shelf.before.keys()) - found.keys() - waiting
    return PutDown(asides=rows, cleared=tuple(sorted(cleared, key=str)))


def _aside(seen: Seen, reason: Reason, detail: str = "") -> Aside:
    return Aside(ref=seen.ref, reason=reason, version=seen.version, detail=detail, title=seen.event.title)


def _asked(decision: Decision, ask: Ask) -> dict[Place, tuple[Aside, LinkId | None]]:
    look = decision.now[ask.at]
    match look:
        case Aside():
            return {(ask.at, look.ref): (look, decision.link.id)}
        case Seen():
            return {(ask.at, look.ref): (_aside(look, ask.reason), decision.link.id)}
        case _:  # nothing is there to be set aside
            return {}


def _troubled(trouble: Trouble) -> dict[Place, tuple[Aside, LinkId | None]]:
    """A refused write is noted at the side it came from, where a person can do something about it."""
    decision = trouble.decision
    source = trouble.at.other
    for write in decision.writes:
        if isinstance(write, Create) and write.at is trouble.at:
            aside = _aside(write.original, trouble.reason, trouble.detail)
            return {(source, write.original.ref): (aside, decision.link.id)}
    look = decision.now[source]
    if isinstance(look, Seen):
        return {(source, look.ref): (_aside(look, trouble.reason, trouble.detail), decision.link.id)}
    there = decision.now[trouble.at]
    if isinstance(there, Seen):
        return {(trouble.at, there.ref): (_aside(there, trouble.reason, trouble.detail), decision.link.id)}
    return {}


def _row(context: Context, shelf: Shelf, place: Place, item: Aside, link: LinkId | None, sight: Sight) -> SetAside:
    end, ref = place
    before = shelf.before.get(place)
    now = context.clock.now()
    same = before is not None and before.item.reason is item.reason
    tries = before.tries + 1 if before is not None and same else 0
    row = SetAside(end=end, item=item, since=before.since if before is not None and same else now, link=link)
    return replace(row, tries=tries, next_try=_next_try(context, item.reason, tries, sight.looks[end].get(ref)))


def _next_try(context: Context, reason: Reason, tries: int, look: Look | None) -> datetime | None:
    if reason in RETRIED:
        return context.later(context.pace.back_off_s(tries))
    if reason in REVIEWED:
        return context.later(context.pace.retry_max_s)
    if reason is Reason.OUT_OF_WINDOW and isinstance(look, Seen):
        return _enters_window(context, look)
    return None


def _enters_window(context: Context, seen: Seen) -> datetime | None:
    """When a future event comes into the window; a past one never does."""
    when = seen.event.when
    first, _ = span_utc(when, when.zone if isinstance(when, Timed) else context.pair.zone)
    enters = first - timedelta(days=context.pair.policy.window_future_days)
    return enters if enters > context.clock.now() else None
