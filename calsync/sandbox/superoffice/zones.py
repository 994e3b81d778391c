"""SuperOffice's own zone codes, and how the ``SO-TimeZone`` header changes what a time looks like.

The database holds diary times as wall-clock times of the tenant's base zone, without an offset. Only the
columns ``registered`` and ``updated`` are UTC.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from calsync.sandbox.superoffice.asgi import Refusal

NEVER: Final = datetime(1, 1, 1)  # noqa: DTZ001  # the wire's "not set", which has no zone
_ALWAYS: Final = "9999-12-31T23:59:59.9999999"
_SENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoZone:
    """A row of the zone list. The codes are SuperOffice's, not IANA names."""

    id: int
    code: str
    name: str
    cities: str
    iana: str


ZONES: Final[Mapping[str, SoZone]] = {
    code: SoZone(id=number, code=code, name=name, cities=cities, iana=iana)
    for number, code, name, cities, iana in (
        (1, "UTC", "UTC", "", "UTC"),
        (118, "AU-NSW", "Australia, New South Wales", "Sydney", "Australia/Sydney"),
        (140, "DK", "Denmark", "Copenhagen", "Europe/Copenhagen"),
        (156, "FR", "France", "Paris", "Europe/Paris"),
        (161, "DE", "Germany", "Berlin", "Europe/Berlin"),
        (190, "IN", "India", "Mumbai, Kolkata", "Asia/Kolkata"),
        (204, "JP", "Japan", "Tokyo", "Asia/Tokyo"),
        (253, "NL", "Netherlands", "Amsterdam", "Europe/Amsterdam"),
        (261, "NO", "Norway", "Oslo", "Europe/Oslo"),
        (340, "SE", "Sweden", "Stockholm", "Europe/Stockholm"),
        (386, "GB", "United Kingdom", "London", "Europe/London"),
        (425, "US-CA", "USA, California", "Los Angeles", "America/Los_Angeles"),
        (433, "US-HI", "USA, Hawaii", "Honolulu", "Pacific/Honolulu"),
        (460, "US-NY", "USA, New York", "New York", "America/New_York"),
    )
}
ZONES_BY_ID: Final[Mapping[int, SoZone]] = {zone.id: zone for zone in ZONES.values()}


def wall_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the database keeps of an instant: the wall clock, in whole seconds, without fold or offset."""
    return instant.astimezone(zone).replace(tzinfo=None, microsecond=0, fold=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeView:
    """How one request sees times, by its ``SO-TimeZone`` header."""

    base: ZoneInfo
    zone: ZoneInfo
    code: str
    with_offset: bool

    def show(self, local: datetime) -> str:
        """A diary time, kept as wall clock of the base zone."""
        if local == NEVER:
            return self._tagged(NEVER)
        instant = local.replace(tzinfo=self.base)
        return self._text(instant.astimezone(self.zone))

    def stamp(self, instant: datetime | None) -> str:
        """``registered`` or ``updated``: trustworthy UTC only where offsets are asked for."""
        if instant is None:
            return self._tagged(NEVER)
        if self.with_offset:
            return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return _plain(instant.astimezone(self.zone))

    def day(self, day: date) -> str:
        """A floating date (recurrence): local midnight, tagged with the zone but never shifted."""
        return self._tagged(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # floating on purpose

    def always(self) -> str:
        return _ALWAYS + (self._offset(datetime.max.replace(tzinfo=UTC)) if self.with_offset else "")

    def listed(self, local: datetime) -> str:
        """A time in an archive row: in the zone of the request, never with a suffix."""
        if local == NEVER:
            return _plain(NEVER)
        return _plain(local.replace(tzinfo=self.base).astimezone(self.zone))

    def listed_stamp(self, instant: datetime | None) -> str:
        return _plain(NEVER if instant is None else instant.astimezone(self.zone))

    def read(self, text: str | None) -> datetime | None:
        """A time that was sent, as wall clock of the base zone; without suffix it is in the view's zone."""
        if text is None:
            return None
        match = _SENT.fullmatch(text)
        if match is None:
            raise Refusal(400, "ArgumentException", f"{text!r} is no date-time")
        clock, suffix = datetime.fromisoformat(match[1]), match[2]
        if clock == NEVER or clock.year == 1:
            return NEVER
        if suffix is None:
            return wall_clock(clock.replace(tzinfo=self.zone), self.base)
        offset = "+00:00" if suffix.upper() == "Z" else suffix
        return wall_clock(datetime.fromisoformat(match[1] + offset), self.base)

    def read_day(self, text: str | None, *, shifts: bool) -> date | None:
        """A floating date that was sent. With ``shifts`` a suffix moves it, as it may west of Greenwich."""
        if text is None:
            return None
        if shifts:
            local = self.read(text)
            return None if local is None else local.date()
        return date.fromisoformat(text[:10])

    def _text(self, moment: datetime) -> str:
        return _plain(moment) + (self._offset(moment) if self.with_offset else "")

    def _tagged(self, moment: datetime) -> str:
        if not self.with_offset:
            return _plain(moment)
        known = moment.replace(year=max(moment.year, 1970), tzinfo=self.zone)
        return _plain(moment) + self._offset(known)

    def _offset(self, moment: datetime) -> str:
        delta = moment.utcoffset() or timedelta()
        if self.code == "UTC":
            return "Z"
        minutes = round(delta.total_seconds() / 60)
        sign = "-" if minutes < 0 else "+"
        return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _plain(moment: datetime) -> str:
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


def view_from_header(header: str | None, *, base_code: str) -> TimeView:
    """The view a request asked for: the base zone, bare, if it asked for nothing.

    Raises:
        Refusal: the zone is none of SuperOffice's codes or ids; IANA names are not.
    """
    base = ZoneInfo(ZONES[base_code].iana)
    if not header or not header.strip():
        return TimeView(base=base, zone=base, code=base_code, with_offset=False)
    words = [word.strip() for word in header.split(",")]
    found = ZONES.get(words[0].upper()) or (ZONES_BY_ID.get(int(words[0])) if words[0].isdigit() else None)
    if found is None:
        raise Refusal(400, "ArgumentException", f"Unknown time zone {words[0]!r}")
    with_offset = any(word.lower() == "includetzoffset" for word in words[1:])
    return TimeView(base=base, zone=ZoneInfo(found.iana), code=found.code, with_offset=with_offset)


def zone_carrier(zone: SoZone, *, year: int) -> dict[str, Any]:
    """The carrier ``TimeZoneData`` with the rules of one year."""
    info = ZoneInfo(zone.iana)
    offsets = {_minutes(datetime(year, month, 15, tzinfo=info)) for month in range(1, 13)}
    summer = {str(year): _rule(max(offsets))} if len(offsets) > 1 else {}
    return {
        "TZLocationID": zone.id,
        "Name": zone.name,
        "TZLocationCode": zone.code,
        "TZLocationCities": zone.cities,
        "IsoNumber": 0,
        "TimeZoneSTDRules": {str(year): _rule(min(offsets))},
        "TimeZoneDSTRules": summer,
    }


def _minutes(moment: datetime) -> int:
    return round((moment.utcoffset() or timedelta()).total_seconds() / 60)


def _rule(minutes: int) -> dict[str, Any]:
    return {
        "StartDay": 1,
        "StartMonth": 1,
        "EndDay": 31,
        "EndMonth": 12,
        "TZOffset": minutes,
        "StartRulePattern": "",
        "EndRulePattern": "",
    }
