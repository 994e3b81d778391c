from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from calsync.sandbox.superoffice.switches import AfterTime
from tests.sandbox.superoffice.client import APPOINTMENT

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client, TestClock

TEN = datetime(2026, 3, 5, 10, 0)  # noqa: DTZ001  # wall clock of the user
DYNAMIC = "/api/v1/Archive/dynamic"


def _many(act: Acting, owner: int, count: int) -> list[int]:
    return [act.create(owner, title=f"No {number}", start=TEN, end=TEN + timedelta(hours=1)) for number in range(count)]


def _ids(rows: list[dict[str, Any]]) -> list[int]:
    return sorted(row["appointmentId"] for row in rows)


async def test_a_row_has_the_quirks_of_recorded_answers(client: Client, lunch: int) -> None:
    row = (await client.listed())[0]

    assert row["PrimaryKey"] == str(lunch)
    assert row["appointmentId"] == lunch
    assert row["associateId"] == "KARI"
    assert (row["date"], row["endDate"]) == ("2026-03-05T11:00:00", "2026-03-05T00:00:00")
    assert row["endTime"] == "2026-03-05T12:00:00"
    assert row["registeredDate"] == "2026-03-02T08:00:00"
    assert row["updatedDate"] == "0001-01-01T00:00:00"
    assert row["visibleFor"] == "[SR_VFC_ALL]"
    assert row["visibleInDiary"] is False


async def test_the_key_is_a_number_in_full_mode(client: Client, lunch: int) -> None:
    assert (await client.listed(mode="Full"))[0]["PrimaryKey"] == lunch


@pytest.mark.parametrize("column", ["title", "agenda", "motherId", "alldayEvent"])
async def test_columns_the_provider_lacks_are_refused(client: Client, lunch: int, column: str) -> None:
    answer = await client.send("GET", APPOINTMENT, params={"$select": f"appointmentId,{column}"})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        "appointmentId ge 1",
        "appointmentId begins '1'",
        "associateId eq 2",
        "updatedDate gt '2026-03-01'",
        "nothing eq 1",
        "appointmentId gt",
        "appointmentId eq 1 or",
        "updatedDate after 'soon'",
        "appointmentId eq 1)",
    ],
)
async def test_filters_that_do_not_fit_are_400(client: Client, text: str) -> None:
    assert (await client.send("GET", APPOINTMENT, params={"$filter": text})).status_code == 400


async def test_less_or_equal_can_be_switched_on(client: Client, switches: Switches, lunch: int) -> None:
    switches.less_or_equal_works = True

    assert _ids(await client.listed(filter=f"appointmentId ge {lunch}")) == [lunch]


async def test_filters_by_owner_id_kind_and_text(client: Client, act: Acting, company: Company, lunch: int) -> None:
    other = _many(act, company.ola, 1)[0]

    assert _ids(await client.listed(filter=f"associateId associateIsOneOf ({company.kari})")) == [lunch]
    assert _ids(await client.listed(filter=f"associateId associateIsNotOneOf ({company.kari})")) == [other]
    assert _ids(await client.listed(filter=f"appointmentId gt {lunch}")) == [other]
    assert _ids(await client.listed(filter=f"appointmentId between ({lunch},{lunch})")) == [lunch]
    assert _ids(await client.listed(filter="type oneOf (1,2) and recurring eq false")) == [lunch, other]
    assert _ids(await client.listed(filter="(text contains 'unch') or text is 'no 0'")) == [lunch, other]


async def test_documents_and_tasks_are_in_the_list(client: Client, act: Acting, company: Company) -> None:
    act.create_document(company.kari, title="Offer", start=TEN)
    act.create_task(company.kari, title="Call", start=TEN, end=TEN)

    rows = await client.listed(orderby="appointmentId")

    assert [(row["recordType"], row["rawType"]) for row in rows] == [("Document", 4), ("Appointment", 2)]


async def _changed_at_noon(client: Client, act: Acting, clock: TestClock, company: Company, lunch: int) -> None:
    clock.advance(hours=4)  # noon
    act.edit(company.kari, lunch, place="Roof")


@pytest.mark.parametrize(
    ("rule", "found"), [(AfterTime.WORKS, False), (AfterTime.WHOLE_DAYS, False), (AfterTime.REFUSED, None)]
)
async def test_after_time_on_a_date_column_later_that_day(
    client: Client,
    act: Acting,
    clock: TestClock,
    switches: Switches,
    company: Company,
    lunch: int,
    rule: AfterTime,
    found: bool | None,
) -> None:
    switches.after_time = rule
    await _changed_at_noon(client, act, clock, company, lunch)

    text = "updatedDate afterTime '2026-03-02T13:00:00'"
    answer = await client.send("GET", APPOINTMENT, params={"$filter": text})

    assert answer.status_code == (400 if found is None else 200)
    assert found is None or bool(answer.json()["value"]) is found


@pytest.mark.parametrize(("rule", "found"), [(AfterTime.WORKS, True), (AfterTime.WHOLE_DAYS, False)])
async def test_a_whole_day_filter_misses_changes_of_the_named_day(
    client: Client,
    act: Acting,
    clock: TestClock,
    switches: Switches,
    company: Company,
    lunch: int,
    rule: AfterTime,
    found: bool,
) -> None:
    switches.after_time = rule
    await _changed_at_noon(client, act, clock, company, lunch)

    assert bool(await client.listed(filter="updatedDate afterTime '2026-03-02T11:00:00'")) is found


@pytest.mark.parametrize(("includes", "found"), [(False, False), (True, True)])
async def test_after_leaves_the_named_day_out_or_not(
    client: Client,
    act: Acting,
    clock: TestClock,
    switches: Switches,
    company: Company,
    lunch: int,
    includes: bool,
    found: bool,
) -> None:
    switches.after_includes_day = includes
    await _changed_at_noon(client, act, clock, company, lunch)

    assert bool(await client.listed(filter="updatedDate after '2026-03-02'")) is found
    assert await client.listed(filter="updatedDate after '2026-03-01'")


async def test_a_row_never_changed_is_found_by_registered_date_only(client: Client, lunch: int) -> None:
    assert await client.listed(filter="updatedDate after '2026-03-01'") == []
    both = "updatedDate after '2026-03-01' or registeredDate after '2026-03-01'"
    assert _ids(await client.listed(filter=both)) == [lunch]


@pytest.mark.parametrize(("base", "found"), [(False, True), (True, False)])
async def test_the_zone_of_a_date_literal_is_utc_or_the_base_zone(
    client: Client,
    act: Acting,
    clock: TestClock,
    switches: Switches,
    company: Company,
    lunch: int,
    base: bool,
    found: bool,
) -> None:
    switches.date_literals_in_base_zone = base
    clock.advance(hours=15, minutes=30)  # 23:30 UTC is half past midnight in Oslo
    act.edit(company.kari, lunch, place="Roof")
    await client.sign_in()

    assert bool(await client.listed(filter="updatedDate date '2026-03-02'")) is found


async def test_pages_end_with_a_null_link_and_each_link_goes_on(
    client: Client, act: Acting, sandbox: SuperOfficeSandbox, company: Company
) -> None:
    ids = _many(act, company.kari, 5)
    seen: list[int] = []
    path: str | None = APPOINTMENT + "?$select=appointmentId&$orderby=appointmentId&$top=2"

    while path is not None:
        page = await client.get(path)
        seen += [row["appointmentId"] for row in page["value"]]
        link = page["odata.nextLink"]
        path = None if link is None else "/api" + link.split("/Cust12345/api", 1)[1]
        assert link is None or ":443/Cust12345/api/v1/Appointment?" in link

    assert seen == ids
    assert sandbox.requests.by_path()[f"GET {APPOINTMENT}"] == 3


async def test_a_page_holds_no_more_than_the_server_gives(
    client: Client, act: Acting, switches: Switches, company: Company
) -> None:
    switches.page_max = 3
    _many(act, company.kari, 5)

    assert len(await client.listed(top="500")) == 3


async def test_later_pages_come_from_the_key_list_of_the_first(
    client: Client, act: Acting, clock: TestClock, company: Company
) -> None:
    ids = _many(act, company.kari, 4)
    await client.listed(orderby="appointmentId desc", top="2")
    newest = _many(act, company.kari, 1)

    second = await client.listed(orderby="appointmentId desc", top="2", skip="2")
    assert _ids(second) == ids[:2]

    clock.advance(seconds=61)
    second = await client.listed(orderby="appointmentId desc", top="2", skip="2")
    assert _ids(second) == ids[1:3]
    assert newest


