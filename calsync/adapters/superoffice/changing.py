"""Changing and deleting a plain appointment on the condition that it still is what was seen.

REST has conditions and no mail switch, so it serves rows without other participants alone; others are refused here.
A condition refused although a fresh read shows exactly what was expected is a quirk: it is left out the second time,
and the result is read back. What the service itself refuses (500 with its own words) is looked at, asked once more,
and then refused for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from calsync.adapters.http.exchange import Answer
from calsync.adapters.http.failures import FailedWriteError
from calsync.adapters.superoffice import keys, mapping, wire
from calsync.adapters.superoffice.diary import Diary, number_of
from calsync.adapters.superoffice.mapping import Reading
from calsync.adapters.superoffice.quirks import FORMAT_SENSITIVE, http_date
from calsync.adapters.superoffice.tenant import OK, refusal
from calsync.adapters.superoffice.wire import Entity
from calsync.core.errors import RefusedError, StaleVersionError, TryLaterError
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.observation import Aside, Seen
from calsync.core.reason import Reason
from calsync.ports import Receipt

_NOT_FOUND: Final = 404
_TEST_FAILED: Final = 409
_CHANGED: Final = 412
_DELETED: Final = frozenset({200, 204, 404})
_TRIES: Final = 4
_FOR_GOOD: Final = frozenset({Reason.BOOKING, Reason.SERIES})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fresh:
    """An appointment read just now, and found to be what was expected."""

    entity: Entity
    seen: Seen

    @property
    def trace(self) -> tuple[object, ...]:
        """All that tells two states of it apart."""
        return (self.seen.digest, wire.updated_of(self.entity))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    """What a write asks the server to check, and how often it was refused without a reason."""

    since: bool = True
    untested: frozenset[str] = frozenset()
    left_out: int = 0
    failures: int = 0


class Changing:
    """Updates and deletes in one diary."""

    def __init__(self, diary: Diary, lens: Lens) -> None:
        self._diary = diary
        self._api = diary.api
        self._lens = lens

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        reading = await self._diary.reading()
        fresh = await self._expected(base, reading)
        shown = self._lens.show(want)
        changed = frozenset(
            part
            for part in fields & self._lens.holds
            if getattr(fresh.seen.event, part.value) != getattr(shown, part.value)
        )
        conditions = _Conditions(untested=self._api.learned.untestable)
        for _ in range(_TRIES):
            operations = mapping.patch_of(fresh.entity, shown, changed, reading, untested=conditions.untested)
            if not operations:
                return Receipt(ref=base.ref, version=fresh.seen.version, seen=fresh.seen)
            refused = await self._patched(fresh, operations, conditions)
            if refused.status == OK:
                return await self._receipt(refused, base, reading, conditions)
            again = await self._expected(base, reading)
            if again.trace != fresh.trace:
                raise StaleVersionError("The appointment was changed just now.")
            fresh, conditions = again, self._without(conditions, refused)
        raise StaleVersionError("SuperOffice keeps refusing the change; the appointment is looked at again.")

    async def delete(self, base: Seen) -> None:
        reading = await self._diary.reading()
        conditions = _Conditions()
        fresh = await self._there(base, reading)
        for _ in range(_TRIES):
            if fresh is None:
                break
            refused = await self._deleted(fresh, conditions)
            if refused is None:
                break
            again = await self._there(base, reading)
            if again is not None and again.trace != fresh.trace:
                raise StaleVersionError("The appointment was changed just now.")
            fresh, conditions = again, self._without(conditions, refused)
        else:
            raise StaleVersionError("SuperOffice keeps refusing the deletion; the appointment is looked at again.")
        if base.marker is not None:
            await self._forget_key(base)

    # --- reading

    async def _there(self, base: Seen, reading: Reading) -> _Fresh | None:
        """The appointment if it still is what ``base`` shows; None if there is none."""
        number = number_of(base.ref)
        entity = None if number is None else await self._diary.entity(number)
        row = None if entity is None else wire.row_from_entity(entity)
        if entity is None or row is None:
            return None
        seen = mapping.seen_or_aside(row, reading, base.marker)
        if isinstance(seen, Aside):
            if seen.reason in _FOR_GOOD:
                raise RefusedError("It has other participants or repeats.", reason=seen.reason.value)
            raise StaleVersionError("The appointment is no longer an entry of this diary.")
        if seen.identity != base.identity or seen.event != self._lens.show(base.event):
            raise StaleVersionError("The appointment was changed since it was seen.")
        return _Fresh(entity=entity, seen=seen)

    async def _expected(self, base: Seen, reading: Reading) -> _Fresh:
        fresh = await self._there(base, reading)
        if fresh is None:
            raise StaleVersionError("The appointment is no longer there.")
        return fresh

    # --- changing

    async def _patched(self, fresh: _Fresh, operations: Sequence[Mapping[str, Any]], conditions: _Conditions) -> Answer:
        """The answer: 200, or a refusal that may have no reason."""
        call = wire.patch(int(fresh.seen.ref), operations, self._since(fresh, conditions))
        try:
            answer = await self._api.send(call)
        except FailedWriteError as error:
            return _own_words(error)
        if answer.status == _NOT_FOUND:
            raise StaleVersionError("The appointment is no longer there.")
        if answer.status not in {OK, _TEST_FAILED, _CHANGED}:
            raise refusal(answer, "change the appointment")
        return answer

    async def _receipt(self, answer: Answer, base: Seen, reading: Reading, conditions: _Conditions) -> Receipt:
        """What the server made of it: its answer, or a read-back where a condition was left out."""
        row = wire.row_from_entity(wire.members(answer))
        if row is None or conditions.left_out:
            there = await self._diary.entity(int(base.ref))
            row = None if there is None else wire.row_from_entity(there)
        seen = None if row is None else mapping.seen_or_aside(row, reading, base.marker)
        if not isinstance(seen, Seen):
            return Receipt(ref=base.ref)
        return Receipt(ref=seen.ref, version=seen.version, seen=seen)

    # --- deleting

    async def _deleted(self, fresh: _Fresh, conditions: _Conditions) -> Answer | None:
        """None if it is gone now, else the answer that refused it."""
        try:
            answer = await self._api.send(wire.delete(int(fresh.seen.ref), self._since(fresh, conditions)))
        except FailedWriteError as error:
            return _own_words(error)
        if answer.status in _DELETED and not wire.is_page(answer):
            return None
        if answer.status != _CHANGED:
            raise refusal(answer, "delete the appointment")
        return answer

    async def _forget_key(self, base: Seen) -> None:
        """A key left behind harms nobody: one that is older than its record counts for nothing."""
        try:
            await self._api.send(keys.remove(self._diary.device, int(base.ref)))
        except TryLaterError:
            return

    # --- conditions

    def _since(self, fresh: _Fresh, conditions: _Conditions) -> str:
        stamp = wire.last_change_of(fresh.entity)
        if stamp is None or not conditions.since:
            return ""
        return http_date(stamp, strict=self._api.learned.since_is_strict)

    def _without(self, conditions: _Conditions, refused: Answer) -> _Conditions:
        """The conditions less the one that was refused although nothing had changed."""
        learned = self._api.learned
        if refused.status == _CHANGED:
            learned.conditions_left_out += 1
            learned.since_is_strict = True
            return replace(conditions, since=False, left_out=conditions.left_out + 1)
        if refused.status == _TEST_FAILED:
            learned.conditions_left_out += 1
            if conditions.untested >= FORMAT_SENSITIVE:
                return replace(conditions, untested=mapping.TESTABLE, left_out=conditions.left_out + 1)
            learned.untestable |= FORMAT_SENSITIVE
            untested = conditions.untested | FORMAT_SENSITIVE
            return replace(conditions, untested=untested, left_out=conditions.left_out + 1)
        if conditions.failures:
            raise refusal(refused, "write the appointment")
        return replace(conditions, failures=1)


def _own_words(error: FailedWriteError) -> Answer:
    """The answer of a failed write if the service itself gave it; else the write stays in doubt."""
    if not wire.is_error_object(error.answer):
        raise error
    return error.answer
