"""Housekeeping: old history goes, a batch at a time, until none is left."""

from __future__ import annotations

from datetime import datetime, timedelta

from calsync.compose import init_house, open_house
from calsync.core.record import Step
from calsync.core.refs import LinkId
from calsync.daemon.schedule import KEPT_FOR, prune_history
from calsync.ports import Changes
from calsync.settings import load_settings
from tests.cli.program import Program
from tests.contracts.store_values import PAIR, link, pair, tenant


async def test_history_is_kept_for_ninety_days(bare: Program) -> None:
    settings = load_settings(bare.config, {})
    init_house(settings)
    house = await open_house(load_settings(bare.config, {}))
    try:
        await house.store.people.put_tenant(tenant())
        await house.store.people.put_pair(pair())
        now = house.clock.now()
        old = tuple(_step(now - KEPT_FOR - timedelta(seconds=number + 60)) for number in range(4_500))
        young = _step(now - KEPT_FOR + timedelta(days=1))
        await house.store.records.commit(PAIR, Changes(links=(link(),), steps=(*old, young)))

        await prune_history(house)

        assert timedelta(days=90) == KEPT_FOR
        assert [step.at for step in await house.store.records.steps(LinkId("link-1"))] == [young.at]
    finally:
        await house.aclose()


def _step(at: datetime) -> Step:
    return Step(at=at, link=LinkId("link-1"), what="copied", why="new")
