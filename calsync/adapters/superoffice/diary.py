"""Reading one person's diary: in bulk, by id, and until a disappearance is proven."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calsync.adapters.superoffice import keys, mapping, wire
from calsync.adapters.superoffice.keys import Bound
from calsync.adapters.superoffice.mapping import Reading
from calsync.adapters.superoffice.tenant import OK, TenantApi
from calsync.adapters.superoffice.together import both, every
from calsync.adapters.superoffice.wire import Entity, Row
from calsync.core.errors import RefusedError, RemoteError, TryLaterError
from calsync.core.observation import Aside, Coverage, Look, Observation, Seen, Unclear
from calsync.core.policy import Window
from calsync.core.proof import Answer as Word
from calsync.core.proof import DirectAnswer, Gone, Witness, prove
from calsync.core.refs import Ref, Version
from calsync.ports import Known, KnownItem

BATCH: Final = 100
WIDER: Final = timedelta(days=1)
"""Whether a diary lists by overlap or by start, and in which zone it reads its edges, is not known."""
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_ID_MAX: Final = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """A direct read that did not find the appointment."""

    ref: Ref
    answer: DirectAnswer


class Diary:
    """One person's appointments. Flat rows do; whole entities are read only one by one."""

    def __init__(self, *, api: TenantApi, associate: int, zone: str, base_zone: str, counterpart: str) -> None:
        self.api = api
        self.associate = associate
        self.device = keys.device_of(associate, counterpart)
        self.zone = zone
        self._base_zone = base_zone

    @property
    def identity(self) -> str:
        return f"superoffice/{self.api.tenant.realm}/{self.associate}"

    @property
    def _credential(self) -> str:
        return f"system-user/{self.api.tenant.realm}/{self.api.tenant.principal}"

    async def reading(self) -> Reading:
        return Reading(
            associate=self.associate,
            zone=self.zone,
            base_zone=self._base_zone,
            zones=await self.api.zones(),
            day_clock=await self.api.day_clock(),
        )

    # --- in bulk

    async def observe(self, known: Known, window: Window) -> Observation:
        reading = await self.reading()
        rows, bound = await both(self._window(window), self._keys())
        had = await known.everything()
        listed = {mapping.ref_of(row.id): row for row in rows}
        elsewhere = await self._rows([ref for ref in had if ref not in listed])
        found = listed | elsewhere
        gone = await self.direct([ref for ref in had if ref not in found], reading, bound, others=self._own(found))
        same = frozenset(ref for ref, row in found.items() if _is_same(row, had.get(ref)))
        looks = [_look(row, reading, bound) for ref, row in found.items() if ref not in same]
        return observation([*looks, *gone], same)

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        reading = await self.reading()
        wanted = list(dict.fromkeys(refs))
        rows, bound = await both(self._rows(wanted), self._keys_on(wanted))
        absent = [ref for ref in wanted if ref not in rows]
        missing = await self.direct(absent, reading, bound, others=self._own(rows))
        return [*(_look(row, reading, bound) for row in rows.values()), *missing]

    def _own(self, rows: Mapping[Ref, Row]) -> list[Ref]:
        return [ref for ref, row in rows.items() if row.associate == self.associate]

    async def _window(self, window: Window) -> list[Row]:
        call = wire.read_diaries([self.associate], window.start - WIDER, window.end + WIDER)
        rows = rows_from(wire.listed(await self.api.read(call)))
        return [row for row in rows if row.associate == self.associate]

    async def _rows(self, refs: Sequence[Ref]) -> dict[Ref, Row]:
        """The rows of these refs that a bulk read gives; what it leaves out is not thereby gone."""
        ids = [number for number in map(number_of, refs) if number is not None]
        batches = [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]
        answers = await every(self.api.read(wire.read_rows(batch)) for batch in batches)
        asked = frozenset(ids)
        rows = (row for answer in answers for row in rows_from(wire.listed(answer)))
        return {mapping.ref_of(row.id): row for row in rows if row.id in asked}

    async def _keys(self) -> Mapping[int, Bound]:
        return keys.all_bound(await self.api.read(keys.read_all(self.device)))

    async def _keys_on(self, refs: Sequence[Ref]) -> Mapping[int, Bound]:
        """Our keys on these records, in one call."""
        number = number_of(refs[0]) if len(refs) == 1 else None
        if number is None:
            return await self._keys() if refs else {}
        return keys.all_bound(await self.api.read(keys.read_one(self.device, number)))

    # --- one by one

    async def entity(self, appointment: int) -> Entity | None:
        """The whole appointment; None if the service says that there is none (which proves nothing yet)."""
        answer = await self.api.send(wire.read_entity(appointment))
        if answer.status == _NOT_FOUND and await self._is_absent(appointment, wire.is_error_object(answer)):
            return None
        if answer.status == OK:
            entity = wire.members(answer)
            if wire.row_from_entity(entity) is not None:
                return entity
        if answer.status == _FORBIDDEN:
            raise RefusedError(f"SuperOffice does not let this app read appointment {appointment}.")
        raise TryLaterError(f"Appointment {appointment} could not be read ({answer.status}).")

    async def _is_absent(self, appointment: int, is_said_by_service: bool) -> bool:
        """A 404 without the service's own words may come from something in front of it: its agent is asked too."""
        if is_said_by_service:
            return True
        answer = await self.api.read(wire.read_entity_by_agent(appointment))
        return wire.entity_or_none(answer) is None

    async def direct(
        self, refs: Sequence[Ref], reading: Reading, bound: Mapping[int, Bound], *, others: Sequence[Ref]
    ) -> list[Seen | Aside | Gone | Unclear]:
        """Read each of these by id; what is not there is gone only if a second read shows that the diary is.

        ``others`` are appointments of this diary that were just seen.
        """
        found = await every(self._one(ref, reading, bound) for ref in refs)
        missing = [each for each in found if isinstance(each, _Missing)]
        looks = [each for each in found if not isinstance(each, _Missing)]
        if not missing:
            return list(looks)
        witness = await self._witness(next(iter(others), None))
        if witness is None:
            return [*looks, *(Unclear(ref=each.ref, why="the diary itself could not be read") for each in missing)]
        return [*looks, *(prove(each.answer, witness) for each in missing)]

    async def _one(self, ref: Ref, reading: Reading, bound: Mapping[int, Bound]) -> Seen | Aside | Unclear | _Missing:
        number = number_of(ref)
        if number is None:
            return Unclear(ref=ref, why="it is no appointment id")
        order = self.api.next_order()
        try:
            entity = await self.entity(number)
        except (TryLaterError, RefusedError) as error:
            return Unclear(ref=ref, why=str(error))
        if entity is not None:
            return look_at(entity, reading, bound.get(number))
        answer = DirectAnswer(
            ref=ref, answer=Word.REST_404, calendar=self.identity, credential=self._credential, order=order
        )
        return _Missing(ref=ref, answer=answer)

    async def _witness(self, other: Ref | None) -> Witness | None:
        """A good read after the answers: of another appointment of this diary, else of the diary's owner."""
        order = self.api.next_order()
        try:
            is_good = await (self._owner_is_there() if other is None else self._is_there(other))
        except RemoteError:
            return None
        subject = f"diary of associate {self.associate}" if other is None else other
        if not is_good:
            return None
        return Witness(subject=subject, calendar=self.identity, credential=self._credential, order=order)

    async def _is_there(self, ref: Ref) -> bool:
        entity = await self.entity(int(ref))
        return entity is not None and wire.associate_of(entity) == self.associate

    async def _owner_is_there(self) -> bool:
        call = wire.agent("Associate/GetAssociateList", [self.associate], reads=True)
        people = wire.listed(await self.api.read(call))
        return any(isinstance(each, dict) and each.get("AssociateId") == self.associate for each in people)


