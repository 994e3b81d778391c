"""Every switch of the front does what it says, before a real Radicale."""

import gzip
import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from calsync.sandbox.radicale import RadicaleProcess
from tests.servers.behaviour import Asked, Collection, Etags, Fault, Given, Rewrite, UnknownToken, nth
from tests.servers.desk import EVERYTHING, Desk, event, names, tags, token_of
from tests.servers.fixtures import MakeCalendar, MakeFront
from tests.servers.witness import RawAnswer, RawWitness


@pytest.fixture
def desk(new_front: MakeFront, radicale: RadicaleProcess, raw: RawWitness, new_radicale_calendar: MakeCalendar) -> Desk:
    desk = Desk(new_front(radicale.url), raw, new_radicale_calendar())
    desk.front.forget()
    return desk


# What the front leaves alone


def test_a_front_without_switches_changes_nothing(desk: Desk) -> None:
    direct = desk.raw.send("GET", desk.direct())

    assert (desk.get().body, desk.get().headers["etag"]) == (direct.body, direct.headers["etag"])
    assert names(desk.propfind("getetag")) == names(desk.sync()) == EVERYTHING


def test_the_log_holds_every_request(desk: Desk) -> None:
    desk.get()
    desk.raw.put(desk.member("new"), event("new").encode(), {"If-None-Match": "*"})

    assert desk.front.count() == {"GET": 1, "PUT": 1}
    assert [exchange.status for exchange in desk.front.exchanges] == [200, 201]
    assert desk.front.writes[0].headers["if-none-match"] == "*"
    assert desk.front.writes[0].body == event("new").encode()
    assert desk.front.in_flight_max == 1


def test_one_connection_carries_several_requests(desk: Desk) -> None:
    connection = http.client.HTTPConnection(desk.front.url.split("/")[2])

    for _ in range(2):
        connection.request("OPTIONS", "/")
        assert connection.getresponse().read() == b""
    connection.close()

    assert desk.front.count() == {"OPTIONS": 2}


# Abilities


def test_sync_collection_can_be_taken_away(desk: Desk) -> None:
    desk.front.behaviour.sync_collection = False

    assert desk.sync().status == 403
    assert b"supported-report" in desk.sync().body
    assert b"sync-collection" not in desk.propfind("supported-report-set", "0").body
    assert b"calendar-multiget" in desk.propfind("supported-report-set", "0").body
    assert b"404 Not Found" in desk.propfind("sync-token", "0").body


def test_ctag_can_be_taken_away(desk: Desk) -> None:
    assert b"200 OK" in desk.propfind("CS:getctag", "0").body

    desk.front.behaviour.ctag = False

    assert b"404 Not Found" in desk.propfind("CS:getctag", "0").body


def test_multiget_can_be_taken_away(desk: Desk) -> None:
    desk.front.behaviour.multiget = False

    assert desk.multiget("one").status == 501


# Entity tags


@pytest.mark.parametrize("lists", [lambda desk: desk.propfind("getetag"), lambda desk: desk.multiget("one")])
def test_weak_tags_stand_in_lists(desk: Desk, lists: Callable[[Desk], RawAnswer]) -> None:
    desk.front.behaviour.etags = Etags.WEAK

    assert all(tag.startswith('W/"') for tag in tags(lists(desk)))


def test_a_weak_tag_never_matches(desk: Desk) -> None:
    desk.front.behaviour.etags = Etags.WEAK
    tag = desk.get().headers["etag"]

    assert tag.startswith('W/"')
    assert desk.raw.put(desk.member(), event("one").encode(), {"If-Match": tag}).status == 412


def test_a_weak_tag_matches_where_the_server_is_lenient(desk: Desk) -> None:
    desk.front.behaviour.etags = Etags.WEAK_ACCEPTED
    tag = desk.get().headers["etag"]

    assert tag.startswith('W/"')
    assert desk.raw.put(desk.member(), event("one", "New").encode(), {"If-Match": tag}).status == 204


def test_only_the_answer_to_a_put_is_weak(desk: Desk) -> None:
    desk.front.behaviour.etags = Etags.WEAK_ON_PUT

    assert desk.raw.put(desk.member(), event("one").encode()).headers["etag"].startswith('W/"')
    assert desk.get().headers["etag"].startswith('"')


