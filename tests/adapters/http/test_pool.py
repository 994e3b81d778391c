"""Which connection a request uses, and when one is closed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import pytest

from calsync.adapters.http.pool import Pool
from calsync.adapters.http.sockets import Network, resolve_by_system
from tests.adapters.http.rude import Rude, cut, hang_up, ok, rude, stay_silent

WAITS = {"timeout": {"connect": 1.0, "read": 1.0, "write": 1.0, "pool": None}}


@asynccontextmanager
async def pool_of(*, most: int = 10, kept: int = 10, kept_s: float = 10.0) -> AsyncIterator[Pool]:
    network = Network(resolve_by_system, None)
    pool = Pool(network, ssl.create_default_context, most=most, kept=kept, kept_s=kept_s)
    try:
        yield pool
    finally:
        await pool.aclose()


async def begin(pool: Pool, server: Rude, body: bytes = b"") -> httpcore.Response:
    headers = [(b"Host", server.place.encode()), (b"Content-Length", str(len(body)).encode())]
    request = httpcore.Request("PUT", server.url, headers=headers, content=body, extensions=WAITS)
    return await pool.handle_async_request(request)


async def fetch(pool: Pool, server: Rude) -> bytes:
    response = await begin(pool, server)
    try:
        return await response.aread()
    finally:
        await response.aclose()


async def test_one_request_after_the_other_shares_a_connection() -> None:
    async with rude(ok()) as server, pool_of() as pool:
        assert [await fetch(pool, server) for _ in range(3)] == [b"fine"] * 3

    assert server.connections == 1


async def test_two_servers_never_share_a_connection() -> None:
    async with rude(ok(b"one")) as one, rude(ok(b"two")) as two, pool_of() as pool:
        assert [await fetch(pool, server) for server in (one, two, one, two)] == [b"one", b"two"] * 2

    assert (one.connections, two.connections) == (1, 1)


@pytest.mark.parametrize(
    "answer", [ok(b"fine", "Connection: close"), b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine"]
)
async def test_a_server_that_will_close_is_connected_to_anew(answer: bytes) -> None:
    async with rude(answer) as server, pool_of() as pool:
        assert [await fetch(pool, server) for _ in range(2)] == [b"fine"] * 2

    assert server.connections == 2


async def test_a_connection_that_was_idle_too_long_is_not_used() -> None:
    async with rude(ok()) as server, pool_of(kept_s=0.0) as pool:
        await fetch(pool, server)
        await fetch(pool, server)

    assert server.connections == 2


async def test_a_connection_that_ended_while_idle_is_not_used() -> None:
    async with rude(cut(ok()), ok()) as server, pool_of() as pool:
        await fetch(pool, server)
        await asyncio.sleep(0.05)
        assert await fetch(pool, server) == b"fine"

    assert server.connections == 2


async def test_what_follows_an_answer_is_never_the_answer_to_the_next_request() -> None:
    async with rude(ok() + ok(b"smuggled"), ok(b"right")) as server, pool_of() as pool:
        await fetch(pool, server)
        assert await fetch(pool, server) == b"right"


async def test_an_answer_that_is_not_read_to_its_end_costs_its_connection() -> None:
    async with rude(ok(b"x" * 100_000), ok()) as server, pool_of() as pool:
        response = await begin(pool, server)
        await response.aclose()
        assert await fetch(pool, server) == b"fine"

    assert server.connections == 2


async def test_only_so_many_connections_are_kept() -> None:
    async with rude(ok()) as one, rude(ok()) as two, pool_of(kept=1) as pool:
        for server in (one, two, two, one):
            await fetch(pool, server)

    assert (one.connections, two.connections) == (2, 1)


@pytest.mark.parametrize("deed", [hang_up, stay_silent, b"nonsense\r\n\r\n"])
async def test_a_request_that_fails_or_is_given_up_leaves_its_place(deed: object) -> None:
    async with rude(deed, ok()) as server, pool_of(most=1) as pool:  # type: ignore[arg-type]  # each is a deed
        with pytest.raises((httpcore.ProtocolError, httpcore.ReadTimeout, TimeoutError)):
            async with asyncio.timeout(0.2):
                await begin(pool, server)
        async with asyncio.timeout(1):
            assert await fetch(pool, server) == b"fine"


async def test_no_more_connections_are_open_than_allowed() -> None:
    async with rude(ok()) as server, pool_of(most=2) as pool:
        first, second = await begin(pool, server), await begin(pool, server)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await begin(pool, server)
        await first.aclose()
        await second.aclose()
        assert await fetch(pool, server) == b"fine"


async def test_a_body_larger_than_the_buffer_arrives_whole() -> None:
    body = b"b" * 700_000
    async with rude(ok()) as server, pool_of() as pool:
        response = await begin(pool, server, body)
        await response.aread()
        await response.aclose()

    assert server.seen[0].endswith(b"\r\n\r\n" + body)
