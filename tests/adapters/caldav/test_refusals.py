"""What a refused write means: the precondition first, the status second."""

import pytest

from calsync.adapters.caldav.hrefs import CollectionUrl
from calsync.adapters.caldav.refusals import refused_change, refused_create
from calsync.adapters.http.exchange import Answer
from calsync.core.errors import (
    AlreadyThereError,
    CalendarUnavailableError,
    RefusedError,
    RemoteError,
    StaleVersionError,
    TryLaterError,
)
from calsync.core.refs import Ref
from tests.adapters.caldav.scripted import answer

HERE = CollectionUrl("https://cal.example/c/")
REF = Ref("/c/key.ics")


def error(status: int, precondition: str, inside: str = "", *, namespace: str = "DAV:") -> Answer:
    return answer(
        status,
        f'<D:error xmlns:D="{namespace}" xmlns:C="urn:ietf:params:xml:ns:caldav"><{precondition}>{inside}'
        f"</{precondition}></D:error>",
    )


@pytest.mark.parametrize("status", [403, 409, 412])
@pytest.mark.parametrize("name", ["C:no-uid-conflict", "C:unique-scheduling-object-resource"])
def test_P20_a_taken_uid_says_where_it_is(status: int, name: str) -> None:
    found = refused_create(error(status, name, "<D:href>/c/other.ics</D:href>"), REF, HERE)

    assert isinstance(found, AlreadyThereError)
    assert found.ref == "/c/other.ics"


def test_P20_a_taken_uid_without_an_address_is_still_taken() -> None:
    found = refused_create(error(409, "C:no-uid-conflict"), REF, HERE)

    assert isinstance(found, AlreadyThereError)
    assert found.ref is None


@pytest.mark.parametrize("where", ["/another/other.ics", "https://evil.example/c/other.ics"])
def test_P20_a_uid_taken_in_another_calendar_is_not_adopted(where: str) -> None:
    found = refused_create(error(403, "C:no-uid-conflict", f"<D:href>{where}</D:href>"), REF, HERE)

    assert isinstance(found, RefusedError)
    assert found.reason == "duplicate_uid"


@pytest.mark.parametrize(
    ("given", "kind", "reason"),
    [
        (answer(412), AlreadyThereError, None),
        (answer(400, "Calendar object with uid already exists in this calendar collection."), AlreadyThereError, None),
        (answer(409, "Event UID already in use"), AlreadyThereError, None),
        (answer(400, "Bad Request"), RefusedError, "refused"),
        (answer(409), RefusedError, "refused"),
        (error(412, "C:valid-calendar-data"), RefusedError, "refused"),
        (error(403, "C:supported-calendar-component"), RefusedError, "refused"),
        (error(403, "C:max-resource-size"), RefusedError, "too_large"),
        (error(403, "D:need-privileges"), RefusedError, "read_only"),
        (error(403, "D:need-privileges", namespace="DAV"), RefusedError, "read_only"),
        (error(403, "D:quota-not-exceeded"), RefusedError, "refused"),
        (answer(403), RefusedError, "refused"),
        (answer(404), RefusedError, "refused"),
        (answer(405), RefusedError, "read_only"),
        (answer(413), RefusedError, "too_large"),
        (answer(415), RefusedError, "refused"),
        (answer(422), RefusedError, "refused"),
        (answer(423), TryLaterError, None),
        (answer(507), RefusedError, "refused"),
        (answer(410), CalendarUnavailableError, None),
    ],
)
def test_P19_a_refused_create_says_whose_move_it_is(given: Answer, kind: type[RemoteError], reason: str | None) -> None:
    found = refused_create(given, REF, HERE)

    assert type(found) is kind
    assert getattr(found, "reason", None) == reason


@pytest.mark.parametrize(
    ("given", "kind", "reason"),
    [
        (answer(412), StaleVersionError, None),
        (answer(404), StaleVersionError, None),
        (answer(410), StaleVersionError, None),
        (error(412, "C:valid-calendar-data"), RefusedError, "refused"),
        (error(412, "C:no-uid-conflict"), RefusedError, "refused"),
        (error(403, "D:need-privileges"), RefusedError, "read_only"),
        (answer(403), RefusedError, "refused"),
        (answer(409), RefusedError, "refused"),
        (answer(413), RefusedError, "too_large"),
        (answer(507), RefusedError, "refused"),
    ],
)
def test_P18_a_refused_change_is_stale_only_where_nothing_else_was_meant(
    given: Answer, kind: type[RemoteError], reason: str | None
) -> None:
    found = refused_change(given)

    assert type(found) is kind
    assert getattr(found, "reason", None) == reason
