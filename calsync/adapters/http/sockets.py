"""The network under the pool: looks a name up once, checks every address, connects to a checked one."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

import httpcore

from calsync.adapters.http.addresses import is_public
from calsync.adapters.http.body import too_long
from calsync.adapters.http.failures import ForbiddenAddressError, UntrustedServerError

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, best first; OSError if there are none."""
Exempt: TypeAlias = Callable[[str], bool]

ADDRESSES_MAX: Final = 4
_BUFFER_MAX: Final = 256 * 1024


@dataclass(slots=True)
class Progress:
    """How far the request of this task came, as seen by the socket."""

    received_max: int
    sent: bool = False
    """Some of the request was handed to the network."""
    received: int = 0


PROGRESS: Final[ContextVar[Progress | None]] = ContextVar("calsync_http_progress", default=None)


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, asked in a thread; a written address is itself."""
    if _is_address(host):
        return [host]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Network(httpcore.AsyncNetworkBackend):
    """Connects the pool. With an ``exempt``, only to public addresses, or to places that it names."""

    def __init__(self, resolver: Resolver, exempt: Exempt | None) -> None:
        self._resolver = resolver
        self._exempt = exempt

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is the pool's
        local_address: str | None = None,  # noqa: ARG002  # the same
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002  # the same
    ) -> Stream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connect_any(await self.addresses(host, port), port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} did not answer within {timeout} s") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {error.strerror or error}") from error

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Look the name up. If only one of its addresses is not public, it is refused as a whole."""
        found = await self._resolver(host, port)
        if self._exempt is None or self._exempt(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"):
            return found
        if not all(map(is_public, found)):
            raise ForbiddenAddressError(f"{host} leads to an address that is not public; the operator can allow it.")
        return found

    async def _connect_any(self, addresses: Sequence[str], port: int) -> Stream:
        loop = asyncio.get_running_loop()
        failure: OSError = OSError("the name has no address")
        for address in addresses[:ADDRESSES_MAX]:
            try:
                _, pipe = await loop.create_connection(Pipe, address, port)
            except OSError as error:
                failure = error
            else:
                return Stream(pipe)
        raise failure


class Pipe(asyncio.Protocol):
    """What has come in and was not read yet, and whether there is room to write."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.ended = False
        self.failure: Exception | None = None
        self.parts: deque[bytes] = deque()
        self._size = 0
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parts.append(data)
        self._size += len(data)
        if self._size > _BUFFER_MAX:
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self.ended = True
        _wake(self._reader)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.failure = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        _wake(self._writer)

    async def read(self, most: int) -> bytes:
        """At least one byte; none at the end."""
        while not self.parts:
            if self.failure is not None:
                raise self.failure
            if self.ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        part = self.parts.popleft()
        if len(part) > most:
            self.parts.appendleft(part[most:])
            part = part[:most]
        if self._size > _BUFFER_MAX >= self._size - len(part):
            self.transport.resume_reading()
        self._size -= len(part)
        return part

    async def drain(self) -> None:
        """Wait until there is room again."""
        while self.full and not self.ended:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        if self.failure is not None:
            raise self.failure


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class Stream(httpcore.AsyncNetworkStream):
    """One connection as the pool uses it. Headers and a small body leave as one: at the first read."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._unsent = bytearray()
        self._spoiled = False

    def spoil(self) -> None:
        """Let no further request use this connection."""
        self._spoiled = True

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  # the pool's
        self._unsent += buffer
        if len(self._unsent) > _BUFFER_MAX:
            await self._flush(timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  # the pool's
        if self._unsent:
            await self._flush(timeout)
        try:
            if self._pipe.parts:
                data = await self._pipe.read(max_bytes)
            else:
                async with asyncio.timeout(timeout):
                    data = await self._pipe.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(f"nothing came for {timeout} s") from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        progress = PROGRESS.get()
        if progress is not None:
            progress.received += len(data)
            if progress.received > progress.received_max:
                raise too_long(progress.received_max)
        return data

    async def _flush(self, timeout: float | None) -> None:  # noqa: ASYNC109  # the pool's
        progress = PROGRESS.get()
        if self._pipe.ended:
            self._unsent.clear()
            if progress is not None and progress.sent:
                return  # it may have answered before it had everything
            raise httpcore.ReadError("the server closed the connection before anything was sent")
        if progress is not None:
            progress.sent = True
        self._pipe.transport.write(bytes(self._unsent))
        self._unsent.clear()
        if not self._pipe.full:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._pipe.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(f"the server took nothing for {timeout} s") from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def abort(self) -> None:
        """Close at once."""
        self._pipe.transport.abort()

    async def aclose(self) -> None:
        self.abort()
        await asyncio.sleep(0)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is the pool's
    ) -> Stream:
        pipe = self._pipe
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                secured = await loop.start_tls(pipe.transport, pipe, ssl_context, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            raise _closed(pipe, UntrustedServerError(_complaint(server_hostname, error.verify_message))) from error
        except ssl.SSLError as error:
            raise _closed(pipe, UntrustedServerError(_complaint(server_hostname, error.reason))) from error
        except TimeoutError as error:
            raise _closed(pipe, httpcore.ConnectTimeout(f"no TLS within {timeout} s")) from error
        except OSError as error:
            raise _closed(pipe, httpcore.ConnectError(f"TLS broke off: {error}")) from error
        if secured is None:
            raise _closed(pipe, httpcore.ConnectError("TLS broke off"))
        pipe.connection_made(secured)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._spoiled or self._pipe.ended or bool(self._pipe.parts) or self._waits()
        return self._pipe.transport.get_extra_info(info)

    def _waits(self) -> bool:
        """Whether the kernel holds something that the loop has not seen: on an idle connection, its end."""
        sock = self._pipe.transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))


def _closed(pipe: Pipe, error: Exception) -> Exception:
    pipe.transport.abort()
    return error


def _complaint(host: str | None, detail: str | None) -> str:
    said = f": {detail}" if detail else ""
    return f"The certificate of {host} cannot be trusted{said}. Nothing was sent; it is tried again every hour."
