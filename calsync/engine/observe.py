"""Look at both sides and put together what each link shows now."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from calsync.core.decide import View, link_id
from calsync.core.ends import End, Ends
from calsync.core.link import Link
from calsync.core.loops import content_hash
from calsync.core.observation import Aside, Look, Observation, Seen, Unclear
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.record import SetAside, Touched
from calsync.core.refs import Cursor, Identity, LinkId, Ref
from calsync.engine.context import Context
from calsync.ports import Known, Side

DOUBTFUL = frozenset({Reason.UNSURE, Reason.ORIGINAL_DELETED})
"""Set aside for what else there is: decided together with every unlinked event."""

LISTED = Cursor("listed")
"""The cursor of a side without a feed of its own, once it was listed whole."""


@dataclass(slots=True, kw_only=True)
class Sight:
    """Everything looked at so far in this run. ``looks`` hold the newest look at each ref."""

    looks: Ends[dict[Ref, Look]] = field(default_factory=lambda: Ends({}, {}))
    cursors: Ends[Cursor | None] = field(default_factory=lambda: Ends(None, None))
    dealt_with: tuple[Touched, ...] = ()
    due_asides: tuple[SetAside, ...] = ()
    reads: int = 0

    def add(self, end: End, looks: Iterable[Look]) -> None:
        for look in looks:
            self.looks[end][look.ref] = look
            self.reads += 1


async def observe(context: Context) -> Sight:
    """Read both sides' changes, and directly what was touched or set aside until now."""
    sight = Sight()
    sight.dealt_with = tuple(await context.records.touched(context.pair.id))
    sight.due_asides = tuple(await context.records.asides(context.pair.id, due_before=context.clock.now()))
    async with asyncio.TaskGroup() as group:
        found = Ends(*(group.create_task(_observe_end(context, end, context.known(end))) for end in End))
    for end in End:
        observation = found[end].result()
        if observation is not None:
            sight.add(end, looks_of(observation))
            sight.cursors = sight.cursors.replace(end, observation.cursor or LISTED)
    wanted = [(one.end, one.ref) for one in sight.dealt_with]
    wanted += [(one.end, one.item.ref) for one in sight.due_asides]
    await look_again(context, sight, wanted)
    return sight


async def revisit(context: Context) -> Sight:
    """Look again at what was touched since, and at nothing else."""
    sight = Sight()
    sight.dealt_with = tuple(await context.records.touched(context.pair.id))
    await look_again(context, sight, [(one.end, one.ref) for one in sight.dealt_with])
    return sight


async def _observe_end(context: Context, end: End, known: Known) -> Observation | None:
    side, cursor = context.sides[end], context.pair.cursors[end]
    if cursor is not None and not side.traits.own_feed:
        return None
    return await side.observe(cursor, known, context.window)


def looks_of(observation: Observation) -> Iterable[Look]:
    """What an observation says, as looks at single objects."""
    return (*observation.seen, *observation.aside, *observation.gone, *observation.unclear)


async def look_again(context: Context, sight: Sight, wanted: Iterable[tuple[End, Ref]]) -> None:
    """Read these objects directly, unless this run has looked at them already."""
    for end in End:
        refs = sorted({ref for at, ref in wanted if at is end} - sight.looks[end].keys())
        sight.add(end, await look(context.sides[end], refs))


async def look(side: Side, refs: Sequence[Ref]) -> list[Look]:
    """Read objects directly, in the side's own batches."""
    looks: list[Look] = []
    for start in range(0, len(refs), side.traits.batch):
        looks += await side.look(refs[start : start + side.traits.batch])
    return looks


async def views_of(
    context: Context, sight: Sight, shelf: Collection[SetAside] = ()
) -> tuple[list[View], Ends[list[Seen]]]:
    """The links that anything seen concerns, with what both sides show; and the events that are not linked.

    A link that rests on more than its bases (an open `ask`, a wish, a decided hold, something set aside) is looked at
    on both sides. An unlinked event is met together with those that were doubtful before, and with the link that
    knows its identity under another name.
    """
    links = await _links_concerned(context, sight.looks)
    resting = {row.link for row in shelf} | {link.id for link in await context.records.restless_links(context.pair.id)}
    await look_again(context, sight, _refs([link for link in links.values() if _rests_on_more(link, resting)]))
    if any(_unlinked(links, sight)):
        doubtful = [row for row in shelf if row.item.reason in DOUBTFUL and row.link is None]
        await look_again(context, sight, [(row.end, row.item.ref) for row in doubtful])
        links |= await _links_concerned(context, sight.looks)
        namesakes = await _namesakes(context, _unlinked(links, sight))
        await look_again(context, sight, _refs(namesakes.values()))
        links = namesakes | links
    views = [_view(context, link, sight.looks) for link in links.values() if link.is_settled]
    return views, _unlinked(links, sight)


