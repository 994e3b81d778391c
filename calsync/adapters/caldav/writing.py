"""Writing objects: each write carries the version it expects, or follows a read where the server knows none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from calsync.adapters.caldav import mapping, multistatus, wire
from calsync.adapters.caldav.asking import Asked, Asking
from calsync.adapters.caldav.quirks import Quirk, ServerFacts
from calsync.adapters.caldav.reading import Fetched, Reader
from calsync.adapters.caldav.refusals import refused_change, refused_create
from calsync.adapters.caldav.wire import StrongTag
from calsync.core.errors import AlreadyThereError, StaleVersionError, TryLaterError
from calsync.core.observation import Seen
from calsync.core.refs import Ref, Version

_STORED: Final = frozenset({200, 201, 202, 204})
_NOT_THERE: Final = frozenset({multistatus.NOT_FOUND, multistatus.GONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """The text that a change is made upon, and the condition to name; None where the server has none to name."""

    data: bytes
    tag: StrongTag | None


class Writer:
    """Writes objects of one collection."""

    def __init__(self, asking: Asking, facts: ServerFacts, reader: Reader) -> None:
        self._asking = asking
        self._facts = facts
        self._reader = reader
        self._first = asyncio.Lock()

    async def create(self, ref: Ref, data: bytes) -> Version:
        """Make a new object; the version that the server names for exactly this text.

        Raises:
            AlreadyThereError: the name or the UID is taken.
            RefusedError: the server does not want it.
        """
        if self._facts.keys_enforced:
            return await self._create(ref, data)
        if self._facts.keys_enforced is False:
            return await self._create_unheld(ref, data)
        async with self._first:
            if self._facts.keys_enforced is not None:
                return await self.create(ref, data)
            return await self._create_and_learn(ref, data)

    async def _create(self, ref: Ref, data: bytes) -> Version:
        asked = await self._put_new(ref, data)
        if asked.status not in _STORED:
            raise refused_create(asked.answer, ref, self._asking.collection)
        return self._facts.learn_from_put(asked.answer)

    async def _create_unheld(self, ref: Ref, data: bytes) -> Version:
        """Where a create overwrites, the name is looked up first."""
        if (await self._reader.get(ref)).status not in _NOT_THERE:
            raise AlreadyThereError("The calendar has an object of this name already.", ref=ref)
        return await self._create(ref, data)

    async def _create_and_learn(self, ref: Ref, data: bytes) -> Version:
        """The first create at a server is sent a second time: one that stores it again does not enforce names."""
        version = await self._create_unheld(ref, data)
        again = await self._put_new(ref, data)
        self._facts.learn_from_second_create(again.answer)
        return self._facts.learn_from_put(again.answer) if self._facts.has(Quirk.KEYS_NOT_ENFORCED) else version

    async def _put_new(self, ref: Ref, data: bytes) -> Asked:
        return await self._asking.ask(wire.put_new(self._asking.collection.url_of(ref), data))

    async def update(self, base: Seen, change: Callable[[bytes], bytes]) -> Version | None:
        """Store what ``change`` makes of the object's text; None where that is what it has already.

        Raises:
            StaleVersionError: the object is no longer what ``base`` shows.
            RefusedError: the server does not want it.
        """
        current = await self._current(base)
        data = change(current.data)
        if data == current.data:
            return None
        url = self._asking.collection.url_of(base.ref)
        request = wire.put_unguarded(url, data) if current.tag is None else wire.put_over(url, data, current.tag)
        asked = await self._asking.ask(request)
        self._reader.bodies.drop(base.ref)
        if asked.status not in _STORED:
            raise refused_change(asked.answer)
        return self._facts.learn_from_put(asked.answer)

    async def delete(self, base: Seen) -> None:
        """Delete the object. Some servers do not look at the condition of a delete, so it is read first.

        Raises:
            StaleVersionError: the object is no longer what ``base`` shows.
            RefusedError: the server does not want it.
        """
        fetched = await self._reader.get(base.ref)
        if fetched.is_gone:
            return
        tag = self._checked(base, fetched)
        url = self._asking.collection.url_of(base.ref)
        asked = await self._asking.ask(wire.delete_unguarded(url) if tag is None else wire.delete(url, tag))
        self._reader.bodies.drop(base.ref)
        if asked.status not in _STORED | _NOT_THERE:
            raise refused_change(asked.answer)

    async def _current(self, base: Seen) -> Current:
        kept = self._reader.bodies.at(base.ref, base.version)
        tag = wire.strong_tag(base.version)
        if kept is not None and tag is not None:
            return Current(data=kept, tag=tag)
        fetched = await self._reader.get(base.ref)
        tag = self._checked(base, fetched)
        return Current(data=fetched.data or b"", tag=tag)

    def _checked(self, base: Seen, fetched: Fetched) -> StrongTag | None:
        """The condition to write upon, if the object just read is what ``base`` shows.

        An unusable tag of this read (weak, of a compressed answer) leaves the base's own, since the text is the same.
        """
        if fetched.data is None:
            raise _not_read(fetched)
        known, now = wire.strong_tag(base.version), wire.strong_tag(fetched.version)
        if known is not None and known == now:
            return known
        if mapping.digest(fetched.data) != base.digest:
            raise StaleVersionError("The event changed in the calendar since it was read.")
        return known or now


def _not_read(fetched: Fetched) -> StaleVersionError | TryLaterError:
    if fetched.is_gone:
        return StaleVersionError("The event is no longer in the calendar.")
    return TryLaterError(f"The event could not be read before it was to be written ({fetched.status}).")
