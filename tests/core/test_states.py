"""Every state of one link: what is decided, carried out and decided again. The rules as laws over all of them."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import pytest

from calsync.core.action import Ask, Create, Decision, Delete, Update
from calsync.core.decide import change_of
from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field, Privacy
from calsync.core.grid import MIRROR, Change
from calsync.core.link import Hold, Link
from calsync.core.observation import Look, Seen
from calsync.core.policy import Direction, Policy, PrivacyLevel, Winner
from calsync.core.privacy import is_masked
from calsync.core.proof import Gone
from tests.builders import event, timed
from tests.core.world import World, aside, gone, link_of, seen, terms_of, texts_of

V0: Final = event("v0", timed("2026-07-02 12:00"), place="p0", notes="n0")
VALUES: Final = {
    "v0": V0,
    "title1": replace(V0, title="v1"),
    "title2": replace(V0, title="v2"),
    "place": replace(V0, place="p3"),
    "private": replace(V0, privacy=Privacy.PRIVATE, notes="n4"),
    "far": replace(V0, when=timed("2031-01-01 12:00")),
}
BASES: Final = {
    "agreed": Ends[Event | None](V0, V0),
    "ahead in the calendar": Ends[Event | None](V0, VALUES["title1"]),
    "ahead in the crm": Ends[Event | None](VALUES["title1"], V0),
    "only in the crm": Ends[Event | None](V0, None),
    "only in the calendar": Ends[Event | None](None, V0),
    "outside": Ends[Event | None](VALUES["far"], VALUES["far"]),
}
HELD: Final = (Hold.NONE,)
LOOKS: Final = (*VALUES, "gone", "aside", "another")


def _policy(direction: Direction, winner: Winner, privacy: PrivacyLevel) -> Policy:
    wins = {Field.TITLE: winner, Field.PLACE: winner, Field.NOTES: winner}
    return Policy(direction=direction, wins=wins, privacy=privacy)


POLICIES: Final = {
    f"{direction.value} {winner.value} {privacy.value}": _policy(direction, winner, privacy)
    for direction, winner, privacy in (
        *itertools.product(Direction, (Winner.CRM, Winner.CALENDAR, Winner.BIRTH, Winner.ASK), (PrivacyLevel.FULL,)),
        *itertools.product(Direction, (Winner.CALENDAR,), (PrivacyLevel.SKIP_PRIVATE,)),
        (Direction.BOTH, Winner.ASK, PrivacyLevel.SKIP_PRIVATE),
        (Direction.BOTH, Winner.BIRTH, PrivacyLevel.BUSY),
    )
}


@dataclass(frozen=True, slots=True)
class State:
    """A link, what is seen of it now, and the pair's policy."""

    link: Link
    now: Ends[Look | None]
    policy: Policy

    def world(self) -> World:
        return World(self.link, self.now, terms_of(self.policy))

    @property
    def changes(self) -> Ends[Change]:
        return Ends(*(change_of(self.link, end, self.now[end], self.policy) for end in End))


def look_of(end: End, word: str) -> Look:
    match word:
        case "gone":
            return gone(end)
        case "aside":
            return aside(end)
        case "another":
            return seen(end, V0, version="another", identity="another")
        case _:
            return seen(end, VALUES[word], version=word)


def states(policy: Policy) -> Iterator[State]:
    for (name, base), born, crm, calendar in itertools.product(BASES.items(), End, LOOKS, LOOKS):
        if "private" in (crm, calendar) and policy.privacy is PrivacyLevel.FULL and name != "agreed":
            continue
        looks = Ends[Look | None](look_of(End.CRM, crm), look_of(End.CALENDAR, calendar))
        for end in End:
            if base[end] is None:
                looks = looks.replace(end, None)
        if looks != Ends[Look | None](look_of(End.CRM, crm), look_of(End.CALENDAR, calendar)):
            original = End.CRM if base.crm is not None else End.CALENDAR
            if born is not original or (crm, calendar)[born is End.CRM] != "v0":
                continue
        holds = (Hold.NONE, Hold.APPROVED, Hold.DISCARDED) if "gone" in (crm, calendar) and name == "agreed" else HELD
        for hold in holds:
            yield State(replace(link_of(base, born=born), hold=hold), looks, policy)


@dataclass(frozen=True, slots=True)
class Story:
    """A state and what became of it in four rounds; ``before`` is what was seen before each of them."""

    state: State
    world: World
    before: tuple[Ends[Look | None], ...]

    @property
    def rounds(self) -> Iterator[tuple[Ends[Look | None], Decision]]:
        return zip(self.before, self.world.decisions, strict=True)


@functools.cache
def stories(name: str) -> tuple[Story, ...]:
    return tuple(story_of(state) for state in states(POLICIES[name]))


def story_of(state: State) -> Story:
    world, before = state.world(), []
    for _ in range(4):
        seen_before = world.now
        decision = world.round()
        if decision is None:
            break
        before.append(seen_before)
        if not decision.writes:
            break
    return Story(state, world, tuple(before))


each_policy = pytest.mark.parametrize("name", POLICIES)


