"""Diaries and calendars as people fill them, the same for the same seed, and what has to come of them."""

from __future__ import annotations

import html
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from tests.acceptance.company import Person
from tests.acceptance.shown import Days, Shown, Span, When, in_order
from tests.acceptance.text import new_text, untouchable

LAST_OFFSET: Final = 280
HOME_ZONES: Final = ("Europe/Oslo", "Europe/London", "America/New_York", "Asia/Tokyo", "UTC")
_WORDS: Final = ("Lunch", "Møte", "Besøk hos Åse", "Review", "Call", "Budsjett; utkast, 2", "Demo")
_PLACES: Final = ("", "", "Room 4", "Møterom Havet", "Kontoret, Bergen")
_NOTES: Final = ("", "", "Bring the numbers", "First line\nsecond line", "Ærlig & <ekte>")


class Born(Enum):
    """Where an event was made."""

    DIARY = "diary"
    CALENDAR = "calendar"
    BOTH = "both"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One event of a person, and what both sides have to show of it in the end; None: nothing.

    ``appointment`` and ``url`` say where it is. ``kept`` is what nobody may change in its calendar object.
    ``zone`` is the zone in which its calendar object was written last by a person; empty if none did.
    """

    person: Person
    born: Born
    shown: Shown | None
    appointment: int | None = None
    url: str | None = None
    kept: list[bytes] | None = None
    zone: str = ""


@dataclass(slots=True, kw_only=True)
class Story:
    """Everything that people have made so far. ``lost`` are values that must be in the conflict log."""

    rng: random.Random
    first_day: date = date(2026, 6, 20)
    """Eleven days before the start of the tests' clock: inside the window of every pair."""
    entries: list[Entry] = field(default_factory=list)
    lost: list[tuple[str, object]] = field(default_factory=list)
    number: int = 0

    def token(self) -> str:
        """A word that nobody else writes."""
        self.number += 1
        return f"#{self.number}"

    def expected(self, person: Person) -> list[Shown]:
        return in_order(one.shown for one in self.entries if one.person is person and one.shown is not None)

    # --- values

    def timed(self, zone: str) -> Span:
        """Between eight and five by the clock of ``zone``: far from every midnight and every change of clocks."""
        day = self.first_day + timedelta(days=self.rng.randrange(LAST_OFFSET))
        start = datetime.combine(day, time(self.rng.randrange(8, 17), self.rng.choice((0, 15, 30))), ZoneInfo(zone))
        return Span(start=_utc(start), end=_utc(start) + timedelta(minutes=self.rng.choice((25, 30, 60, 90))))

    def days(self) -> Days:
        first = self.first_day + timedelta(days=self.rng.randrange(LAST_OFFSET))
        return Days(first=first, last=first + timedelta(days=self.rng.choice((0, 0, 1, 3))))

    def fresh(self, person: Person) -> Shown:
        when: When = self.days() if self.rng.random() < 0.2 else self.timed(person.zone)
        return Shown(
            title=f"{self.rng.choice(_WORDS)} {self.token()}",
            when=when,
            place=self.rng.choice(_PLACES),
            notes=self.rng.choice(_NOTES),
            private=self.rng.random() < 0.15,
            busy=self.rng.random() < 0.85,
        )

    # --- making

    def make(self, person: Person, born: Born, file: list[str] | None = None) -> Entry:
        """Make a new event; its calendar object goes to the server, or into ``file``."""
        entry = Entry(person=person, born=born, shown=self.fresh(person))
        assert entry.shown is not None
        if born is not Born.CALENDAR:
            entry.appointment = make_appointment(person, entry.shown)
        if born is not Born.DIARY:
            self._make_object(entry, self._as_in_calendar(entry), file)
        self.entries.append(entry)
        return entry

    def _as_in_calendar(self, entry: Entry) -> Shown:
        """One in five of those that are on both sides already differs; the diary's value is to win."""
        assert entry.shown is not None
        if entry.born is Born.CALENDAR or self.rng.random() < 0.8:
            return entry.shown
        place = f"Elsewhere {self.token()}"
        self.lost.append(("place", place))
        return replace(entry.shown, place=place)

    def _make_object(self, entry: Entry, shown: Shown, file: list[str] | None) -> None:
        name = f"made-{len(self.entries)}-{self.rng.randrange(10**9)}"
        entry.zone = "" if isinstance(shown.when, Days) else self.rng.choice(HOME_ZONES)
        uid = f"{name}@somewhere.example"
        text = new_text(uid, shown, zone=entry.zone, hidden=self.rng.random() < 0.7)
        if file is None:
            entry.url = entry.person.put(name, text)
        else:
            file.append(text)

    def look_up(self) -> None:
        """Find out where everything is now, by the title, which is another one for each event."""
        for person in {id(one.person): one.person for one in self.entries}.values():
            numbers = {record["title"]: record["id"] for record in person.records()}
            texts = person.raw.texts(person.url)
            titles = {shown_title(text): url for url, text in texts.items()}
            for entry in self.entries:
                if entry.person is person and entry.shown is not None:
                    entry.appointment = numbers[entry.shown.title]
                    entry.url = titles[entry.shown.title]
                    entry.kept = untouchable(texts[entry.url])


def make_appointment(person: Person, shown: Shown) -> int:
    """As the person enters it in the web client."""
    start, end = moments(shown.when)
    return person.sandbox.act.create(
        person.associate,
        title=shown.title,
        start=start,
        end=end,
        place=shown.place,
        notes=written_notes(shown.notes),
        private=shown.private,
        busy=shown.busy,
        internal_notes="Do not mention the price",
        reminder_min=15,
    )


def written_notes(notes: str) -> str:
    """As the web client writes them: bare where nothing needs markup, else as HTML."""
    if not set(notes) & set("<>&\n"):
        return notes
    return "<p>" + html.escape(notes, quote=False).replace("\n", "<br />") + "</p>"


def moments(when: When) -> tuple[datetime, datetime] | tuple[date, date]:
    match when:
        case Span(start=start, end=end):
            return start, end
        case Days(first=first, last=last):
            return first, last


def shown_title(text: bytes) -> str:
    lines = text.decode().replace("\r\n", "\n").replace("\n ", "").split("\n")
    title = next(line for line in lines if line.startswith("SUMMARY:")).removeprefix("SUMMARY:")
    return title.replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\")


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def fill(story: Story, people: list[Person], *, each: int, on_both: float) -> None:
    """``each`` events for each person, that share of them on both sides already, the others half and half."""
    for person in people:
        file: list[str] = []
        for number in range(each):
            is_both = number < each * on_both
            born = Born.BOTH if is_both else (Born.DIARY, Born.CALENDAR)[number % 2]
            story.make(person, born, file)
        person.import_file(file)
