from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from calsync.sandbox.superoffice.asgi import Call
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.sandbox.superoffice.client import APPOINTMENT, Client, planned

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import TestClock

TEN = datetime(2026, 3, 5, 10, 0)  # noqa: DTZ001  # wall clock of the user
BASE = "/api/v1/TimeZone/base"


@pytest.fixture
async def unchecked(sandbox: SuperOfficeSandbox, client: Client) -> Any:
    """The client past the checker, since broken answers are wanted here."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.environment)) as http:
        yield Client(sandbox, http, ticket=client.ticket)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["2", "Mon, 02 Mar 2026 08:01:00 GMT", "1e9", None])
async def test_every_nth_request_is_throttled_in_every_wording(
    unchecked: Client, switches: Switches, status: int, retry_after: str | None
) -> None:
    switches.throttle_every, switches.throttle_status, switches.retry_after = 3, status, retry_after
    unchecked.sandbox.requests.clear()

    answers = [await unchecked.send("GET", BASE) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200, 200, status, 200, 200, status]
    assert answers[2].headers.get("Retry-After") == retry_after


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_every_nth_request_may_fail_with_a_page(unchecked: Client, switches: Switches, status: int) -> None:
    switches.error_every, switches.error_status = 1, status

    answer = await unchecked.send("GET", BASE)

    assert answer.status_code == status
    assert answer.text.startswith("<!DOCTYPE html>")


async def test_every_nth_answer_may_be_a_sign_in_page_with_status_200(unchecked: Client, switches: Switches) -> None:
    switches.html_every = 1

    answer = await unchecked.send("GET", BASE)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def _delete(client: Client, appointment: int) -> httpx.Response:
    return await client.send("DELETE", f"{APPOINTMENT}/{appointment}")


@pytest.mark.parametrize(("harm", "left"), [(Harm.CUT_BEFORE, 1), (Harm.CUT_AFTER, 0)])
async def test_a_lost_connection_does_not_tell_whether_the_effect_happened(
    unchecked: Client, act: Acting, switches: Switches, lunch: int, harm: Harm, left: int
) -> None:
    switches.faults.append(Fault(harm=harm, method="DELETE", path=APPOINTMENT))

    with pytest.raises(ConnectionResetError):
        await _delete(unchecked, lunch)

    assert len(act.records()) == left


@pytest.mark.parametrize(("harm", "left"), [(Harm.ANSWER_BEFORE, 1), (Harm.ANSWER_AFTER, 0), (Harm.EMPTY, 1)])
async def test_an_error_does_not_tell_either(
    unchecked: Client, act: Acting, switches: Switches, lunch: int, harm: Harm, left: int
) -> None:
    switches.faults.append(Fault(harm=harm, status=504, retry_after="5"))

    answer = await _delete(unchecked, lunch)

    assert (answer.status_code, answer.headers["Retry-After"]) == (504, "5")
    assert len(act.records()) == left


async def test_a_fault_hits_the_nth_matching_request_and_no_other(unchecked: Client, switches: Switches) -> None:
    switches.faults.append(Fault(harm=Harm.HTML, path="timezone/base", nth=2, times=2, status=200))

    async def kind(path: str) -> str:
        return (await unchecked.send("GET", path)).headers["content-type"].partition(";")[0]

    assert await kind(BASE) == "application/json"
    assert await kind("/api/v1/TimeZone/current") == "application/json"
    assert [await kind(BASE) for _ in range(3)] == ["text/html", "text/html", "application/json"]


async def test_faults_reach_the_login_host_too(unchecked: Client, switches: Switches) -> None:
    switches.faults.append(Fault(harm=Harm.ANSWER_BEFORE, path="PartnerSystemUser", status=500))

    assert (await unchecked.exchange()).status_code == 500
    assert (await unchecked.exchange()).status_code == 200


async def test_a_test_can_edit_between_the_read_and_the_write_of_a_client(
    client: Client, act: Acting, clock: TestClock, switches: Switches, company: Company, lunch: int
) -> None:
    async def edit(call: Call) -> None:
        await asyncio.sleep(0)
        if call.method == "PUT":
            switches.before_effect.clear()
            clock.advance(seconds=5)
            act.edit(company.kari, lunch, place="Roof")

    switches.before_effect.append(edit)
    entity = await client.get(f"{APPOINTMENT}/{lunch}")

    answer = await client.put(entity, headers={"If-Unmodified-Since": "Mon, 02 Mar 2026 08:00:00 GMT"})

    assert answer.status_code == 412


async def test_a_test_can_edit_right_after_an_effect(
    client: Client, act: Acting, switches: Switches, company: Company, lunch: int
) -> None:
    switches.after_effect.append(lambda _: act.edit(company.kari, lunch, place="Roof"))

    saved = await client.save((await client.entity(lunch)) | {"Location": "Cellar"})

    assert saved["Location"] == "Cellar"
    assert act.records()[0]["place"] == "Roof"


async def test_latency_delays_each_request_and_the_log_knows_how_many_were_under_way(
    client: Client, switches: Switches
) -> None:
    switches.latency_s = 0.05
    client.sandbox.requests.clear()
    begun = time.monotonic()

    await asyncio.gather(*(client.send("GET", BASE) for _ in range(4)))

    assert time.monotonic() - begun >= 0.05
    assert client.sandbox.requests.in_flight_max == 4


async def test_a_late_commit_has_an_older_id_and_stamp_than_what_was_seen_before_it(
    client: Client, act: Acting, clock: TestClock, switches: Switches, company: Company
) -> None:
    switches.late_commit_s = 10
    late = act.create(company.kari, title="Late", start=TEN, end=TEN + timedelta(hours=1))
    switches.late_commit_s = 0
    clock.advance(seconds=3)
    early = act.create(company.kari, title="Early", start=TEN, end=TEN + timedelta(hours=1))

    assert [row["appointmentId"] for row in await client.listed()] == [early]
    clock.advance(seconds=10)
    rows = await client.listed(orderby="appointmentId")

    assert [row["appointmentId"] for row in rows] == [late, early]
    assert rows[0]["registeredDate"] < rows[1]["registeredDate"]


async def test_a_late_edit_keeps_the_stamp_of_when_it_was_made(
    client: Client, act: Acting, clock: TestClock, switches: Switches, company: Company, lunch: int
) -> None:
    switches.late_commit_s = 10
    made = clock()
    act.edit(company.kari, lunch, place="Roof")
    assert (await client.entity(lunch))["Location"] == "Room 4"

    clock.advance(seconds=11)

    assert (await client.entity(lunch))["Location"] == "Roof"
    assert act.records()[0]["updated"] == made


async def test_a_restored_backup_gives_ids_a_second_time(
    act: Acting, sandbox: SuperOfficeSandbox, company: Company, lunch: int
) -> None:
    backup = sandbox.world.snapshot()
    first = act.create(company.kari, title="After the backup", start=TEN, end=TEN)
    act.edit(company.kari, lunch, title="Dinner")

    sandbox.world.restore(backup)
    second = act.create(company.kari, title="Another one", start=TEN, end=TEN)

    assert first == second
    assert [row["title"] for row in act.records()] == ["Lunch", "Another one"]
    sandbox.world.restore(backup)
    assert [row["title"] for row in act.records()] == ["Lunch"]


async def test_the_log_counts_requests_and_writes_by_path(client: Client, company: Company) -> None:
    client.sandbox.requests.clear()

    entity = planned(await client.default(company.kari), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")
    await client.save(entity)
    await client.listed()

    log = client.sandbox.requests
    assert len(log) == 3
    assert [entry.path for entry in log.writes] == ["/api/v1/Agents/Appointment/Save"]
    assert log.by_path()[f"GET {APPOINTMENT}"] == 1
    assert {entry.status for entry in log} == {200}


async def test_expired_tickets_are_refused_until_a_new_one_is_fetched(
    client: Client, sandbox: SuperOfficeSandbox
) -> None:
    sandbox.world.expire_tickets()

    assert (await client.send("GET", BASE)).status_code == 401
    await client.sign_in()
    assert (await client.send("GET", BASE)).status_code == 200
