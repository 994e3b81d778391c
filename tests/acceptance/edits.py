"""What people do to their events: changes of eleven kinds on either side, and what each must come to.

Each event is changed once, so what both sides show in the end can be said for every one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.acceptance.shown import Days, Shown, Span, When
from tests.acceptance.text import edited, untouchable, with_uid, zone_of
from tests.acceptance.world import HOME_ZONES, Born, Entry, Story, moments, written_notes

EMOJI: Final = ("🎉", "👩‍👩‍👧", "🇳🇴", "⚡ Ærø", "naïve café ☕")


class Kind(Enum):
    """What is done to one event."""

    CREATE = "create"
    DELETE = "delete"
    ACROSS_MIDNIGHT = "move across midnight"
    ALL_DAY = "to and from all-day"
    ZONE = "zone change"
    TEXT = "text with emoji and line ends"
    PRIVATE = "private on and off"
    BOTH_DIFFERENT = "both sides, different fields"
    BOTH_EQUAL = "both sides, one field"
    DELETE_AGAINST_EDIT = "delete against edit"
    COPY = "copy with all that is hidden"


class Side(Enum):
    """Where somebody acts."""

    DIARY = "diary"
    CALENDAR = "calendar"

    @property
    def other(self) -> Side:
        return Side.CALENDAR if self is Side.DIARY else Side.DIARY


class People:
    """Acts for the people of a story, and keeps the story true."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.rng = story.rng
        self.done: Counter[Kind] = Counter()
        self.untouched = [one for one in story.entries if one.shown is not None]
        self.rng.shuffle(self.untouched)

    def act(self, kind: Kind) -> None:
        _ACTS[kind](self)
        self.done[kind] += 1

    def take(self, fits: Callable[[Shown], bool] = lambda _: True) -> Entry:
        """An event that nobody has changed yet."""
        for index, entry in enumerate(self.untouched):
            if entry.shown is not None and fits(entry.shown):
                return self.untouched.pop(index)
        raise AssertionError("the world is too small for so many changes")

    def side(self) -> Side:
        return self.rng.choice(list(Side))

    # --- the eleven kinds

    def create(self) -> None:
        person = self.rng.choice(self.story.entries).person
        self.story.make(person, self.rng.choice((Born.DIARY, Born.CALENDAR)))

    def delete(self) -> None:
        entry = self.take()
        self.remove(entry, self.side())
        entry.shown = None

    def move_across_midnight(self) -> None:
        entry = self.take(is_timed)
        zone = ZoneInfo(entry.person.zone)
        day = self.story.first_day + timedelta(days=16 + self.rng.randrange(90))
        start = datetime.combine(day, time(23, self.rng.choice((0, 15, 45))), zone).astimezone(UTC)
        self.change(entry, self.side(), when=Span(start=start, end=start + timedelta(hours=2)))

    def to_or_from_all_day(self) -> None:
        turn_into_days = self.done[Kind.ALL_DAY] % 2 == 0
        entry = self.take(is_timed if turn_into_days else is_all_day)
        when: When = self.story.days() if turn_into_days else self.story.timed(entry.person.zone)
        self.change(entry, self.side(), when=when)

    def change_zone(self) -> None:
        """The same wall time in another zone, or the same instant on another clock; a diary has one zone only."""
        entry = self.take(lambda shown: isinstance(shown.when, Span))
        assert entry.shown is not None
        assert isinstance(entry.shown.when, Span)
        assert entry.url is not None
        text = entry.person.raw.get(entry.url).decode()
        old = zone_of(text) or entry.person.zone
        new = self.rng.choice([zone for zone in HOME_ZONES if zone != old])
        when = entry.shown.when
        if self.rng.random() < 0.5:
            when = Span(start=_same_wall(when.start, old, new), end=_same_wall(when.end, old, new))
        self.edit_object(entry, {"when": when}, zone=new)
        entry.shown = replace(entry.shown, when=when)

    def write_text(self) -> None:
        entry = self.take()
        word = self.rng.choice(EMOJI)
        fields: Mapping[str, Any] = self.rng.choice(
            (
                {"title": f"{word} {self.story.token()}"},
                {"notes": f"{word}\n\nsecond {self.story.token()}\nlast; \\ line"},
                {"place": f"Room {word}, {self.story.token()}", "notes": f"a\n{word}"},
            )
        )
        self.change(entry, self.side(), **fields)

    def switch_private(self) -> None:
        turn_on = self.done[Kind.PRIVATE] % 2 == 0
        entry = self.take(lambda shown: shown.private is not turn_on)
        self.change(entry, self.side(), private=turn_on)

    def edit_both_in_different_fields(self) -> None:
        entry = self.take()
        here, there = self.rng.sample(("title", "place", "notes", "when"), 2)
        self.change(entry, Side.DIARY, **{here: self.value(entry, here)})
        self.change(entry, Side.CALENDAR, **{there: self.value(entry, there)})

    def edit_both_in_one_field(self) -> None:
        """The side where the event was born wins; found on both, it counts as born in the diary."""
        entry = self.take()
        field = self.rng.choice(("title", "place", "notes", "when"))
        values: dict[Side, Any] = {side: self.value(entry, field) for side in Side}
        for side in Side:
            self.change(entry, side, **{field: values[side]})
        winner = Side.CALENDAR if entry.born is Born.CALENDAR else Side.DIARY
        assert entry.shown is not None
        entry.shown = replace(entry.shown, **{field: values[winner]})
        self.story.lost.append((field, values[winner.other]))
        if field == "when":
            entry.zone = ""  # one of the two zones; which, is the synchroniser's business

    def delete_against_edit(self) -> None:
        entry, side = self.take(), self.side()
        field = self.rng.choice(("title", "place", "notes", "when"))
        self.change(entry, side.other, **{field: self.value(entry, field)})
        self.remove(entry, side)
        self.story.lost.append(("deleted", entry.shown.title if entry.shown else ""))
        if side is Side.CALENDAR:
            entry.kept, entry.url, entry.zone = None, None, ""

    def copy(self) -> None:
        entry, side = self.take(), self.side()
        twin = replace(entry, zone="", kept=None)
        if side is Side.DIARY:
            assert entry.appointment is not None
            twin.appointment = entry.person.sandbox.act.copy(entry.person.associate, entry.appointment)
            twin.url = None
        else:
            assert entry.url is not None
            name = f"copy-{self.story.token().removeprefix('#')}"
            text = entry.person.raw.get(entry.url).decode()
            twin.url = entry.person.put(name, with_uid(text, f"{name}@somewhere.example"))
            twin.kept, twin.appointment = untouchable(entry.person.raw.get(twin.url)), None
        self.story.entries.append(twin)

    # --- how

    def value(self, entry: Entry, field: str) -> object:
        """A new value that nobody else writes."""
        if field == "when":
            return self.story.timed(entry.person.zone)
        return f"{field} {self.rng.choice(EMOJI)} {self.story.token()}"

    def change(self, entry: Entry, side: Side, **fields: Any) -> None:
        """Edit an event on one side, and say that this is what both must show."""
        assert entry.shown is not None
        if side is Side.DIARY:
            self.edit_appointment(entry, fields)
        else:
            zone = self.rng.choice(HOME_ZONES)
            self.edit_object(entry, fields, zone=zone)
        entry.shown = replace(entry.shown, **fields)

    def edit_appointment(self, entry: Entry, fields: Mapping[str, Any]) -> None:
        assert entry.appointment is not None
        said = {name: value for name, value in fields.items() if name != "when"}
        if "notes" in fields:
            said["notes"] = written_notes(fields["notes"])
        if "when" in fields:
            said["start"], said["end"] = moments(fields["when"])
        entry.person.sandbox.act.edit(entry.person.associate, entry.appointment, **said)

    def edit_object(self, entry: Entry, fields: Mapping[str, Any], *, zone: str) -> None:
        """As the `caldav` library does it: read, change the text, store under the version read."""
        assert entry.url is not None
        entry.person.witness.edit(entry.url, lambda text: edited(text, fields, zone=zone))
        entry.kept = untouchable(entry.person.raw.get(entry.url))
        if "when" in fields:
            entry.zone = "" if isinstance(fields["when"], Days) else zone

    def remove(self, entry: Entry, side: Side) -> None:
        if side is Side.DIARY:
            assert entry.appointment is not None
            entry.person.sandbox.act.delete(entry.person.associate, entry.appointment)
        else:
            assert entry.url is not None
            entry.person.witness.delete(entry.url)


