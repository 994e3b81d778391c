"""A client of the API written from its documentation alone; it shares no code with calsync."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx
import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.login import Credentials
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox

ZONE = "UTC,includeTZOffset"
APPOINTMENT = "/api/v1/Appointment"
AGENT = "/api/v1/Agents/Appointment"


@dataclass
class TestClock:
    """Time that stands still until a test moves it."""

    __test__ = False

    at: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **amount: float) -> None:
        self.at += timedelta(**amount)


@cache
def _key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def signed_token(credentials: Credentials, at: datetime) -> str:
    key = _key(credentials.private_key_pem)
    payload = f"{credentials.system_user_token}.{at:%Y%m%d%H%M}"
    signature = key.sign(payload.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{payload}.{base64.b64encode(signature).decode()}"


@dataclass
class Client:
    """One tenant's API as the system user sees it. ``zone`` is the SO-TimeZone header."""

    sandbox: SuperOfficeSandbox
    http: httpx.AsyncClient
    zone: str | None = ZONE
    ticket: str = ""
    custid: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def credentials(self) -> Credentials:
        return self.sandbox.credentials(self.custid)

    async def exchange(self, **changes: Any) -> httpx.Response:
        """Ask for a ticket; ``changes`` spoil the request."""
        mine = self.credentials
        body = {
            "SignedSystemToken": signed_token(mine, self.sandbox.world.now()),
            "ApplicationToken": mine.client_secret,
            "ContextIdentifier": mine.custid,
            "ReturnTokenType": "JWT",
        }
        return await self.http.post(f"{mine.login_url}/Login/api/PartnerSystemUser/Authenticate", json=body | changes)

    async def sign_in(self) -> Client:
        answer = (await self.exchange()).json()
        assert answer["IsSuccessful"], answer
        claims = jwt.decode(answer["Token"], options={"verify_signature": False})
        self.ticket = claims["http://schemes.superoffice.net/identity/ticket"]
        return self

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {
            "Authorization": f"SOTicket {self.ticket}",
            "SO-AppToken": self.credentials.client_secret,
            "Accept": "application/json",
        }
        if self.zone is not None:
            headers["SO-TimeZone"] = self.zone
        headers |= self.extra | options.pop("headers", {})
        url = self.sandbox.tenant_url(self.custid) + path
        return await self.http.request(method, url, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        answer = await self.send("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def agent(self, method: str, body: Any = None, **options: Any) -> Any:
        """Call an appointment agent; None for 204."""
        sent = {} if body is None else {"json": body}
        path = method if method.startswith("/") else f"{AGENT}/{method}"
        answer = await self.send("POST", path, **sent, **options)
        assert answer.status_code in {200, 204}, answer.text
        return None if answer.status_code == 204 else answer.json()

    async def entity(self, appointment: int) -> Any:
        return await self.agent("GetAppointmentEntity", params={"appointmentEntityId": appointment})

    async def default(self, associate: int) -> Any:
        body = {"Type": "Appointment", "AssociateId": associate}
        return await self.agent("CreateDefaultAppointmentEntityByTypeAndAssociate", body)

    async def save(self, entity: dict[str, Any], **options: Any) -> Any:
        """Save in the way that mails nobody."""
        body = {
            "AppointmentEntity": entity,
            "UpdateMode": "OnlyThis",
            "SendEmailToParticipants": False,
            "SmtpEMailConnectionInfo": None,
            "ImapEMailConnectionInfo": None,
        }
        return await self.agent("Save", body | options)

    async def put(self, entity: dict[str, Any], **options: Any) -> httpx.Response:
        body = {name: value for name, value in entity.items() if name != "_Links"}
        return await self.send("PUT", f"{APPOINTMENT}/{entity['AppointmentId']}", json=body, **options)

    async def listed(self, **options: str) -> list[dict[str, Any]]:
        """The OData list; option names without their dollar."""
        params = {f"${name}": value for name, value in options.items()}
        return list((await self.get(APPOINTMENT, params=params))["value"])


def planned(entity: dict[str, Any], start: str, end: str, **fields: Any) -> dict[str, Any]:
    """A default entity with times and more filled in."""
    return entity | {"StartDate": start, "EndDate": end, "ActiveDate": start} | fields
