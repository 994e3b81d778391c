"""The content-line layer: every byte comes back, and only what is edited changes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calsync.adapters.caldav.lines import (
    COMPONENTS_MAX,
    DEPTH_MAX,
    LINES_MAX,
    SIZE_MAX,
    Document,
    UnreadableError,
    escape,
    make_line,
    new_component,
    parse,
    render,
    split_list,
    unescape,
)
from calsync.core.reason import Reason
from tests.builders import texts

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "ical").glob("*.ics"))


def calendar_text(*lines: str, eol: str = "\r\n") -> bytes:
    return "".join(line + eol for line in ("BEGIN:VCALENDAR", *lines, "END:VCALENDAR")).encode()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_D25_an_object_that_is_not_edited_comes_back_byte_for_byte(sample: Path) -> None:
    data = sample.read_bytes()

    assert render(parse(data)) == data


@given(data=st.binary(max_size=300))
def test_D01_any_bytes_are_either_given_back_or_unreadable(data: bytes) -> None:
    for text in (data, calendar_text("BEGIN:VEVENT", "X-A:1") + data, calendar_text(data.decode("latin-1"))):
        try:
            document = parse(text)
        except UnreadableError:
            continue
        assert render(document) == text


@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from((b"", b"\n", b"\r\n ", b'"', b"\xff", b":"))), max_size=4
    )
)
def test_D01_a_damaged_sample_is_either_given_back_or_unreadable(cuts: list[tuple[int, bytes]]) -> None:
    data = SAMPLES[0].read_bytes()
    for at, put in cuts:
        data = data[:at] + put + data[at + 3 :]

    try:
        document = parse(data)
    except UnreadableError:
        return
    assert render(document) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"<html><body>Sign in</body></html>",
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n",
        b"BEGIN:VCALENDAR\rEND:VCALENDAR\r",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        calendar_text() * 2,
        calendar_text("BEGIN:VEVENT", "END:VTODO"),
        calendar_text("no property at all"),
        b"junk\r\n" + calendar_text(),
        calendar_text() + b"junk\r\n",
    ],
)
def test_D01_what_is_no_calendar_object_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableError) as caught:
        parse(data)

    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("name", ["/etc/passwd", "calsync.db", "pyproject.toml"])
def test_H60_the_name_of_a_file_is_unreadable_and_no_file_is_opened(name: str) -> None:
    with pytest.raises(UnreadableError):
        parse(name.encode())


def test_N24_bytes_that_are_not_utf_8_are_unreadable_and_never_replaced() -> None:
    with pytest.raises(UnreadableError, match="UTF-8"):
        parse(calendar_text("SUMMARY:x").replace(b"x", "Møte".encode("latin-1")))


def test_N24_a_byte_order_mark_is_kept_and_does_not_hide_the_first_line() -> None:
    data = b"\xef\xbb\xbf\r\n" + calendar_text("SUMMARY:x")

    assert render(parse(data)) == data


def test_D30_a_fold_inside_a_character_is_read_and_kept() -> None:
    data = calendar_text("SUMMARY:Mø").replace("ø".encode(), b"\xc3\r\n \xb8te")

    document = parse(data)

    line = document.calendar.first("SUMMARY")
    assert line is not None
    assert line.value == "Møte"
    assert render(document) == data


@given(value=texts(max_size=300))
def test_D30_a_new_line_is_folded_at_75_octets_and_never_inside_a_character(value: str) -> None:
    line = make_line("DESCRIPTION", escape(value))

    pieces = line.raw.removesuffix("\r\n").split("\r\n")
    assert all(len(piece.encode()) <= 75 for piece in pieces)
    assert all(piece.startswith(" ") for piece in pieces[1:])
    assert line.value == escape(value)


@given(text=texts())
def test_H64_text_cannot_end_its_line_or_start_another(text: str) -> None:
    event = new_component("VEVENT", (make_line("SUMMARY", escape(text)), make_line("UID", "1")))
    data = render(Document("", new_component("VCALENDAR", (event,)), ""))

    again = parse(data).calendar

    assert [item.name for item in again.components] == ["VEVENT"]
    assert [line.name for line in again.named("VEVENT")[0].lines] == ["SUMMARY", "UID"]


def test_H64_a_value_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        make_line("SUMMARY", "a\r\nATTENDEE:mailto:x@example.com")


@given(text=texts())
def test_D29_a_parameter_holds_any_text_by_rfc_6868(text: str) -> None:
    line = make_line("ATTENDEE", "mailto:a@example.com", {"CN": (text, "b")})

    found = parse(calendar_text()[:-15] + line.raw.encode() + b"END:VCALENDAR\r\n").calendar.first("ATTENDEE")

    assert found is not None
    assert found.value == "mailto:a@example.com"
    assert unescape(escape(found.params["CN"][-1])) == "b"


def test_D29_quotes_and_carets_in_parameters_come_back() -> None:
    line = make_line("X", "v", {"CN": ('Kari "K" ^ Nordmann; sales', "two\nlines")})

    assert line.params == {"CN": ('Kari "K" ^ Nordmann; sales', "two\nlines")}


def test_a_colon_inside_quotes_does_not_end_the_parameters() -> None:
    line = parse(SAMPLES[0].read_bytes()).calendar.named("VEVENT")[0].first("X-APPLE-STRUCTURED-LOCATION")

    assert line is not None
    assert line.param("X-TITLE") == "Havnegata: 1; øst"
    assert line.value == "geo:59.911491,10.757933"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"a\nb\Nc", "a\nb\nc"),
        (r"a\, b\; c\\n", "a, b; c\\n"),
        (r"raw, raw; raw", "raw, raw; raw"),
        (r"C:\temp\x", "C:\\temp\\x"),
        ("ends with \\", "ends with \\"),
    ],
)
def test_text_is_read_leniently(written: str, text: str) -> None:
    assert unescape(written) == text


@given(names=st.lists(texts(max_size=20).filter(bool), max_size=4))
def test_a_list_of_texts_comes_back(names: list[str]) -> None:
    clean = [unescape(escape(name)) for name in names]

    assert split_list(",".join(map(escape, names))) == [name for name in clean if name]


@pytest.mark.parametrize("eol", ["\r\n", "\n"])
def test_an_edit_changes_only_its_line_and_uses_the_line_end_of_the_document(eol: str) -> None:
    data = calendar_text("x-one:1", "SUMMARY;LANGUAGE=nb:old", "X-TWO:2", eol=eol)
    document = parse(data)

    edited = document._replace(calendar=document.calendar.with_line("SUMMARY", "new"))

    assert render(edited) == data.replace(b"SUMMARY;LANGUAGE=nb:old", b"SUMMARY:new")


def test_D01_a_stray_line_is_kept_after_an_extension_property_only() -> None:
    kept = calendar_text("X-NOTE:first", "second part")

    assert render(parse(kept)) == kept
    with pytest.raises(UnreadableError):
        parse(calendar_text("SUMMARY:first", "second part"))


def test_D30_a_fold_right_after_the_name_is_read() -> None:
    line = parse(calendar_text("ATTENDEE", " ;CN=Kari:mailto:kari@example.com")).calendar.first("ATTENDEE")

    assert line is not None
    assert line.param("CN") == "Kari"


@pytest.mark.parametrize(
    "data",
    [
        calendar_text(*["BEGIN:VEVENT", "END:VEVENT"] * (COMPONENTS_MAX + 1)),
        calendar_text(*["EXDATE:20260701T100000Z"] * (LINES_MAX + 1)),
        b"BEGIN:VCALENDAR\r\nX:" + b"a" * SIZE_MAX,
        calendar_text(*["BEGIN:X"] * 10_000),
    ],
    ids=["components", "lines", "size", "nesting"],
)
def test_H61_absurd_sizes_are_refused_at_once(data: bytes) -> None:
    begun = time.process_time()

    with pytest.raises(UnreadableError):
        parse(data)

    assert time.process_time() - begun < 2


def test_H61_nesting_is_allowed_to_its_limit() -> None:
    inner = DEPTH_MAX - 1

    assert parse(calendar_text(*["BEGIN:X"] * inner, *["END:X"] * inner))
    with pytest.raises(UnreadableError, match="nested"):
        parse(calendar_text(*["BEGIN:X"] * (inner + 1), *["END:X"] * (inner + 1)))