def is_timed(shown: Shown) -> bool:
    return isinstance(shown.when, Span)


def is_all_day(shown: Shown) -> bool:
    return isinstance(shown.when, Days)


def _same_wall(moment: datetime, old: str, new: str) -> datetime:
    wall = moment.astimezone(ZoneInfo(old)).replace(tzinfo=ZoneInfo(new))
    return wall.astimezone(UTC)


_ACTS: Final[Mapping[Kind, Callable[[People], None]]] = {
    Kind.CREATE: People.create,
    Kind.DELETE: People.delete,
    Kind.ACROSS_MIDNIGHT: People.move_across_midnight,
    Kind.ALL_DAY: People.to_or_from_all_day,
    Kind.ZONE: People.change_zone,
    Kind.TEXT: People.write_text,
    Kind.PRIVATE: People.switch_private,
    Kind.BOTH_DIFFERENT: People.edit_both_in_different_fields,
    Kind.BOTH_EQUAL: People.edit_both_in_one_field,
    Kind.DELETE_AGAINST_EDIT: People.delete_against_edit,
    Kind.COPY: People.copy,
}


def live(story: Story, count: int, *, without: frozenset[Kind] = frozenset()) -> People:
    """``count`` changes, of every kind as often as of any other, in an order of chance."""
    people = People(story)
    chosen = [kind for kind in Kind if kind not in without]
    kinds = [chosen[number % len(chosen)] for number in range(count)]
    story.rng.shuffle(kinds)
    for kind in kinds:
        people.act(kind)
    return people
