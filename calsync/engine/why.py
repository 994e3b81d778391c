"""Why is this event (not) there? Everything known of one event, found by whatever name a person has for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from calsync.core.ends import End
from calsync.core.explain import reason_sentence
from calsync.core.link import Link
from calsync.core.record import SetAside
from calsync.core.refs import LinkId, Ref
from calsync.engine.reports import Json, event, moment, step
from calsync.engine.requests import shortened
from calsync.engine.resolve import NotFoundError
from calsync.ports import Pair, People, Records

_PASTED_ID: Final = re.compile(r"(?:appointment_?id|activity_?id|so\.appointment)[=.:/](\d+)", re.IGNORECASE)
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of one event in one pair."""

    pair: Pair
    link: Link | None
    aside: SetAside | None

    @property
    def name(self) -> str:
        return self.link.id if self.link is not None else self.aside.item.ref if self.aside is not None else ""


async def why(people: People, records: Records, name: str) -> Json:
    """What is known of the event that ``name`` (link id, appointment id, href, UID, pasted link, title) means.

    Raises:
        NotFoundError: nothing, or several of that title; the message says what that can mean.
    """
    pairs = await people.pairs()
    found = await _called(records, pairs, list(_spellings(name))) or await _titled(records, pairs, name.strip())
    if len(found) > 1:
        some = ", ".join(one.name for one in found[:_SHOWN])
        raise NotFoundError(f"{len(found)} events are called {shortened(name)}; say one of their ids, such as {some}")
    if not found:
        raise NotFoundError(
            f"nothing is known of {shortened(name)}: it is not in the calendars of any pair, lies outside the days "
            "kept in sync, or was made since the last run"
        )
    return await _report(records, found[0])


def _spellings(name: str) -> Iterator[str]:
    """The name itself, and what a pasted link or href may be stored as."""
    text = name.strip()
    yield text
    pasted = _PASTED_ID.search(text)
    if pasted is not None:
        yield pasted[1]
    path = urlsplit(text).path
    if path and path != text:
        yield path
    if unquote(text) != text:
        yield unquote(text)


async def _linked(records: Records, pair: Pair, names: Sequence[str]) -> Link | None:
    by_id = await records.links(pair.id, [LinkId(name) for name in names])
    if by_id:
        return by_id[0]
    for end in End:
        found = await records.links_at(pair.id, end, [Ref(name) for name in names])
        if found:
            return found[0]
    for link in await records.links(pair.id):
        for seen in link.base:
            if seen is not None and {seen.uid, seen.identity} & set(names):
                return link
    return None


async def _aside(records: Records, pair: Pair, names: Sequence[str], link: Link | None) -> SetAside | None:
    refs = {*names, *((link.ref(end) or "") for end in End)} if link is not None else set(names)
    return next((row for row in await records.asides(pair.id) if row.item.ref in refs), None)


async def _called(records: Records, pairs: Sequence[Pair], names: Sequence[str]) -> list[_Found]:
    """The first event that one of these names means."""
    for pair in pairs:
        link = await _linked(records, pair, names)
        aside = await _aside(records, pair, names, link)
        if link is not None or aside is not None:
            return [_Found(pair, link, aside)]
    return []


async def _titled(records: Records, pairs: Sequence[Pair], title: str) -> list[_Found]:
    """Events that bear this title at either side, and set-aside ones that have no link."""
    found: list[_Found] = []
    for pair in pairs:
        asides = await records.asides(pair.id)
        by_link = {row.link: row for row in asides if row.link is not None}
        links = [link for link in await records.links(pair.id) if title in _titles(link)]
        linked = {link.id for link in links}
        found += [_Found(pair, link, by_link.get(link.id)) for link in links]
        found += [_Found(pair, None, row) for row in asides if row.item.title == title and row.link not in linked]
    return found


def _titles(link: Link) -> set[str]:
    return {seen.event.title for seen in link.base if seen is not None}


async def _report(records: Records, found: _Found) -> Json:
    pair, link, aside = found.pair, found.link, found.aside
    steps = [] if link is None else await records.steps(link.id)
    reason = None if aside is None else aside.item.reason
    return {
        "event": None if link is None else link.id,
        "title": _title(link, aside),
        "pair": pair.id,
        "crm": _side(link, aside, End.CRM),
        "calendar": _side(link, aside, End.CALENDAR),
        "reason": None if reason is None else reason.value,
        "explanation": _sentence(link, aside),
        "rule": steps[-1].why if steps else None,
        "history": [step(one) for one in steps],
        "next": moment((aside.next_try if aside is not None else None) or pair.due_at),
    }


def _title(link: Link | None, aside: SetAside | None) -> str:
    shown = [seen.event.title for seen in link.base if seen is not None] if link is not None else []
    return shown[0] if shown else aside.item.title if aside is not None else ""


def _side(link: Link | None, aside: SetAside | None, end: End) -> Json:
    base = None if link is None else link.base[end]
    if base is not None:
        return {"ref": base.ref, "seen": event(base.event)}
    if aside is not None and aside.end is end:
        return {"ref": aside.item.ref, "seen": {"title": aside.item.title}}
    return {"ref": None, "seen": None}


def _sentence(link: Link | None, aside: SetAside | None) -> str:
    if aside is not None:
        return reason_sentence(aside.item.reason, aside.item.detail)
    if link is not None and link.dormant:
        return "It is linked, and rests: it lies outside of what this pair keeps in sync."
    if link is not None and not link.is_settled:
        return "It is linked; a write is under way and is settled in the next run."
    return "It is linked and kept the same on both sides."
