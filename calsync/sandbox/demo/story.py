"""The story: a minute in which two users edit on both sides, step by step."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from calsync.core.explain import rule_sentence
from calsync.core.grid import Rule
from calsync.sandbox.demo.hard_parts import (
    conflict,
    deleted_and_edited,
    left_alone,
    merged,
    twelve_at_once,
    use_the_other,
)
from calsync.sandbox.demo.play import SUPEROFFICE, Play, Step, Steps, entry_of
from calsync.sandbox.demo.week import COFFEE, KICK_OFF, LUNCH, OFFER_RENAMED, STOCKTAKING, ZONE, at, utc

_RENAMED: Final = "Lunch with Nordlys, at Engebret"
_BIRTHDAY: Final = "Birthday cake for Emma 🎂"


async def rename(play: Play) -> None:
    ola = play.stage.ola
    number, url = ola.appointment(LUNCH)["id"], (await entry_of(ola, LUNCH)).url
    async with play.explained(number):
        ola.acting.edit(ola.associate, number, title=_RENAMED)
        play.scene.acted()
        play.scene.did("Ola", f"renames “{LUNCH}” to “{_RENAMED}” in SuperOffice")
        await play.see_entry(url, ola, f"“{_RENAMED}”", lambda entry: entry.title == _RENAMED)


async def move(play: Play) -> None:
    kari, row = play.stage.kari, play.stage.kari.appointment(KICK_OFF)
    start = row["start"].astimezone(ZONE) + timedelta(hours=3)
    entry = await entry_of(kari, KICK_OFF)
    async with play.explained(row["id"]):
        await kari.program.edit(entry.url, start=start, end=start + timedelta(minutes=90))
        play.scene.acted()
        play.scene.did("Kari", f"drags “{KICK_OFF}” to {start:%H:%M} in her calendar")
        moved = utc(start)
        await play.see_row(row["id"], kari, f"“{KICK_OFF}” at {start:%H:%M}", lambda row: row["start"] == moved)


async def new_event(play: Play) -> None:
    kari, start = play.stage.kari, at(play.stage.monday, 1, 14)
    url = await kari.program.add(title=_BIRTHDAY, start=start, end=start + timedelta(minutes=30), place="Kitchen")
    play.scene.acted()
    play.scene.did("Kari", f"enters “{_BIRTHDAY}” on her phone")

    async def is_there() -> bool:
        return [row["start"] for row in kari.appointments() if row["title"] == _BIRTHDAY] == [utc(start)]

    await play.scene.see(SUPEROFFICE, f"“{_BIRTHDAY}”, in the kitchen", is_there)
    await play.tell_history(url)


async def private(play: Play) -> None:
    kari, number = play.stage.kari, play.stage.kari.appointment(OFFER_RENAMED)["id"]
    entry = await entry_of(kari, OFFER_RENAMED)
    async with play.explained(number):
        await kari.program.edit(entry.url, private=True)
        play.scene.acted()
        play.scene.did("Kari", f"marks “{OFFER_RENAMED}” as private in her calendar")
        await play.see_row(number, kari, "it as visible for Kari alone", lambda row: bool(row["private"]))


async def all_day(play: Play) -> None:
    ola, row = play.stage.ola, play.stage.ola.appointment(STOCKTAKING)
    entry, day = await entry_of(ola, STOCKTAKING), row["start"].astimezone(ZONE).date()
    async with play.explained(row["id"]):
        ola.acting.edit(ola.associate, row["id"], start=day, end=day)
        play.scene.acted()
        play.scene.did("Ola", f"makes “{STOCKTAKING}” last the whole day in SuperOffice")
        days = (day, day + timedelta(days=1))
        what = f"“{STOCKTAKING}” all day on {day:%A}"
        await play.see_entry(entry.url, ola, what, lambda shown: (shown.start, shown.end) == days)


async def delete(play: Play) -> None:
    kari, number = play.stage.kari, play.stage.kari.appointment(COFFEE)["id"]
    entry = await entry_of(kari, COFFEE)
    await kari.program.delete(entry.url)
    play.scene.acted()
    play.scene.did("Kari", f"deletes “{COFFEE}” in her calendar")

    async def is_gone() -> bool:
        return kari.acting.record(number) is None

    await play.scene.see(SUPEROFFICE, f"“{COFFEE}” no longer", is_gone)
    play.scene.why(rule_sentence(Rule.DELETE_FROM_CRM.value))
    play.scene.note("It was read once more by its address first: what is merely not listed is never deleted.")


STORY: Final[Steps] = (
    Step(name="rename", title="A new title in SuperOffice", play=rename),
    Step(name="move", title="A new time in the calendar", play=move),
    Step(name="new", title="A new event on the phone", play=new_event),
    Step(name="merge", title="Two edits of one event, in different fields", play=merged),
    Step(name="conflict", title="Two edits of the same field", play=conflict),
    Step(name="use-other", title="The other value after all", play=use_the_other),
    Step(name="private", title="Private stays private", play=private),
    Step(name="all-day", title="A whole day", play=all_day),
    Step(name="delete", title="A deletion", play=delete),
    Step(name="edit-beats-delete", title="Deleted here, edited there", play=deleted_and_edited),
    Step(name="held", title="Twelve deletions at once", play=twelve_at_once),
    Step(name="left-alone", title="What is left alone, and why", play=left_alone),
)
