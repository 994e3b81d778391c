"""What a pending write was, told by a look at the object: laws of settling."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import given

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.link import Hold, Link, Pending, Write
from calsync.core.merge import with_fields
from calsync.core.observation import Marker, Unclear
from calsync.core.policy import Policy
from calsync.core.refs import Key, Ref
from calsync.core.settle import Deleted, Patience, Settled, StillOpen, settle
from tests.builders import event, events, timed
from tests.core.world import NOW, World, aside, gone, link_of, seen, settle_down, terms_of

V0: Final = event("v0", timed("2026-07-02 12:00"), place="p0")
V1: Final = replace(V0, title="v1")
EDITED: Final = replace(V0, title="edited")
PATIENCE: Final = Patience(now=NOW, settle_s=60.0, enforces_keys=True)
LENS: Final = Lens()


def pending_update(sent: Event, *fields: Field) -> Pending:
    return Pending(write=Write.UPDATE, at=NOW, sent=sent, fields=frozenset(fields), ref=Ref("calendar-1"))


def pending_create(sent: Event, *, generation: int = 1) -> Pending:
    return Pending(write=Write.CREATE, at=NOW, sent=sent, fields=frozenset(Field), key=Key("k"), generation=generation)


def updating(sent: Event, *fields: Field) -> Link:
    return link_of(Ends(V0, V0)).with_pending(End.CALENDAR, pending_update(sent, *fields))


def settled(link: Link, shown: Event) -> Event:
    """The calendar's base after it was found to show this."""
    result = settle(link, End.CALENDAR, seen(End.CALENDAR, shown), LENS, PATIENCE)
    assert isinstance(result, Settled)
    assert result.link.is_settled
    base = result.link.base.calendar
    assert base is not None
    return base.event


def test_N06_what_was_sent_is_the_new_base() -> None:
    assert settled(updating(V1, Field.TITLE), V1) == V1


def test_the_old_base_means_that_it_did_not_arrive() -> None:
    assert settled(updating(V1, Field.TITLE), V0) == V0


def test_anything_else_is_an_edit_upon_what_was_sent() -> None:
    assert settled(updating(V1, Field.TITLE), EDITED) == V1


@given(sent=events(), shown=events())
def test_each_field_is_judged_by_itself_and_no_other_becomes_a_base(sent: Event, shown: Event) -> None:
    fields = frozenset({Field.TITLE, Field.PLACE, Field.WHEN})
    base = settled(updating(sent, *fields), shown)

    for part in Field:
        old, want, now, judged = (getattr(e, part.value) for e in (V0, sent, shown, base))
        assert judged == (want if part in fields and now != old else old)


@given(sent=events(), shown=events())
def test_a_pending_write_says_nothing_about_the_other_side(sent: Event, shown: Event) -> None:
    link = updating(sent, Field.TITLE)
    result = settle(link, End.CALENDAR, seen(End.CALENDAR, shown), LENS, PATIENCE)

    assert isinstance(result, Settled)
    assert result.link.base.crm == link.base.crm


@given(sent=events(), shown=events())
def test_S13_a_base_that_the_side_does_not_show_now_names_no_version(sent: Event, shown: Event) -> None:
    result = settle(updating(sent, Field.TITLE), End.CALENDAR, seen(End.CALENDAR, shown), LENS, PATIENCE)

    assert isinstance(result, Settled)
    base = result.link.base.calendar
    assert base is not None
    assert (base.version == "1") == (base.event == shown)


def test_N07_a_pending_delete_whose_object_is_gone_is_done() -> None:
    link = link_of(Ends(V0, V0)).with_pending(End.CALENDAR, Pending(write=Write.DELETE, at=NOW, ref=Ref("calendar-1")))

    assert settle(link, End.CALENDAR, gone(End.CALENDAR), LENS, PATIENCE) == Deleted()
    assert settle(link, End.CALENDAR, seen(End.CALENDAR, V0), LENS, PATIENCE) == Settled(
        link=link.with_pending(End.CALENDAR, None).with_base(End.CALENDAR, link.base.calendar)
    )


def test_an_update_whose_object_is_gone_or_set_aside_moves_no_base() -> None:
    link = updating(V1, Field.TITLE)
    cleared = link.with_pending(End.CALENDAR, None)

    assert settle(link, End.CALENDAR, gone(End.CALENDAR), LENS, PATIENCE) == Settled(link=cleared)
    assert settle(link, End.CALENDAR, aside(End.CALENDAR), LENS, PATIENCE) == Settled(link=cleared)


