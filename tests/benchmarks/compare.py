"""Do two calendars hold the same events? Read as plain lines, by nobody's parser but this one."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# What a person would miss. Stamps, zone definitions, alarms and unknown properties are each side's own.
_FIELDS: Final = frozenset({"SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION", "CLASS", "TRANSP"})
_DEFAULTS: Final = frozenset({"CLASS:PUBLIC", "TRANSP:OPAQUE", "LOCATION:", "DESCRIPTION:"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two calendars differ; both lists are short extracts."""

    only_a: list[str]
    only_b: list[str]

    def __str__(self) -> str:
        return f"only in a: {self.only_a[:2]}, only in b: {self.only_b[:2]}"


def difference(a: Iterable[bytes], b: Iterable[bytes], *, with_uid: bool) -> Difference | None:
    """Compare two calendars, each given as the texts of its objects; None if they hold the same events.

    ``with_uid``: the tool promises to keep the UID, so it belongs to the event.
    """
    in_a = Counter(normal_form(text, with_uid=with_uid) for text in a)
    in_b = Counter(normal_form(text, with_uid=with_uid) for text in b)
    if in_a == in_b:
        return None
    return Difference(only_a=sorted((in_a - in_b).elements()), only_b=sorted((in_b - in_a).elements()))


def normal_form(text: bytes, *, with_uid: bool) -> str:
    """Reduce an object to the sorted lines of its event that carry meaning."""
    wanted = _FIELDS | {"UID"} if with_uid else _FIELDS
    kept = [
        _normal_line(name, rest)
        for name, rest in _event_lines(text.decode())
        if name in wanted and f"{name}{rest}" not in _DEFAULTS
    ]
    return "\n".join(sorted(kept))


def _event_lines(text: str) -> Iterable[tuple[str, str]]:
    """Give name and rest of each line that stands directly in a VEVENT."""
    depth: list[str] = []
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        name, mark, rest = re.match(r"([^:;]*)([:;]?)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]  # it matches everything
        if name == "BEGIN":
            depth.append(rest)
        elif name == "END":
            depth.pop()
        elif depth[-1:] == ["VEVENT"]:
            yield name.upper(), f"{mark}{rest}"


def _normal_line(name: str, rest: str) -> str:
    """Undo the freedoms of writing: quoted parameters, needless escapes."""
    parameters, _, value = rest.partition(":")
    return f"{name}{parameters.replace(chr(34), '')}:{_unescaped(value)}"


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), value)


_ESCAPES: Final[Mapping[str, str]] = {"n": "⏎", "N": "⏎"}
