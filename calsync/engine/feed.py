"""A tenant's feed: one change query and one sweep for all its pairs, handed over as durable touched rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from calsync.core.ends import End
from calsync.core.observation import Digest
from calsync.core.policy import Window, window_of
from calsync.core.refs import PairId, Ref
from calsync.ports import Clock, Diary, DiaryRow, KnownItem, Pair, People, Records, Tenant, TenantFeed

Touches = dict[PairId, set[Ref]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRun:
    """What one feed run found: records touched, and whether a sweep was part of it."""

    touched: int
    swept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDesk:
    """The ports a feed run works with."""

    people: People
    records: Records
    clock: Clock


async def run_feed(desk: FeedDesk, tenant: Tenant, feed: TenantFeed, *, sweep: bool) -> FeedRun:
    """Read one tenant's changes, and its whole diaries with ``sweep``; one commit hands them over.

    A pair that was not listed whole yet is left out of the sweep: its first run looks at everything anyway. Changes
    it gets all the same, because that run may be under way.
    """
    pairs = _by_associate(await desk.people.pairs(tenant.id))
    cursor, _ = await desk.people.feed_cursor(tenant.id)
    page = await feed.changes(cursor, sorted(pairs))
    touches: Touches = defaultdict(set)
    for associate, refs in page.touched.items():
        for pair in pairs.get(associate, ()):
            touches[pair.id] |= refs
    if sweep:
        await _sweep(desk, feed, pairs, touches)
    await desk.people.commit_feed(
        tenant.id, cursor=page.cursor, swept_at=desk.clock.now() if sweep else None, touched=touches
    )
    return FeedRun(touched=sum(map(len, touches.values())), swept=sweep)


def _by_associate(pairs: Sequence[Pair]) -> dict[int, list[Pair]]:
    by_associate: dict[int, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if isinstance(pair.ends.crm, Diary):
            by_associate[pair.ends.crm.associate].append(pair)
    return by_associate


async def _sweep(desk: FeedDesk, feed: TenantFeed, pairs: Mapping[int, Sequence[Pair]], touches: Touches) -> None:
    if not pairs:
        return
    window = _widest([pair for several in pairs.values() for pair in several], desk.clock.now())
    for associate, rows in (await feed.sweep(sorted(pairs), window)).items():
        for pair in pairs.get(associate, ()):
            if pair.cursors.crm is not None:
                touches[pair.id] |= await _differences(desk, pair, rows)


def _widest(pairs: Sequence[Pair], now: datetime) -> Window:
    windows = [window_of(pair.policy, now, pair.zone) for pair in pairs]
    day = timedelta(days=1)
    return Window(
        start=min(window.start for window in windows) - day,
        end=max(window.end for window in windows) + day,
        zone=windows[0].zone,
    )


async def _differences(desk: FeedDesk, pair: Pair, rows: Sequence[DiaryRow]) -> set[Ref]:
    """Rows that are new or differ from what we know, and known ones that are not listed any more."""
    known = await desk.records.known(pair.id, End.CRM)
    listed = {row.ref: row.digest for row in rows}
    differing = {ref for ref, digest in listed.items() if not _is_known(known.get(ref), digest)}
    missing = {ref for ref, item in known.items() if ref not in listed and item.link and not item.dormant}
    return differing | missing


def _is_known(item: KnownItem | None, digest: Digest) -> bool:
    """Whether the row is as we know it; of a set-aside row only its version is remembered, which is its digest."""
    return item is not None and digest in (item.digest, item.version)
