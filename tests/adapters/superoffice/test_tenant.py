from __future__ import annotations

from dataclasses import replace

import pytest

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice.admission import admit
from calsync.adapters.superoffice.tenant import Place, check_host, check_running, place_from
from calsync.core.errors import (
    CalendarUnavailableError,
    InDoubtError,
    SignInNeededError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.ports import Associate, Tenant
from calsync.sandbox.superoffice.records import TenantState
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.adapters.superoffice.desk import Desk, draft
from tests.builders import event


async def admitted(desk: Desk, tenant: Tenant | None = None) -> tuple[Tenant, list[Associate]]:
    return await admit(
        environment=desk.environment, keys=desk.keys, http=desk.http, clock=desk.clock, tenant=tenant or desk.given
    )


# --- calls ----------------------------------------------------------------------------------------------------------


async def test_every_call_names_the_zone_the_app_and_the_ticket(desk: Desk) -> None:
    seen: list[dict[str, str]] = []
    desk.world.switches.before_effect = [
        lambda call: seen.append(dict(call.headers)) if "/api/v1/" in call.path else None
    ]
    await desk.side().create(draft(event()))

    assert len(seen) > 3
    assert {headers["so-timezone"] for headers in seen} == {"UTC,includeTZOffset"}
    assert {headers["accept"] for headers in seen} == {"application/json"}
    assert {headers["so-apptoken"] for headers in seen} == {desk.environment.client_secret}
    assert all(headers["authorization"].startswith("SOTicket 7T:") for headers in seen)


async def test_P41_a_tenant_that_moved_is_found_by_its_state_and_asked_again(desk: Desk) -> None:
    api = desk.api
    side = desk.side(api=api)
    await side.find(draft(event()))
    new = desk.sandbox.move_tenant()
    desk.sandbox.requests.clear()

    receipt = await side.create(draft(event()))

    assert receipt.seen is not None
    assert api.url == new
    assert desk.sandbox.requests.by_path()["GET /api/state/Cust12345"] == 1
    assert len(desk.sandbox.act.records()) == 1


async def test_P41_a_tenant_that_says_421_for_ever_is_waited_for(desk: Desk) -> None:
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, path="/api/v1/", times=99, status=421))

    with pytest.raises(TryLaterError):
        await desk.side().find(draft(event()))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/Cust1",
        "https://superoffice.com.evil.example/Cust1",
        "https://evilsuperoffice.com/Cust1",
        "https://superoffice.com/Cust1",
        "https://sod2.superoffice.com@evil.example/Cust1",
        "https://sod2.superoffice.com:8443.evil.example/",
        "ftp://sod2.superoffice.com/",
        "",
    ],
)
def test_H34_a_tenant_on_a_foreign_host_is_refused(url: str) -> None:
    with pytest.raises(CalendarUnavailableError):
        check_host(url, ("*.superoffice.com",))


def test_H34_hosts_are_named_with_or_without_port() -> None:
    check_host("https://sod2.superoffice.com:443/Cust1", ("*.superoffice.com",))
    check_host("http://127.0.0.1:8081/Cust1", ("127.0.0.1:8081",))
    with pytest.raises(CalendarUnavailableError):
        check_host("http://127.0.0.1:8082/Cust1", ("127.0.0.1:8081",))


async def test_H34_no_credential_goes_to_a_foreign_host_that_the_state_names(desk: Desk) -> None:
    api, known = desk.api, desk.tenant.url
    desk.sandbox.environment.origins.tenants = ["https://sod2.evil.example"]

    with pytest.raises(CalendarUnavailableError):
        await admitted(desk)
    with pytest.raises(CalendarUnavailableError):
        await desk.side(api=api).find(draft(event()))

    assert api.url == known


# --- state ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["Suspended", "OfflineMaintenance", "Unknown", "Provisioning", "FutureState"])
def test_P42_a_tenant_that_is_not_running_is_waited_for(state: str) -> None:
    with pytest.raises(TryLaterError):
        check_running(Place(url="https://x", state=state, running=False, custid="Cust1"))