def test_pain_24_a_gzip_suffix_is_never_accepted_again(desk: Desk) -> None:
    desk.front.behaviour.etags = Etags.GZIP_SUFFIX
    tag = desk.get().headers["etag"]

    assert tag.endswith('-gzip"')
    assert not any("gzip" in listed for listed in tags(desk.propfind("getetag")))
    assert desk.raw.put(desk.member(), event("one").encode(), {"If-Match": tag}).status == 412


def test_opaque_tags_are_the_same_everywhere_and_work_in_conditions(desk: Desk) -> None:
    desk.front.behaviour.etags = Etags.OPAQUE
    tag = desk.get().headers["etag"]
    stored = desk.raw.put(desk.member(), event("one", "New").encode(), {"If-Match": tag})

    assert tag.startswith('"o-')
    assert stored.status == 204
    assert stored.headers["etag"] == desk.get().headers["etag"]
    assert stored.headers["etag"] in tags(desk.propfind("getetag"))
    assert desk.raw.put(desk.member(), event("one").encode(), {"If-Match": tag}).status == 412


def test_P14_the_tag_can_be_missing_after_a_put(desk: Desk) -> None:
    desk.front.behaviour.etag_on_put = False

    assert "etag" not in desk.raw.put(desk.member(), event("one").encode()).headers
    assert "etag" in desk.get().headers


# Conditions


def test_if_none_match_can_be_ignored(desk: Desk) -> None:
    condition = {"If-None-Match": "*"}
    assert desk.raw.put(desk.member(), event("one", "New").encode(), condition).status == 412

    desk.front.behaviour.if_none_match = False

    assert desk.raw.put(desk.member(), event("one", "New").encode(), condition).status == 204
    assert b"SUMMARY:New" in desk.get().body


def test_if_match_can_be_ignored_on_delete(desk: Desk) -> None:
    condition = {"If-Match": '"old"'}
    assert desk.raw.send("DELETE", desk.member(), headers=condition).status == 412

    desk.front.behaviour.if_match_on_delete = False

    assert desk.raw.send("DELETE", desk.member(), headers=condition).status == 200
    assert desk.raw.send("GET", desk.direct()).status == 404


# Lists


def test_members_can_be_missing_from_multiget(desk: Desk) -> None:
    desk.front.behaviour.multiget_omits = lambda href: href.endswith("two.ics")

    assert names(desk.multiget("one", "two")) == {"one.ics"}
    assert names(desk.propfind("getetag")) == EVERYTHING


def test_P02_members_can_be_missing_from_lists_and_still_be_read(desk: Desk) -> None:
    desk.front.behaviour.listing_omits = lambda href: href.endswith("two.ics")

    assert names(desk.propfind("getetag")) == names(desk.sync()) == {"one.ics", "three.ics"}
    assert desk.get("two").status == 200


def test_a_sync_report_comes_in_honest_pages(desk: Desk) -> None:
    desk.front.behaviour.sync_page = 2

    first = desk.sync()
    second = desk.sync(token_of(first))

    assert b"507" in first.body
    assert len(names(first) & EVERYTHING) == 2
    assert b"507" not in second.body
    assert (names(first) | names(second)) & EVERYTHING == EVERYTHING
    assert names(desk.sync(token_of(second))) == set()


@pytest.mark.parametrize(
    ("manner", "status"),
    [
        (UnknownToken.AS_IS, 403),
        (UnknownToken.FORBIDDEN, 403),
        (UnknownToken.CONFLICT, 409),
        (UnknownToken.PRECONDITION_FAILED, 412),
    ],
)
def test_P01_an_unknown_token_is_refused_in_many_ways(desk: Desk, manner: UnknownToken, status: int) -> None:
    token = token_of(desk.sync())
    desk.front.behaviour.tokens_expired = True
    desk.front.behaviour.unknown_token = manner

    refused = desk.sync(token)

    assert refused.status == status
    assert b"valid-sync-token" in refused.body
    assert names(desk.sync()) == EVERYTHING


def test_P01_an_unknown_token_can_be_an_outright_error(desk: Desk) -> None:
    desk.front.behaviour.unknown_token = UnknownToken.SERVER_ERROR

    assert desk.sync("http://radicale.org/ns/sync/made-up").status == 500


