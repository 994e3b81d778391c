"""The login host: discovery, keys, state of tenants, and tickets for the system user."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from calsync.sandbox.superoffice.asgi import Answer, Call, Refusal, Route, Router, json_answer
from calsync.sandbox.superoffice.records import TenantState

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.world import Tenant, World

_CLAIM: Final = "http://schemes.superoffice.net/identity/"
_RUNNING: Final = frozenset({TenantState.RUNNING, TenantState.ONLINE_MAINTENANCE})
_TOKEN_LIFE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The app as the Developer Portal knows it, and the environment's own signing key."""

    client_id: str
    client_secret: str
    app_key: rsa.RSAPrivateKey
    private_key_pem: str
    signing_key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def thumbprint(self) -> bytes:
        return hashlib.sha1(self.certificate.public_bytes(serialization.Encoding.DER)).digest()  # noqa: S324  # x5t is SHA-1 by RFC 7517

    @property
    def kid(self) -> str:
        return self.thumbprint.hex().upper()


@cache
def registration() -> Registration:
    """One app for the life of the process: making keys is slow."""
    signing_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SuperOffice simulator")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signing_key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(signing_key, hashes.SHA256())
    )
    app_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = app_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Registration(
        client_id="5a7c6b1e0f9d4d5f8a3b2c1d0e9f8a7b",
        client_secret="c0ffee00c0ffee00c0ffee00c0ffee00",  # noqa: S106  # a made-up secret of a simulator
        app_key=app_key,
        private_key_pem=pem.decode(),
        signing_key=signing_key,
        certificate=certificate,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """All a client needs to work unattended in one tenant."""

    login_url: str
    client_id: str
    client_secret: str
    private_key_pem: str
    custid: str
    serial: str
    system_user_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginDesk:
    """What a request to the login host sees. ``base_of`` gives a tenant's base URL."""

    world: "World"
    call: Call
    tenant_urls: Mapping[str, str]


def discovery(desk: LoginDesk, _: Mapping[str, str]) -> Answer:
    origin = desk.call.origin
    login = f"{origin}/login"
    return json_answer(
        {
            "issuer": origin,
            "authorization_endpoint": f"{login}/common/oauth/authorize",
            "token_endpoint": f"{login}/common/oauth/tokens",
            "end_session_endpoint": f"{login}/logout",
            "jwks_uri": f"{login}/.well-known/jwks",
            "scopes_supported": ["openid"],
            "response_modes_supported": ["form_post", "fragment", "query"],
            "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "grant_types_supported": ["implicit", "authorization_code", "refresh_token"],
        }
    )


def jwks(desk: LoginDesk, _: Mapping[str, str]) -> Answer:
    app = desk.world.app
    numbers = app.signing_key.public_key().public_numbers()
    der = app.certificate.public_bytes(serialization.Encoding.DER)
    key = {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": app.kid,
        "x5t": _url64(app.thumbprint),
        "x5c": [base64.b64encode(der).decode()],
        "n": _url64(numbers.n.to_bytes(256, "big")),
        "e": _url64(numbers.e.to_bytes(3, "big")),
    }
    return json_answer({"keys": [key]})


def tenant_state(desk: LoginDesk, params: Mapping[str, str]) -> Answer:
    tenant = desk.world.find_tenant(params["custid"])
    until = desk.world.now().astimezone(UTC) + timedelta(minutes=10)
    if tenant is None:
        unknown = {
            "ContextIdentifier": params["custid"],
            "Endpoint": None,
            "State": TenantState.UNKNOWN.value,
            "IsRunning": False,
            "ValidUntil": _milliseconds(until),
            "Api": None,
        }
        return json_answer(unknown)
    base = desk.tenant_urls[tenant.custid]
    return json_answer(
        {
            "ContextIdentifier": tenant.custid,
            "Endpoint": base,
            "State": tenant.state.value,
            "IsRunning": tenant.state in _RUNNING,
            "ValidUntil": _milliseconds(until),
            "Api": f"{base}/api",
        }
    )


def authenticate(desk: LoginDesk, _: Mapping[str, str]) -> Answer:
    body = desk.call.json()
    sent: dict[str, Any] = body if isinstance(body, dict) else {}
    try:
        tenant = _check_exchange(desk.world, sent)
    except Refusal as refusal:
        said = {"IsSuccessful": False, "Token": None, "ErrorMessage": refusal.message}
        return json_answer(said, status=desk.world.switches.refused_ticket_status)
    token = _system_jwt(desk.world, tenant, desk.tenant_urls[tenant.custid])
    return json_answer({"IsSuccessful": True, "Token": token, "ErrorMessage": None})


def _check_exchange(world: "World", sent: Mapping[str, Any]) -> "Tenant":
    """The tenant a signed token is for.

    Raises:
        Refusal: the context, the application, the signature or the time is wrong.
    """
    tenant = world.find_tenant(str(sent.get("ContextIdentifier", "")))
    if tenant is None:
        raise Refusal(200, "Denied", "Unknown context identifier")
    if sent.get("ApplicationToken") != world.app.client_secret or not tenant.approved:
        raise Refusal(200, "Denied", "Authorization error: Denied (4)")
    payload, _, signature = str(sent.get("SignedSystemToken", "")).rpartition(".")
    token, _, stamp = payload.rpartition(".")
    try:
        world.app.app_key.public_key().verify(
            base64.b64decode(signature, validate=True), payload.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError) as error:
        raise Refusal(200, "Denied", "Authorization error: InvalidSignature (7)") from error
    if token != tenant.system_token:
        raise Refusal(200, "Denied", "Authorization error: Denied (4)")
    _check_stamp(stamp, now=world.now(), tolerance_min=world.switches.signature_tolerance_min)
    return tenant


def _check_stamp(stamp: str, *, now: datetime, tolerance_min: int) -> None:
    wrong = Refusal(200, "Denied", "Authorization error: InvalidTimestamp (6)")
    try:
        signed = datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise wrong from error
    # The stamp holds minutes, so a fresh one may look nearly a minute old.
    if abs(now - signed) > timedelta(minutes=tolerance_min, seconds=59):
        raise wrong


def _system_jwt(world: "World", tenant: "Tenant", base: str) -> str:
    ticket = "7T:" + base64.b64encode(secrets.token_bytes(48)).decode()
    world.open_ticket(tenant, ticket)
    now = world.now()
    claims = {
        "iss": "SuperOffice AS",
        "aud": f"spn:{tenant.serial}",
        "iat": int(now.timestamp()),
        "nbf": int((now - timedelta(seconds=60)).timestamp()),
        "exp": int((now + _TOKEN_LIFE).timestamp()),
        _CLAIM + "ticket": ticket,
        _CLAIM + "ctx": tenant.custid,
        _CLAIM + "serial": tenant.serial,
        _CLAIM + "webapi_url": f"{base}/api/",
        _CLAIM + "netserver_url": f"{base}/Remote/Services88/",
    }
    headers = {"kid": world.app.kid, "x5t": _url64(world.app.thumbprint)}
    return jwt.encode(claims, world.app.signing_key, algorithm="RS256", headers=headers)


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _milliseconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


ROUTER: Final = Router[LoginDesk](
    [
        Route("GET", "/login/.well-known/openid-configuration", discovery),
        Route("GET", "/login/.well-known/jwks", jwks),
        Route("GET", "/api/state/{custid}", tenant_state),
        Route("POST", "/Login/api/PartnerSystemUser/Authenticate", authenticate),
    ]
)
