"""What a TZID means, and the VTIMEZONE we send along."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tzlocal.windows_tz import win_tz

from calsync.adapters.caldav.lines import parse
from calsync.adapters.caldav.vtimezone import Rules, rules_in, vtimezone_for
from calsync.adapters.caldav.zones import calendar_zone, candidate, zone_of
from tests.builders import ZONES


def wall_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


SUMMER, WINTER = wall_time("2026-07-01 10:00"), wall_time("2026-01-15 10:00")


def rules(tzid: str, *blocks: str, location: str = "") -> Rules | None:
    hint = [f"X-LIC-LOCATION:{location}"] if location else []
    lines = ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", f"TZID:{tzid}", *hint, *blocks, "END:VTIMEZONE", "END:VCALENDAR", ""]
    return rules_in(parse("\r\n".join(lines).encode()).calendar).get(tzid)


def block(kind: str, start: str, before: str, after: str, *more: str) -> str:
    lines = [f"BEGIN:{kind}", f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *more, f"END:{kind}"]
    return "\r\n".join(lines)


def fixed(offset: str) -> str:
    return block("STANDARD", "19700101T000000", offset, offset)


EUROPE = (
    block("STANDARD", "16011028T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10"),
    block("DAYLIGHT", "16010325T020000", "+0100", "+0200", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3"),
)


@pytest.mark.parametrize(
    ("tzid", "zone"),
    [
        ("Europe/Oslo", "Europe/Oslo"),
        (' "Europe/Oslo" ', "Europe/Oslo"),
        ("europe/oslo", "Europe/Oslo"),
        ("Europe/Kiev", "Europe/Kiev"),
        ("US/Eastern", "US/Eastern"),
        ("/freeassociation.sourceforge.net/Europe/Oslo", "Europe/Oslo"),
        ("/citadel.org/20210210_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Romance Standard Time 1", "Europe/Paris"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC-03:00) Brasilia", "America/Sao_Paulo"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("GMT+0100", "Etc/GMT-1"),
        ("UTC+2", "Etc/GMT-2"),
        ("UTC-03:00", "Etc/GMT+3"),
    ],
)
def test_pain_33_a_name_alone_is_resolved(tzid: str, zone: str) -> None:
    assert zone_of(tzid, [SUMMER], None) == zone


@pytest.mark.parametrize("name", sorted(win_tz))
def test_pain_33_every_windows_name_is_known(name: str) -> None:
    zone = candidate(name)

    assert zone is not None
    assert ZoneInfo(zone).utcoffset(SUMMER) is not None


@pytest.mark.parametrize(
    "tzid",
    [
        *("Europe/", "../../etc/passwd", "/etc/localtime", "", " ", "x" * 10_000, "Europe", "Europe/Oslo\x00"),
        *("Customized Time Zone", "tzone://Microsoft/Custom", "Oslo", "(UTC+09:00) Amsterdam", "Factory", "localtime"),
    ],
)
def test_D04_H62_a_name_that_says_nothing_is_not_guessed(tzid: str) -> None:
    assert zone_of(tzid, [SUMMER], None) is None


@given(tzid=st.text(max_size=40))
def test_D04_no_name_raises(tzid: str) -> None:
    zone_of(tzid, [SUMMER], None)


def test_pain_33_a_custom_name_with_the_rules_of_a_known_zone_is_that_zone() -> None:
    found = rules("Customized Time Zone", *EUROPE)

    assert zone_of("Customized Time Zone", [SUMMER], found) == "Europe/Budapest"
    assert zone_of("Customized Time Zone", [SUMMER], found, likely="Europe/Oslo") == "Europe/Oslo"
    assert zone_of("Customized Time Zone", [SUMMER], found, likely="Asia/Tokyo") == "Europe/Budapest"


def test_the_location_named_in_the_rules_is_the_zone() -> None:
    assert zone_of("Mine", [SUMMER], rules("Mine", *EUROPE, location="Europe/Oslo")) == "Europe/Oslo"


@pytest.mark.parametrize(
    ("offset", "zone"), [("+0500", "Etc/GMT-5"), ("-0300", "Etc/GMT+3"), ("+0000", "UTC"), ("+0545", "Asia/Katmandu")]
)
def test_D04_rules_without_a_name_give_a_zone_with_the_same_offset(offset: str, zone: str) -> None:
    assert zone_of("Customized Time Zone", [SUMMER, WINTER], rules("Customized Time Zone", fixed(offset))) == zone


def test_rules_are_read_per_object_and_never_remembered_by_their_name() -> None:
    name = "Customized Time Zone"

    assert zone_of(name, [SUMMER], rules(name, fixed("+0500"))) == "Etc/GMT-5"
    assert zone_of(name, [SUMMER], rules(name, fixed("-0300"))) == "Etc/GMT+3"
    assert zone_of(name, [SUMMER], None) is None


def test_D05_the_known_zone_wins_where_the_offsets_agree_at_the_event() -> None:
    always_winter = rules("Europe/Oslo", fixed("+0100"))

    assert zone_of("Europe/Oslo", [WINTER], always_winter) == "Europe/Oslo"


def test_D05_the_rules_in_the_object_win_where_the_offsets_differ() -> None:
    always_winter = rules("Europe/Oslo", fixed("+0100"))

    assert zone_of("Europe/Oslo", [SUMMER], always_winter) == "Etc/GMT-1"


def test_D05_rules_that_begin_after_the_event_say_nothing_about_it() -> None:
    later = rules("Europe/Oslo", block("STANDARD", "20300101T000000", "+0500", "+0500"))

    assert zone_of("Europe/Oslo", [SUMMER], later) == "Europe/Oslo"


@pytest.mark.parametrize(
    "rule",
    [
        *(
            "FREQ=SECONDLY",
            "FREQ=YEARLY;INTERVAL=0",
            "FREQ=YEARLY;BYMONTH=13",
            "FREQ=YEARLY;BYDAY=XX",
            "FREQ=YEARLY;BYDAY=MO,TU",
            "",
        ),
        *("nonsense", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYHOUR=1,2,3"),
    ],
)
def test_H62_a_rule_that_is_not_plain_and_yearly_costs_nothing_and_breaks_nothing(rule: str) -> None:
    odd = rules("Europe/Oslo", block("DAYLIGHT", "19700329T020000", "+0100", "+0200", f"RRULE:{rule}"))

    assert zone_of("Europe/Oslo", [SUMMER], odd) == "Europe/Oslo"


def test_old_american_rules_by_days_of_the_month_are_read() -> None:
    found = rules(
        "Mine",
        block(
            "DAYLIGHT",
            "20070311T020000",
            "-0500",
            "-0400",
            "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU",
        ),
        block("STANDARD", "20071104T020000", "-0400", "-0500", "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU"),
    )

    assert found is not None
    assert zone_of("Mine", [SUMMER], found) == "America/New_York"


def test_a_rule_ends_where_until_says() -> None:
    found = rules(
        "Mine",
        block(
            "DAYLIGHT",
            "20200329T020000",
            "+0100",
            "+0200",
            "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;UNTIL=20220327T010000Z",
        ),
        block("STANDARD", "20201025T030000", "+0200", "+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
    )

    assert found is not None
    assert found.offset(wall_time("2022-07-01")) == timedelta(hours=2)
    assert found.offset(SUMMER) == timedelta(hours=1)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [1997, 2026, 2090])
def test_D07_the_vtimezone_we_write_has_the_offsets_of_the_zone(zone: str, year: int) -> None:
    text = "\r\n".join(["BEGIN:VCALENDAR", *vtimezone_for(zone, date(year, 7, 1)), "END:VCALENDAR", ""])
    found = rules_in(parse(text.encode()).calendar)[zone]

    for hours in range(0, 3 * 365 * 24, 31):
        wall = wall_time(f"{year}-01-01") + timedelta(hours=hours)
        assert found.offset(wall) == wall.replace(tzinfo=ZoneInfo(zone)).utcoffset(), wall


@pytest.mark.parametrize(
    "zone", ["Europe/Oslo", "America/New_York", "Asia/Jerusalem", "Australia/Lord_Howe", "Asia/Tokyo"]
)
def test_another_reader_understands_the_vtimezone_we_write(zone: str) -> None:
    text = "\r\n".join([*vtimezone_for(zone, date(2026, 7, 1)), ""])

    component = icalendar.Timezone.from_ical(text)
    assert isinstance(component, icalendar.Timezone)
    witness = component.to_tz(lookup_tzid=False)

    for day in range(0, 400, 3):
        wall = wall_time("2026-01-01 12:00") + timedelta(days=day)
        assert wall.replace(tzinfo=witness).utcoffset() == wall.replace(tzinfo=ZoneInfo(zone)).utcoffset(), wall


def test_the_zone_of_a_calendar_is_read_from_its_property() -> None:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "BEGIN:VTIMEZONE",
        "TZID:Mine",
        *EUROPE,
        "END:VTIMEZONE",
        "END:VCALENDAR",
    ]

    assert calendar_zone("\r\n".join(lines), around=date(2026, 7, 1)) == "Europe/Budapest"
    assert calendar_zone("Europe/Oslo", around=date(2026, 7, 1)) == "Europe/Oslo"
    assert calendar_zone("<nothing/>", around=date(2026, 7, 1)) is None
