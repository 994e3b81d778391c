"""What a CalDAV side does on the wire, before a real server: conditions, proofs, bytes, faults."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from calsync.adapters.caldav.reading import Bodies, Fetched
from calsync.adapters.caldav.seeing import one_for_each_uid
from calsync.core.errors import (
    AlreadyThereError,
    CalendarUnavailableError,
    InDoubtError,
    SignInNeededError,
    StaleVersionError,
    UnusableAnswerError,
)
from calsync.core.event import Field
from calsync.core.observation import Digest, Seen
from calsync.core.proof import Answer as ProofAnswer
from calsync.core.reason import Reason
from calsync.core.refs import Cursor, Identity, Ref, Version
from calsync.sandbox.radicale import RadicaleProcess
from tests.builders import event
from tests.contracts.caldav_bench import CaldavBench, bench_on, text_of
from tests.contracts.side_contract import WINDOW, draft, made, observe, proof, see
from tests.servers.behaviour import Asked, Collection, Etags, Fault, Given, nth
from tests.servers.fixtures import MakeCalendar
from tests.servers.front import Front
from tests.servers.witness import Witness


@pytest.fixture
async def bench(radicale: RadicaleProcess, new_radicale_calendar: MakeCalendar) -> AsyncIterator[CaldavBench]:
    async with bench_on(radicale, new_radicale_calendar()) as bench:
        yield bench


@pytest.fixture
def front(bench: CaldavBench) -> Front:
    assert bench.front is not None
    return bench.front


def refusing(method: str, status: int, part: str = ".ics") -> Callable[[Asked], Given | None]:
    return lambda asked: Given(status=status) if asked.method == method and part in asked.path else None


# --- deletions


async def test_a_removed_member_of_a_sync_report_and_one_more_read_prove_a_deletion(
    bench: CaldavBench, front: Front
) -> None:
    removed, other = await bench.make(event("Removed")), await bench.make(event("Other"))
    first = await observe(bench)
    await bench.remove(removed)
    front.forget()

    [gone] = (await observe(bench, first.cursor)).gone

    assert gone.answer.answer is ProofAnswer.SYNC_REPORT_404
    assert gone.witness.subject == other
    assert [asked.method for asked in front.requests] == ["REPORT", "GET"]


async def test_without_another_object_the_calendar_itself_is_the_witness(bench: CaldavBench, front: Front) -> None:
    ref = await bench.make(event())
    first = await observe(bench)
    await bench.remove(ref)
    front.forget()

    [gone] = (await observe(bench, first.cursor)).gone

    assert gone.witness.subject == front.through(bench.url)
    assert [asked.method for asked in front.requests] == ["REPORT", "PROPFIND"]


async def test_P02_what_a_listing_leaves_out_is_read_and_found(bench: CaldavBench, front: Front) -> None:
    left_out, other = await bench.make(event("Left out")), await bench.make(event("Other"))
    await observe(bench)
    front.behaviour.listing_omits = lambda href: href == left_out

    observation = await observe(bench)

    assert not observation.gone
    assert observation.unchanged == {left_out, other}


async def test_P02_objects_that_are_all_missing_while_others_should_be_there_are_unclear(
    bench: CaldavBench, front: Front
) -> None:
    """The list names them, each read says 404: no read shows that a 404 means anything here."""
    refs = [await bench.make(event(f"Event {n}")) for n in range(3)]
    first = await observe(bench)
    await bench.remove(refs[0])
    front.behaviour.canned = refusing("GET", 404)

    observation = await observe(bench, first.cursor)

    assert not observation.gone
    assert [unclear.ref for unclear in observation.unclear] == [refs[0]]


async def test_a_sync_report_that_names_a_removal_in_a_calendar_that_is_gone_proves_nothing(
    bench: CaldavBench, front: Front
) -> None:
    ref = await bench.make(event())
    first = await observe(bench)
    await bench.remove(ref)
    front.behaviour.canned = lambda asked: Given(status=404) if asked.method == "PROPFIND" else None

    with pytest.raises(CalendarUnavailableError):
        await observe(bench, first.cursor)


async def test_P22_a_calendar_with_none_of_the_known_objects_after_a_refused_token_is_another_one(
    bench: CaldavBench, front: Front
) -> None:
    refs = [await bench.make(event(f"Event {n}")) for n in range(3)]
    first = await observe(bench)
    for ref in refs:
        await bench.remove(ref)
    await bench.make(event("Somebody else's"))
    front.behaviour.tokens_expired = True

    with pytest.raises(CalendarUnavailableError, match="another one"):
        await observe(bench, first.cursor)


async def test_after_a_refused_token_one_known_object_is_enough(bench: CaldavBench, front: Front) -> None:
    removed, _ = await bench.make(event("Removed")), await bench.make(event("Kept"))
    first = await observe(bench)
    await bench.remove(removed)
    front.behaviour.tokens_expired = True

    observation = await observe(bench, first.cursor)

    assert [gone.ref for gone in observation.gone] == [removed]


async def test_tokens_that_are_refused_again_and_again_are_no_longer_used(bench: CaldavBench, front: Front) -> None:
    await bench.make(event())
    front.behaviour.tokens_expired = True
    cursor = (await observe(bench)).cursor
    for _ in range(3):
        cursor = (await observe(bench, cursor)).cursor
    front.forget()

    await observe(bench, cursor)

    assert [asked.method for asked in front.requests] == ["PROPFIND"]


async def test_an_object_we_may_not_read_is_unclear_and_stops_no_other(bench: CaldavBench, front: Front) -> None:
    secret, other = await bench.make(event("Secret")), await bench.make(event("Other"))
    first = await observe(bench)
    await bench.edit(secret, event("More secret"))
    await bench.edit(other, event("Edited"))
    front.behaviour.multiget_omits = lambda href: href == secret
    front.behaviour.canned = refusing("GET", 403, secret)

    observation = await observe(bench, first.cursor)

    assert [unclear.ref for unclear in observation.unclear] == [secret]
    assert [seen.ref for seen in observation.seen] == [other]


# --- the whole calendar


@pytest.mark.parametrize(
    ("collection", "error"),
    [
        (Collection.NOT_FOUND, CalendarUnavailableError),
        (Collection.LOGIN_PAGE, UnusableAnswerError),
        (Collection.TRUNCATED, UnusableAnswerError),
    ],
)
async def test_P23_a_calendar_that_is_not_one_says_which_way(
    bench: CaldavBench, front: Front, collection: Collection, error: type[Exception]
) -> None:
    await bench.make(event())
    first = await observe(bench)
    front.behaviour.collection = collection

    for cursor in (first.cursor, None):
        with pytest.raises(error):
            await bench.side.observe(cursor, bench.known, WINDOW)


async def test_pain_15_a_login_that_is_no_longer_accepted_needs_its_person(bench: CaldavBench, front: Front) -> None:
    base = await see(bench.side, await bench.make(event()))
    front.behaviour.unauthorised = True

    for act in (
        bench.side.observe(None, bench.known, WINDOW),
        bench.side.look([base.ref]),
        bench.side.find(draft(event())),
        bench.side.create(draft(event())),
        bench.side.update(base, event("Other"), frozenset({Field.TITLE})),
        bench.side.delete(base, proof()),
    ):
        with pytest.raises(SignInNeededError):
            await act


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "{", '{"how":"other"}', '{"how":1}', '"sync"'])
async def test_a_cursor_of_another_version_is_answered_with_everything(bench: CaldavBench, text: str) -> None:
    ref = await bench.make(event())

    assert [seen.ref for seen in (await bench.side.observe(Cursor(text), bench.known, WINDOW)).seen] == [ref]


# --- writes


async def test_every_write_bears_its_condition(bench: CaldavBench, front: Front) -> None:
    seen = await made(bench, draft(event("One"), "1"))
    await bench.side.update(seen, event("Two"), frozenset({Field.TITLE}))
    await bench.side.delete(await see(bench.side, seen.ref), proof())

    assert front.writes
    assert all({"if-match", "if-none-match"} & asked.headers.keys() for asked in front.writes)


async def test_an_update_right_after_a_look_is_one_request(bench: CaldavBench, front: Front) -> None:
    base = await see(bench.side, await bench.make(event()))
    front.forget()

    await bench.side.update(base, event("Other"), frozenset({Field.TITLE}))

    assert [asked.method for asked in front.requests] == ["PUT"]


async def test_an_update_to_what_is_there_sends_nothing(bench: CaldavBench, front: Front) -> None:
    base = await see(bench.side, await bench.make(event()))
    front.forget()

    receipt = await bench.side.update(base, base.event, frozenset(Field) - {Field.SERIES, Field.PEOPLE})

    assert receipt.seen == base
    assert not front.requests


async def test_unknown_lines_survive_an_update_byte_for_byte(bench: CaldavBench, radicale_witness: Witness) -> None:
    alarm = ("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT7M", "DESCRIPTION:Go", "X-OWNER:me", "END:VALARM")
    more = ('X-SOMEBODY;X-PARAM="a:b":Keep; me, \\n as I am', *alarm)
    ref = await bench.put("kept.ics", text_of(event("Lunch"), "kept-uid", more=more))
    before = (await bench.raw(ref) or b"").decode()

    await bench.side.update(await see(bench.side, ref), event("Dinner"), frozenset({Field.TITLE}))

    after = await asyncio.to_thread(radicale_witness.list_objects, bench.url)
    lines = after[bench.url_of(ref)].splitlines()
    assert "SUMMARY:Dinner" in lines
    for line in set(before.splitlines()) - {"SUMMARY:Lunch"}:
        assert line in lines or line.startswith(("DTSTAMP", "LAST-MODIFIED")), line


async def test_another_program_reads_what_we_made_and_edits_it(bench: CaldavBench, radicale_witness: Witness) -> None:
    seen = await made(bench, draft(event("Lunch", place="Room 4")))

    text = await asyncio.to_thread(
        radicale_witness.edit, bench.url_of(seen.ref), lambda text: text.replace("SUMMARY:Lunch", "SUMMARY:Dinner")
    )

    assert "SUMMARY:Dinner" in text
    now = await see(bench.side, seen.ref)
    assert (now.event.title, now.event.place, now.marker) == ("Dinner", "Room 4", seen.marker)
    with pytest.raises(StaleVersionError):
        await bench.side.update(seen, event("Supper"), frozenset({Field.TITLE}))


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.SAY_502_AFTER])
async def test_N04_a_create_whose_answer_was_lost_is_in_doubt_and_then_found(
    bench: CaldavBench, front: Front, fault: Fault
) -> None:
    wanted = draft(event())
    front.behaviour.fault = nth(fault)

    with pytest.raises(InDoubtError):
        await bench.side.create(wanted)

    found = await bench.side.find(wanted)
    assert isinstance(found, Seen)
    assert found.marker == wanted.marker
    assert await bench.count() == 1


async def test_N06_an_update_whose_answer_was_lost_is_in_doubt(bench: CaldavBench, front: Front) -> None:
    base = await see(bench.side, await bench.make(event("Lunch")))
    front.behaviour.fault = nth(Fault.CUT_AFTER)

    with pytest.raises(InDoubtError):
        await bench.side.update(base, event("Dinner"), frozenset({Field.TITLE}))

    assert (await see(bench.side, base.ref)).event.title == "Dinner"


async def test_P20_a_copy_that_somebody_renamed_is_found_by_its_uid(bench: CaldavBench) -> None:
    wanted = draft(event())
    renamed = await bench.put("renamed.ics", text_of(event(), wanted.key))

    with pytest.raises(AlreadyThereError) as taken:
        await bench.side.create(wanted)

    assert taken.value.ref is not None
    assert (await see(bench.side, Ref(taken.value.ref))).ref == renamed


async def test_a_page_in_place_of_an_object_is_no_object(bench: CaldavBench, front: Front) -> None:
    base = await see(bench.side, await bench.make(event()))
    front.behaviour.collection = Collection.LOGIN_PAGE

    for act in (bench.side.look([base.ref]), bench.side.find(draft(event())), bench.side.delete(base, proof())):
        with pytest.raises(UnusableAnswerError):
            await act


async def test_H60_a_text_that_is_no_calendar_is_set_aside(bench: CaldavBench, front: Front) -> None:
    ref = await bench.make(event())
    front.behaviour.canned = lambda asked: (
        Given(status=200, headers={"content-type": "text/calendar"}, body=b"/etc/passwd")
        if asked.method == "GET"
        else None
    )

    [look] = await bench.side.look([ref])

    assert getattr(look, "reason", None) is Reason.UNREADABLE


async def test_pain_24_tags_that_change_by_themselves_end_in_no_loop(bench: CaldavBench, front: Front) -> None:
    ref = await bench.make(event("Lunch"))
    await see(bench.side, ref)
    front.behaviour.etags = Etags.OPAQUE
    stale = await see(bench.new_side(), ref)
    front.behaviour.etags = Etags.AS_IS

    with pytest.raises(StaleVersionError):
        await bench.new_side().update(stale, event("Dinner"), frozenset({Field.TITLE}))
    await bench.side.update(await see(bench.side, ref), event("Dinner"), frozenset({Field.TITLE}))

    assert (await see(bench.side, ref)).event.title == "Dinner"


# --- without a server


def shown(ref: str, uid: str) -> Seen:
    return Seen(
        ref=Ref(ref), version=Version('"a"'), digest=Digest(ref), identity=Identity(uid), event=event(), uid=uid
    )


def test_P20_of_two_objects_with_one_uid_the_known_one_stays() -> None:
    known, other, third = shown("/c/z.ics", "u"), shown("/c/a.ics", "u"), shown("/c/b.ics", "v")

    kept, asides = one_for_each_uid([other, known, third], {known.ref})

    assert {seen.ref for seen in kept} == {known.ref, third.ref}
    assert [(aside.ref, aside.reason) for aside in asides] == [(other.ref, Reason.DUPLICATE_UID)]


def test_bodies_are_kept_by_version_and_within_bounds() -> None:
    bodies = Bodies()
    for n in range(5):
        bodies.keep(Fetched(ref=Ref(f"/{n}"), order=n, version=Version(f'"{n}"'), data=b"x" * (1 << 20)))

    assert bodies.at(Ref("/0"), Version('"0"')) is None
    assert bodies.at(Ref("/4"), Version('"4"')) is not None
    assert bodies.at(Ref("/4"), Version('"5"')) is None

    bodies.drop(Ref("/4"))
    assert bodies.at(Ref("/4"), Version('"4"')) is None


def test_P16_a_weak_version_never_stands_for_a_text() -> None:
    bodies = Bodies()
    bodies.keep(Fetched(ref=Ref("/1"), order=1, version=Version('W/"1"'), data=b"text"))

    assert bodies.at(Ref("/1"), Version('W/"1"')) is None
