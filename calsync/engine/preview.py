"""The preview of a first run: the very plan that would be applied, in counts, and its checksum. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

from calsync.core.action import Adopt, Create, LeftAlone, Plan
from calsync.core.decide import Terms
from calsync.core.ends import End, Ends
from calsync.core.match import Pairing
from calsync.core.observation import Aside, Seen
from calsync.core.plan import checksum, plan_pair
from calsync.core.reason import Reason
from calsync.engine.context import Context, NothingKnown
from calsync.engine.observe import looks_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a first run would do.

    ``link`` pairs are found on both sides, ``differs`` of them with a field on which the two disagree. ``unsure``
    wait for a person. ``aside`` are objects that are not offered for synchronisation, by side.
    """

    checksum: str
    link: int
    differs: int
    create: Ends[int]
    unsure: tuple[LeftAlone, ...]
    left_alone: tuple[LeftAlone, ...]
    aside: Ends[tuple[Aside, ...]]


async def preview(context: Context) -> Preview:
    """Read both sides completely and plan, without a store behind it."""
    seen: list[list[Seen]] = []
    asides: list[tuple[Aside, ...]] = []
    for end in End:
        observation = await context.sides[end].observe(None, NothingKnown(), context.window)
        looks = looks_of(observation)
        seen.append([look for look in looks if isinstance(look, Seen)])
        asides.append(tuple(look for look in looks if isinstance(look, Aside)))
    plan = plan_pair([], Ends(seen[0], seen[1]), first_terms(context, context.pairing))
    return describe(plan, Ends(asides[0], asides[1]))


def first_terms(context: Context, pairing: Pairing) -> Terms:
    return Terms(
        pairing=pairing,
        policy=context.pair.policy,
        lenses=context.sides.map(lambda side: side.lens),
        window=context.window,
        now=context.clock.now(),
        breaker=context.pace.breaker,
    )


def describe(plan: Plan, asides: Ends[tuple[Aside, ...]]) -> Preview:
    """A first plan in counts."""
    creates = [action.at for d in plan.decisions for action in d.actions if isinstance(action, Create)]
    linked = [d for d in plan.decisions if any(isinstance(action, Adopt) for action in d.actions)]
    doubtful = {Reason.UNSURE, Reason.ORIGINAL_DELETED}
    return Preview(
        checksum=checksum(plan),
        link=len(linked),
        differs=sum(1 for decision in linked if decision.clashes),
        create=Ends(creates.count(End.CRM), creates.count(End.CALENDAR)),
        unsure=tuple(one for one in plan.left_alone if one.reason in doubtful),
        left_alone=tuple(one for one in plan.left_alone if one.reason not in doubtful),
        aside=asides,
    )
