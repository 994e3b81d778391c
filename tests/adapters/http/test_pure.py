"""The decisions of the client as plain functions: statuses, Retry-After, retries, redirects."""

from __future__ import annotations

from random import Random

import pytest

from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import (
    ConnectionFailedError,
    ElsewhereError,
    FailedReadError,
    FailedWriteError,
    ThrottledError,
    UntrustedServerError,
)
from calsync.adapters.http.redirects import next_request
from calsync.adapters.http.retry import again_after
from calsync.adapters.http.verdict import error_of, retry_after_s
from calsync.core.errors import InDoubtError, RemoteError, TryLaterError, UnusableAnswerError
from tests.adapters.http.rude import NOON

HERE = "https://dav.example.com"
READ = Request(method="PROPFIND", url=f"{HERE}/cal/", body=b"<propfind/>", headers={"Depth": "1"})
WRITE = Request(method="PUT", url=f"{HERE}/cal/1.ics", body=b"BEGIN:VCALENDAR")
AGENT_READ = Request(method="POST", url=f"{HERE}/api", reads=True)
OWNER = Account(name="a", origins=frozenset({HERE}), authorization="Basic eA==")


def seeded(seed: int) -> Random:
    return Random(seed)  # jitter that is the same in every run


def answered(status: int, **headers: str) -> Answer:
    return Answer(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=b"", url=HERE)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("120", 120),
        ("0", 1),
        ("-1", 1),
        ("1e11", 3600),
        ("9" * 5000, 3600),
        ("Mon, 01 Jun 2026 12:02:00 GMT", 120),
        ("Mon, 01 Jun 2026 12:02:00 -0000", 120),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("soon", 60),
        ("nan", 60),
        ("", 60),
    ],
)
def test_N12_H67_retry_after_is_read_in_every_form_and_kept_between_a_second_and_an_hour(
    header: str | None, wait_s: float | None
) -> None:
    assert retry_after_s(header, NOON) == wait_s


@pytest.mark.parametrize("request_", [READ, WRITE])
def test_N12_throttling_is_no_doubt_even_for_a_write(request_: Request) -> None:
    for answer in (answered(429), answered(429, retry_after="7"), answered(503, retry_after="7")):
        error = error_of(request_, answer, NOON)

        assert isinstance(error, ThrottledError)
        assert error.wait_s == (7 if answer.headers else None)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 522])
def test_N14_a_failing_server_is_asked_later_and_leaves_a_write_in_doubt(status: int) -> None:
    answer = answered(status)

    read, agent, write = (error_of(request, answer, NOON) for request in (READ, AGENT_READ, WRITE))

    assert isinstance(read, FailedReadError)
    assert isinstance(agent, FailedReadError)
    assert isinstance(write, FailedWriteError)
    assert write.answer is answer


@pytest.mark.parametrize("status", [200, 207, 304, 400, 401, 403, 404, 409, 410, 412, 421, 507])
def test_every_other_status_is_the_adapters_to_read(status: int) -> None:
    assert error_of(WRITE, answered(status), NOON) is None


def test_only_reads_are_sent_again_and_only_twice() -> None:
    failed = ConnectionFailedError("x")

    assert [again_after(READ, failed, tries, seeded(1)) is not None for tries in (1, 2, 3)] == [True, True, False]
    assert again_after(AGENT_READ, failed, 1, seeded(1)) is not None
    assert again_after(WRITE, failed, 1, seeded(1)) is None


def test_the_wait_before_a_retry_grows_and_is_jittered() -> None:
    waits = [again_after(READ, ConnectionFailedError("x"), 1, seeded(seed)) or 0 for seed in range(50)]

    assert len(set(waits)) == 50
    assert min(waits) >= 0.125
    assert max(waits) <= 0.375
    assert (again_after(READ, ConnectionFailedError("x"), 2, seeded(1)) or 0) == waits[1] * 2


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (FailedReadError("x", answered(502)), True),
        (FailedReadError("x", answered(504)), True),
        (FailedReadError("x", answered(500)), False),
        (FailedReadError("x", answered(503)), False),
        (ThrottledError("x", wait_s=1), False),
        (UntrustedServerError("x"), False),
        (TryLaterError("too slow"), False),
        (UnusableAnswerError("x"), False),
    ],
)
def test_what_a_further_try_cannot_help_is_not_sent_again(error: RemoteError, again: bool) -> None:
    assert (again_after(READ, error, 1, seeded(1)) is not None) is again


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_N19_a_read_follows_every_redirect_with_its_method_and_body(status: int) -> None:
    following = next_request(READ, answered(status, location="/dav/"), OWNER, hops=0)

    assert following == Request(method="PROPFIND", url=f"{HERE}/dav/", body=READ.body, headers=READ.headers)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_N19_a_write_that_is_answered_by_a_vague_redirect_is_in_doubt(status: int) -> None:
    with pytest.raises(InDoubtError):
        next_request(WRITE, answered(status, location="/dav/"), OWNER, hops=0)


@pytest.mark.parametrize("status", [307, 308])
def test_N19_a_write_follows_a_redirect_that_keeps_its_method(status: int) -> None:
    following = next_request(WRITE, answered(status, location="/dav/1.ics"), OWNER, hops=0)

    assert following is not None
    assert (following.method, following.body) == ("PUT", WRITE.body)


def test_N19_after_three_redirects_it_is_over() -> None:
    with pytest.raises(UnusableAnswerError, match="more than 3"):
        next_request(READ, answered(302, location="/a"), OWNER, hops=3)


@pytest.mark.parametrize("location", ["https://evil.example/", "//evil.example/", "https://dav.example.com:8443/"])
def test_H53_a_credential_goes_to_no_other_origin(location: str) -> None:
    with pytest.raises(ElsewhereError) as caught:
        next_request(READ, answered(302, location=location), OWNER, hops=0)

    assert caught.value.target.startswith("https://")


@pytest.mark.parametrize("name", ["Authorization", "SO-AppToken", "cookie"])
def test_H53_a_secret_in_a_header_of_the_request_counts_as_a_credential(name: str) -> None:
    request = Request(method="GET", url=f"{HERE}/", headers={name: "x"})

    with pytest.raises(ElsewhereError):
        next_request(request, answered(302, location="https://evil.example/"), Account(name="a"), hops=0)


def test_without_a_credential_a_read_may_be_led_elsewhere_but_a_write_may_not() -> None:
    nobody = Account(name="a")
    there = answered(307, location="https://other.example/")

    assert next_request(READ, there, nobody, hops=0) is not None
    with pytest.raises(ElsewhereError):
        next_request(WRITE, there, nobody, hops=0)


def test_a_second_server_of_the_account_may_be_redirected_to() -> None:
    both = Account(name="a", origins=frozenset({HERE, "https://p01.example.com/home/"}), authorization="Basic eA==")

    following = next_request(WRITE, answered(308, location="https://p01.example.com/1.ics"), both, hops=0)

    assert following is not None
    assert following.url == "https://p01.example.com/1.ics"


def test_a_redirect_without_a_location_is_an_answer() -> None:
    assert next_request(READ, answered(302), OWNER, hops=0) is None
    assert next_request(READ, answered(304, location="/x"), OWNER, hops=0) is None


def test_an_account_does_not_show_its_credential() -> None:
    assert "eA==" not in repr(OWNER)
