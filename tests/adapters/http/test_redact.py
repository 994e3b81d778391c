"""No secret and no control character gets into a log, by whichever way."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import NoReturn

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from calsync.adapters.http.redact import RedactingFilter, Redactor, escaped

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Basic a2FyaTpodW50ZXIy", "a2FyaTpodW50ZXIy"),
        ("headers={'Authorization': 'Bearer abc.def-123', 'Depth': '1'}", "abc.def-123"),
        ("[(b'Authorization', b'Basic a2FyaTpodW50ZXIy'), (b'Depth', b'1')]", "a2FyaTpodW50ZXIy"),
        ('Authorization: Digest username="kari", response="6629fae4"', "6629fae4"),
        ("SO-AppToken: 0123456789abcdef", "0123456789abcdef"),
        ("Cookie: a=1; session=hunter2", "hunter2"),
        ("Set-Cookie: sid=hunter2; Path=/", "hunter2"),
        ("https://kari:hunter2@dav.example.com/x", "hunter2"),
        ("postgresql://u:hunter2@db/x", "hunter2"),
        ("ticket is 7T:MAA3AGYAx+/==", "MAA3AGYAx"),
        ("got 8A:Cust12345.AR2s_-x now", "AR2s_-x"),
        (f"assertion {JWT}", "c2lnbmF0dXJl"),
        ("grant_type=refresh_token&refresh_token=hunter2&scope=x", "hunter2"),
        ('{"password": "hunter2 with spaces", "user": "kari"}', "with spaces"),
        ("client_secret=hunter2", "hunter2"),
        ("password: 'hunter2'", "hunter2"),
        ("bearer\thunter2hunter2", "hunter2hunter2"),
    ],
)
def test_O13_H70_secrets_of_known_shape_are_hidden(text: str, secret: str) -> None:
    redacted = Redactor().text(text)

    assert secret not in redacted
    assert "[hidden]" in redacted


def test_what_is_no_secret_stays_readable() -> None:
    for text in ("Depth: 1", "sent 3 requests at 17:30:00", "https://dav.example.com/kari@work/", "a token expired"):
        assert Redactor().text(text) == text


@given(secret=st.text(alphabet=st.characters(codec="utf-8"), min_size=4, max_size=30), around=st.text(max_size=10))
def test_S6_a_registered_canary_is_hidden_wherever_it_stands(secret: str, around: str) -> None:
    redactor = Redactor()
    redactor.register(secret)

    assert secret not in redactor.text(f"{around}{secret}{around}").replace("[hidden]", "\n\n")


@given(text=st.text())
def test_H70_every_line_stays_one_line_without_escape_sequences(text: str) -> None:
    line = escaped(text)

    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line
    assert "\x9b" not in line


def test_H70_line_breaks_and_colours_are_spelled_out() -> None:
    assert escaped("ok\r\n2026 fake\x1b[31m\u2028\u202e") == "ok\\r\\n2026 fake\\x1b[31m\\u2028\\u202e"


def test_a_structured_event_is_cleaned_in_all_its_depth() -> None:
    redactor = Redactor()
    redactor.register("canary-1")

    event = redactor(
        None,
        "info",
        {
            "event": "x\n7T:MAA3AGYA",
            "password": "p",
            "headers": {"SO-AppToken": "t", "Depth": "1"},
            "list": [{"access_token": "t"}, "canary-1"],
            "why": ValueError("Basic a2FyaTpodW50ZXIy"),
            "status": 200,
            "none": None,
            "wanted": {"a": {1, 2}},
        },
    )

    assert event == {
        "event": "x\\n[hidden]",
        "password": "[hidden]",
        "headers": {"SO-AppToken": "[hidden]", "Depth": "1"},
        "list": [{"access_token": "[hidden]"}, "[hidden]"],
        "why": "Basic [hidden]",
        "status": 200,
        "none": None,
        "wanted": {"a": [1, 2]},
    }


def fail(message: str) -> NoReturn:
    raise ValueError(message)


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    redactor = Redactor()
    redactor.register("canary-1")
    handler.addFilter(RedactingFilter(redactor))
    logger = logging.getLogger("redact-test")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, out
    logger.removeHandler(handler)


def test_the_filter_cleans_arguments_and_tracebacks(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = log

    try:
        fail("https://kari:hunter2@x/ \x1b[31mcanary-1")
    except ValueError:
        logger.exception("%s failed with %s\nfake", "Basic a2FyaTpodW50ZXIy", "canary-1")

    written = out.getvalue()
    assert "Traceback" in written
    assert "\\nfake" in written
    assert not any(secret in written for secret in ("hunter2", "a2FyaTpodW50ZXIy", "canary-1", "\x1b"))


def test_an_event_of_structlog_is_cleaned_by_processor_and_filter(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = log
    redactor = Redactor()
    logger.handlers[0].setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer()))
    structured = structlog.wrap_logger(
        logger,
        processors=[redactor, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )

    try:
        fail("Bearer abcdefghijk")
    except ValueError:
        structured.exception("sign-in", token="hunter2", note="canary-1")
    logger.warning("plain Bearer abcdefghijk")

    written = out.getvalue()
    assert "Traceback" in written
    assert not any(secret in written for secret in ("hunter2", "abcdefghijk", "canary-1"))
