"""The hard parts of the story: edits that meet, deletions that are doubtful, and what is not synchronised at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from calsync.sandbox.demo.play import CALENDAR, SUPEROFFICE, Play, entry_of
from calsync.sandbox.demo.stage import NotAsExpectedError
from calsync.sandbox.demo.week import ALL_HANDS, BUDGET, CHOIR, OFFER, OFFER_RENAMED, PRICES, visits

_OFFER_PLACE: Final = "Møterom Havet"
_PRICES_IN_SUPEROFFICE: Final = "Price talk with Acme: new list"
_PRICES_IN_CALENDAR: Final = "Acme wants a discount"
_BUDGET_PLACE: Final = "Room 4, second floor"


async def merged(play: Play) -> None:
    kari, number = play.stage.kari, play.stage.kari.appointment(OFFER)["id"]
    url = (await entry_of(kari, OFFER)).url
    async with play.explained(number):
        async with play.unseen(kari):
            kari.acting.edit(kari.associate, number, place=_OFFER_PLACE)
            await kari.program.edit(url, title=OFFER_RENAMED)
        play.scene.did("A colleague", f"enters the place “{_OFFER_PLACE}” in SuperOffice")
        play.scene.did("Kari", f"renames it to “{OFFER_RENAMED}” on her phone, at the same time")
        await play.see_entry(url, kari, "both edits", lambda it: (it.title, it.place) == (OFFER_RENAMED, _OFFER_PLACE))
        await play.see_row(
            number, kari, "both edits", lambda it: (it["title"], it["place"]) == (OFFER_RENAMED, _OFFER_PLACE)
        )


async def conflict(play: Play) -> None:
    kari, number = play.stage.kari, play.stage.kari.appointment(PRICES)["id"]
    url = (await entry_of(kari, PRICES)).url
    async with play.unseen(kari):
        kari.acting.edit(kari.associate, number, title=_PRICES_IN_SUPEROFFICE)
        await kari.program.edit(url, title=_PRICES_IN_CALENDAR)
    play.scene.did("A colleague", f"renames “{PRICES}” to “{_PRICES_IN_SUPEROFFICE}” in SuperOffice")
    play.scene.did("Kari", f"renames it to “{_PRICES_IN_CALENDAR}” on her phone, at the same time")
    won = _PRICES_IN_SUPEROFFICE
    await play.see_entry(url, kari, f"“{won}”", lambda entry: entry.title == won)
    row = await play.conflict(kari, number, "title")
    play.scene.why(row["sentence"])
    play.scene.note(f"“{_PRICES_IN_CALENDAR}” is kept in the conflict log, as conflict {row['id']}.")


async def use_the_other(play: Play) -> None:
    kari = play.stage.kari
    number, url = kari.appointment(_PRICES_IN_SUPEROFFICE)["id"], (await entry_of(kari, _PRICES_IN_SUPEROFFICE)).url
    row = await play.conflict(kari, number, "title")
    play.scene.ran(f"calsync conflicts use {row['id']} calendar")
    decided = await play.operator.ask("conflicts.use", id=row["id"], side="calendar")
    play.scene.acted()
    wanted = f"“{_PRICES_IN_CALENDAR}”"
    await play.see_row(number, kari, wanted, lambda shown: shown["title"] == _PRICES_IN_CALENDAR)
    await play.see_entry(url, kari, wanted, lambda shown: shown.title == _PRICES_IN_CALENDAR)
    play.scene.why(decided["sentence"])


async def deleted_and_edited(play: Play) -> None:
    kari, number = play.stage.kari, play.stage.kari.appointment(BUDGET)["id"]
    url = (await entry_of(kari, BUDGET)).url
    async with play.explained(number):
        async with play.unseen(kari):
            await kari.program.delete(url)
            kari.acting.edit(kari.associate, number, place=_BUDGET_PLACE)
        play.scene.did("Kari", f"deletes “{BUDGET}” on her phone")
        play.scene.did("A colleague", f"moves it to “{_BUDGET_PLACE}” in SuperOffice, at the same time")

        async def is_back() -> bool:
            entry = await kari.program.find(BUDGET)
            return entry is not None and entry.place == _BUDGET_PLACE

        await play.scene.see(CALENDAR, f"“{BUDGET}” again, with the new place", is_back)
    play.scene.note((await play.conflict(kari, number, None))["sentence"])


async def twelve_at_once(play: Play) -> None:
    kari, titles = play.stage.kari, set(visits())
    for row in kari.appointments():
        if row["title"] in titles:
            kari.acting.delete(kari.associate, row["id"])
    play.scene.acted()
    play.scene.did("Somebody", f"deletes Kari's whole sales trip in SuperOffice: {len(titles)} visits")
    group = await _held_group(play)
    there = titles & {entry.title for entry in await kari.program.entries()}
    play.scene.note(f"The calendar still has all {len(there)} of them.")
    play.scene.why(group["sentence"])
    play.scene.ran(f"calsync held discard {group['id']}")
    await play.operator.ask("held.discard", id=group["id"])
    play.scene.acted()

    async def are_back() -> bool:
        return titles <= {row["title"] for row in kari.appointments()}

    await play.scene.see(SUPEROFFICE, f"all {len(titles)} visits again", are_back)


async def _held_group(play: Play) -> Mapping[str, Any]:
    groups: list[Mapping[str, Any]] = []

    async def is_held() -> bool:
        groups[:] = await play.operator.ask("held.list", pair=play.pairs[play.stage.kari.first], open=True)
        return any(group["count"] == len(visits()) for group in groups)

    await play.scene.see("calsync", f"{len(visits())} deletions held", is_held)
    return next(group for group in groups if group["count"] == len(visits()))


async def left_alone(play: Play) -> None:
    kari = play.stage.kari
    meeting, choir = kari.appointment(ALL_HANDS), await entry_of(kari, CHOIR)
    if ALL_HANDS in {entry.title for entry in await kari.program.entries()}:
        raise NotAsExpectedError(f"the meeting “{ALL_HANDS}” was copied to the calendar")
    if CHOIR in {row["title"] for row in kari.appointments()}:
        raise NotAsExpectedError(f"the series “{CHOIR}” was copied to SuperOffice")
    for title, where, event in ((ALL_HANDS, SUPEROFFICE, str(meeting["id"])), (CHOIR, CALENDAR, choir.url)):
        known = await play.operator.ask("why", event=event)
        play.scene.note(f"“{title}” is in {where} alone.")
        play.scene.ran(f"calsync why {event}")
        play.scene.why(known["explanation"])
