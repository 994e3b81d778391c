"""Deletion as a proven fact.

A `Gone` is the only thing that a delete can be made of, and only `prove` makes one: out of an answer about the
object itself and a good second read under the same credential of the same calendar. There is no way from "not
listed" or "the read failed" to a `Gone`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from calsync.core.errors import UnprovenDeletionError
from calsync.core.refs import Ref


class Answer(Enum):
    """What said that the object is no longer there; anything else proves nothing."""

    REST_404 = "rest-404"
    AGENT_NULL = "agent-null"
    CALDAV_404 = "caldav-404"
    CALDAV_410 = "caldav-410"
    SYNC_REPORT_404 = "sync-report-404"
    WITHDRAWN = "withdrawn"
    MEMORY = "memory"
    """The in-memory side, which cannot be wrong about itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectAnswer:
    """The answer of a read by id (or a bare 404 member of a complete sync report) about one object.

    ``calendar`` and ``credential`` name where and as whom it was asked; ``order`` grows with each request.
    """

    ref: Ref
    answer: Answer
    calendar: str
    credential: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A good read *after* the answer, of another known object of that calendar or of the calendar itself.

    ``subject`` is what was read; it shows that the calendar and the credential work and that a 404 means something.
    """

    subject: str
    calendar: str
    credential: str
    order: int


_SEAL: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The object at ``ref`` no longer exists. Made by `prove` alone."""

    ref: Ref
    answer: DirectAnswer
    witness: Witness
    _seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise UnprovenDeletionError("a deletion is proven with prove(), not stated")


def prove(answer: DirectAnswer, witness: Witness) -> Gone:
    """Put the two reads together.

    Raises:
        UnprovenDeletionError: the second read was of another calendar, under another credential, not later, or of
            the very object that is missing.
    """
    if answer.calendar != witness.calendar:
        raise UnprovenDeletionError("the second read was of another calendar")
    if answer.credential != witness.credential:
        raise UnprovenDeletionError("the second read was under another credential")
    if witness.order <= answer.order:
        raise UnprovenDeletionError("the second read was not later")
    if witness.subject == answer.ref:
        raise UnprovenDeletionError("the second read was of the missing object")
    return Gone(ref=answer.ref, answer=answer, witness=witness, _seal=_SEAL)
