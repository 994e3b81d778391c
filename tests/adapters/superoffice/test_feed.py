from __future__ import annotations

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from calsync.adapters.superoffice.feed import Position, position_from
from calsync.core.errors import TryLaterError, UnusableAnswerError
from calsync.core.refs import Cursor, Ref
from calsync.sandbox.superoffice.switches import AfterTime, Fault, Harm, Switches
from tests.adapters.superoffice.desk import Desk, Memory, open_desk

QUESTIONS = list(itertools.product(AfterTime, [False, True], [False, True], ["NO", "US-HI", "AU-NSW"]))


def make(desk: Desk, associate: int = 0, title: str = "Lunch") -> Ref:
    start = desk.clock.now() + timedelta(days=2)
    who = associate or desk.kari
    return Ref(str(desk.sandbox.act.create(who, title=title, start=start, end=start + timedelta(hours=1))))


@pytest.mark.parametrize(("after_time", "includes_day", "in_base_zone", "base_zone"), QUESTIONS)
async def test_every_change_is_found_by_the_next_poll_however_dates_compare(
    after_time: AfterTime, includes_day: bool, in_base_zone: bool, base_zone: str
) -> None:
    switches = Switches(
        after_time=after_time,
        after_includes_day=includes_day,
        date_literals_in_base_zone=in_base_zone,
        first_page_cached_s=60,
    )
    async with open_desk(switches=switches, base_zone=base_zone) as desk:
        chance, feed, people = random.Random(11), desk.feed(), [desk.kari, desk.ola]
        refs = [make(desk, chance.choice(people)) for _ in range(3)]
        cursor = (await feed.changes(None, people)).cursor
        for _ in range(60):
            desk.clock.pass_s(chance.choice([1, 7, 45, 400, 9_000]))
            changed: set[Ref] = set()
            for _ in range(chance.choice([0, 0, 1, 2])):
                if chance.random() < 0.4:
                    refs.append(make(desk, chance.choice(people)))
                    changed.add(refs[-1])
                else:
                    changed.add(chance.choice(refs))
                    owner = desk.sandbox.act.record(int(max(changed)))["owner"]  # type: ignore[index]  # it is there
                    for ref in changed:
                        desk.sandbox.act.edit(owner, int(ref), place=f"Room {chance.random()}")
                desk.clock.pass_s(1)
            page = await feed.changes(cursor, people)
            assert changed <= {ref for found in page.touched.values() for ref in found}
            cursor = page.cursor


async def test_the_first_question_is_just_a_cursor_from_now_on(desk: Desk) -> None:
    make(desk)
    desk.clock.pass_s(3_600)

    page = await desk.feed().changes(None, [desk.kari])

    assert page.touched == {}
    assert position_from(page.cursor).mark == desk.clock.now()


async def test_P34_the_mark_comes_from_the_server_and_never_from_our_clock(desk: Desk) -> None:
    feed, servers = desk.feed(), desk.clock.now()
    await feed.changes(None, [desk.kari])
    desk.world.now = lambda: servers
    desk.clock.pass_s(4 * 3600)

    page = await feed.changes(None, [desk.kari])

    assert position_from(page.cursor).mark == servers


async def test_changes_are_told_apart_by_diary_although_the_archive_shows_login_names(desk: Desk) -> None:
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari, desk.ola])).cursor
    desk.clock.pass_s(5)
    karis, olas = make(desk, desk.kari), make(desk, desk.ola)

    page = await feed.changes(cursor, [desk.kari, desk.ola])

    assert page.touched == {desk.kari: {karis}, desk.ola: {olas}}


async def test_a_person_renamed_meanwhile_is_found_by_the_appointment(desk: Desk) -> None:
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari])).cursor
    make(desk)
    cursor = (await feed.changes(cursor, [desk.kari])).cursor
    desk.world.tenant().tables.associates[desk.kari].name = "KARI-2"
    desk.clock.pass_s(5)
    ref = make(desk)

    assert (await feed.changes(cursor, [desk.kari])).touched == {desk.kari: {ref}}


async def test_P08_what_was_seen_before_is_not_given_again(desk: Desk) -> None:
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari])).cursor
    desk.clock.pass_s(5)
    make(desk)
    page = await feed.changes(cursor, [desk.kari])

    again = await feed.changes(page.cursor, [desk.kari])

    assert page.touched
    assert again.touched == {}


async def test_a_quiet_poll_costs_two_requests_for_all_diaries(desk: Desk) -> None:
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari, desk.ola])).cursor
    desk.clock.pass_s(5)
    make(desk)
    cursor = (await feed.changes(cursor, [desk.kari, desk.ola])).cursor
    desk.clock.pass_s(300)
    desk.sandbox.requests.clear()

    page = await feed.changes(cursor, [desk.kari, desk.ola])

    assert page.touched == {}
    assert desk.paths() == ["GET /api/v1/Appointment"] * 2
    assert position_from(page.cursor).precise


async def test_P05_more_changes_than_fit_on_a_page_are_all_found(desk: Desk) -> None:
    desk.world.switches.page_max = 4
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari])).cursor
    desk.clock.pass_s(5)
    refs = {make(desk) for _ in range(13)}

    page = await feed.changes(cursor, [desk.kari])

    assert page.touched == {desk.kari: refs}


