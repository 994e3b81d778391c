"""One family of errors, split by who can do something about it.

Facts are attributes; the message is for a person. Anything that is not a `CalsyncError` is a bug and stays loud.
"""

from __future__ import annotations


class CalsyncError(Exception):
    """Something calsync expects to happen now and then, with a message for a person."""


class InvalidEventError(CalsyncError):
    """A value that cannot be an event, such as one that ends before it starts."""


class UnprovenDeletionError(CalsyncError):
    """The evidence does not prove a deletion."""


class OwnStateError(CalsyncError):
    """Our own store or configuration cannot be used; the operator must act (exit code 78)."""


class RemoteError(CalsyncError):
    """A calendar system did not do what was asked."""


class TryLaterError(RemoteError):
    """Nobody has to act: wait. A read may be repeated; a write is *in doubt* and is looked up first.

    ``wait_s`` comes from Retry-After, already clamped; None where the server named no time.
    """

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class InDoubtError(TryLaterError):
    """A write may or may not have reached the server (lost answer, reset, 5xx): look before doing anything."""


class SignInNeededError(RemoteError):
    """The person must sign in again; nothing is lost meanwhile."""


class RefusedError(RemoteError):
    """The system refuses this one event for good (or until somebody changes it); all others go on.

    ``reason`` is the word of `core.reason.Reason` under which the event is set aside.
    """

    def __init__(self, message: str, *, reason: str = "refused") -> None:
        super().__init__(message)
        self.reason = reason


class StaleVersionError(RemoteError):
    """The event changed since we looked: observe and plan again, never force."""


class AlreadyThereError(RemoteError):
    """A create found its key (or UID) taken; ``ref`` is where, if the server said so."""

    def __init__(self, message: str, *, ref: str | None = None) -> None:
        super().__init__(message)
        self.ref = ref


class CalendarUnavailableError(RemoteError):
    """The calendar as a whole is not there, not readable or is another one: the pair pauses, nothing is deleted."""


class UnusableAnswerError(TryLaterError):
    """The answer is not what was asked for (an HTML login page, a truncated listing): it proves nothing."""
