"""Each named quirk: what happens without it, and what happens with it. A front before a real server shows them."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import pytest

from calsync.adapters.caldav.quirks import EXPLAINED, Quirk, ServerFacts
from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.core.event import Field
from calsync.core.observation import Seen
from calsync.core.refs import NO_VERSION
from calsync.sandbox.radicale import RadicaleProcess
from tests.adapters.caldav.scripted import answer
from tests.builders import event, timed
from tests.contracts.caldav_bench import CaldavBench, bench_on
from tests.contracts.side_contract import draft, made, observe, see
from tests.servers.behaviour import Asked, Behaviour, Etags, Given, UnknownToken
from tests.servers.fixtures import MakeCalendar

Change = Callable[[Behaviour], None]
OpenBench = Callable[[Change | None], AbstractAsyncContextManager[CaldavBench]]


@pytest.fixture
def open_bench(radicale: RadicaleProcess, new_radicale_calendar: MakeCalendar) -> OpenBench:
    return lambda change: bench_on(radicale, new_radicale_calendar(), change=change)


@pytest.fixture
async def plain(open_bench: OpenBench) -> AsyncIterator[CaldavBench]:
    async with open_bench(None) as bench:
        yield bench


async def use(bench: CaldavBench) -> None:
    """Everything a side does, once."""
    refs = [await bench.make(event(f"Event {n}")) for n in range(3)]
    first = await observe(bench)
    await bench.edit(refs[0], event("Edited"))
    later = await observe(bench, first.cursor)
    await bench.side.look(refs)
    seen = await made(bench, draft(event("Copy")))
    await bench.side.update(seen, event("Renamed"), frozenset({Field.TITLE}))
    await observe(bench, later.cursor)


def _multiget_of_two(asked: Asked) -> Given | None:
    too_many = b"calendar-multiget" in asked.body and len(re.findall(b"<D:href>", asked.body)) > 2
    return Given(status=413) if too_many else None


def _set(**switches: object) -> Change:
    def change(behaviour: Behaviour) -> None:
        for name, value in switches.items():
            setattr(behaviour, name, value)

    return change


SHOWN_BY: Final[Mapping[Quirk, Change]] = {
    Quirk.WEAK_TAGS: _set(etags=Etags.WEAK),
    Quirk.NO_TAG_ON_PUT: _set(etag_on_put=False),
    Quirk.SUFFIXED_TAGS: _set(etags=Etags.GZIP_SUFFIX),
    Quirk.KEYS_NOT_ENFORCED: _set(if_none_match=False),
    Quirk.NO_MULTIGET: _set(multiget=False),
    Quirk.SMALL_BATCHES: _set(canned=_multiget_of_two),
    Quirk.MULTIGET_OMITS: _set(multiget_omits=lambda _: True),
}


async def test_a_plain_server_has_no_quirk(plain: CaldavBench) -> None:
    await use(plain)

    assert plain.side.learned == {"quirks": [], "keys_enforced": True, "batch": 100}
    assert plain.side.traits.enforces_keys


@pytest.mark.parametrize("quirk", SHOWN_BY, ids=lambda quirk: quirk.value)
async def test_a_quirk_is_learned_by_using_the_server(open_bench: OpenBench, quirk: Quirk) -> None:
    async with open_bench(SHOWN_BY[quirk]) as bench:
        await use(bench)

        assert quirk.value in bench.side.learned["quirks"]


def test_every_quirk_is_explained_and_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "quirks.md").read_text(encoding="utf-8")

    assert set(EXPLAINED) == set(Quirk)
    assert all(f"| `{quirk.value}` |" in page for quirk in Quirk)


def test_facts_survive_being_stored_and_foreign_ones_are_left_out() -> None:
    facts = ServerFacts(quirks={Quirk.WEAK_TAGS}, keys_enforced=False, batch=25)

    assert ServerFacts.from_json(facts.as_json()) == facts
    assert ServerFacts.from_json({"quirks": ["from the future"], "batch": "many", "more": 1}) == ServerFacts()


# --- conditions


async def test_without_weak_tags_every_change_names_the_version(plain: CaldavBench) -> None:
    base = await see(plain.side, await plain.make(event()))
    assert plain.front is not None
    plain.front.forget()

    await plain.side.update(base, event("Other"), frozenset({Field.TITLE}))

    [asked] = plain.front.requests
    assert (asked.method, asked.headers["if-match"]) == ("PUT", base.version)


async def test_with_weak_tags_a_change_follows_a_read_and_names_none(open_bench: OpenBench) -> None:
    async with open_bench(_set(etags=Etags.WEAK)) as bench:
        base = await see(bench.side, await bench.make(event()))
        assert bench.front is not None
        bench.front.forget()

        await bench.side.update(base, event("Other"), frozenset({Field.TITLE}))

        assert [asked.method for asked in bench.front.requests] == ["GET", "PUT"]
        assert "if-match" not in bench.front.requests[1].headers


async def test_without_suffixed_tags_a_single_look_reads_the_object(plain: CaldavBench) -> None:
    ref = await plain.make(event())

    assert (await see(plain.side, ref)).version != NO_VERSION


async def test_with_suffixed_tags_the_tag_of_a_read_is_never_a_version(open_bench: OpenBench) -> None:
    async with open_bench(_set(etags=Etags.GZIP_SUFFIX)) as bench:
        ref = await bench.make(event())
        first = await see(bench.side, ref)
        second = await see(bench.side, ref)

        assert "gzip" not in first.version + second.version
        assert second.version != NO_VERSION


async def test_without_the_quirk_a_create_is_one_request(plain: CaldavBench) -> None:
    await plain.side.create(draft(event(), "1"))
    assert plain.front is not None
    plain.front.forget()

    await plain.side.create(draft(event(), "2"))

    assert [asked.method for asked in plain.front.requests] == ["PUT"]


async def test_where_keys_are_not_enforced_a_create_looks_first(open_bench: OpenBench) -> None:
    async with open_bench(_set(if_none_match=False)) as bench:
        await bench.side.create(draft(event(), "1"))
        assert bench.front is not None
        bench.front.forget()

        await bench.side.create(draft(event(), "2"))

        assert [asked.method for asked in bench.front.requests] == ["GET", "PUT"]
        assert not bench.side.traits.enforces_keys


# --- listings


class WithoutListedTags:
    """A client that sees a server whose listings have no entity tags (and no sync report)."""

    def __init__(self, bench: CaldavBench) -> None:
        self._inner = bench.http

    async def send(self, request: Request, account: Account) -> Answer:
        given = await self._inner.send(request, account)
        if request.method != "PROPFIND":
            return given
        return Answer(
            status=given.status,
            headers=given.headers,
            body=re.sub(rb"getetag|getctag|sync-collection", b"other", given.body),
            url=given.url,
        )


async def test_without_listed_tags_the_window_is_read_and_compared_by_hash(plain: CaldavBench) -> None:
    plain.http = WithoutListedTags(plain)
    edited, kept, removed = [await plain.make(event(title)) for title in ("Edited", "Kept", "Removed")]
    first = await observe(plain)
    assert plain.front is not None
    plain.front.forget()

    quiet = await observe(plain, first.cursor)

    assert quiet.unchanged == {edited, kept, removed}
    assert [asked.method for asked in plain.front.requests] == ["REPORT"]
    assert Quirk.NO_LISTED_TAGS.value in plain.side.learned["quirks"]

    await plain.edit(edited, event("Edited again"))
    await plain.remove(removed)
    later = await observe(plain, quiet.cursor)

    assert [seen.ref for seen in later.seen] == [edited]
    assert [gone.ref for gone in later.gone] == [removed]
    assert kept in later.unchanged


async def test_without_listed_tags_what_left_the_window_is_seen_there(plain: CaldavBench) -> None:
    plain.http = WithoutListedTags(plain)
    ref = await plain.make(event())
    first = await observe(plain)
    await plain.edit(ref, event("Long ago", timed("2001-01-01 08:00")))

    later = await observe(plain, first.cursor)

    assert [(seen.ref, seen.event.title) for seen in later.seen] == [(ref, "Long ago")]


@pytest.mark.parametrize(
    "change",
    [None, _set(sync_collection=False), _set(sync_collection=False, ctag=False)],
    ids=["sync report", "ctag", "tags"],
)
async def test_a_quiet_observation_is_one_request(open_bench: OpenBench, change: Change | None) -> None:
    async with open_bench(change) as bench:
        await bench.make(event())
        first = await observe(bench)
        assert bench.front is not None
        bench.front.forget()

        await observe(bench, first.cursor)

        assert len(bench.front.requests) == 1


async def test_a_list_in_answer_to_an_unknown_token_still_shows_deletions(open_bench: OpenBench) -> None:
    async with open_bench(None) as bench:
        refs = [await bench.make(event(f"Event {n}")) for n in range(4)]
        first = await observe(bench)
        assert bench.front is not None
        bench.front.behaviour.tokens_expired = True
        bench.front.behaviour.unknown_token = UnknownToken.FULL_LIST
        await bench.remove(refs[0])

        later = await observe(bench, first.cursor)

        assert [gone.ref for gone in later.gone] == [refs[0]]
        assert Quirk.TOKEN_NOT_REFUSED.value in bench.side.learned["quirks"]


async def test_an_object_that_is_listed_and_not_there_is_no_deletion(open_bench: OpenBench) -> None:
    def missing(asked: Asked) -> Given | None:
        return Given(status=404) if asked.method == "GET" and "made-" in asked.path else None

    async with open_bench(_set(multiget_omits=lambda href: "made-" in href, canned=missing)) as bench:
        await bench.make(event("Never readable"))

        observation = await observe(bench)

        assert (observation.seen, observation.gone, observation.aside) == ((), (), ())
        assert Quirk.LISTED_BUT_MISSING.value in bench.side.learned["quirks"]


async def test_a_server_without_a_sync_report_is_remembered(open_bench: OpenBench) -> None:
    def refused(asked: Asked) -> Given | None:
        return Given(status=501) if b"sync-collection" in asked.body and asked.method == "REPORT" else None

    async with open_bench(_set(canned=refused)) as bench:
        ref = await bench.make(event())

        first = await observe(bench)

        assert [seen.ref for seen in first.seen] == [ref]
        assert first.cursor is not None
        assert '"ctag"' in first.cursor
        assert Quirk.NO_SYNC_REPORT.value in bench.side.learned["quirks"]


# --- one bad object


async def test_pain_14_an_object_the_server_cannot_give_stops_no_other(open_bench: OpenBench) -> None:
    bad = ""

    def broken(asked: Asked) -> Given | None:
        named = bad and (bad in asked.path or bad.encode() in asked.body)
        return Given(status=500) if named and asked.method in {"GET", "REPORT"} else None

    async with open_bench(_set(canned=broken)) as bench:
        refs = [await bench.make(event(f"Event {n}")) for n in range(7)]
        bad = refs[3]

        observation = await observe(bench)

        assert {seen.ref for seen in observation.seen} == {*refs} - {bad}
        assert [aside.ref for aside in observation.aside] == [bad]
        assert bench.side.learned["batch"] == 100


def test_a_batch_shrinks_for_size_and_not_for_one_object() -> None:
    facts = ServerFacts()

    assert facts.learn_from_multiget(answer(500), asked=100)
    assert facts.batch == 100
    assert facts.learn_from_multiget(answer(413), asked=100)
    assert facts.batch == 50
    assert not facts.learn_from_multiget(answer(302), asked=50)


async def test_D34_a_member_of_a_batch_that_is_not_found_is_read_alone(open_bench: OpenBench) -> None:
    async with open_bench(_set(multiget_omits=lambda _: True)) as bench:
        refs = [await bench.make(event(f"Event {n}")) for n in range(3)]

        looks = await bench.side.look(refs)

        assert all(isinstance(look, Seen) for look in looks)
        assert bench.front is not None
        assert bench.front.count()["GET"] == 3