def number_of(ref: Ref) -> int | None:
    """The appointment id a ref stands for; None if it is none."""
    if not (ref.isascii() and ref.isdigit()):
        return None
    number = int(ref)
    return number if 0 < number < _ID_MAX else None


def rows_from(items: Iterable[object]) -> list[Row]:
    """Readable rows, each id once. A member that cannot be read is looked up by id if it is known."""
    rows = {row.id: row for row in map(wire.row_from_flat, items) if row is not None}
    return list(rows.values())


def look_at(entity: Entity, reading: Reading, bound: Bound | None) -> Seen | Aside:
    row = wire.row_from_entity(entity)
    if row is None:
        raise TryLaterError("SuperOffice sent something that is no appointment.")
    return _look(row, reading, {} if bound is None else {row.id: bound})


def _look(row: Row, reading: Reading, bound: Mapping[int, Bound]) -> Seen | Aside:
    one = bound.get(row.id)
    return mapping.seen_or_aside(row, reading, one.marker if one is not None and one.fits(row) else None)


def _is_same(row: Row, known: KnownItem | None) -> bool:
    return known is not None and known.version == Version(row.digest)


def observation(looks: Iterable[Look], same: frozenset[Ref]) -> Observation:
    known = list(looks)
    return Observation(
        coverage=Coverage.EVERYTHING,
        seen=tuple(each for each in known if isinstance(each, Seen)),
        aside=tuple(each for each in known if isinstance(each, Aside)),
        gone=tuple(each for each in known if isinstance(each, Gone)),
        unclear=tuple(each for each in known if isinstance(each, Unclear)),
        unchanged=same,
    )
