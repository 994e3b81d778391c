"""Wire, mapping, zones, keys and archive: what needs no server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice import archive, keys, mapping, quirks, wire
from calsync.adapters.superoffice.mapping import DayClock, Reading
from calsync.adapters.superoffice.zones import ZONES, zone_from_code
from calsync.core.errors import UnusableAnswerError
from calsync.core.event import AllDay, Event, Field, Privacy
from calsync.core.observation import Aside, Marker, Seen
from calsync.core.reason import Reason
from calsync.core.refs import Key
from calsync.sandbox.superoffice.zones import ZONES as SIMULATED
from tests.builders import event, events, timed, zones

MARKER = Marker(realm="sod/Cust12345", key=Key("k" * 40), generation=3)
FLAT: dict[str, Any] = {
    "AppointmentId": 63,
    "AssociateId": 12,
    "Type": "inDiary",
    "StartDate": "2026-07-01T08:00:00Z",
    "EndDate": "2026-07-01T09:00:00Z",
    "Title": "Lunch",
    "Description": "Lunch",
    "Private": "Public",
    "AssignmentStatus": "None",
    "CreatedDate": "2026-06-01T08:00:00Z",
}
READING = Reading(associate=12, zone="Europe/Oslo", base_zone="Europe/Oslo")


def answer(body: bytes) -> Answer:
    return Answer(status=200, headers={"content-type": "application/json"}, body=body, url="")


def shown(**changes: Any) -> Seen | Aside:
    row = wire.row_from_flat(FLAT | changes)
    assert row is not None
    return mapping.seen_or_aside(row, READING)


# --- lens laws ------------------------------------------------------------------------------------------------------


def _shortened(of: Event) -> Event:
    """Without what only the columns' widths in UTF-16 units would cut."""
    return replace(of, place=of.place[:100], title=of.title[:1000])


@given(wanted=events(), zone=zones())
def test_what_is_written_reads_back_as_the_lens_shows_it(wanted: Event, zone: str) -> None:
    reading = Reading(associate=12, zone=zone, base_zone="Europe/Oslo")
    wanted = _shortened(wanted)

    entity = mapping.filled({"AppointmentId": 1, "Type": "inDiary"}, wanted, reading)
    row = wire.row_from_entity(entity | {"Associate": {"AssociateId": 12}})
    assert row is not None

    assert mapping.event_from_row(row, reading) == mapping.lens_for(zone).show(wanted)


@given(wanted=events(), zone=zones())
def test_writing_what_is_already_there_changes_nothing(wanted: Event, zone: str) -> None:
    reading = Reading(associate=12, zone=zone)
    entity = mapping.filled({"AppointmentId": 1}, wanted, reading)

    operations = mapping.patch_of(entity, wanted, frozenset(Field) - {Field.PRIVACY}, reading, untested=frozenset())

    assert operations == []


@given(wanted=events(), zone=zones())
def test_the_lens_shows_twice_what_it_shows_once(wanted: Event, zone: str) -> None:
    lens = mapping.lens_for(zone)

    assert lens.show(lens.show(wanted)) == lens.show(wanted)


@given(total=st.integers(0, 65535))
def test_a_time_span_comes_back_as_it_went(total: int) -> None:
    assert wire.minutes(wire.span(total)) == total


def test_texts_are_cut_as_columns_count_and_never_within_a_character() -> None:
    written = mapping.properties(event("x", place="👩" * 200), frozenset({Field.PLACE}), READING)

    assert written["Location"] == "👩" * 127


# --- the patch ------------------------------------------------------------------------------------------------------


