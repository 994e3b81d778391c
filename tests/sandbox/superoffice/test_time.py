from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from calsync.sandbox.superoffice.world import World
from calsync.sandbox.superoffice.zones import view_from_header
from tests.sandbox.superoffice.client import planned

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client


@pytest.mark.parametrize(
    ("zone", "start", "created"),
    [
        (None, "2026-03-05T12:00:00", "2026-03-02T09:00:00"),
        ("UTC", "2026-03-05T11:00:00", "2026-03-02T08:00:00"),
        ("UTC,includeTZOffset", "2026-03-05T11:00:00Z", "2026-03-02T08:00:00Z"),
        ("NO, includeTZOffset", "2026-03-05T12:00:00+01:00", "2026-03-02T08:00:00Z"),
        ("460,includeTZOffset", "2026-03-05T06:00:00-05:00", "2026-03-02T08:00:00Z"),
    ],
)
async def test_the_zone_header_decides_how_one_instant_is_written(
    client: Client, lunch: int, zone: str | None, start: str, created: str
) -> None:
    client.zone = zone

    entity = await client.entity(lunch)

    assert (entity["StartDate"], entity["CreatedDate"]) == (start, created)


@pytest.mark.parametrize(
    ("zone", "sent"),
    [
        (None, "2026-03-05T15:00:00"),
        (None, "2026-03-05T14:00:00Z"),
        ("UTC,includeTZOffset", "2026-03-05T14:00:00"),
        ("US-NY", "2026-03-05T09:00:00"),
        ("US-NY", "2026-03-05T15:00:00+01:00"),
    ],
)
async def test_sent_times_are_converted_by_their_offset_or_else_by_the_header(
    client: Client, act: Acting, lunch: int, zone: str | None, sent: str
) -> None:
    entity = await client.entity(lunch)
    client.zone = zone

    await client.save(planned(entity, sent, "2026-03-05T23:00:00Z"))

    assert act.records()[0]["start"] == datetime(2026, 3, 5, 14, tzinfo=UTC)


async def test_an_iana_name_is_no_zone_code(client: Client) -> None:
    client.zone = "Europe/Oslo,includeTZOffset"

    assert (await client.send("GET", "/api/v1/TimeZone/base")).status_code == 400


async def test_a_row_never_changed_has_updated_date_of_year_one(client: Client, lunch: int) -> None:
    entity = await client.entity(lunch)

    assert entity["UpdatedDate"] == "0001-01-01T00:00:00Z"
    assert entity["UpdatedBy"] is None


async def test_recurrence_dates_are_tagged_but_never_shifted(client: Client, act: Acting, company: Company) -> None:
    evening = datetime(2026, 3, 5, 0, 30)  # noqa: DTZ001  # wall clock of the user
    ids = act.create_series(
        company.kari, title="Night shift", start=evening, end=evening.replace(hour=1), days=[date(2026, 3, 5)]
    )

    entity = await client.entity(ids[0])

    assert entity["StartDate"] == "2026-03-04T23:30:00Z"
    assert entity["Recurrence"]["StartDate"] == "2026-03-05T00:00:00Z"
    assert entity["Recurrence"]["Dates"][0]["Date"] == "2026-03-05T00:00:00Z"


async def test_an_all_day_row_of_the_web_client_has_the_clock_times_of_two_preferences(
    client: Client, act: Acting, company: Company
) -> None:
    fair = act.create(company.kari, title="Fair", start=date(2026, 3, 5), end=date(2026, 3, 6))
    client.zone = "NO"

    entity = await client.entity(fair)

    assert entity["IsAlldayEvent"] is True
    assert (entity["StartDate"], entity["EndDate"]) == ("2026-03-05T08:00:00", "2026-03-06T16:00:00")


async def test_an_all_day_row_is_made_in_the_zone_of_its_user(act: Acting, company: Company) -> None:
    act.create(company.emma, title="Day off", start=date(2026, 3, 5), end=date(2026, 3, 5))

    assert act.records(company.emma)[0]["local_start"] == datetime(2026, 3, 5, 14, 0)  # noqa: DTZ001  # base zone


@pytest.mark.parametrize(("shifts", "day"), [(False, date(2026, 3, 5)), (True, date(2026, 3, 4))])
def test_west_of_greenwich_a_suffixed_recurrence_date_may_fall_on_the_day_before(shifts: bool, day: date) -> None:
    view = view_from_header("UTC,includeTZOffset", base_code="US-NY")

    assert view.read_day("2026-03-05T00:00:00Z", shifts=shifts) == day


async def test_the_hour_that_happens_twice_is_kept_as_wall_clock_and_so_loses_one_of_them(
    client: Client, act: Acting, lunch: int
) -> None:
    entity = await client.entity(lunch)

    await client.save(planned(entity, "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"))

    assert act.records()[0]["start"] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


async def test_unset_dates_are_tagged_with_the_offset_of_the_header(client: Client, lunch: int) -> None:
    client.zone = "NO,includeTZOffset"

    entity = await client.entity(lunch)

    assert entity["PublishFrom"].startswith("0001-01-01T00:00:00+")
    assert entity["PublishTo"].startswith("9999-12-31T23:59:59.9999999")


async def test_the_answer_says_which_zone_it_used(client: Client) -> None:
    answer = await client.send("GET", "/api/v1/TimeZone/base")

    assert answer.headers["SO-TIMEZONE"] == "UTC"
    assert answer.json()["TZLocationCode"] == "NO"


def test_stamps_have_whole_seconds(switches: Switches) -> None:
    world = World(now=lambda: datetime(2026, 3, 2, 8, 0, 0, 999_999, tzinfo=UTC), switches=switches)

    assert world.add_tenant().now() == datetime(2026, 3, 2, 8, 0, 0, tzinfo=UTC)