async def test_a_row_committed_after_a_later_stamp_was_read_is_still_found(desk: Desk) -> None:
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari])).cursor
    desk.clock.pass_s(5)
    desk.world.switches.late_commit_s = 90
    late = make(desk)
    desk.world.switches.late_commit_s = 0
    desk.clock.pass_s(30)
    early = make(desk)
    first = await feed.changes(cursor, [desk.kari])
    desk.clock.pass_s(61)

    second = await feed.changes(first.cursor, [desk.kari])

    assert first.touched == {desk.kari: {early}}
    assert second.touched == {desk.kari: {late}}


@pytest.mark.parametrize("harm", [Harm.HTML, Harm.ANSWER_BEFORE, Harm.CUT_BEFORE, Harm.EMPTY])
async def test_N15_a_failed_question_gives_no_cursor_to_go_on_from(desk: Desk, harm: Harm) -> None:
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari])).cursor
    desk.clock.pass_s(5)
    ref = make(desk)
    status = 200 if harm in {Harm.HTML, Harm.EMPTY} else 500
    fault = Fault(harm=harm, method="GET", path="/api/v1/Appointment", nth=2, times=9, status=status)
    desk.strike(fault)

    with pytest.raises(TryLaterError):
        await feed.changes(cursor, [desk.kari])
    desk.strike()

    assert (await feed.changes(cursor, [desk.kari])).touched == {desk.kari: {ref}}


async def test_a_change_at_midnight_does_not_make_whole_days_look_like_seconds(desk: Desk) -> None:
    desk.world.switches.after_time = AfterTime.WHOLE_DAYS
    feed = desk.feed()
    cursor = (await feed.changes(None, [desk.kari])).cursor
    desk.clock.at = datetime(2026, 7, 2, tzinfo=UTC)
    make(desk)
    for _ in range(3):
        cursor = (await feed.changes(cursor, [desk.kari])).cursor
        desk.clock.pass_s(3_600)
        ref = make(desk)
        page = await feed.changes(cursor, [desk.kari])
        cursor = page.cursor

        assert page.touched == {desk.kari: {ref}}


def test_no_two_polls_in_a_row_ask_in_the_same_words() -> None:
    first = Position(mark=datetime(2026, 7, 1, 12, tzinfo=UTC), tried="2026-07-01", precise=True)
    polls = [replace(first, count=number) for number in range(100)]

    assert len({poll.condition for poll in polls}) == 100
    assert len({poll.top for poll in polls}) == 100


async def test_a_cursor_is_plain_json_and_a_broken_one_is_said_to_be(desk: Desk) -> None:
    cursor = (await desk.feed().changes(None, [desk.kari])).cursor

    assert json.loads(cursor)["mark"] == "2026-07-01T08:07:11Z"
    with pytest.raises(UnusableAnswerError):
        await desk.feed().changes(Cursor("nonsense"), [desk.kari])


# --- sweep ----------------------------------------------------------------------------------------------------------


async def test_a_sweep_gives_the_digests_that_looking_gives(desk: Desk) -> None:
    refs = {make(desk, title=f"Event {n}") for n in range(3)}
    desk.sandbox.requests.clear()

    rows = await desk.feed().sweep([desk.kari, desk.ola], desk.window)

    seen = (await desk.side().observe(None, Memory(), desk.window)).seen
    assert {row.ref: row.digest for row in rows[desk.kari]} == {each.ref: each.digest for each in seen}
    assert {row.ref for row in rows[desk.kari]} == refs
    assert rows[desk.ola] == []
    assert desk.paths()[0] == "POST /api/v1/Agents/Appointment/GetAssociatesDiary"


async def test_P44_a_sweep_shows_an_edit_that_left_no_stamp(desk: Desk) -> None:
    desk.world.switches.text_edit_bumps = desk.world.switches.visibility_edit_bumps = False
    ref = make(desk)
    (before,) = (await desk.feed().sweep([desk.kari], desk.window))[desk.kari]
    desk.sandbox.act.edit(desk.kari, int(ref), notes="<p>silent</p>")
    (after,) = (await desk.feed().sweep([desk.kari], desk.window))[desk.kari]
    desk.sandbox.act.edit(desk.kari, int(ref), private=True)
    (last,) = (await desk.feed().sweep([desk.kari], desk.window))[desk.kari]

    assert len({before.digest, after.digest, last.digest}) == 3


async def test_P02_a_block_of_people_that_cannot_be_read_is_left_out(desk: Desk) -> None:
    tenant = desk.world.tenant()
    more = [tenant.add_associate(name=f"U{n}", first="U", last=str(n), emails=[]).associate_id for n in range(25)]
    fault = Fault(harm=Harm.HTML, path="GetAssociatesDiary", nth=2, status=200)
    desk.strike(fault)

    rows = await desk.feed().sweep(more, desk.window)

    assert 0 < len(rows) < len(more)


async def test_N15_a_sweep_of_which_nothing_can_be_read_is_an_error(desk: Desk) -> None:
    desk.strike(Fault(harm=Harm.HTML, path="GetAssociatesDiary", times=9, status=200))

    with pytest.raises(UnusableAnswerError):
        await desk.feed().sweep([desk.kari], desk.window)
