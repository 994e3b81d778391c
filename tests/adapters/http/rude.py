"""A server that does to each connection what a test says, and a clock that moves only when waited on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeAlias

from calsync.adapters.http.account import Account
from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.adapters.http.guard import Guard, TypedByUser

SEEDED = Random(1)  # jitter that is the same in every run
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Deed: TypeAlias = bytes | Serve
"""The raw answer to a request, or what to do instead of answering."""


class StillClock:
    """Time passes only in `sleep`, at once."""

    def __init__(self) -> None:
        self.time = NOON
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Rude:
    """``deeds`` are done in turn, one a request; the last one again and again."""

    deeds: Sequence[Deed]
    port: int = 0
    seen: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0
                )
                self.seen.append(head + await reader.readexactly(length))
                deed = self.deeds[min(len(self.seen), len(self.deeds)) - 1]
                if callable(deed):
                    await deed(reader, writer)
                else:
                    writer.write(deed)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            return


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that does ``serve`` to every connection; at the end all of them are closed."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.transport.abort()

    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(tracked, sock=sock, ssl=tls)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0.01)


@asynccontextmanager
async def rude(*deeds: Deed, tls: ssl.SSLContext | None = None) -> AsyncIterator[Rude]:
    server = Rude(deeds)
    async with listening(server.serve, tls) as server.port:
        yield server


@asynccontextmanager
async def client_for(
    *servers: Rude,
    limits: OutboundLimits | None = None,
    clock: StillClock | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[HttpClient]:
    made = HttpClient(
        limits=limits or OutboundLimits(connect_s=2, read_s=2, total_s=5),
        allow_hosts=[server.url for server in servers],
        clock=clock or StillClock(),
        random=SEEDED,
        ssl_context=tls,
    )
    async with made as client:
        yield client


def account(
    *servers: Rude, authorization: str | None = None, guard: Guard | None = None, name: str = "t1/a1"
) -> Account:
    return Account(
        name=name,
        origins=frozenset(server.url for server in servers),
        authorization=authorization,
        guard=guard or TypedByUser(),
    )


def ok(body: bytes = b"fine", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(status: int, location: str) -> bytes:
    return ok(b"", f"Location: {location}", status=f"{status} Moved")


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close without an answer."""
    writer.close()


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the connection."""
    writer.transport.abort()


async def stay_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


def cut(raw: bytes) -> Deed:
    """Answer only this much, then close."""

    async def deed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    return deed


def drip(start: bytes, piece: bytes, every_s: float) -> Deed:
    """Answer a little at a time, for ever."""

    async def deed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)

    return deed
