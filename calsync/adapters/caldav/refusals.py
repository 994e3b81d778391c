"""What a refused write means: whose move it is, by precondition first and status second (RFC 4791 5.3.2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from calsync.adapters.caldav import multistatus
from calsync.adapters.caldav.hrefs import CollectionUrl
from calsync.adapters.caldav.multistatus import Complaint
from calsync.adapters.http.exchange import Answer
from calsync.core.errors import (
    AlreadyThereError,
    CalendarUnavailableError,
    RefusedError,
    RemoteError,
    StaleVersionError,
    TryLaterError,
)
from calsync.core.reason import Reason
from calsync.core.refs import Ref

_TAKEN_UID: Final = ("no-uid-conflict", "unique-scheduling-object-resource")
_READ_ONLY: Final = ("need-privileges", "cannot-modify-protected-property")
_TOO_LARGE: Final = ("max-resource-size", "max-instances", "max-attendees-per-instance")
_KNOWN: Final = frozenset(
    {
        "valid-calendar-data",
        "valid-calendar-object-resource",
        "supported-calendar-component",
        "supported-calendar-data",
        "min-date-time",
        "max-date-time",
        "same-organizer-in-all-components",
        "allowed-organizer-scheduling-object-change",
        "allowed-attendee-scheduling-object-change",
        "quota-not-exceeded",
        "sufficient-disk-space",
    }
)

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_GONE: Final = 410
_PRECONDITION_FAILED: Final = 412
_LOCKED: Final = 423
_BARE_UID_CONFLICT: Final = frozenset({400, 409})
_BY_STATUS: Final[Mapping[int, Reason]] = {405: Reason.READ_ONLY, 413: Reason.TOO_LARGE}


def refused_create(answer: Answer, ref: Ref, collection: CollectionUrl) -> RemoteError:
    """Why an object was not made at ``ref``."""
    said = multistatus.complaint(answer)
    if said.names(*_TAKEN_UID):
        return _taken_uid(said, collection)
    refusal = _by_precondition(answer, said)
    if refusal is not None:
        return refusal
    if answer.status == _PRECONDITION_FAILED:
        return AlreadyThereError("The calendar has an object of this name already.", ref=ref)
    if answer.status in _BARE_UID_CONFLICT and _speaks_of_a_taken_uid(answer):
        return AlreadyThereError("The calendar has an event with this UID already.")
    if answer.status == _GONE:
        return CalendarUnavailableError("The calendar is no longer there.")
    return _by_status(answer)


def refused_change(answer: Answer) -> RemoteError:
    """Why an object was not changed or deleted."""
    said = multistatus.complaint(answer)
    refusal = _by_precondition(answer, said)
    if refusal is not None:
        return refusal
    if answer.status in {_PRECONDITION_FAILED, _NOT_FOUND, _GONE}:
        return StaleVersionError("The event changed in the calendar since it was read.")
    return _by_status(answer)


def _by_precondition(answer: Answer, said: Complaint) -> RefusedError | None:
    if said.names(*_READ_ONLY):
        return RefusedError("The calendar does not let us write there.", reason=Reason.READ_ONLY.value)
    if said.names(*_TOO_LARGE):
        return RefusedError("The event is too large for this calendar.", reason=Reason.TOO_LARGE.value)
    if said.names(*_TAKEN_UID, *_KNOWN):
        return RefusedError(f"The calendar refused the event: {_words(said)}.")
    if answer.status == multistatus.INSUFFICIENT_STORAGE:
        return RefusedError("The calendar account is full.")
    return None


def _by_status(answer: Answer) -> RemoteError:
    if answer.status == _LOCKED:
        return TryLaterError("The event is locked in the calendar.")
    reason = _BY_STATUS.get(answer.status, Reason.REFUSED)
    return RefusedError(f"The calendar refused the event ({answer.status}).", reason=reason.value)


def _speaks_of_a_taken_uid(answer: Answer) -> bool:
    """Nextcloud and SOGo say in plain words what others say in a precondition."""
    words = answer.body[:4096].decode("utf-8", "replace").lower()
    return "uid" in words and any(word in words for word in ("exist", "already", "conflict", "in use"))


def _taken_uid(said: Complaint, collection: CollectionUrl) -> RemoteError:
    """Some servers keep UIDs apart over all calendars of a person; one in another calendar is not ours to adopt."""
    if said.hrefs and not collection.holds(said.hrefs[0]):
        reason = Reason.DUPLICATE_UID.value
        return RefusedError("Another calendar of this account has an event with this UID.", reason=reason)
    return AlreadyThereError(
        "The calendar has an event with this UID already.", ref=said.hrefs[0] if said.hrefs else None
    )


def _words(said: Complaint) -> str:
    return ", ".join(sorted(name.rpartition("}")[2] for name in said.preconditions))
