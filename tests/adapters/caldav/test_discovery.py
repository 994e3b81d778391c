"""From what a person types to the calendars behind it, and where the password may go on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from calsync.adapters.caldav import presets
from calsync.adapters.caldav.auth import Password, Token, account_for
from calsync.adapters.caldav.discovery import Connected, connect
from calsync.adapters.caldav.dns import Service
from calsync.adapters.caldav.findings import Findings, NotFoundError
from calsync.adapters.http.exchange import Answer, Request
from calsync.core.errors import SignInNeededError
from tests.adapters.caldav.scripted import Reply, ScriptedHttp, answer, multistatus, response
from tests.contracts.caldav_bench import http_for
from tests.servers.fixtures import CalDavServer, MakeCalendar

LOGIN = Password(username="kari", password="secret")
CALENDAR = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"


@dataclass(frozen=True, slots=True)
class Records:
    """DNS of a made-up world."""

    srv: Mapping[str, Sequence[Service]] = field(default_factory=dict)
    txt: Mapping[str, Sequence[str]] = field(default_factory=dict)

    async def services(self, name: str) -> Sequence[Service]:
        return self.srv.get(name, ())

    async def texts(self, name: str) -> Sequence[str]:
        return self.txt.get(name, ())


def principal_at(href: str) -> Answer:
    return multistatus(response("/", f"<D:current-user-principal><D:href>{href}</D:href></D:current-user-principal>"))


def home_at(*hrefs: str) -> Answer:
    listed = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
    return multistatus(response("/p/", f"<C:calendar-home-set>{listed}</C:calendar-home-set>"))


def calendar(href: str, name: str = "Work", more: str = "") -> str:
    return response(href, f"{CALENDAR}<D:displayname>{name}</D:displayname>{more}")


def server(host: str = "https://cal.example", *, context: str = "/dav/") -> dict[tuple[str, str], Reply]:
    """A plain server: context, principal, one home with one calendar."""
    return {
        ("PROPFIND", f"{host}{context}"): principal_at("/p/kari/"),
        ("PROPFIND", f"{host}/p/kari/"): home_at("/h/kari/"),
        ("PROPFIND", f"{host}/h/kari/"): multistatus(response("/h/kari/"), calendar("/h/kari/work/")),
    }


async def find(
    http: ScriptedHttp, address: str, records: Records | None = None, findings: Findings | None = None
) -> Connected:
    return await connect(http, address=address, login=LOGIN, resolver=records or Records(), findings=findings)


# --- ways to the calendars


async def test_a_url_with_a_path_is_the_place_to_start() -> None:
    http = ScriptedHttp(server())

    found = await find(http, "https://cal.example/dav/")

    assert [calendar.id for calendar in found.calendars] == ["https://cal.example/h/kari/work/"]
    assert found.principal == "https://cal.example/p/kari/"
    assert http.asked[0].url == "https://cal.example/dav/"


async def test_an_address_leads_by_srv_and_txt_records_to_the_server() -> None:
    records = Records(
        srv={"_caldavs._tcp.example.org": [Service(target="dav.example.org", port=8443)]},
        txt={"_caldavs._tcp.example.org": ["path=/dav/"]},
    )

    found = await find(ScriptedHttp(server("https://dav.example.org:8443")), "kari@example.org", records)

    assert found.calendars[0].id == "https://dav.example.org:8443/h/kari/work/"


async def test_the_srv_record_of_lowest_priority_comes_first() -> None:
    services = [
        Service(target="second.example.org", port=443, priority=2),
        Service(target="first.example.org", port=443, priority=1),
    ]
    http = ScriptedHttp(server("https://first.example.org", context="/.well-known/caldav"))

    await find(http, "kari@example.org", Records(srv={"_caldavs._tcp.example.org": services}))

    assert all("first" in request.url for request in http.asked)


async def test_a_well_known_redirect_is_followed_to_the_context() -> None:
    http = ScriptedHttp(server(), redirects={"https://cal.example/.well-known/caldav": "https://cal.example/dav/"})

    found = await find(http, "cal.example")

    assert found.calendars


async def test_the_root_is_tried_last() -> None:
    assert (await find(ScriptedHttp(server(context="/")), "https://cal.example")).calendars


@pytest.mark.parametrize(
    "typed",
    ["https://cloud.example/nc/index.php/apps/calendar/dayGridMonth", "https://cloud.example/nc/apps/calendar"],
)
async def test_the_address_of_a_nextcloud_page_is_enough(typed: str) -> None:
    http = ScriptedHttp(server("https://cloud.example", context="/nc/remote.php/dav/"))

    assert (await find(http, typed)).calendars


async def test_the_url_of_a_calendar_itself_works_without_a_principal() -> None:
    http = ScriptedHttp({("PROPFIND", "https://cal.example/cal/"): multistatus(calendar("/cal/", "Only"))})

    found = await find(http, "https://cal.example/cal/")

    assert [(calendar.id, calendar.name) for calendar in found.calendars] == [("https://cal.example/cal/", "Only")]


async def test_a_preset_knows_the_server_of_a_mail_domain() -> None:
    host = "https://caldav.icloud.com"
    http = ScriptedHttp(
        {
            ("PROPFIND", f"{host}/"): principal_at("/1234/principal/"),
            ("PROPFIND", f"{host}/1234/principal/"): home_at("https://p42-caldav.icloud.com:443/1234/calendars/"),
            ("PROPFIND", "https://p42-caldav.icloud.com:443/1234/calendars/"): multistatus(
                calendar("/1234/calendars/home/", "Home")
            ),
        }
    )

    found = await find(http, "kari@icloud.com")

    assert [calendar.name for calendar in found.calendars] == ["Home"]
    assert "https://p42-caldav.icloud.com" in found.facts["origins"]


# --- what is offered


async def test_only_calendars_for_events_are_offered() -> None:
    tasks = '<C:supported-calendar-component-set><C:comp name="VTODO"/></C:supported-calendar-component-set>'
    inbox = "<D:resourcetype><C:calendar/><C:schedule-inbox/></D:resourcetype>"
    replies = server() | {
        ("PROPFIND", "https://cal.example/h/kari/"): multistatus(
            response("/h/kari/", "<D:resourcetype><D:collection/></D:resourcetype>"),
            calendar("/h/kari/tasks/", "Tasks", tasks),
            response("/h/kari/inbox/", inbox),
            calendar("/h/kari/work/"),
            calendar("https://cal.example/h/kari/work", "Twice"),
            calendar("https://evil.example/h/", "Elsewhere"),
        )
    }

    found = await find(ScriptedHttp(replies), "https://cal.example/dav/")

    assert [calendar.name for calendar in found.calendars] == ["Work"]


async def test_a_calendar_without_the_right_to_write_is_said_to_be_read_only() -> None:
    reading = "<D:current-user-privilege-set><D:privilege><D:read/></D:privilege></D:current-user-privilege-set>"
    writing = "<D:current-user-privilege-set><D:privilege><D:all/></D:privilege></D:current-user-privilege-set>"
    replies = server() | {
        ("PROPFIND", "https://cal.example/h/kari/"): multistatus(
            calendar("/h/kari/a/", "A", reading), calendar("/h/kari/b/", "B", writing), calendar("/h/kari/c/", "C")
        )
    }

    found = await find(ScriptedHttp(replies), "https://cal.example/dav/")

    assert {calendar.name: calendar.writable for calendar in found.calendars} == {"A": False, "B": True, "C": True}


# --- the password


async def test_a_login_that_is_not_accepted_is_tried_once() -> None:
    http = ScriptedHttp({("PROPFIND", "https://cal.example/dav/"): answer(401)})

    with pytest.raises(SignInNeededError):
        await find(http, "https://cal.example/dav/")

    assert len(http.asked) == 1


async def test_a_server_that_takes_us_for_nobody_wants_a_login() -> None:
    nobody = "<D:current-user-principal><D:unauthenticated/></D:current-user-principal>"
    http = ScriptedHttp({("PROPFIND", "https://cal.example/dav/"): multistatus(response("/dav/", nobody))})

    with pytest.raises(SignInNeededError):
        await find(http, "https://cal.example/dav/")


async def test_H52_a_record_that_names_somebody_elses_host_gets_no_password() -> None:
    records = Records(srv={"_caldavs._tcp.example.org": [Service(target="cal.evil.example", port=443)]})
    http = ScriptedHttp(server("https://cal.evil.example", context="/.well-known/caldav"))
    findings = Findings()

    with pytest.raises(NotFoundError):
        await find(http, "kari@example.org", records, findings)

    assert not any("evil" in request.url for request in http.asked)
    assert any("cal.evil.example" in step.advice for step in findings.steps)


async def test_H53_a_home_on_somebody_elses_host_gets_no_password() -> None:
    replies = server() | {("PROPFIND", "https://cal.example/p/kari/"): home_at("https://evil.com/h/")}
    http = ScriptedHttp(replies)

    with pytest.raises(NotFoundError):
        await find(http, "https://cal.example/dav/")

    assert not any("evil" in request.url for request in http.asked)


async def test_H55_a_redirect_to_cleartext_gets_no_password() -> None:
    http = ScriptedHttp(server("http://cal.example"), redirects={"https://cal.example/dav/": "http://cal.example/dav/"})

    with pytest.raises(NotFoundError):
        await find(http, "https://cal.example/dav/")

    assert not any(request.url.startswith("http://") for request in http.asked)


@pytest.mark.parametrize(
    ("given", "other", "allowed"),
    [
        ("example.org", "dav.example.org", True),
        ("a.example.co.uk", "b.example.co.uk", True),
        ("example.co.uk", "evil.co.uk", False),
        ("example.org", "example.org.evil.com", False),
        ("example.org", "badexample.org", False),
        ("icloud.com", "p01-caldav.icloud.com", True),
        ("me.com", "caldav.icloud.com", True),
        ("me.com", "caldav.fastmail.com", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("localhost", "localhost", True),
    ],
)
def test_a_password_stays_with_those_it_was_meant_for(given: str, other: str, allowed: bool) -> None:
    assert presets.may_have_password(given, other) is allowed


async def test_google_takes_no_password_and_the_person_is_told_so() -> None:
    http = ScriptedHttp()

    with pytest.raises(NotFoundError, match="Google takes no passwords"):
        await find(http, "kari@gmail.com")

    assert not http.asked


def test_a_bearer_token_is_asked_for_each_time() -> None:
    tokens = iter(["one", "two"])
    account = account_for(Token(username="kari", current=lambda: next(tokens)), ["https://cal.example"])

    assert [account.header(), account.header()] == [b"Bearer one", b"Bearer two"]


def test_basic_is_sent_in_utf_8_and_a_user_name_has_no_colon() -> None:
    assert Password(username="kåri", password="p:w").header == "Basic a8Olcmk6cDp3"
    with pytest.raises(SignInNeededError):
        _ = Password(username="a:b", password="c").header


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(LOGIN)


# --- findings


@pytest.mark.parametrize("typed", ["", "https://", "https://user:pw@cal.example/", "ftp://cal.example/", "kari@"])
async def test_H54_what_is_no_address_is_refused_with_advice(typed: str) -> None:
    with pytest.raises(NotFoundError) as refused:
        await find(ScriptedHttp(), typed)

    assert refused.value.findings[-1].advice


async def test_a_failed_test_says_every_step_it_took() -> None:
    def page(_: Request) -> Answer:
        return answer(200, "<html>welcome</html>", content_type="text/html")

    http = ScriptedHttp({("PROPFIND", "https://cal.example/"): page})

    with pytest.raises(NotFoundError) as failed:
        await find(http, "https://cal.example/")

    tried = [step.tried for step in failed.value.findings]
    assert any(".well-known" in text for text in tried)
    assert "https://cal.example/" in tried
    assert not any(step.good for step in failed.value.findings)


async def test_an_account_without_a_calendar_is_told_apart_from_a_wrong_address() -> None:
    replies = server() | {("PROPFIND", "https://cal.example/h/kari/"): multistatus(response("/h/kari/"))}

    with pytest.raises(NotFoundError, match="no calendar for events"):
        await find(ScriptedHttp(replies), "https://cal.example/dav/")


# --- real servers


async def test_the_calendars_of_a_real_server_are_found(
    caldav_server: CalDavServer, new_calendar: MakeCalendar
) -> None:
    url = new_calendar()
    login = Password(username=caldav_server.user, password=caldav_server.password)

    async with http_for(caldav_server.url) as http:
        found = await connect(http, address=caldav_server.url, login=login, resolver=Records())
        direct = await connect(http, address=url, login=login, resolver=Records())

    assert url in {calendar.id for calendar in found.calendars}
    assert url in {calendar.id for calendar in direct.calendars}
    assert direct.principal == found.principal
    assert all(calendar.writable for calendar in found.calendars)
