"""The promises of `calsync.ports.Records`, kept by every store.

A subclass gives a fixture ``kept``: an empty store (`store_values.Kept`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calsync.core.ends import End, Ends
from calsync.core.errors import CalsyncError
from calsync.core.event import Busy, Field
from calsync.core.link import Hold, Link, Pending, Wish, Write
from calsync.core.observation import Digest, Marker
from calsync.core.record import ConflictState, HeldState, Run, RunState
from calsync.core.refs import ConflictId, Cursor, Key, LinkId, PairId, Ref, Version
from calsync.ports import Changes, KnownItem
from tests.builders import all_day, event, timed
from tests.contracts.store_values import (
    NOW,
    PAIR,
    Kept,
    aside,
    at_their_defaults,
    conflict,
    held,
    link,
    pair,
    seen,
    step,
)

PENDING = Pending(
    write=Write.UPDATE,
    at=NOW,
    sent=event("Sent"),
    fields=frozenset({Field.TITLE, Field.WHEN}),
    ref=Ref("/waiting.ics"),
    expected=Version('W/"3"'),
    key=Key("1" * 40),
    generation=2,
    attempts=1,
)
FULL = link(
    "full",
    born=End.CALENDAR,
    generation=3,
    pending=Ends(None, PENDING),
    wishes={
        Field.WHEN: Wish(conflict=ConflictId("c"), value=timed(), upon=Ends(all_day(), timed(minutes=5)), by="kari"),
        Field.REMINDER: Wish(conflict=ConflictId("d"), value=None, upon=Ends(None, 15), by="kari"),
    },
    hold=Hold.APPROVED,
    dormant=True,
    writes=Ends((NOW, NOW + timedelta(seconds=1)), ()),
    waiting=frozenset({Field.TITLE, Field.PLACE}),
    masked=True,
    past=Ends(("a hash",), ("another", "third")),
    made_at=NOW,
)
RUN = Run(
    id="run-2",
    pair=PAIR,
    started=NOW + timedelta(minutes=5),
    ended=NOW + timedelta(minutes=6),
    state=RunState.ERROR,
    reads=1,
    writes=2,
    requests=3,
    conflicts=4,
    held=5,
    set_aside=6,
    error="the calendar is missing",
)
SHOWN = seen("1", uid="uid", marker=Marker(realm="sod/Cust12345", key=Key("k"), generation=2))
DECIDED = held("held-2", state=HeldState.APPROVED, by="kari")
RETRIED = aside(next_try=NOW, tries=2, link=LinkId("link-1"))
TAKEN = conflict(by="kari")


class RecordsContract:
    @pytest.mark.parametrize("value", [FULL, PENDING, SHOWN, RUN, DECIDED, RETRIED, RETRIED.item, TAKEN])
    def test_the_values_of_this_suite_leave_no_field_out(self, value: object) -> None:
        assert at_their_defaults(value) == []

    async def test_a_link_is_read_as_it_was_written(self, kept: Kept) -> None:
        await kept.with_pair()

        await kept.records.commit(PAIR, Changes(links=(FULL, link())))

        assert await kept.records.links(PAIR) == [FULL, link()]

    async def test_a_link_with_one_end_only_is_kept(self, kept: Kept) -> None:
        await kept.with_pair()
        create = Pending(write=Write.CREATE, at=NOW, sent=event(), key=Key("k"))
        half = link(base=Ends(seen("1"), None), pending=Ends(None, create))

        await kept.records.commit(PAIR, Changes(links=(half,)))

        assert await kept.records.links(PAIR) == [half]

    async def test_a_link_whose_sides_differ_keeps_both_bases(self, kept: Kept) -> None:
        await kept.with_pair()
        different = link(base=Ends(replace(SHOWN, event=event("Lunch")), seen("2", event("Lunch", busy=Busy.FREE))))

        await kept.records.commit(PAIR, Changes(links=(different,)))

        assert await kept.records.links(PAIR) == [different]

    async def test_a_link_is_replaced_by_its_id(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(links=(FULL,)))
        plain = link("full")

        await kept.records.commit(PAIR, Changes(links=(plain,)))

        assert await kept.records.links(PAIR) == [plain]

    async def test_links_are_found_by_id(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(links=(link("a"), link("b"), link("c"))))

        found = await kept.records.links(PAIR, [LinkId("c"), LinkId("a"), LinkId("unknown")])

        assert found == [link("a"), link("c")]

    async def test_more_links_than_one_statement_takes_are_found(self, kept: Kept) -> None:
        await kept.with_pair()
        many = tuple(link(f"{number:04}") for number in range(1_200))
        await kept.records.commit(PAIR, Changes(links=many))

        assert len(await kept.records.links(PAIR, [each.id for each in many])) == 1_200
        assert len(await kept.records.known(PAIR, End.CRM, [each.base.crm.ref for each in many if each.base.crm])) == (
            1_200
        )

    async def test_links_are_found_by_what_a_side_calls_them(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(links=(FULL, link())))
        at = kept.records.links_at

        assert await at(PAIR, End.CALENDAR, [Ref("calendar of link-1"), Ref("crm of full")]) == [link()]
        assert await at(PAIR, End.CALENDAR, [Ref("/waiting.ics")]) == [FULL]
        assert await at(PAIR, End.CALENDAR, [Ref("/waiting.ics"), Ref("calendar of full")]) == [FULL]
        assert await at(PAIR, End.CRM, [Ref("/waiting.ics")]) == []

    async def test_a_forgotten_link_is_gone(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(links=(link("a"), link("b"))))

        await kept.records.commit(PAIR, Changes(forgotten=(LinkId("a"),)))

        assert await kept.records.links(PAIR) == [link("b")]

    async def test_a_ref_may_move_from_a_forgotten_link_to_a_new_one(self, kept: Kept) -> None:
        await kept.with_pair()
        old, new = link("old"), replace(link("new"), base=link("old").base)
        await kept.records.commit(PAIR, Changes(links=(old,)))

        await kept.records.commit(PAIR, Changes(links=(new,), forgotten=(old.id,)))

        assert await kept.records.links(PAIR) == [new]

    async def test_two_links_may_swap_their_refs(self, kept: Kept) -> None:
        await kept.with_pair()
        first, second = link("first"), link("second")
        await kept.records.commit(PAIR, Changes(links=(first, second)))
        swapped = (replace(first, base=second.base), replace(second, base=first.base))

        await kept.records.commit(PAIR, Changes(links=swapped))

        assert tuple(await kept.records.links(PAIR)) == swapped

    @pytest.mark.parametrize("end", End)
    async def test_two_links_cannot_have_one_object(self, kept: Kept, end: End) -> None:
        await kept.with_pair()
        first, second = link("first"), link("second")
        twin = replace(second, base=second.base.replace(end, first.base[end]))
        await kept.records.commit(PAIR, Changes(links=(first,)))

        with pytest.raises(Exception, match=r"(?i)unique|claim"):
            await kept.records.commit(PAIR, Changes(links=(twin,), asides=(aside(),)))

        assert await kept.records.links(PAIR) == [first]
        assert await kept.records.asides(PAIR) == []

    @pytest.mark.parametrize(
        "restless",
        [
            link(pending=Ends(PENDING, None)),
            link(wishes=FULL.wishes),
            link(hold=Hold.APPROVED),
            link(hold=Hold.DISCARDED),
        ],
        ids=["pending", "wish", "approved", "discarded"],
    )
    async def test_links_that_need_a_look_are_listed(self, kept: Kept, restless: Link) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(links=(restless, link("quiet"), link("held", hold=Hold.HELD))))

        assert await kept.records.restless_links(PAIR) == [restless]

        await kept.records.commit(PAIR, Changes(links=(link(),)))
        assert await kept.records.restless_links(PAIR) == []

    async def test_dormant_links_are_not_counted(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(links=(link("a"), link("b"), link("c", dormant=True))))

        assert await kept.records.link_count(PAIR) == 2

    async def test_what_a_side_is_known_to_have_comes_without_content(self, kept: Kept) -> None:
        await kept.with_pair()
        both = aside("calendar of link-1", link=LinkId("link-1"))
        await kept.records.commit(PAIR, Changes(links=(FULL, link()), asides=(aside("odd"), both)))

        known = await kept.records.known(PAIR, End.CALENDAR)

        assert known == {
            "calendar of full": KnownItem(
                version=Version('"calendar of full-1"'),
                digest=Digest("digest of calendar of full"),
                link=LinkId("full"),
                dormant=True,
            ),
            "calendar of link-1": KnownItem(
                version=Version('"calendar of link-1-1"'),
                digest=Digest("digest of calendar of link-1"),
                link=LinkId("link-1"),
            ),
            "odd": KnownItem(version=Version('"1"'), digest=Digest("")),
        }
        assert set(await kept.records.known(PAIR, End.CALENDAR, [Ref("odd"), Ref("unknown")])) == {"odd"}
        assert set(await kept.records.known(PAIR, End.CRM)) == {"crm of full", "crm of link-1"}
        assert await kept.records.known(PAIR, End.CRM, []) == {}

    async def test_pairs_do_not_see_each_other(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.people.put_pair(pair("pair-2"))
        mine, theirs = link(), link(generation=9)

        await kept.records.commit(PAIR, Changes(links=(mine,)))
        await kept.records.commit(PairId("pair-2"), Changes(links=(theirs,)))

        assert await kept.records.links(PAIR) == [mine]
        assert await kept.records.links(PairId("pair-2")) == [theirs]

    async def test_set_aside_items_are_kept_by_end_and_ref(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(asides=(aside(), aside(end=End.CRM), aside("other"))))

        await kept.records.commit(PAIR, Changes(asides=(RETRIED,), not_aside=((End.CALENDAR, Ref("other")),)))

        assert await kept.records.asides(PAIR) == [RETRIED, aside(end=End.CRM)]

    async def test_only_due_items_are_tried_again(self, kept: Kept) -> None:
        await kept.with_pair()
        due = aside("due", next_try=NOW)
        later = aside("later", next_try=NOW + timedelta(seconds=1))
        await kept.records.commit(PAIR, Changes(asides=(due, later, aside("never"))))

        assert await kept.records.asides(PAIR, due_before=NOW) == [due]

    async def test_a_touched_record_stays_until_just_that_touch_was_dealt_with(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(touched=((End.CRM, Ref("1")), (End.CRM, Ref("2")))))
        read = await kept.records.touched(PAIR)
        await kept.records.commit(PAIR, Changes(touched=((End.CRM, Ref("2")),)))

        await kept.records.commit(PAIR, Changes(dealt_with=tuple(read)))

        (left,) = await kept.records.touched(PAIR)
        assert (left.end, left.ref) == (End.CRM, "2")
        assert left.mark > max(touched.mark for touched in read)

    async def test_marks_grow_also_when_nothing_is_left(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(touched=((End.CRM, Ref("1")),)))
        (first,) = await kept.records.touched(PAIR)
        await kept.records.commit(PAIR, Changes(dealt_with=(first,)))

        await kept.records.commit(PAIR, Changes(touched=((End.CRM, Ref("1")),)))

        (second,) = await kept.records.touched(PAIR)
        assert second.mark > first.mark

    async def test_cursors_move_only_where_one_is_given(self, kept: Kept) -> None:
        await kept.with_pair(cursors=Ends(Cursor("c1"), Cursor("k1")))

        await kept.records.commit(PAIR, Changes(cursors=Ends(None, Cursor("k2"))))

        stored = await kept.people.pair(PAIR)
        assert stored is not None
        assert stored.cursors == Ends(Cursor("c1"), Cursor("k2"))

    async def test_sent_deletes_are_counted_by_end_and_time(self, kept: Kept) -> None:
        await kept.with_pair()
        sent = (
            (End.CALENDAR, LinkId("a"), NOW - timedelta(hours=25)),
            (End.CALENDAR, LinkId("b"), NOW - timedelta(hours=24)),
            (End.CALENDAR, LinkId("c"), NOW),
            (End.CRM, LinkId("d"), NOW),
        )
        await kept.records.commit(PAIR, Changes(deletes_sent=sent))
        await kept.records.commit(PAIR, Changes(deletes_sent=sent[:3]))

        assert await kept.records.deletes_since(PAIR, End.CALENDAR, NOW - timedelta(hours=24)) == 2
        assert await kept.records.deletes_since(PAIR, End.CRM, NOW) == 1

    async def test_conflicts_keep_both_values(self, kept: Kept) -> None:
        await kept.with_pair()
        field = conflict(
            "conflict-2",
            field=Field.WHEN,
            base=Ends(timed(), timed()),
            values=Ends(all_day(), timed(minutes=30)),
            won=None,
            state=ConflictState.OPEN,
            at=NOW + timedelta(seconds=1),
        )
        await kept.records.commit(PAIR, Changes(conflicts=(TAKEN, field)))

        assert await kept.records.conflicts() == [TAKEN, field]
        assert await kept.records.conflicts(PAIR, open_only=True) == [field]
        assert await kept.records.conflicts(PairId("other")) == []
        assert await kept.records.conflict(ConflictId("conflict-2")) == field
        assert await kept.records.conflict(ConflictId("unknown")) is None
        assert await kept.records.open_conflicts(PAIR, [LinkId("link-1"), LinkId("x")]) == [field]
        assert await kept.records.open_conflicts(PAIR, [LinkId("x")]) == []

    async def test_a_conflict_is_updated_by_its_id(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(conflicts=(conflict(),)))
        void = conflict(state=ConflictState.VOID, by="kari")

        await kept.records.commit(PAIR, Changes(conflicts=(void,)))

        assert await kept.records.conflicts(PAIR) == [void]

    async def test_held_groups_are_kept(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.records.commit(PAIR, Changes(held=(held(), DECIDED)))

        assert await kept.records.held() == [held(), DECIDED]
        assert await kept.records.held(PAIR, open_only=True) == [held()]
        assert await kept.records.held_group(DECIDED.id) == DECIDED

    async def test_runs_are_listed_from_the_newest(self, kept: Kept) -> None:
        await kept.with_pair()
        first = Run(id="run-1", pair=PAIR, started=NOW)
        await kept.records.commit(PAIR, Changes(run=first))
        await kept.records.commit(PAIR, Changes(run=RUN))
        ended = replace(first, ended=NOW, state=RunState.CONVERGED)
        await kept.records.commit(PAIR, Changes(run=ended))

        assert await kept.records.runs() == [RUN, ended]
        assert await kept.records.runs(PAIR, limit=1) == [RUN]

    async def test_steps_tell_the_story_of_a_link_in_order(self, kept: Kept) -> None:
        await kept.with_pair()
        other = step(link=LinkId("link-2"))
        await kept.records.commit(PAIR, Changes(steps=(step("first"), other)))
        await kept.records.commit(PAIR, Changes(steps=(step("second"),)))

        assert await kept.records.steps(LinkId("link-1")) == [step("first"), step("second")]

    async def test_times_come_back_to_the_microsecond_in_utc(self, kept: Kept) -> None:
        await kept.with_pair()
        moment = datetime(2026, 10, 25, 0, 59, 59, 999999, tzinfo=UTC)
        await kept.records.commit(PAIR, Changes(steps=(step(at=moment),)))

        (read,) = await kept.records.steps(LinkId("link-1"))
        assert (read.at, read.at.utcoffset()) == (moment, timedelta(0))

    async def test_a_commit_is_whole_or_nothing(self, kept: Kept) -> None:
        await kept.with_pair(cursors=Ends(Cursor("c1"), None))
        await kept.records.commit(PAIR, Changes(touched=((End.CRM, Ref("1")),), links=(link("a"),)))
        touched = tuple(await kept.records.touched(PAIR))
        broken = Changes(
            links=(link("b"),),
            dealt_with=touched,
            cursors=Ends(Cursor("c2"), None),
            conflicts=(replace(conflict(), values=Ends(object(), None)),),
        )

        with pytest.raises(TypeError):
            await kept.records.commit(PAIR, broken)

        stored = await kept.people.pair(PAIR)
        assert stored is not None
        assert stored.cursors.crm == "c1"
        assert tuple(await kept.records.touched(PAIR)) == touched
        assert await kept.records.links(PAIR) == [link("a")]

    async def test_history_outlives_its_pair_and_nothing_else_does(self, kept: Kept) -> None:
        await kept.with_pair()
        run = Run(id="run-1", pair=PAIR, started=NOW)
        await kept.records.commit(
            PAIR,
            Changes(
                links=(link(),),
                asides=(aside(),),
                touched=((End.CRM, Ref("1")),),
                conflicts=(conflict(),),
                steps=(step(),),
                run=run,
            ),
        )

        await kept.people.remove_pair(PAIR)

        assert await kept.records.links(PAIR) == []
        assert await kept.records.asides(PAIR) == []
        assert await kept.records.touched(PAIR) == []
        assert await kept.records.conflicts(PAIR) == [conflict()]
        assert await kept.records.steps(LinkId("link-1")) == [step()]
        assert await kept.records.runs(PAIR) == [run]

    async def test_a_run_that_outlived_its_pair_brings_nothing_back(self, kept: Kept) -> None:
        await kept.with_pair()
        await kept.people.remove_pair(PAIR)

        with pytest.raises(CalsyncError):
            await kept.records.commit(PAIR, Changes(steps=(step(),)))

        assert await kept.records.steps(LinkId("link-1")) == []

    # --- old history

    async def test_old_history_goes_and_open_and_new_things_stay(self, kept: Kept) -> None:
        await kept.with_pair()
        old = NOW - timedelta(days=100)
        runs = [Run(id=id_, pair=PAIR, started=at) for id_, at in (("old", old), ("new", NOW))]
        conflicts = [
            *(conflict(state.value, at=old, state=state, won=End.CRM) for state in ConflictState),
            conflict("new"),
        ]
        steps = (step("first", at=old), step("again", at=old + timedelta(days=1)), step("now"))
        for run in runs:
            await kept.records.commit(PAIR, Changes(run=run))
        await kept.records.commit(PAIR, Changes(links=(link(),), steps=steps, conflicts=tuple(conflicts)))
        await kept.records.commit(PAIR, Changes(held=(held(at=old), replace(DECIDED, at=old))))

        pruned = await kept.records.prune(NOW - timedelta(days=90))

        assert pruned == {"runs": 1, "steps": 2, "conflicts": 3}
        assert [run.id for run in await kept.records.runs()] == ["new"]
        assert {row.id for row in await kept.records.conflicts()} == {"open", "new"}
        assert await kept.records.steps(LinkId("link-1")) == [step("now")]
        assert len(await kept.records.held()) == 2
        assert set((await kept.records.prune(NOW - timedelta(days=90))).values()) == {0}

    async def test_the_newest_steps_of_a_link_stay_however_old_and_those_of_no_link_go(self, kept: Kept) -> None:
        await kept.with_pair()
        old = NOW - timedelta(days=100)
        decided = (step("copied", at=old), step("asked", at=old))
        orphan = step("deleted", at=old, link=LinkId("forgotten"))
        await kept.records.commit(PAIR, Changes(links=(link(),), steps=(*decided, orphan)))

        await kept.records.prune(NOW)

        assert await kept.records.steps(LinkId("link-1")) == list(decided)
        assert await kept.records.steps(LinkId("forgotten")) == []

    async def test_one_prune_is_bounded_and_repeating_it_comes_to_an_end(self, kept: Kept) -> None:
        await kept.with_pair()
        old = NOW - timedelta(days=100)
        many = tuple(step(at=old + timedelta(seconds=number)) for number in range(2_500))
        await kept.records.commit(PAIR, Changes(links=(link(),), steps=many))

        deleted = [(await kept.records.prune(NOW))["steps"] for _ in range(3)]

        assert max(deleted) < len(many)
        assert (sum(deleted), deleted[-1]) == (len(many) - 1, 0)
        assert await kept.records.steps(LinkId("link-1")) == [many[-1]]
