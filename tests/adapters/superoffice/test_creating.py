"""Making copies: once, in the right diary, without mail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calsync.adapters.superoffice import keys
from calsync.core.errors import (
    AlreadyThereError,
    InDoubtError,
    RefusedError,
)
from calsync.core.observation import Seen
from calsync.core.reason import Reason
from calsync.core.refs import Ref
from calsync.sandbox.superoffice.asgi import Call
from calsync.sandbox.superoffice.records import AppointmentType
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.adapters.superoffice.desk import Desk, draft
from tests.adapters.superoffice.hands import (
    BEGIN,
    SERVICE_ERROR,
    record,
    seen,
)
from tests.builders import event

# --- creating -------------------------------------------------------------------------------------------------------


async def test_a_copy_is_an_ordinary_entry_of_its_owner_with_uid_key_and_nobody_mailed(desk: Desk) -> None:
    receipt = await desk.side().create(draft(event(), uid="uid-1"))

    made = record(desk, receipt.ref)
    assert (made["owner"], made["type"], made["status"], made["uid"]) == (desk.kari, "inDiary", "NotStarted", "uid-1")
    assert made["active"] == made["start"]
    (key,) = desk.world.tenant().tables.foreign_keys.values()
    assert (key.record_id, key.value) == (int(receipt.ref), keys.value_of(draft(event()).marker))
    assert desk.sandbox.mails == []


async def test_the_second_copy_of_a_diary_costs_two_requests(desk: Desk) -> None:
    side = desk.side()
    await side.create(draft(event(), original="1"))
    desk.sandbox.requests.clear()

    await side.create(draft(event(), original="2"))

    assert desk.paths() == [
        "POST /api/v1/Agents/Appointment/CreateAppointmentForUID",
        "POST /api/v1/Agents/ForeignSystem/SaveForeignKey",
    ]


@pytest.mark.parametrize("uid", ["", "uid-1", "u" * 500])
async def test_N04_a_create_whose_answer_was_lost_is_found_and_gets_its_key(desk: Desk, uid: str) -> None:
    wanted = draft(event(), uid=uid)
    desk.strike(Fault(harm=Harm.CUT_AFTER, path="CreateAppointmentForUID"))
    with pytest.raises(InDoubtError):
        await desk.side().create(wanted)
    desk.strike()

    found = await desk.side().find(wanted)

    assert isinstance(found, Seen)
    assert found.marker == wanted.marker
    assert await seen(desk, found.ref) == found
    assert len(desk.sandbox.act.records()) == 1


@pytest.mark.parametrize("harm", [Harm.CUT_BEFORE, Harm.CUT_AFTER, Harm.ANSWER_BEFORE, Harm.HTML])
async def test_N04_a_copy_without_its_key_is_in_doubt_and_then_found(desk: Desk, harm: Harm) -> None:
    wanted = draft(event(), uid="uid-1")
    desk.strike(Fault(harm=harm, path="SaveForeignKey", status=200 if harm is Harm.HTML else 500))
    with pytest.raises(InDoubtError):
        await desk.side().create(wanted)
    desk.strike()

    found = await desk.side().find(wanted)

    assert isinstance(found, Seen)
    assert (await seen(desk, found.ref)).marker == wanted.marker


async def test_N21_a_create_repeated_without_its_key_says_where_it_is(desk: Desk) -> None:
    wanted = draft(event(), uid="uid-1")
    desk.strike(Fault(harm=Harm.CUT_BEFORE, path="SaveForeignKey"))
    with pytest.raises(InDoubtError):
        await desk.side().create(wanted)
    desk.strike()

    with pytest.raises(AlreadyThereError) as taken:
        await desk.side().create(wanted)

    assert (await seen(desk, Ref(str(taken.value.ref)))).marker == wanted.marker
    assert len(desk.sandbox.act.records()) == 1


async def test_a_uid_that_somebody_else_s_row_has_gives_a_copy_under_the_key(desk: Desk) -> None:
    await desk.side(desk.ola).create(draft(event(), uid="uid-1", original="olas"))

    receipt = await desk.side().create(draft(event(), uid="uid-1"))

    assert record(desk, receipt.ref)["uid"] == draft(event()).key
    assert record(desk, receipt.ref)["owner"] == desk.kari


async def test_a_uid_that_outlived_its_row_gives_a_copy_under_the_key(desk: Desk) -> None:
    desk.world.switches.uid_outlives_row = True
    first = await desk.side().create(draft(event(), uid="uid-1"))
    desk.sandbox.act.delete(desk.kari, int(first.ref))

    again = await desk.side().create(draft(event(), uid="uid-1", generation=2))

    assert record(desk, again.ref)["uid"] == draft(event(), generation=2).key


async def test_a_meeting_this_person_is_in_is_refused_for_now(desk: Desk) -> None:
    made = await desk.side(desk.ola).create(draft(event(), uid="uid-1", original="olas"))
    row = desk.world.tenant().tables.appointments[int(made.ref)]
    desk.sandbox.act.book(desk.ola, title="Lunch", start=BEGIN, end=BEGIN, participants=[desk.kari])
    (mother,) = [each for each in desk.sandbox.act.records(desk.ola) if each["mother"] == each["id"]]
    desk.world.tenant().tables.invitations["uid-1"].appointment_id = mother["id"]
    assert row is not None

    with pytest.raises(RefusedError) as refused:
        await desk.side().create(draft(event(), uid="uid-1"))

    assert refused.value.reason == Reason.MEETING.value


async def test_what_stays_a_proposal_is_removed_again_and_refused(desk: Desk) -> None:
    desk.world.switches.default_by_associate_assigns = True

    def stays_proposed(call: Call) -> None:
        if call.path.endswith("/Accept"):
            for row in desk.world.tenant().tables.appointments.values():
                row.type = AppointmentType.inChecklist

    desk.world.switches.after_effect = [stays_proposed]

    with pytest.raises(RefusedError) as refused:
        await desk.side().create(draft(event()))

    assert refused.value.reason == Reason.ASSIGNMENT.value
    assert desk.sandbox.act.records() == []
    assert desk.sandbox.mails == []


async def test_a_create_that_the_service_refuses_twice_is_refused_for_good(desk: Desk) -> None:
    desk.strike(replace(SERVICE_ERROR, path="CreateAppointmentForUID", times=2))

    with pytest.raises(RefusedError):
        await desk.side().create(draft(event()))

    assert desk.sandbox.act.records() == []


async def test_N14_a_create_that_failed_after_its_effect_is_adopted(desk: Desk) -> None:
    desk.strike(Fault(harm=Harm.ANSWER_AFTER, path="CreateAppointmentForUID", status=500))

    with pytest.raises(AlreadyThereError) as taken:
        await desk.side().create(draft(event(), uid="uid-1"))

    assert (await seen(desk, Ref(str(taken.value.ref)))).marker is not None
    assert len(desk.sandbox.act.records()) == 1


async def test_the_marker_of_a_copy_does_not_go_along_when_a_person_copies_it(desk: Desk) -> None:
    receipt = await desk.side().create(draft(event()))

    twin = Ref(str(desk.sandbox.act.copy(desk.kari, int(receipt.ref))))

    assert (await seen(desk, twin)).marker is None
    assert (await seen(desk, receipt.ref)).marker is not None
