"""What a run works with: the pair, its two sides, its window and the ports."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from calsync.core.ends import End, Ends
from calsync.core.loops import Breaker
from calsync.core.match import Pairing
from calsync.core.policy import Window, window_of
from calsync.core.refs import Ref
from calsync.ports import Clock, Known, KnownItem, NewId, Pair, Records, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient the engine is; seconds unless the name says otherwise. Defaults are the design's."""

    settle_s: float = 60.0
    retry_base_s: float = 5.0
    retry_max_s: float = 3600.0
    held_period_s: float = 86400.0
    breaker: Breaker = field(default_factory=Breaker)
    chunk: int = 200
    """How many decisions are committed and carried out together."""

    passes: int = 3
    """How often one run looks again at what changed under its hands."""

    def back_off_s(self, tries: int) -> float:
        """Seconds until the next try after ``tries`` failures."""
        return float(min(self.retry_max_s, self.retry_base_s * 2 ** min(tries, 20)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One run of one pair."""

    pair: Pair
    realm: str
    sides: Ends[Side]
    records: Records
    clock: Clock
    new_id: NewId
    pace: Pace
    started: datetime

    @property
    def window(self) -> Window:
        return window_of(self.pair.policy, self.started, self.pair.zone)

    @property
    def pairing(self) -> Pairing:
        return Pairing(realm=self.realm, identities=self.pair.identities)

    def known(self, end: End) -> Known:
        return KnownAt(records=self.records, pair=self.pair, end=end)

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAt:
    """The store's memory of one end (`ports.Known`)."""

    records: Records
    pair: Pair
    end: End

    async def some(self, refs: Collection[Ref]) -> Mapping[Ref, KnownItem]:
        return await self.records.known(self.pair.id, self.end, refs)

    async def everything(self) -> Mapping[Ref, KnownItem]:
        return await self.records.known(self.pair.id, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingKnown:
    """The memory of a pair that does not exist yet: a preview looks at everything."""

    async def some(self, refs: Collection[Ref]) -> Mapping[Ref, KnownItem]:
        del refs
        return {}

    async def everything(self) -> Mapping[Ref, KnownItem]:
        return {}