@each_policy
def test_S4_a_delete_needs_a_proof_there_and_an_untouched_event_here(name: str) -> None:
    for story in stories(name):
        for now, decision in story.rounds:
            for action in decision.actions:
                if isinstance(action, Delete):
                    there, link = action.at.other, decision.link
                    policy = story.state.policy
                    assert change_of(link, there, now[there], policy) is Change.GONE
                    assert change_of(link, action.at, now[action.at], policy) is Change.SAME
                    assert (action.proof, action.now) == (now[there], now[action.at])
                    assert link.hold is not Hold.DISCARDED


@each_policy
def test_S10_nothing_is_written_against_the_direction(name: str) -> None:
    written = {write.at for story in stories(name) for decision in story.world.decisions for write in decision.writes}

    assert all(POLICIES[name].direction.writes(end) for end in written)


@each_policy
def test_S5_a_write_always_changes_something(name: str) -> None:
    for story in stories(name):
        for now, decision in story.rounds:
            for write in decision.writes:
                assert changes_something(write, now[write.at]), (story.state, write)


def changes_something(write: Create | Update | Delete, there: Look | None) -> bool:
    match write:
        case Create():
            return there is None or isinstance(there, Gone)
        case Update():
            assert isinstance(there, Seen)
            return all(getattr(write.want, p.value) != getattr(there.event, p.value) for p in write.fields)
        case Delete():
            return isinstance(there, Seen)


@each_policy
def test_L1_three_rounds_are_enough(name: str) -> None:
    for story in stories(name):
        assert len(story.before) < 4 or not story.world.decisions[-1].writes, story.state


@each_policy
def test_S1_no_edited_text_disappears_without_a_row(name: str) -> None:
    for story in stories(name):
        edited = [
            text
            for end in End
            if isinstance(look := story.state.now[end], Seen) and (base := story.state.link.base[end]) is not None
            for text in texts_of(look.event) - texts_of(base.event)
        ]
        assert set(edited) <= story.world.values(), story.state


@each_policy
def test_S1_both_sides_end_alike_unless_somebody_is_asked(name: str) -> None:
    for story in stories(name):
        agreed = story.state.link.base == link_of(BASES["agreed"]).base
        known = set(story.state.changes) <= {Change.SAME, Change.EDITED}
        two_way = POLICIES[name].direction is Direction.BOTH
        link = story.world.link
        if agreed and known and two_way and link is not None and not link.masked and not story.world.open_rows():
            assert story.world.shown(End.CRM) == story.world.shown(End.CALENDAR), story.state


@each_policy
def test_S11_no_text_of_a_private_event_is_left_on_its_copy(name: str) -> None:
    policy = POLICIES[name]
    for story in stories(name):
        link = story.world.link
        original = story.world.shown(link.born) if link is not None else None
        copy = story.world.shown(link.born.other) if link is not None else None
        if link is None or original is None or copy is None or not policy.direction.writes(link.born.other):
            continue
        if is_masked(original, policy) and set(story.state.changes) <= {Change.SAME, Change.EDITED, Change.GONE}:
            far = "far" in (story.state.now[end].version for end in End if isinstance(story.state.now[end], Seen))  # type: ignore[union-attr]  # looked at above
            assert far or texts_of(copy) == {"Busy", ""}, story.state


@each_policy
def test_swapping_the_sides_mirrors_the_decision(name: str) -> None:
    for story in stories(name):
        there = story.world.decisions[0] if story.world.decisions else None
        assert outline(there, swap=True) == outline(mirrored(story.state).world().round(), swap=False), story.state


def mirrored(state: State) -> State:
    """The same state with the sides swapped."""
    directions = {Direction.TO_CALENDAR: Direction.TO_CRM, Direction.TO_CRM: Direction.TO_CALENDAR}
    winners = {Winner.CRM: Winner.CALENDAR, Winner.CALENDAR: Winner.CRM}
    wins = {part: winners.get(state.policy.winner(part), state.policy.winner(part)) for part in Field}
    policy = replace(state.policy, wins=wins, direction=directions.get(state.policy.direction, state.policy.direction))
    link = replace(state.link, base=state.link.base.swapped, born=state.link.born.other)
    return State(link, state.now.swapped, policy)


def outline(decision: Decision | None, *, swap: bool) -> object:
    """What a decision does, without the names of keys; the ends swapped where asked."""
    if decision is None:
        return None

    def end_of(end: End | None) -> End | None:
        return end.other if swap and end is not None else end

    actions = []
    for action in decision.actions:
        at = end_of(action.at) if isinstance(action, Create | Update | Delete | Ask) else None
        match action:
            case Create():
                said: object = (action.event, action.generation)
            case Update():
                said = (action.want, action.fields)
            case _:
                said = None
        actions.append((type(action).__name__, at and at.value, said))
    clashes = {
        (clash.field, clash.values.swapped if swap else clash.values, end_of(clash.won)) for clash in decision.clashes
    }
    return (
        MIRROR[decision.rule] if swap else decision.rule,
        sorted(actions, key=repr),
        sorted(clashes, key=repr),
        end_of(decision.edit_won),
        decision.waiting,
        decision.link.masked,
        decision.link.dormant,
    )
