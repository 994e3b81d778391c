"""Named deviations of servers, as data; learned from ordinary answers, per connection, never from a brand name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Self

from calsync.adapters.caldav import multistatus, wire
from calsync.adapters.caldav.wire import Listed
from calsync.adapters.http.exchange import Answer
from calsync.core.refs import NO_VERSION, Version

BATCH_MAX: Final = 100
BATCH_MIN: Final = 10
_NOT_HERE: Final = frozenset({405, 415, 501})
_TOO_MUCH: Final = frozenset({413, 414, 504, 507})
_PERHAPS_ONE: Final = frozenset({400, 403, 404, 409, 500})
_GZIP_SUFFIX: Final = '-gzip"'


class Quirk(Enum):
    """The word under which a connection remembers it; explained in ``docs/quirks.md``."""

    WEAK_TAGS = "weak-tags"
    NO_TAG_ON_PUT = "no-tag-on-put"
    SUFFIXED_TAGS = "suffixed-tags"
    NO_LISTED_TAGS = "no-listed-tags"
    KEYS_NOT_ENFORCED = "keys-not-enforced"
    NO_SYNC_REPORT = "no-sync-report"
    TOKEN_NOT_REFUSED = "token-not-refused"  # noqa: S105  # a name
    NO_MULTIGET = "no-multiget"
    SMALL_BATCHES = "small-batches"
    MULTIGET_OMITS = "multiget-omits"
    LISTED_BUT_MISSING = "listed-but-missing"


EXPLAINED: Final[Mapping[Quirk, str]] = {
    Quirk.WEAK_TAGS: "Its entity tags are weak or malformed; objects are read again right before each write.",
    Quirk.NO_TAG_ON_PUT: "It names no usable entity tag when an object is stored; the object is read back.",
    Quirk.SUFFIXED_TAGS: "It alters the entity tag of compressed answers; tags are taken from listings.",
    Quirk.NO_LISTED_TAGS: "Its listings have no entity tags; the window is read with its text and compared by hash.",
    Quirk.KEYS_NOT_ENFORCED: "It overwrites although told to create only; names are looked up first.",
    Quirk.NO_SYNC_REPORT: "It has no list of changes since a token; the calendar is listed instead.",
    Quirk.TOKEN_NOT_REFUSED: "It answers an unknown token by a list of everything that names no deletions.",
    Quirk.NO_MULTIGET: "It cannot read several objects at once; they are read one by one.",
    Quirk.SMALL_BATCHES: "It refuses to read many objects at once; fewer are asked for.",
    Quirk.MULTIGET_OMITS: "It leaves out some objects that were asked for; those are read one by one.",
    Quirk.LISTED_BUT_MISSING: "It lists objects that it then does not have; they are left out.",
}


@dataclass(slots=True, kw_only=True)
class ServerFacts:
    """What was learned of one server, kept with its connection. It grows; it is the one mutable value of a side.

    ``keys_enforced`` is None until a second create under a taken name was tried.
    """

    quirks: set[Quirk] = field(default_factory=set)
    keys_enforced: bool | None = None
    batch: int = BATCH_MAX

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read them back; what an other version wrote and this one does not know is left out."""
        known = {quirk.value: quirk for quirk in Quirk}
        batch = plain.get("batch")
        return cls(
            quirks={known[name] for name in plain.get("quirks", ()) if name in known},
            keys_enforced=plain.get("keys_enforced"),
            batch=batch if isinstance(batch, int) and 1 <= batch <= BATCH_MAX else BATCH_MAX,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "quirks": sorted(quirk.value for quirk in self.quirks),
            "keys_enforced": self.keys_enforced,
            "batch": self.batch,
        }

    def has(self, quirk: Quirk) -> bool:
        return quirk in self.quirks

    # --- learning ---------------------------------------------------------------------------------------------------

    def learn_from_put(self, answer: Answer) -> Version:
        """The version that the answer to a PUT names for exactly what was sent; NO_VERSION where it names none."""
        tag = Version(answer.headers.get("etag", ""))
        if wire.strong_tag(tag) is None:
            self.quirks.add(Quirk.NO_TAG_ON_PUT)
            return NO_VERSION
        return tag

    def learn_from_get(self, answer: Answer) -> Version:
        """The version of an object read alone; NO_VERSION where its tag may be that of a compressed answer."""
        tag = answer.headers.get("etag", "")
        if tag.endswith(_GZIP_SUFFIX):
            self.quirks.add(Quirk.SUFFIXED_TAGS)
            return NO_VERSION
        return wire.version_of(tag)

    def learn_from_listing(self, members: Iterable[Listed]) -> None:
        """What a listing of entity tags shows: none at all, or none that can be a condition."""
        versions = [member.version for member in members if member.status == multistatus.OK]
        if not versions:
            return
        if all(version == NO_VERSION for version in versions):
            self.quirks.add(Quirk.NO_LISTED_TAGS)
        if any(wire.strong_tag(version) is None for version in versions):
            self.quirks.add(Quirk.WEAK_TAGS)

    def learn_from_second_create(self, answer: Answer) -> None:
        """What became of a create under a name that was just taken."""
        self.keys_enforced = answer.status not in {200, 201, 204}
        if not self.keys_enforced:
            self.quirks.add(Quirk.KEYS_NOT_ENFORCED)

    def learn_from_multiget(self, answer: Answer, *, asked: int) -> bool:
        """Whether a refused batch is to be asked for in smaller pieces (or one by one, without the report)."""
        if answer.status in _NOT_HERE or multistatus.complaint(answer).names("supported-report"):
            self.quirks.add(Quirk.NO_MULTIGET)
            return True
        if answer.status in _TOO_MUCH:
            self.quirks.add(Quirk.SMALL_BATCHES)
            self.batch = max(BATCH_MIN, min(self.batch, asked // 2))
        # The others may be about a single object in the batch: it is found by halving, and nothing is learned.
        return answer.status in _TOO_MUCH or answer.status in _PERHAPS_ONE

    def learn_from_sync(self, answer: Answer) -> None:
        if answer.status in _NOT_HERE or multistatus.complaint(answer).names("supported-report"):
            self.quirks.add(Quirk.NO_SYNC_REPORT)
