"""What is committed with the outcome of a decision, so that no edit of anybody disappears, also half way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from calsync.core.action import Adopt, Create, Decision, Delete, Forget, Refresh, Update, Writing
from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.link import Hold, Link
from calsync.core.loops import is_users_edit, remembered, with_write
from calsync.core.merge import with_fields
from calsync.core.observation import Seen
from calsync.core.opening import ALL_FIELDS, Desk, Opening, title_of
from calsync.core.record import Conflict, ConflictState, Step
from calsync.core.refs import NO_VERSION, ConflictId, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The server did it. ``seen`` is the object read back (None for a delete).

    ``certain``: what was read back is what the server made of this write, by its version. Otherwise a difference to
    what was sent counts as somebody's edit upon it. ``overwritten`` is an edit found overwritten.
    """

    seen: Seen | None = None
    certain: bool = True
    overwritten: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """The write certainly did not happen; the link is looked at again unless its event is set aside."""

    why: str
    is_set_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """Nobody knows whether the write happened: it stays pending and is looked up first."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A create found its copy there already, at ``ref``, as nobody knows: the two are untied and meet anew."""

    ref: Ref


Outcome: TypeAlias = Done | Undone | Doubtful | Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is committed with the outcome. ``link`` is None when it was untied. ``look_again`` are refs to touch."""

    link: Link | None
    conflicts: tuple[Conflict, ...] = ()
    look_again: tuple[tuple[End, Ref], ...] = ()
    steps: tuple[Step, ...] = ()


def close_decision(decision: Decision, opening: Opening, outcomes: Mapping[End, Outcome], desk: Desk) -> Closing:
    """The link as it is after the answers; a partial success keeps every edit visible as an edit."""
    complete = all(isinstance(outcomes.get(write.at), Done) for write in decision.writes)
    steps = tuple(_steps(decision, outcomes, desk.at))
    if _is_untied(decision, outcomes):
        return Closing(link=None, conflicts=tuple(_ended(decision, desk)), steps=steps)
    taken = {(end, outcome.ref) for end, outcome in outcomes.items() if isinstance(outcome, Taken)}
    if taken:
        places = tuple(sorted({*taken, *_refs(opening.link, decision)}, key=str))
        return Closing(link=None, conflicts=tuple(_voided(opening, outcomes)), look_again=places, steps=steps)
    link, again = opening.link, set[tuple[End, Ref]]()
    for write in decision.writes:
        match outcomes[write.at]:
            case Done() as done:
                link = _with_written(link, decision, write, done, complete, desk)
            case Undone():
                link = link.with_pending(write.at, None)
            case Doubtful() | Taken():
                pass
    if complete:
        link = _agreed(link, decision)
    set_aside = any(isinstance(outcome, Undone) and outcome.is_set_aside for outcome in outcomes.values())
    if (not complete and not set_aside) or _lags(link, outcomes) or _made_anew(decision):
        again.update(_refs(link, decision))
    conflicts = (*_voided(opening, outcomes), *_overwritten_rows(decision, outcomes, desk))
    return Closing(link=link, conflicts=conflicts, look_again=tuple(sorted(again, key=str)), steps=steps)


def _is_untied(decision: Decision, outcomes: Mapping[End, Outcome]) -> bool:
    return any(
        isinstance(action, Forget) or (isinstance(action, Delete) and isinstance(outcomes[action.at], Done))
        for action in decision.actions
    )


def _with_written(link: Link, decision: Decision, write: Writing, done: Done, complete: bool, desk: Desk) -> Link:
    match write:
        case Create():
            link = _with_sent(link, write.at, done, _Sent(event=write.event, fields=ALL_FIELDS), complete, desk)
            link = replace(link, made_at=desk.at, generation=write.generation, hold=Hold.NONE)
        case Update():
            sent = _Sent(event=write.want, fields=write.fields, before=write.now.event)
            link = _with_sent(link, write.at, done, sent, complete, desk)
        case Delete():
            return link
    return _counted(link, decision, write.at, desk.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What a write sent, and what the side showed before it (None for a create)."""

    event: Event
    fields: frozenset[Field]
    before: Event | None = None


def _with_sent(link: Link, at: End, done: Done, sent: _Sent, complete: bool, desk: Desk) -> Link:
    """The written side's new base: what was sent, as the server shows it, and nothing that nobody has looked at."""
    assert done.seen is not None  # noqa: S101  # only a delete is done without an object
    shown = done.seen.event
    stored = shown if done.certain else with_fields(shown, desk.lenses[at].show(sent.event), sent.fields)
    old = link.base[at]
    # A field that was not sent changes only by a person's hand: it stays an edit against the older value.
    unsent = old.event if old is not None and not complete else sent.before or shown
    base = with_fields(unsent, stored, sent.fields)
    seen = done.seen if base == shown else replace(done.seen, event=base, version=NO_VERSION)
    return link.with_base(at, seen).with_pending(at, None)


def _counted(link: Link, decision: Decision, at: End, time: datetime) -> Link:
    """Count the write for the loop breaker; a person's edit starts the count anew."""
    shown = [look.event if isinstance(look, Seen) else None for look in decision.now]
    both = Ends(shown[0], shown[1])
    if both.crm is None or both.calendar is None or is_users_edit(decision.link, Ends(both.crm, both.calendar)):
        link = replace(link, writes=Ends[tuple[datetime, ...]]((), ()))
    return replace(link, writes=link.writes.replace(at, with_write(link, at, time)))


