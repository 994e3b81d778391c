"""A pair's policy as people write it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Final
from zoneinfo import available_timezones

from calsync.core.event import Field
from calsync.core.policy import Direction, Policy, PrivacyLevel, Winner
from calsync.engine.requests import Given

CHOOSABLE: Final = (Field.TITLE, Field.WHEN, Field.PLACE, Field.NOTES, Field.BUSY, Field.REMINDER)
"""The fields whose winner can be chosen; ``*`` stands for all of them."""
_EVERY: Final = "*"
WINDOW_DAYS_MAX: Final = 36_500
"""A hundred years: dates end somewhere."""
_LATER: Final[Mapping[str, tuple[object, ...]]] = {
    "attendees": ("none", "listed"),
    "footer": (True, False),
    "relay": (True,),
}
"""Keys of later versions, with the values that this version already fulfils."""


class _Choice(Enum):
    CRM = "crm"
    CALENDAR = "calendar"
    ASK = "ask"


class _Reminders(Enum):
    OWN = "own"
    MAPPED = "mapped"


def read_policy(given: Given, before: Policy) -> Policy:
    """The policy that ``given`` makes of ``before``: keys that are not there keep their value."""
    reminders = _Reminders.MAPPED if before.reminders_mapped else _Reminders.OWN
    _check_later(given)
    policy = replace(
        before,
        wins=_read_wins(given, before.wins),
        privacy=given.choice("privacy", PrivacyLevel, before.privacy),
        reminders_mapped=given.choice("reminders", _Reminders, reminders) is _Reminders.MAPPED,
        time_zone=_read_zone(given, before.time_zone),
        window_past_days=_days(given, "window_past_days", before.window_past_days),
        window_future_days=_days(given, "window_future_days", before.window_future_days),
    )
    given.close()
    return policy


def read_direction(given: Given, before: Direction) -> Direction:
    return given.choice("direction", Direction, before)


def _days(given: Given, key: str, before: int) -> int:
    return given.number(key, before, most=WINDOW_DAYS_MAX) or 0


def _read_wins(given: Given, before: Mapping[Field, Winner]) -> Mapping[Field, Winner]:
    if "wins" not in given:
        return before
    wins = given.part("wins")
    everywhere = wins.choice(_EVERY, _Choice, _Choice.CRM) if _EVERY in wins else None
    chosen = {field: wins.choice(field.value, _Choice, _Choice.CRM) for field in CHOOSABLE if field.value in wins}
    wins.close()
    if everywhere is not None:
        chosen = dict.fromkeys(CHOOSABLE, everywhere) | chosen
    return {field: Winner(choice.value) for field, choice in chosen.items()}


def _read_zone(given: Given, before: str) -> str:
    zone = given.text("time_zone", before) if "time_zone" in given else before
    if zone and zone not in available_timezones():
        given.wrong("time_zone", repr(zone), "an IANA time zone, such as Europe/Oslo")
    return zone


def _check_later(given: Given) -> None:
    for key, usable in _LATER.items():
        if key in given:
            value = given.take(key)
            if value not in usable:
                words = " or ".join(str(one).lower() for one in usable)
                given.wrong(key, repr(value), f"{words} (nothing else is available in this version)")


def policy_as_json(policy: Policy) -> dict[str, Any]:
    """The policy with the keys of the contract; only winners that were chosen."""
    return {
        "wins": {field.value: winner.value for field, winner in policy.wins.items()},
        "privacy": policy.privacy.value,
        "reminders": (_Reminders.MAPPED if policy.reminders_mapped else _Reminders.OWN).value,
        "time_zone": policy.time_zone,
        "window_past_days": policy.window_past_days,
        "window_future_days": policy.window_future_days,
    }
