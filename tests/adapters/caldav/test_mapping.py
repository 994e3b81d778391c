"""Reading calendar objects as events, and writing events into their own text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from calsync.adapters.caldav.lines import parse
from calsync.adapters.caldav.mapping import (
    LENS,
    NotOffered,
    ReadEvent,
    digest,
    edited_object,
    new_object,
    read_object,
)
from calsync.core.errors import RefusedError
from calsync.core.event import AllDay, Busy, Event, Field, Privacy, Timed, When
from calsync.core.observation import Marker
from calsync.core.reason import Reason
from calsync.core.refs import Key
from calsync.core.series import Series
from tests.builders import OSLO, all_day, event, events, timed, whens

SAMPLES = {path.stem: path.read_bytes() for path in (Path(__file__).parents[2] / "samples" / "ical").glob("*.ics")}
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MARKER = Marker(realm="sod/Cust12345", key=Key("a1b2c3d4e5" * 4), generation=2)
ALL = frozenset(LENS.holds)


def made(*lines: str, before: tuple[str, ...] = ()) -> bytes:
    text = ("BEGIN:VCALENDAR", "VERSION:2.0", *before, "BEGIN:VEVENT", "UID:u1", *lines, "END:VEVENT", "END:VCALENDAR")
    return "".join(f"{line}\r\n" for line in text).encode()


def timed_text(*lines: str, start: str = "DTSTART;TZID=Europe/Oslo:20260701T100000") -> bytes:
    return made(start, *lines)


def read(data: bytes, *, calendar_zone: str | None = None) -> ReadEvent:
    found = read_object(data, person_zone=OSLO, calendar_zone=calendar_zone)
    assert isinstance(found, ReadEvent), found
    return found


def refused(data: bytes) -> Reason:
    found = read_object(data, person_zone=OSLO, calendar_zone=None)
    assert isinstance(found, NotOffered), found
    return found.reason


def edit(data: bytes, want: Event, *fields: Field) -> bytes:
    return edited_object(data, want, frozenset(fields) or ALL, stamp=NOW, person_zone=OSLO, calendar_zone=None)


def change(data: bytes, **parts: object) -> bytes:
    """The object with these fields of its event changed."""
    return edit(data, replace(read(data).event, **parts), *(Field(name) for name in parts))  # type: ignore[arg-type]  # names of fields


def lines_of(data: bytes) -> list[bytes]:
    return data.replace(b"\r\n", b"\n").splitlines()


def changed_lines(old: bytes, new: bytes) -> tuple[set[bytes], set[bytes]]:
    """What went and what came, stamps left out."""
    stamps = (b"DTSTAMP", b"LAST-MODIFIED", b"dtstamp")
    before, after = ({line for line in lines_of(text) if not line.startswith(stamps)} for text in (old, new))
    return before - after, after - before


# Laws


@given(wanted=events())
@example(wanted=event(when=timed("2026-10-25 02:10", minutes=30)))
@example(wanted=event(when=timed("2026-03-29 02:30", minutes=60)))
def test_D07_D19_D20_what_is_written_as_new_reads_back_as_the_lens_shows_it(wanted: Event) -> None:
    found = read(new_object(wanted, MARKER, stamp=NOW))

    assert found.event == LENS.show(wanted)
    assert same_instants(found.event.when, wanted.when)
    assert found.marker == MARKER
    assert not found.floating


@given(wanted=events(), name=st.sampled_from(sorted(SAMPLES)))
def test_D25_what_is_edited_into_any_text_reads_back_and_is_then_left_alone(wanted: Event, name: str) -> None:
    edited = edit(SAMPLES[name], wanted)

    found = read(edited)
    assert found.event == LENS.show(wanted)
    assert same_instants(found.event.when, wanted.when)
    assert found.uid == read(SAMPLES[name]).uid
    assert edit(edited, wanted) == edited


@given(wanted=events(), name=st.sampled_from(sorted(SAMPLES)), field=st.sampled_from(sorted(ALL, key=str)))
def test_D25_an_edit_of_one_field_leaves_all_others_as_they_read(wanted: Event, name: str, field: Field) -> None:
    before = read(SAMPLES[name]).event

    after = read(edit(SAMPLES[name], wanted, field)).event

    assert after == replace(before, **{field.value: getattr(wanted, field.value)})


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_pain_11_writing_what_is_already_there_gives_the_same_bytes(name: str) -> None:
    data = SAMPLES[name]

    assert edit(data, read(data).event) == data
    assert edit(data, event(title="another"), Field.PEOPLE, Field.ONLINE_MEETING) == data


@settings(max_examples=15)
@given(first=whens(), second=whens())
def test_D07_a_hundred_round_trips_give_no_drift(first: When, second: When) -> None:
    data = new_object(event(when=first), MARKER, stamp=NOW)
    once = data = edit(edit(data, event(when=second)), event(when=first))
    for _ in range(100):
        data = edit(edit(data, event(when=second)), event(when=first))

    assert data == once
    assert read(data).event.when == first
    assert same_instants(read(data).event.when, first)


def same_instants(one: When, other: When) -> bool:
    if isinstance(one, Timed) and isinstance(other, Timed):
        return one.same_instants(other)
    return one == other


@given(wanted=events())
def test_an_independent_reader_sees_the_event_we_wrote(wanted: Event) -> None:
    witness = icalendar.Calendar.from_ical(new_object(wanted, MARKER, stamp=NOW)).events[0]

    assert not witness.errors
    assert str(witness.get("SUMMARY")) == wanted.title
    assert str(witness.get("DESCRIPTION", "")) == wanted.notes
    if isinstance(wanted.when, AllDay):
        assert witness.start == wanted.when.first
        assert witness.end == wanted.when.last + timedelta(days=1)
    else:
        assert isinstance(witness.start, datetime)
        assert isinstance(witness.end, datetime)
        assert witness.start.astimezone(UTC) == wanted.when.start_utc
        assert witness.end.astimezone(UTC) == wanted.when.end_utc


# New objects


def test_a_new_object_is_what_every_server_takes() -> None:
    data = new_object(event("Lunch", timed(), reminder=15), MARKER, stamp=NOW)

    text = lines_of(data)
    assert text[:3] == [b"BEGIN:VCALENDAR", b"VERSION:2.0", b"PRODID:-//calsync//calsync//EN"]
    assert b"UID:" + MARKER.key.encode() in text
    assert b"DTSTAMP:20260615T120000Z" in text
    assert b"DTSTART;TZID=Europe/Oslo:20260701T100000" in text
    assert b"DTEND;TZID=Europe/Oslo:20260701T110000" in text
    assert text.count(b"BEGIN:VTIMEZONE") == 1
    assert not any(line.startswith((b"CLASS", b"TRANSP", b"STATUS", b"X-MICROSOFT", b"ATTENDEE")) for line in text)
    assert data.count(b"\n") == data.count(b"\r\n")


def test_a_utc_event_is_written_in_utc_without_a_zone() -> None:
    data = new_object(event(when=timed(zone="UTC")), MARKER, stamp=NOW)

    assert b"DTSTART:20260701T100000Z" in data
    assert b"VTIMEZONE" not in data


def test_a_series_is_never_flattened() -> None:
    series = replace(event(), series=Series(rule="FREQ=DAILY"))

    with pytest.raises(RefusedError, match="series"):
        new_object(series, MARKER, stamp=NOW)
    with pytest.raises(RefusedError, match="series"):
        edit(timed_text(), series, Field.SERIES)


@pytest.mark.parametrize("first", [date(1601, 1, 1), date(9999, 12, 31)])
def test_D10_a_year_no_calendar_holds_is_not_written(first: date) -> None:
    with pytest.raises(RefusedError, match="years"):
        new_object(event(when=AllDay(first=first, last=first)), MARKER, stamp=NOW)


# The marker


def test_pain_35_a_copy_that_a_person_makes_of_our_copy_has_no_marker() -> None:
    ours = new_object(event(), MARKER, stamp=NOW)

    theirs = ours.replace(b"UID:" + MARKER.key.encode(), b"UID:another")

    assert read(ours).marker == MARKER
    assert read(theirs).marker is None


@pytest.mark.parametrize("value", ["", "v1", "v1:0:u1:r", "v2:1:u1:r", "v1:x:u1:r", "v1:1:u1:", "v1:1::r", "v1:1:u2:r"])
def test_a_marker_that_is_not_ours_is_none(value: str) -> None:
    assert read(timed_text(f"X-CALSYNC-MARKER:{value}")).marker is None
    assert read(timed_text("X-CALSYNC-MARKER:v1:1:u1:r")).marker == Marker(realm="r", key=Key("u1"), generation=1)


# What is not offered


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html/>", Reason.UNREADABLE),
        (b"/etc/passwd", Reason.UNREADABLE),
        (timed_text("SUMMARY:\xe6").replace("\xe6".encode(), b"\xe6"), Reason.UNREADABLE),
        (made("SUMMARY:no start"), Reason.UNREADABLE),
        (made("DTSTART:nonsense"), Reason.UNREADABLE),
        (made("DTSTART"), Reason.UNREADABLE),
        (timed_text("DTSTART:20260701T100000Z"), Reason.UNREADABLE),
        (timed_text("SUMMARY:a", "SUMMARY:b"), Reason.UNREADABLE),
        (timed_text("DURATION:P"), Reason.UNREADABLE),
        (timed_text().replace(b"UID:u1\r\n", b""), Reason.UNREADABLE),
        (timed_text("DURATION:P99999W"), Reason.UNREADABLE),
        (b"BEGIN:VCALENDAR\r\nX:" + b"a" * 20_000_000, Reason.TOO_LARGE),
    ],
)
def test_D01_a_malformed_object_is_set_aside(data: bytes, reason: Reason) -> None:
    assert refused(data) is reason


def test_D24_a_huge_attachment_is_too_large() -> None:
    assert refused(timed_text("ATTACH;ENCODING=BASE64;VALUE=BINARY:" + "QUJD" * 5_000_000)) is Reason.TOO_LARGE


@pytest.mark.parametrize("year", ["0001", "1601", "1899", "2201", "9999"])
def test_D10_years_that_are_sentinels_are_set_aside(year: str) -> None:
    assert refused(timed_text(start=f"DTSTART:{year}0701T100000Z")) is Reason.UNREADABLE
    assert refused(timed_text(start=f"DTSTART;VALUE=DATE:{year}0701")) is Reason.UNREADABLE


@pytest.mark.parametrize("kind", ["VTODO", "VJOURNAL", "VFREEBUSY"])
def test_D02_other_kinds_are_no_events(kind: str) -> None:
    alone = f"BEGIN:VCALENDAR\r\nBEGIN:{kind}\r\nUID:1\r\nEND:{kind}\r\nEND:VCALENDAR\r\n".encode()

    assert refused(alone) is Reason.NOT_AN_EVENT
    assert refused(made("DTSTART:20260701T100000Z", before=(f"BEGIN:{kind}", f"END:{kind}"))) is Reason.NOT_AN_EVENT


def test_D02_several_uids_are_no_single_event() -> None:
    two = made("DTSTART:20260701T100000Z", "END:VEVENT", "BEGIN:VEVENT", "UID:u2", "DTSTART:20260701T100000Z")

    assert refused(two) is Reason.NOT_AN_EVENT
    assert refused(two.replace(b"u2", b"u1")) is Reason.UNREADABLE


@pytest.mark.parametrize(
    "line",
    [
        "RRULE:FREQ=WEEKLY",
        "RDATE:20260702T100000Z",
        "EXRULE:FREQ=WEEKLY",
        "RECURRENCE-ID:20260701T100000Z",
        "RRULE:FREQ=SECONDLY;INTERVAL=0",
    ],
)
def test_D11_D12_D14_a_series_is_set_aside_whole(line: str) -> None:
    assert refused(timed_text("SUMMARY:Weekly", line)) is Reason.SERIES


def test_D22_D23_an_event_with_attendees_is_a_meeting() -> None:
    many = [f"ATTENDEE:mailto:a{n}@example.com" for n in range(10_000)]

    assert refused(timed_text("ORGANIZER:mailto:me@example.com", *many)) is Reason.MEETING
    assert read(timed_text("ORGANIZER:mailto:me@example.com")).event.people == event().people


def test_D33_a_cancelled_event_is_set_aside_and_not_gone() -> None:
    assert refused(timed_text("STATUS:CANCELLED")) is Reason.CANCELLED


@pytest.mark.parametrize("tzid", ["Customized Time Zone", "Europe/", "../../etc/passwd", "", "x" * 10_000])
def test_D04_H62_an_unknown_zone_without_rules_is_set_aside_not_guessed(tzid: str) -> None:
    found = read_object(
        timed_text("SUMMARY:Trip", start=f"DTSTART;TZID={tzid}:20260701T100000"), person_zone=OSLO, calendar_zone=None
    )

    assert isinstance(found, NotOffered)
    assert (found.reason, found.title, found.uid) == (Reason.TIME_ZONE, "Trip", "u1")
    assert len(found.detail) < 150


def test_what_is_not_offered_is_never_written() -> None:
    with pytest.raises(RefusedError) as caught:
        edit(timed_text("RRULE:FREQ=DAILY"), event())

    assert caught.value.reason == Reason.SERIES.value


# Times


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        (("DTSTART;VALUE=DATE:20260701", "DTEND;VALUE=DATE:20260702"), all_day()),
        (("DTSTART;VALUE=DATE:20260701", "DTEND;VALUE=DATE:20260701"), all_day()),
        (("DTSTART;VALUE=DATE:20260701",), all_day()),
        (("DTSTART:20260701", "DTEND:20260704"), all_day(days=3)),
        (("DTSTART;VALUE=DATE:20260701", "DURATION:P3D"), all_day(days=3)),
        (("DTSTART;VALUE=DATE:20260701", "DURATION:P1W"), all_day(days=7)),
        (("DTSTART;VALUE=DATE:20260701", "DTEND;VALUE=DATE:20260601"), all_day()),
        (("DTSTART;VALUE=DATE:20260701", "DTEND:20260702T120000Z"), all_day(days=2)),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DTEND;TZID=Europe/Oslo:20260701T110000"), timed()),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DTEND:20260701T090000Z"), timed()),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DTEND;TZID=Asia/Tokyo:20260701T180000"), timed()),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DTEND:20260701T110000"), timed()),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DURATION:PT1H"), timed()),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DURATION:PT1H", "DTEND:20260701T080500Z"), timed(minutes=5)),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000",), timed(minutes=0)),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DTEND;TZID=Europe/Oslo:20260701T090000"), timed(minutes=0)),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DURATION:-PT1H"), timed(minutes=0)),
        (("DTSTART;TZID=Europe/Oslo:20260701T100000", "DTEND;VALUE=DATE:20260702"), timed(minutes=840)),
        (("DTSTART:20260701T080000Z", "DTEND:20260701T090000Z"), timed("2026-07-01 08:00", zone="UTC")),
        (("DTSTART:20260701T100000", "DTEND:20260701T110000"), timed()),
    ],
)
def test_D06_D09_every_form_of_start_and_end_is_read(lines: tuple[str, ...], when: When) -> None:
    assert read(made(*lines)).event.when == when


def test_D07_a_day_on_the_clock_is_not_24_hours_when_the_clock_changes() -> None:
    start = "DTSTART;TZID=Europe/Oslo:20260328T100000"

    nominal, exact = (read(timed_text(f"DURATION:{length}", start=start)).event.when for length in ("P1D", "PT24H"))

    assert nominal == timed("2026-03-28 10:00", minutes=24 * 60)
    assert exact == timed("2026-03-28 10:00", minutes=25 * 60)


def test_D07_a_time_in_a_gap_of_the_clock_stays_as_it_was_written() -> None:
    when = read(timed_text("DURATION:PT1H", start="DTSTART;TZID=Europe/Oslo:20260329T023000")).event.when

    assert when == Timed(start=timed("2026-03-29 02:30").start, end=timed("2026-03-29 04:30").start, zone=OSLO)


def test_D07_the_second_of_two_equal_times_is_written_in_utc_and_comes_back_in_its_zone() -> None:
    first = timed("2026-10-25 02:30", minutes=15)
    second = Timed(start=first.start.replace(fold=1), end=first.end.replace(fold=1), zone=OSLO)

    data = new_object(event(when=second), MARKER, stamp=NOW)

    assert b"DTSTART:20261025T013000Z" in data
    back = read(data).event.when
    assert isinstance(back, Timed)
    assert back.zone == OSLO
    assert back.same_instants(second)
    assert b"X-CALSYNC-ZONE" not in edit(data, event(when=first))


def test_D06_outlooks_midnight_to_midnight_is_an_all_day_event() -> None:
    flag = "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE"
    local = ("DTSTART;TZID=Europe/Oslo:20260701T000000", "DTEND;TZID=Europe/Oslo:20260703T000000")

    assert read(made(*local, flag)).event.when == all_day(days=2)
    assert read(made("DTSTART:20260630T220000Z", "DTEND:20260702T220000Z", flag)).event.when == all_day(days=2)
    assert read(made(*local)).event.when == timed("2026-07-01 00:00", minutes=48 * 60)
    assert read(timed_text("DURATION:PT1H", flag)).event.when == timed()


def test_D06_floating_times_are_read_in_the_zone_of_the_calendar_else_of_the_person() -> None:
    floating = made("DTSTART:20260701T100000", "DTEND:20260701T110000")

    assert read(floating).event.when == timed()
    assert read(floating, calendar_zone="Asia/Tokyo").event.when == timed(zone="Asia/Tokyo")
    assert read(floating).floating


def test_D05_rules_that_contradict_a_known_name_win_at_that_event() -> None:
    rules = (
        *("BEGIN:VTIMEZONE", "TZID:Europe/Oslo", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
        *("TZOFFSETFROM:+0500", "TZOFFSETTO:+0500", "END:STANDARD", "END:VTIMEZONE"),
    )
    data = made("DTSTART;TZID=Europe/Oslo:20260701T100000", "DURATION:PT1H", before=rules)

    assert read(data).event.when == timed(zone="Etc/GMT-5")
    moved = edit(data, event(when=timed("2026-07-02 10:00")), Field.WHEN)
    assert read(moved).event.when == timed("2026-07-02 10:00")
    assert moved.count(b"BEGIN:VTIMEZONE") == 1


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        (
            "outlook",
            b'DTSTART;TZID="W. Europe Standard Time":20260702T120000',
            b'DTEND;TZID="W. Europe Standard Time":',
        ),
        ("apple", b"DTSTART;TZID=Europe/Oslo:20260702T120000", b"DTEND;TZID=Europe/Oslo:20260702T130000"),
        ("google", b"DTSTART:20260702T120000Z", b"DTEND:20260702T130000Z"),
        ("odd", b"DTSTART:20260702T120000", b"DTEND:20260702T130000"),
        ("evolution", b"DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Oslo:", b"DTEND;TZID=/freeassociation"),
    ],
)
def test_a_moved_event_keeps_the_form_of_its_times(name: str, start: bytes, end: bytes) -> None:
    data = SAMPLES[name]
    shown = read(data).event.when
    assert isinstance(shown, Timed)

    moved = edit(data, event(when=timed("2026-07-02 12:00", zone=shown.zone)), Field.WHEN)

    assert start in moved
    assert end in moved
    assert b"DURATION:PT45M" not in moved
    assert moved.count(b"BEGIN:VTIMEZONE") == data.count(b"BEGIN:VTIMEZONE")
    assert read(moved).floating == read(data).floating


def test_a_zone_that_the_object_does_not_define_is_defined_when_it_is_written() -> None:
    moved = edit(SAMPLES["google"], event(when=timed()), Field.WHEN)

    assert b"DTSTART;TZID=Europe/Oslo:20260701T100000" in moved
    assert [item.name for item in parse(moved).calendar.components] == ["VTIMEZONE", "VEVENT"]


def test_a_change_from_timed_to_all_day_and_back_leaves_no_trace_of_the_other() -> None:
    data = SAMPLES["outlook"]

    days = change(data, when=all_day(days=2))
    back = change(days, when=read(data).event.when)

    assert b"DTSTART;VALUE=DATE:20260701\r\nLAST" in days
    assert b"DTEND;VALUE=DATE:20260703\r\n" in days
    assert b"X-MICROSOFT-CDO-ALLDAYEVENT:TRUE" in days
    assert b"X-MICROSOFT-CDO-ALLDAYEVENT:FALSE" in back
    assert b"VALUE=DATE:" not in back


# Editing in place


def test_D25_a_new_title_changes_one_line_of_each_text() -> None:
    for name, data in SAMPLES.items():
        gone, came = changed_lines(data, change(data, title="Nytt 🎉"))

        assert len(came) == 1, name
        assert all(line.upper().startswith((b"SUMMARY", b" ")) for line in gone | came), name


def test_D25_the_parameters_of_a_line_survive_its_new_value() -> None:
    assert b"SUMMARY;LANGUAGE=en-us:New\r\n" in change(SAMPLES["outlook"], title="New")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_D25_unknown_properties_alarms_and_components_survive_an_edit_of_everything(name: str) -> None:
    data = SAMPLES[name]
    wanted = event("Other", timed("2026-09-01 09:00", zone="Asia/Tokyo"), place="p", notes="n", categories=("c",))

    gone, _ = changed_lines(data, edit(data, replace(wanted, reminder=5)))

    kept = (b"X-GOOGLE", b"X-MOZ", b"X-EVOLUTION", b"X-MS-", b"X-APPLE-TRAVEL", b"X-APPLE-CREATOR", b"X-LONG", b"X-WR")
    assert not [
        line for line in gone if line.startswith((*kept, b"ATTACH", b"SEQUENCE", b"CREATED", b"UID", b"ACTION"))
    ]


def test_line_ends_and_folds_survive_an_edit() -> None:
    assert b"\r" not in change(SAMPLES["thunderbird"], title="x" * 200, when=all_day(), place="p")
    assert change(SAMPLES["odd"], place="p").startswith(b"\xef\xbb\xbf\r\nBEGIN:VCALENDAR\r\nversion:2.0\r\n")
    assert b"summary:M\xc3\r\n \xb8te" in change(SAMPLES["odd"], place="p")
    assert change(SAMPLES["odd"], place="p").endswith(b"END:VCALENDAR")


def test_stamps_that_are_there_are_brought_up_to_date_and_the_sequence_is_kept() -> None:
    edited = change(SAMPLES["outlook"], title="New")

    assert edited.count(b"20260615T120000Z") == 2
    assert b"SEQUENCE:3" in edited
    assert b"LAST-MODIFIED" not in change(timed_text("SUMMARY:a"), title="b")


def test_pain_22_D18_html_is_kept_unless_the_notes_themselves_change() -> None:
    data = SAMPLES["outlook"]

    assert b"X-ALT-DESC;FMTTYPE=text/html:" in change(data, title="x", place="y")
    assert b"X-ALT-DESC" not in change(data, notes="plain")
    assert b"ALTREP" not in change(SAMPLES["thunderbird"], notes="plain")


def test_pain_22_text_does_not_grow_over_ten_cycles() -> None:
    data = SAMPLES["outlook"]
    for n in range(10):
        data = change(data, notes=f"a; b, c\\n {n}\n\nlast")

    assert read(data).event.notes == "a; b, c\\n 9\n\nlast"
    assert data.count(b"DESCRIPTION") == SAMPLES["outlook"].count(b"DESCRIPTION")


def test_a_new_place_drops_the_old_place_in_other_shapes() -> None:
    data = SAMPLES["apple"]

    moved = change(data, place="Storgata 2")

    assert b"LOCATION:Storgata 2" in moved
    assert b"X-APPLE-STRUCTURED-LOCATION" not in moved
    assert b"GEO:" not in moved
    assert b"X-APPLE-STRUCTURED-LOCATION" in change(data, title="x")


def test_D17_long_notes_come_back_whole() -> None:
    long = "æ, line; end\n" * 10_000 + "end"

    assert read(change(SAMPLES["apple"], notes=long)).event.notes == long


# Privacy, busy, reminder


@pytest.mark.parametrize(
    ("word", "privacy"),
    [
        ("PUBLIC", Privacy.PUBLIC),
        ("PRIVATE", Privacy.PRIVATE),
        ("CONFIDENTIAL", Privacy.PRIVATE),
        ("X-SECRET", Privacy.PRIVATE),
        ("public", Privacy.PUBLIC),
    ],
)
def test_D26_an_unknown_class_is_private(word: str, privacy: Privacy) -> None:
    assert read(timed_text(f"CLASS:{word}")).event.privacy is privacy


def test_pain_34_the_class_is_changed_only_when_privacy_changes() -> None:
    secret = timed_text("CLASS:CONFIDENTIAL")

    assert b"CLASS:CONFIDENTIAL" in edit(secret, event("x", privacy=Privacy.PRIVATE))
    assert b"CLASS" not in change(secret, privacy=Privacy.PUBLIC)
    assert b"CLASS:PRIVATE" in change(timed_text(), privacy=Privacy.PRIVATE)


@pytest.mark.parametrize(
    ("lines", "busy"),
    [
        ((), Busy.BUSY),
        (("TRANSP:TRANSPARENT",), Busy.FREE),
        (("STATUS:TENTATIVE",), Busy.TENTATIVE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:OOF",), Busy.AWAY),
        (("X-MICROSOFT-CDO-BUSYSTATUS:FREE",), Busy.FREE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",), Busy.TENTATIVE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:SOMETHING",), Busy.BUSY),
        (("X-MICROSOFT-CDO-BUSYSTATUS:BUSY", "TRANSP:TRANSPARENT"), Busy.FREE),
        (("X-MICROSOFT-CDO-BUSYSTATUS:FREE", "TRANSP:OPAQUE"), Busy.BUSY),
    ],
)
def test_pain_39_three_properties_say_whether_the_time_is_busy(lines: tuple[str, ...], busy: Busy) -> None:
    assert read(timed_text(*lines)).event.busy is busy


@given(wanted=st.sampled_from(Busy), shown=st.sampled_from(Busy), outlook=st.sampled_from(("", "FREE", "BUSY", "OOF")))
def test_pain_39_busy_is_written_so_that_all_properties_agree(wanted: Busy, shown: Busy, outlook: str) -> None:
    lines = [f"X-MICROSOFT-CDO-BUSYSTATUS:{outlook}"] if outlook else []
    data = change(timed_text(*lines), busy=shown)

    edited = change(data, busy=wanted)

    assert read(edited).event.busy is wanted
    assume(wanted is not shown)
    assert (b"TRANSP:TRANSPARENT" in edited) == (wanted is Busy.FREE)


def alarm(*lines: str) -> tuple[str, ...]:
    return ("BEGIN:VALARM", *lines, "END:VALARM")


@pytest.mark.parametrize(
    ("lines", "minutes"),
    [
        (("ACTION:DISPLAY", "TRIGGER:-PT15M"), 15),
        (("ACTION:DISPLAY", "TRIGGER:PT0S"), 0),
        (("ACTION:DISPLAY", "TRIGGER;RELATED=START:-P1DT1H"), 1500),
        (("ACTION:DISPLAY", "TRIGGER;RELATED=END:-PT15M"), None),
        (("ACTION:DISPLAY", "TRIGGER:PT15M"), None),
        (("ACTION:DISPLAY", "TRIGGER:-P3650D"), None),
        (("ACTION:DISPLAY", "TRIGGER:-P"), None),
        (("ACTION:DISPLAY", "TRIGGER;VALUE=DATE-TIME:20260701T080000Z"), None),
        (("ACTION:DISPLAY", "TRIGGER:-PT15M", "RELATED-TO:other"), None),
        (("ACTION:AUDIO", "TRIGGER:-PT15M"), None),
        (("ACTION:EMAIL", "TRIGGER:-PT15M"), None),
        (("ACTION:DISPLAY",), None),
    ],
)
def test_D31_pain_38_only_a_plain_alarm_before_the_start_is_the_reminder(
    lines: tuple[str, ...], minutes: int | None
) -> None:
    assert read(timed_text(*alarm(*lines))).event.reminder == minutes


def test_pain_38_the_reminder_is_changed_in_place_and_foreign_alarms_are_kept() -> None:
    data = SAMPLES["apple"]

    later = change(data, reminder=5)
    none = change(data, reminder=None)

    assert changed_lines(data, later) == ({b"TRIGGER:-PT30M"}, {b"TRIGGER:-PT5M"})
    assert none.count(b"BEGIN:VALARM") == 1
    assert b"ACTION:AUDIO" in none


def test_pain_38_alarms_do_not_grow_over_ten_cycles() -> None:
    data = SAMPLES["google"]
    for n in range(10):
        data = change(change(data, reminder=n + 1), reminder=None if n % 2 else 60)

    assert data.count(b"BEGIN:VALARM") <= 2
    assert data.count(b"ACTION:EMAIL") == 1


def test_a_title_that_goes_leaves_nothing_of_itself_in_an_alarm() -> None:
    data = timed_text(
        *("SUMMARY:Merger\\, secret", *alarm("ACTION:DISPLAY", "TRIGGER:-PT5M", "DESCRIPTION:Merger\\, secret")),
        *alarm("ACTION:EMAIL", "TRIGGER:-P1D", "SUMMARY:Merger\\, secret", "DESCRIPTION:Take the papers"),
    )

    busy = change(data, title="Busy")

    assert b"Merger" not in busy
    assert b"DESCRIPTION:Take the papers" in busy
    assert b"Merger" not in change(new_object(event("Merger", reminder=15), MARKER, stamp=NOW), title="Busy")


# The digest


def test_pain_11_a_text_that_a_server_restamps_reorders_or_refolds_has_the_same_digest() -> None:
    calendar = icalendar.Calendar.from_ical(SAMPLES["evolution"])
    again = calendar.to_ical(sorted=True).replace(b"20260601T080000Z", b"20260701T080000Z")

    assert again != SAMPLES["evolution"]
    assert digest(again) == digest(SAMPLES["evolution"])


def test_pain_11_a_zone_that_a_server_adds_does_not_change_the_digest() -> None:
    with_zone = new_object(event(), MARKER, stamp=NOW)
    start, end = with_zone.index(b"BEGIN:VTIMEZONE"), with_zone.index(b"BEGIN:VEVENT")

    assert digest(with_zone[:start] + with_zone[end:]) == digest(with_zone)


@given(one=events(), other=events())
def test_events_that_differ_have_different_digests(one: Event, other: Event) -> None:
    texts = [new_object(wanted, MARKER, stamp=NOW) for wanted in (one, other)]

    assert (digest(texts[0]) == digest(texts[1])) == (one == other and same_instants(one.when, other.when))


def test_an_unreadable_text_has_a_digest_too() -> None:
    assert digest(b"<html/>") != digest(b"<html>")
