from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.saving import Saving, wanted_days
from calsync.sandbox.superoffice.series import days_of
from calsync.sandbox.superoffice.switches import Switches
from calsync.sandbox.superoffice.world import Actor, World
from calsync.sandbox.superoffice.zones import view_from_header
from tests.sandbox.superoffice.client import APPOINTMENT, TestClock, planned

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from tests.sandbox.superoffice.client import Client

FIRST = date(2026, 3, 3)  # a Tuesday
BIWEEKLY = {
    "IsRecurrence": True,
    "Pattern": "Weekly",
    "StartDate": "2026-03-03T00:00:00",
    "EndDate": "2026-04-30T00:00:00",
    "RecurrenceEndType": "Counter",
    "RecurrenceCounter": 4,
    "WeekPattern": {"Weekdays": "Tuesday, Thursday", "Cycle": 2},
}


@pytest.fixture
async def series(client: Client, company: Company) -> list[int]:
    """Kari's meeting at 9 in Oslo, every second week on Tuesday and Thursday, across the change to summer time."""
    entity = planned(await client.default(company.kari), "2026-03-17T08:00:00Z", "2026-03-17T09:00:00Z")
    carrier = entity["Recurrence"] | BIWEEKLY | {"StartDate": "2026-03-17T00:00:00", "Dates": []}
    saved = await client.save(entity | {"Title": "Review", "Recurrence": carrier})
    rule = saved["Recurrence"]["RecurrenceId"]
    rows = await client.agent("GetAppointmentRecords", {"MotherId": 0, "RecurrenceRuleId": rule})
    return [row["AppointmentId"] for row in rows]


async def test_a_series_is_a_row_per_occurrence_at_the_same_local_time(act: Acting, series: list[int]) -> None:
    starts = [row["start"] for row in act.records()]

    assert starts == [
        datetime(2026, 3, 17, 8, tzinfo=UTC),
        datetime(2026, 3, 19, 8, tzinfo=UTC),
        datetime(2026, 3, 31, 7, tzinfo=UTC),
        datetime(2026, 4, 2, 7, tzinfo=UTC),
    ]
    assert len({row["rule"] for row in act.records()}) == 1
    assert len(set(series)) == 4


async def test_only_is_recurrence_tells_a_series_from_a_single_row(
    client: Client, lunch: int, series: list[int]
) -> None:
    single = (await client.entity(lunch))["Recurrence"]
    occurrence = (await client.entity(series[1]))["Recurrence"]

    assert (single["IsRecurrence"], single["RecurrenceId"], single["Pattern"]) == (False, 0, "Weekly")
    assert len(single["Dates"]) == 1
    assert (occurrence["IsRecurrence"], len(occurrence["Dates"])) == (True, 4)


@pytest.mark.parametrize(("mode", "changed"), [("OnlyThis", 1), ("ThisAndForward", 3)])
async def test_the_update_mode_decides_how_far_a_change_goes(
    client: Client, act: Acting, series: list[int], mode: str, changed: int
) -> None:
    await client.save((await client.entity(series[1])) | {"Location": "Roof"}, UpdateMode=mode)

    assert [row["place"] for row in act.records()].count("Roof") == changed


async def test_a_moved_clock_time_moves_the_later_rows_by_as_much(
    client: Client, act: Acting, series: list[int]
) -> None:
    entity = planned(await client.entity(series[1]), "2026-03-19T10:00:00Z", "2026-03-19T10:30:00Z")

    await client.save(entity, UpdateMode="ThisAndForward")

    assert [row["local_start"].hour for row in act.records()] == [9, 11, 11, 11]
    assert {row["end"] - row["start"] for row in act.records()[1:]} == {
        datetime(2026, 1, 1, 0, 30, tzinfo=UTC) - datetime(2026, 1, 1, tzinfo=UTC)
    }


@pytest.mark.parametrize(("follows", "left"), [(False, 3), (True, 1)])
async def test_a_rest_delete_takes_one_row_or_the_rest_of_the_series(
    client: Client, act: Acting, switches: Switches, series: list[int], follows: bool, left: int
) -> None:
    switches.rest_write_follows_series = follows

    await client.send("DELETE", f"{APPOINTMENT}/{series[1]}")

    assert len(act.records()) == left


async def test_stopping_on_the_first_row_leaves_a_single_appointment(
    client: Client, act: Acting, series: list[int]
) -> None:
    await client.save(await client.entity(series[0]), UpdateMode="StopRecurrence")

    assert [(row["id"], row["rule"]) for row in act.records()] == [(series[0], 0)]


async def test_another_pattern_in_the_middle_is_a_new_rule(client: Client, act: Acting, series: list[int]) -> None:
    entity = await client.entity(series[1])
    carrier = entity["Recurrence"] | {
        "Pattern": "Daily",
        "DayPattern": {"Pattern": "EveryCyclicDay", "Cycle": 1},
        "StartDate": "2026-03-19T00:00:00",
        "RecurrenceCounter": 3,
        "Dates": [],
    }

    await client.save(entity | {"Recurrence": carrier}, UpdateMode="ThisAndForward")

    rules = [row["rule"] for row in act.records()]
    assert len(rules) == 4
    assert rules[0] != rules[1]
    assert len(set(rules[1:])) == 1


