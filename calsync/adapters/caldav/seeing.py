"""What an object's text shows, with what the calendar itself adds: its time zone, and one object for each UID."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from calsync.adapters.caldav import mapping, wire
from calsync.adapters.caldav.asking import Asking
from calsync.adapters.caldav.mapping import NotOffered, ReadEvent
from calsync.adapters.caldav.reading import Fetched
from calsync.adapters.caldav.zones import calendar_zone
from calsync.core.event import Event, Field
from calsync.core.observation import Aside, Seen
from calsync.core.reason import Reason
from calsync.core.refs import Identity, Ref
from calsync.ports import Clock

_OFF_LOOP: Final = 10
"""So many objects at once are read in a thread: together they would hold up everybody else."""


class Seeing:
    """Reads texts as events. ``zone`` is that of the calendar: None until asked for, empty where it has none."""

    def __init__(self, *, asking: Asking, person_zone: str, clock: Clock) -> None:
        self.zone: str | None = None
        self._asking = asking
        self._person_zone = person_zone
        self._clock = clock

    async def see(self, found: Sequence[Fetched]) -> list[Seen | Aside]:
        """Each object that has a text, in this order."""
        if not found:
            return []
        await self.ensure_zone()
        if len(found) < _OFF_LOOP:
            return [self._one(fetched) for fetched in found]
        return await asyncio.to_thread(lambda: [self._one(fetched) for fetched in found])

    def take_zone(self, property_text: str) -> None:
        """Learn the calendar's zone from its ``calendar-timezone`` property."""
        today = self._clock.now().date()
        self.zone = (calendar_zone(property_text, around=today) or "") if property_text else ""

    async def ensure_zone(self) -> None:
        """Ask for the calendar's zone, once: floating times are read and written in it."""
        if self.zone is None:
            facts, _ = await self._asking.facts((wire.RESOURCE_TYPE, wire.TIME_ZONE))
            self.take_zone(facts.time_zone)

    def edit(self, data: bytes, want: Event, fields: frozenset[Field]) -> bytes:
        """The object's text with ``fields`` as wanted, read in the zones it was seen in."""
        return mapping.edited_object(
            data,
            want,
            fields,
            stamp=self._clock.now(),
            person_zone=self._person_zone,
            calendar_zone=self.zone or None,
        )

    def _one(self, fetched: Fetched) -> Seen | Aside:
        data = fetched.data or b""
        read, digest = mapping.read_with_digest(data, person_zone=self._person_zone, calendar_zone=self.zone or None)
        match read:
            case ReadEvent():
                return Seen(
                    ref=fetched.ref,
                    version=fetched.version,
                    digest=digest,
                    identity=Identity(read.uid),
                    event=read.event,
                    uid=read.uid,
                    marker=read.marker,
                )
            case NotOffered():
                return Aside(
                    ref=fetched.ref,
                    reason=read.reason,
                    version=fetched.version,
                    detail=read.detail,
                    title=read.title,
                )


def one_for_each_uid(shown: Iterable[Seen], known: Collection[Ref]) -> tuple[list[Seen], list[Aside]]:
    """Of several objects with one UID the known one stays, else the first by name; the others are set aside."""
    kept: dict[str, Seen] = {}
    asides: list[Aside] = []
    for seen in sorted(shown, key=lambda seen: (seen.ref not in known, seen.ref)):
        first = kept.setdefault(seen.uid or seen.ref, seen)
        if first is not seen:
            asides.append(
                Aside(
                    ref=seen.ref,
                    reason=Reason.DUPLICATE_UID,
                    version=seen.version,
                    detail=f"the other one is {first.ref}",
                    title=seen.event.title,
                )
            )
    return list(kept.values()), asides
