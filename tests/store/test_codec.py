from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.core.ends import End, Ends
from calsync.core.event import AllDay, Busy, Event, Field, People, Person, Privacy, Timed
from calsync.core.link import Hold, Link, Pending, Wish, Write
from calsync.core.observation import Digest, Marker, Seen
from calsync.core.policy import Direction, Policy, Winner
from calsync.core.refs import ConflictId, Identity, Key, LinkId, Ref, Version
from calsync.core.series import Cancelled, Override, Series
from calsync.store.codec import (
    EventContent,
    content_from_event,
    content_from_value,
    decode,
    decode_plain,
    encode,
    event_from_content,
    moment_from_text,
    text_from_moment,
    value_from_content,
)
from calsync.store.errors import CodecError
from calsync.store.linkcodec import (
    Plain,
    bases_from_content,
    decode_link,
    encode_link,
    pendings_from_content,
    text_from_writes,
    wishes_from_content,
    writes_from_text,
)
from tests.builders import event, events, texts, timed, whens

EVENT = msgspec.json.Decoder(EventContent)

persons = st.builds(Person, email=texts(max_size=30), name=texts(max_size=30), status=st.sampled_from(["", "accepted"]))
people = st.builds(People, organizer=st.one_of(st.none(), persons), attendees=st.lists(persons, max_size=3).map(tuple))
starts = st.one_of(st.dates(), st.datetimes(), st.datetimes().map(lambda moment: moment.replace(fold=1)))
series = st.builds(
    Series,
    rule=st.sampled_from(["", "FREQ=DAILY;COUNT=3"]),
    extra=st.lists(starts, max_size=3).map(tuple),
    exceptions=st.dictionaries(
        starts, st.one_of(st.just(Cancelled()), st.builds(Override, event=events())), max_size=3
    ),
)


@st.composite
def any_events(draw: st.DrawFn) -> Event:
    plain = draw(events())
    return Event(
        title=plain.title,
        when=plain.when,
        place=plain.place,
        notes=plain.notes,
        privacy=plain.privacy,
        busy=plain.busy,
        reminder=plain.reminder,
        categories=plain.categories,
        online_meeting=draw(texts(max_size=30)),
        people=draw(people),
        series=draw(st.one_of(st.none(), series)),
    )


moments = st.datetimes(timezones=st.just(UTC))
seens = st.builds(
    Seen,
    ref=texts(max_size=10).map(Ref),
    version=texts(max_size=10).map(Version),
    digest=texts(max_size=10).map(Digest),
    identity=texts(max_size=10).map(Identity),
    event=any_events(),
    uid=texts(max_size=10),
    marker=st.one_of(
        st.none(), st.builds(Marker, realm=texts(max_size=9), key=texts(max_size=9).map(Key), generation=st.integers(1))
    ),
)
pendings = st.builds(
    Pending,
    write=st.sampled_from(Write),
    at=moments,
    sent=st.one_of(st.none(), any_events()),
    fields=st.frozensets(st.sampled_from(Field)),
    ref=st.one_of(st.none(), texts(max_size=10).map(Ref)),
    expected=texts(max_size=10).map(Version),
    key=st.one_of(st.none(), texts(max_size=10).map(Key)),
    generation=st.integers(1, 9),
    attempts=st.integers(0, 9),
)
values = st.one_of(
    st.none(),
    texts(),
    st.integers(-(2**53), 2**53),
    whens(),
    st.sampled_from(Privacy),
    st.sampled_from(Busy),
    st.lists(texts(max_size=9), max_size=3).map(tuple),
    people,
    series,
    any_events(),
)
wishes = st.builds(
    Wish, conflict=texts(max_size=9).map(ConflictId), value=values, upon=st.builds(Ends, values, values), by=texts()
)
links = st.builds(
    Link,
    id=st.just(LinkId("link")),
    base=st.builds(Ends, st.one_of(st.none(), seens), st.one_of(st.none(), seens)),
    born=st.sampled_from(End),
    pending=st.builds(Ends, st.one_of(st.none(), pendings), st.one_of(st.none(), pendings)),
    wishes=st.dictionaries(st.sampled_from(Field), wishes, max_size=2),
    hold=st.sampled_from(Hold),
    writes=st.builds(Ends, st.lists(moments, max_size=3).map(tuple), st.lists(moments, max_size=3).map(tuple)),
    waiting=st.frozensets(st.sampled_from(Field)),
)


def exactly(value: object) -> str:
    """Equal only for values that are the same in everything, `fold` included (which == does not see)."""
    return repr(value)