async def test_saved_dates_decide_which_rows_there_are(client: Client, act: Acting, company: Company) -> None:
    entity = planned(await client.default(company.kari), "2026-03-17T08:00:00Z", "2026-03-17T09:00:00Z")
    entity["Recurrence"] |= BIWEEKLY | {"StartDate": "2026-03-17T00:00:00"}
    entity["Recurrence"] = await client.agent("CalculateDays", {"AppointmentEntity": entity})
    assert len(entity["Recurrence"]["Dates"]) == 4
    del entity["Recurrence"]["Dates"][2]

    await client.save(entity)

    assert [row["local_start"].day for row in act.records()] == [17, 19, 2]


async def test_rows_of_a_series_with_guests_multiply(client: Client, act: Acting, company: Company) -> None:
    people = [{"AssociateId": company.kari}, {"AssociateId": company.ola}]
    entity = planned(await client.default(company.kari), "2026-03-17T08:00:00Z", "2026-03-17T09:00:00Z")
    entity["Recurrence"] |= BIWEEKLY | {"StartDate": "2026-03-17T00:00:00", "Dates": []}

    await client.save(entity | {"Participants": people})

    assert len(act.records(company.kari)) == len(act.records(company.ola)) == 4
    mothers = {row["mother"] for row in act.records(company.ola)}
    assert mothers == {row["id"] for row in act.records(company.kari)}


@pytest.mark.parametrize(
    ("carrier", "days"),
    [
        (
            {"Pattern": "Daily", "DayPattern": {"Pattern": "EveryWorkday", "Cycle": 1}},
            [(3, 3), (3, 4), (3, 5), (3, 6), (3, 9)],
        ),
        (
            {"Pattern": "Daily", "DayPattern": {"Pattern": "EveryCyclicDay", "Cycle": 10}},
            [(3, 3), (3, 13), (3, 23), (4, 2), (4, 12)],
        ),
        (
            {"Pattern": "Weekly", "WeekPattern": {"Weekdays": "Monday", "Cycle": 1}},
            [(3, 9), (3, 16), (3, 23), (3, 30), (4, 6)],
        ),
        (
            {
                "Pattern": "Monthly",
                "MonthPattern": {"Pattern": "WeekdayOfMonth", "Cycle": 1, "Weekday": "Friday", "WeekOfMonth": "Last"},
            },
            [(3, 27), (4, 24), (5, 29), (6, 26), (7, 31)],
        ),
        (
            {"Pattern": "Monthly", "MonthPattern": {"Pattern": "DayOfMonth", "Cycle": 2, "Day": 31}},
            [(3, 31), (5, 31), (7, 31), (9, 30), (11, 30)],
        ),
        (
            {"Pattern": "Yearly", "YearPattern": {"Pattern": "DayOfMonth", "Cycle": 5, "Day": 17}},
            [(5, 17)] * 5,
        ),
    ],
)
def test_patterns_name_their_days(carrier: dict[str, Any], days: list[tuple[int, int]]) -> None:
    counted = carrier | {"RecurrenceEndType": "Counter", "RecurrenceCounter": 5}

    assert [(day.month, day.day) for day in days_of(counted, first=FIRST, last=None)] == days


def test_a_pattern_may_end_by_date() -> None:
    carrier = {"Pattern": "Daily", "DayPattern": {"Pattern": "EveryWeekday"}, "RecurrenceEndType": "EndDate"}

    assert len(days_of(carrier, first=FIRST, last=date(2026, 3, 12))) == 10


@pytest.mark.parametrize(
    "carrier",
    [
        {"Pattern": "Daily", "RecurrenceEndType": "EndDate"},
        {"Pattern": "Daily", "RecurrenceEndType": "Counter", "RecurrenceCounter": 0},
        {"Pattern": "Unknown", "RecurrenceEndType": "Counter", "RecurrenceCounter": 3},
    ],
)
def test_there_is_no_endless_series(carrier: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        days_of(carrier, first=FIRST, last=None)


@pytest.mark.parametrize(("shifts", "day"), [(False, date(2026, 3, 5)), (True, date(2026, 3, 4))])
def test_a_suffixed_recurrence_date_shifts_in_a_tenant_west_of_greenwich_or_not(shifts: bool, day: date) -> None:
    tenant = World(now=TestClock(), switches=Switches(suffixed_recurrence_dates_shift=shifts)).add_tenant(
        base_zone="US-NY"
    )
    view = view_from_header("UTC,includeTZOffset", base_code="US-NY")
    how = Saving(tenant=tenant, actor=Actor(associate_id=1), view=view, cause="test")

    days = wanted_days({"Pattern": "Custom", "Dates": [{"Date": "2026-03-05T00:00:00Z"}]}, FIRST, how)

    assert days == [day]
