"""The promises of `calsync.ports.People`, kept by every store.

A subclass gives a fixture ``kept``: an empty store (`store_values.Kept`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from calsync.core.ends import Ends
from calsync.core.errors import CalsyncError
from calsync.core.event import Field
from calsync.core.policy import Direction, Policy, PrivacyLevel, Winner
from calsync.core.refs import Cursor, LinkId, PairId, Ref
from calsync.ports import (
    Associate,
    Calendar,
    Changes,
    ConnectionState,
    Diary,
    Pair,
    PairState,
    TenantState,
)
from tests.contracts.store_values import (
    NOW,
    PAIR,
    TENANT,
    Kept,
    at_their_defaults,
    connection,
    link,
    pair,
    step,
    tenant,
    to,
)

MINUTE = timedelta(minutes=1)

FULL_TENANT = tenant(
    serial="123", url="https://x", principal=7, zone="Europe/Oslo", state=TenantState.PAUSED, epoch=3, detail="d"
)
KARI = Associate(tenant=TENANT, id=7, name="Kari", email="kari@x.example", state="retired", zone="Europe/Oslo")
FAILED = connection(state=ConnectionState.SIGN_IN, failed_sign_ins=(NOW, NOW + MINUTE), secret="new")
FULL_POLICY = Policy(
    direction=Direction.TO_CALENDAR,
    wins={Field.TITLE: Winner.ASK},
    privacy=PrivacyLevel.BUSY,
    reminders_mapped=True,
    time_zone="Europe/Oslo",
    window_past_days=1,
    window_future_days=2,
    held_min=3,
    held_share=0.5,
)
FULL_PAIR: dict[str, Any] = {
    "ends": Ends(Calendar(connection="a", calendar="/a/"), Diary(associate=9)),
    "policy": FULL_POLICY,
    "cursors": Ends(Cursor("1"), None),
    "state": PairState.DELAYED,
    "reason": "too many requests",
    "due_at": NOW,
    "fails": 2,
    "last_run": NOW,
    "last_converged": NOW - MINUTE,
}


def due(id_: str, **changes: object) -> Pair:
    return pair(id_, **{"due_at": NOW, **changes})


async def claimed(kept: Kept, limit: int = 10) -> list[str]:
    return [each.id for each in await kept.people.claim_due(kept.clock.now(), limit=limit, lease_s=60)]


async def stored(kept: Kept, id_: str = "pair-1") -> Pair:
    found = await kept.people.pair(PairId(id_))
    assert found is not None
    return found


class PeopleContract:
    @pytest.mark.parametrize("value", [FULL_TENANT, KARI, FAILED, FULL_POLICY, pair(**FULL_PAIR)])
    def test_the_values_of_this_suite_leave_no_field_out(self, value: object) -> None:
        assert at_their_defaults(value) == []

    async def test_a_tenant_is_read_as_it_was_written(self, kept: Kept) -> None:
        await kept.people.put_tenant(tenant())
        await kept.people.put_tenant(FULL_TENANT)
        await kept.people.put_tenant(tenant("Another"))

        assert await kept.people.tenants() == [tenant("Another"), FULL_TENANT]
        assert await kept.people.tenant(TENANT) == FULL_TENANT
        assert await kept.people.tenant("Unknown") is None

    async def test_the_list_of_users_is_replaced(self, kept: Kept) -> None:
        await kept.people.put_tenant(tenant())
        await kept.people.put_tenant(tenant("Another"))
        ola = Associate(tenant=TENANT, id=8, name="Ola", state="retired")
        other = Associate(tenant="Another", id=7, name="Nina")
        await kept.people.put_associates(TENANT, [KARI, replace(ola, id=9)])
        await kept.people.put_associates("Another", [other])

        await kept.people.put_associates(TENANT, [ola, KARI])

        assert await kept.people.associates(TENANT) == [KARI, ola]
        assert await kept.people.associates() == [other, KARI, ola]

    async def test_a_connection_is_read_as_it_was_written(self, kept: Kept) -> None:
        await kept.people.put_tenant(tenant())
        await kept.people.put_connection(connection())
        await kept.people.put_connection(FAILED)
        await kept.people.put_connection(connection("connection-2", associate=None))

        assert await kept.people.connection("connection-1") == FAILED
        assert await kept.people.connection("unknown") is None
        assert [each.id for each in await kept.people.connections(TENANT)] == ["connection-1", "connection-2"]
        assert await kept.people.connections("Another") == []

    async def test_a_pair_is_read_as_it_was_written(self, kept: Kept) -> None:
        full = await kept.with_pair(**FULL_PAIR)

        assert await stored(kept) == full
        assert await kept.people.pairs(TENANT) == [full]
        assert await kept.people.pairs("Another") == []

        await kept.people.put_pair(pair())
        assert await stored(kept) == pair()

    async def test_a_pair_of_an_unknown_tenant_is_refused(self, kept: Kept) -> None:
        with pytest.raises(CalsyncError, match="tenant"):
            await kept.people.put_pair(pair())

    async def test_a_tenant_cannot_take_over_a_pair_of_another(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.people.put_tenant(tenant("Another"))

        with pytest.raises(CalsyncError):
            await kept.people.put_pair(pair(tenant="Another"))

        assert (await stored(kept)).tenant == TENANT

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (Direction.BOTH, Direction.BOTH),
            (Direction.BOTH, Direction.TO_CRM),
            (Direction.TO_CRM, Direction.TO_CALENDAR),
        ],
    )
    async def test_two_pairs_on_one_calendar_are_refused(self, kept: Kept, first: Direction, second: Direction) -> None:
        one = await kept.with_pair(policy=to(first))
        two = pair("pair-2", identities=Ends("x", one.identities.calendar), policy=to(second))

        with pytest.raises(CalsyncError, match="calendar"):
            await kept.people.put_pair(two)

        assert await kept.people.pairs() == [one]
        await kept.people.remove_pair(one.id)
        await kept.people.put_pair(two)

    async def test_a_calendar_that_nobody_writes_to_may_feed_several_diaries(self, kept: Kept) -> None:
        one = await kept.with_pair(policy=to(Direction.TO_CRM))
        two = pair("pair-2", identities=Ends("x", one.identities.calendar), policy=to(Direction.TO_CRM))

        await kept.people.put_pair(two)

        assert await kept.people.pairs() == [one, two]

    async def test_one_diary_may_have_several_pairs(self, kept: Kept) -> None:
        one = await kept.with_pair()

        await kept.people.put_pair(pair("pair-2", identities=Ends(one.identities.crm, "another")))

        assert len(await kept.people.pairs()) == 2

    async def test_a_calendar_is_not_paired_with_itself(self, kept: Kept) -> None:
        with pytest.raises(CalsyncError, match="calendar"):
            await kept.with_pair(
                ends=Ends(Calendar(connection="a", calendar="/a/"), Calendar(connection="b", calendar="/a/")),
                identities=Ends("same", "same"),
            )

    async def test_a_pair_may_be_put_again(self, kept: Kept) -> None:
        one = await kept.with_pair()

        await kept.people.put_pair(replace(one, reason="new"))

        assert (await stored(kept)).reason == "new"

    async def test_only_due_pairs_are_claimed_and_only_once(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        for other in (pair("never"), due("later", due_at=NOW + MINUTE), due("paused", state=PairState.PAUSED)):
            await kept.people.put_pair(other)

        assert await claimed(kept) == ["pair-1"]
        assert await claimed(kept) == []

    async def test_a_lease_ends_by_itself(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        assert await claimed(kept) == ["pair-1"]

        kept.clock.at += timedelta(seconds=60)

        assert await claimed(kept) == ["pair-1"]

    async def test_claims_are_limited(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        await kept.people.put_pair(due("pair-2", due_at=NOW - MINUTE))

        assert await claimed(kept, limit=1) == ["pair-2"]
        assert await claimed(kept, limit=1) == ["pair-1"]

    @pytest.mark.parametrize(
        "crm", [Diary(associate=7), Calendar(connection="one", calendar="/x/")], ids=["diary", "connection"]
    )
    async def test_one_user_has_one_run_at_a_time(self, kept: Kept, crm: Diary | Calendar) -> None:
        one = await kept.with_pair(due_at=NOW)
        for number in (1, 2):
            ends = Ends(crm, one.ends.calendar)
            await kept.people.put_pair(due(f"u{number}", ends=ends, identities=Ends(f"x{number}", f"y{number}")))

        assert await claimed(kept) == ["pair-1", "u1"]
        assert await claimed(kept) == []

        await kept.people.release(replace(await stored(kept, "u1"), due_at=None))
        assert await claimed(kept) == ["u2"]

    async def test_tenants_take_turns(self, kept: Kept) -> None:
        for id_ in ("Big", "Small"):
            await kept.people.put_tenant(tenant(id_))
        for number in range(6):
            await kept.people.put_pair(due(f"big-{number}", tenant="Big", due_at=NOW - MINUTE))
        for number in range(2):
            await kept.people.put_pair(due(f"small-{number}", tenant="Small"))

        assert await claimed(kept, limit=2) == ["big-0", "small-0"]
        assert await claimed(kept, limit=2) == ["big-1", "small-1"]

    async def test_a_tenant_with_much_under_way_waits_for_the_others(self, kept: Kept) -> None:
        for id_ in ("Big", "Small"):
            await kept.people.put_tenant(tenant(id_))
        for number in range(6):
            await kept.people.put_pair(due(f"big-{number}", tenant="Big", due_at=NOW - MINUTE))
        assert len(await claimed(kept, limit=3)) == 3
        for number in range(2):
            await kept.people.put_pair(due(f"small-{number}", tenant="Small"))

        assert await claimed(kept, limit=2) == ["small-0", "small-1"]

    async def test_release_stores_what_the_run_made_of_the_pair(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        (run,) = await kept.people.claim_due(NOW, limit=1, lease_s=60)
        await kept.records.commit(PAIR, Changes(cursors=Ends(Cursor("new"), None)))
        outcome = replace(
            run, state=PairState.ERROR, reason="why", fails=1, due_at=NOW + MINUTE, last_run=NOW, last_converged=NOW
        )

        await kept.people.release(outcome)

        assert await stored(kept) == replace(outcome, cursors=Ends(Cursor("new"), None))

    async def test_a_run_does_not_undo_what_its_user_did_meanwhile(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        (run,) = await kept.people.claim_due(NOW, limit=1, lease_s=60)
        await kept.people.put_pair(replace(run, state=PairState.PAUSED, due_at=None, reason="paused by Kari"))

        await kept.people.release(replace(run, due_at=NOW + MINUTE, last_run=NOW))

        after = await stored(kept)
        assert (after.state, after.due_at, after.reason) == (PairState.PAUSED, None, "paused by Kari")
        assert after.last_run == NOW

    async def test_the_next_run_decides_again(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        (run,) = await kept.people.claim_due(NOW, limit=1, lease_s=60)
        await kept.people.put_pair(run)
        await kept.people.release(run)
        (run,) = await kept.people.claim_due(NOW, limit=1, lease_s=60)

        await kept.people.release(replace(run, due_at=NOW + MINUTE))

        assert (await stored(kept)).due_at == NOW + MINUTE

    async def test_releasing_a_removed_pair_brings_it_not_back(self, kept: Kept) -> None:
        one = await kept.with_pair(due_at=NOW)
        await kept.people.remove_pair(one.id)

        await kept.people.release(one)

        assert await kept.people.pairs() == []

    async def test_a_feed_starts_without_a_cursor(self, kept: Kept) -> None:
        await kept.people.put_tenant(tenant())

        assert await kept.people.feed_cursor(TENANT) == (None, None)

    async def test_a_feed_hands_over_in_one_go(self, kept: Kept) -> None:
        await kept.with_pair()

        await kept.people.commit_feed(
            TENANT,
            cursor=Cursor("1"),
            swept_at=NOW,
            touched={PAIR: [Ref("7"), Ref("8")], PairId("removed"): [Ref("9")]},
        )
        await kept.people.commit_feed(TENANT, cursor=Cursor("2"), swept_at=None, touched={})

        assert await kept.people.feed_cursor(TENANT) == (Cursor("2"), NOW)
        assert [(each.end.value, each.ref) for each in await kept.records.touched(PAIR)] == [("crm", "7"), ("crm", "8")]
        assert await claimed(kept) == [PAIR]

    async def test_a_feed_names_the_end_that_is_the_diary(self, kept: Kept) -> None:
        await kept.with_pair(ends=Ends(Calendar(connection="a", calendar="/a/"), Diary(associate=9)))

        await kept.people.commit_feed(TENANT, cursor=None, swept_at=None, touched={PAIR: [Ref("7")]})

        assert [each.end.value for each in await kept.records.touched(PAIR)] == ["calendar"]

    @pytest.mark.parametrize(
        "resting",
        [
            {"state": PairState.PAUSED},
            {"state": PairState.SIGN_IN},
            {"state": PairState.DELAYED, "fails": 1, "due_at": NOW + MINUTE},
        ],
        ids=["paused", "sign in", "backing off"],
    )
    async def test_a_pair_that_rests_is_not_woken_and_loses_nothing(
        self, kept: Kept, resting: dict[str, object]
    ) -> None:
        before = await kept.with_pair(**resting)

        await kept.people.commit_feed(TENANT, cursor=None, swept_at=None, touched={PAIR: [Ref("7")]})

        assert await claimed(kept) == []
        assert await stored(kept) == before
        assert len(await kept.records.touched(PAIR)) == 1

    async def test_what_is_touched_during_a_run_makes_the_next_one_due(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW)
        (run,) = await kept.people.claim_due(NOW, limit=1, lease_s=60)
        await kept.people.commit_feed(TENANT, cursor=None, swept_at=None, touched={PAIR: [Ref("7")]})

        await kept.people.release(replace(run, due_at=NOW + MINUTE))

        assert await claimed(kept) == [PAIR]

    async def test_a_pair_that_waits_long_keeps_its_place(self, kept: Kept) -> None:
        await kept.with_pair(due_at=NOW - MINUTE)

        await kept.people.commit_feed(TENANT, cursor=None, swept_at=None, touched={PAIR: [Ref("7")]})

        assert (await stored(kept)).due_at == NOW - MINUTE

    async def test_erasing_a_tenant_leaves_nothing_of_it_and_all_of_the_others(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.people.put_connection(connection())
        await kept.people.put_associates(TENANT, [Associate(tenant=TENANT, id=7, name="Kari")])
        await kept.records.commit(PAIR, Changes(links=(link("a"), link("b")), steps=(step(),)))
        await kept.people.put_tenant(tenant("Another"))
        other = pair("pair-2", tenant="Another")
        await kept.people.put_pair(other)

        counts = await kept.people.erase_tenant(TENANT)

        assert {name: count for name, count in counts.items() if count} == {
            "links": 2,
            "steps": 1,
            "pairs": 1,
            "calendars": 1,
            "connections": 1,
            "associates": 1,
        }
        assert await kept.people.tenants() == [tenant("Another")]
        assert await kept.people.pairs() == [other]
        assert await kept.people.connections() == []
        assert await kept.records.steps(LinkId("link-1")) == []

    async def test_T09_work_under_way_does_not_bring_an_erased_tenant_back(self, kept: Kept) -> None:
        one = await kept.with_pair(due_at=NOW)
        await kept.people.erase_tenant(TENANT)

        for late in (
            kept.people.put_connection(connection()),
            kept.people.put_associates(TENANT, []),
            kept.people.put_pair(one),
            kept.people.commit_feed(TENANT, cursor=Cursor("1"), swept_at=NOW, touched={PAIR: [Ref("1")]}),
            kept.records.commit(PAIR, Changes(steps=(step(),))),
        ):
            with pytest.raises(CalsyncError):
                await late
        await kept.people.release(one)

        assert await kept.people.tenants() == []
        assert await kept.people.pairs() == []

    async def test_an_erased_tenant_may_come_back_as_a_new_one(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.people.erase_tenant(TENANT)

        await kept.with_pair()

        assert await kept.people.tenants() == [tenant()]
        assert await kept.records.links(PAIR) == []
