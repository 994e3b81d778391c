"""Multistatus bodies: complete and plain, or nothing at all."""

import time

import pytest

from calsync.adapters.caldav import multistatus
from calsync.adapters.caldav.multistatus import DAV, Complaint
from calsync.adapters.http.exchange import Answer
from calsync.core.errors import UnusableAnswerError
from tests.adapters.caldav.scripted import answer, bare, response
from tests.adapters.caldav.scripted import multistatus as several

TAG = '<D:getetag>"a"</D:getetag>'


def hrefs(given: Answer) -> tuple[str, ...]:
    return multistatus.read(given, lambda member: member.href).members


def statuses(given: Answer) -> dict[str, int]:
    return dict(multistatus.read(given, lambda member: (member.href, member.status)).members)


def test_hrefs_are_kept_exactly_as_listed() -> None:
    listed = ("/c/a%40b.ics", "/c/a@b.ics", "https://host/c/%C3%A6.ics", "/c/with space.ics")

    assert hrefs(several(*(response(href, TAG) for href in listed))) == listed


def test_N16_a_member_that_failed_fails_alone() -> None:
    given = several(response("/c/1", TAG), response("/c/2", TAG, status=403), bare("/c/3", 404), bare("/c/4", 507))

    assert statuses(given) == {"/c/1": 200, "/c/2": 403, "/c/3": 404, "/c/4": 507}


def test_only_properties_with_status_200_exist() -> None:
    mixed = response("/c/1", TAG).replace(
        "</D:response>",
        "<D:propstat><D:prop><D:displayname>no</D:displayname></D:prop><D:status>HTTP/1.1 404 X</D:status>"
        "</D:propstat></D:response>",
    )

    names = multistatus.read(several(mixed), lambda member: frozenset(member.properties)).members

    assert names == (frozenset({f"{DAV}getetag"}),)


def test_the_sync_token_of_the_root_is_read_and_not_that_of_a_member() -> None:
    member = response("/c/", "<D:sync-token>of the member</D:sync-token>")

    assert multistatus.read(several(member, token="of the list"), lambda member: member.href).token == "of the list"
    assert multistatus.read(several(member), lambda member: member.href).token == ""


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_N10_a_listing_without_its_end_is_no_listing(kept: float) -> None:
    whole = several(*(response(f"/c/{n}", TAG) for n in range(50)))
    cut = answer(207, whole.body[: int(len(whole.body) * kept)])

    with pytest.raises(UnusableAnswerError):
        hrefs(cut)


@pytest.mark.parametrize(
    "given",
    [
        answer(200, "<html><body>Please sign in</body></html>", content_type="text/html"),
        answer(207, "<html><body>Please sign in</body></html>", content_type="text/html"),
        answer(207, "<!DOCTYPE html><html><body><br>Please sign in</body></html>"),
        answer(207, b""),
        answer(207, "not XML"),
        answer(207, "<multistatus/>"),
        answer(200, several(response("/c/1", TAG)).body),
        answer(207, several(response("/c/1", TAG)).body + b"<more/>"),
    ],
    ids=["page", "page as 207", "HTML", "empty", "text", "no namespace", "200", "trailing"],
)
def test_N15_anything_else_than_a_multistatus_is_unusable(given: Answer) -> None:
    with pytest.raises(UnusableAnswerError):
        hrefs(given)


def test_an_empty_multistatus_lists_nothing() -> None:
    assert hrefs(several()) == ()


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE m SYSTEM "http://127.0.0.1/m.dtd">',
        '<!DOCTYPE m [<!ENTITY % p SYSTEM "http://127.0.0.1/p"> %p;]>',
        "<!DOCTYPE m>",
    ],
)
def test_H56_a_document_type_is_refused(declaration: str) -> None:
    body = several(response("/c/&x;" if "ENTITY x" in declaration else "/c/1", TAG)).body.decode()

    with pytest.raises(UnusableAnswerError):
        hrefs(answer(207, declaration + body))


@pytest.mark.parametrize("where", ["text", "attribute"])
def test_H57_entities_that_blow_up_are_refused_at_once(where: str) -> None:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    use = response("/c/&a9;") if where == "text" else '<D:response x="&a9;"/>'
    begun = time.process_time()

    with pytest.raises(UnusableAnswerError):
        hrefs(answer(207, f'<!DOCTYPE m [<!ENTITY a0 "{"A" * 1000}">{levels}]>{several(use).body.decode()}'))

    assert time.process_time() - begun < 1


def test_H58_deep_nesting_is_refused() -> None:
    with pytest.raises(UnusableAnswerError):
        hrefs(several("<D:a>" * 100_000 + "</D:a>" * 100_000))


def test_H58_too_many_members_are_refused() -> None:
    with pytest.raises(UnusableAnswerError, match="more than"):
        hrefs(several("<D:response/>" * (multistatus.MEMBERS_MAX + 2)))


def test_H58_a_body_over_the_cap_is_refused() -> None:
    with pytest.raises(UnusableAnswerError, match="larger"):
        hrefs(answer(207, b" " * (multistatus.BODY_MAX + 1)))


def test_H66_properties_in_another_namespace_are_not_ours() -> None:
    odd = several(response("/c/1", '<x:getetag xmlns:x="DAV">"a"</x:getetag>'))

    assert multistatus.read(odd, lambda member: member.text(f"{DAV}getetag")).members == ("",)


def test_a_precondition_is_read_with_its_href() -> None:
    body = (
        '<D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
        "<C:no-uid-conflict><D:href>/c/other.ics</D:href></C:no-uid-conflict></D:error>"
    )

    said = multistatus.complaint(answer(409, body))

    assert said.names("no-uid-conflict")
    assert said.hrefs == ("/c/other.ics",)


def test_the_namespace_without_colon_that_sogo_uses_is_understood() -> None:
    body = '<D:error xmlns:D="DAV"><D:valid-sync-token/></D:error>'

    assert multistatus.complaint(answer(403, body)).names("valid-sync-token")


@pytest.mark.parametrize(
    "body", ["", "Forbidden", "<html/>", "<D:error", "<!DOCTYPE e><error xmlns='DAV:'><a/></error>"]
)
def test_an_error_without_precondition_names_none(body: str) -> None:
    assert multistatus.complaint(answer(403, body)) == Complaint()
