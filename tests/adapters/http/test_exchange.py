"""Real sockets, and servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from collections.abc import Iterator

import pytest

from calsync.adapters.http.client import OutboundLimits
from calsync.adapters.http.exchange import Request
from calsync.adapters.http.failures import ConnectionFailedError, FailedReadError, ForbiddenAddressError
from calsync.core.errors import InDoubtError, RefusedError, TryLaterError, UnusableAnswerError
from tests.adapters.http.rude import (
    Deed,
    Rude,
    StillClock,
    account,
    client_for,
    cut,
    drip,
    hang_up,
    listening,
    ok,
    redirect,
    reset,
    rude,
    stay_silent,
)

SHORT = OutboundLimits(connect_s=0.3, read_s=0.3, total_s=0.6, body_max_bytes=100_000)


def read(server: Rude, path: str = "/cal/") -> Request:
    return Request(method="PROPFIND", url=server.url + path, body=b"<propfind/>", headers={"Depth": "1"})


def write(server: Rude) -> Request:
    return Request(method="PUT", url=f"{server.url}/cal/1.ics", body=b"BEGIN:VCALENDAR")


async def test_a_request_arrives_whole_and_its_answer_comes_back_whole() -> None:
    async with (
        rude(ok(b"<ok/>", "Content-Type: text/xml; charset=utf-8", 'ETag: "1"')) as server,
        client_for(server) as client,
    ):
        answer = await client.send(read(server, "/a%2Fb//c?d=e"), account(server, authorization="Basic eDp5"))

    head = server.seen[0]
    assert head.startswith(b"PROPFIND /a%2Fb//c?d=e HTTP/1.1\r\nHost: " + server.place.encode())
    assert b"\r\nAuthorization: Basic eDp5\r\n" in head
    assert b"\r\nUser-Agent: calsync/" in head
    assert b"\r\nDepth: 1\r\n" in head
    assert head.endswith(b"\r\n\r\n<propfind/>")
    assert (answer.status, answer.body, answer.media_type) == (200, b"<ok/>", "text/xml")
    assert answer.headers["etag"] == '"1"'
    assert answer.url == server.url + "/a%2Fb//c?d=e"


async def test_connections_are_used_again_also_after_errors_of_the_adapter() -> None:
    async with rude(ok(), ok(status="404 Not Found"), ok(status="412 No")) as server, client_for(server) as client:
        statuses = [(await client.send(write(server), account(server))).status for _ in range(4)]

    assert statuses == [200, 404, 412, 412]
    assert server.connections == 1


async def test_N01_a_refused_connection_is_tried_three_times_and_then_waits() -> None:
    async with rude(ok()) as server:
        pass
    clock = StillClock()

    async with client_for(server, clock=clock) as client:
        with pytest.raises(ConnectionFailedError):
            await client.send(read(server), account(server))

    assert len(clock.slept) == 2


async def test_N01_a_write_whose_connection_is_refused_is_no_doubt() -> None:
    async with rude(ok()) as server:
        pass

    async with client_for(server) as client:
        with pytest.raises(TryLaterError) as caught:
            await client.send(write(server), account(server))

    assert not isinstance(caught.value, InDoubtError)


@pytest.mark.parametrize("deed", [hang_up, reset, stay_silent, cut(b"HTTP/1.1 20")])
async def test_N04_a_write_whose_answer_is_lost_is_in_doubt_and_sent_once(deed: Deed) -> None:
    async with rude(deed) as server, client_for(server, limits=SHORT) as client:
        with pytest.raises(InDoubtError):
            await client.send(write(server), account(server))

    assert len(server.seen) == 1


@pytest.mark.parametrize("deed", [hang_up, reset])
async def test_a_read_whose_answer_is_lost_is_read_again(deed: Deed) -> None:
    async with rude(deed, deed, ok()) as server, client_for(server) as client:
        answer = await client.send(read(server), account(server))

    assert answer.body == b"fine"
    assert len(server.seen) == 3


async def test_N02_a_server_that_says_nothing_is_not_asked_again() -> None:
    async with rude(stay_silent) as server, client_for(server, limits=SHORT) as client:
        with pytest.raises(TryLaterError, match="took too long"):
            await client.send(read(server), account(server))

    assert len(server.seen) == 1


async def test_N08_a_reset_while_the_body_is_sent_leaves_a_write_in_doubt() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.transport.abort()

    server = Rude([])

    async with listening(break_off) as server.port, client_for(server) as client:
        request = Request(method="PUT", url=server.url + "/big.ics", body=b"x" * 20_000_000)
        with pytest.raises(InDoubtError):
            await client.send(request, account(server))


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 500\r\n\r\n<multistatus>",
        b"HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 207 Multi-Status\r\nContent-Le",
    ],
)
async def test_N09_an_answer_cut_short_is_no_answer(raw: bytes) -> None:
    async with rude(cut(raw)) as server, client_for(server) as client:
        with pytest.raises(ConnectionFailedError):
            await client.send(read(server), account(server))

    assert len(server.seen) == 3


async def test_N09_a_compressed_answer_cut_short_is_no_answer() -> None:
    packed = gzip.compress(b"<multistatus/>" * 1000)
    async with rude(ok(packed[:-9], "Content-Encoding: gzip")) as server, client_for(server) as client:
        with pytest.raises(UnusableAnswerError, match="cut short"):
            await client.send(read(server), account(server))


@pytest.mark.parametrize(
    "deed",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x", 0.05),
        drip(b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n", 0.05),
        drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.05),
    ],
)
async def test_N11_a_dripping_answer_ends_at_the_total_deadline(deed: Deed) -> None:
    async with rude(deed) as server, client_for(server, limits=SHORT) as client:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TryLaterError, match=r"within 0\.6 s"):
            await client.send(read(server), account(server))

        assert asyncio.get_running_loop().time() - begun < 2


@pytest.mark.parametrize(
    "deed",
    [
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n", 0),
        drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0),
        drip(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100, 0),
        drip(b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n" * 1000, 0),
    ],
)
async def test_H69_an_endless_answer_is_stopped_by_its_size(deed: Deed) -> None:
    limits = OutboundLimits(connect_s=1, read_s=5, total_s=30, body_max_bytes=100_000)
    async with rude(deed) as server, client_for(server, limits=limits) as client:
        with pytest.raises(TryLaterError):
            await client.send(read(server), account(server))


async def test_H59_a_bomb_stops_at_the_cap_of_decoded_bytes() -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=9)
    async with rude(ok(bomb, "Content-Encoding: gzip")) as server, client_for(server) as client:
        with pytest.raises(UnusableAnswerError, match="longer than 20000000"):
            await client.send(read(server), account(server))


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_H59_a_coding_that_was_not_asked_for_is_refused(coding: str) -> None:
    async with rude(ok(b"xxxx", f"Content-Encoding: {coding}")) as server, client_for(server) as client:
        with pytest.raises(UnusableAnswerError):
            await client.send(read(server), account(server))


@pytest.mark.parametrize(
    "body",
    [b"no gzip at all", gzip.compress(b"x") + b"tail", gzip.compress(b"abc" * 99)[:20] + b"?" * 40],
    ids=["no gzip", "with a tail", "damaged"],
)
async def test_N23_damaged_gzip_is_an_error(body: bytes) -> None:
    async with rude(ok(body, "Content-Encoding: gzip")) as server, client_for(server) as client:
        with pytest.raises(UnusableAnswerError):
            await client.send(read(server), account(server))


async def test_N23_a_write_with_an_undecodable_answer_is_in_doubt() -> None:
    async with rude(ok(b"no gzip", "Content-Encoding: gzip")) as server, client_for(server) as client:
        with pytest.raises(InDoubtError):
            await client.send(write(server), account(server))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000])
async def test_gzip_and_both_kinds_of_deflate_are_decoded(size: int) -> None:
    text = b"x" * size
    raw = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    kinds = [
        ("gzip", gzip.compress(text)),
        ("x-gzip", gzip.compress(text)),
        ("deflate", zlib.compress(text)),
        ("deflate", raw.compress(text) + raw.flush()),
        ("identity", text),
    ]
    deeds = [ok(body, f"Content-Encoding: {coding}") for coding, body in kinds]

    async with rude(*deeds) as server, client_for(server) as client:
        for _ in kinds:
            assert (await client.send(read(server), account(server))).body == text


async def test_N20_a_connection_that_the_server_closed_meanwhile_is_not_written_to() -> None:
    async with rude(cut(ok()), ok()) as server, client_for(server) as client:
        await client.send(read(server), account(server))
        await asyncio.sleep(0.05)
        answer = await client.send(write(server), account(server))

    assert answer.status == 200
    assert server.connections == 2


async def send_late(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ok())
    await asyncio.sleep(0.01)
    writer.write(ok(b"smuggled"))


@pytest.mark.parametrize("deed", [ok() + ok(b"smuggled"), send_late])
async def test_N21_a_second_answer_is_no_answer_to_the_next_request(deed: Deed) -> None:
    async with rude(deed, ok(b"honest")) as server, client_for(server) as client:
        first = await client.send(read(server), account(server))
        await asyncio.sleep(0.02)
        second = await client.send(read(server), account(server))

    assert (first.body, second.body) == (b"fine", b"honest")


async def test_an_early_refusal_of_a_large_body_is_an_answer() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(status="413 Too Large"))
        await writer.drain()
        while await reader.read(65536):
            pass
        writer.close()

    server = Rude([])

    async with listening(refuse) as server.port, client_for(server) as client:
        request = Request(method="PUT", url=server.url + "/big.ics", body=b"x" * 5_000_000)
        assert (await client.send(request, account(server))).status == 413


async def test_H68_no_cookie_is_kept_or_shown() -> None:
    async with rude(ok(b"", "Set-Cookie: session=1; Path=/"), ok()) as server, client_for(server) as client:
        answer = await client.send(read(server), account(server))
        await client.send(read(server), account(server, name="t2/a2"))

    assert "set-cookie" not in answer.headers
    assert b"ookie" not in server.seen[1]


async def test_interim_answers_are_passed_over_and_repeated_headers_joined() -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok(b"", "DAV: 1", "DAV: 2")
    async with rude(raw) as server, client_for(server) as client:
        answer = await client.send(write(server), account(server))

    assert (answer.status, answer.headers["dav"]) == (200, "1, 2")


async def test_H65_a_header_with_a_line_break_never_leaves() -> None:
    async with rude(ok()) as server, client_for(server) as client:
        for etag in ('"1"\r\nX-Evil: 1', '"1"\nX', '"\x00"', '"\u20ac"'):
            request = Request(method="PUT", url=server.url + "/1.ics", headers={"If-Match": etag})
            with pytest.raises(RefusedError):
                await client.send(request, account(server))

    assert server.seen == []


async def test_N14_a_proxy_that_lost_its_server_is_read_again_and_a_failing_server_is_not() -> None:
    async with (
        rude(ok(status="502 Bad"), ok(status="504 Slow"), ok(), ok(status="500 No")) as server,
        client_for(server) as client,
    ):
        answer = await client.send(read(server), account(server))
        with pytest.raises(FailedReadError) as caught:
            await client.send(read(server), account(server))

    assert answer.body == b"fine"
    assert caught.value.answer.status == 500
    assert len(server.seen) == 4


async def test_N14_a_write_to_a_failing_server_is_sent_once_and_in_doubt() -> None:
    async with rude(ok(status="502 Bad")) as server, client_for(server) as client:
        with pytest.raises(InDoubtError):
            await client.send(write(server), account(server))

    assert len(server.seen) == 1


async def test_N12_after_retry_after_the_account_is_silent_on_that_host_until_then_and_others_go_on() -> None:
    clock = StillClock()
    throttled = ok(status="429 Slow Down").replace(b"\r\n\r\n", b"\r\nRetry-After: 120\r\n\r\n", 1)
    async with rude(throttled, ok()) as server, client_for(server, clock=clock) as client:
        with pytest.raises(TryLaterError) as first:
            await client.send(write(server), account(server))
        with pytest.raises(TryLaterError) as second:
            await client.send(read(server), account(server))
        sent_while_paused = len(server.seen)
        other = await client.send(read(server), account(server, name="t2/a1"))
        await clock.sleep(120)
        later = await client.send(read(server), account(server))

    assert first.value.wait_s == 120
    assert second.value.wait_s is not None
    assert 120 <= second.value.wait_s <= 121
    assert sent_while_paused == 1
    assert (other.status, later.status) == (200, 200)


async def test_N19_a_redirect_is_followed_with_method_body_and_credential_and_shows_its_end() -> None:
    async with rude(redirect(301, "/dav/"), ok()) as server, client_for(server) as client:
        answer = await client.send(read(server, "/.well-known/caldav"), account(server, authorization="Basic eA=="))

    assert answer.url == server.url + "/dav/"
    assert server.seen[1].startswith(b"PROPFIND /dav/ ")
    assert server.seen[1].endswith(b"<propfind/>")
    assert b"Authorization: Basic eA==" in server.seen[1]


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest",
        "http://dav.example.com/",
        "file:///etc/passwd",
        "gopher://x.example/",
        "https://[::1]/",
    ],
)
async def test_H51_a_redirect_to_an_internal_address_or_another_scheme_is_refused(location: str) -> None:
    async with rude(redirect(302, location)) as server, client_for(server) as client:
        with pytest.raises(ForbiddenAddressError):
            await client.send(read(server), account(server))

    assert len(server.seen) == 1


async def test_H53_another_server_never_sees_the_credential() -> None:
    async with (
        rude(ok()) as other,
        rude(redirect(307, f"{other.url}/x")) as server,
        client_for(server, other) as client,
    ):
        with pytest.raises(UnusableAnswerError):
            await client.send(read(server), account(server, authorization="Basic eA=="))
        with pytest.raises(UnusableAnswerError):
            await client.send(read(other), account(server, authorization="Basic eA=="))

    assert other.seen == []


@pytest.fixture
def debug_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def test_H70_the_log_of_a_request_names_neither_path_nor_header(debug_log: pytest.LogCaptureFixture) -> None:
    async with rude(ok(b"", "Set-Cookie: c00kie=1")) as server, client_for(server) as client:
        await client.send(read(server, "/kari.nordmann/"), account(server, authorization="Basic c2VjcmV0"))

    logged = debug_log.text
    assert "http.answered" in logged
    assert "t1/a1" in logged
    assert not any(word in logged for word in ("kari", "c2VjcmV0", "c00kie", "Depth"))
