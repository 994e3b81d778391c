"""The same two-way scenario on servers that lack an ability or have an oddity: same suite, same results."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import open_company
from tests.acceptance.edits import live
from tests.acceptance.judge import assert_both_show, assert_in_conflict_log, assert_nothing_hidden_changed, assert_quiet
from tests.acceptance.world import Story, fill
from tests.servers.behaviour import Behaviour, Etags, Rewrite, UnknownToken

pytestmark = pytest.mark.server

LACKS: Final[dict[str, Behaviour]] = {
    "nothing": Behaviour(),
    "sync-collection": Behaviour(sync_collection=False),
    "sync-collection and ctag": Behaviour(sync_collection=False, ctag=False),
    "multiget": Behaviour(multiget=False),
    "strong etags": Behaviour(etags=Etags.WEAK),
    "strong etags, which it takes for weak ones": Behaviour(etags=Etags.WEAK_ACCEPTED),
    "an etag after PUT": Behaviour(etag_on_put=False),
    "etags that stay": Behaviour(etags=Etags.GZIP_SUFFIX),
    "texts that stay": Behaviour(rewrite=Rewrite.ALL, etags=Etags.OPAQUE, etag_on_put=False),
    "If-None-Match": Behaviour(if_none_match=False),
    "If-Match on DELETE": Behaviour(if_match_on_delete=False),
    "reports in one piece (507)": Behaviour(sync_page=3),
    "tokens (412)": Behaviour(tokens_expired=True, unknown_token=UnknownToken.PRECONDITION_FAILED),
    "tokens (403)": Behaviour(tokens_expired=True, unknown_token=UnknownToken.FORBIDDEN),
    "a word about unknown tokens": Behaviour(tokens_expired=True, unknown_token=UnknownToken.FULL_LIST),
}


def every_third(href: str) -> bool:
    return sum(href.encode()) % 3 == 0


@pytest.mark.parametrize("lacks", LACKS)
async def test_a_server_without_it_gives_the_same_results(folder: Path, calendars: RadicaleProcess, lacks: str) -> None:
    await two_way(folder, calendars, LACKS[lacks])


async def test_members_that_multiget_leaves_out_are_read_one_by_one(folder: Path, calendars: RadicaleProcess) -> None:
    await two_way(folder, calendars, Behaviour(multiget_omits=every_third))


async def two_way(folder: Path, calendars: RadicaleProcess, behaviour: Behaviour) -> None:
    async with open_company(folder, calendars, behaviour=behaviour) as company:
        story = Story(rng=random.Random(6))
        fill(story, company.people, each=14, on_both=0.25)
        await company.connect()
        await company.run_until_converged(most=2)
        assert_both_show(company.people, story)
        story.look_up()

        live(story, 11)
        await company.run_until_converged(most=3)

        assert_both_show(company.people, story)
        if behaviour.rewrite is Rewrite.NONE:
            assert_nothing_hidden_changed(company, story)
        assert_in_conflict_log(story, await company.conflicts())
        await assert_quiet(company)
