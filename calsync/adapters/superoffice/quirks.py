"""Named deviations of SuperOffice, and the little that is learned of a tenant while talking to it.

What was checked and found fine is noted in ``docs/quirks.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

PATIENCE_OF_TICKETS: Final = timedelta(hours=5, minutes=30)
"""A ticket unused for six hours has expired, and some answers to an expired one are 403, not 401."""

WHOLE_DAYS_BACK: Final = 2
"""Where ``after`` compares whole days, how far back to ask: the named day may be left out, and the literal may be
read in a zone up to twelve hours behind UTC, so the day before is not always enough."""

OVERLAP: Final = timedelta(minutes=2)
"""Stamps have one second and a row may be committed after a later stamp was read."""

FORMAT_SENSITIVE: Final = frozenset({"StartDate", "EndDate", "ActiveDate", "AlarmLeadTime"})
"""Properties whose ``test`` may fail for the way a value is written, not for the value."""


@dataclass(slots=True, kw_only=True)
class Learned:
    """Facts about one tenant's server; losing them costs a request. ``doctor`` shows ``conditions_left_out``.

    ``since_is_strict``: ``If-Unmodified-Since`` with the very second of the last change is refused there.
    ``untestable``: properties whose ``test`` failed although nothing had changed.
    """

    since_is_strict: bool = False
    untestable: frozenset[str] = frozenset()
    conditions_left_out: int = 0


def http_date(stamp: datetime, *, strict: bool) -> str:
    """The date of ``If-Unmodified-Since``: the second of the last change, one later where the second itself fails."""
    moment = stamp.astimezone(UTC).replace(microsecond=0)
    return format_datetime(moment + timedelta(seconds=1) if strict else moment, usegmt=True)


def is_assignment(word: str) -> bool:
    """Whether an ``AssignmentStatus`` says that the entry is only proposed; words of newer servers do not."""
    return word in {"Assigning", "Seen", "Declined"}


def with_mail_off(participants: Any) -> Any:
    """The participants of an entity with every mail switch off; what is no list stays as it is."""
    if not isinstance(participants, list):
        return participants
    return [each | {"SendEmail": False} if isinstance(each, dict) else each for each in participants]