def test_a_patch_tests_what_was_seen_of_its_fields_and_replaces_just_those() -> None:
    entity = FLAT | {"ActiveDate": "2026-07-01T08:00:00Z", "IsAlldayEvent": False}
    want = event("Dinner", timed("2026-07-01 10:00", minutes=90))

    operations = mapping.patch_of(
        entity, want, frozenset({Field.TITLE, Field.WHEN}), READING, untested=frozenset({"EndDate"})
    )

    assert operations == [
        {"op": "test", "path": "/Title", "value": "Lunch"},
        {"op": "test", "path": "/Description", "value": "Lunch"},
        {"op": "test", "path": "/IsAlldayEvent", "value": False},
        {"op": "test", "path": "/StartDate", "value": "2026-07-01T08:00:00Z"},
        {"op": "replace", "path": "/Title", "value": "Dinner"},
        {"op": "replace", "path": "/Description", "value": "Dinner"},
        {"op": "replace", "path": "/EndDate", "value": "2026-07-01T09:30:00Z"},
    ]


def test_every_property_that_is_written_is_tested_or_known_not_to_be() -> None:
    written = mapping.properties(event(privacy=Privacy.PRIVATE, reminder=5), frozenset(Field), READING)

    assert set(written) <= mapping.TESTABLE | {"VisibleFor", "ActiveDate"}
    assert "InternalNotes" not in written


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"AssociateId": 13}, Reason.OTHER_PERSON),
        ({"Type": "Document"}, Reason.DOCUMENT),
        ({"Type": "inChecklist"}, Reason.TASK),
        ({"Type": "BookingForDiary"}, Reason.BOOKING),
        ({"Type": "SomethingNew"}, Reason.NOT_AN_EVENT),
        ({"MotherId": 63}, Reason.BOOKING),
        ({"IsBooking": True}, Reason.BOOKING),
        ({"AssignmentStatus": "Assigning", "Type": "BookingForDiary"}, Reason.ASSIGNMENT),
        ({"IsRecurrence": True}, Reason.SERIES),
        ({"StartDate": None}, Reason.UNREADABLE),
        ({"StartDate": "9999-12-31T23:59:59.9999999Z"}, Reason.UNREADABLE),
        ({"EndDate": "2026-06-30T00:00:00Z"}, Reason.UNREADABLE),
    ],
)
def test_rows_that_are_no_plain_entries_have_a_reason(changes: dict[str, Any], reason: Reason) -> None:
    look = shown(**changes)

    assert isinstance(look, Aside)
    assert look.reason is reason
    assert look.title == "Lunch"


@pytest.mark.parametrize(
    "changes",
    [
        {"AssignmentStatus": "SomethingNew"},
        {"AssignmentStatus": None},
        {"Title": None},
        {"Type": 1},
        {"EndDate": None},
        {"Future": {"deep": [1]}},
        {"Location": None, "Agenda": None, "AlarmLeadTime": None, "HasAlarm": None, "IsFree": None},
    ],
)
def test_P39_nulls_numbers_and_unknown_words_are_tolerated(changes: dict[str, Any]) -> None:
    look = shown(**changes)

    assert isinstance(look, Seen)
    assert look.event.title == "Lunch"


def test_P39_an_unknown_word_for_private_counts_as_private() -> None:
    look = shown(Private="PrivateTeam")

    assert isinstance(look, Seen)
    assert look.event.privacy is Privacy.PRIVATE


@pytest.mark.parametrize(
    ("changes", "is_private"),
    [
        ({"VisibleFor": [{"Visibility": "All", "VisibleId": 0}]}, False),
        ({"VisibleFor": [{"Visibility": "Group", "VisibleId": 2}]}, True),
        ({"VisibleFor": None}, False),
        ({"VisibleFor": [{"Visibility": "All"}], "Private": "PrivateUser"}, True),
    ],
)
def test_pain_10_of_the_two_places_that_say_private_the_stricter_counts(
    changes: dict[str, Any], is_private: bool
) -> None:
    row = wire.row_from_entity(FLAT | changes)

    assert row is not None
    assert row.private is is_private


