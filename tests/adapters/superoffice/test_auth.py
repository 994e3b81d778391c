from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice.admission import admit
from calsync.adapters.superoffice.auth import (
    CLAIM,
    Grant,
    SigningKeys,
    grant_from,
    key_id,
    signed_token,
    token_from,
)
from calsync.core.errors import (
    CalendarUnavailableError,
    OwnStateError,
    SignInNeededError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.adapters.superoffice.desk import START, Desk, draft
from tests.builders import event

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
NOW = int(START.timestamp())
GOOD: dict[str, Any] = {
    "iss": "SuperOffice AS",
    "aud": "spn:1234567890",
    "nbf": NOW - 60,
    "exp": NOW + 300,
    CLAIM + "ticket": "7T:abc",
    CLAIM + "ctx": "Cust12345",
    CLAIM + "serial": "1234567890",
}


def public(key: rsa.RSAPrivateKey) -> jwt.PyJWK:
    return jwt.PyJWK(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"alg": "RS256"})


def grant(token: str, *, serial: str = "1234567890") -> Grant:
    return grant_from(token, public(KEY), issuer="SuperOffice AS", serial=serial, custid="cust12345", now=START)


def token(**changes: Any) -> str:
    claims = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"})


def test_the_token_is_signed_with_the_minute_of_now() -> None:
    signed = signed_token("My App-AbC", PEM, START)

    payload, _, signature = signed.rpartition(".")
    assert payload == "My App-AbC.202607010807"
    KEY.public_key().verify(base64.b64decode(signature), payload.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("pem", ["", "no key", PEM[:300]])
def test_a_private_key_that_is_none_is_the_operator_s_matter(pem: str) -> None:
    with pytest.raises(OwnStateError):
        signed_token("t", pem, START)


def test_a_good_token_gives_its_ticket_and_pins_the_serial() -> None:
    assert grant(token()) == Grant(ticket="7T:abc", serial="1234567890")
    assert grant(token(), serial="").serial == "1234567890"
    assert grant(token(**{CLAIM + "serial": None}), serial="").serial == "1234567890"
    assert grant(token(**{CLAIM + "ctx": None})).ticket == "7T:abc"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"exp": NOW - 61},
        {"nbf": NOW + 61},
        {"exp": None},
        {"exp": "soon"},
        {"iss": None},
        {CLAIM + "ticket": None},
        {CLAIM + "ticket": "7T:\r\nX: y"},
    ],
)
def test_H31_a_token_with_wrong_issuer_times_or_ticket_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnusableAnswerError):
        grant(token(**changes))


@pytest.mark.parametrize(
    "changes", [{"aud": "spn:99"}, {"aud": "1234567890"}, {"aud": ["spn:1234567890"]}, {CLAIM + "ctx": "Cust99"}]
)
def test_H31_a_token_of_another_database_or_tenant_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CalendarUnavailableError):
        grant(token(**changes))


@pytest.mark.parametrize(
    "forged",
    [
        jwt.encode(dict(GOOD), "", algorithm="none"),
        jwt.encode(dict(GOOD), OTHER, algorithm="RS256"),
        jwt.encode(dict(GOOD), KEY, algorithm="RS512"),
        jwt.encode(dict(GOOD), "s" * 64, algorithm="HS256"),
        "not.a.token",
    ],
)
def test_H29_a_token_not_signed_with_rs256_and_the_right_key_is_refused(forged: str) -> None:
    with pytest.raises(UnusableAnswerError):
        grant(forged)


def test_H30_headers_of_a_token_lead_nowhere() -> None:
    forged = jwt.encode(
        dict(GOOD), OTHER, algorithm="RS256", headers={"jku": "https://evil.example/keys", "kid": "../../dev/null"}
    )

    assert key_id(forged) == "../../dev/null"
    with pytest.raises(UnusableAnswerError):
        grant(forged)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"IsSuccessful": true}', b'{"IsSuccessful": "yes"}'])
