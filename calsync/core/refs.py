"""Names of things. Each has a type of its own, so one cannot stand in for another."""

from __future__ import annotations

import hashlib
from typing import Final, NewType

from calsync.core.ends import End

Ref = NewType("Ref", str)
"""Where an object is on its side: the href exactly as the server listed it, or the SuperOffice appointment id."""

Version = NewType("Version", str)
NO_VERSION: Final = Version("")
"""A side that has no usable version for the object."""

Identity = NewType("Identity", str)
Key = NewType("Key", str)
"""Names a copy before it exists: 40 letters and digits, safe as UID, file name, foreign key and transaction id."""

Cursor = NewType("Cursor", str)
LinkId = NewType("LinkId", str)
PairId = NewType("PairId", str)
ConflictId = NewType("ConflictId", str)
HeldId = NewType("HeldId", str)


def make_key(
    *, realm: str, crm_calendar: str, calendar: str, original_at: End, original: Identity, generation: int
) -> Key:
    """The key of the copy of one original.

    It is made of what both systems know and of nothing in our own store, so a lost store makes the same key again.
    ``crm_calendar`` and ``calendar`` are the identities of the two calendars.
    """
    parts = (realm, crm_calendar, calendar, original_at.value, original, str(generation))
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return Key(hashlib.sha256(text.encode()).hexdigest()[:40])