def test_a_flat_row_and_its_entity_have_one_digest() -> None:
    entity = FLAT | {
        "Associate": {"AssociateId": 12},
        "VisibleFor": [{"Visibility": "All", "VisibleId": 0}],
        "Participants": [{"AssociateId": 12}],
        "Recurrence": {"IsRecurrence": False},
        "StartDate": "2026-07-01T10:00:00+02:00",
        "UpdatedDate": "2026-07-01T08:00:00Z",
        "InternalNotes": "secret",
    }

    flat, whole = wire.row_from_flat(FLAT | {"InternalNotes": "other"}), wire.row_from_entity(entity)

    assert flat is not None
    assert flat == whole
    assert whole is not None
    assert flat.digest == whole.digest


@pytest.mark.parametrize(
    "changes", [{"Agenda": "<p>x</p>"}, {"Private": "PrivateUser"}, {"CreatedDate": "2026-06-02T08:00:00Z"}]
)
def test_P35_any_change_that_matters_changes_the_digest(changes: dict[str, Any]) -> None:
    assert shown().version != shown(**changes).version


@pytest.mark.parametrize("item", [None, 5, "x", [], {}, {"AppointmentId": 0}, {"AppointmentId": True}])
def test_what_is_no_row_is_none(item: Any) -> None:
    assert wire.row_from_flat(item) is None
    assert wire.row_from_entity(item) is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.9999999-12:00",
        "x",
        "2026-13-01T00:00:00Z",
    ],
)
def test_sentinels_and_nonsense_are_no_instants(text: str | None) -> None:
    assert wire.instant(text) is None


