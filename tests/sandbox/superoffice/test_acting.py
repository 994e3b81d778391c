from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from calsync.sandbox.superoffice.acting import Acting
from calsync.sandbox.superoffice.believable import believable_week
from calsync.sandbox.superoffice.world import World
from tests.sandbox.superoffice.client import TestClock

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.believable import Company
    from tests.sandbox.superoffice.client import Client

TEN = datetime(2026, 3, 5, 10, 0)  # noqa: DTZ001  # wall clock of the user
HOUR = timedelta(hours=1)
MONDAY = date(2026, 3, 2)


async def test_what_a_person_does_is_stamped_with_that_person(
    client: Client, act: Acting, clock: TestClock, company: Company, lunch: int
) -> None:
    clock.advance(minutes=1)
    act.edit(company.ola, lunch, place="Roof")

    entity = await client.entity(lunch)

    assert entity["CreatedBy"]["AssociateId"] == company.kari
    assert entity["UpdatedBy"]["AssociateId"] == company.ola
    assert entity["UpdatedDate"] == "2026-03-02T08:01:00Z"


def test_a_naive_time_is_the_wall_clock_of_the_user(act: Acting, company: Company) -> None:
    act.create(company.emma, title="x", start=TEN, end=TEN + HOUR)

    assert act.records()[0]["start"] == datetime(2026, 3, 5, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"title": "Dinner"}, {"title": "Dinner"}),
        ({"notes": "<p>x</p>"}, {"notes": "<p>x</p>"}),
        ({"internal_notes": "secret"}, {"internal_notes": "secret"}),
        ({"private": True}, {"private": True}),
        ({"busy": False}, {"busy": False}),
        ({"reminder_min": 30}, {"reminder_min": 30}),
        ({"completed": True}, {"status": "Completed"}),
        ({"join_url": "https://meet.example/x"}, {"join_url": "https://meet.example/x"}),
        ({"preferred_zone": 460}, {"preferred_zone": 460}),
        (
            {"start": datetime(2026, 3, 6, 9, tzinfo=UTC)},
            {
                "start": datetime(2026, 3, 6, 9, tzinfo=UTC),
                "end": datetime(2026, 3, 6, 10, tzinfo=UTC),
                "active": datetime(2026, 3, 6, 9, tzinfo=UTC),
            },
        ),
        (
            {"start": date(2026, 3, 6), "end": date(2026, 3, 7)},
            {"all_day": True, "local_start": datetime(2026, 3, 6, 8, 0)},  # noqa: DTZ001  # base zone
        ),
    ],
)
def test_every_field_can_be_edited(
    act: Acting, company: Company, lunch: int, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    act.edit(company.kari, lunch, **fields)

    row = act.record(lunch)
    assert row is not None
    assert {name: row[name] for name in shown} == shown


def test_a_field_that_does_not_exist_is_refused(act: Acting, company: Company, lunch: int) -> None:
    with pytest.raises(TypeError):
        act.edit(company.kari, lunch, colour="red")


def test_a_change_of_owner_leaves_the_row_a_plain_one(act: Acting, company: Company, lunch: int) -> None:
    act.change_owner(company.kari, lunch, company.ola)

    assert [(row["id"], row["type"], row["status"]) for row in act.records(company.ola)] == [
        (lunch, "inDiary", "NotStarted")
    ]


def test_a_copy_is_a_row_of_its_own(act: Acting, company: Company, lunch: int) -> None:
    twin = act.copy(company.kari, lunch)
    act.edit(company.kari, twin, title="Copy")

    assert [row["title"] for row in act.records()] == ["Lunch", "Copy"]


def test_a_moved_meeting_moves_for_everybody(act: Acting, company: Company) -> None:
    meeting = act.book(company.kari, title="x", start=TEN, end=TEN + HOUR, participants=[company.ola])

    act.edit(company.kari, meeting, start=TEN + HOUR, send_mail=True)

    assert act.records(company.ola)[0]["local_start"] == TEN + HOUR
    assert len(act.tenant.mails) == 1


def test_a_whole_series_can_be_deleted(act: Acting, company: Company) -> None:
    ids = act.create_series(
        company.kari, title="x", start=TEN, end=TEN + HOUR, days=[TEN.date(), TEN.date() + timedelta(days=1)]
    )

    act.delete(company.kari, ids[0], series=True)

    assert act.records() == []


def _week(seed: int) -> Acting:
    tenant = World(now=TestClock()).add_tenant()
    believable_week(tenant, monday=MONDAY, seed=seed)
    return Acting(tenant)


def test_a_believable_week_holds_every_kind_of_row() -> None:
    rows = _week(1).records()

    kinds = Counter(row["type"] for row in rows)
    assert len(rows) >= 55
    assert kinds["inChecklist"] == kinds["Document"] == 1
    assert kinds["BookingForDiary"] == 3
    assert sum(row["private"] for row in rows) >= 2
    assert sum(row["all_day"] for row in rows) == 2
    assert len({row["rule"] for row in rows}) == 2
    assert all(row["end"] >= row["start"] for row in rows)


def test_the_same_seed_gives_the_same_week() -> None:
    assert _week(7).records() == _week(7).records()
    assert _week(7).records() != _week(8).records()


async def test_private_appointments_are_seen_by_the_system_user(client: Client, act: Acting, company: Company) -> None:
    private = act.create(company.kari, title="Doctor", start=TEN, end=TEN + HOUR, private=True)

    entity = await client.entity(private)

    assert (entity["Title"], entity["Private"]) == ("Doctor", "PrivateUser")
    assert [(each["Visibility"], each["VisibleId"]) for each in entity["VisibleFor"]] == [("Associate", company.kari)]


async def test_lists_and_preferences_are_read(client: Client, company: Company) -> None:
    section = "/api/v1/Preference/DiaryView/AllDayStartTime"
    assert (await client.get(section))["RawValue"] == "08:00"
    put = await client.send("PUT", f"{section}/SystemWide", params={"value": "00:00"})
    assert put.status_code == 204
    assert await client.get(f"{section}/SystemWide") == "00:00"
    wanted = {"Specifications": [{"Section": "DiaryView", "Key": "AllDayStartTime"}]}
    found = await client.agent("/api/v1/Agents/Preference/GetPreferences", wanted)
    assert [each["RawValue"] for each in found] == ["00:00"]

    codes = {row["TZLocationCode"] for row in (await client.get("/api/v1/TimeZone"))["value"]}
    assert {"UTC", "NO", "US-NY"} <= codes
    assert (await client.get("/api/v1/TimeZone/current"))["TZLocationCode"] == "NO"
    assert (await client.get("/api/v1/List/Task/Items"))[0]["Type"] == "Appointment"

    flat = await client.get("/api/v1/MDOList/associate", params={"flat": "true"})
    assert [each["Id"] for each in flat] == [company.kari, company.ola, company.emma, company.room]
    assert (await client.get("/api/v1/MDOList/associate"))[0]["Name"] == "Sales"
    person = await client.get("/api/v1/Person/2")
    assert person["Emails"][0]["Value"] == "kari.nordmann@fjordtech.example"
    listed = await client.agent("/api/v1/Agents/Associate/GetAssociateList", [company.kari, 999])
    assert [each["Name"] for each in listed] == ["KARI"]
    assert await client.agent("/api/v1/Agents/TimeZone/GetBaseTimeZoneId") == 261
