"""Names and addresses at connect, TLS, and what a pool must not mix up."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpcore
import pytest
import trustme

from calsync.adapters.http.account import Account
from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.adapters.http.exchange import Request
from calsync.adapters.http.failures import ForbiddenAddressError, UntrustedServerError
from calsync.adapters.http.guard import SetByOperator
from calsync.adapters.http.sockets import Network, resolve_by_system
from calsync.core.errors import TryLaterError
from tests.adapters.http.rude import SEEDED, Rude, StillClock, account, client_for, listening, ok, rude, stay_silent


class Names:
    """A resolver that answers what a test says, in turn."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client(
    names: Names, *, tls: ssl.SSLContext | None = None, allow: Sequence[str] = (), proxy: str = ""
) -> HttpClient:
    limits = OutboundLimits(connect_s=1, read_s=1, total_s=3)
    return HttpClient(
        limits=limits,
        clock=StillClock(),
        random=SEEDED,
        resolver=names,
        ssl_context=tls,
        allow_hosts=allow,
        proxy=proxy,
    )


def get(url: str) -> Request:
    return Request(method="GET", url=url)


USER = Account(name="t/a")
OPERATOR = Account(name="t/so", guard=SetByOperator())


async def test_H49_a_name_that_leads_inside_is_refused_at_every_connect() -> None:
    network = Network(Names(["93.184.216.34"], ["127.0.0.1"]), lambda _place: False)

    assert await network.addresses("rebinding.example", 443) == ["93.184.216.34"]
    with pytest.raises(ForbiddenAddressError):
        await network.connect_tcp("rebinding.example", 443, timeout=1)


async def test_H49_the_name_is_looked_up_once_and_the_checked_address_is_connected_to() -> None:
    names = Names(["127.0.0.1"], ["203.0.113.9"])
    async with rude(ok()) as server, client(names, allow=[f"http://dav.test:{server.port}"]) as sender:
        answer = await sender.send(get(f"http://dav.test:{server.port}/"), USER)

    assert answer.status == 200
    assert names.asked == ["dav.test"]
    assert b"Host: dav.test:" in server.seen[0]


@pytest.mark.parametrize("addresses", [["93.184.216.34", "10.0.0.1"], ["2606:4700::1", "::1"], ["127.0.0.1"]])
async def test_H50_a_name_with_one_private_address_is_refused_as_a_whole(addresses: Sequence[str]) -> None:
    async with client(Names(addresses)) as sender:
        with pytest.raises(ForbiddenAddressError, match="not public"):
            await sender.send(get("https://dav.example.com/"), USER)


async def test_N01_a_name_without_address_waits() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    network = Network(unknown, None)

    with pytest.raises(httpcore.ConnectError, match="not known"):
        await network.connect_tcp("gone.example", 443, timeout=1)


async def test_the_next_address_is_tried_if_the_first_refuses() -> None:
    async with rude(ok()) as server:
        names = Names(["127.0.0.2", "127.0.0.1"])
        async with client(names, allow=[f"http://dav.test:{server.port}"]) as sender:
            assert (await sender.send(get(f"http://dav.test:{server.port}/"), USER)).status == 200


async def test_the_system_resolver_knows_loopback() -> None:
    assert "127.0.0.1" in await resolve_by_system("127.0.0.1", 80)


def contexts(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(*names).configure_cert(serving)
    authority.configure_trust(trusting)
    return serving, trusting


def place(server: Rude, host: str) -> str:
    return f"{host}:{server.port}"


async def test_tls_is_verified_against_the_name_and_not_the_address() -> None:
    serving, trusting = contexts("dav.test")
    async with (
        rude(ok(), tls=serving) as server,
        client(Names(["127.0.0.1"]), tls=trusting, allow=[place(server, "dav.test")]) as sender,
    ):
        answers = [await sender.send(get(f"https://{place(server, 'dav.test')}/"), USER) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"fine"] * 3
    assert server.connections == 1


@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_N22_a_certificate_that_cannot_be_trusted_fails_hard_and_is_tried_hourly(wrong: str) -> None:
    serving, trusting = contexts("other.test" if wrong == "name" else "dav.test")
    trust = trusting if wrong == "name" else ssl.create_default_context()
    async with (
        rude(ok(), tls=serving) as server,
        client(Names(["127.0.0.1"]), tls=trust, allow=[place(server, "dav.test")]) as sender,
    ):
        request = Request(method="PUT", url=f"https://{place(server, 'dav.test')}/1.ics", body=b"x")
        with pytest.raises(UntrustedServerError, match="certificate") as caught:
            await sender.send(request, USER)

    assert caught.value.wait_s == 3600
    assert server.seen == []


async def test_N22_a_server_that_speaks_no_tls_gets_nothing() -> None:
    heard = b""

    async def answer_in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(ok(status="400 Speak HTTP"))
        heard = await reader.read(4096)
        writer.close()

    async with listening(answer_in_clear) as port:
        origin = f"dav.test:{port}"
        async with client(Names(["127.0.0.1"]), allow=[origin]) as sender:
            with pytest.raises(UntrustedServerError):
                await sender.send(get(f"https://{origin}/secret-path"), USER)

    assert b"secret-path" not in heard


async def test_SSL_CERT_FILE_holds_for_the_clients_own_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("dav.test").configure_cert(serving)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with (
        rude(ok(), tls=serving) as server,
        client(Names(["127.0.0.1"]), allow=[place(server, "dav.test")]) as sender,
    ):
        assert (await sender.send(get(f"https://{place(server, 'dav.test')}/"), USER)).status == 200


async def test_S6_a_connection_opened_on_the_operators_word_serves_no_address_typed_by_a_user() -> None:
    serving, trusting = contexts("dav.test")
    async with rude(ok(), tls=serving) as server, client(Names(["127.0.0.1"]), tls=trusting) as sender:
        url = f"https://dav.test:{server.port}/"
        assert (await sender.send(get(url), OPERATOR)).status == 200
        with pytest.raises(ForbiddenAddressError):
            await sender.send(get(url), USER)


async def test_proxy_variables_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with rude(ok()) as server, client_for(server) as sender:
        assert (await sender.send(get(server.url), account(server))).status == 200


async def test_a_proxy_that_the_operator_set_carries_the_requests_but_lifts_no_rule() -> None:
    names = Names(["127.0.0.1"])
    async with rude(ok()) as proxy, client(names, proxy=proxy.url, allow=["http://dav.test:8080"]) as sender:
        answer = await sender.send(get("http://dav.test:8080/x"), USER)
        with pytest.raises(ForbiddenAddressError):
            await sender.send(get("https://inner.example.com/x"), USER)

    assert answer.status == 200
    assert [head.split(b"\r\n")[0] for head in proxy.seen] == [b"GET http://dav.test:8080/x HTTP/1.1"]


async def test_N02_a_tls_handshake_that_hangs_ends_at_the_connect_deadline() -> None:
    async with (
        rude(stay_silent) as server,
        client(Names(["127.0.0.1"]), allow=[place(server, "dav.test")]) as sender,
    ):
        with pytest.raises(TryLaterError, match="no TLS within 1 s"):
            await sender.send(get(f"https://{place(server, 'dav.test')}/"), USER)
