"""Making a copy, once, in the right diary, without mail; and finding one whose answer was lost.

``CreateAppointmentForUID`` makes one appointment per UID, whoever asks and however often. What the service itself
refuses (500 with its own words) is asked once more, as the UID makes that safe; a second refusal is one for good.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import Final

from calsync.adapters.http.exchange import Answer
from calsync.adapters.http.failures import FailedWriteError
from calsync.adapters.superoffice import keys, mapping, wire
from calsync.adapters.superoffice.diary import Diary, look_at
from calsync.adapters.superoffice.mapping import Reading
from calsync.adapters.superoffice.tenant import OK, refusal
from calsync.adapters.superoffice.wire import Entity
from calsync.core.errors import (
    AlreadyThereError,
    CalendarUnavailableError,
    InDoubtError,
    RefusedError,
    RemoteError,
)
from calsync.core.observation import Look, Seen
from calsync.core.reason import Reason
from calsync.ports import Draft, Receipt

UID_MAX: Final = 200


def uids_for(draft: Draft) -> list[str]:
    """The UIDs to try: the original's (a hash of a long one), then the key."""
    uid = draft.uid
    if len(uid) > UID_MAX:
        uid = hashlib.sha256(uid.encode("utf-8", errors="surrogatepass")).hexdigest()
    return list(dict.fromkeys(each for each in (uid, draft.key) if each))


class Whose(Enum):
    """Whose an appointment with the wanted UID is; UNBOUND is ours without its key."""

    BOUND = "bound"
    UNBOUND = "unbound"
    OTHER = "other"


