"""Why an event is not synchronised: a closed list, with the sentence a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Reason(Enum):
    """The word in `set-aside`, `why` and the pages; printed into ``docs/reference/reasons.md``."""

    SERIES = "series"
    MEETING = "meeting"
    BOOKING = "booking"
    TASK = "task"
    DOCUMENT = "document"
    OTHER_PERSON = "other_person"
    ASSIGNMENT = "assignment"
    CANCELLED = "cancelled"
    OUT_OF_WINDOW = "out_of_window"
    PRIVATE = "private"
    DIRECTION = "direction"
    FOREIGN_COPY = "foreign_copy"
    OTHER_PAIR = "other_pair"
    UNSURE = "unsure"
    ORIGINAL_DELETED = "original_deleted"
    DUPLICATE_UID = "duplicate_uid"
    UNREADABLE = "unreadable"
    NOT_AN_EVENT = "not_an_event"
    TOO_LARGE = "too_large"
    TIME_ZONE = "time_zone"
    REFUSED = "refused"
    READ_ONLY = "read_only"
    WOULD_MAIL = "would_mail"
    LOOP = "loop"
    FAILED = "failed"


SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.SERIES: "Series are not synced yet. It stays as it is on its own side.",
    Reason.MEETING: "It has other participants. Meetings are not synced yet, so nobody is mailed.",
    Reason.BOOKING: "It is a booking with participants in SuperOffice. Meetings are not synced yet.",
    Reason.TASK: "It is a task or a follow-up, not a diary entry.",
    Reason.DOCUMENT: "It is a document, not a diary entry.",
    Reason.OTHER_PERSON: "It is in another person's diary.",
    Reason.ASSIGNMENT: "It was assigned and is not accepted yet.",
    Reason.CANCELLED: "It is marked as cancelled.",
    Reason.OUT_OF_WINDOW: "It lies outside the days that are kept in sync.",
    Reason.PRIVATE: "It is private and this pair leaves private events out.",
    Reason.DIRECTION: "This pair only copies the other way.",
    Reason.FOREIGN_COPY: "It was made by another installation or for another tenant of this program.",
    Reason.OTHER_PAIR: "It is a copy that belongs to another pair of this installation.",
    Reason.UNSURE: "Two or more events fit equally well; both stay until somebody decides.",
    Reason.ORIGINAL_DELETED: "It is a copy of ours and its original is no longer there: delete it or keep it.",
    Reason.DUPLICATE_UID: "Another event in this calendar has the same UID.",
    Reason.UNREADABLE: "The calendar's own text for it cannot be read. It is left exactly as it is.",
    Reason.NOT_AN_EVENT: "It is a task or journal entry, or several events in one.",
    Reason.TOO_LARGE: "It is larger than can be handled safely.",
    Reason.TIME_ZONE: "Its time zone is unknown and it carries no rules for it.",
    Reason.REFUSED: "The other side refused it.",
    Reason.READ_ONLY: "The calendar does not let us write it.",
    Reason.WOULD_MAIL: "Writing it would make a server send mail.",
    Reason.LOOP: "It changed too often without anybody editing it; it is held until somebody looks.",
    Reason.FAILED: "Writing it failed and is tried again later.",
}
