"""From a TZID to an IANA zone: what an object means by ``TZID=…`` (reference: caldav.md 3.3).

In this order: an IANA name or alias, the location its VTIMEZONE names, a vendor path that ends in an IANA name, a
Windows name or its display form, the object's own rules, an offset. A name counts only where it agrees with the
object's own rules at the times concerned; where they differ the rules win, since its author's program used them.
What fits nothing is None: the event is set aside, never guessed.

Only names out of the known list reach the zone files, so a hostile TZID is no path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from calsync.adapters.caldav.lines import UnreadableError, parse
from calsync.adapters.caldav.vtimezone import Rules, rules_in

_NAME_MAX: Final = 200
_MEANS_UTC: Final = {"tzone://microsoft/utc", "z", "coordinated universal time", "utc", "gmt"}
_DISPLAY: Final = re.compile(r"\((?:UTC|GMT)(?:([+-])(\d\d?):(\d\d))?\) ?(.+)", re.IGNORECASE)
_OFFSET: Final = re.compile(r"(?:UTC|GMT)? ?([+-])(\d\d?)(?::?(\d\d))?", re.IGNORECASE)
_HOURS_WEST: Final = 12
_HOURS_EAST: Final = 14


def zone_of(tzid: str, walls: Sequence[datetime], rules: Rules | None, *, likely: str = "") -> str | None:
    """The IANA zone that gives all ``walls`` the offsets the object means by ``tzid``; None where nothing tells.

    ``rules`` are the object's own for this TZID. Rules that equal no known zone become one with the same offsets at
    these very times: ``Etc/GMT±n`` where one whole hour fits, else any zone that fits. Of several zones with the
    same rules the ``likely`` one (the person's) is taken.
    """
    meant = [rules.offset(wall) for wall in walls] if rules is not None else []
    named = candidate(tzid) or candidate(rules.location if rules is not None else "")
    if named is not None and _agrees(named, walls, meant):
        return named
    offsets = [offset for offset in meant if offset is not None]
    if rules is not None and len(offsets) == len(walls):
        return _same_rules(rules, walls[0].year, likely) or _same_offsets(walls, offsets)
    fixed = _fixed_offset(tzid)
    return _same_offsets(walls, [fixed] * len(walls)) if fixed is not None else None


def calendar_zone(text: str, *, around: date) -> str | None:
    """The IANA zone of a ``calendar-timezone`` property: a calendar object with a VTIMEZONE, or a bare name."""
    if named := candidate(text):
        return named
    try:
        found = rules_in(parse(text.strip().encode()).calendar)
    except UnreadableError:
        return None
    noon = datetime.combine(around, time(12))
    return next((zone_of(tzid, [noon], rules) for tzid, rules in found.items()), None)


@lru_cache(maxsize=1024)
def candidate(tzid: str) -> str | None:
    """The IANA zone that a name alone stands for."""
    name = tzid.strip(" \t\"'")
    if not name or len(name) > _NAME_MAX:
        return None
    if name.casefold() in _MEANS_UTC:
        return "UTC"
    return _iana(name) or _path_end(name) or _windows(name) or _display(name)


def _agrees(zone: str, walls: Sequence[datetime], meant: Sequence[timedelta | None]) -> bool:
    return all(offset is None or offset == _offset(zone, wall) for wall, offset in zip(walls, meant, strict=False))


def _offset(zone: str, wall: datetime) -> timedelta | None:
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).utcoffset()


# By name


@cache
def _known() -> dict[str, str]:
    """Every IANA name by its folded spelling."""
    return {name.casefold(): name for name in sorted(available_timezones() - {"Factory", "localtime"})}


def _iana(name: str) -> str | None:
    return _known().get(name.casefold())


def _path_end(name: str) -> str | None:
    """The longest end of ``/vendor/20260101_1/Europe/Oslo`` that is a zone; one word alone proves nothing."""
    parts = name.split("/")
    ends = ("/".join(parts[n:]) for n in range(1, len(parts) - 1))
    return next((found for end in ends if (found := _iana(end))), None)


@cache
def _windows_names() -> dict[str, str]:
    return {name.casefold(): zone for name, zone in win_tz.items() if _iana(zone)}


def _windows(name: str) -> str | None:
    """A Windows name; Outlook numbers them where it meets two definitions of one (``… Standard Time 1``)."""
    names = _windows_names()
    return names.get(name.casefold()) or names.get(re.sub(r" \d$", "", name).casefold())


def _display(name: str) -> str | None:
    """What Windows shows: ``(UTC+01:00) Amsterdam, Berlin`` or ``(UTC-05:00) Eastern Time (US & Canada)``.

    The cities or the name must belong to a zone of that standard offset.
    """
    found = _DISPLAY.fullmatch(name)
    if found is None:
        return None
    offset = _timedelta(found[1] or "+", found[2] or "0", found[3] or "0")
    if found[4].casefold() in _MEANS_UTC:
        return "UTC"
    return next((zone for zone in _display_guesses(found[4]) if _standard_offset(zone) == offset), None)


def _display_guesses(text: str) -> Iterator[str]:
    region = re.sub(r" ?\(.*\)", "", text)
    name = f"{region.removesuffix(' Time')} Standard Time"
    for spelling in (name, name.replace("West Central", "W. Central"), f"{region} Standard Time"):
        if zone := _windows(spelling):
            yield zone
    for city in region.split(","):
        yield from _cities().get(city.strip().casefold(), ())


@cache
def _cities() -> dict[str, tuple[str, ...]]:
    cities: dict[str, tuple[str, ...]] = {"brasilia": ("America/Sao_Paulo",)}
    for name in _known().values():
        area, slash, city = name.rpartition("/")
        if slash and area != "Etc":
            key = city.replace("_", " ").casefold()
            cities[key] = (*cities.get(key, ()), name)
    return cities


@cache
def _standard_offset(zone: str) -> timedelta:
    offsets = (_offset(zone, datetime(2026, month, 15)) for month in (1, 7))  # noqa: DTZ001  # wall times
    return min(offset or timedelta() for offset in offsets)


# By rules or offsets


@lru_cache(maxsize=512)
def _same_rules(rules: Rules, year: int, likely: str) -> str | None:
    """A zone whose offsets equal the rules all through this year and the next, to the minute of each change.

    Zones that Windows knows come before others, so a copied definition finds one that people know.
    """
    changes = rules.changes(year)
    if not changes:  # an offset will do
        return None
    walls = [start + timedelta(minutes=minutes) for start in changes for minutes in (-180, -1, 0, 59, 61, 180)]
    walls += [datetime(year, month, 15) for month in range(1, 13)]  # noqa: DTZ001  # wall times
    meant = [rules.offset(wall) for wall in walls]
    first = [likely] if likely in _known().values() else []
    return next((zone for zone in (*first, *_preferred()) if _agrees(zone, walls, meant)), None)


def _same_offsets(walls: Sequence[datetime], offsets: Sequence[timedelta]) -> str | None:
    whole, rest = divmod(offsets[0], timedelta(hours=1))
    if not rest and len(set(offsets)) == 1 and -_HOURS_WEST <= whole <= _HOURS_EAST:
        return f"Etc/GMT{-whole:+d}" if whole else "UTC"
    fits = [zone for zone in _preferred() if _agrees(zone, walls, offsets)]
    return next((zone for zone in fits if _is_steady(zone)), next(iter(fits), None))


@cache
def _is_steady(zone: str) -> bool:
    return _offset(zone, datetime(2026, 1, 15)) == _offset(zone, datetime(2026, 7, 15))  # noqa: DTZ001  # wall times


@cache
def _preferred() -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_windows_names().values(), *_known().values())))


def _fixed_offset(tzid: str) -> timedelta | None:
    found = _OFFSET.fullmatch(tzid.strip(" \t\"'()"))
    return _timedelta(found[1], found[2], found[3] or "0") if found else None


def _timedelta(sign: str, hours: str, minutes: str) -> timedelta:
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return -size if sign == "-" else size
