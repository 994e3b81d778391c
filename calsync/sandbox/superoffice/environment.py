"""The simulated environment as one ASGI application, told apart into hosts by the ``Host`` header."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from calsync.sandbox.superoffice import control, gate, login
from calsync.sandbox.superoffice.asgi import Answer, Call, Refusal, html
from calsync.sandbox.superoffice.switches import Harm, Hook
from calsync.sandbox.superoffice.world import Tenant, World

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOGIN_PATHS: Final = ("/login/", "/api/state/")
_WRONG_HOST: Final = "Wrong subdomain used to access tenant"
_BODILESS: Final = frozenset({204, 304})


@dataclass(slots=True, kw_only=True)
class LoggedRequest:
    """One request that came in. ``path`` is below the tenant's root; ``custid`` is empty on the login host."""

    at: datetime
    method: str
    path: str
    query: str
    host: str
    custid: str
    writes: bool
    status: int = 0


class RequestLog(list[LoggedRequest]):
    """Every request of tenants and login host, oldest first."""

    in_flight: int = 0
    in_flight_max: int = 0

    @property
    def writes(self) -> list[LoggedRequest]:
        return [entry for entry in self if entry.writes]

    def by_path(self) -> Counter[str]:
        """How often each method and path came."""
        return Counter(f"{entry.method} {entry.path}" for entry in self)

    def clear(self) -> None:
        super().clear()
        self.in_flight_max = self.in_flight


@dataclass(slots=True, kw_only=True)
class Origins:
    """Where the hosts are; one origin may be both."""

    login: str
    tenants: list[str]


@dataclass(slots=True, kw_only=True)
class Environment:
    """The ASGI application. ``connections`` finds a client's connection, so that it can be cut."""

    world: World
    origins: Origins
    requests: RequestLog = field(default_factory=RequestLog)
    connections: dict[tuple[str, int], asyncio.Transport] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    tenant_requests: int = 0

    def tenant_url(self, tenant: Tenant) -> str:
        hosts = self.origins.tenants
        return f"{hosts[tenant.host_index % len(hosts)]}/{tenant.custid}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        call = await _call_from(scope, receive)
        if call.path.startswith("/_control"):
            await _send(control.answer(self, call), send, self.world.now())
            return
        answer = await self._logged(call)
        if answer is None:
            await self._cut(scope, receive)
        else:
            await _send(answer, send, self.world.now())

    async def _logged(self, call: Call) -> Answer | None:
        """The answer, None for a lost connection."""
        tenant, below = self._address(call)
        entry = LoggedRequest(
            at=self.world.now(),
            method=call.method,
            path=below.path,
            query=call.raw_query,
            host=call.host,
            custid="" if tenant is None else tenant.custid,
            writes=tenant is not None and gate.is_write(call.method, below.path),
        )
        log = self.requests
        log.append(entry)
        log.in_flight += 1
        log.in_flight_max = max(log.in_flight_max, log.in_flight)
        try:
            answer = await self._with_faults(call, below, tenant)
        finally:
            log.in_flight -= 1
        entry.status = 0 if answer is None else answer.status
        return answer

    def _address(self, call: Call) -> tuple[Tenant | None, Call]:
        """The tenant a path names, and the request as it is below the tenant's root."""
        if call.path.lower().startswith(_LOGIN_PATHS):
            return None, call
        custid, _, rest = call.path.removeprefix("/").partition("/")
        tenant = self.world.find_tenant(custid)
        if tenant is None:
            return None, call
        below = Call(
            method=call.method,
            path=f"/{rest.rstrip('/')}",
            raw_query=call.raw_query,
            headers=call.headers,
            body=call.body,
            scheme=call.scheme,
            host=call.host,
        )
        return tenant, below

    async def _with_faults(self, call: Call, below: Call, tenant: Tenant | None) -> Answer | None:
        switches = self.world.switches
        if switches.latency_s > 0:
            await asyncio.sleep(switches.latency_s)
        fault = switches.struck_by(below)
        if fault is not None and fault.harm is Harm.CUT_BEFORE:
            return None
        if fault is not None and fault.harm in {Harm.ANSWER_BEFORE, Harm.HTML, Harm.EMPTY}:
            return gate.faulty_answer(fault)
        if tenant is not None:
            self.tenant_requests += 1
            if (disturbed := gate.disturbance(switches, self.tenant_requests)) is not None:
                return disturbed
        await _call_hooks(switches.before_effect, below)
        answer = self._effect(call, below, tenant)
        await _call_hooks(switches.after_effect, below)
        if fault is None:
            return answer
        return None if fault.harm is Harm.CUT_AFTER else gate.faulty_answer(fault)

    def _effect(self, call: Call, below: Call, tenant: Tenant | None) -> Answer:
        try:
            if tenant is None:
                return self._login(call)
            if call.host != urlsplit(self.tenant_url(tenant)).netloc:
                return Answer(status=421, body=_WRONG_HOST.encode(), content_type="text/plain")
            return gate.serve(self.world, tenant, below, self.tenant_url(tenant))
        except Refusal as refusal:
            return refusal.answer()

    def _login(self, call: Call) -> Answer:
        if call.host != urlsplit(self.origins.login).netloc:
            wrong = call.path.lower().startswith(_LOGIN_PATHS)
            return (
                Answer(status=421, body=_WRONG_HOST.encode(), content_type="text/plain")
                if wrong
                else html(404, "Not Found")
            )
        urls = {tenant.custid: self.tenant_url(tenant) for tenant in self.world.tenants.values()}
        desk = login.LoginDesk(world=self.world, call=call, tenant_urls=urls)
        return login.ROUTER.answer(desk, call.method, call.path)

    async def _cut(self, scope: Scope, receive: Receive) -> None:
        """Lose the connection: over TCP it is reset, in process the application breaks off."""
        client = scope.get("client")
        transport = self.connections.get(tuple(client)) if client else None
        if transport is None:
            raise ConnectionResetError("the connection was lost")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


async def _call_hooks(hooks: Iterable[Hook], call: Call) -> None:
    for hook in list(hooks):
        waiting = hook(call)
        if inspect.isawaitable(waiting):
            await waiting


async def _call_from(scope: Scope, receive: Receive) -> Call:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers: Mapping[str, str] = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
    return Call(
        method=scope["method"],
        path=scope["path"],
        raw_query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        scheme=scope["scheme"],
        host=headers.get("host", ""),
    )


async def _send(answer: Answer, send: Send, now: datetime) -> None:
    headers = {"date": format_datetime(now.astimezone(UTC), usegmt=True), **answer.headers}
    if answer.status not in _BODILESS:
        headers |= {"content-type": answer.content_type, "content-length": str(len(answer.body))}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
