"""The fields of an event as properties of a VEVENT, each in both directions (reference: caldav.md 3.6, 3.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from calsync.adapters.caldav.alarms import retitle_alarms, set_reminder
from calsync.adapters.caldav.lines import Component, escape, split_list, unescape
from calsync.core.event import Busy, Event, Field, Privacy

_OUTLOOK_BUSY: Final = "X-MICROSOFT-CDO-BUSYSTATUS"
_OUTLOOK_WORD: Final = {Busy.FREE: "FREE", Busy.TENTATIVE: "TENTATIVE", Busy.BUSY: "BUSY", Busy.AWAY: "OOF"}


def text_of(event: Component, name: str) -> str:
    line = event.first(name)
    return unescape(line.value) if line is not None else ""


def word_of(event: Component, name: str) -> str:
    line = event.first(name)
    return line.value.strip().upper() if line is not None else ""


def privacy_of(event: Component) -> Privacy:
    """RFC 5545 3.8.1.3: a class nobody knows is treated as private."""
    return Privacy.PUBLIC if word_of(event, "CLASS") in {"", "PUBLIC"} else Privacy.PRIVATE


def busy_of(event: Component) -> Busy:
    """Three properties say it. TRANSP, which every program writes when its user changes it, wins over Outlook's.

    Outlook's word adds what TRANSP cannot say: away, and tentative.
    """
    outlook, transp = word_of(event, _OUTLOOK_BUSY), word_of(event, "TRANSP")
    if transp == "TRANSPARENT" or (outlook == "FREE" and not transp):
        return Busy.FREE
    if outlook == "OOF":
        return Busy.AWAY
    if word_of(event, "STATUS") == "TENTATIVE" or outlook == "TENTATIVE":
        return Busy.TENTATIVE
    return Busy.BUSY


def categories_of(event: Component) -> tuple[str, ...]:
    return tuple(name for line in event.all("CATEGORIES") for name in split_list(line.value))


def _set_text(event: Component, name: str, text: str, *, also_drop: tuple[str, ...] = ()) -> Component:
    """The event with that text. The properties that repeat the old one in another shape go."""
    event = event.without(*also_drop)
    if not text and name != "SUMMARY":  # an event without a title line is refused by some servers
        return event.without(name)
    old = event.first(name)
    params = old.params if old is not None else {}
    kept = {key: values for key, values in params.items() if key not in {"ALTREP", "ENCODING", "DERIVED", "FMTTYPE"}}
    return event.with_line(name, escape(text), kept)


def _set_title(event: Component, want: Event) -> Component:
    event = retitle_alarms(event, text_of(event, "SUMMARY"), want.title)
    return _set_text(event, "SUMMARY", want.title)


def _set_place(event: Component, want: Event) -> Component:
    return _set_text(event, "LOCATION", want.place, also_drop=("X-APPLE-STRUCTURED-LOCATION", "GEO"))


def _set_notes(event: Component, want: Event) -> Component:
    return _set_text(event, "DESCRIPTION", want.notes, also_drop=("X-ALT-DESC", "STYLED-DESCRIPTION"))


def _set_privacy(event: Component, want: Event) -> Component:
    # Absent means public; Google reads a written PUBLIC as "public to everybody".
    return event.with_line("CLASS", "PRIVATE") if want.privacy is Privacy.PRIVATE else event.without("CLASS")


def _set_busy(event: Component, want: Event) -> Component:
    """The few lines that say it, and those present made to agree."""
    if want.busy is Busy.FREE:
        event = event.with_line("TRANSP", "TRANSPARENT")
    elif word_of(event, "TRANSP") == "TRANSPARENT":
        event = event.with_line("TRANSP", "OPAQUE")
    if want.busy is Busy.TENTATIVE:
        event = event.with_line("STATUS", "TENTATIVE")
    elif want.busy is Busy.BUSY and word_of(event, "STATUS") == "TENTATIVE":
        event = event.with_line("STATUS", "CONFIRMED")
    if want.busy is Busy.AWAY or event.first(_OUTLOOK_BUSY) is not None:
        event = event.with_line(_OUTLOOK_BUSY, _OUTLOOK_WORD[want.busy])
    return event


def _set_reminder(event: Component, want: Event) -> Component:
    return set_reminder(event, want.reminder)


def _set_categories(event: Component, want: Event) -> Component:
    if not want.categories:
        return event.without("CATEGORIES")
    return event.with_line("CATEGORIES", ",".join(map(escape, want.categories)))


WRITERS: Final[Mapping[Field, Callable[[Component, Event], Component]]] = {
    Field.TITLE: _set_title,
    Field.PLACE: _set_place,
    Field.NOTES: _set_notes,
    Field.PRIVACY: _set_privacy,
    Field.BUSY: _set_busy,
    Field.REMINDER: _set_reminder,
    Field.CATEGORIES: _set_categories,
}
"""How each field is written, apart from the times. Other fields have no place in a CalDAV object."""
