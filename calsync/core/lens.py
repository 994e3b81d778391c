"""How a side rounds an event: what it would show if that event were written to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import date
from typing import Any

from calsync.core.event import AllDay, Busy, Event, Field, People, Timed, When


def _same_text(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The capabilities of one side as data.

    ``holds`` are the fields that survive there; others show their default (title and time are always held).
    ``zone`` is the zone in which every timed event is shown, or None where each keeps its own. ``busy`` maps the
    values it cannot hold. Limits count characters. ``notes`` is what a round trip makes of a plain text (HTML and
    back).

    Law: ``show(show(e)) == show(e)``.
    """

    holds: frozenset[Field] = frozenset(Field)
    zone: str | None = None
    busy: Mapping[Busy, Busy] = field(default_factory=dict)
    title_max: int | None = None
    place_max: int | None = None
    notes_max: int | None = None
    notes: Callable[[str], str] = _same_text

    def show(self, event: Event) -> Event:
        rounded: dict[str, Any] = {name: value for name, value in _DEFAULTS.items() if Field(name) not in self.holds}
        rounded["when"] = self.show_when(event.when)
        rounded["title"] = event.title[: self.title_max]
        if Field.PLACE in self.holds:
            rounded["place"] = event.place[: self.place_max]
        if Field.NOTES in self.holds:
            rounded["notes"] = self.notes(event.notes)[: self.notes_max]
        if Field.BUSY in self.holds:
            rounded["busy"] = self.busy.get(event.busy, event.busy)
        changed = {name: value for name, value in rounded.items() if getattr(event, name) != value}
        return replace(event, **changed) if changed else event

    def show_when(self, when: When) -> When:
        match when:
            case Timed() if self.zone is not None:
                return when.in_zone(self.zone)
            case Timed() | AllDay():
                return when

    def round(self, part: Field, value: Any) -> Any:
        """One field's value as this side would show it."""
        return getattr(self.show(replace(_SAMPLE, **{part.value: value})), part.value)


_DEFAULTS: dict[str, Any] = {"people": People()} | {
    part.name: part.default for part in fields(Event) if part.default is not MISSING
}

_SAMPLE = Event(title="", when=AllDay(first=date(2000, 1, 1), last=date(2000, 1, 1)))