def test_an_unknown_token_can_give_the_full_list_without_deletions(desk: Desk) -> None:
    token = token_of(desk.sync())
    desk.raw.send("DELETE", desk.direct("two"))
    desk.front.behaviour.tokens_expired = True
    desk.front.behaviour.unknown_token = UnknownToken.FULL_LIST

    answer = desk.sync(token)

    assert names(answer) == {"one.ics", "three.ics"}
    assert b"two.ics" not in answer.body
    assert token_of(answer)


# The collection, the account, the host


@pytest.mark.parametrize(("wrong", "status"), [(Collection.NOT_FOUND, 404), (Collection.SERVER_ERROR, 500)])
def test_P23_the_whole_collection_can_answer_an_error(desk: Desk, wrong: Collection, status: int) -> None:
    desk.front.behaviour.collection = wrong

    assert {desk.get().status, desk.sync().status, desk.propfind("getetag").status} == {status}


def test_N15_the_whole_collection_can_be_a_login_page(desk: Desk) -> None:
    desk.front.behaviour.collection = Collection.LOGIN_PAGE

    assert desk.sync().status == 200
    assert desk.sync().headers["content-type"] == "text/html"


def test_N10_a_multistatus_can_end_in_the_middle(desk: Desk) -> None:
    desk.front.behaviour.collection = Collection.TRUNCATED
    answer = desk.propfind("getetag")

    assert answer.status == 207
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(answer.body)


def test_N09_a_multistatus_can_be_shorter_than_promised(desk: Desk) -> None:
    desk.front.behaviour.collection = Collection.CUT_SHORT

    with pytest.raises(http.client.IncompleteRead):
        desk.propfind("getetag")


def test_P24_a_collection_can_look_empty(desk: Desk) -> None:
    desk.front.behaviour.collection = Collection.EMPTY

    assert names(desk.propfind("getetag")) == names(desk.sync()) == set()
    assert token_of(desk.sync())
    assert desk.get().status == 200


def test_the_login_can_be_refused(desk: Desk) -> None:
    desk.front.behaviour.unauthorised = True
    assert "www-authenticate" in desk.get().headers

    desk.front.behaviour.challenge = False

    assert (desk.get().status, "www-authenticate" in desk.get().headers) == (401, False)


def test_N12_every_second_request_can_be_throttled(desk: Desk) -> None:
    desk.front.behaviour.throttle_every = 2
    desk.front.behaviour.throttle_status = 503

    answers = [desk.get() for _ in range(4)]

    assert sorted(answer.status for answer in answers) == [200, 200, 503, 503]
    assert [answer.headers["retry-after"] for answer in answers if answer.status == 503] == ["1", "1"]


def test_N19_answers_can_be_redirects(desk: Desk) -> None:
    desk.front.behaviour.redirect_to = "http://elsewhere.invalid/"
    desk.front.behaviour.redirect_status = 302

    assert desk.get().status == 302
    assert desk.get().headers["location"].startswith("http://elsewhere.invalid/kari/")


# Bodies and time


def test_P13_an_object_can_be_rewritten_while_it_is_stored(desk: Desk) -> None:
    desk.front.behaviour.rewrite = Rewrite.ALL
    desk.raw.put(desk.member(), event("one", "x" * 200).encode())

    text = desk.get().body.decode().replace("\r\n ", "")

    assert "TZID=europe/oslo" in text
    assert "TZID:europe/oslo" in text
    assert text.replace("\r\n", "\n") in desk.multiget("one").body.decode().replace("\n ", "")
    assert "DTSTAMP:20300101T000000Z" in text
    assert "X-FRONT-SEEN;X-BY=front:yes" in text
    assert f"SUMMARY:{'x' * 200}" in text
    assert "X-KEPT:yes" in text


def test_a_rewritten_object_stays_as_it_is_when_it_is_stored_again(desk: Desk) -> None:
    desk.front.behaviour.rewrite = Rewrite.ALL
    before = desk.get().body

    desk.raw.put(desk.member(), before)

    assert desk.get().body == before


def test_answers_can_be_compressed_for_those_who_accept_it(desk: Desk) -> None:
    desk.front.behaviour.compress = True
    answer = desk.raw.send("GET", desk.member(), headers={"Accept-Encoding": "gzip"})

    assert gzip.decompress(answer.body) == desk.get().body
    assert answer.headers["content-encoding"] == "gzip"


