"""The decision grid: what happens to a link, by what each side did. The rules of the sync on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from calsync.core.ends import End


class Change(Enum):
    """What one side did to a linked event since both last agreed."""

    SAME = "same"
    EDITED = "edited"
    GONE = "gone"
    """Proven gone; never merely absent."""
    AWAY = "away"
    """There, but not offered now: it became a series or a meeting, is cancelled, is unreadable."""


class Rule(Enum):
    """What is done; the word is stored as the reason of every action."""

    NOTHING = "nothing"
    COPY_TO_CALENDAR = "copy_to_calendar"
    COPY_TO_CRM = "copy_to_crm"
    MERGE = "merge"
    DELETE_FROM_CALENDAR = "delete_from_calendar"
    DELETE_FROM_CRM = "delete_from_crm"
    BRING_BACK_TO_CALENDAR = "bring_back_to_calendar"
    BRING_BACK_TO_CRM = "bring_back_to_crm"
    FORGET = "forget"
    REST = "rest"


GRID: Final[Mapping[tuple[Change, Change], Rule]] = {
    # Key: what SuperOffice did, what the calendar did.
    (Change.SAME, Change.SAME): Rule.NOTHING,
    (Change.SAME, Change.EDITED): Rule.COPY_TO_CRM,
    (Change.SAME, Change.GONE): Rule.DELETE_FROM_CRM,
    (Change.SAME, Change.AWAY): Rule.REST,
    (Change.EDITED, Change.SAME): Rule.COPY_TO_CALENDAR,
    (Change.EDITED, Change.EDITED): Rule.MERGE,
    (Change.EDITED, Change.GONE): Rule.BRING_BACK_TO_CALENDAR,
    (Change.EDITED, Change.AWAY): Rule.REST,
    (Change.GONE, Change.SAME): Rule.DELETE_FROM_CALENDAR,
    (Change.GONE, Change.EDITED): Rule.BRING_BACK_TO_CRM,
    (Change.GONE, Change.GONE): Rule.FORGET,
    (Change.GONE, Change.AWAY): Rule.FORGET,
    (Change.AWAY, Change.SAME): Rule.REST,
    (Change.AWAY, Change.EDITED): Rule.REST,
    (Change.AWAY, Change.GONE): Rule.FORGET,
    (Change.AWAY, Change.AWAY): Rule.REST,
}

MIRROR: Final[Mapping[Rule, Rule]] = {
    Rule.NOTHING: Rule.NOTHING,
    Rule.COPY_TO_CALENDAR: Rule.COPY_TO_CRM,
    Rule.COPY_TO_CRM: Rule.COPY_TO_CALENDAR,
    Rule.MERGE: Rule.MERGE,
    Rule.DELETE_FROM_CALENDAR: Rule.DELETE_FROM_CRM,
    Rule.DELETE_FROM_CRM: Rule.DELETE_FROM_CALENDAR,
    Rule.BRING_BACK_TO_CALENDAR: Rule.BRING_BACK_TO_CRM,
    Rule.BRING_BACK_TO_CRM: Rule.BRING_BACK_TO_CALENDAR,
    Rule.FORGET: Rule.FORGET,
    Rule.REST: Rule.REST,
}
"""The same rule with the sides swapped (a law of the grid, checked by test)."""

MEANING: Final[Mapping[Rule, str]] = {
    Rule.NOTHING: "Nothing changed.",
    Rule.COPY_TO_CALENDAR: "Changed in SuperOffice: the changed fields are copied to the calendar.",
    Rule.COPY_TO_CRM: "Changed in the calendar: the changed fields are copied to SuperOffice.",
    Rule.MERGE: "Changed on both sides: different fields are both kept; the same field is a conflict.",
    Rule.DELETE_FROM_CALENDAR: "Deleted in SuperOffice: its untouched copy in the calendar is deleted.",
    Rule.DELETE_FROM_CRM: "Deleted in the calendar: its untouched copy in SuperOffice is deleted.",
    Rule.BRING_BACK_TO_CALENDAR: "Deleted in the calendar but edited in SuperOffice: the edit wins, it is made again.",
    Rule.BRING_BACK_TO_CRM: "Deleted in SuperOffice but edited in the calendar: the edit wins, it is made again.",
    Rule.FORGET: "Gone: what is left elsewhere stays as it is, and the two are no longer tied together.",
    Rule.REST: "Not in scope on one side: nothing is written until it is again.",
}


def rule_for(crm: Change, calendar: Change) -> Rule:
    return GRID[crm, calendar]


def bring_back(to: End) -> Rule:
    return Rule.BRING_BACK_TO_CRM if to is End.CRM else Rule.BRING_BACK_TO_CALENDAR
