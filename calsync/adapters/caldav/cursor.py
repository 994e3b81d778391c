"""Where an observation of a collection left off: how changes are found there, and the server's own marks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Self

from calsync.core.refs import Cursor


class How(Enum):
    """How changes are found, cheapest first."""

    SYNC = "sync"
    CTAG = "ctag"
    TAGS = "tags"
    QUERY = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """``token`` goes with SYNC, ``ctag`` with CTAG. ``refusals`` counts tokens refused in a row.

    ``zone`` is the calendar's own: None where nobody asked yet, empty where it has none.
    """

    how: How
    token: str = ""
    ctag: str = ""
    refusals: int = 0
    zone: str | None = None

    @classmethod
    def read(cls, cursor: Cursor | None) -> Self | None:
        """None without a cursor, and for one that another version wrote."""
        if cursor is None:
            return None
        try:
            plain = json.loads(cursor)
            return cls(
                how=How(plain["how"]),
                token=str(plain.get("token", "")),
                ctag=str(plain.get("ctag", "")),
                refusals=int(plain.get("refusals", 0)),
                zone=plain.get("zone"),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self) -> Cursor:
        plain = {
            "how": self.how.value,
            "token": self.token or None,
            "ctag": self.ctag or None,
            "refusals": self.refusals or None,
            "zone": self.zone,
        }
        kept = {name: value for name, value in plain.items() if value is not None}
        return Cursor(json.dumps(kept, separators=(",", ":")))
