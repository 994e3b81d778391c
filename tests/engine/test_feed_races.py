"""A tenant's feed beside runs that are under way."""

from __future__ import annotations

from dataclasses import replace

from calsync.core.ends import End
from calsync.engine.feed import FeedDesk, run_feed
from calsync.ports import Diary, Tenant
from tests.builders import event, timed
from tests.engine.bench import bench
from tests.engine.test_random_policies import MemoryFeed

LUNCH = event("Lunch", timed("2026-07-02 12:00"))


async def test_a_change_made_while_the_first_run_is_under_way_is_handed_over_all_the_same() -> None:
    async with bench() as at:
        pair = await at.store.people.pair(at.pair_id)
        assert pair is not None
        await at.store.people.put_pair(replace(pair, ends=pair.ends.replace(End.CRM, Diary(associate=1))))
        desk = FeedDesk(people=at.store.people, records=at.store.records, clock=at.clock)
        feed = MemoryFeed(at.crm)
        await run_feed(desk, Tenant(id="test"), feed, sweep=False)
        ref = at.crm.make(LUNCH)

        await run_feed(desk, Tenant(id="test"), feed, sweep=True)

        assert [(one.end, one.ref) for one in await at.store.records.touched(at.pair_id)] == [(End.CRM, ref)]
