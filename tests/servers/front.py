"""An HTTP front before a real CalDAV server that takes features away, changes answers and injects faults.

``with Front(server.url) as front:`` starts it on a thread and event loop of its own, so tests with and
without a loop can use it. ``front.behaviour`` is changed at any time, ``front.exchanges`` is the log.
"""

import asyncio
import http
import socket
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from types import TracebackType
from typing import Final, NoReturn, Self

import h11
import httpx

from tests.servers import policy, rewriting
from tests.servers.behaviour import Asked, Behaviour, Collection, Exchange, Fault, Given

_HOP_BY_HOP: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "transfer-encoding"}
)
_OURS: Final = frozenset({"connection", "content-encoding", "content-length", "date", "server", "transfer-encoding"})
_CHUNK: Final = 1 << 16
_BACKEND_WAIT_S: Final = 60.0
_NO_BODY: Final = frozenset({204, 304})


class _CutError(Exception):
    """The connection is to be cut now."""


class Front:
    """One front before one server.

    ``behaviour`` may be changed at any time; ``exchanges`` holds what was asked and answered, oldest first.
    ``hanging`` is set once a request hangs: wait for it, then kill the client at exactly that point.
    """

    def __init__(self, backend_url: str, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.exchanges: list[Exchange] = []
        self.in_flight_max = 0
        self.hanging = threading.Event()
        self._backend = _origin(backend_url)
        self._asked = 0
        self._in_flight = 0
        self._book = rewriting.TagBook()
        self._reports = policy.SyncReports()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        """The root of the front, with a slash at the end."""
        return f"{self._origin}/"

    def through(self, url: str) -> str:
        """Give the address of something behind the front by way of the front."""
        return url.replace(self._backend, self._origin, 1)

    @property
    def requests(self) -> list[Asked]:
        return [exchange.asked for exchange in self.exchanges]

    @property
    def writes(self) -> list[Asked]:
        return [asked for asked in self.requests if asked.method in {"PUT", "DELETE"}]

    def count(self) -> Counter[str]:
        """Count the requests by method."""
        return Counter(asked.method for asked in self.requests)

    def forget(self) -> None:
        """Empty the log; the numbers of requests go on."""
        self.exchanges.clear()
        self.in_flight_max = 0

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        self._origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread.start()
        assert self._ready.wait(10), "the front did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the front did not stop"

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(trust_env=False, timeout=_BACKEND_WAIT_S) as self._client:
            server = await asyncio.start_server(self._connected, sock=self._socket)
            self._ready.set()
            await self._closing.wait()
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = h11.Connection(h11.SERVER)
        try:
            while await self._exchange(protocol, reader, writer):
                protocol.start_next_cycle()
        except (_CutError, ConnectionError, h11.ProtocolError):
            return
        finally:
            writer.close()

    async def _exchange(
        self, protocol: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Handle one request; False when the connection ends in good order."""
        asked = await self._read(protocol, reader, writer)
        if asked is None:
            return False
        self._in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self._in_flight)
        try:
            given, cut = await self._answer(asked, reader)
            await self._send(protocol, writer, given, method=asked.method, cut=cut)
        finally:
            self._in_flight -= 1
        return protocol.our_state is h11.DONE and protocol.their_state is h11.DONE

    async def _read(
        self, protocol: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Asked | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            match protocol.next_event():
                case h11.NEED_DATA:
                    if protocol.they_are_waiting_for_100_continue:
                        writer.write(protocol.send(h11.InformationalResponse(status_code=100, headers=[])))
                    protocol.receive_data(await reader.read(_CHUNK))
                case h11.Request() as head:
                    pass
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    assert head is not None  # h11 gives the parts in order
                    return self._asked_of(head, bytes(body))
                case _:  # the connection was closed
                    return None

    def _asked_of(self, head: h11.Request, body: bytes) -> Asked:
        self._asked += 1
        return Asked(
            number=self._asked,
            method=head.method.decode(),
            path=head.target.decode(),
            headers={name.decode().lower(): value.decode("latin-1") for name, value in head.headers},
            body=body,
        )

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader) -> tuple[Given, bool]:
        """Decide on an answer, and whether the connection is cut in the middle of it."""
        behaviour = self.behaviour
        fault = None if behaviour.fault is None else behaviour.fault(asked)
        await asyncio.sleep(behaviour.delay_s)
        if fault in {Fault.HANG, Fault.CUT_BEFORE}:
            await self._lose(asked, reader, reached=False, hang=fault is Fault.HANG)
        given = policy.refusal(asked, behaviour)
        if fault is Fault.SAY_500:
            given = Given(status=500)
        reached = given is None
        if given is None:
            given = policy.towards_client(asked, await self._from_server(asked), behaviour, self._book)
        if fault in {Fault.HANG_AFTER, Fault.CUT_AFTER}:
            await self._lose(asked, reader, reached=reached, hang=fault is Fault.HANG_AFTER)
        if fault is Fault.SAY_502_AFTER:
            given = Given(status=502)
        self._log(asked, given.status, reached=reached)
        short = behaviour.collection is Collection.CUT_SHORT and given.status == policy.MULTISTATUS
        return given, short or fault is Fault.CUT_IN_ANSWER

    async def _lose(self, asked: Asked, reader: asyncio.StreamReader, *, reached: bool, hang: bool) -> NoReturn:
        """Give no answer: cut the connection, at once or when the client or the front goes away."""
        self._log(asked, 0, reached=reached)
        if hang:
            self.hanging.set()
            ends = [asyncio.create_task(self._closing.wait()), asyncio.create_task(reader.read(1))]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        raise _CutError

    async def _from_server(self, asked: Asked) -> Given:
        inward = policy.towards_server(asked, self.behaviour, self._book)
        if policy.report_of(asked) == rewriting.SYNC_COLLECTION:
            return await self._reports.answer(inward, self.behaviour, self._forward)
        return await self._forward(inward)

    async def _forward(self, asked: Asked) -> Given:
        headers = {name: value for name, value in asked.headers.items() if name not in _HOP_BY_HOP}
        try:
            answer = await self._client.request(
                asked.method,
                self._backend + asked.path,
                content=asked.body,
                headers={**headers, "accept-encoding": "identity"},
            )
        except httpx.TransportError:
            return Given(status=502)
        kept = {name: value for name, value in answer.headers.items() if name not in _OURS}
        if "location" in kept:
            kept["location"] = kept["location"].replace(self._backend, self._origin)
        body = answer.content.replace(self._backend.encode(), self._origin.encode())
        return Given(status=answer.status_code, headers=kept, body=body)

    async def _send(
        self, protocol: h11.Connection, writer: asyncio.StreamWriter, given: Given, *, method: str, cut: bool
    ) -> None:
        headers = [*given.headers.items()]
        if given.status not in _NO_BODY:
            headers.append(("content-length", str(len(given.body))))
        reason = http.HTTPStatus(given.status).phrase
        head = h11.Response(status_code=given.status, headers=headers, reason=reason)
        writer.write(protocol.send(head) or b"")
        body = b"" if given.status in _NO_BODY or method == "HEAD" else given.body
        for piece in self._pieces(body[: len(body) // 2] if cut else body):
            writer.write(protocol.send(h11.Data(data=piece)) or b"")
            await writer.drain()
            await asyncio.sleep(self.behaviour.drip_s)
        if cut:
            raise _CutError
        writer.write(protocol.send(h11.EndOfMessage()) or b"")
        await writer.drain()

    def _pieces(self, body: bytes) -> Iterator[bytes]:
        size = self.behaviour.drip_bytes if self.behaviour.drip_s else _CHUNK
        return (body[start : start + size] for start in range(0, len(body), size))

    def _log(self, asked: Asked, status: int, *, reached: bool) -> None:
        self.exchanges.append(Exchange(asked=asked, status=status, reached=reached))


def _origin(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