def test_instants_are_read_with_any_suffix_and_written_with_z() -> None:
    noon = datetime(2026, 7, 1, 10, tzinfo=UTC)

    assert {
        wire.instant(text)
        for text in (
            "2026-07-01T10:00:00Z",
            "2026-07-01T12:00:00+02:00",
            "2026-07-01T10:00:00.000",
            "2026-07-01T12:00:00+0200",
        )
    } == {noon}
    assert wire.written(noon.astimezone(ZoneInfo("Asia/Tokyo"))) == "2026-07-01T10:00:00Z"


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"x"', b"[1", b"\xff", b"5"])
def test_N15_what_is_no_list_is_never_an_empty_one(body: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        wire.listed(answer(body))


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (wire.listed, wire.entity_or_none, archive.rows, keys.all_bound):
        try:
            read(answer(body))
        except UnusableAnswerError:
            continue


def test_H11_deep_json_is_refused() -> None:
    with pytest.raises(UnusableAnswerError):
        wire.listed(answer(b"[" * 100_000))


# --- whole days -----------------------------------------------------------------------------------------------------


def whole_day(start: str, end: str, reading: Reading, *, zone: int = 0) -> Any:
    row = wire.row_from_flat(
        FLAT | {"IsAlldayEvent": True, "StartDate": start, "EndDate": end, "PreferredTZLocation": zone}
    )
    assert row is not None
    return mapping.when_from_row(row, reading)


@pytest.mark.parametrize("end", ["2026-07-02T21:59:00Z", "2026-07-02T21:59:59Z", "2026-07-02T22:00:00Z"])
def test_whole_days_end_at_23_59_or_24_00(end: str) -> None:
    assert whole_day("2026-06-30T22:00:00Z", end, READING) == AllDay(
        first=datetime(2026, 7, 1, tzinfo=UTC).date(), last=datetime(2026, 7, 2, tzinfo=UTC).date()
    )


def test_whole_days_with_the_tenant_s_clock_times_are_read_in_the_zone_where_they_fit() -> None:
    reading = replace(
        READING,
        zone="America/New_York",
        zones={118: "Australia/Sydney"},
        day_clock=DayClock(first=time(8), last=time(16)),
    )

    there = whole_day("2026-06-30T22:00:00Z", "2026-07-01T06:00:00Z", reading, zone=118)
    base = whole_day("2026-07-01T06:00:00Z", "2026-07-01T14:00:00Z", reading)
    nowhere = whole_day("2026-07-01T01:00:00Z", "2026-07-01T02:00:00Z", reading)

    assert [each.first.day for each in (there, base, nowhere)] == [1, 1, 30]


def test_preferences_that_are_no_times_are_none() -> None:
    assert DayClock.from_texts("", "16:00") is None
    assert DayClock.from_texts("08:00", "16:00") == DayClock(first=time(8), last=time(16))


# --- zones ----------------------------------------------------------------------------------------------------------


def test_every_code_means_a_zone_that_exists() -> None:
    assert all(ZoneInfo(zone) for zone in ZONES.values())
    assert len(ZONES) > 250


def test_codes_of_the_simulator_and_unknown_ones_by_their_city() -> None:
    found = {code: zone_from_code(code, zone.cities) for code, zone in SIMULATED.items()}

    assert found == {code: zone.iana for code, zone in SIMULATED.items()}
    assert zone_from_code("XX-1", "Nowhere, Los Angeles") == "America/Los_Angeles"
    assert zone_from_code("XX-1", "Nowhere") == ""


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_key_names_generation_key_and_realm_within_one_row() -> None:
    value = keys.value_of(MARKER)

    assert value == f"3:{'k' * 40}:sod/Cust12345"
    assert len(value) <= 239
    assert keys.marker_from(value) == MARKER


@pytest.mark.parametrize("value", ["", "x", "a:b:c", "1:b", "1::r", "99999999:k:r"])
def test_what_is_no_key_of_ours_is_none(value: str) -> None:
    assert keys.marker_from(value) is None


def test_a_key_older_than_its_record_says_nothing_of_it() -> None:
    row = wire.row_from_flat(FLAT)
    assert row is not None
    item = {"Key": "event", "Value": keys.value_of(MARKER), "RecordId": 63, "CreatedDate": "2026-05-31T23:59:59Z"}

    old, new = keys.bound(item), keys.bound(item | {"UpdatedDate": "2026-06-01T08:00:00Z"})

    assert old is not None
    assert not old.fits(row)
    assert new is not None
    assert new.fits(row)


# --- archive --------------------------------------------------------------------------------------------------------


def test_archive_rows_are_read_with_text_keys_and_stamps_without_a_zone() -> None:
    body = (
        b'{"value":[{"PrimaryKey":"63","associateId":"TNY","updatedDate":"0001-01-01T00:00:00",'
        b'"registeredDate":"2026-07-01T10:00:00"},{"PrimaryKey":"x"}]}'
    )

    (row,) = archive.changed_rows(answer(body))

    assert row == archive.ChangedRow(id=63, owner="TNY", stamp=datetime(2026, 7, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"value":[{"EntityName":"unsupported-entity"}]}', b"<html>"])
def test_N15_an_archive_that_answers_something_else_is_unusable(body: bytes) -> None:
    with pytest.raises(UnusableAnswerError):
        archive.rows(answer(body))


def test_a_question_is_written_without_plus_signs() -> None:
    call = archive.changes("updatedDate", archive.after_day(datetime(2026, 7, 1, tzinfo=UTC)), [12, 5], after=7, top=9)

    assert call.path == (
        "/api/v1/Appointment?$select=appointmentId,associateId,registeredDate,updatedDate"
        "&$filter=updatedDate%20after%20%272026-07-01%27%20and%20associateId%20associateIsOneOf%20(5,12)"
        "%20and%20appointmentId%20gt%207&$orderby=appointmentId&$top=9"
    )


# --- quirks ---------------------------------------------------------------------------------------------------------


def test_a_condition_names_the_second_of_the_last_change_or_the_next_one() -> None:
    stamp = datetime(2026, 7, 1, 23, 59, 59, tzinfo=UTC)

    assert quirks.http_date(stamp, strict=False) == "Wed, 01 Jul 2026 23:59:59 GMT"
    assert quirks.http_date(stamp, strict=True) == "Thu, 02 Jul 2026 00:00:00 GMT"


def test_mail_switches_of_all_participants_are_turned_off() -> None:
    assert quirks.with_mail_off([{"AssociateId": 1, "SendEmail": True}, None]) == [
        {"AssociateId": 1, "SendEmail": False},
        None,
    ]
    assert quirks.with_mail_off(None) is None
