r"""iCalendar text as some other calendar program writes and edits it, and what in it is nobody's business.

Texts have ``\r\n`` line ends here. An edit rewrites the lines of what changes and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.acceptance.shown import Days, Shown, Span, When

_WIDTH: Final = 73
_OURS: Final = frozenset(
    {
        *("SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION", "CLASS", "TRANSP"),
        *("DTSTAMP", "LAST-MODIFIED", "SEQUENCE"),
    }
)
"""What a synchroniser may change in an object that it found."""

HIDDEN: Final = (
    'X-KEEP-ME;X-PARAM="a:b;c":as it is\\, byte for byte',
    "X-OTHER-PROGRAM-STATE:eyJzZWVuIjp0cnVlfQ==",
    "CATEGORIES:Work,Travel",
    "URL:https://example.com/meeting?id=1&x=2",
    "PRIORITY:5",
)
ALARM: Final = (
    "BEGIN:VALARM",
    "ACTION:DISPLAY",
    "TRIGGER:-PT15M",
    "DESCRIPTION:Wake up",
    "X-ALARM-ID:7d1f",
    "END:VALARM",
)
COMPONENT: Final = ("BEGIN:X-PROGRAM", "X-SECRET:kept", "END:X-PROGRAM")


_START: Final = re.compile(r"^DTSTART(?:;TZID=\"?([^\":;]+)\"?)?(?:;[^:]*)?:([0-9TZ]+)", re.MULTILINE)


def new_text(uid: str, shown: Shown, *, zone: str, hidden: bool = True) -> str:
    """A new object; with ``hidden`` it carries properties, an alarm and a component of other programs."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//somebody else//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        *_lines(changed_lines(shown_fields(shown), zone)),
        *(HIDDEN if hidden else ()),
        *((*ALARM, *COMPONENT) if hidden else ()),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def one_file(texts: Iterable[str]) -> str:
    """Several objects as one file, as calendar programs export them."""
    events = [text[text.index("BEGIN:VEVENT") : text.index("END:VCALENDAR")] for text in texts]
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//somebody else//EN\r\n"
    return f"{head}{''.join(events)}END:VCALENDAR\r\n"


def shown_fields(shown: Shown) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in ("title", "when", "place", "notes", "private", "busy")}


def edited(text: str, fields: Mapping[str, Any], *, zone: str) -> str:
    """The text with these fields as given (names as in `Shown`); ``zone`` is how times are written."""
    lines = _unfolded(text.replace("\r\n", "\n").removesuffix("\n").split("\n"))
    new = changed_lines(fields, zone)
    return "".join(f"{_folded(line)}\r\n" for line in _replaced(lines, new))


def with_uid(text: str, uid: str) -> str:
    """A person's copy: everything is kept, what nobody sees too, but the UID."""
    return re.sub(r"^UID:.*(?:\r?\n[ \t].*)*", f"UID:{uid}", text, flags=re.MULTILINE)


def _lines(new: Mapping[str, str | None]) -> list[str]:
    return [line for line in new.values() if line is not None]


def _replaced(lines: Iterable[str], new: Mapping[str, str | None]) -> list[str]:
    """Lines of the event itself, not of its parts, in place of the old ones or before its end."""
    made: list[str] = []
    path: list[str] = []
    left = dict(new)
    for line in lines:
        name = re.split("[;:]", line, maxsplit=1)[0].upper()
        if name == "END" and path[-1:] == ["VEVENT"]:
            made += _lines(left)
        if path[-1:] == ["VEVENT"] and name in new:
            replacement = left.pop(name, None)
            made += [] if replacement is None else [replacement]
            continue
        made.append(line)
        if name == "BEGIN":
            path.append(line.partition(":")[2])
        elif name == "END":
            path.pop()
    return made


def changed_lines(fields: Mapping[str, Any], zone: str) -> dict[str, str | None]:
    """The lines that say these fields, by property; None is *no such line*."""
    new: dict[str, str | None] = {}
    for name, value in fields.items():
        match name:
            case "title":
                new["SUMMARY"] = f"SUMMARY:{_escaped(value)}"
            case "place":
                new["LOCATION"] = f"LOCATION:{_escaped(value)}" if value else None
            case "notes":
                new["DESCRIPTION"] = f"DESCRIPTION:{_escaped(value)}" if value else None
            case "private":
                new["CLASS"] = "CLASS:PRIVATE" if value else "CLASS:PUBLIC"
            case "busy":
                new["TRANSP"] = "TRANSP:OPAQUE" if value else "TRANSP:TRANSPARENT"
            case "when":
                new |= _times(value, zone)
            case _:
                raise ValueError(name)
    return new


def _times(when: When, zone: str) -> dict[str, str | None]:
    match when:
        case Days(first=first, last=last):
            after = last + timedelta(days=1)
            return {"DTSTART": f"DTSTART;VALUE=DATE:{first:%Y%m%d}", "DTEND": f"DTEND;VALUE=DATE:{after:%Y%m%d}"}
        case Span(start=start, end=end):
            return {"DTSTART": f"DTSTART{_written(start, zone)}", "DTEND": f"DTEND{_written(end, zone)}"}


def _written(moment: datetime, zone: str) -> str:
    if zone == "UTC":
        return f":{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f";TZID={zone}:{moment.astimezone(ZoneInfo(zone)):%Y%m%dT%H%M%S}"


def _escaped(text: str) -> str:
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, written)
    return text


def _unfolded(lines: Iterable[str]) -> list[str]:
    whole: list[str] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and whole:
            whole[-1] += line[1:]
        else:
            whole.append(line)
    return whole


def _folded(line: str) -> str:
    """Folded between characters, so that each physical line has at most 75 octets."""
    pieces, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _WIDTH:
            pieces.append("")
            size = 0
        pieces[-1] += character
        size += octets
    return "\r\n ".join(pieces)


def untouchable(stored: bytes) -> list[bytes]:
    """The bytes (folds included, line ends as LF) of what a synchroniser has no business to change in an object.

    Left out are the lines that say what is synchronised, and time zone definitions, which follow the times.
    """
    kept: list[bytes] = []
    path: list[bytes] = []
    for line in re.split(rb"\n(?![ \t])", stored.replace(b"\r\n", b"\n").rstrip(b"\n")):
        name = re.split(b"[;:]", line, maxsplit=1)[0].upper()
        if name == b"BEGIN":
            path.append(line.partition(b":")[2])
        is_said = path[-1:] == [b"VEVENT"] and name.decode() in _OURS
        if not is_said and b"VTIMEZONE" not in path:
            kept.append(line)
        if name == b"END":
            path.pop()
    return kept


def zone_of(text: str) -> str:
    """The TZID that the start names; ``UTC`` for a time with Z, empty for a whole day or a floating time."""
    event = text.replace("\r\n", "\n").replace("\n ", "").partition("BEGIN:VEVENT")[2]
    found = _START.search(event)
    if found is None:
        return ""
    return found[1] or ("UTC" if found[2].endswith("Z") else "")
