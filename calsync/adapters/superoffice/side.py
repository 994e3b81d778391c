"""A SuperOffice diary as one side of a pair."""

from __future__ import annotations

from collections.abc import Sequence

from calsync.adapters.superoffice import mapping
from calsync.adapters.superoffice.changing import Changing
from calsync.adapters.superoffice.creating import Creating
from calsync.adapters.superoffice.diary import BATCH, Diary
from calsync.adapters.superoffice.tenant import TenantApi
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.observation import Look, Observation, Seen
from calsync.core.policy import Window
from calsync.core.proof import Gone
from calsync.core.refs import Cursor, Ref
from calsync.ports import Draft, Known, Receipt, Traits


class SuperOfficeSide:
    """One user's diary, written as the system user. Implements `calsync.ports.Side`.

    ``zone`` is the person's IANA zone; ``base_zone`` the tenant's; ``counterpart`` names the calendar that the diary
    is paired with. Changes come from the tenant's feed, so `observe`
    always covers everything: the window, and each known appointment that is not in it.
    """

    def __init__(
        self,
        *,
        api: TenantApi,
        associate: int,
        zone: str,
        base_zone: str = "",
        counterpart: str = "",
        parallel: int = 3,
    ) -> None:
        self._lens = mapping.lens_for(zone)
        self._traits = Traits(parallel=parallel, batch=BATCH, own_feed=False, enforces_keys=True)
        self._diary = Diary(api=api, associate=associate, zone=zone, base_zone=base_zone, counterpart=counterpart)
        self._creating = Creating(self._diary)
        self._changing = Changing(self._diary, self._lens)

    @property
    def identity(self) -> str:
        return self._diary.identity

    @property
    def lens(self) -> Lens:
        return self._lens

    @property
    def traits(self) -> Traits:
        return self._traits

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:  # noqa: ARG002  # the tenant's feed has the cursor
        return await self._diary.observe(known, window)

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        return await self._diary.look(refs)

    async def find(self, draft: Draft) -> Look | None:
        return await self._creating.find(draft)

    async def create(self, draft: Draft) -> Receipt:
        return await self._creating.create(draft)

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        return await self._changing.update(base, want, fields)

    async def delete(self, base: Seen, proof: Gone) -> None:  # noqa: ARG002  # the proof is its own purpose
        await self._changing.delete(base)