def test_an_unclear_look_settles_nothing() -> None:
    link = updating(V1, Field.TITLE)

    assert settle(link, End.CALENDAR, Unclear(ref=Ref("calendar-1"), why="?"), LENS, PATIENCE) == StillOpen(link=link)


def creating(*, generation: int = 1) -> Link:
    return link_of(Ends(V0, None)).with_pending(End.CALENDAR, pending_create(V0, generation=generation))


def test_N03_a_create_not_found_is_sent_again_where_keys_are_enforced() -> None:
    assert settle(creating(), End.CALENDAR, None, LENS, PATIENCE) == Settled(link=link_of(Ends(V0, None)))


def test_N05_elsewhere_it_is_looked_up_a_second_time_after_a_while() -> None:
    def look_up(link: Link, after_s: float) -> Settled | StillOpen:
        patience = Patience(now=NOW + timedelta(seconds=after_s), settle_s=60.0, enforces_keys=False)
        result = settle(link, End.CALENDAR, None, LENS, patience)
        assert not isinstance(result, Deleted)
        return result

    early = look_up(creating(), 1)
    late = look_up(early.link, 61)
    again = look_up(late.link, 62)

    assert [type(result) for result in (early, late, again)] == [StillOpen, StillOpen, Settled]


def test_N04_a_create_that_is_found_counts_as_made_with_its_generation_and_age() -> None:
    link = replace(creating(generation=3), generation=2, hold=Hold.DISCARDED)
    found = seen(End.CALENDAR, EDITED, marker=Marker(realm="local/test", key=Key("k"), generation=3))

    result = settle(link, End.CALENDAR, found, LENS, PATIENCE)

    assert isinstance(result, Settled)
    assert (result.link.generation, result.link.made_at, result.link.hold) == (3, NOW, Hold.NONE)
    assert result.link.base.calendar is not None
    assert result.link.base.calendar.event == V0


@given(lost=events())
def test_N04_an_edit_upon_a_create_in_doubt_is_carried_back(lost: Event) -> None:
    edited = with_fields(V0, lost, frozenset({Field.TITLE, Field.PLACE, Field.NOTES}))
    result = settle(creating(), End.CALENDAR, seen(End.CALENDAR, edited), LENS, PATIENCE)
    assert isinstance(result, Settled)

    world = World(result.link, Ends(seen(End.CRM, V0), seen(End.CALENDAR, edited)), terms_of(Policy()))
    settle_down(world)

    assert world.shown(End.CRM) == world.shown(End.CALENDAR) == edited
    assert not world.rows


def test_an_edit_upon_an_update_in_doubt_is_never_lost() -> None:
    """The other side's edit is still to be booked there, so both are edits: one wins, the log has the other."""
    result = settle(updating(V1, Field.TITLE), End.CALENDAR, seen(End.CALENDAR, EDITED), LENS, PATIENCE)
    assert isinstance(result, Settled)

    world = World(result.link, Ends(seen(End.CRM, V1), seen(End.CALENDAR, EDITED)), terms_of(Policy()))
    settle_down(world)

    assert world.shown(End.CRM) == world.shown(End.CALENDAR)
    assert {"v1", "edited"} <= world.values()


def test_an_edit_on_both_sides_of_an_update_in_doubt_is_a_conflict() -> None:
    newer = replace(V0, title="newer in the crm")
    result = settle(updating(V1, Field.TITLE), End.CALENDAR, seen(End.CALENDAR, EDITED), LENS, PATIENCE)
    assert isinstance(result, Settled)

    world = World(result.link, Ends(seen(End.CRM, newer), seen(End.CALENDAR, EDITED)), terms_of(Policy()))
    settle_down(world)

    assert {"newer in the crm", "edited"} <= world.values()
    assert [row.field for row in world.rows.values()] == [Field.TITLE]


def test_the_copy_of_an_original_that_vanished_meanwhile_goes_too_unless_it_was_edited() -> None:
    for shown, left in ((V0, None), (EDITED, EDITED)):
        result = settle(creating(), End.CALENDAR, seen(End.CALENDAR, shown), LENS, PATIENCE)
        assert isinstance(result, Settled)
        world = World(result.link, Ends(gone(End.CRM), seen(End.CALENDAR, shown)), terms_of(Policy()))
        settle_down(world)

        assert world.shown(End.CALENDAR) == left
        assert len(world.rows) == (0 if left is None else 1)
