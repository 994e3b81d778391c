"""Archive queries: the filter language with its operators by column type, order and pages."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.switches import AfterTime, Switches
from calsync.sandbox.superoffice.zones import NEVER

Row: TypeAlias = Any
Test: TypeAlias = Callable[[Row], bool]


class Kind(Enum):
    """The type of a column decides which operators it knows."""

    INT = "int"
    STRING = "string"
    DATE = "date"
    DATETIME = "datetime"
    ASSOCIATE = "associate"
    BOOL = "bool"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``value`` is what a filter compares (dates as instants or None), ``show`` what a row shows."""

    kind: Kind
    value: Callable[[Row], Any]
    show: Callable[[Row], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How literals are meant."""

    base: ZoneInfo
    switches: Switches

    def instant(self, text: Any) -> datetime:
        """A date literal; a bare one is in UTC, or in the base zone as a switch says."""
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError as error:
            raise _bad(f"{text!r} is no date") from error
        if moment.tzinfo is not None:
            return moment
        in_base = self.switches.date_literals_in_base_zone
        return moment.replace(tzinfo=self.base if in_base else UTC)

    @property
    def zone(self) -> Any:
        """The zone whose days are compared."""
        return self.base if self.switches.date_literals_in_base_zone else UTC


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?![\w.]))|(?P<word>[\w./]+)|(?P<mark>[(),=]))"
)


def _bad(message: str) -> Refusal:
    return Refusal(400, "ArgumentException", message)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise _bad(f"Cannot read the filter at {text[position:]!r}")
        found.append(match[0].strip())
        position = match.end()
    return found


def _literal(token: str) -> Any:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return int(token) if re.fullmatch(r"-?\d+", token) else token


class _Parser:
    """``or`` binds weaker than ``and``; parentheses group."""

    def __init__(self, text: str, columns: Mapping[str, Column], reading: Reading) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._columns = columns
        self._reading = reading

    def whole(self) -> Test:
        test = self._any()
        if self._at < len(self._tokens):
            raise _bad(f"Unexpected {self._tokens[self._at]!r} in the filter")
        return test

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise _bad("The filter ends too early")
        self._at += 1
        return token

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek().lower() == "or":
            self._next()
            tests.append(self._all())
        return lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek().lower() == "and":
            self._next()
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._peek() == "(":
            self._next()
            test = self._any()
            self._expect(")")
            return test
        name = self._next()
        column = self._columns.get(name.lower())
        if column is None:
            raise _bad(f"Column {name!r} is not available")
        operator = self._next()
        return _comparison(column, operator, self._operand(operator), self._reading)

    def _operand(self, operator: str) -> Any:
        if operator.lower() in _WITHOUT_OPERAND:
            return None
        if self._peek() != "(":
            return _literal(self._next())
        self._next()
        values = [_literal(self._next())]
        while self._peek() == ",":
            self._next()
            values.append(_literal(self._next()))
        self._expect(")")
        return values

    def _expect(self, mark: str) -> None:
        if self._next() != mark:
            raise _bad(f"{mark!r} is missing in the filter")


_WITHOUT_OPERAND: Final = frozenset({"set", "beforetoday", "today", "aftertoday"})
_INT: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda have, want: bool(have == want),
    "=": lambda have, want: bool(have == want),
    "ne": lambda have, want: bool(have != want),
    "gt": lambda have, want: bool(have > want),
    "lt": lambda have, want: bool(have < want),
    "between": lambda have, want: bool(want[0] <= have <= want[1]),
    "set": lambda have, _: bool(have),
}
_LESS_OR_EQUAL: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "le": lambda have, want: bool(have <= want),
    "ge": lambda have, want: bool(have >= want),
}
_STRING: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "is": lambda have, want: have.lower() == want.lower(),
    # The official samples compare table names of the dynamic provider in this way.
    "=": lambda have, want: have.lower() == want.lower(),
    "isnot": lambda have, want: have.lower() != want.lower(),
    "begins": lambda have, want: have.lower().startswith(want.lower()),
    "notbegins": lambda have, want: not have.lower().startswith(want.lower()),
    "contains": lambda have, want: want.lower() in have.lower(),
    "notcontains": lambda have, want: want.lower() not in have.lower(),
}
_MEMBER: Final[Mapping[str, tuple[frozenset[Kind], bool]]] = {
    "associateisoneof": (frozenset({Kind.ASSOCIATE}), True),
    "associateisnotoneof": (frozenset({Kind.ASSOCIATE}), False),
    "oneof": (frozenset({Kind.LIST}), True),
    "notoneof": (frozenset({Kind.LIST}), False),
}


def _comparison(column: Column, operator: str, operand: Any, reading: Reading) -> Test:
    name = operator.lower()
    refused = _bad(f"Operator {operator!r} does not fit the column")
    match column.kind:
        case Kind.INT:
            known = {**_INT, **(_LESS_OR_EQUAL if reading.switches.less_or_equal_works else {})}
            if name not in known or isinstance(operand, str):
                raise refused
            return lambda row: known[name](column.value(row), operand)
        case Kind.STRING:
            if name not in _STRING:
                raise refused
            return lambda row: _STRING[name](str(column.value(row)), str(operand))
        case Kind.BOOL:
            if name not in {"eq", "="} or operand not in {"true", "false"}:
                raise refused
            return lambda row: bool(column.value(row)) is (operand == "true")
        case Kind.ASSOCIATE | Kind.LIST:
            kinds, wanted = _MEMBER.get(name, (frozenset(), True))
            if column.kind not in kinds:
                raise refused
            members = frozenset(operand if isinstance(operand, list) else [operand])
            return lambda row: (column.value(row) in members) is wanted
        case Kind.DATE | Kind.DATETIME:
            return _time_comparison(column, name, operand, reading)


def _time_comparison(column: Column, name: str, operand: Any, reading: Reading) -> Test:
    """Operators ending in ``Time`` compare instants, the others whole days."""
    rule = reading.switches.after_time
    if name.endswith("time") and column.kind is Kind.DATE:
        if rule is AfterTime.REFUSED:
            raise _bad(f"Operator {name!r} does not fit a date column")
        if rule is AfterTime.WHOLE_DAYS:
            name = name.removesuffix("time")
    if name in {"aftertime", "beforetime", "datetime"}:
        return _instants(column, name, reading.instant(operand))
    literals = operand if isinstance(operand, list) else [operand]
    days = [reading.instant(each).astimezone(reading.zone).date() for each in literals]

    def day_test(row: Row) -> bool:
        moment = column.value(row)
        if moment is None:
            return False
        day = moment.astimezone(reading.zone).date()
        match name:
            case "after":
                # Whether the named day itself is found is an open question.
                return bool(day > days[0] or (reading.switches.after_includes_day and day == days[0]))
            case "before":
                return bool(day < days[0])
            case "afterorequal":
                return bool(day >= days[0])
            case "beforeorequal":
                return bool(day <= days[0])
            case "date":
                return bool(day == days[0])
            case _:
                return bool(days[0] <= day <= days[-1])

    if name not in {"after", "before", "afterorequal", "beforeorequal", "date", "datebetween"}:
        raise _bad(f"Operator {name!r} does not fit a date column")
    return day_test


def _instants(column: Column, name: str, wanted: datetime) -> Test:
    compare: dict[str, Callable[[datetime], bool]] = {
        "aftertime": lambda have: have > wanted,
        "beforetime": lambda have: have < wanted,
        "datetime": lambda have: have == wanted,
    }
    return lambda row: (have := column.value(row)) is not None and compare[name](have)


def filter_test(text: str | None, columns: Mapping[str, Column], reading: Reading) -> Test:
    """The test a ``$filter`` asks for; everything passes without one.

    Raises:
        Refusal: 400, the filter cannot be read or an operator does not fit its column.
    """
    if not text or not text.strip():
        return lambda _: True
    return _Parser(text, columns, reading).whole()


def ordered(rows: list[Row], text: str | None, columns: Mapping[str, Column]) -> list[Row]:
    """Rows by ``$orderby``; without one in no order to rely on (newest first)."""
    if not text:
        return rows[::-1]
    for part in reversed(text.split(",")):
        name, _, direction = part.strip().partition(" ")
        column = columns.get(name.lower())
        if column is None:
            raise _bad(f"Cannot order by {name!r}")
        never = NEVER.replace(tzinfo=UTC)
        rows = sorted(
            rows,
            key=lambda row, column=column: never if (value := column.value(row)) is None else value,  # type: ignore[misc]  # the default binds the loop variable
            reverse=direction.strip().lower() == "desc",
        )
    return rows


def selected(text: str | None, columns: Mapping[str, Column], default: Sequence[str]) -> list[tuple[str, Column]]:
    """The asked-for columns under the names they were asked by."""
    names = [name.strip() for name in text.split(",") if name.strip()] if text else list(default)
    chosen: list[tuple[str, Column]] = []
    for name in names:
        column = columns.get(name.lower())
        if column is None:
            raise _bad(f"Column {name!r} is not available")
        chosen.append((name, column))
    return chosen
