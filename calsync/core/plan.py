"""From what both sides show to what is done: the plan of one run, a pure function."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from calsync.core.action import Action, Create, Decision, LeftAlone, Plan, Update
from calsync.core.decide import Terms, View, adopt, copy_new, decide
from calsync.core.ends import End, Ends
from calsync.core.loops import content_hash
from calsync.core.match import match as match_events
from calsync.core.observation import Seen, Unclear
from calsync.core.policy import Window
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import Ref


def plan_pair(views: Sequence[View], unlinked: Ends[Sequence[Seen]], terms: Terms) -> Plan:
    """Decide about every linked event in ``views`` and every unlinked one."""
    views, unlinked = _follow_moves(views, unlinked)
    in_scope, outside = _by_window(unlinked, terms.window)
    found = match_events(in_scope, terms.pairing, terms.lenses)
    decisions = [decision for view in views if (decision := decide(view, terms)) is not None]
    decisions += [adopt(one, terms) for one in found.matches]
    left_alone = [LeftAlone(end=doubt.end, seen=doubt.seen, reason=doubt.reason) for doubt in found.doubts]
    left_alone += outside
    for end in End:
        for seen in found.fresh[end]:
            made = copy_new(seen, end, terms)
            if isinstance(made, Decision):
                decisions.append(made)
            else:
                left_alone.append(made)
    return Plan(decisions=tuple(decisions), left_alone=tuple(left_alone))


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
            if isinstance(now[end], Gone | Unclear) and elsewhere is not None:
                now = now.replace(end, elsewhere)
                moved[end].add(elsewhere.ref)
        followed.append(replace(view, now=now))
    left = [[seen for seen in unlinked[end] if seen.ref not in moved[end]] for end in End]
    return followed, Ends[Sequence[Seen]](*left)


def _by_window(unlinked: Ends[Sequence[Seen]], window: Window) -> tuple[Ends[Sequence[Seen]], list[LeftAlone]]:
    inside = [[seen for seen in unlinked[end] if window.holds(seen.event.when)] for end in End]
    outside = [
        LeftAlone(end=end, seen=seen, reason=Reason.OUT_OF_WINDOW)
        for end in End
        for seen in unlinked[end]
        if not window.holds(seen.event.when)
    ]
    return Ends[Sequence[Seen]](*inside), outside


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
