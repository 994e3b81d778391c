"""Which events are one, for all small sets of events on both sides."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from calsync.core.ends import End, Ends
from calsync.core.lens import Lens
from calsync.core.match import How, Matching, Pairing, match
from calsync.core.observation import Digest, Marker, Seen
from calsync.core.reason import Reason
from calsync.core.refs import Identity, Key, Ref, Version
from tests.builders import event, timed

LENSES: Final = Ends(Lens(), Lens())
PAIRING: Final = Pairing(realm="local/test", identities=Ends("memory:crm", "memory:calendar"))
CONTENTS: Final = (
    event("Lunch", timed("2026-07-02 12:00")),
    event("Lunch", timed("2026-07-02 12:00"), notes="other notes"),
    event("Dinner", timed("2026-07-02 18:00")),
)


def object_at(end: End, number: int, *, content: int = 0, uid: str = "", marker: Marker | None = None) -> Seen:
    return Seen(
        ref=Ref(f"{end.value}-{number}"),
        version=Version("1"),
        digest=Digest("1"),
        identity=Identity(f"{end.value}:{number}"),
        event=CONTENTS[content],
        uid=uid,
        marker=marker,
    )


def marker_of(original: Seen, at: End, *, generation: int = 1, realm: str = "local/test") -> Marker:
    """The marker of a copy of ``original``, which is at that end."""
    key = PAIRING.key_of(original.identity, at, generation)
    return Marker(realm=realm, key=key, generation=generation)


@st.composite
def meetings(draw: st.DrawFn) -> Ends[Sequence[Seen]]:
    """Up to four objects on each side: shared UIDs, markers of each other, of nobody and of strangers."""
    sides: Ends[list[Seen]] = Ends([], [])
    for end in End:
        for number in range(draw(st.integers(0, 4))):
            marker = None
            # Odd ones are never copies, and only odd ones are copied: we make no copy of a copy.
            kind = (
                "none"
                if number % 2
                else draw(st.sampled_from(("none", "none", "copy", "old copy", "orphan", "foreign")))
            )
            original = object_at(end.other, draw(st.sampled_from((1, 3))))
            if kind != "none":
                generation = 1 if kind == "old copy" else 2
                realm = "elsewhere" if kind == "foreign" else "local/test"
                marker = marker_of(original, end.other, generation=generation, realm=realm)
            if kind == "orphan":
                marker = Marker(realm="local/test", key=Key("nobody"), generation=1)
            made = object_at(
                end,
                number,
                content=draw(st.integers(0, len(CONTENTS) - 1)),
                uid=draw(st.sampled_from(("", "u1", "u2"))),
                marker=marker,
            )
            sides[end].append(made)
    return Ends[Sequence[Seen]](*sides)


def refs_of(found: Matching, end: End) -> list[Ref]:
    matched = [one.seen[end].ref for one in found.matches]
    doubtful = [doubt.seen.ref for doubt in found.doubts if doubt.end is end]
    return [*matched, *doubtful, *(seen.ref for seen in found.fresh[end])]


@given(unlinked=meetings())
def test_every_event_is_matched_or_doubtful_or_new_and_only_one_of_them(unlinked: Ends[Sequence[Seen]]) -> None:
    found = match(unlinked, PAIRING, LENSES)

    for end in End:
        assert Counter(refs_of(found, end)) == Counter(seen.ref for seen in unlinked[end])


@given(unlinked=meetings(), shuffle=st.randoms())
def test_the_order_of_the_events_decides_nothing(unlinked: Ends[Sequence[Seen]], shuffle: random.Random) -> None:
    def outline(found: Matching) -> object:
        pairs = {(one.seen.crm.ref, one.seen.calendar.ref, one.how, one.born) for one in found.matches}
        return pairs, {(doubt.seen.ref, doubt.reason) for doubt in found.doubts}

    mixed = Ends[Sequence[Seen]](*(shuffle.sample(side, len(side)) for side in unlinked))

    assert outline(match(unlinked, PAIRING, LENSES)) == outline(match(mixed, PAIRING, LENSES))


def swapped_markers(unlinked: Ends[Sequence[Seen]]) -> Ends[Sequence[Seen]]:
    """The same meeting with the sides swapped: refs, identities and the keys made of them."""
    names = {f"{end.value}:{number}": f"{end.other.value}:{number}" for end in End for number in range(5)}
    keys = {
        PAIRING.key_of(Identity(name), End(name.split(":")[0]), generation): PAIRING.key_of(
            Identity(other), End(other.split(":")[0]), generation
        )
        for name, other in names.items()
        for generation in (1, 2)
    }

    def swap(seen: Seen) -> Seen:
        end, number = seen.identity.split(":")
        marker = seen.marker
        if marker is not None:
            marker = replace(marker, key=keys.get(marker.key, marker.key))
        other = End(end).other.value
        return replace(seen, ref=Ref(f"{other}-{number}"), identity=Identity(f"{other}:{number}"), marker=marker)

    return unlinked.swapped.map(lambda side: [swap(seen) for seen in side])


@given(unlinked=meetings())
def test_swapping_the_sides_swaps_the_matches(unlinked: Ends[Sequence[Seen]]) -> None:
    there, back = match(unlinked, PAIRING, LENSES), match(swapped_markers(unlinked), PAIRING, LENSES)

    def pairs(found: Matching, *, swap: bool) -> set[object]:
        return {
            (tuple(seen.identity[-1] for seen in (one.seen.swapped if swap else one.seen)), one.how)
            for one in found.matches
            if one.how is not How.MARKER
        }

    assert Counter(d.reason for d in there.doubts) == Counter(d.reason for d in back.doubts)
    assert len(there.matches) == len(back.matches)
    markers = [one for one in there.matches if one.how is How.MARKER]
    if not markers:
        assert pairs(there, swap=True) == pairs(back, swap=False)


@given(unlinked=meetings())
def test_a_match_has_a_reason_that_can_be_checked(unlinked: Ends[Sequence[Seen]]) -> None:
    for one in match(unlinked, PAIRING, LENSES).matches:
        crm, calendar = one.seen
        match one.how:
            case How.MARKER:
                copy, original = one.seen[one.born.other], one.seen[one.born]
                assert copy.marker == marker_of(original, one.born, generation=one.generation)
            case How.UID:
                assert crm.uid == calendar.uid != ""
            case How.CONTENT:
                assert (crm.event.title, crm.event.when) == (calendar.event.title, calendar.event.when)


@given(unlinked=meetings())
def test_a_copy_of_ours_whose_original_is_not_there_is_never_taken_for_new(unlinked: Ends[Sequence[Seen]]) -> None:
    found = match(unlinked, PAIRING, LENSES)
    linked = {copy.marker.key for one in found.matches for copy in one.seen if copy.marker is not None}

    for end in End:
        for seen in found.fresh[end]:
            assert seen.marker is None or seen.marker.key in linked


def test_of_two_copies_of_one_original_the_newest_generation_is_linked() -> None:
    original = object_at(End.CRM, 1)
    old = object_at(End.CALENDAR, 1, marker=marker_of(original, End.CRM, generation=1))
    new = object_at(End.CALENDAR, 2, marker=marker_of(original, End.CRM, generation=2))

    found = match(Ends[Sequence[Seen]]([original], [old, new]), PAIRING, LENSES)

    assert [one.seen.calendar.ref for one in found.matches] == [new.ref]
    assert [(doubt.seen.ref, doubt.reason) for doubt in found.doubts] == [(old.ref, Reason.ORIGINAL_DELETED)]


def test_D28_equally_many_of_the_same_content_are_linked_one_to_one() -> None:
    twice = Ends[Sequence[Seen]](*([object_at(end, number) for number in range(2)] for end in End))

    found = match(twice, PAIRING, LENSES)

    assert len(found.matches) == 2
    assert not found.doubts
