"""Listings in pages and of odd shapes, from a server written by hand."""

import pytest

from calsync.adapters.caldav.asking import Asking
from calsync.adapters.caldav.auth import Password, account_for
from calsync.adapters.caldav.hrefs import CollectionUrl
from calsync.adapters.caldav.listing import Lister
from calsync.adapters.caldav.quirks import Quirk, ServerFacts
from calsync.adapters.http.exchange import Answer, Request
from calsync.core.errors import CalendarUnavailableError, UnusableAnswerError
from tests.adapters.caldav.scripted import Reply, ScriptedHttp, answer, bare, multistatus, response

URL = "https://cal.example/c/"
TAG = '<D:getetag>"a"</D:getetag>'


def lister(reply: Reply, facts: ServerFacts | None = None, *, method: str = "REPORT") -> Lister:
    asking = Asking(
        http=ScriptedHttp({(method, URL): reply}),
        account=account_for(Password(username="kari", password="secret"), [URL]),
        collection=CollectionUrl(URL),
        identity="here",
        credential="kari",
    )
    return Lister(asking, facts or ServerFacts())


async def test_pages_are_read_to_the_end_and_the_last_token_counts() -> None:
    def pages(request: Request) -> Answer:
        if b">start<" in request.body:
            return multistatus(response("/c/1.ics", TAG), bare("/c/", 507), token="middle")
        return multistatus(response("/c/2.ics", TAG), token="end")

    report = await lister(pages).changes("start")

    assert report is not None
    assert [member.ref for member in report.members] == ["/c/1.ics", "/c/2.ics"]
    assert report.token == "end"


@pytest.mark.parametrize("tokens", [["a"], ["a", "b"], ["start"]])
async def test_P06_pages_that_go_round_are_no_list(tokens: list[str]) -> None:
    turns = [*tokens, *tokens, *tokens]

    def pages(_: Request) -> Answer:
        return multistatus(response("/c/1.ics", TAG), bare("/c/", 507), token=turns.pop(0))

    with pytest.raises(UnusableAnswerError, match="circles"):
        await lister(pages).changes("start")


async def test_P06_pages_without_end_are_no_list() -> None:
    number = 0

    def pages(_: Request) -> Answer:
        nonlocal number
        number += 1
        return multistatus(bare("/c/", 507), token=str(number))

    with pytest.raises(UnusableAnswerError, match="does not end"):
        await lister(pages).changes("start")


async def test_N10_a_later_page_that_fails_voids_the_whole_list() -> None:
    def pages(request: Request) -> Answer:
        if b">start<" in request.body:
            return multistatus(bare("/c/1.ics", 404), bare("/c/", 507), token="middle")
        return answer(207, multistatus(response("/c/2.ics", TAG), token="end").body[:-30])

    with pytest.raises(UnusableAnswerError):
        await lister(pages).changes("start")


async def test_P04_an_object_listed_twice_is_one() -> None:
    listed = multistatus(response("/c/a%40b.ics", TAG), response("/c/a@b.ics", TAG), token="t")

    report = await lister(listed).changes("")

    assert report is not None
    assert len(report.members) == 1


async def test_P09_an_object_both_changed_and_removed_in_one_list_is_to_be_read() -> None:
    for members in ((bare("/c/1.ics", 404), response("/c/1.ics", TAG)), (response("/c/1.ics", TAG), bare("/c/1", 404))):
        report = await lister(
            multistatus(*(text.replace("/c/1<", "/c/1.ics<") for text in members), token="t")
        ).changes("start")

        assert report is not None
        [member] = report.members
        assert not member.removed


@pytest.mark.parametrize("status", [400, 403, 405, 409, 410, 412, 415, 501, 507])
async def test_P01_any_refusal_of_a_token_leads_to_the_whole_list(status: int) -> None:
    assert await lister(answer(status)).changes("start") is None


@pytest.mark.parametrize(("status", "learned"), [(403, False), (405, True), (415, True), (501, True), (410, False)])
async def test_a_report_that_does_not_exist_is_remembered_and_a_refused_token_is_not(
    status: int, learned: bool
) -> None:
    facts = ServerFacts()

    await lister(answer(status), facts).changes("start")

    assert facts.has(Quirk.NO_SYNC_REPORT) is learned


@pytest.mark.parametrize("status", [403, 404, 405, 410])
async def test_P23_a_list_that_is_not_given_says_that_the_calendar_is_not_there(status: int) -> None:
    with pytest.raises(CalendarUnavailableError):
        await lister(answer(status), method="PROPFIND").tags()


async def test_a_page_in_place_of_a_list_is_unusable() -> None:
    with pytest.raises(UnusableAnswerError):
        await lister(answer(200, "<html/>", content_type="text/html"), method="PROPFIND").tags()
