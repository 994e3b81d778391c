"""Connections to servers: kept for the next request to the same origin, closed when in doubt.

HTTP/1.1 is spoken by h11, the parser of httpcore. Around it httpcore's own pool costs several times what a request
costs, which matters where a server closes after every answer; it stays in use behind a proxy.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

import h11
import httpcore

from calsync.adapters.http.sockets import Network, Stream

HEADERS_MAX: Final = 100 * 1024
"""Of one header block."""
_PIECE: Final = 64 * 1024

Place: TypeAlias = tuple[bytes, bytes, int | None]
"""Scheme, host and port."""


@dataclass(slots=True, kw_only=True)
class _Idle:
    """A connection that waits for its next request, until ``until`` on the loop's clock."""

    line: Line
    until: float


class Line:
    """One connection, used by one request after the other."""

    def __init__(self, stream: Stream, place: Place) -> None:
        self.place = place
        self._stream = stream
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS_MAX)

    async def begin(self, request: httpcore.Request, body: bytes, timeouts: dict[str, float | None]) -> h11.Response:
        """Send the request and wait for the head of its answer."""
        with _as_httpcore():
            head = h11.Request(method=request.method, target=request.url.target, headers=request.headers)
            sent = [self._h11.send(head), self._h11.send(h11.Data(data=body)) if body else b""]
            sent.append(self._h11.send(h11.EndOfMessage()))
        with suppress(httpcore.WriteError):  # a server may answer and close before it has taken everything
            await self._stream.write(b"".join(part for part in sent if part), timeouts.get("write"))
        while True:
            event = await self._event(timeouts.get("read"))
            if isinstance(event, h11.Response):
                return event

    async def rest(self, wait_s: float | None) -> AsyncIterator[bytes]:
        """The body, piece by piece."""
        while True:
            event = await self._event(wait_s)
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) or event is h11.PAUSED:
                return

    async def _event(self, wait_s: float | None) -> object:
        while True:
            with _as_httpcore():
                event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self._stream.read(_PIECE, wait_s)
            if not data and self._h11.their_state is h11.SEND_RESPONSE:
                raise httpcore.RemoteProtocolError("the server closed the connection without an answer")
            with _as_httpcore():
                self._h11.receive_data(data)

    def is_spent(self) -> bool:
        """Whether it cannot take a further request.

        What follows an answer in the same breath would be taken for the answer to the next request, of whomever.
        """
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE or self._h11.trailing_data[0]:
            return True
        self._h11.start_next_cycle()
        return False

    def is_dead(self) -> bool:
        """Whether something came, or the end, while it was idle."""
        return bool(self._stream.get_extra_info("is_readable"))

    def close(self) -> None:
        self._stream.abort()


@contextmanager
def _as_httpcore() -> Iterator[None]:
    try:
        yield
    except h11.LocalProtocolError as error:
        raise httpcore.LocalProtocolError(str(error)) from error
    except h11.RemoteProtocolError as error:
        raise httpcore.RemoteProtocolError(str(error)) from error


class Body:
    """The body of an answer. Closing it gives its connection back; not read to the end, the connection is closed."""

    def __init__(self, pool: Pool, line: Line, wait_s: float | None) -> None:
        self._pool = pool
        self._line: Line | None = line
        self._wait_s = wait_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._line is not None:
            async for part in self._line.rest(self._wait_s):
                yield part

    async def aclose(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._pool.give_back(line)


class Pool:
    """All connections of one kind: at most ``most`` of them, ``kept`` idle ones, each for ``kept_s``."""

    def __init__(
        self, network: Network, context: Callable[[], ssl.SSLContext], *, most: int, kept: int, kept_s: float
    ) -> None:
        """``context`` is asked for when the first connection needs TLS."""
        self._network = network
        self._context = context
        self._most = most
        self._kept = kept
        self._kept_s = kept_s
        self._turns = asyncio.Semaphore(most)
        self._used = 0
        self._idle: list[_Idle] = []  # the one that waits longest first

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        body = b"".join([part async for part in _parts(request)])
        await self._turns.acquire()
        self._used += 1
        line: Line | None = None
        try:
            url = request.url
            line = self._take((url.scheme, url.host, url.port)) or await self._connect(url, timeouts.get("connect"))
            head = await line.begin(request, body, timeouts)
        except BaseException:
            self._release(line)
            raise
        stream = Body(self, line, timeouts.get("read"))
        return httpcore.Response(head.status_code, headers=head.headers.raw_items(), content=stream)

    async def aclose(self) -> None:
        for idle in self._idle:
            idle.line.close()
        self._idle.clear()
        await asyncio.sleep(0)  # aborted connections end in the loop's next round

    def give_back(self, line: Line) -> None:
        if line.is_spent():
            self._release(line)
            return
        self._release(None)
        self._idle.append(_Idle(line=line, until=asyncio.get_running_loop().time() + self._kept_s))
        self._close_idle(len(self._idle) - self._kept)

    def _release(self, line: Line | None) -> None:
        """End a use, and with it the connection that is given."""
        if line is not None:
            line.close()
        self._used -= 1
        self._turns.release()

    def _take(self, place: Place) -> Line | None:
        """The youngest idle connection to this place that still stands."""
        now = asyncio.get_running_loop().time()
        self._close_idle(sum(idle.until <= now for idle in self._idle))
        for idle in reversed([idle for idle in self._idle if idle.line.place == place]):
            self._idle.remove(idle)
            if not idle.line.is_dead():
                return idle.line
            idle.line.close()
        return None

    async def _connect(self, url: httpcore.URL, wait_s: float | None) -> Line:
        self._close_idle(self._used + len(self._idle) - self._most)
        host = url.host.decode("ascii")
        secure = url.scheme == b"https"
        stream = await self._network.connect_tcp(host, url.port or (443 if secure else 80), wait_s)
        if secure:
            stream = await stream.start_tls(self._context(), host, wait_s)
        return Line(stream, (url.scheme, url.host, url.port))

    def _close_idle(self, count: int) -> None:
        """Close that many idle connections, the oldest first."""
        for idle in self._idle[: max(count, 0)]:
            idle.line.close()
        del self._idle[: max(count, 0)]


async def _parts(request: httpcore.Request) -> AsyncIterator[bytes]:
    async for part in request.stream:  # type: ignore[union-attr]  # made from bytes, it can be read in both ways
        yield part
