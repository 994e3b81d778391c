"""What is stored with the outcome of writes, and dying between any two commits: nothing of anybody's edit is lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from calsync.core.action import Create, Decision, Delete, Update
from calsync.core.closing import Done, Doubtful, Outcome, Taken, Undone, close_decision
from calsync.core.decide import View, decide
from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.link import Wish, Write
from calsync.core.observation import Look, Seen
from calsync.core.opening import open_decision
from calsync.core.policy import Policy, Winner
from calsync.core.record import ConflictState
from calsync.core.refs import ConflictId, Ref, Version
from calsync.core.settle import Deleted, Patience, Settled, settle
from tests.builders import event, timed
from tests.core.world import NOW, World, gone, link_of, seen, settle_down, terms_of, texts_of

V0: Final = event("v0", timed("2026-07-02 12:00"), place="p0", notes="n0")
TITLE1, TITLE2, PLACE = replace(V0, title="v1"), replace(V0, title="v2"), replace(V0, place="p3")
LOOKS: Final = {"v0": V0, "title1": TITLE1, "title2": TITLE2, "place": PLACE, "gone": None, "missing": None}
POLICIES: Final = {
    "crm": Policy(wins={Field.TITLE: Winner.CRM}),
    "calendar": Policy(wins={Field.TITLE: Winner.CALENDAR}),
    "ask": Policy(wins={Field.TITLE: Winner.ASK}),
}


def worlds(policy: Policy) -> Iterator[World]:
    for crm, calendar, born in itertools.product(LOOKS, LOOKS, End):
        words = Ends(crm, calendar)
        base = Ends[Event | None](*(None if words[end] == "missing" else V0 for end in End))
        now = Ends[Look | None](*(look_of(end, words[end]) for end in End))
        if crm == calendar == "missing" or (None in now and born is not next(e for e in End if now[e] is not None)):
            continue
        yield World(link_of(base, born=born), now, terms_of(policy))


def look_of(end: End, word: str) -> Look | None:
    shown = LOOKS[word]
    if shown is not None:
        return seen(end, shown, version=word)
    return gone(end) if word == "gone" else None


def edited_texts(world: World) -> set[object]:
    """Everything a user has written since both sides agreed."""
    return {text for end in End if (shown := world.shown(end)) for text in texts_of(shown) - texts_of(V0)}


def look_up(world: World) -> None:
    """What the engine does with pending writes before it plans."""
    assert world.link is not None
    link = world.link
    for end in End:
        pending, found = link.pending[end], world.now[end]
        if pending is not None and pending.write is Write.CREATE and not isinstance(found, Seen):
            found = None
        patience = Patience(now=NOW, settle_s=0.0, enforces_keys=True)
        match settle(link, end, found, world.terms.lenses[end], patience):
            case Settled(link=link):
                pass
            case Deleted():
                world.link = None
                return
            case other:
                pytest.fail(f"{other} without an unclear look")
    world.link = link


def crash(world: World, arrives: Ends[bool]) -> None:
    """Commit what is about to be sent, let some of it take effect, and die before the outcome is stored."""
    assert world.link is not None
    decision = decide(View(link=world.link, now=world.now), world.terms)
    if decision is None:
        return
    opening = open_decision(decision, world.desk())
    world.rows |= {row.id: row for row in opening.conflicts}
    for write in decision.writes:
        if arrives[write.at]:
            world.carry_out(write)
    world.link = opening.link


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("arrives", list(itertools.product([False, True], repeat=2)))
def test_S9_dying_before_the_outcome_is_stored_loses_nothing_and_converges(
    name: str, arrives: tuple[bool, bool]
) -> None:
    for world in worlds(POLICIES[name]):
        texts, start = edited_texts(world), world.now
        crash(world, Ends(*arrives))
        look_up(world)
        settle_down(world)

        assert texts <= world.values(), start
        assert_agreed(world, start)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("outcome", [Undone(why="changed"), Undone(why="no", is_set_aside=True), Doubtful(why="?")])
@pytest.mark.parametrize("at", End)
def test_S1_a_partial_success_keeps_every_edit_visible(name: str, outcome: Outcome, at: End) -> None:
    for world in worlds(POLICIES[name]):
        texts, start = edited_texts(world), world.now
        world.round(lambda end: outcome if end is at else None)  # used at once
        if world.link is not None:
            look_up(world)
        settle_down(world)

        assert texts <= world.values(), start
        assert_agreed(world, start)


def assert_agreed(world: World, start: Ends[Look | None]) -> None:
    if world.link is None or world.open_rows():
        return
    assert world.link.is_settled
    crm, calendar = (world.shown(end) for end in End)
    assert crm == calendar, start


@pytest.mark.parametrize("name", POLICIES)
def test_S13_every_base_was_shown_by_its_side(name: str) -> None:
    for world in worlds(POLICIES[name]):
        shown = [{look for look in (world.now[end],) if isinstance(look, Seen)} for end in End]
        for _ in range(3):
            world.round()
            for end, known in zip(End, shown, strict=True):
                look, base = world.now[end], world.link.base[end] if world.link else None
                known.update({look} if isinstance(look, Seen) else set())
                events = [V0, *(one.event for one in known)]
                assert base is None or all(
                    any(getattr(base.event, part.value) == getattr(one, part.value) for one in events) for part in Field
                )


def decided(base: Ends[Event | None], now: Ends[Look | None], policy: Policy | None = None) -> tuple[World, Decision]:
    world = World(link_of(base), now, terms_of(policy or Policy()))
    assert world.link is not None
    decision = decide(View(link=world.link, now=now), world.terms)
    assert decision is not None
    return world, decision


def test_an_uncertain_read_back_books_what_was_sent_and_looks_again() -> None:
    world, decision = decided(Ends(V0, V0), Ends(seen(End.CRM, TITLE1), seen(End.CALENDAR, V0)))
    opening = open_decision(decision, world.desk())
    found = seen(End.CALENDAR, TITLE2, version="somebody else's")

    closing = close_decision(decision, opening, {End.CALENDAR: Done(seen=found, certain=False)}, world.desk())

    assert closing.link is not None
    assert closing.link.base.calendar is not None
    assert (closing.link.base.calendar.event, closing.link.base.calendar.version) == (TITLE1, Version(""))
    assert (End.CALENDAR, found.ref) in closing.look_again


def test_an_overwritten_edit_goes_to_the_log() -> None:
    world, decision = decided(Ends(V0, V0), Ends(seen(End.CRM, TITLE1), seen(End.CALENDAR, V0)))
    opening = open_decision(decision, world.desk())
    done = Done(seen=seen(End.CALENDAR, TITLE1), overwritten=TITLE2)

    closing = close_decision(decision, opening, {End.CALENDAR: done}, world.desk())

    assert [(row.field, row.values) for row in closing.conflicts] == [(Field.TITLE, Ends("v1", "v2"))]


def test_a_copy_that_was_there_already_is_untied_and_both_are_looked_at() -> None:
    world, decision = decided(Ends(V0, None), Ends(seen(End.CRM, V0), None))
    opening = open_decision(decision, world.desk())

    closing = close_decision(decision, opening, {End.CALENDAR: Taken(ref=Ref("there"))}, world.desk())

    assert closing.link is None
    assert set(closing.look_again) == {(End.CRM, Ref("crm-1")), (End.CALENDAR, Ref("there"))}


def test_the_row_of_a_write_that_did_not_happen_is_void() -> None:
    world = World(link_of(Ends(V0, V0)), Ends(seen(End.CRM, TITLE1), seen(End.CALENDAR, TITLE2)), terms_of(Policy()))

    world.round(lambda _end: Undone(why="changed"))

    assert [row.state for row in world.rows.values()] == [ConflictState.VOID]


def test_an_open_conflict_ends_with_the_link() -> None:
    asking = POLICIES["ask"]
    world = World(link_of(Ends(V0, V0)), Ends(seen(End.CRM, TITLE1), seen(End.CALENDAR, TITLE2)), terms_of(asking))
    world.round()
    assert world.open_rows()
    world.now = Ends(gone(End.CRM), gone(End.CALENDAR))

    world.round()

    assert world.link is None
    assert not world.open_rows()


@pytest.mark.parametrize("failing", End)
def test_a_wish_is_fulfilled_though_one_of_its_two_writes_fails(failing: End) -> None:
    wish = Wish(conflict=ConflictId("c"), value="chosen" * 50, upon=Ends("v0", "v0"), by="kari")
    lenses = terms_of(Policy()).lenses.map(lambda lens: replace(lens, title_max=100))
    now = Ends[Look | None](seen(End.CRM, V0), seen(End.CALENDAR, V0))
    world = World(replace(link_of(Ends(V0, V0)), wishes={Field.TITLE: wish}), now, terms_of(Policy(), lenses))

    world.round(lambda end: Undone(why="changed") if end is failing else None)
    settle_down(world)

    assert [world.shown(end) for end in End] == [replace(V0, title=("chosen" * 50)[:100])] * 2
    assert world.link is not None
    assert not world.link.wishes


def test_every_kind_of_write_occurs_in_these_worlds() -> None:
    kinds = {
        type(write)
        for world in worlds(POLICIES["crm"])
        if (decision := world.round()) is not None
        for write in decision.writes
    }

    assert kinds == {Create, Update, Delete}
