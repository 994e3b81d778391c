"""Servers in the same process, and counting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from calsync.adapters.http.account import Account
from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.adapters.http.counts import Counts
from calsync.adapters.http.exchange import Request
from calsync.adapters.http.failures import ConnectionFailedError, ForbiddenAddressError
from calsync.adapters.http.guard import SetByOperator
from calsync.adapters.http.in_process import App, in_process
from calsync.core.errors import InDoubtError
from tests.adapters.http.rude import SEEDED, StillClock, account, ok, rude

SOD = "https://sod.superoffice.com"


async def echo(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    body = (await receive())["body"]
    said = b" ".join([scope["method"].encode(), scope["raw_path"], scope["query_string"], body])
    headers = [(b"X-Auth", dict(scope["headers"]).get(b"authorization", b"")), (b"set-cookie", b"a=b")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


def failing(error: OSError) -> App:
    async def app(_scope: object, _receive: object, _send: object) -> None:
        await asyncio.sleep(0)
        raise error

    return app


def client(app: App) -> HttpClient:
    return HttpClient(
        limits=OutboundLimits(total_s=2),
        clock=StillClock(),
        random=SEEDED,
        transport=in_process({SOD: app}),
    )


def agent(**more: Any) -> Account:
    return Account(name="t1/so", origins=frozenset({SOD}), guard=SetByOperator(hosts=("*.superoffice.com",)), **more)


WRITE = Request(method="POST", url=f"{SOD}/a%2Fb?c=%20d", body=b"hello")


async def test_an_application_in_this_process_gets_the_very_request() -> None:
    async with client(echo) as sender:
        answer = await sender.send(WRITE, agent(authorization=lambda: "SOTicket 7T:x"))

    assert answer.body == b"POST /a%2Fb c=%20d hello"
    assert answer.headers["x-auth"] == "SOTicket 7T:x"
    assert "set-cookie" not in answer.headers


async def test_N04_an_application_that_breaks_off_leaves_a_write_in_doubt_and_one_that_refuses_does_not() -> None:
    async with client(failing(ConnectionResetError())) as sender:
        with pytest.raises(InDoubtError):
            await sender.send(WRITE, agent())
    async with client(failing(ConnectionRefusedError())) as sender:
        with pytest.raises(ConnectionFailedError):
            await sender.send(WRITE, agent())


async def test_the_rules_on_addresses_hold_inside_the_process_too() -> None:
    async with client(echo) as sender:
        with pytest.raises(ForbiddenAddressError):
            await sender.send(Request(method="GET", url="https://evil.example/"), agent())


async def test_requests_are_counted_for_the_run_that_sends_them_with_retries_and_in_its_tasks() -> None:
    outer, inner = Counts(), Counts()
    async with rude(ok(status="502 Bad"), ok()) as server:
        sender = HttpClient(limits=OutboundLimits(), clock=StillClock(), random=SEEDED, allow_hosts=[server.url])
        async with sender:
            request = Request(method="GET", url=server.url)
            with sender.count_into(outer):
                await sender.send(request, account(server))
                with sender.count_into(inner):
                    await asyncio.gather(*(sender.send(request, account(server, name="b")) for _ in range(3)))
            await sender.send(request, account(server))

    assert (outer.total, inner.total) == (5, 3)
    assert outer.by_account == {"t1/a1": 2, "b": 3}
    assert inner.by_host == {"127.0.0.1": 3}
