"""What a complete answer means before any adapter reads it. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import FailedReadError, FailedWriteError, ThrottledError
from calsync.core.errors import RemoteError

WAIT_LEAST_S: Final = 1.0
WAIT_MOST_S: Final = 3600.0
WAIT_UNREADABLE_S: Final = 60.0
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
# 520 to 530 are a content network's words for an origin that failed.
_FAILED: Final = frozenset({500, 502, 503, 504, *range(520, 531)})


def error_of(request: Request, answer: Answer, now: datetime) -> RemoteError | None:
    """The error that this status is for every adapter alike; None if the adapter decides (401, 404, 412, 507…)."""
    wait_s = retry_after_s(answer.headers.get("retry-after"), now)
    if answer.status == _TOO_MANY or (answer.status == _UNAVAILABLE and wait_s is not None):
        return ThrottledError(f"The server asks us to slow down ({answer.status}).", wait_s=wait_s)
    if answer.status not in _FAILED:
        return None
    if request.is_write:
        return FailedWriteError(f"The server failed ({answer.status}); the write may have been done.", answer)
    return FailedReadError(f"The server failed ({answer.status}).", answer)


def retry_after_s(text: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or HTTP date), from 1 s to 1 h; None without the header."""
    if text is None:
        return None
    try:
        asked_s = float(text)
    except ValueError:
        asked_s = _seconds_until(text, now)
    if math.isnan(asked_s):  # neither seconds nor a date
        return WAIT_UNREADABLE_S
    return min(max(asked_s, WAIT_LEAST_S), WAIT_MOST_S)


def _seconds_until(text: str, now: datetime) -> float:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return math.nan
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - now).total_seconds()
