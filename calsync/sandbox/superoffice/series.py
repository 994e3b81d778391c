"""Which days a recurrence pattern names. There is no endless series: every pattern ends by date or count."""

import calendar
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.zones import TimeView

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKS: Final = {"First": 0, "Second": 1, "Third": 2, "Fourth": 3, "Last": -1}
_FRIDAY: Final = 4
OCCURRENCES_MAX: Final = 1000
"""The real limit is not documented; this one ends loops."""


def weekday_name(day: date) -> str:
    return _DAYS[day.weekday()]


def single(day: date, view: TimeView) -> dict[str, Any]:
    """The carrier every single appointment shows: a suggested weekly pattern, and IsRecurrence false."""
    name = weekday_name(day)
    return {
        "RecurrenceId": 0,
        "StartDate": view.day(day),
        "EndDate": view.day(day),
        "RecurrenceCounter": 1,
        "RecurrenceEndType": "EndDate",
        "Pattern": "Weekly",
        "DayPattern": {"Pattern": "EveryWorkday", "Cycle": 1},
        "WeekPattern": {"Weekdays": name, "Cycle": 1},
        "MonthPattern": {
            "Pattern": "DayOfMonth",
            "Cycle": 1,
            "Day": day.day,
            "Weekday": name,
            "WeekOfMonth": "First",
        },
        "YearPattern": {
            "Pattern": "DayOfMonth",
            "Cycle": day.month,
            "Day": day.day,
            "Weekday": name,
            "WeekOfMonth": "First",
        },
        "Dates": [date_carrier(day, view)],
        "IsRecurrence": False,
    }


def date_carrier(day: date, view: TimeView) -> dict[str, Any]:
    return {
        "Date": view.day(day),
        "IsConflict": False,
        "Description": "",
        "DescriptionStyleHint": "",
        "Tooltip": "",
    }


def days_of(carrier: Mapping[str, Any], *, first: date, last: date | None) -> list[date]:
    """The days of a pattern, from ``first`` on.

    Raises:
        Refusal: the pattern has no end, or names no day.
    """
    counted = carrier.get("RecurrenceEndType") in {"Counter", 2}
    limit = int(carrier.get("RecurrenceCounter") or 0) if counted else OCCURRENCES_MAX
    if (counted and limit < 1) or (not counted and last is None):
        raise Refusal(500, "SoException", "A recurrence must end by date or by count")
    pattern = _PATTERNS.get(str(carrier.get("Pattern")))
    if pattern is None:
        raise Refusal(500, "SoException", f"Recurrence pattern {carrier.get('Pattern')!r} has no days")
    days: list[date] = []
    horizon = first + timedelta(days=366 * 12)
    for day in pattern(carrier, first):
        if len(days) >= min(limit, OCCURRENCES_MAX) or day > horizon:
            break
        if not counted and last is not None and day > last:
            break
        days.append(day)
    return days


def _daily(carrier: Mapping[str, Any], first: date) -> Iterator[date]:
    part = carrier.get("DayPattern") or {}
    cycle = max(int(part.get("Cycle") or 1), 1) if part.get("Pattern") == "EveryCyclicDay" else 1
    day = first
    while True:
        if part.get("Pattern") != "EveryWorkday" or day.weekday() <= _FRIDAY:
            yield day
        day += timedelta(days=cycle)


def _weekly(carrier: Mapping[str, Any], first: date) -> Iterator[date]:
    part = carrier.get("WeekPattern") or {}
    names = {word.strip() for word in str(part.get("Weekdays") or "").split(",")}
    cycle = max(int(part.get("Cycle") or 1), 1)
    monday = first - timedelta(days=first.weekday())
    if not names & set(_DAYS):
        return
    while True:
        for offset, name in enumerate(_DAYS):
            if name in names and (day := monday + timedelta(days=offset)) >= first:
                yield day
        monday += timedelta(weeks=cycle)


def _monthly(carrier: Mapping[str, Any], first: date) -> Iterator[date]:
    part = carrier.get("MonthPattern") or {}
    cycle = max(int(part.get("Cycle") or 1), 1)
    month = first.year * 12 + first.month - 1
    while True:
        day = _in_month(part, month // 12, month % 12 + 1)
        if day is not None and day >= first:
            yield day
        month += cycle


def _yearly(carrier: Mapping[str, Any], first: date) -> Iterator[date]:
    part = carrier.get("YearPattern") or {}
    year = first.year
    while year < date.max.year:
        # In a year pattern the cycle is the number of the month.
        day = _in_month(part, year, int(part.get("Cycle") or 1))
        if day is not None and day >= first:
            yield day
        year += 1


def _in_month(part: Mapping[str, Any], year: int, month: int) -> date | None:
    length = calendar.monthrange(year, month)[1]
    if part.get("Pattern") != "WeekdayOfMonth":
        return date(year, month, min(max(int(part.get("Day") or 1), 1), length))
    wanted = str(part.get("Weekday"))
    fitting = [day for number in range(1, length + 1) if weekday_name(day := date(year, month, number)) == wanted]
    return fitting[_WEEKS.get(str(part.get("WeekOfMonth")), 0)] if fitting else None


_PATTERNS: Final[Mapping[str, Callable[[Mapping[str, Any], date], Iterator[date]]]] = {
    "Daily": _daily,
    "Weekly": _weekly,
    "Monthly": _monthly,
    "Yearly": _yearly,
}
