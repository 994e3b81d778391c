"""The system user: a signed token is exchanged for a short JWT that holds the ticket, which is validated here."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.guard import SetByOperator
from calsync.adapters.superoffice.quirks import PATIENCE_OF_TICKETS
from calsync.adapters.superoffice.wire import encoded, error_text, members
from calsync.core.errors import (
    CalendarUnavailableError,
    OwnStateError,
    RemoteError,
    SignInNeededError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.ports import Clock

CLAIM: Final = "http://schemes.superoffice.net/identity/"
LEEWAY: Final = timedelta(seconds=60)
TOKEN_MAX: Final = 64 * 1024
REFETCH: Final = timedelta(minutes=5)
KEYS_LIVE: Final = timedelta(days=1)
_OK: Final = 200


class Sends(Protocol):
    """The part of the HTTP client that is needed here."""

    async def send(self, request: Request, account: Account) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One SuperOffice environment as configured. ``private_key`` is PEM; ``tenant_hosts`` are patterns."""

    name: str
    login_url: str
    client_secret: str = field(repr=False)
    private_key: str = field(repr=False)
    tenant_hosts: tuple[str, ...] = ("*.superoffice.com",)
    ticket_issuer: str = "SuperOffice AS"
    calls_per_s: float = 5.0
    parallel: int = 3

    @property
    def login(self) -> str:
        return self.login_url.rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a good token of the system user says."""

    ticket: str = field(repr=False)
    serial: str


def signed_token(system_token: str, private_key: str, now: datetime) -> str:
    """The system user token with the minute of now, signed (RSASSA-PKCS1-v1_5, SHA-256).

    Raises:
        OwnStateError: the configured key is no RSA private key.
    """
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise OwnStateError("The private key of the SuperOffice app is not a PEM key without a password.") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise OwnStateError("The private key of the SuperOffice app is no RSA key.")
    payload = f"{system_token}.{now.astimezone(UTC):%Y%m%d%H%M}"
    signature = key.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{payload}.{base64.b64encode(signature).decode()}"


def exchange(environment: Environment, *, custid: str, signed: str) -> Request:
    body = {
        "SignedSystemToken": signed,
        "ApplicationToken": environment.client_secret,
        "ContextIdentifier": custid,
        "ReturnTokenType": "JWT",
    }
    return Request(
        method="POST",
        url=f"{environment.login}/Login/api/PartnerSystemUser/Authenticate",
        headers={"Accept": "application/json", "Content-Type": "application/json"},
        body=encoded(body),
        reads=True,
    )


def token_from(answer: Answer) -> str:
    """The JWT of an exchange.

    Raises:
        SignInNeededError: it was refused, whatever the status: the administrator must approve the app (again).
        UnusableAnswerError: it is no answer of the exchange.
    """
    said = members(answer)
    if said.get("IsSuccessful") is False:
        why = str(said.get("ErrorMessage") or "no reason given")[:200]
        raise SignInNeededError(
            f"SuperOffice no longer lets this app in ({why}). Nothing is lost; sync continues when an administrator "
            "approves it again."
        )
    token = said.get("Token")
    if said.get("IsSuccessful") is not True or not isinstance(token, str) or len(token) > TOKEN_MAX:
        raise UnusableAnswerError(f"SuperOffice's login gave no token ({answer.status}): {error_text(answer)}")
    return token


def key_id(token: str) -> str:
    """The key a token says it was signed with; only ever looked up among keys we fetched ourselves."""
    try:
        return str(jwt.get_unverified_header(token).get("kid") or "")
    except jwt.InvalidTokenError as error:
        raise UnusableAnswerError("SuperOffice's login gave something that is no token.") from error


def grant_from(token: str, key: jwt.PyJWK, *, issuer: str, serial: str, custid: str, now: datetime) -> Grant:
    """Validate the token of a system user: RS256, issuer, audience ``spn:{serial}``, tenant, time.

    Without ``serial`` it is taken from the token, once everything else is good; the caller pins it.

    Raises:
        UnusableAnswerError: signature, issuer or time are not good.
        CalendarUnavailableError: it is good, but of another tenant or another database than ours.
    """
    claims = _verified(token, key, issuer)
    _check_time(claims, now)
    said = str(claims.get(CLAIM + "ctx") or custid)
    if said.lower() != custid.lower():
        raise CalendarUnavailableError(f"SuperOffice's login answered for tenant {said}, not for {custid}.")
    found = serial or str(claims.get(CLAIM + "serial") or "") or _audience(claims).removeprefix("spn:")
    if not found or _audience(claims) != f"spn:{found}":
        raise CalendarUnavailableError(f"The database of {custid} is not the one known (its serial number differs).")
    ticket = claims.get(CLAIM + "ticket")
    if not isinstance(ticket, str) or not ticket or not ticket.isascii() or not ticket.isprintable():
        raise UnusableAnswerError("SuperOffice's token holds no ticket.")
    return Grant(ticket=ticket, serial=found)


def _verified(token: str, key: jwt.PyJWK, issuer: str) -> Mapping[str, Any]:
    options: Any = {
        "verify_aud": False,  # compared below, where a wrong one means another database
        "verify_exp": False,  # times are compared below, with our own clock
        "verify_nbf": False,
        "verify_iat": False,
        "require": ["iss", "aud", "exp"],
    }
    try:
        return jwt.decode(token, key=key, algorithms=["RS256"], issuer=issuer, options=options)
    except jwt.InvalidTokenError as error:
        raise UnusableAnswerError(f"SuperOffice's token is not valid: {error}.") from error


def _check_time(claims: Mapping[str, Any], now: datetime) -> None:
    at, slack = now.timestamp(), LEEWAY.total_seconds()
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise UnusableAnswerError("SuperOffice's token names no times.")
    if not begins - slack <= at <= expires + slack:
        raise UnusableAnswerError("SuperOffice's token is not valid now. Is this machine's clock right?")


def _audience(claims: Mapping[str, Any]) -> str:
    said = claims.get("aud")
    return said if isinstance(said, str) else ""


class SigningKeys:
    """The keys with which one environment signs: fetched once, again for an unknown one at most every 5 minutes."""

    def __init__(self, *, environment: Environment, http: Sends, clock: Clock) -> None:
        self._environment = environment
        self._http = http
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._flight = asyncio.Lock()

    async def key(self, kid: str) -> jwt.PyJWK:
        """The key named so.

        Raises:
            UnusableAnswerError: the environment has no such key, or its list could not be had for a day.
        """
        async with self._flight:
            if kid not in self._keys and self._may_ask():
                await self._fetch()
            elif self._age() > KEYS_LIVE / 2 and self._may_ask():
                await self._freshen()
        if kid not in self._keys or self._age() > KEYS_LIVE:
            raise UnusableAnswerError("SuperOffice signed with a key that its login host does not list.")
        return self._keys[kid]

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._clock.now() - self._asked_at >= REFETCH

    def _age(self) -> timedelta:
        return timedelta.max if self._fetched_at is None else self._clock.now() - self._fetched_at

    async def _freshen(self) -> None:
        try:
            await self._fetch()
        except RemoteError:
            return  # the keys at hand are good for a while yet

    async def _fetch(self) -> None:
        request = Request(method="GET", url=f"{self._environment.login}/login/.well-known/jwks")
        self._asked_at = self._clock.now()
        try:
            answer = await self._http.send(request, login_account(self._environment))
        except TryLaterError:
            self._asked_at = None
            raise
        if answer.status != _OK:
            raise UnusableAnswerError(f"SuperOffice's signing keys could not be read ({answer.status}).")
        try:
            found = jwt.PyJWKSet.from_dict(members(answer))
        except jwt.PyJWTError as error:
            raise UnusableAnswerError("SuperOffice's list of signing keys cannot be used.") from error
        self._keys = {str(key.key_id): key for key in found.keys if key.key_id and key.key_type == "RSA"}
        self._fetched_at = self._clock.now()


def login_account(environment: Environment) -> Account:
    return Account(
        name=f"superoffice-login/{environment.name}",
        origins=frozenset({environment.login}),
        guard=SetByOperator(),
        parallel=environment.parallel,
    )


class Tickets:
    """The ticket of one tenant: kept, renewed when refused or long unused, and fetched once for all who wait."""

    def __init__(
        self,
        *,
        environment: Environment,
        keys: SigningKeys,
        http: Sends,
        clock: Clock,
        custid: str,
        serial: str,
        system_token: str,
    ) -> None:
        self._environment = environment
        self._keys = keys
        self._http = http
        self._clock = clock
        self._custid = custid
        self._system_token = system_token
        self._ticket = ""
        self._used_at: datetime | None = None
        self._flight = asyncio.Lock()
        self.serial = serial

    async def ticket(self, *, refused: str = "") -> str:
        """A ticket that is not ``refused``; each use makes it live on."""
        async with self._flight:
            if not self._ticket or self._ticket == refused or self._is_stale():
                self._ticket = ""
                self._ticket = await self._fetch()
            self._used_at = self._clock.now()
            return self._ticket

    def _is_stale(self) -> bool:
        return self._used_at is None or self._clock.now() - self._used_at > PATIENCE_OF_TICKETS

    async def _fetch(self) -> str:
        now = self._clock.now()
        signed = signed_token(self._system_token, self._environment.private_key, now)
        request = exchange(self._environment, custid=self._custid, signed=signed)
        token = token_from(await self._http.send(request, login_account(self._environment)))
        grant = grant_from(
            token,
            await self._keys.key(key_id(token)),
            issuer=self._environment.ticket_issuer,
            serial=self.serial,
            custid=self._custid,
            now=self._clock.now(),
        )
        self.serial = grant.serial
        return grant.ticket
