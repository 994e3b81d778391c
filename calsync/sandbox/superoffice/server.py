"""The simulator on real ports: a login host and numbered tenant hosts, each with a port of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from calsync.sandbox.superoffice import control
from calsync.sandbox.superoffice.acting import Acting
from calsync.sandbox.superoffice.environment import Environment, Origins, Receive, RequestLog, Scope, Send
from calsync.sandbox.superoffice.login import Credentials
from calsync.sandbox.superoffice.records import Mail
from calsync.sandbox.superoffice.switches import Switches
from calsync.sandbox.superoffice.world import World

Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_NOWHERE: Final = "superoffice.test"
_STARTED_POLL_S: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    cert_file: str
    key_file: str


class SuperOfficeSandbox:
    """One simulated environment.

    ``async with`` puts it on ports: ``port`` is the login host's (0: any), the tenant hosts get free ones.
    ``single_port`` puts all on one origin, as behind one name; then no host can be wrong. Without
    ``async with`` use ``app`` with ``httpx.ASGITransport`` and the URLs given here. ``wrap`` may put another
    application before this one, to watch or to disturb what passes.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tenant_hosts: int = 2,
        single_port: bool = False,
        tls: Tls | None = None,
        wrap: Callable[[Environment], Asgi] | None = None,
    ) -> None:
        self.world = world
        self._host = host
        self._port = port
        self._count = 1 if single_port else 1 + tenant_hosts
        self._tls = tls
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        names = [f"https://sod{number or ''}.{_NOWHERE}" for number in (0, *range(2, self._count + 1))]
        self.environment = Environment(world=world, origins=_origins(names))
        self.app: Asgi = self.environment if wrap is None else wrap(self.environment)

    # -- what it offers

    @property
    def login_url(self) -> str:
        return self.environment.origins.login

    def tenant_url(self, custid: str = "") -> str:
        """The tenant's own root of now; it changes when the tenant moves."""
        return self.environment.tenant_url(self.world.tenant(custid))

    @property
    def control_url(self) -> str:
        return f"{self.login_url}/_control"

    @property
    def switches(self) -> Switches:
        return self.world.switches

    @property
    def act(self) -> Acting:
        """The web client of the only (first) tenant."""
        return self.acting()

    def acting(self, custid: str = "") -> Acting:
        return Acting(self.world.tenant(custid))

    @property
    def requests(self) -> RequestLog:
        return self.environment.requests

    @property
    def mails(self) -> list[Mail]:
        """What the real system would have sent, of all tenants."""
        return [mail for tenant in self.world.tenants.values() for mail in tenant.mails]

    def credentials(self, custid: str = "") -> Credentials:
        return control.credentials_of(self.environment, self.world.tenant(custid))

    def move_tenant(self, custid: str = "") -> str:
        """Move a tenant to the next host; the old one answers 421 from now on. Gives the new URL."""
        tenant = self.world.tenant(custid)
        tenant.host_index = (tenant.host_index + 1) % len(self.environment.origins.tenants)
        return self.tenant_url(custid)

    # -- serving

    async def __aenter__(self) -> Self:
        sockets = [_listening(self._host, self._port if index == 0 else 0) for index in range(self._count)]
        scheme = "https" if self._tls else "http"
        names = [f"{scheme}://{self._host}:{each.getsockname()[1]}" for each in sockets]
        self.environment.origins = _origins(names)
        self._server = _Server(self._config())
        self._task = asyncio.create_task(self._server.serve(sockets=sockets))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(_STARTED_POLL_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = self._task = None

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self.app,
            http=_tracking(self.environment),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            # The date of an answer is the simulator's own, which may be a test's.
            date_header=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=self._tls.cert_file if self._tls else None,
            ssl_keyfile=self._tls.key_file if self._tls else None,
        )


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _origins(names: list[str]) -> Origins:
    return Origins(login=names[0], tenants=names[1:] or names)


def _listening(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets that name the protocol; without it each request waits 40 ms.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def _tracking(environment: Environment) -> type[H11Protocol]:
    """A protocol that lets the application find its connection, to cut it."""

    class Tracking(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent does
            super().connection_made(transport)
            if self.client is not None:
                environment.connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                environment.connections.pop(self.client, None)
            super().connection_lost(exc)

    return Tracking