@pytest.mark.parametrize(("cached_s", "found"), [(0.0, 2), (60.0, 1)])
async def test_the_first_page_of_an_equal_query_may_be_a_minute_old(
    client: Client, act: Acting, switches: Switches, company: Company, lunch: int, cached_s: float, found: int
) -> None:
    switches.first_page_cached_s = cached_s
    await client.listed(orderby="appointmentId")
    _many(act, company.kari, 1)

    assert len(await client.listed(orderby="appointmentId")) == found


async def test_internal_users_have_ids_and_addresses_and_leave_out_system_and_rooms(
    client: Client, act: Acting, company: Company
) -> None:
    act.retire(company.ola)
    select = "associateDbId,fullName,personId,personEmail,isActive,userName,usergroup"

    params = {"$select": select, "$orderby": "associateDbId"}
    rows = (await client.get("/api/v1/Archive/InternalUsers", params=params))["value"]

    assert [(row["associateDbId"], row["isActive"]) for row in rows] == [
        (company.kari, True),
        (company.ola, False),
        (company.emma, True),
    ]
    assert rows[0]["personEmail"] == "kari.nordmann@fjordtech.example"


async def test_an_unknown_provider_is_refused(client: Client) -> None:
    assert (await client.send("GET", "/api/v1/Archive/Everything")).status_code == 400


async def _dynamic(client: Client, select: str, where: str) -> list[dict[str, Any]]:
    params = {"$select": select, "$filter": where, "$orderby": select.split(",", maxsplit=1)[0]}
    return list((await client.get(DYNAMIC, params=params))["value"])


async def test_the_log_tells_deletes_by_a_growing_id(client: Client, act: Acting, company: Company, lunch: int) -> None:
    act.delete(company.kari, lunch)
    where = (
        "traveltransactionlog.tablenumber = 9 and traveltransactionlog.type = 4864 "
        "and traveltransactionlog.traveltransactionlog_id gt 0"
    )
    select = (
        "traveltransactionlog.traveltransactionlog_id,traveltransactionlog.record_id,traveltransactionlog.associate_id"
    )

    rows = await _dynamic(client, select, where)

    assert [row["traveltransactionlog.record_id"] for row in rows] == [lunch]
    assert rows[0]["traveltransactionlog.associate_id"] == company.kari


async def test_the_sequence_tells_the_next_id(client: Client, lunch: int) -> None:
    rows = await _dynamic(client, "sequence.next_id", "sequence.tablename = 'appointment'")

    assert rows[0]["sequence.next_id"] == lunch + 1


async def test_the_zone_of_every_user_is_in_the_associate_table(client: Client, company: Company) -> None:
    select = "associate.associate_id,associate.tzLocationId"

    rows = await _dynamic(client, select, f"associate.associate_id eq {company.emma}")

    assert rows[0]["associate.tzLocationId"] == 460


async def test_the_appointment_table_shows_numbers_and_the_version_counter(
    client: Client, act: Acting, company: Company, lunch: int
) -> None:
    act.edit(company.kari, lunch, place="Roof")
    select = "appointment.appointment_id,appointment.associate_id,appointment.updatedCount,appointment.alldayEvent"

    row = (await _dynamic(client, select, f"appointment.appointment_id gt {lunch - 1}"))[0]

    assert (row["appointment.associate_id"], row["appointment.updatedCount"]) == (company.kari, 1)
    assert row["appointment.alldayEvent"] == 0


@pytest.mark.parametrize(
    ("switch", "column"),
    [
        ("dynamic_appointment", "appointment.appointment_id"),
        ("dynamic_travellog", "traveltransactionlog.record_id"),
        ("dynamic_sequence", "sequence.next_id"),
        ("dynamic_associate", "associate.tzLocationId"),
    ],
)
async def test_each_table_may_be_closed(client: Client, switches: Switches, switch: str, column: str) -> None:
    assert (await client.send("GET", DYNAMIC, params={"$select": column})).status_code == 200

    setattr(switches, switch, False)

    assert (await client.send("GET", DYNAMIC, params={"$select": column})).status_code == 400
