"""Requests as they leave, and what their answers say."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from calsync.adapters.caldav import wire
from calsync.adapters.caldav.hrefs import CollectionUrl, path_key
from calsync.adapters.caldav.wire import IllegalTagError, StrongTag
from calsync.core.errors import CalendarUnavailableError, UnusableAnswerError
from calsync.core.refs import NO_VERSION, Key, Ref, Version
from tests.adapters.caldav.scripted import answer, bare, multistatus, response

URL = "https://cal.example/kari/work/"
HERE = CollectionUrl(URL)
TAG = '<D:getetag>"a"</D:getetag>'


# --- conditions


@pytest.mark.parametrize("text", ['"a"', '""', '"gcs00000000"', '"a b"'.replace(" ", "_"), '"' + "x" * 500 + '"'])
def test_a_strong_tag_is_sent_byte_for_byte(text: str) -> None:
    assert wire.put_over(URL, b"", StrongTag(text)).headers["If-Match"] == text
    assert wire.delete(URL, StrongTag(text)).headers["If-Match"] == text


@pytest.mark.parametrize(
    "text",
    ["", "a", "*", 'W/"a"', '"a', 'a"', '"a"b"', '"a\r\nX: y"', '"a" , "b"', '"æ"', '"a\x00"', '"' + "x" * 1024 + '"'],
)
def test_H65_a_weak_or_illegal_tag_can_never_be_a_condition(text: str) -> None:
    assert wire.strong_tag(Version(text)) is None
    with pytest.raises(IllegalTagError):
        StrongTag(text)


def test_pain_24_a_weak_tag_still_shows_changes_and_a_malformed_one_does_not() -> None:
    assert wire.version_of('W/"a"') == 'W/"a"'
    assert wire.version_of("unquoted") == NO_VERSION


def test_a_create_never_overwrites_and_a_read_is_not_compressed() -> None:
    assert wire.put_new(URL, b"").headers["If-None-Match"] == "*"
    assert wire.get(URL).headers["Accept-Encoding"] == "identity"


# --- requests


def test_a_sync_report_has_no_limit_and_quotes_its_token() -> None:
    request = wire.sync_collection(URL, "a<b>&c")
    root = etree.fromstring(request.body)

    assert root.findtext("{DAV:}sync-token") == "a<b>&c"
    assert root.find("{DAV:}limit") is None
    assert request.headers["Depth"] == "0"
    assert not request.is_write


def test_a_multiget_names_the_hrefs_as_they_were_listed() -> None:
    asked = (Ref("/kari/work/a%40b.ics"), Ref("/kari/work/a&b.ics"))

    root = etree.fromstring(wire.multiget(URL, asked).body)

    assert tuple(item.text for item in root.iter("{DAV:}href")) == asked


def test_a_query_names_events_and_both_ends_in_utc() -> None:
    request = wire.query(URL, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))
    root = etree.fromstring(request.body)

    [span] = root.iter("{urn:ietf:params:xml:ns:caldav}time-range")
    assert (span.get("start"), span.get("end")) == ("20260701T000000Z", "20260801T000000Z")
    parent = span.getparent()
    assert parent is not None
    assert parent.get("name") == "VEVENT"


def test_options_and_mkcalendar_are_what_they_say() -> None:
    assert wire.options(URL).method == "OPTIONS"
    assert b"<D:displayname>A &amp; B</D:displayname>" in wire.make_calendar(URL, "A & B").body


# --- listings


def test_a_listing_leaves_out_the_collection_itself_and_what_lies_elsewhere() -> None:
    given = multistatus(
        response("/kari/work/", TAG),
        response("/kari/work", TAG),
        response("https://cal.example/kari/work/", TAG),
        response("/kari/work/inside/", TAG),
        response("/kari/work/list", f"{TAG}<D:resourcetype><D:collection/></D:resourcetype>"),
        response("https://evil.example/kari/work/1.ics", TAG),
        response("//evil.example/1.ics", TAG),
        response("https://cal.example:8443/kari/work/1.ics", TAG),
        response("/kari/work/1.ics", TAG),
        response("https://cal.example/kari/work/2.ics", TAG),
    )

    members = wire.parse_members(given, HERE).members

    assert [member.ref for member in members] == ["/kari/work/1.ics", "https://cal.example/kari/work/2.ics"]


def test_H53_an_object_on_another_origin_is_never_asked_for() -> None:
    with pytest.raises(CalendarUnavailableError):
        HERE.url_of(Ref("https://evil.example/1.ics"))


@pytest.mark.parametrize(
    ("ref", "url"),
    [
        ("/kari/work/a%40b.ics", "https://cal.example/kari/work/a%40b.ics"),
        ("/kari/work/a@b.ics", "https://cal.example/kari/work/a@b.ics"),
        ("/kari/work/a%2Fb.ics", "https://cal.example/kari/work/a%2Fb.ics"),
        ("/kari/work/with space.ics", "https://cal.example/kari/work/with%20space.ics"),
        ("/kari/work/æ.ics", "https://cal.example/kari/work/%C3%A6.ics"),
        ("1.ics", "https://cal.example/kari/work/1.ics"),
    ],
)
def test_a_listed_href_is_asked_for_as_it_was_listed(ref: str, url: str) -> None:
    assert HERE.url_of(Ref(ref)) == url


@pytest.mark.parametrize("other", ["/c/a%40b.ics", "/c/a@b.ics", "https://cal.example/c/a%40b.ics"])
def test_spellings_of_one_path_have_one_key(other: str) -> None:
    assert path_key(other) == path_key("/c/a@b.ics")


def test_a_path_is_decoded_once_only() -> None:
    assert path_key("/c/a%2540b") != path_key("/c/a%40b")


def test_the_two_forms_of_an_accent_have_one_key() -> None:
    assert path_key("/c/%C3%A9.ics") == path_key("/c/e%CC%81.ics")


def test_H63_a_new_object_is_named_after_its_key_alone() -> None:
    assert HERE.new_ref(Key("k" * 40)) == f"/kari/work/{'k' * 40}.ics"


def test_an_object_we_know_by_another_spelling_is_recognised() -> None:
    known = Ref("/kari/work/a%40b.ics")

    assert known in HERE.spellings("https://cal.example/kari/work/a@b.ics")


def test_a_sync_report_tells_what_changed_and_what_was_removed() -> None:
    given = multistatus(response("/kari/work/1.ics", TAG), bare("/kari/work/2.ics", 404), token="next")

    page = wire.parse_sync(given, HERE)

    assert [(member.ref, member.removed) for member in page.members] == [
        ("/kari/work/1.ics", False),
        ("/kari/work/2.ics", True),
    ]
    assert (page.token, page.more) == ("next", False)


def test_a_bare_507_says_that_the_list_goes_on() -> None:
    given = multistatus(bare("/kari/work/", 507), response("/kari/work/1.ics", TAG), token="next")

    page = wire.parse_sync(given, HERE)

    assert page.more
    assert len(page.members) == 1


def test_N10_a_sync_report_without_a_token_is_unusable() -> None:
    with pytest.raises(UnusableAnswerError):
        wire.parse_sync(multistatus(response("/kari/work/1.ics", TAG)), HERE)


# --- collections


def test_a_collection_says_what_it_is() -> None:
    properties = (
        "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:displayname>Work</D:displayname>"
        '<C:supported-calendar-component-set><C:comp name="vevent"/></C:supported-calendar-component-set>'
        "<D:supported-report-set><D:supported-report><D:report><D:sync-collection/></D:report></D:supported-report>"
        "</D:supported-report-set><D:current-user-privilege-set><D:privilege><D:read/></D:privilege>"
        "</D:current-user-privilege-set><D:sync-token>t</D:sync-token><S:getctag>c</S:getctag>"
    )

    facts = wire.parse_collection(multistatus(response("/kari/work/", properties)), HERE)

    assert facts is not None
    assert (facts.is_calendar, facts.holds_events, facts.can_sync, facts.is_writable) == (True, True, True, False)
    assert (facts.name, facts.token, facts.ctag) == ("Work", "t", "c")


def test_a_collection_that_says_little_takes_any_component_and_lets_us_write() -> None:
    facts = wire.parse_collection(multistatus(response("/kari/work", "<D:resourcetype/>")), HERE)

    assert facts is not None
    assert (facts.is_calendar, facts.holds_events, facts.is_writable) == (False, True, True)


def test_an_answer_about_something_else_says_nothing_of_the_collection() -> None:
    assert wire.parse_collection(multistatus(response("/ola/work/", "<D:resourcetype/>")), HERE) is None
    with pytest.raises(UnusableAnswerError):
        wire.parse_collection(answer(200, "<html/>"), HERE)