@pytest.mark.parametrize("state", ["Deleted", "Deleting"])
def test_P42_a_deleted_tenant_pauses_its_pairs(state: str) -> None:
    with pytest.raises(CalendarUnavailableError):
        check_running(Place(url="https://x", state=state, running=False, custid="Cust1"))


def test_a_running_tenant_may_be_in_online_maintenance() -> None:
    check_running(Place(url="https://x", state="OnlineMaintenance", running=True, custid="Cust1"))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"State": "Running"}'])
def test_N15_a_state_that_is_none_is_unusable(body: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        place_from(Answer(status=200, headers={}, body=body, url=""), "Cust1")


async def test_P42_a_suspended_tenant_is_no_reason_to_sign_in(desk: Desk) -> None:
    desk.world.tenant().state = TenantState.SUSPENDED
    desk.world.tenant().approved = False

    with pytest.raises(TryLaterError) as waiting:
        await desk.side().find(draft(event()))

    assert not isinstance(waiting.value, SignInNeededError)


async def test_P42_a_failing_server_is_explained_by_the_tenant_s_state(desk: Desk) -> None:
    side = desk.side()
    await side.find(draft(event()))
    desk.world.tenant().state = TenantState.OFFLINE_MAINTENANCE
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, path="/api/v1/", times=99, status=502))

    with pytest.raises(TryLaterError, match="OfflineMaintenance"):
        await side.find(draft(event()))


async def test_a_write_in_doubt_stays_in_doubt_whatever_the_state_says(desk: Desk) -> None:
    side = desk.side()
    await side.find(draft(event()))
    desk.world.tenant().state = TenantState.ONLINE_MAINTENANCE
    desk.strike(Fault(harm=Harm.CUT_AFTER, path="CreateAppointmentForUID"))

    with pytest.raises(InDoubtError):
        await side.create(draft(event()))


# --- admission ------------------------------------------------------------------------------------------------------


async def test_admission_tells_where_the_tenant_is_as_whom_we_work_and_its_people(desk: Desk) -> None:
    tenant, people = await admitted(desk)

    assert (tenant.url, tenant.zone, tenant.principal) == (desk.sandbox.tenant_url(), "Europe/Oslo", 1)
    assert tenant.token == desk.given.token
    assert people == [
        Associate(tenant="Cust12345", id=desk.kari, name="Kari Nordmann", email="kari@example.com", zone="Europe/Oslo"),
        Associate(tenant="Cust12345", id=desk.ola, name="Ola Hansen", email="ola@example.com", zone="Europe/Oslo"),
    ]


async def test_people_have_their_own_zones_and_retired_ones_are_told(desk: Desk) -> None:
    emma = desk.world.tenant().add_associate(name="E", first="Emma", last="S", emails=[], zone="US-NY").associate_id
    desk.sandbox.act.retire(desk.ola)

    by_id = {each.id: each for each in (await admitted(desk))[1]}

    assert by_id[emma].zone == "America/New_York"
    assert (by_id[desk.ola].state, by_id[desk.kari].state) == ("retired", "active")


async def test_where_tables_cannot_be_read_people_have_no_zone_of_their_own(desk: Desk) -> None:
    desk.world.switches.dynamic_associate = False

    _, people = await admitted(desk)

    assert {each.zone for each in people} == {""}


async def test_P05_all_people_are_listed_however_small_the_pages(desk: Desk) -> None:
    desk.world.switches.page_max = 3
    for number in range(10):
        desk.world.tenant().add_associate(name=f"U{number}", first="U", last=str(number), emails=[])

    _, people = await admitted(desk)

    assert len(people) == 12
    assert {each.zone for each in people} == {"Europe/Oslo"}


async def test_an_unknown_tenant_is_not_admitted(desk: Desk) -> None:
    with pytest.raises(TryLaterError):
        await admitted(desk, replace(desk.given, id="Cust404"))


async def test_a_wrong_token_is_not_admitted(desk: Desk) -> None:
    with pytest.raises(SignInNeededError):
        await admitted(desk, replace(desk.given, token="wrong"))