def test_N15_an_exchange_that_answers_something_else_is_unusable(body: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        token_from(Answer(status=200, headers={}, body=body, url=""))


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_A07_a_refused_exchange_asks_for_the_administrator_whatever_its_status(status: int) -> None:
    body = b'{"IsSuccessful": false, "Token": null, "ErrorMessage": "Denied (4)"}'

    with pytest.raises(SignInNeededError, match="Denied"):
        token_from(Answer(status=status, headers={}, body=body, url=""))


def test_H36_a_token_of_a_megabyte_is_refused() -> None:
    body = b'{"IsSuccessful": true, "Token": "' + b"x" * 1_000_000 + b'"}'

    with pytest.raises(UnusableAnswerError):
        token_from(Answer(status=200, headers={}, body=body, url=""))


# --- on the simulator -----------------------------------------------------------------------------------------------


def exchanges(desk: Desk) -> int:
    return desk.sandbox.requests.by_path()["POST /Login/api/PartnerSystemUser/Authenticate"]


async def test_A01_an_expired_ticket_is_renewed_once_for_all_who_wait(desk: Desk) -> None:
    api = desk.api
    sides = [desk.side(api=api) for _ in range(5)]
    await sides[0].create(draft(event()))
    desk.world.expire_tickets()
    desk.sandbox.requests.clear()

    await asyncio.gather(*(side.find(draft(event())) for side in sides))

    assert exchanges(desk) == 1


async def test_a_ticket_is_kept_as_long_as_it_is_used_and_replaced_before_it_can_be_too_old(desk: Desk) -> None:
    side = desk.side()
    await side.find(draft(event()))
    desk.sandbox.requests.clear()
    for hours in (5, 5, 5.6):
        desk.clock.pass_s(hours * 3600)
        await side.find(draft(event()))

    assert exchanges(desk) == 1
    assert all(entry.status == 200 for entry in desk.sandbox.requests)


async def test_A05_a_ticket_refused_twice_asks_for_the_administrator(desk: Desk) -> None:
    desk.strike(Fault(harm=Harm.EMPTY, path="/api/v1/", times=99, status=401))

    with pytest.raises(SignInNeededError):
        await desk.side().find(draft(event()))

    assert exchanges(desk) == 3  # two on admission and here, one more after the refusal


async def test_A07_a_withdrawn_consent_asks_for_the_administrator(desk: Desk) -> None:
    desk.world.tenant().approved = False

    with pytest.raises(SignInNeededError):
        await desk.side().find(draft(event()))


async def test_A06_a_failing_exchange_is_no_reason_to_sign_in(desk: Desk) -> None:
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, path="Authenticate", times=9, status=503))

    with pytest.raises(TryLaterError):
        await desk.side().find(draft(event()))


async def test_a_database_with_another_serial_is_not_written(desk: Desk) -> None:
    desk.world.tenant().serial = "999"

    with pytest.raises(CalendarUnavailableError):
        await desk.side().create(draft(event()))


async def test_A14_an_unknown_key_is_asked_for_at_most_once_in_five_minutes(desk: Desk) -> None:
    keys = SigningKeys(environment=desk.environment, http=desk.http, clock=desk.clock)
    known = desk.world.app.kid
    await keys.key(known)
    desk.sandbox.requests.clear()
    for _ in range(5):
        with pytest.raises(UnusableAnswerError):
            await keys.key("unknown")
        desk.clock.pass_s(1)
    assert not desk.sandbox.requests

    desk.clock.pass_s(300)
    with pytest.raises(UnusableAnswerError):
        await keys.key("unknown")
    assert len(desk.sandbox.requests) == 1


async def test_A15_known_keys_serve_for_a_day_without_the_login_host_and_not_longer(desk: Desk) -> None:
    keys = SigningKeys(environment=desk.environment, http=desk.http, clock=desk.clock)
    known = desk.world.app.kid
    await keys.key(known)
    desk.strike(Fault(harm=Harm.ANSWER_BEFORE, path="jwks", times=99, status=404))
    desk.clock.pass_s(timedelta(hours=20).total_seconds())
    assert (await keys.key(known)).key_id == known

    desk.clock.pass_s(timedelta(hours=5).total_seconds())
    with pytest.raises(UnusableAnswerError):
        await keys.key(known)


async def test_admission_pins_the_serial_of_the_first_good_token(desk: Desk) -> None:
    assert desk.given.serial == ""
    assert desk.tenant.serial == "1234567890"

    with pytest.raises(CalendarUnavailableError):
        await admit(
            environment=desk.environment,
            keys=desk.keys,
            http=desk.http,
            clock=desk.clock,
            tenant=replace(desk.given, serial="4711"),
        )