@given(event=any_events())
def test_an_event_comes_back_exactly(event: Event) -> None:
    read = event_from_content(decode(encode(content_from_event(event)), EVENT))

    assert exactly(read) == exactly(event)


@given(value=values)
def test_the_value_of_any_field_comes_back_exactly(value: Any) -> None:
    content = msgspec.json.decode(encode(content_from_value(value)), type=type(content_from_value(value)))

    assert exactly(value_from_content(content)) == exactly(value)


@given(link=links)
def test_a_link_comes_back_exactly(link: Link) -> None:
    content = decode_link(encode_link(link))
    pendings = pendings_from_content(content, link.pending.map(lambda sent: None if sent is None else sent.ref))

    assert exactly(bases_from_content(content, link.base.map(_plain))) == exactly(link.base)
    assert pendings == link.pending
    assert exactly(pendings.map(_sent)) == exactly(link.pending.map(_sent))
    assert exactly(dict(wishes_from_content(content))) == exactly(dict(link.wishes))
    assert writes_from_text(text_from_writes(link.writes)) == link.writes


def _sent(pending: Pending | None) -> Event | None:
    return None if pending is None else pending.sent


def _plain(seen: Seen | None) -> Plain | None:
    return None if seen is None else (seen.ref, seen.version, seen.digest)


def at_night(clock: str, *, second: bool) -> datetime:
    return datetime.fromisoformat(f"2026-10-25 {clock}").replace(fold=int(second))


def test_the_second_passage_through_a_repeated_hour_stays_the_second() -> None:
    second = Timed(start=at_night("02:30", second=True), end=at_night("02:45", second=True), zone="Europe/Oslo")

    read = event_from_content(decode(encode(content_from_event(event(when=second))), EVENT)).when

    assert isinstance(read, Timed)
    assert (read.start.fold, read.end.fold) == (1, 1)
    assert read.start_utc == second.start_utc


def test_bases_that_differ_only_in_the_passage_through_an_hour_are_both_kept() -> None:
    first = Timed(start=at_night("02:30", second=False), end=at_night("03:45", second=False), zone="Europe/Oslo")
    second = Timed(start=at_night("02:30", second=True), end=first.end, zone="Europe/Oslo")
    shown: Ends[Seen | None] = Ends(_seen(first), _seen(second))
    link = Link(id=LinkId("link"), base=shown, born=End.CRM)

    read = bases_from_content(decode_link(encode_link(link)), Ends(("1", "", ""), ("1", "", "")))

    assert exactly(read) == exactly(shown)


def _seen(when: Timed | AllDay) -> Seen:
    return Seen(ref=Ref("1"), version=Version(""), digest=Digest(""), identity=Identity("i"), event=event(when=when))


def test_an_event_that_both_sides_show_alike_is_stored_once() -> None:
    alike: Ends[Seen | None] = Ends(_seen(timed()), _seen(timed()))
    link = Link(id=LinkId("link"), base=alike, born=End.CRM)

    assert encode_link(link).count(b"Lunch") == 1


def test_a_field_that_this_version_does_not_know_is_refused_and_not_dropped() -> None:
    text = encode(content_from_event(event())).replace(b'"title"', b'"mood":"good","title"')

    with pytest.raises(CodecError, match="mood"):
        decode(text, EVENT)


def test_a_refused_content_is_not_repeated_in_the_message() -> None:
    with pytest.raises(CodecError) as caught:
        decode(b'{"title": 7, "secret canary": 1', EVENT)

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_stored_event_that_ends_before_it_starts_is_refused() -> None:
    text = encode(content_from_event(event(when=timed()))).replace(b"T11:00:00", b"T09:00:00")

    with pytest.raises(CodecError, match="before the start"):
        event_from_content(decode(text, EVENT))


def test_a_policy_comes_back_and_one_of_a_newer_version_is_refused() -> None:
    text = '{"direction":"to-crm","wins":{"title":"ask"}}'

    assert decode_plain(text, Policy) == Policy(direction=Direction.TO_CRM, wins={Field.TITLE: Winner.ASK})
    with pytest.raises(CodecError, match="mood"):
        decode_plain('{"mood":"good"}', Policy)
    with pytest.raises(CodecError, match="direction"):
        decode_plain('{"direction":"sideways"}', Policy)


def test_something_that_is_no_value_is_a_bug_and_loud() -> None:
    with pytest.raises(TypeError, match="date"):
        content_from_value(date(2026, 1, 1))


@given(first=moments, second=moments)
def test_moments_sort_as_their_texts(first: datetime, second: datetime) -> None:
    assert (first < second) == (text_from_moment(first) < text_from_moment(second))
    assert moment_from_text(text_from_moment(first)) == first
