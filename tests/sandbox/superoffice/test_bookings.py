from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from calsync.sandbox.superoffice.acting import NotAllowedError
from tests.sandbox.superoffice.client import APPOINTMENT, planned

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client, TestClock

TEN = datetime(2026, 3, 5, 10, 0)  # noqa: DTZ001  # wall clock of the user
HOUR = timedelta(hours=1)


@pytest.fixture
def meeting(act: Acting, company: Company) -> int:
    """Kari's meeting with Ola, the room, and somebody without a login."""
    return act.book(
        company.kari,
        title="All hands",
        start=TEN,
        end=TEN + HOUR,
        participants=[company.ola, company.room, "guest@acme.example"],
    )


def _child(act: Acting, owner: int) -> dict[str, Any]:
    return act.records(owner)[0]


async def test_every_participant_has_a_row_that_points_to_the_mother(
    client: Client, act: Acting, company: Company, meeting: int
) -> None:
    mother = await client.entity(meeting)
    child = await client.entity(_child(act, company.ola)["id"])

    assert (mother["MotherId"], mother["BookingType"]) == (meeting, "Owner")
    assert (child["MotherId"], child["BookingType"]) == (meeting, "Participant")
    assert (child["Type"], child["InvitationStatus"]) == ("BookingForDiary", "Invitation")
    assert child["MotherAssociate"]["AssociateId"] == company.kari
    assert len(await client.agent("GetAppointmentRecords", {"MotherId": meeting, "RecurrenceRuleId": 0})) == 4