class Creating:
    """Creates in one diary."""

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self._api = diary.api

    async def create(self, draft: Draft) -> Receipt:
        reading = await self._diary.reading()
        entity = mapping.filled(await self._default(), draft.event, reading)
        for uid in uids_for(draft):
            made = await self._make(entity, uid)
            if made is not None:
                return await self._finish(draft, made, reading)
            there = await self._by_uid(uid)
            whose = await self._whose(draft, there, uid)
            if there is not None and whose is not Whose.OTHER:
                await self._finish(draft, there, reading, is_bound=whose is Whose.BOUND)
                raise AlreadyThereError("The copy is already there.", ref=_ref(there))
            if there is not None and self._is_own_meeting(there):
                raise RefusedError("This person is in that meeting already.", reason=Reason.MEETING.value)
        raise RefusedError("SuperOffice says that this event exists, yet it is nowhere to be found.")

    async def find(self, draft: Draft) -> Look | None:
        reading = await self._diary.reading()
        found = await self._by_key(draft, reading)
        if found is not None:
            return found
        for uid in uids_for(draft):
            there = await self._by_uid(uid)
            whose = await self._whose(draft, there, uid)
            if there is not None and whose is not Whose.OTHER:
                receipt = await self._finish(draft, there, reading, is_bound=whose is Whose.BOUND)
                return receipt.seen
        return None

    # --- making

    async def _default(self) -> Entity:
        """An unsaved entity of this person; changing the owner of another's would make an assignment of it."""
        associate = self._diary.associate
        found = await self._api.fact(f"default/{associate}", wire.read_default(associate), wire.entity_or_none)
        if found is None:
            raise CalendarUnavailableError(f"SuperOffice knows no user {associate} to make appointments for.")
        return found

    async def _make(self, entity: Entity, uid: str) -> Entity | None:
        """The new appointment, or None if the UID is taken."""
        answer = await self._asked_twice(wire.create_for_uid(entity, uid))
        if answer.status != OK:
            raise refusal(answer, "make the appointment")
        return wire.entity_or_none(answer)

    async def _asked_twice(self, call: wire.Call) -> Answer:
        try:
            return await self._api.send(call)
        except FailedWriteError as error:
            if not wire.is_error_object(error.answer):
                raise
        try:
            return await self._api.send(call)
        except FailedWriteError as error:
            if not wire.is_error_object(error.answer):
                raise
            raise refusal(error.answer, "make the appointment") from error

    # --- whose it is

    async def _by_uid(self, uid: str) -> Entity | None:
        return wire.entity_or_none(await self._api.read(wire.read_by_uid(uid)))

    async def _by_key(self, draft: Draft, reading: Reading) -> Look | None:
        answer = await self._api.read(keys.find_value(self._diary.device, draft.marker))
        one = keys.bound(wire.entity_or_none(answer))
        if one is None or one.marker != draft.marker:
            return None
        entity = await self._diary.entity(one.record)
        row = None if entity is None else wire.row_from_entity(entity)
        if entity is None or row is None or not one.fits(row):
            return None
        return look_at(entity, reading, one)

    async def _whose(self, draft: Draft, there: Entity | None, uid: str) -> Whose:
        """Whether this appointment is what this draft's create made: by its key, else by who made it and how."""
        row = wire.row_from_entity(there)
        if there is None or row is None or row.associate != self._diary.associate:
            return Whose.OTHER
        bound = keys.all_bound(await self._api.read(keys.read_one(self._diary.device, row.id)))
        one = bound.get(row.id)
        if one is not None and one.fits(row):
            return Whose.BOUND if one.marker == draft.marker else Whose.OTHER
        principal = self._api.tenant.principal
        made_by_us = principal != 0 and wire.creator_of(there) == principal
        return Whose.UNBOUND if uid == draft.key or (made_by_us and not row.booking) else Whose.OTHER

    def _is_own_meeting(self, there: Entity) -> bool:
        row = wire.row_from_entity(there)
        return row is not None and row.booking and wire.takes_part(there, self._diary.associate)

    # --- finishing

    async def _finish(self, draft: Draft, made: Entity, reading: Reading, *, is_bound: bool = False) -> Receipt:
        """Check what was made, and bind it to its key. It exists now: what fails from here on leaves a doubt."""
        try:
            accepted = await self._as_plain(made)
            if not is_bound:
                await self._bind(draft, accepted)
        except RefusedError:
            raise
        except RemoteError as error:
            raise InDoubtError(f"The appointment was made, but not finished: {error}") from error
        row = wire.row_from_entity(accepted)
        seen = None if row is None else mapping.seen_or_aside(row, reading, draft.marker)
        if row is None or not isinstance(seen, Seen):
            raise InDoubtError("The appointment was made, but cannot be read.")
        return Receipt(ref=seen.ref, version=seen.version, seen=seen)

    async def _as_plain(self, made: Entity) -> Entity:
        """The appointment as an ordinary entry: a proposal is accepted; what stays one is removed."""
        if self._is_plain(made):
            return made
        number = int(_ref(made))
        await self._api.send(wire.accept(number))
        again = await self._diary.entity(number)
        if again is not None and self._is_plain(again):
            return again
        if again is not None:
            await self._api.send(wire.delete_silently(number))
        raise RefusedError("SuperOffice makes it a proposal to accept, not an entry.", reason=Reason.ASSIGNMENT.value)

    def _is_plain(self, entity: Entity) -> bool:
        row = wire.row_from_entity(entity)
        return row is not None and mapping.reason_to_leave(row, self._diary.associate) is None

    async def _bind(self, draft: Draft, entity: Entity) -> None:
        await self._ensure_device()
        answer = await self._api.send(keys.write(self._diary.device, int(_ref(entity)), draft.marker))
        saved = keys.bound(wire.entity_or_none(answer)) if answer.status == OK else None
        if saved is None or saved.marker != draft.marker:
            self._api.devices.discard(self._diary.device)
            raise InDoubtError(f"The key of the new appointment was not stored ({answer.status}).")

    async def _ensure_device(self) -> None:
        """A key of an unknown application or device may be dropped silently, so both are made first."""
        if self._diary.device in self._api.devices:
            return
        if wire.entity_or_none(await self._api.read(keys.read_device(self._diary.device))) is None:
            if wire.entity_or_none(await self._api.read(keys.read_application())) is None:
                await self._api.send(keys.make_application())
            await self._api.send(keys.make_device(self._diary.device))
        self._api.devices.add(self._diary.device)


def _ref(entity: Entity) -> str:
    return str(entity.get("AppointmentId") or 0)
