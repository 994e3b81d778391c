"""Settle pending writes by direct look-ups, before anything is planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from calsync.core.ends import End
from calsync.core.link import Hold, Link, Pending, Write
from calsync.core.observation import Look, Marker
from calsync.core.record import ConflictState, Step
from calsync.core.refs import Key, LinkId, Ref
from calsync.core.settle import Deleted, Patience, Settled, StillOpen, settle
from calsync.engine.context import Context
from calsync.engine.observe import look
from calsync.ports import Changes, Draft


async def settle_pending(context: Context) -> int:
    """Settle every open pending write of the pair and store the outcomes; how many could not be told yet."""
    open_links = [link for link in await context.records.restless_links(context.pair.id) if not link.is_settled]
    if not open_links:
        return 0
    still_open = 0
    changed: list[Link] = []
    deleted: list[Link] = []
    steps: list[Step] = []
    for link in open_links:
        result = await _settle_link(context, link)
        if result is None:
            deleted.append(link)
        else:
            changed.append(result)
            still_open += 0 if result.is_settled else 1
        what = "found deleted" if result is None else "looked up" if result.is_settled else "not told yet"
        steps.append(Step(at=context.clock.now(), link=link.id, what=f"pending write {what}", why="settle"))
    asking = await context.records.open_conflicts(context.pair.id, [link.id for link in deleted])
    now = context.clock.now()
    await context.records.commit(
        context.pair.id,
        Changes(
            links=tuple(changed),
            forgotten=tuple(link.id for link in deleted),
            conflicts=tuple(replace(row, state=ConflictState.SUPERSEDED, at=now) for row in asking),
            deletes_sent=tuple(_deletes(deleted)),
            touched=tuple(_both_refs([*changed])),
            steps=tuple(steps),
        ),
    )
    return still_open


def _deletes(links: list[Link]) -> Iterator[tuple[End, LinkId, datetime]]:
    """What the guard counts: a delete whose answer was lost was sent as well."""
    for link in links:
        for end in End:
            pending = link.pending[end]
            if pending is not None and pending.write is Write.DELETE and link.hold is not Hold.APPROVED:
                yield end, link.id, pending.at


def _both_refs(links: list[Link]) -> list[tuple[End, Ref]]:
    """A settled link is planned upon a fresh look at both sides."""
    return [(end, ref) for link in links for end in End if (ref := link.ref(end)) is not None]


async def _settle_link(context: Context, link: Link) -> Link | None:
    for end in End:
        pending = link.pending[end]
        if pending is None:
            continue
        side = context.sides[end]
        found = await _look_up(context, link, end, pending)
        patience = Patience(
            now=context.clock.now(), settle_s=context.pace.settle_s, enforces_keys=side.traits.enforces_keys
        )
        match settle(link, end, found, side.lens, patience):
            case Settled(link=link) | StillOpen(link=link):
                pass
            case Deleted():
                return None
    return link


async def _look_up(context: Context, link: Link, end: End, pending: Pending) -> Look | None:
    side = context.sides[end]
    if pending.write is Write.CREATE:
        return await side.find(draft_of(context, link, end, pending))
    assert pending.ref is not None  # noqa: S101  # updates and deletes name what they write
    return (await look(side, [pending.ref]))[0]


def draft_of(context: Context, link: Link, end: End, pending: Pending) -> Draft:
    """The create that a pending record stands for."""
    assert pending.sent is not None  # noqa: S101  # creates say what they sent
    original = link.base[end.other]
    marker = Marker(realm=context.realm, key=pending.key or Key(""), generation=pending.generation)
    return Draft(event=pending.sent, marker=marker, uid=original.uid if original is not None else "")
