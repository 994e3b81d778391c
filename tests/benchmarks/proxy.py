"""A TCP proxy on loopback that makes the way to a server long, and counts what goes over it.

Half of the round trip is added each way; a new connection costs one round trip more, for the handshake
that loopback does not have. It runs as a process of its own, so that its work is nobody else's:
``python -m tests.benchmarks.proxy --rtt-ms 40 HOST:PORT …`` prints one line of JSON with a port for each
target and a control port. A GET to the control port gives the counts so far, as JSON.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

from tests.benchmarks.counting import RequestCounter

_CHUNK: Final = 1 << 16
_Note = Callable[[bytes], None]
_Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None] | None]


@dataclass(slots=True, kw_only=True)
class Traffic:
    """What went over all connections to all targets."""

    connections: int = 0
    requests: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class DelayingProxy:
    """One proxy before one target."""

    def __init__(self, target: str, *, rtt_s: float, traffic: Traffic) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self._rtt_s = rtt_s
        self._traffic = traffic
        self._connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The loop itself holds tasks weakly, and a connection is a ring of objects that only it would hold.
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._traffic.connections += 1
        opened = asyncio.get_running_loop().time()
        try:
            up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        counter = RequestCounter()

        def sent(data: bytes) -> None:
            before = counter.count
            counter.feed(data)
            self._traffic.requests += counter.count - before
            self._traffic.bytes_up += len(data)

        def received(data: bytes) -> None:
            self._traffic.bytes_down += len(data)

        upward = _Lane(reader, up_writer, self._rtt_s / 2, not_before=opened + self._rtt_s)
        downward = _Lane(up_reader, writer, self._rtt_s / 2, not_before=0)
        try:
            await asyncio.gather(upward.carry(sent), downward.carry(received))
        finally:
            writer.close()
            up_writer.close()


class _Lane:
    """One direction of one connection: bytes leave in order, each a fixed time after it came."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float, *, not_before: float
    ) -> None:
        self._reader, self._writer = reader, writer
        self._delay_s, self._not_before = delay_s, not_before
        self._under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def carry(self, note: _Note) -> None:
        await asyncio.gather(self._take(note), self._deliver())

    async def _take(self, note: _Note) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            try:
                data = await self._reader.read(_CHUNK)
            except OSError:
                data = b""  # a reset ends the lane like an orderly end
            note(data)
            due = max(loop.time(), self._not_before) + self._delay_s
            self._under_way.put_nowait((due, data))

    async def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data:
            due, data = await self._under_way.get()
            await asyncio.sleep(due - loop.time())
            try:
                if data:
                    self._writer.write(data)
                    await self._writer.drain()
                elif self._writer.can_write_eof():
                    self._writer.write_eof()
            except OSError:
                return  # the other end has gone; what is still under way has nobody to reach


async def serve(targets: list[str], *, rtt_s: float) -> None:
    """Serve for ever; prints the ports first."""
    traffic = Traffic()
    proxies = [DelayingProxy(target, rtt_s=rtt_s, traffic=traffic) for target in targets]

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(asdict(traffic)).encode())
        await writer.drain()
        writer.close()

    doors = [await _listen(proxy.connected) for proxy in proxies]
    control = await _listen(tell)
    print(json.dumps({"ports": [_port(door) for door in doors], "control": _port(control)}), flush=True)
    await asyncio.Event().wait()


async def _listen(connected: _Connected) -> asyncio.Server:
    # Made by hand: with the protocol named, asyncio switches off the delay of small packets.
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.bind(("127.0.0.1", 0))
    return await asyncio.start_server(connected, sock=door, backlog=256)


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rtt-ms", type=float, default=0.0)
    parser.add_argument("targets", nargs="+", metavar="HOST:PORT")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.targets, rtt_s=arguments.rtt_ms / 1000))


if __name__ == "__main__":
    main()
