"""Changing and deleting on conditions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calsync.core.errors import (
    InDoubtError,
    RefusedError,
    StaleVersionError,
    TryLaterError,
)
from calsync.core.event import Field
from calsync.core.observation import Seen
from calsync.sandbox.superoffice.switches import Fault, Harm, Switches
from tests.adapters.superoffice.desk import Desk, draft, open_desk
from tests.adapters.superoffice.hands import (
    BEGIN,
    SERVICE_ERROR,
    TITLE,
    before,
    before_patch,
    made_by_kari,
    record,
    seen,
)
from tests.builders import event, timed
from tests.contracts.side_contract import proof

# --- changing -------------------------------------------------------------------------------------------------------


async def test_an_update_is_one_read_and_one_conditional_patch(desk: Desk) -> None:
    ref = made_by_kari(desk)
    side = desk.side()
    (base,) = await side.look([ref])
    assert isinstance(base, Seen)
    desk.sandbox.requests.clear()

    await side.update(base, replace(base.event, title="New"), TITLE)

    assert desk.paths() == [f"GET /api/v1/Appointment/{ref}", f"PATCH /api/v1/Appointment/{ref}"]


async def test_pain_22_html_is_left_alone_when_other_fields_change(desk: Desk) -> None:
    formatted = '<p>Dear <b>all</b>,</p><ul><li>one</li></ul><img src="x.png">'
    ref = made_by_kari(desk, notes=formatted)
    base = await seen(desk, ref)

    await desk.side().update(base, replace(base.event, title="New"), frozenset(Field))

    assert record(desk, ref)["notes"] == formatted


async def test_an_edit_of_another_field_between_read_and_write_survives_and_is_shown(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.world.switches.before_effect = [before_patch(desk, ref, place="Room 9")]

    receipt = await desk.side().update(base, replace(base.event, title="New"), TITLE)

    assert receipt.seen is not None
    assert (receipt.seen.event.title, receipt.seen.event.place) == ("New", "Room 9")
    assert receipt.overwritten is None


@pytest.mark.parametrize("switches", [Switches(), Switches(text_edit_bumps=False, unmodified_since_strict=True)])
async def test_P46_an_edit_of_the_same_field_between_read_and_write_is_not_overwritten(switches: Switches) -> None:
    async with open_desk(switches=switches) as desk:
        ref = made_by_kari(desk)
        desk.sandbox.act.edit(desk.kari, int(ref), place="Room 1")
        base = await seen(desk, ref)
        desk.world.switches.before_effect = [before_patch(desk, ref, title="Kari's")]

        with pytest.raises(StaleVersionError):
            await desk.side().update(base, replace(base.event, title="New"), TITLE)

        assert record(desk, ref)["title"] == "Kari's"


async def test_P46_an_edit_of_something_we_do_not_read_is_an_edit_and_no_quirk(desk: Desk) -> None:
    ref = made_by_kari(desk)
    desk.clock.pass_s(5)
    api = desk.api
    base = await seen(desk, ref)
    desk.world.switches.before_effect = [before_patch(desk, ref, internal_notes="mine")]

    with pytest.raises(StaleVersionError):
        await desk.side(api=api).update(base, replace(base.event, title="New"), TITLE)

    assert api.learned.conditions_left_out == 0


async def test_P46_a_condition_refused_without_reason_is_left_out_and_remembered(desk: Desk) -> None:
    desk.world.switches.unmodified_since_strict = True
    ref = made_by_kari(desk)
    desk.sandbox.act.edit(desk.kari, int(ref), place="Room 1")
    api = desk.api
    side, base = desk.side(api=api), await seen(desk, ref)

    first = await side.update(base, replace(base.event, title="New"), TITLE)
    assert first.seen is not None
    desk.sandbox.requests.clear()
    await side.update(first.seen, replace(base.event, title="Newer"), TITLE)

    assert api.learned.conditions_left_out == 1
    assert desk.paths() == [f"GET /api/v1/Appointment/{ref}", f"PATCH /api/v1/Appointment/{ref}"]
    assert record(desk, ref)["title"] == "Newer"


async def test_a_test_refused_for_the_way_dates_are_written_is_left_out(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, method="PATCH", status=409))

    receipt = await desk.side().update(
        base, replace(base.event, when=timed("2026-07-09 09:00")), frozenset({Field.WHEN})
    )

    assert receipt.seen is not None
    assert receipt.seen.event.when == timed("2026-07-09 09:00")
    assert desk.paths()[-1] == f"GET /api/v1/Appointment/{ref}"


async def test_N06_an_update_whose_answer_was_lost_is_in_doubt(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.strike(Fault(harm=Harm.CUT_AFTER, method="PATCH"))

    with pytest.raises(InDoubtError):
        await desk.side().update(base, replace(base.event, title="New"), TITLE)


async def test_an_update_the_service_refuses_twice_is_refused_for_good(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.strike(replace(SERVICE_ERROR, method="PATCH", times=9))

    with pytest.raises(RefusedError):
        await desk.side().update(base, replace(base.event, title="New"), TITLE)


async def test_an_update_the_service_refused_once_is_done_the_second_time(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.strike(replace(SERVICE_ERROR, method="PATCH"))

    await desk.side().update(base, replace(base.event, title="New"), TITLE)

    assert record(desk, ref)["title"] == "New"


async def test_an_entry_that_became_a_meeting_is_neither_changed_nor_deleted(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    meeting = desk.sandbox.act.book(desk.kari, title="Lunch", start=BEGIN, end=BEGIN, participants=[desk.ola])
    tables = desk.world.tenant().tables.appointments
    tables[int(ref)].mother_id = int(ref)
    assert meeting

    with pytest.raises(RefusedError):
        await desk.side().update(base, replace(base.event, title="New"), TITLE)
    with pytest.raises(RefusedError):
        await desk.side().delete(base, proof())


async def test_a_base_seen_in_another_zone_is_no_edit(desk: Desk) -> None:
    ref = made_by_kari(desk)
    (base,) = await desk.side(zone="Asia/Tokyo").look([ref])
    assert isinstance(base, Seen)

    await desk.side().update(base, replace(base.event, title="New"), TITLE)

    assert record(desk, ref)["title"] == "New"


# --- deleting -------------------------------------------------------------------------------------------------------


async def test_a_deleted_copy_takes_its_key_along(desk: Desk) -> None:
    receipt = await desk.side().create(draft(event()))
    assert receipt.seen is not None

    await desk.side().delete(receipt.seen, proof())

    assert desk.sandbox.act.records() == []
    assert desk.world.tenant().tables.foreign_keys == {}
    assert desk.sandbox.mails == []


@pytest.mark.parametrize("edited_before", [False, True])
async def test_P46_a_delete_is_refused_if_the_row_was_edited_between_read_and_delete(
    desk: Desk, edited_before: bool
) -> None:
    ref = made_by_kari(desk)
    if edited_before:
        desk.sandbox.act.edit(desk.kari, int(ref), place="Room 1")
    base = await seen(desk, ref)
    desk.clock.pass_s(5)
    desk.world.switches.before_effect = [before(desk, "DELETE", ref, place="Room 9")]

    with pytest.raises(StaleVersionError):
        await desk.side().delete(base, proof())

    assert record(desk, ref)["place"] == "Room 9"


async def test_N07_a_delete_that_failed_after_its_effect_is_done(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.strike(Fault(harm=Harm.ANSWER_AFTER, method="DELETE", status=500))

    await desk.side().delete(base, proof())

    assert desk.sandbox.act.records() == []


async def test_N12_throttling_is_passed_on_with_its_wait(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, times=99, status=429, retry_after="17"))

    with pytest.raises(TryLaterError) as wait:
        await desk.side().update(base, replace(base.event, title="New"), TITLE)

    assert wait.value.wait_s == 17
    assert not isinstance(wait.value, InDoubtError)


async def test_a_look_at_many_costs_two_requests_a_hundred(desk: Desk) -> None:
    refs = [made_by_kari(desk, f"Event {n}") for n in range(100)]
    side = desk.side()
    await side.look(refs[:2])
    desk.sandbox.requests.clear()

    assert len(await side.look(refs)) == 100
    assert len(desk.paths()) == 2


@pytest.mark.parametrize("status", [200, 400, 403, 404])
async def test_N15_a_page_in_answer_to_a_write_leaves_it_in_doubt(desk: Desk, status: int) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)
    page = Fault(harm=Harm.HTML, method="DELETE", times=9, status=status)
    desk.strike(page, replace(page, method="POST", path="CreateAppointmentForUID"))

    with pytest.raises(InDoubtError):
        await desk.side().delete(base, proof())
    with pytest.raises(InDoubtError):
        await desk.side().create(draft(event()))

    assert [row["id"] for row in desk.sandbox.act.records()] == [int(ref)]
