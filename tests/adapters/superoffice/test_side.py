"""What a diary shows beyond the contract of every side; ids are those of the fault catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from calsync.core.errors import (
    UnusableAnswerError,
)
from calsync.core.event import AllDay, Busy, Field, Privacy
from calsync.core.observation import Seen, Unclear
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import Ref
from calsync.sandbox.superoffice.records import AppointmentStatus, Visibility
from calsync.sandbox.superoffice.switches import Fault, Harm
from calsync.sandbox.superoffice.zones import ZONES
from tests.adapters.superoffice.desk import Desk, Memory, draft, open_desk
from tests.adapters.superoffice.hands import (
    BEGIN,
    TITLE,
    aside_of,
    made_by_kari,
    one,
    record,
    seen,
)
from tests.builders import all_day, event, timed

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