def _agreed(link: Link, decision: Decision) -> Link:
    """Both sides agree: what the unwritten side shows is its base, waiting fields excepted."""
    written = {write.at for write in decision.writes}
    for end in End:
        look, old = decision.now[end], decision.link.base[end]
        if end not in written and isinstance(look, Seen) and _moves_bases(decision):
            kept = look.event if old is None else with_fields(look.event, old.event, decision.waiting)
            link = link.with_base(end, replace(look, event=kept))
        elif end in written and old is not None and (base := link.base[end]) is not None:
            link = link.with_base(end, replace(base, event=with_fields(base.event, old.event, decision.waiting)))
    left = {part: wish for part, wish in link.wishes.items() if part not in decision.granted | decision.superseded}
    past = Ends(*(_past(link, decision.link, end) for end in End))
    hold = Hold.NONE if _both_seen(decision) else link.hold
    masked = decision.masked if _moves_bases(decision) else link.masked
    return replace(link, wishes=left, waiting=decision.waiting, past=past, hold=hold, masked=masked)


def _moves_bases(decision: Decision) -> bool:
    """Out of scope no base moves, so that a later look finds every edit."""
    return any(isinstance(action, Refresh | Adopt | Create | Update) for action in decision.actions)


def _both_seen(decision: Decision) -> bool:
    return all(isinstance(look, Seen) for look in decision.now)


def _past(link: Link, before: Link, end: End) -> tuple[str, ...]:
    """What the side showed lately, before what it shows now."""
    old, base = before.base[end], link.base[end]
    if old is None or base is None or old.event == base.event:
        return link.past[end]
    return remembered(link.past[end], old.event)


def _lags(link: Link, outcomes: Mapping[End, Outcome]) -> bool:
    """Whether a written side shows something that its base does not say (somebody edited meanwhile)."""
    shown = {end: done.seen for end, done in outcomes.items() if isinstance(done, Done)}
    return any(
        (base := link.base[end]) is not None
        and seen is not None
        and base.event != with_fields(seen.event, base.event, link.waiting)
        for end, seen in shown.items()
    )


def _made_anew(decision: Decision) -> bool:
    """An original that is made again may change what its copy is allowed to show."""
    return any(isinstance(write, Create) and write.at is decision.link.born for write in decision.writes)


def _refs(link: Link, decision: Decision) -> Iterator[tuple[End, Ref]]:
    for end in End:
        look, base = decision.now[end], link.base[end]
        ref = look.ref if look is not None else base.ref if base is not None else None
        if ref is not None:
            yield end, ref


def _ended(decision: Decision, desk: Desk) -> Iterator[Conflict]:
    """Nobody has to answer any more for an event that is no longer tied."""
    for row in desk.rows.values():
        if row.link == decision.link.id and row.state is ConflictState.OPEN:
            yield replace(row, state=ConflictState.SUPERSEDED, at=desk.at)


def _voided(opening: Opening, outcomes: Mapping[End, Outcome]) -> Iterator[Conflict]:
    """Rows of writes that did not happen. A wish keeps its row: it is still to be fulfilled."""
    undone = {end for end, outcome in outcomes.items() if isinstance(outcome, Undone | Taken)}
    kept = {wish.conflict for wish in opening.link.wishes.values()}
    for row in opening.conflicts:
        settled = row.won is not None and row.state is ConflictState.SETTLED
        if settled and row.won is not None and row.won.other in undone and row.id not in kept:
            yield replace(row, state=ConflictState.VOID)


def _overwritten_rows(decision: Decision, outcomes: Mapping[End, Outcome], desk: Desk) -> Iterator[Conflict]:
    """An edit that slipped in between our look and our write, and was lost there, is kept here."""
    for write in decision.writes:
        outcome = outcomes[write.at]
        if isinstance(write, Update) and isinstance(outcome, Done) and outcome.overwritten is not None:
            lost = outcome.overwritten
            for part in sorted(write.fields, key=lambda part: part.value):
                value, ours = getattr(lost, part.value), getattr(write.want, part.value)
                if value not in (ours, getattr(write.now.event, part.value)):
                    yield Conflict(
                        id=ConflictId(desk.new_id()),
                        pair=desk.pair,
                        link=decision.link.id,
                        title=title_of(decision),
                        field=part,
                        base=Ends(None, None).replace(write.at, getattr(write.now.event, part.value)),
                        values=Ends(ours, ours).replace(write.at, value),
                        won=write.at.other,
                        policy="overwritten",
                        state=ConflictState.SETTLED,
                        at=desk.at,
                    )


def _steps(decision: Decision, outcomes: Mapping[End, Outcome], at: datetime) -> Iterator[Step]:
    for action in decision.actions:
        match action:
            case Create() | Update() | Delete():
                result = type(outcomes[action.at]).__name__.lower()
                yield Step(
                    at=at,
                    link=decision.link.id,
                    what=f"{_verb(action)} {action.at.value}: {result}",
                    why=decision.rule.value,
                )
            case Adopt():
                yield Step(at=at, link=decision.link.id, what="linked", why=action.how.value)
            case Forget():
                yield Step(at=at, link=decision.link.id, what="untied", why=decision.rule.value)
            case _:  # nothing happened that a person would look for
                pass


def _verb(write: Writing) -> str:
    match write:
        case Create():
            return "create"
        case Update():
            return "update " + ",".join(sorted(part.value for part in write.fields))
        case Delete():
            return "delete"
