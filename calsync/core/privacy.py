"""What leaves an event's own side, by the pair's privacy level."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from calsync.core.event import Event, Field, People, Privacy
from calsync.core.policy import Policy, PrivacyLevel

MASKED_CARRIED: Final = frozenset({Field.WHEN, Field.BUSY})
"""What a stripped copy still exchanges with its original."""

STRIPPED: Final = (Field.TITLE, Field.PLACE, Field.NOTES)
"""The texts that a stripped copy shows nothing of, and that a person can nevertheless write there."""


def is_masked(original: Event, policy: Policy) -> bool:
    """Whether the copy of this event carries no details."""
    match policy.privacy:
        case PrivacyLevel.FULL:
            return False
        case PrivacyLevel.BUSY:
            return True
        case PrivacyLevel.SKIP_PRIVATE:
            return original.privacy is Privacy.PRIVATE


def masked(event: Event) -> Event:
    """The same time, shown as busy and private, with no text, place, people or links."""
    return replace(
        event,
        title="Busy",
        place="",
        notes="",
        privacy=Privacy.PRIVATE,
        categories=(),
        online_meeting="",
        people=People(),
    )


def is_left_out(original: Event, policy: Policy) -> bool:
    """Whether no copy of this event is made at all."""
    return policy.privacy is PrivacyLevel.SKIP_PRIVATE and original.privacy is Privacy.PRIVATE
