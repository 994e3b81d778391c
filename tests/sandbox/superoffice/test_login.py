from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from calsync.sandbox.superoffice.records import TenantState
from tests.sandbox.superoffice.client import signed_token

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client, TestClock

PRINCIPAL = "/api/v1/User/currentPrincipal"


async def test_the_ticket_comes_in_a_jwt_that_the_published_keys_verify(client: Client, clock: TestClock) -> None:
    login = client.credentials.login_url
    discovery = (await client.http.get(f"{login}/login/.well-known/openid-configuration")).json()
    keys = jwt.PyJWKSet.from_dict((await client.http.get(discovery["jwks_uri"])).json())
    token = (await client.exchange()).json()["Token"]

    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256"],
        audience=f"spn:{client.credentials.serial}",
        issuer="SuperOffice AS",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )

    assert discovery["issuer"] == login
    assert claims["http://schemes.superoffice.net/identity/ticket"].startswith("7T:")
    assert claims["http://schemes.superoffice.net/identity/ctx"] == "Cust12345"
    assert claims["exp"] <= clock().timestamp() + 600


@pytest.mark.parametrize(
    "spoilt",
    [
        {"ApplicationToken": "wrong"},
        {"ContextIdentifier": "Cust99999"},
        {"SignedSystemToken": "Calendar Sync-54321tsuC.202603020800.AAAA"},
    ],
)
async def test_a_refused_exchange_says_so_in_its_body_and_not_by_its_status(
    client: Client, spoilt: dict[str, str]
) -> None:
    answer = await client.exchange(**spoilt)

    assert answer.status_code == 200
    assert answer.json()["IsSuccessful"] is False
    assert answer.json()["Token"] is None
    assert answer.json()["ErrorMessage"]


async def test_the_status_of_a_refused_exchange_can_be_switched(client: Client, switches: Switches) -> None:
    switches.refused_ticket_status = 400

    assert (await client.exchange(ApplicationToken="wrong")).status_code == 400


@pytest.mark.parametrize(("minutes", "accepted"), [(0, True), (4, True), (-4, True), (30, False), (-30, False)])
async def test_a_signed_token_is_good_only_near_its_time(
    client: Client, clock: TestClock, minutes: int, accepted: bool
) -> None:
    token = signed_token(client.credentials, clock() + timedelta(minutes=minutes))

    assert (await client.exchange(SignedSystemToken=token)).json()["IsSuccessful"] is accepted


@pytest.mark.parametrize(("tolerance_min", "accepted"), [(5, False), (60, True)])
async def test_how_near_can_be_switched(
    client: Client, clock: TestClock, switches: Switches, tolerance_min: int, accepted: bool
) -> None:
    switches.signature_tolerance_min = tolerance_min
    token = signed_token(client.credentials, clock() - timedelta(minutes=30))

    assert (await client.exchange(SignedSystemToken=token)).json()["IsSuccessful"] is accepted


async def test_a_ticket_lives_six_hours_and_use_prolongs_it(client: Client, clock: TestClock) -> None:
    clock.advance(hours=5)
    assert (await client.send("GET", PRINCIPAL)).status_code == 200
    clock.advance(hours=5)
    assert (await client.send("GET", PRINCIPAL)).status_code == 200

    clock.advance(hours=6, seconds=1)

    assert (await client.send("GET", PRINCIPAL)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": ""}, {"Authorization": "SOTicket 7T:none"}, {"SO-AppToken": "wrong"}, {"SO-AppToken": ""}],
)
async def test_without_ticket_or_application_token_a_tenant_answers_401(
    client: Client, headers: dict[str, str]
) -> None:
    assert (await client.send("GET", PRINCIPAL, headers=headers)).status_code == 401


async def test_the_word_before_the_ticket_is_read_in_any_case(client: Client) -> None:
    answer = await client.send("GET", PRINCIPAL, headers={"Authorization": f"SOTICKET {client.ticket}"})

    assert answer.status_code == 200


async def test_a_revoked_consent_refuses_the_exchange_and_the_tickets_given_before(
    client: Client, sandbox: SuperOfficeSandbox
) -> None:
    sandbox.world.tenant().approved = False

    assert (await client.exchange()).json()["IsSuccessful"] is False
    assert (await client.send("GET", PRINCIPAL)).status_code == 401


async def test_the_principal_is_the_system_associate_of_this_tenant(client: Client) -> None:
    principal = await client.get(PRINCIPAL)

    assert principal["UserType"] == "SystemAssociate"
    assert principal["DatabaseContextIdentifier"] == "Cust12345"


async def _state(client: Client, custid: str = "Cust12345") -> Any:
    return (await client.http.get(f"{client.credentials.login_url}/api/state/{custid}")).json()


@pytest.mark.parametrize("state", list(TenantState))
async def test_every_state_is_told_and_only_two_of_them_serve(
    client: Client, sandbox: SuperOfficeSandbox, state: TenantState
) -> None:
    sandbox.world.tenant().state = state

    told = await _state(client)
    answer = await client.send("GET", PRINCIPAL)

    assert told["State"] == state.value
    assert told["IsRunning"] is (answer.status_code == 200)
    assert answer.status_code in {200, 503}


async def test_an_unknown_tenant_has_state_unknown(client: Client) -> None:
    assert (await _state(client, "Cust00000"))["State"] == "Unknown"


async def test_after_a_move_the_old_host_answers_421_and_the_state_knows_the_new_one(
    client: Client, sandbox: SuperOfficeSandbox
) -> None:
    old = sandbox.tenant_url()
    new = sandbox.move_tenant()

    answer = await client.http.get(f"{old}{PRINCIPAL}")

    assert answer.status_code == 421
    assert "Wrong subdomain" in answer.text
    assert (await _state(client))["Api"] == f"{new}/api"
    assert (await client.send("GET", PRINCIPAL)).status_code == 200


async def test_a_tenant_is_not_served_on_the_login_host_nor_the_login_on_a_tenant_host(
    client: Client, sandbox: SuperOfficeSandbox
) -> None:
    tenant_host = sandbox.tenant_url().removesuffix("/Cust12345")

    assert (await client.http.get(f"{sandbox.login_url}/Cust12345{PRINCIPAL}")).status_code == 421
    assert (await client.http.get(f"{tenant_host}/api/state/Cust12345")).status_code == 421


async def test_the_tenant_in_a_path_is_read_in_any_case(client: Client, sandbox: SuperOfficeSandbox) -> None:
    url = sandbox.tenant_url().replace("Cust12345", "cust12345")

    assert (await client.http.get(f"{url}/api")).json()["v1"] == f"{sandbox.tenant_url()}/api/v1"