def _rests_on_more(link: Link, resting: Collection[LinkId | None]) -> bool:
    return bool(link.id in resting or link.waiting or link.wishes)


def _unlinked(links: Mapping[LinkId, Link], sight: Sight) -> Ends[list[Seen]]:
    linked = Ends(*({link.ref(end) for link in links.values()} for end in End))
    unlinked = [
        [seen for ref, seen in sight.looks[end].items() if isinstance(seen, Seen) and ref not in linked[end]]
        for end in End
    ]
    return Ends(*unlinked)


async def _namesakes(context: Context, unlinked: Ends[list[Seen]]) -> dict[LinkId, Link]:
    """Links that know the identity of one of these objects, or that are named after it."""
    names = {link_id(context.pairing, seen.identity, end) for end in End for seen in unlinked[end]}
    has_marker = any(seen.marker is not None for side in unlinked for seen in side)
    links = await context.records.links(context.pair.id, None if has_marker else sorted(names))
    identities = unlinked.map(lambda side: {seen.identity for seen in side})
    return {link.id: link for link in links if link.id in names or _is_known_as(link, identities)}


def _is_known_as(link: Link, identities: Ends[set[Identity]]) -> bool:
    return any((base := link.base[end]) is not None and base.identity in identities[end] for end in End)


async def _links_concerned(context: Context, looks: Ends[dict[Ref, Look]]) -> dict[LinkId, Link]:
    links = {link.id: link for link in await context.records.restless_links(context.pair.id)}
    for end in End:
        for link in await context.records.links_at(context.pair.id, end, list(looks[end])):
            links[link.id] = link
    return links


def _refs(links: Collection[Link]) -> list[tuple[End, Ref]]:
    return [(end, ref) for link in links for end in End if (ref := link.ref(end)) is not None]


def _view(context: Context, link: Link, looks: Ends[dict[Ref, Look]]) -> View:
    return View(link=link, now=Ends(*(_now(context, link, end, looks[end]) for end in End)))


def _now(context: Context, link: Link, end: End, looks: Mapping[Ref, Look]) -> Look | None:
    base = link.base[end]
    if base is None:
        return None
    shown = looks.get(base.ref, base)
    if isinstance(shown, Gone) and is_young(context, link, end):
        return Unclear(ref=base.ref, why="it was made a moment ago; the server may not show it yet")
    if isinstance(shown, Seen) and _is_old_news(context, link, end, shown):
        return Unclear(ref=base.ref, why="it was written a moment ago; the server may still show what was there before")
    return shown


def _is_old_news(context: Context, link: Link, end: End, shown: Seen) -> bool:
    """Whether a side that we wrote a moment ago shows again what it showed before."""
    base, writes = link.base[end], link.writes[end]
    settle = timedelta(seconds=context.pace.settle_s)
    was_written = bool(writes) and context.clock.now() - writes[-1] < settle
    is_other = base is not None and base.event != shown.event
    return was_written and is_other and content_hash(shown.event) in link.past[end]


def is_young(context: Context, link: Link, end: End) -> bool:
    """Whether our copy was made so recently that its absence may be the server lagging behind."""
    settle = timedelta(seconds=context.pace.settle_s)
    base = link.base[end]
    is_copy = end is link.born.other or (base is not None and base.marker is not None)
    return is_copy and link.made_at is not None and context.clock.now() - link.made_at < settle


def unclear_refs(views: Iterable[View], sight: Sight) -> set[tuple[End, Ref]]:
    """What must be looked at again in a later run."""
    again = {(end, look.ref) for end in End for look in sight.looks[end].values() if isinstance(look, Unclear)}
    for view in views:
        if any(isinstance(look, Unclear) for look in view.now):
            again.update(_refs([view.link]))
    return again


def asides_of(sight: Sight) -> list[tuple[End, Aside]]:
    return [(end, look) for end in End for look in sight.looks[end].values() if isinstance(look, Aside)]
