"""The guard: many deletions at once are held until a person has looked at them; everything else goes on."""

from __future__ import annotations

from dataclasses import dataclass

from calsync.core.action import Decision, Delete, Plan
from calsync.core.ends import End, Ends
from calsync.core.link import Hold
from calsync.core.policy import Policy

_FEW = 3
"""Deleting *all* linked events is held from this many on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the guard counts beside the plan.

    ``linked`` are the events in scope now. ``sent`` are unapproved deletes of the period that already went out, and
    ``held`` links that an earlier run holds and this plan does not mention, each per side that is written.
    """

    linked: int
    sent: Ends[int]
    held: Ends[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The plan that may be carried out, and the deletions that wait for a person, by the side to be written."""

    plan: Plan
    held: Ends[tuple[Decision, ...]]


def guard(plan: Plan, policy: Policy, tally: Tally) -> Verdict:
    """Split a plan. A deletion that a person approved is not counted and not held."""
    held = Ends(*(_held_at(end, plan, policy, tally) for end in End))
    kept_back = {id(decision) for group in held for decision in group}
    go = tuple(decision for decision in plan.decisions if id(decision) not in kept_back)
    return Verdict(plan=Plan(decisions=go, left_alone=plan.left_alone), held=held)


def _held_at(end: End, plan: Plan, policy: Policy, tally: Tally) -> tuple[Decision, ...]:
    deletions = tuple(decision for decision in plan.decisions if _unapproved_delete(decision, end))
    if not deletions:
        return ()
    waiting = len(deletions) + tally.held[end]
    counted = waiting + tally.sent[end]
    too_many = counted > max(policy.held_min, policy.held_share * (tally.linked + tally.sent[end]))
    all_of_them = waiting >= tally.linked and tally.linked + tally.sent[end] >= _FEW
    already_held = any(decision.link.hold is Hold.HELD for decision in deletions)
    if too_many or all_of_them:
        return deletions
    return tuple(d for d in deletions if d.link.hold is Hold.HELD) if already_held else ()


def _unapproved_delete(decision: Decision, end: End) -> bool:
    return decision.link.hold is not Hold.APPROVED and any(
        isinstance(action, Delete) and action.at is end for action in decision.actions
    )
