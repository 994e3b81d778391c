"""The working week of the demo: what the company has in SuperOffice, and what is in the calendars already."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from calsync.sandbox.demo.program import CalendarProgram
from calsync.sandbox.superoffice.acting import Acting
from calsync.sandbox.superoffice.believable import Company, believable_week
from calsync.sandbox.superoffice.world import Tenant

ZONE: Final = ZoneInfo("Europe/Oslo")
"""Where the two users work."""

LUNCH: Final = "Lunch with Nordlys"
KICK_OFF: Final = "Kick-off: project Fjord"
OFFER: Final = "Offer for Blue Harbour"
OFFER_RENAMED: Final = "Offer for Blue Harbour, final round"
PRICES: Final = "Price talk with Acme"
STOCKTAKING: Final = "Stocktaking"
COFFEE: Final = "Coffee with Jonas"
BUDGET: Final = "Budget round"
ALL_HANDS: Final = "Allmøte"
"""A booking with participants; `believable_week` makes it."""
CHOIR: Final = "Choir practice"
"""A series in the calendar."""

# Weekday of the week, hour, length in minutes.
_Times: TypeAlias = Mapping[str, tuple[int, int, int]]
_OLAS: Final[_Times] = {LUNCH: (0, 12, 60), STOCKTAKING: (3, 8, 120)}
_KARIS: Final[_Times] = {
    KICK_OFF: (1, 10, 90),
    OFFER: (2, 9, 60),
    PRICES: (2, 14, 45),
    COFFEE: (3, 11, 30),
    BUDGET: (4, 9, 60),
}
_CUSTOMERS: Final = (
    *("Ærlig Bakeri", "Bergen Havn", "Dovre Ski", "Eidsvoll Bygg", "Finse Hotell", "Grimstad Båt"),
    *("Hamar Hus", "Inderøy Gård", "Jotun Sport", "Kvam Auto", "Lom Bok", "Moss Glass"),
)
_SHARED_MAX: Final = 5
_TAG: Final = re.compile(r"<[^>]+>")


def visits() -> list[str]:
    """Titles of Kari's sales trip: twelve visits that vanish at once."""
    return [f"Visit: {customer}" for customer in _CUSTOMERS]


def next_monday(today: date) -> date:
    return today + timedelta(days=7 - today.weekday())


def at(monday: date, weekday: int, hour: int, minute: int = 0) -> datetime:
    """An hour of the week on the users' clock; 7 is the Monday after."""
    return datetime.combine(monday + timedelta(days=weekday), time(hour, minute), tzinfo=ZONE)


def fill_superoffice(tenant: Tenant, *, monday: date, seed: int) -> Company:
    """The same company and week for the same seed."""
    company = believable_week(tenant, monday=monday, seed=seed, meetings_a_day=2)
    acting = Acting(tenant)
    for user, titles in ((company.kari, _KARIS), (company.ola, _OLAS)):
        for title, (weekday, hour, minutes) in titles.items():
            start = at(monday, weekday, hour)
            acting.create(user, title=title, start=start, end=start + timedelta(minutes=minutes))
    for number, title in enumerate(visits()):
        start = at(monday, 7 + number // 4, 9 + 2 * (number % 4))
        acting.create(company.kari, title=title, start=start, end=start + timedelta(hours=1), place="On the road")
    return company


async def fill_calendars(
    tenant: Tenant, company: Company, *, monday: date, kari: CalendarProgram, ola: CalendarProgram
) -> None:
    """What people kept by hand so far: some of their appointments once more, and a life of their own."""
    acting = Acting(tenant)
    await _typed_in_twice(acting.records(company.kari), kari)
    await _typed_in_twice(acting.records(company.ola), ola)
    rehearsal = at(monday, 1, 19)
    await kari.add(title=CHOIR, start=rehearsal, end=rehearsal + timedelta(hours=2), rule="FREQ=WEEKLY;COUNT=8")
    await kari.add(title="School concert 🎻", start=at(monday, 2, 18), end=at(monday, 2, 19), private=True)
    await kari.add(title="Car to the garage", start=monday + timedelta(days=4), end=monday + timedelta(days=5))
    await ola.add(title="Dentist", start=at(monday, 3, 8), end=at(monday, 3, 8, 45), private=True)
    await ola.add(title="Football, the boys", start=at(monday, 0, 17, 30), end=at(monday, 0, 19), place="Voldsløkka")


async def _typed_in_twice(rows: Sequence[Mapping[str, Any]], program: CalendarProgram) -> None:
    """Copies with a UID of their own; the first of them names another place than SuperOffice does."""
    for number, row in enumerate([row for row in rows if _is_plain(row)][:_SHARED_MAX]):
        await program.add(
            title=row["title"],
            start=row["start"].astimezone(ZONE),
            end=row["end"].astimezone(ZONE),
            place="At the customer's" if number == 0 else row["place"],
            notes=_TAG.sub("", row["notes"]),
            busy=row["busy"],
        )


def _is_plain(row: Mapping[str, Any]) -> bool:
    """Something a person would type in by hand: no series, no meeting, nothing of the story."""
    special = row["mother"] or row["rule"] or row["document"] or row["all_day"] or row["private"]
    of_the_story = row["title"] in {*_KARIS, *_OLAS, *visits()}
    return row["type"] == "inDiary" and not special and not of_the_story


def utc(moment: datetime | date) -> datetime | date:
    """A time as one can compare it; dates stay dates."""
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment
