"""Events and values of their fields as compact JSON, and back exactly as they were.

Content that this version does not know (a field added later) is refused, never dropped: dropping it would look like
an edit by somebody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as fields_of
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

import msgspec

from calsync.core.errors import InvalidEventError
from calsync.core.event import AllDay, Busy, Event, People, Person, Privacy, Timed, When
from calsync.core.series import Cancelled, Difference, OriginalStart, Override, Series
from calsync.store.errors import CodecError

T = TypeVar("T")


class Content(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What all stored shapes have in common: defaults take no room and unknown fields are refused."""


class TimedContent(Content, tag_field="kind", tag="timed", frozen=True):
    """Wall times as text (see `text_from_wall`)."""

    start: str
    end: str
    zone: str


class DaysContent(Content, tag_field="kind", tag="days", frozen=True):
    """Whole days."""

    first: date
    last: date


class PersonContent(Content, frozen=True):
    """Somebody in a meeting."""

    email: str
    name: str = ""
    status: str = ""


class PeopleContent(Content, frozen=True):
    """Who calls and who comes."""

    organizer: PersonContent | None = None
    attendees: tuple[PersonContent, ...] = ()


class SeriesContent(Content, frozen=True):
    """``exceptions`` by original start; None is a cancelled occurrence."""

    rule: str = ""
    extra: tuple[str, ...] = ()
    exceptions: dict[str, EventContent | None] = msgspec.field(default_factory=dict)


class EventContent(Content, frozen=True):
    """One event."""

    title: str
    when: TimedContent | DaysContent
    place: str = ""
    notes: str = ""
    privacy: Privacy = Privacy.PUBLIC
    busy: Busy = Busy.BUSY
    reminder: int | None = None
    categories: tuple[str, ...] = ()
    online_meeting: str = ""
    people: PeopleContent | None = None
    series: SeriesContent | None = None


class ValueContent(Content, frozen=True):
    """The value of any field, or a whole event. Nothing set is None; else exactly one is set."""

    text: str | None = None
    number: int | None = None
    when: TimedContent | DaysContent | None = None
    privacy: Privacy | None = None
    busy: Busy | None = None
    names: tuple[str, ...] | None = None
    people: PeopleContent | None = None
    series: SeriesContent | None = None
    event: EventContent | None = None


encode: Final = msgspec.json.Encoder().encode


