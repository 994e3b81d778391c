"""From what both sides show to what is done: the plan of one run, a pure function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from calsync.core.action import Action, Create, Decision, LeftAlone, Plan, Update
from calsync.core.decide import Terms, View, adopt, copy_new, decide
from calsync.core.ends import End, Ends
from calsync.core.loops import content_hash
from calsync.core.match import match as match_events
from calsync.core.observation import Look, Seen, Unclear
from calsync.core.policy import Window
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import Identity, Ref


def plan_pair(views: Sequence[View], unlinked: Ends[Sequence[Seen]], terms: Terms) -> Plan:
    """Decide about every linked event in ``views`` and every unlinked one."""
    views, unlinked = _follow_moves(views, unlinked)
    unlinked, left_alone = _without_twins(views, unlinked)
    found = match_events(unlinked, terms.pairing, terms.lenses)
    left_alone += [LeftAlone(end=doubt.end, seen=doubt.seen, reason=doubt.reason) for doubt in found.doubts]
    taken = {view.link.id for view in views}
    decisions = [decision for view in views if (decision := decide(view, terms)) is not None]
    for one in found.matches:
        met = adopt(one, terms)
        if not any(terms.window.holds(seen.event.when) for seen in one.seen):
            left_alone += _both(one.seen, Reason.OUT_OF_WINDOW)
        elif met.link.id in taken:
            left_alone += _both(one.seen, Reason.UNSURE)
        else:
            decisions.append(met)
    for end in End:
        for seen in found.fresh[end]:
            made = copy_new(seen, end, terms)
            if isinstance(made, LeftAlone):
                left_alone.append(made)
            elif made.link.id in taken:
                left_alone.append(LeftAlone(end=end, seen=seen, reason=Reason.UNSURE))
            else:
                decisions.append(made)
    return Plan(decisions=tuple(decisions), left_alone=tuple(_by_window(left_alone, terms.window)))


def _both(found: Ends[Seen], reason: Reason) -> list[LeftAlone]:
    return [LeftAlone(end=end, seen=found[end], reason=reason) for end in End]


def _follow_moves(views: Sequence[View], unlinked: Ends[Sequence[Seen]]) -> tuple[Sequence[View], Ends[Sequence[Seen]]]:
    """An object that is gone at its ref and seen at another under the same identity was renamed, not replaced."""
    by_identity = unlinked.map(lambda all_seen: {seen.identity: seen for seen in all_seen})
    followed: list[View] = []
    moved: Ends[set[Ref]] = Ends(set(), set())
    for view in views:
        now = view.now
        for end in End:
            base = view.link.base[end]
            elsewhere = by_identity[end].get(base.identity) if base is not None else None
            if elsewhere is not None and base is not None and _is_elsewhere(now[end], base):
                now = now.replace(end, elsewhere)
                moved[end].add(elsewhere.ref)
        followed.append(replace(view, now=now))
    left = [[seen for seen in unlinked[end] if seen.ref not in moved[end]] for end in End]
    return followed, Ends[Sequence[Seen]](*left)


def _is_elsewhere(look: Look | None, base: Seen) -> bool:
    """Whether the object is no longer at its ref: nothing is there, or another one."""
    return isinstance(look, Gone | Unclear) or (isinstance(look, Seen) and look.identity != base.identity)


def _without_twins(
    views: Sequence[View], unlinked: Ends[Sequence[Seen]]
) -> tuple[Ends[Sequence[Seen]], list[LeftAlone]]:
    """Of several objects with one identity the linked one (else the first by name) is meant, the others wait."""
    known = Ends(*({_identity(view, end) for view in views} for end in End))
    singles: Ends[list[Seen]] = Ends([], [])
    twins: list[LeftAlone] = []
    for end in End:
        for seen in sorted(unlinked[end], key=lambda seen: seen.ref):
            if seen.identity in known[end]:
                twins.append(LeftAlone(end=end, seen=seen, reason=Reason.DUPLICATE_UID))
            else:
                known[end].add(seen.identity)
                singles[end].append(seen)
    return Ends[Sequence[Seen]](*singles), twins


def _identity(view: View, end: End) -> Identity | None:
    look, base = view.now[end], view.link.base[end]
    shown = look if isinstance(look, Seen) else base
    return None if shown is None else shown.identity


def _by_window(left_alone: Iterable[LeftAlone], window: Window) -> Iterator[LeftAlone]:
    """Outside the window nothing else needs to be known of an event."""
    for one in left_alone:
        inside = window.holds(one.seen.event.when)
        yield one if inside else replace(one, reason=Reason.OUT_OF_WINDOW)


def checksum(plan: Plan) -> str:
    """Names exactly this plan: the preview shows it and only a plan with the same checksum is applied."""
    lines = [_decision_line(decision) for decision in plan.decisions]
    lines += [f"{one.end.value} {one.seen.ref} {one.reason.value}" for one in plan.left_alone]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def _decision_line(decision: Decision) -> str:
    seen = [content_hash(look.event) if isinstance(look, Seen) else "-" for look in decision.now]
    parts = [decision.rule.value, decision.link.id, *seen, *map(_action_word, decision.actions)]
    return " ".join([*parts, *sorted(clash.field.value for clash in decision.clashes)])


def _action_word(action: Action) -> str:
    name = type(action).__name__
    match action:
        case Create():
            return f"{name} {action.at.value} {action.key} {content_hash(action.event)}"
        case Update():
            fields = ",".join(sorted(part.value for part in action.fields))
            return f"{name} {action.at.value} {fields} {content_hash(action.want)}"
        case _:  # the others carry nothing beside what the decision says
            return name
