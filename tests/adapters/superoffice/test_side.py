"""What a diary does beyond the contract of every side; ids are those of the fault catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from calsync.adapters.superoffice import keys
from calsync.core.errors import (
    AlreadyThereError,
    InDoubtError,
    RefusedError,
    StaleVersionError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.core.event import AllDay, Busy, Field, Privacy
from calsync.core.observation import Aside, Look, Seen, Unclear
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import Ref
from calsync.sandbox.superoffice.asgi import Call
from calsync.sandbox.superoffice.records import AppointmentStatus, AppointmentType, Visibility
from calsync.sandbox.superoffice.switches import Fault, Harm, Switches
from calsync.sandbox.superoffice.zones import ZONES
from tests.adapters.superoffice.desk import Desk, Memory, draft, open_desk
from tests.builders import all_day, event, timed
from tests.contracts.side_contract import proof

TITLE = frozenset({Field.TITLE})
BEGIN = datetime(2026, 7, 2, 8, tzinfo=UTC)
SERVICE_ERROR = Fault(harm=Harm.ANSWER_BEFORE, status=500)


def made_by_kari(desk: Desk, title: str = "Lunch", **fields: Any) -> Ref:
    fields = {"start": BEGIN, "end": BEGIN + timedelta(hours=1)} | fields
    return Ref(str(desk.sandbox.act.create(desk.kari, title=title, **fields)))


def record(desk: Desk, ref: Ref) -> dict[str, Any]:
    found = desk.sandbox.act.record(int(ref))
    assert found is not None
    return found


async def one(desk: Desk, ref: Ref) -> Look:
    (look,) = await desk.side().look([ref])
    return look


async def seen(desk: Desk, ref: Ref) -> Seen:
    look = await one(desk, ref)
    assert isinstance(look, Seen), look
    return look


async def aside_of(desk: Desk, ref: Ref) -> Reason:
    look = await one(desk, ref)
    assert isinstance(look, Aside), look
    return look.reason


# --- what is offered ------------------------------------------------------------------------------------------------


async def test_rows_that_are_no_plain_entries_of_this_person_are_left_alone_with_a_reason(desk: Desk) -> None:
    act, kari, ola = desk.sandbox.act, desk.kari, desk.ola
    times: dict[str, Any] = {"title": "X", "start": BEGIN, "end": BEGIN + timedelta(hours=1)}
    task = act.create_task(kari, **times)
    paper = act.create_document(kari, title="Letter", start=BEGIN)
    meeting = act.book(kari, **times, participants=[ola])
    others = act.create(ola, **times)
    (weekly,) = act.create_series(kari, **times | {"days": [BEGIN.date()]})

    reasons = [await aside_of(desk, Ref(str(number))) for number in (task, paper, meeting, others, weekly)]

    assert reasons == [Reason.TASK, Reason.DOCUMENT, Reason.BOOKING, Reason.OTHER_PERSON, Reason.SERIES]


async def test_an_invitation_and_an_assignment_are_left_alone(desk: Desk) -> None:
    act = desk.sandbox.act
    act.book(desk.ola, title="Review", start=BEGIN, end=BEGIN, participants=[desk.kari])
    (invited,) = [row for row in act.records(desk.kari) if row["title"] == "Review"]
    proposed = made_by_kari(desk)
    desk.world.tenant().tables.appointments[int(proposed)].status = AppointmentStatus.Assignment

    assert await aside_of(desk, Ref(str(invited["id"]))) is Reason.BOOKING
    assert await aside_of(desk, proposed) is Reason.ASSIGNMENT


async def test_a_row_that_changed_hands_or_became_a_task_is_never_gone(desk: Desk) -> None:
    handed, turned = made_by_kari(desk), made_by_kari(desk)
    known = Memory()
    known.learn((await desk.side().observe(None, known, desk.window)).seen)
    desk.sandbox.act.change_owner(desk.kari, int(handed), desk.ola)
    desk.sandbox.act.convert_to_task(desk.kari, int(turned))

    observation = await desk.side().observe(None, known, desk.window)

    assert not observation.gone
    assert {each.ref: each.reason for each in observation.aside} == {
        handed: Reason.OTHER_PERSON,
        turned: Reason.TASK,
    }


async def test_internal_notes_are_never_read_and_never_written(desk: Desk) -> None:
    ref = made_by_kari(desk, notes="<p>shared</p>", internal_notes="SECRET")
    base = await seen(desk, ref)
    receipt = await desk.side().update(base, replace(base.event, notes="new", title="New"), frozenset(Field))

    assert "SECRET" not in repr(base) + repr(receipt)
    assert record(desk, ref)["internal_notes"] == "SECRET"


async def test_P39_words_and_fields_of_newer_servers_harm_nobody(desk: Desk) -> None:
    desk.world.switches.future_property = "Mood"
    ref = made_by_kari(desk)
    base = await seen(desk, ref)

    await desk.side().update(base, replace(base.event, title="New"), TITLE)

    assert record(desk, ref)["title"] == "New"


async def test_P45_an_id_given_again_after_a_restore_is_another_event_and_bears_no_marker(desk: Desk) -> None:
    backup = desk.world.snapshot()
    receipt = await desk.side().create(draft(event()))
    stale_keys = dict(desk.world.tenant().tables.foreign_keys)
    apps = (dict(desk.world.tenant().tables.foreign_apps), dict(desk.world.tenant().tables.foreign_devices))
    assert receipt.seen is not None
    desk.world.restore(backup)
    tables = desk.world.tenant().tables
    tables.foreign_keys |= stale_keys
    tables.foreign_apps |= apps[0]
    tables.foreign_devices |= apps[1]
    desk.clock.pass_s(60)

    again = await seen(desk, made_by_kari(desk))

    assert again.ref == receipt.ref
    assert again.identity != receipt.seen.identity
    assert again.marker is None


# --- privacy --------------------------------------------------------------------------------------------------------


async def test_pain_34_private_is_written_to_both_mirrors_and_read_from_either(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)

    receipt = await desk.side().update(base, replace(base.event, privacy=Privacy.PRIVATE), frozenset({Field.PRIVACY}))

    assert record(desk, ref)["visible_for"] == [("Associate", desk.kari)]
    assert receipt.seen is not None
    assert receipt.seen.event.privacy is Privacy.PRIVATE
    assert await seen(desk, ref) == receipt.seen


async def test_pain_34_an_unrelated_edit_leaves_a_group_s_visibility_as_it_is(desk: Desk) -> None:
    ref = made_by_kari(desk)
    desk.world.tenant().tables.appointments[int(ref)].visible_for = ((Visibility.Group, 1),)
    base = await seen(desk, ref)

    await desk.side().update(base, replace(base.event, title="New"), TITLE | {Field.PRIVACY})

    assert base.event.privacy is Privacy.PRIVATE
    assert record(desk, ref)["visible_for"] == [("Group", 1)]


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["UTC", "NO", "US-HI", "AU-NSW", "IN"])
@pytest.mark.parametrize("base_code", ["NO", "US-HI"])
async def test_pain_18_whole_days_keep_their_dates_in_every_zone(code: str, base_code: str) -> None:
    async with open_desk(base_zone=base_code) as desk:
        away = desk.world.tenant().add_associate(name="A", first="A", last="B", emails=[], zone=code).associate_id
        zone = ZONES[code].iana
        typed = desk.sandbox.act.create(away, title="Trip", start=date(2026, 7, 3), end=date(2026, 7, 5))
        side = desk.side(away, zone=zone)
        written = await side.create(draft(event("Trip", all_day("2026-07-03", days=3))))

        looks = await side.look([Ref(str(typed)), written.ref])

        whole = AllDay(first=date(2026, 7, 3), last=date(2026, 7, 5))
        assert [look.event.when for look in looks if isinstance(look, Seen)] == [whole, whole]


async def test_whole_days_are_read_in_the_preferred_zone_of_their_row(desk: Desk) -> None:
    ref = made_by_kari(desk, start=date(2026, 7, 3), end=date(2026, 7, 3))
    row = desk.world.tenant().tables.appointments[int(ref)]
    row.preferred_zone = ZONES["AU-NSW"].id
    row.do_by, row.end_date = datetime(2026, 7, 2, 16), datetime(2026, 7, 3, 15, 59)  # noqa: DTZ001  # a column

    assert (await seen(desk, ref)).event.when == AllDay(first=date(2026, 7, 3), last=date(2026, 7, 3))


async def test_a_move_takes_the_active_date_along_by_which_diaries_go(desk: Desk) -> None:
    ref = made_by_kari(desk)
    base = await seen(desk, ref)

    await desk.side().update(base, replace(base.event, when=timed("2026-08-20 09:00")), frozenset({Field.WHEN}))

    assert record(desk, ref)["active"] == record(desk, ref)["start"]
    listed = await desk.side().observe(None, Memory(), desk.window)
    assert [each.ref for each in listed.seen] == [ref]


async def test_a_sentinel_date_never_crashes(desk: Desk) -> None:
    ref = made_by_kari(desk)
    row = desk.world.tenant().tables.appointments[int(ref)]
    row.do_by = row.end_date = datetime(1, 1, 1)  # noqa: DTZ001  # the wire's "not set"

    assert await aside_of(desk, ref) is Reason.UNREADABLE


async def test_reminders_and_free_time_are_written_and_read(desk: Desk) -> None:
    wanted = event("Lunch", busy=Busy.FREE, reminder=3 * 1440 + 15)

    receipt = await desk.side().create(draft(wanted))

    assert record(desk, receipt.ref)["reminder_min"] == 3 * 1440 + 15
    assert (await seen(desk, receipt.ref)).event == desk.side().lens.show(wanted)


# --- deletions ------------------------------------------------------------------------------------------------------


async def test_P02_a_row_that_listings_lack_is_read_and_not_taken_for_gone(desk: Desk) -> None:
    ref, other = made_by_kari(desk), made_by_kari(desk)
    empty = Fault(harm=Harm.ANSWER_BEFORE, path="GetAppointmentList", times=9, status=200)
    desk.strike(empty)

    with pytest.raises(UnusableAnswerError):
        await desk.side().look([ref, other])


async def test_a_404_from_something_in_front_of_the_service_proves_nothing(desk: Desk) -> None:
    ref = made_by_kari(desk)
    desk.sandbox.act.delete(desk.kari, int(ref))
    desk.strike(
        Fault(harm=Harm.HTML, method="GET", path=f"/Appointment/{ref}", times=9, status=404),
        Fault(harm=Harm.HTML, path="GetAppointmentEntity", times=9, status=404),
    )

    assert isinstance(await one(desk, ref), Unclear)


async def test_a_404_without_words_is_believed_once_the_agent_says_null(desk: Desk) -> None:
    ref = made_by_kari(desk)
    desk.sandbox.act.delete(desk.kari, int(ref))
    desk.strike(Fault(harm=Harm.EMPTY, method="GET", path=f"/Appointment/{ref}", times=9, status=404))

    assert isinstance(await one(desk, ref), Gone)


async def test_a_deletion_needs_a_good_second_read(desk: Desk) -> None:
    ref = made_by_kari(desk)
    desk.sandbox.act.delete(desk.kari, int(ref))
    api = desk.api
    assert isinstance((await desk.side(api=api).look([ref]))[0], Gone)
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, path="GetAssociateList", times=9, status=503))

    (look,) = await desk.side(api=api).look([ref])

    assert isinstance(look, Unclear)


async def test_the_second_read_is_of_another_appointment_where_there_is_one(desk: Desk) -> None:
    ref, other = made_by_kari(desk), made_by_kari(desk)
    desk.sandbox.act.delete(desk.kari, int(ref))

    looks = await desk.side().look([ref, other])

    (gone,) = [look for look in looks if isinstance(look, Gone)]
    assert gone.witness.subject == other


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
    desk.world.switches.before_effect = [_before_patch(desk, ref, place="Room 9")]

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
        desk.world.switches.before_effect = [_before_patch(desk, ref, title="Kari's")]

        with pytest.raises(StaleVersionError):
            await desk.side().update(base, replace(base.event, title="New"), TITLE)

        assert record(desk, ref)["title"] == "Kari's"


async def test_P46_an_edit_of_something_we_do_not_read_is_an_edit_and_no_quirk(desk: Desk) -> None:
    ref = made_by_kari(desk)
    desk.clock.pass_s(5)
    api = desk.api
    base = await seen(desk, ref)
    desk.world.switches.before_effect = [_before_patch(desk, ref, internal_notes="mine")]

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
    desk.world.switches.before_effect = [_before(desk, "DELETE", ref, place="Room 9")]

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


def _before_patch(desk: Desk, ref: Ref, **fields: Any) -> Any:
    return _before(desk, "PATCH", ref, **fields)


def _before(desk: Desk, method: str, ref: Ref, **fields: Any) -> Any:
    """A user's edit that slips in just before our write, once."""
    done: list[bool] = []

    def step_in(call: Call) -> None:
        if call.method == method and not done:
            done.append(True)
            desk.sandbox.act.edit(desk.kari, int(ref), **fields)

    return step_in


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
