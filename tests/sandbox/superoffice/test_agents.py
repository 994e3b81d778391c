from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.sandbox.superoffice.client import APPOINTMENT, planned

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client

TEN = datetime(2026, 3, 5, 10, 0)  # noqa: DTZ001  # wall clock of the user
HOUR = timedelta(hours=1)
DAY = {"StartTime": "2026-03-05T00:00:00Z", "EndTime": "2026-03-06T00:00:00Z"}


async def _made(client: Client, entity: dict[str, Any], **fields: Any) -> Any:
    return await client.save(planned(entity, "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z", **fields))


# -- whose it is


async def test_a_default_entity_made_for_an_associate_becomes_his_plain_appointment(
    client: Client, company: Company
) -> None:
    saved = await _made(client, await client.default(company.kari), Title="Planning")

    assert saved["Associate"]["AssociateId"] == company.kari
    assert (saved["Type"], saved["AssignmentStatus"], saved["InvitationStatus"]) == ("inDiary", "None", "Accepted")
    assert (saved["MotherId"], saved["BookingType"]) == (0, "None")
    assert saved["CreatedBy"]["Type"] == "SystemAssociate"


async def test_changing_only_the_associate_of_the_callers_default_makes_an_assignment(
    client: Client, company: Company
) -> None:
    default = await client.agent("CreateDefaultAppointmentEntityByType", {"Type": "Appointment"})

    saved = await _made(client, default, Associate={"AssociateId": company.kari})

    assert (saved["Type"], saved["AssignmentStatus"]) == ("BookingForDiary", "Assigning")


async def test_a_bare_entity_for_somebody_else_is_an_assignment_too(client: Client, company: Company) -> None:
    saved = await _made(client, {"AppointmentId": 0}, Associate={"AssociateId": company.kari}, Title="x")

    assert saved["AssignmentStatus"] == "Assigning"


async def test_the_default_by_associate_may_assign_when_the_system_user_asks(
    client: Client, switches: Switches, company: Company
) -> None:
    switches.default_by_associate_assigns = True

    saved = await _made(client, await client.default(company.kari))
    assert saved["AssignmentStatus"] == "Assigning"

    await client.agent("Accept", {"AppointmentId": saved["AppointmentId"], "UpdateMode": "OnlyThis"})
    accepted = await client.entity(saved["AppointmentId"])
    assert (accepted["Type"], accepted["AssignmentStatus"]) == ("inDiary", "None")


async def test_a_new_owner_on_a_saved_row_gets_an_assignment(
    client: Client, act: Acting, company: Company, lunch: int
) -> None:
    await client.save((await client.entity(lunch)) | {"Associate": {"AssociateId": company.ola}})

    row = act.records()[0]
    assert (row["owner"], row["type"], row["status"]) == (company.ola, "BookingForDiary", "Assignment")


async def test_what_the_daemon_writes_is_stamped_with_the_system_associate(
    client: Client, act: Acting, sandbox: SuperOfficeSandbox, lunch: int
) -> None:
    await client.save((await client.entity(lunch)) | {"Location": "Roof"})

    assert act.records()[0]["updated_by"] == sandbox.world.tenant().system_id


async def test_only_known_and_active_associates_can_be_inserted_for(
    client: Client, act: Acting, company: Company
) -> None:
    act.retire(company.ola)

    asked = {"AssociateIds": [company.kari, company.ola, 999]}
    assert await client.agent("GetCanInsertForAssociates", asked) == [True, False, False]


async def test_a_default_for_an_unknown_associate_is_null(client: Client) -> None:
    assert await client.default(999) is None


# -- nothing there


@pytest.mark.parametrize("mode", ["OnlyThis", "ThisAndForward"])
async def test_saving_or_moving_what_is_gone_answers_null(client: Client, lunch: int, mode: str) -> None:
    entity = await client.entity(lunch)
    await client.agent("Delete", {"AppointmentId": lunch, "UpdateMode": mode, "SendEmailToParticipants": False})

    assert await client.save(entity) is None
    moving = {"AppointmentId": lunch, "NewStartTime": "2026-03-05T15:00:00Z", "UpdateMode": mode}
    assert await client.agent("Move", moving) is None


async def test_deleting_twice_answers_204_twice(client: Client, lunch: int) -> None:
    for _ in range(2):
        answer = await client.send(
            "POST",
            "/api/v1/Agents/Appointment/DeleteAppointmentEntity",
            params={"appointmentEntityId": lunch},
        )
        assert answer.status_code == 204


async def test_a_list_leaves_out_ids_that_do_not_exist(client: Client, lunch: int) -> None:
    rows = await client.agent("GetAppointmentList", [lunch, 99999])

    assert [row["AppointmentId"] for row in rows] == [lunch]
    assert "UpdatedDate" not in rows[0]
    assert "Participants" not in rows[0]


async def test_move_keeps_the_length(client: Client, act: Acting, lunch: int) -> None:
    moving = {"AppointmentId": lunch, "NewStartTime": "2026-03-06T15:00:00Z", "UpdateMode": "OnlyThis"}

    moved = await client.agent("Move", moving)

    assert (moved["StartDate"], moved["EndDate"]) == ("2026-03-06T15:00:00Z", "2026-03-06T16:00:00Z")
    assert act.records()[0]["active"] == act.records()[0]["start"]


# -- diaries


