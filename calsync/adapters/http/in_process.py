"""Servers inside this process (simulators): requests to their origins never touch the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

import httpcore
import httpx

from calsync.adapters.http.sender import TransportFactory
from calsync.adapters.http.sockets import PROGRESS
from calsync.adapters.http.target import origin_of

App: TypeAlias = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[MutableMapping[str, Any]]], Callable[[Any], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application. Raising ConnectionRefusedError plays a refused, any other OSError a broken connection."""


def in_process(apps: Mapping[str, App]) -> TransportFactory:
    """Serve these origins by these applications, and all others by the network."""
    senders = {origin_of(url): FromHttpx(httpx.ASGITransport(app=app)) for url, app in apps.items()}
    return senders.get


class FromHttpx:
    """A transport of httpx in the place of the pool."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        progress = PROGRESS.get()
        if progress is not None:
            progress.sent = True
        try:
            response = await self._transport.handle_async_request(_as_httpx(request))
        except (ConnectionRefusedError, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            if progress is not None:
                progress.sent = False
            raise httpcore.ConnectError(str(error)) from error
        except httpx.TimeoutException as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except (OSError, httpx.TransportError) as error:
            raise httpcore.ReadError(str(error)) from error
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport answers with an asynchronous stream")
        return httpcore.Response(response.status_code, headers=response.headers.raw, content=stream)


def _as_httpx(request: httpcore.Request) -> httpx.Request:
    headers: Iterable[tuple[bytes, bytes]] = request.headers
    stream = request.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        stream = _Body(stream)
    return httpx.Request(
        request.method.decode("ascii"),
        httpx.URL(bytes(request.url).decode("ascii")),
        headers=list(headers),
        stream=stream,
        extensions=dict(request.extensions),
    )


class _Body(httpx.AsyncByteStream):
    def __init__(self, parts: Any) -> None:
        self._parts = parts

    def __aiter__(self) -> Any:
        return self._parts.__aiter__()