async def test_the_first_participant_is_the_organiser_and_the_caller_is_not_added(
    client: Client, act: Acting, company: Company
) -> None:
    people = [{"AssociateId": company.ola, "SendEmail": False}, {"AssociateId": company.emma, "SendEmail": False}]
    entity = planned(await client.default(company.ola), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")

    saved = await client.save(entity | {"Participants": people})

    assert saved["Associate"]["AssociateId"] == company.ola
    assert [each["AssociateId"] for each in saved["Participants"]] == [company.ola, company.emma]
    assert {row["owner"] for row in act.records()} == {company.ola, company.emma}


async def test_a_resource_accepts_by_itself(act: Acting, company: Company, meeting: int) -> None:
    room = _child(act, company.room)

    assert (room["type"], room["status"], room["mother"]) == ("inDiary", "NotStarted", meeting)


async def test_a_participant_without_login_has_a_row_in_nobodys_diary(act: Acting, meeting: int) -> None:
    assert [row["mother"] for row in act.records(0)] == [meeting]


async def test_a_person_known_without_login_is_invited_by_his_person_id(
    client: Client, act: Acting, sandbox: SuperOfficeSandbox, company: Company
) -> None:
    per = sandbox.world.tenant().add_person(first="Per", last="Bø", emails=["per@acme.example"])
    people = [{"AssociateId": company.ola}, {"PersonId": per.person_id, "SendEmail": True}]
    entity = planned(await client.default(company.ola), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")

    saved = await client.save(entity | {"Participants": people})

    child = await client.entity(act.records(0)[0]["id"])
    assert child["Associate"] is None
    assert child["InvitedPerson"]["FullName"] == "Per Bø"
    assert saved["Participants"][1]["EmailAddress"] == "per@acme.example"
    assert [mail.to for mail in sandbox.mails] == ["per@acme.example"]


async def test_children_share_the_text_of_their_mother(
    client: Client, act: Acting, company: Company, meeting: int
) -> None:
    await client.save((await client.entity(meeting)) | {"Title": "New title", "Description": "New title"})

    assert _child(act, company.ola)["title"] == "New title"


@pytest.mark.parametrize("bumps", [True, False])
async def test_a_text_edit_of_the_mother_stamps_the_children_or_not(
    client: Client, act: Acting, switches: Switches, company: Company, meeting: int, bumps: bool
) -> None:
    switches.mother_text_bumps_children = bumps

    await client.save((await client.entity(meeting)) | {"Title": "New title", "Description": "New title"})

    assert (_child(act, company.ola)["updated"] is not None) is bumps


async def test_accepting_turns_the_child_into_a_plain_entry_and_moving_the_mother_asks_again(
    client: Client, act: Acting, company: Company, meeting: int
) -> None:
    child = _child(act, company.ola)["id"]
    await client.agent("SetSeen", {"AppointmentId": child, "UpdateMode": "OnlyThis"})
    assert _child(act, company.ola)["status"] == "BookingSeen"
    await client.agent("Accept", {"AppointmentId": child, "UpdateMode": "OnlyThis"})
    assert (_child(act, company.ola)["type"], _child(act, company.ola)["status"]) == ("inDiary", "NotStarted")

    moving = {"AppointmentId": meeting, "NewStartTime": "2026-03-05T12:00:00Z", "UpdateMode": "OnlyThis"}
    await client.agent("Move", moving)

    moved = await client.entity(child)
    assert (moved["InvitationStatus"], moved["StartDate"]) == ("Moved", "2026-03-05T12:00:00Z")


async def test_rejecting_is_counted_on_the_mother(client: Client, act: Acting, company: Company, meeting: int) -> None:
    child = _child(act, company.ola)["id"]

    await client.agent("Reject", {"AppointmentId": child, "RejectReason": "ill", "UpdateMode": "OnlyThis"})

    assert (await client.entity(child))["InvitationStatus"] == "Declined"
    assert (await client.entity(meeting))["RejectCounter"] == 1


async def test_deleting_ones_own_child_counts_as_declining(
    client: Client, act: Acting, company: Company, meeting: int
) -> None:
    act.delete(company.ola, _child(act, company.ola)["id"])

    assert (await client.entity(meeting))["RejectCounter"] == 1


async def test_a_cancelled_meeting_leaves_cancelled_children_until_they_are_cleaned_up(
    client: Client, act: Acting, company: Company, meeting: int
) -> None:
    await client.send("DELETE", f"{APPOINTMENT}/{meeting}")
    child = _child(act, company.ola)["id"]

    assert (await client.entity(child))["InvitationStatus"] == "Cancelled"
    assert (await client.entity(child))["Title"] == "All hands"
    assert await client.agent("CleanUpBookingDeleted", {"AppointmentIds": [child]}) == 1
    assert act.records() == []


async def test_a_put_without_participants_cancels_the_guests(
    client: Client, act: Acting, company: Company, meeting: int
) -> None:
    entity = await client.entity(meeting)

    await client.put({name: value for name, value in entity.items() if name != "Participants"})

    assert _child(act, company.ola)["status"] == "BookingDeleted"


async def test_ids_of_a_participant_must_agree(client: Client, company: Company) -> None:
    entity = planned(await client.default(company.ola), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")
    people = [{"AssociateId": company.ola}, {"AssociateId": company.emma, "PersonId": 1}]

    answer = await client.send("POST", APPOINTMENT, json=entity | {"Participants": people})

    assert answer.status_code == 500


async def test_in_the_web_client_only_the_organiser_changes_a_meeting(
    act: Acting, company: Company, meeting: int
) -> None:
    child = _child(act, company.ola)["id"]

    act.edit(company.ola, child, reminder_min=10)
    with pytest.raises(NotAllowedError):
        act.edit(company.ola, child, title="Mine now")

    assert act.record(meeting) is not None


# -- mail


def _guests(entity: dict[str, Any], *, send: bool) -> list[dict[str, Any]]:
    return [each | {"SendEmail": send} for each in entity["Participants"]]


async def test_save_without_flags_mails_nobody(
    client: Client, sandbox: SuperOfficeSandbox, clock: TestClock, meeting: int
) -> None:
    entity = await client.entity(meeting)
    clock.advance(seconds=1)

    await client.save(entity | {"Location": "Roof", "Participants": _guests(entity, send=False)})

    assert sandbox.mails == []


@pytest.mark.parametrize(("flag", "each"), [(True, False), (False, True)])
async def test_the_flag_of_save_and_that_of_each_participant_both_mail(
    client: Client, sandbox: SuperOfficeSandbox, meeting: int, flag: bool, each: bool
) -> None:
    entity = await client.entity(meeting)
    changed = entity | {"Location": "Roof", "Participants": _guests(entity, send=each)}

    await client.save(changed, SendEmailToParticipants=flag)

    # The room has no address, and the organiser does not write to herself.
    assert {mail.to for mail in sandbox.mails} == {"ola.hansen@fjordtech.example", "guest@acme.example"}


async def test_a_send_email_left_from_the_invitation_mails_again_when_it_is_echoed(
    client: Client, act: Acting, sandbox: SuperOfficeSandbox, company: Company
) -> None:
    meeting = act.book(company.kari, title="x", start=TEN, end=TEN + HOUR, participants=[company.ola], send_mail=True)
    sandbox.world.tenant().mails.clear()

    await client.put((await client.get(f"{APPOINTMENT}/{meeting}")) | {"Location": "Roof"})

    assert [mail.cause for mail in sandbox.mails] == ["PUT Appointment"]


@pytest.mark.parametrize("mails", [True, False])
async def test_operations_without_a_mail_flag_mail_or_not(
    client: Client, switches: Switches, sandbox: SuperOfficeSandbox, meeting: int, mails: bool
) -> None:
    switches.plain_save_mails = mails
    entity = await client.get(f"{APPOINTMENT}/{meeting}")

    await client.put(entity | {"Location": "Roof"})
    await client.agent("SaveAppointmentEntity", (await client.entity(meeting)) | {"Location": "Cellar"})
    moving = {"AppointmentId": meeting, "NewStartTime": "2026-03-05T12:00:00Z", "UpdateMode": "OnlyThis"}
    await client.agent("Move", moving)
    await client.send("DELETE", f"{APPOINTMENT}/{meeting}")

    causes = {mail.cause for mail in sandbox.mails}
    said = {"PUT Appointment", "SaveAppointmentEntity", "Move", "DELETE Appointment"}
    assert causes == (said if mails else set())


@pytest.mark.parametrize("flag", [True, False])
async def test_the_flag_of_delete_mails_or_not(
    client: Client, sandbox: SuperOfficeSandbox, meeting: int, flag: bool
) -> None:
    await client.agent("Delete", {"AppointmentId": meeting, "UpdateMode": "OnlyThis", "SendEmailToParticipants": flag})

    assert bool(sandbox.mails) is flag


async def test_single_appointments_mail_nobody_whatever_is_asked(
    client: Client, switches: Switches, sandbox: SuperOfficeSandbox, lunch: int
) -> None:
    switches.plain_save_mails = True

    await client.save((await client.entity(lunch)) | {"Location": "Roof"}, SendEmailToParticipants=True)
    await client.send("DELETE", f"{APPOINTMENT}/{lunch}")

    assert sandbox.mails == []


async def test_will_send_email_previews_it(client: Client, meeting: int) -> None:
    entity = await client.entity(meeting)

    assert await client.agent("WillSendEmail", {"Appointment": entity}) is False
    spoken = entity | {"Participants": _guests(entity, send=True)}
    assert await client.agent("WillSendEmail", {"Appointment": spoken}) is True