async def test_diaries_show_the_asked_for_people_and_neither_tasks_nor_documents(
    client: Client, act: Acting, company: Company, lunch: int
) -> None:
    act.create_task(company.kari, title="Call", start=TEN, end=TEN)
    act.create_document(company.kari, title="Offer", start=TEN)
    act.create(company.ola, title="Other", start=TEN, end=TEN + HOUR)
    converted = act.create(company.kari, title="Was a meeting", start=TEN, end=TEN + HOUR)
    act.convert_to_task(company.kari, converted)

    rows = await client.agent("GetAssociatesDiary", {"AssociateIds": [company.kari, company.emma]} | DAY)
    info = await client.agent("GetAssociatesDiaryInfo", {"AssociateIds": [company.kari]} | DAY)

    assert [row["AppointmentId"] for row in rows] == [lunch]
    assert [(row["Title"], row["IsPrivate"], row["IsBusy"]) for row in info] == [("Lunch", False, True)]


@pytest.mark.parametrize(("count", "found"), [(-1, 2), (1, 1), (0, 0)])
async def test_a_diary_gives_as_many_as_asked_and_all_for_minus_one(
    client: Client, act: Acting, company: Company, lunch: int, count: int, found: int
) -> None:
    act.create(company.kari, title="Second", start=TEN, end=TEN + HOUR)

    rows = await client.agent("GetAssociateDiary", {"AssociateId": company.kari, "Count": count} | DAY)

    assert len(rows) == found


@pytest.mark.parametrize(("by_start", "found"), [(False, 1), (True, 0)])
async def test_a_row_that_began_before_the_window_is_listed_or_not(
    client: Client, switches: Switches, company: Company, lunch: int, by_start: bool, found: int
) -> None:
    switches.diary_by_start_only = by_start
    window = {"StartTime": "2026-03-05T11:30:00Z", "EndTime": "2026-03-06T00:00:00Z", "Count": -1}

    assert len(await client.agent("GetAssociateDiary", {"AssociateId": company.kari} | window)) == found


@pytest.mark.parametrize("shown", [True, False])
async def test_declined_invitations_are_in_the_diary_or_not(
    client: Client, act: Acting, switches: Switches, company: Company, shown: bool
) -> None:
    switches.diary_shows_declined = shown
    act.book(company.kari, title="All hands", start=TEN, end=TEN + HOUR, participants=[company.ola])
    child = act.records(company.ola)[0]["id"]
    act.answer(company.ola, child, accept=False)

    rows = await client.agent("GetAssociateDiary", {"AssociateId": company.ola, "Count": -1} | DAY)

    assert [row["InvitationStatus"] for row in rows] == (["Declined"] if shown else [])


# -- UID


async def test_a_uid_can_be_used_once(client: Client, act: Acting, company: Company) -> None:
    entity = planned(await client.default(company.kari), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")
    asked = {"AppointmentEntity": entity, "UID": "abc@example"}

    first = await client.agent("CreateAppointmentForUID", asked)
    second = await client.agent("CreateAppointmentForUID", asked)

    assert second is None
    assert len(act.records()) == 1
    found = await client.agent("GetAppointmentFromUID", {"UID": "abc@example"})
    assert found["AppointmentId"] == first["AppointmentId"]
    by_id = {"AppointmentId": first["AppointmentId"], "UseMotherId": False}
    assert await client.agent("GetUIDFromAppointmentId", by_id) == "abc@example"


async def test_an_appointment_of_the_web_client_has_no_uid(client: Client, lunch: int) -> None:
    asked = {"AppointmentId": lunch, "UseMotherId": True}

    assert await client.agent("GetUIDFromAppointmentId", asked) is None


@pytest.mark.parametrize("outlives", [False, True])
async def test_a_uid_may_outlive_its_row_and_block_a_new_one(
    client: Client, switches: Switches, company: Company, outlives: bool
) -> None:
    switches.uid_outlives_row = outlives
    entity = planned(await client.default(company.kari), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")
    asked = {"AppointmentEntity": entity, "UID": "abc@example"}
    first = await client.agent("CreateAppointmentForUID", asked)
    await client.send("DELETE", f"{APPOINTMENT}/{first['AppointmentId']}")

    assert await client.agent("GetAppointmentFromUID", {"UID": "abc@example"}) is None
    assert (await client.agent("CreateAppointmentForUID", asked) is None) is outlives


async def test_a_uid_longer_than_255_characters_is_refused(client: Client, act: Acting, company: Company) -> None:
    entity = planned(await client.default(company.kari), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")

    answer = await client.send(
        "POST",
        "/api/v1/Agents/Appointment/CreateAppointmentForUID",
        json={"AppointmentEntity": entity, "UID": "x" * 256},
    )

    assert answer.status_code == 500
    assert act.records() == []


async def test_conversion_to_a_task_takes_the_row_out_of_the_diary(client: Client, lunch: int) -> None:
    converted = await client.agent("ConvertAppointmentToTask", {"AppointmentId": lunch})

    assert converted["Type"] == "inChecklist"


async def test_enum_numbers_are_read_as_well_as_names(client: Client, act: Acting, lunch: int) -> None:
    entity = await client.entity(lunch)
    # The published definition knows the names alone, so this goes past the checker.
    unchecked = httpx.ASGITransport(client.sandbox.environment)

    async with httpx.AsyncClient(transport=unchecked) as client.http:
        await client.save(entity | {"CautionWarning": 1})

    assert act.records()[0]["caution"] == "NotInSync"