def decode(text: bytes | str, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        # The message names a path and a type; the content itself is not repeated.
        raise CodecError(f"stored content cannot be read by this version: {error}") from None


def decode_plain(text: str, kind: type[T]) -> T:
    """A flat dataclass from its JSON, refusing fields that it does not have."""
    try:
        raw = msgspec.json.decode(text, type=dict[str, Any])
        unknown = raw.keys() - {known.name for known in fields_of(kind)}  # type: ignore[arg-type]  # a dataclass
        if unknown:
            raise CodecError(f"{kind.__name__} was stored by a newer version: {', '.join(sorted(unknown))}")
        return msgspec.convert(raw, kind)
    except msgspec.MsgspecError as error:
        raise CodecError(f"a stored {kind.__name__} cannot be read by this version: {error}") from None


def text_from_wall(wall: OriginalStart) -> str:
    """ISO 8601; the second passage through a repeated hour (``fold``) ends in ``~``."""
    return wall.isoformat() + "~" if isinstance(wall, datetime) and wall.fold else wall.isoformat()


def wall_from_text(text: str) -> datetime:
    return datetime.fromisoformat(text[:-1]).replace(fold=1) if text[-1] == "~" else datetime.fromisoformat(text)


def _start_from_text(text: str) -> OriginalStart:
    return wall_from_text(text) if "T" in text else date.fromisoformat(text)


def text_from_moment(moment: datetime) -> str:
    """An instant as text that sorts by time: UTC, always with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_from_text(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _content_from_when(when: When) -> TimedContent | DaysContent:
    match when:
        case Timed():
            return TimedContent(text_from_wall(when.start), text_from_wall(when.end), when.zone)
        case AllDay():
            return DaysContent(when.first, when.last)


def _when_from_content(content: TimedContent | DaysContent) -> When:
    match content:
        case TimedContent():
            return Timed(start=wall_from_text(content.start), end=wall_from_text(content.end), zone=content.zone)
        case DaysContent():
            return AllDay(first=content.first, last=content.last)


def _content_from_person(person: Person) -> PersonContent:
    return PersonContent(person.email, person.name, person.status)


def _person_from_content(content: PersonContent) -> Person:
    return Person(email=content.email, name=content.name, status=content.status)


def _content_from_people(people: People) -> PeopleContent:
    organizer = None if people.organizer is None else _content_from_person(people.organizer)
    return PeopleContent(organizer, tuple(map(_content_from_person, people.attendees)))


def _people_from_content(content: PeopleContent) -> People:
    organizer = None if content.organizer is None else _person_from_content(content.organizer)
    return People(organizer=organizer, attendees=tuple(map(_person_from_content, content.attendees)))


def _content_from_difference(difference: Difference) -> EventContent | None:
    match difference:
        case Cancelled():
            return None
        case Override():
            return content_from_event(difference.event)


def _content_from_series(series: Series) -> SeriesContent:
    return SeriesContent(
        series.rule,
        tuple(map(text_from_wall, series.extra)),
        {text_from_wall(start): _content_from_difference(change) for start, change in series.exceptions.items()},
    )


def _series_from_content(content: SeriesContent) -> Series:
    exceptions: Mapping[OriginalStart, Difference] = {
        _start_from_text(start): Cancelled() if change is None else Override(event=event_from_content(change))
        for start, change in content.exceptions.items()
    }
    return Series(rule=content.rule, extra=tuple(map(_start_from_text, content.extra)), exceptions=exceptions)


_NOBODY: Final = People()


def content_from_event(event: Event) -> EventContent:
    people = event.people
    return EventContent(
        event.title,
        _content_from_when(event.when),
        event.place,
        event.notes,
        event.privacy,
        event.busy,
        event.reminder,
        event.categories,
        event.online_meeting,
        _content_from_people(people) if people.organizer or people.attendees else None,
        None if event.series is None else _content_from_series(event.series),
    )


def event_from_content(content: EventContent) -> Event:
    try:
        return Event(
            title=content.title,
            when=_when_from_content(content.when),
            place=content.place,
            notes=content.notes,
            privacy=content.privacy,
            busy=content.busy,
            reminder=content.reminder,
            categories=content.categories,
            online_meeting=content.online_meeting,
            people=_NOBODY if content.people is None else _people_from_content(content.people),
            series=None if content.series is None else _series_from_content(content.series),
        )
    except (InvalidEventError, ValueError) as error:
        raise CodecError(f"a stored event is not one: {error}") from error


def content_from_value(value: Any) -> ValueContent:
    match value:
        case None:
            return ValueContent()
        case str():
            return ValueContent(text=value)
        case int():
            return ValueContent(number=value)
        case Timed() | AllDay():
            return ValueContent(when=_content_from_when(value))
        case Privacy():
            return ValueContent(privacy=value)
        case Busy():
            return ValueContent(busy=value)
        case tuple():
            return ValueContent(names=value)
        case People():
            return ValueContent(people=_content_from_people(value))
        case Series():
            return ValueContent(series=_content_from_series(value))
        case Event():
            return ValueContent(event=content_from_event(value))
        case _:  # values of fields are Any, so nothing else can list what is missing
            raise TypeError(f"a {type(value).__name__} is the value of no field")


def value_from_content(content: ValueContent) -> Any:
    if content.event is not None:
        return event_from_content(content.event)
    if content.when is not None:
        return _when_from_content(content.when)
    if content.people is not None:
        return _people_from_content(content.people)
    if content.series is not None:
        return _series_from_content(content.series)
    plain = (content.text, content.number, content.privacy, content.busy, content.names)
    return next((value for value in plain if value is not None), None)
