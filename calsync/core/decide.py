"""What happens to one event: linked, found on both sides, or new. Pure, and the heart of the sync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from calsync.core.action import Action, Adopt, Ask, Create, Decision, Delete, Forget, LeftAlone, Refresh, Update
from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.grid import Change, Rule, bring_back, rule_for
from calsync.core.lens import Lens
from calsync.core.link import Hold, Link, Wish
from calsync.core.loops import Breaker
from calsync.core.match import How, Match, Pairing
from calsync.core.merge import Clash, Merged, differing, merge, with_fields
from calsync.core.observation import Aside, Look, Seen, Unclear
from calsync.core.policy import Policy, Window, Winner
from calsync.core.privacy import MASKED_CARRIED, STRIPPED, is_left_out, is_masked, masked
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import ConflictId, Identity, LinkId


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A settled link and what each side shows of it now; an end that was not looked at shows its base.

    ``now`` is None only where there is no copy (its create was refused or never sent).
    """

    link: Link
    now: Ends[Look | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything beside the events that a plan depends on. ``asked`` are the fields with an open conflict by link."""

    pairing: Pairing
    policy: Policy
    lenses: Ends[Lens]
    window: Window
    now: datetime
    breaker: Breaker = field(default_factory=Breaker)
    asked: Mapping[LinkId, frozenset[Field]] = field(default_factory=dict)


# --- linked events --------------------------------------------------------------------------------------------------


def change_of(link: Link, end: End, look: Look | None, policy: Policy) -> Change:
    """What this side did since both last agreed."""
    base = link.base[end]
    match look:
        case Gone():
            return Change.GONE
        case Aside() | Unclear() | None:
            return Change.AWAY
        case Seen() if base is None:
            return Change.SAME
        case Seen() if look.identity != base.identity:
            # Another object took the place of the one we knew: nothing is proven about the old one.
            return Change.AWAY
        case Seen():
            return Change.EDITED if _edited(base.event, look.event, _carried(link, end, policy)) else Change.SAME


def _carried(link: Link, end: End, policy: Policy) -> frozenset[Field]:
    stripped_copy = link.masked and end is link.born.other
    return MASKED_CARRIED if stripped_copy else policy.carried


def _edited(base: Event, now: Event, carried: frozenset[Field]) -> bool:
    return any(getattr(base, part.value) != getattr(now, part.value) for part in carried)


def decide(view: View, terms: Terms) -> Decision | None:
    """What happens to one link; None where nothing is to be done or stored."""
    link, now = view.link, view.now
    if any(isinstance(look, Unclear) for look in now):
        return None
    if link.base.crm is None or link.base.calendar is None:
        return _half(view, terms)
    crm, calendar = (change_of(link, end, now[end], terms.policy) for end in End)
    if _is_out_of_scope(view, terms.window):
        return _out_of_scope(view, crm, calendar)
    rule = rule_for(crm, calendar)
    match rule:
        case Rule.NOTHING | Rule.COPY_TO_CALENDAR | Rule.COPY_TO_CRM | Rule.MERGE:
            return _merge(view, rule, terms)
        case Rule.DELETE_FROM_CALENDAR:
            return _delete(view, rule, End.CALENDAR, terms)
        case Rule.DELETE_FROM_CRM:
            return _delete(view, rule, End.CRM, terms)
        case Rule.BRING_BACK_TO_CALENDAR:
            return _bring_back(view, End.CALENDAR, terms, edited=True)
        case Rule.BRING_BACK_TO_CRM:
            return _bring_back(view, End.CRM, terms, edited=True)
        case Rule.FORGET:
            return Decision(rule=rule, link=link, now=now, actions=(Forget(),))
        case Rule.REST:
            return _rest(view)


def _seen_events(view: View) -> Iterable[Event]:
    for end in End:
        base, look = view.link.base[end], view.now[end]
        if base is not None:
            yield base.event
        if isinstance(look, Seen):
            yield look.event


def _is_out_of_scope(view: View, window: Window) -> bool:
    return not any(window.holds(event.when) for event in _seen_events(view))


def _out_of_scope(view: View, crm: Change, calendar: Change) -> Decision | None:
    """Dormant: a deletion ends that part of the link and is written nowhere."""
    if Change.GONE in (crm, calendar):
        return Decision(rule=Rule.FORGET, link=view.link, now=view.now, actions=(Forget(),))
    if view.link.dormant:
        return None
    return Decision(rule=Rule.REST, link=replace(view.link, dormant=True), now=view.now, actions=())


def _rest(view: View) -> Decision | None:
    """Remember why an end is not offered; nothing is written and no base moves."""
    asks = tuple(
        Ask(at=end, reason=look.reason if isinstance(look, Aside) else Reason.UNSURE)
        for end in End
        if not isinstance(look := view.now[end], Gone) and _is_away(view, end)
    )
    return Decision(rule=Rule.REST, link=view.link, now=view.now, actions=asks)


def _is_away(view: View, end: End) -> bool:
    look, base = view.now[end], view.link.base[end]
    return isinstance(look, Aside) or (isinstance(look, Seen) and base is not None and look.identity != base.identity)


def _half(view: View, terms: Terms) -> Decision | None:
    """A link whose copy was never made (refused before, or not sent): try again, or let go with its original."""
    link = view.link
    there = End.CRM if link.base.crm is not None else End.CALENDAR
    look = view.now[there]
    match look:
        case Seen():
            reason = _not_copied(look, terms)
            made = None if reason is not None else _create(link, look, there.other, link.generation, terms)
            rest = Ask(at=there, reason=reason or Reason.DIRECTION)
            return made or Decision(rule=Rule.REST, link=link, now=view.now, actions=(rest,))
        case Gone():
            return Decision(rule=Rule.FORGET, link=link, now=view.now, actions=(Forget(),))
        case Aside() | Unclear() | None:
            return None


def _not_copied(original: Seen, terms: Terms) -> Reason | None:
    """Why no copy is made, though this pair may write there."""
    if not terms.window.holds(original.event.when):
        return Reason.OUT_OF_WINDOW
    return Reason.PRIVATE if is_left_out(original.event, terms.policy) else None


def _copy_rule(to: End) -> Rule:
    return Rule.COPY_TO_CRM if to is End.CRM else Rule.COPY_TO_CALENDAR


def _merge(view: View, rule: Rule, terms: Terms) -> Decision | None:
    link = view.link
    now, base = _both_seen(view), _both_bases(link)
    result = merge(
        base.map(lambda seen: seen.event),
        now.map(lambda seen: seen.event),
        policy=terms.policy,
        born=link.born,
        lenses=terms.lenses,
        wishes=link.wishes,
        asked=terms.asked.get(link.id, frozenset()),
        carried=MASKED_CARRIED if link.masked else None,
    )
    hidden = is_masked(result.want[link.born], terms.policy)
    if (hidden or link.masked) and terms.policy.direction.writes(link.born.other):
        result = _stripped(result, link, now[link.born.other].event, hidden=hidden)
    actions = _updates(link, now, result, terms)
    if isinstance(actions, Ask):
        return Decision(rule=Rule.REST, link=link, now=view.now, actions=(actions,))
    decision = Decision(
        rule=rule,
        link=replace(link, dormant=False, masked=hidden or link.masked, hold=Hold.NONE),
        now=view.now,
        actions=actions or (Refresh(),),
        clashes=result.clashes,
        waiting=result.waiting,
        granted=result.granted,
        superseded=result.superseded,
        agreed=result.agreed,
        masked=hidden,
    )
    return None if _changes_nothing(decision, link, now, base) else decision


def _changes_nothing(decision: Decision, link: Link, now: Ends[Seen], base: Ends[Seen]) -> bool:
    return (
        now == base
        and decision.actions == (Refresh(),)
        and decision.link == link
        and decision.masked == link.masked
        and decision.waiting == link.waiting
        and not (decision.clashes or decision.granted or decision.superseded or decision.agreed)
    )


def _both_seen(view: View) -> Ends[Seen]:
    crm, calendar = view.now
    assert isinstance(crm, Seen)  # noqa: S101  # the grid sends only seen ends here
    assert isinstance(calendar, Seen)  # noqa: S101  # the grid sends only seen ends here
    return Ends(crm, calendar)


def _both_bases(link: Link) -> Ends[Seen]:
    crm, calendar = link.base
    assert crm is not None  # noqa: S101  # half links were decided before
    assert calendar is not None  # noqa: S101  # half links were decided before
    return Ends(crm, calendar)


def _stripped(result: Merged, link: Link, shown: Event, *, hidden: bool) -> Merged:
    """The copy without details, or with all of them again.

    A stripped copy is never read back, but what a person wrote there (``shown``) and is overwritten gets a row. No
    field of it waits for an answer.
    """
    copy = link.born.other
    want = masked(result.want[copy]) if hidden else result.want[link.born]
    text = frozenset(Field) - MASKED_CARRIED
    typed = {clash.field: clash for clash in _typed_there(link, shown, want)}
    merged = {clash.field: replace(clash, won=clash.won or link.born) for clash in result.clashes}
    return replace(
        result,
        want=result.want.replace(copy, want),
        clashes=tuple((typed | merged).values()),
        waiting=result.waiting - text,
        superseded=result.superseded | (link.wishes.keys() & text) - result.granted,
    )


def _typed_there(link: Link, shown: Event, want: Event | None) -> Iterator[Clash]:
    """What a person wrote on a stripped copy and is to vanish there (``want`` is None where all of it goes)."""
    copy, base = link.born.other, link.base[link.born.other]
    assert base is not None  # noqa: S101  # half links were decided before
    for part in STRIPPED:
        theirs, before = (getattr(event, part.value) for event in (shown, base.event))
        ours = None if want is None else getattr(want, part.value)
        if theirs not in (ours, before):
            yield Clash(
                field=part,
                base=Ends(None, None).replace(copy, before),
                values=Ends(ours, ours).replace(copy, theirs),
                won=link.born,
                policy=Winner.BIRTH,
            )


def _updates(link: Link, now: Ends[Seen], result: Merged, terms: Terms) -> tuple[Action, ...] | Ask:
    """The writes that really change something; or a stop, where one object was written too often."""
    updates: list[Update] = []
    for end in End:
        want = result.want[end]
        fields = differing(want, now[end].event, terms.lenses[end], terms.policy.carried - result.waiting)
        if fields and terms.policy.direction.writes(end):
            updates.append(Update(at=end, now=now[end], want=want, fields=fields))
    for update in updates:
        if terms.breaker.is_tripped(link, update.at, now.map(lambda seen: seen.event), terms.now):
            return Ask(at=update.at, reason=Reason.LOOP)
    return tuple(updates)


def _delete(view: View, rule: Rule, at: End, terms: Terms) -> Decision | None:
    proof, now = view.now[at.other], view.now[at]
    assert isinstance(proof, Gone)  # noqa: S101  # the grid says so
    assert isinstance(now, Seen)  # noqa: S101  # the grid says so
    if view.link.hold is Hold.DISCARDED:
        return _bring_back(view, at.other, terms, edited=False)
    if not terms.policy.direction.writes(at):
        return Decision(rule=Rule.REST, link=view.link, now=view.now, actions=())
    is_stripped = view.link.masked and at is view.link.born.other
    typed = tuple(_typed_there(view.link, now.event, None)) if is_stripped else ()
    delete = Delete(at=at, now=now, proof=proof)
    return Decision(rule=rule, link=view.link, now=view.now, actions=(delete,), clashes=typed)


def _bring_back(view: View, to: End, terms: Terms, *, edited: bool) -> Decision | None:
    """Make it again, in full and as a new generation, where it vanished."""
    link, now = view.link, view.now[to.other]
    assert isinstance(now, Seen)  # noqa: S101  # the grid says so
    made = _create(link, now, to, link.generation + 1, terms, event=_restored(link, to, now.event, terms))
    if made is None:
        return Decision(rule=Rule.REST, link=link, now=view.now, actions=())
    return replace(
        made,
        rule=bring_back(to),
        now=view.now,
        edit_won=to.other if edited else None,
        agreed=terms.asked.get(link.id, frozenset()),
    )


def _restored(link: Link, to: End, now: Event, terms: Terms) -> Event:
    """In full: what the side showed before it vanished there, with what was edited on the other side since."""
    here, there = (_both_bases(link)[end].event for end in (to, to.other))
    exchanged = MASKED_CARRIED if link.masked else terms.policy.carried
    if link.masked and to is link.born.other:
        return now
    rounded = terms.lenses[to.other].show(here)
    agreed = (part for part in exchanged if _is_still(part, now, there, rounded))
    return with_fields(now, here, (frozenset(Field) - exchanged) | frozenset(agreed))


def _is_still(part: Field, now: Event, there: Event, here: Event) -> bool:
    return bool(getattr(now, part.value) == getattr(there, part.value) == getattr(here, part.value))


# --- unlinked events ------------------------------------------------------------------------------------------------


def link_id(pairing: Pairing, original: Identity, born: End) -> LinkId:
    """The link's name: the same for the same original, also after a lost store."""
    return LinkId(pairing.key_of(original, born, 0)[:20])


def copy_new(seen: Seen, end: End, terms: Terms) -> Decision | LeftAlone:
    reason = _not_copied(seen, terms)
    if reason is not None:
        return LeftAlone(end=end, seen=seen, reason=reason)
    link = Link(
        id=link_id(terms.pairing, seen.identity, end), base=Ends[Seen | None](None, None).replace(end, seen), born=end
    )
    made = _create(link, seen, end.other, 1, terms)
    if made is None:
        return LeftAlone(end=end, seen=seen, reason=Reason.DIRECTION)
    return made


def _create(
    link: Link, original: Seen, at: End, generation: int, terms: Terms, event: Event | None = None
) -> Decision | None:
    """A copy of ``original`` (or ``event`` in its place) at ``at``; None where this pair does not write there."""
    if not terms.policy.direction.writes(at):
        return None
    hidden = is_masked(original.event, terms.policy) if at is link.born.other else link.masked
    if hidden and at is link.born.other:
        event = masked(original.event)
    elif event is None:
        event = exchanged(original.event, terms.policy)
    key = terms.pairing.key_of(original.identity, at.other, generation)
    return Decision(
        rule=_copy_rule(at),
        link=replace(link, masked=hidden, dormant=False),
        now=Ends[Look | None](None, None).replace(at.other, original),
        actions=(Create(at=at, original=original, event=event, key=key, generation=generation),),
        masked=hidden,
    )


def exchanged(event: Event, policy: Policy) -> Event:
    """The event with the fields that the pair exchanges: a reminder that each side has for itself stays behind."""
    return Lens(holds=policy.carried).show(event)


def adopt(found: Match, terms: Terms) -> Decision:
    """Link two events found on both sides. There is no base: what differs is a conflict that policy decides.

    What policy decided is noted on the link as a wish, so that it survives a crash and a refused write, and gives
    way to a person's edit.
    """
    shown = found.seen.map(lambda seen: seen.event)
    copy = found.born.other
    was_stripped = found.how is How.MARKER and masked(shown[copy]) == shown[copy]
    result = merge(
        shown,
        shown,
        policy=terms.policy,
        born=found.born,
        lenses=terms.lenses,
        asked=terms.policy.carried,
        carried=MASKED_CARRIED if was_stripped else None,
    )
    hidden = is_masked(result.want[found.born], terms.policy)
    link = Link(
        id=link_id(terms.pairing, found.seen[found.born].identity, found.born),
        base=Ends[Seen | None](*found.seen),
        born=found.born,
        generation=found.generation,
        masked=hidden or was_stripped,
    )
    if link.masked and terms.policy.direction.writes(copy):
        result = _stripped(result, link, shown[copy], hidden=hidden)
    actions = _updates(link, found.seen, result, terms)
    assert not isinstance(actions, Ask)  # noqa: S101  # a new link has no writes to count
    wishes = {
        part: _wish(part, update.want, shown)
        for update in actions
        if isinstance(update, Update)
        for part in update.fields
        if not link.masked or part in MASKED_CARRIED
    }
    return Decision(
        rule=Rule.MERGE,
        link=replace(link, wishes=wishes),
        now=Ends[Look | None](*found.seen),
        actions=(Adopt(how=found.how), *actions),
        clashes=tuple(replace(clash, base=Ends(None, None)) for clash in result.clashes),
        waiting=result.waiting,
        granted=frozenset(wishes),
        masked=hidden,
    )


def _wish(part: Field, want: Event, shown: Ends[Event]) -> Wish:
    values = shown.map(lambda event: getattr(event, part.value))
    return Wish(conflict=ConflictId(""), value=getattr(want, part.value), upon=values, by="calsync")
