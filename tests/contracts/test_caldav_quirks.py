"""The same promises where a server lacks an ability or has an oddity: same suite, same results."""

from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

from calsync.core.errors import CalendarUnavailableError
from calsync.sandbox.radicale import RadicaleProcess
from tests.builders import event
from tests.contracts.caldav_bench import CaldavBench, bench_on
from tests.contracts.side_contract import Bench, SideContract, observe, refs
from tests.servers.behaviour import Behaviour, Etags, Rewrite, UnknownToken
from tests.servers.fixtures import MakeCalendar

Change = Callable[[Behaviour], None]


def _without_sync_and_omitted_members(behaviour: Behaviour) -> None:
    behaviour.sync_collection = False
    behaviour.multiget_omits = lambda href: sum(href.encode()) % 2 == 0


def _without_sync_ctag_and_multiget(behaviour: Behaviour) -> None:
    behaviour.sync_collection = False
    behaviour.ctag = False
    behaviour.multiget = False


def _weak_tags(behaviour: Behaviour) -> None:
    behaviour.etags = Etags.WEAK


def _suffixed_tags(behaviour: Behaviour) -> None:
    behaviour.etags = Etags.GZIP_SUFFIX


def _opaque_tags_and_rewritten_objects(behaviour: Behaviour) -> None:
    behaviour.etags = Etags.OPAQUE
    behaviour.etag_on_put = False
    behaviour.rewrite = Rewrite.ALL


def _conditions_ignored_and_weak_tags_on_put(behaviour: Behaviour) -> None:
    behaviour.if_none_match = False
    behaviour.if_match_on_delete = False
    behaviour.etags = Etags.WEAK_ON_PUT


def _pages_of_one(behaviour: Behaviour) -> None:
    behaviour.sync_page = 1


def _tokens_forbidden(behaviour: Behaviour) -> None:
    behaviour.tokens_expired = True


def _tokens_fail(behaviour: Behaviour) -> None:
    behaviour.tokens_expired = True
    behaviour.unknown_token = UnknownToken.SERVER_ERROR


def _tokens_not_refused(behaviour: Behaviour) -> None:
    behaviour.tokens_expired = True
    behaviour.unknown_token = UnknownToken.FULL_LIST


ODDITIES: Final[tuple[Change, ...]] = (
    _without_sync_and_omitted_members,
    _without_sync_ctag_and_multiget,
    _weak_tags,
    _suffixed_tags,
    _opaque_tags_and_rewritten_objects,
    _conditions_ignored_and_weak_tags_on_put,
    _pages_of_one,
)
REFUSED_TOKENS: Final[tuple[Change, ...]] = (_tokens_forbidden, _tokens_fail)


def _name(change: Change) -> str:
    return change.__name__.strip("_")


class TestAServerWithAnOddity(SideContract):
    @pytest.fixture(params=ODDITIES, ids=_name)
    async def bench(
        self, radicale: RadicaleProcess, new_radicale_calendar: MakeCalendar, request: pytest.FixtureRequest
    ) -> AsyncIterator[CaldavBench]:
        async with bench_on(radicale, new_radicale_calendar(), change=request.param) as bench:
            yield bench


class TestAServerThatRefusesEveryToken(SideContract):
    @pytest.fixture(params=REFUSED_TOKENS, ids=_name)
    async def bench(
        self, radicale: RadicaleProcess, new_radicale_calendar: MakeCalendar, request: pytest.FixtureRequest
    ) -> AsyncIterator[CaldavBench]:
        async with bench_on(radicale, new_radicale_calendar(), change=request.param) as bench:
            yield bench

    @pytest.mark.parametrize("with_cursor", [True, False])
    async def test_the_last_event_of_a_calendar_can_be_deleted_too(self, bench: Bench, with_cursor: bool) -> None:
        """After a refused token an empty calendar cannot be told from another one at the same address."""
        ref = await bench.make(event())
        first = await observe(bench)
        await bench.remove(ref)

        if with_cursor:
            with pytest.raises(CalendarUnavailableError):
                await observe(bench, first.cursor)
        else:
            assert refs((await observe(bench)).gone) == {ref}


class TestAServerThatListsEverythingForAnUnknownToken(SideContract):
    @pytest.fixture
    async def bench(self, radicale: RadicaleProcess, new_radicale_calendar: MakeCalendar) -> AsyncIterator[CaldavBench]:
        async with bench_on(radicale, new_radicale_calendar(), change=_tokens_not_refused) as bench:
            yield bench

    @pytest.mark.parametrize("with_cursor", [True, False])
    async def test_the_last_event_of_a_calendar_can_be_deleted_too(self, bench: Bench, with_cursor: bool) -> None:
        """An empty list of everything looks like no change; the next full observation finds it."""
        ref = await bench.make(event())
        first = await observe(bench)
        await bench.remove(ref)

        if with_cursor:
            assert not (await observe(bench, first.cursor)).gone

        assert refs((await observe(bench)).gone) == {ref}