def test_N23_an_answer_can_be_a_bomb(desk: Desk) -> None:
    desk.front.behaviour.bomb_mib = 20
    answer = desk.get()

    assert len(answer.body) < 100_000
    assert len(gzip.decompress(answer.body)) == 20 << 20


def test_answers_can_be_delayed(desk: Desk) -> None:
    desk.front.behaviour.delay_s = 0.2
    begun = time.monotonic()

    desk.get()

    assert time.monotonic() - begun >= 0.2


def test_N11_answers_can_drip(desk: Desk) -> None:
    desk.front.behaviour.drip_s = 0.02
    desk.front.behaviour.drip_bytes = 50
    begun = time.monotonic()

    body = desk.get().body

    assert time.monotonic() - begun >= 0.02 * (len(body) // 50)
    assert body == desk.raw.get(desk.direct())


# Faults of single requests


def put_is_cut(desk: Desk) -> None:
    with pytest.raises(OSError):  # noqa: PT011  # the kernel words it in several ways
        desk.raw.put(desk.member("new"), event("new").encode())


def test_N03_a_write_can_be_cut_before_it_reaches_the_server(desk: Desk) -> None:
    desk.front.behaviour.fault = nth(Fault.CUT_BEFORE)

    put_is_cut(desk)

    assert desk.raw.send("GET", desk.direct("new")).status == 404
    assert [(one.status, one.reached) for one in desk.front.exchanges] == [(0, False)]


def test_N04_a_write_can_be_done_and_its_answer_lost(desk: Desk) -> None:
    desk.front.behaviour.fault = nth(Fault.CUT_AFTER)

    put_is_cut(desk)

    assert desk.raw.send("GET", desk.direct("new")).status == 200
    assert [(one.status, one.reached) for one in desk.front.exchanges] == [(0, True)]
    assert desk.raw.put(desk.member("new"), event("new").encode()).status == 204


def test_an_answer_can_break_off(desk: Desk) -> None:
    desk.front.behaviour.fault = nth(Fault.CUT_IN_ANSWER, methods=frozenset({"GET"}), first=2)

    assert desk.get().status == 200
    with pytest.raises(http.client.IncompleteRead):
        desk.get()


def test_N14_a_write_can_be_done_and_still_answer_502(desk: Desk) -> None:
    desk.front.behaviour.fault = nth(Fault.SAY_502_AFTER)

    assert desk.raw.put(desk.member("new"), event("new").encode()).status == 502
    assert desk.raw.send("GET", desk.direct("new")).status == 200


def test_a_request_can_fail_on_the_server(desk: Desk) -> None:
    desk.front.behaviour.fault = nth(Fault.SAY_500)

    assert desk.raw.put(desk.member("new"), event("new").encode()).status == 500
    assert desk.raw.send("GET", desk.direct("new")).status == 404


@pytest.mark.parametrize(("fault", "status"), [(Fault.HANG, 404), (Fault.HANG_AFTER, 200)])
def test_a_write_can_hang_before_or_after_its_effect(desk: Desk, fault: Fault, status: int) -> None:
    desk.front.behaviour.fault = nth(fault)
    connection = http.client.HTTPConnection(desk.front.url.split("/")[2], timeout=0.5)
    headers = {"Authorization": desk.raw.authorization, "Content-Type": "text/calendar"}
    connection.request("PUT", "/" + desk.member("new").split("/", 3)[3], event("new"), headers)

    assert desk.front.hanging.wait(10)
    assert desk.raw.send("GET", desk.direct("new")).status == status
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()


def test_requests_in_flight_are_counted(desk: Desk) -> None:
    desk.front.behaviour.delay_s = 0.5

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(desk.get, ("one", "two", "three")))

    assert desk.front.in_flight_max == 3


def test_P19_an_answer_can_be_written_by_hand(desk: Desk) -> None:
    def full(asked: Asked) -> Given | None:
        return Given(status=507, body=b"full") if asked.method == "PUT" else None

    desk.front.behaviour.canned = full

    assert desk.raw.put(desk.member(), event("one").encode()).status == 507
    assert desk.get().status == 200
