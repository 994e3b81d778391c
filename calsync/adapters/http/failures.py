"""How an exchange can fail, as members of the one family of errors, each with the facts an adapter may want."""

from __future__ import annotations

from calsync.adapters.http.exchange import Answer
from calsync.core.errors import CalendarUnavailableError, InDoubtError, TryLaterError, UnusableAnswerError

TLS_WAIT_S = 3600.0


class ForbiddenAddressError(CalendarUnavailableError):
    """The address must not be contacted: no packet was sent there."""


class ConnectionFailedError(TryLaterError):
    """No connection, or one that broke. For a write it means that nothing of the request was sent."""


class UntrustedServerError(TryLaterError):
    """The server's certificate was not accepted; nothing was sent. Waits an hour."""

    def __init__(self, message: str) -> None:
        super().__init__(message, wait_s=TLS_WAIT_S)


class ThrottledError(TryLaterError):
    """429, or 503 with Retry-After: the server did not do it and said when to come again."""


class FailedReadError(TryLaterError):
    """The server failed while reading (500, 502, 503, 504); ``answer`` is what it said."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class FailedWriteError(InDoubtError):
    """The server failed while writing: a 5xx can follow a commit. ``answer`` is what it said."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class ElsewhereError(UnusableAnswerError):
    """The request, or a redirect of it, leads to ``target``, which may not see the account's credentials."""

    def __init__(self, message: str, target: str) -> None:
        super().__init__(message)
        self.target = target
