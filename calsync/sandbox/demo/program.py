"""A calendar program as people have it on their phone: CalDAV over plain HTTP, iCalendar by a library.

It shares no code with the CalDAV adapter, so what it reads is evidence of what the adapter wrote.
"""

from __future__ import annotations

import asyncio
import base64
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from icalendar import Calendar, Event, vText
from lxml import etree

_WAIT_S: Final = 20.0
_TRIES: Final = 5
_CHANGED_MEANWHILE: Final = 412
_NOT_FOUND: Final = 404
_DAV: Final = "{DAV:}"
_CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"
_EVERYTHING: Final = b"""\
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter>
</C:calendar-query>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the program shows of one event. Times are aware; an all-day event has dates, ``end`` exclusive."""

    url: str
    uid: str
    title: str
    start: datetime | date
    end: datetime | date
    place: str = ""
    private: bool = False
    repeats: bool = False

    @property
    def all_day(self) -> bool:
        return not isinstance(self.start, datetime)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarProgram:
    """One calendar of one user. ``url`` ends with a slash."""

    url: str
    user: str
    password: str

    async def entries(self) -> list[Entry]:
        answer = await self._send("REPORT", self.url, _EVERYTHING, {"Depth": "1", "Content-Type": "application/xml"})
        found = []
        for response in etree.fromstring(answer.body).iter(f"{_DAV}response"):
            href, text = response.findtext(f"{_DAV}href"), response.findtext(f".//{_CALDAV}calendar-data")
            if href and text:
                found.append(_entry(urllib.parse.urljoin(self.url, href), text))
        return found

    async def find(self, title: str) -> Entry | None:
        """The event with this title, if there is exactly one."""
        found = [entry for entry in await self.entries() if entry.title == title]
        return found[0] if len(found) == 1 else None

    async def read(self, url: str) -> Entry | None:
        """One event; None if it is not there."""
        try:
            answer = await self._send("GET", url)
        except urllib.error.HTTPError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        return _entry(url, answer.body.decode())

    async def add(self, *, title: str, start: datetime | date, end: datetime | date, **fields: Any) -> str:
        """Make an event and give its URL; ``fields`` as for `edit`, and ``rule`` (an iCalendar RRULE)."""
        event = Event()
        uid = str(uuid.uuid4())
        event.add("uid", uid)
        if rule := fields.pop("rule", ""):
            event.add("rrule", dict(part.split("=") for part in rule.split(";")))
        _change(event, {"title": title, "start": start, "end": end, **fields})
        calendar = Calendar()
        calendar.add("prodid", "-//A phone//Calendar//EN")
        calendar.add("version", "2.0")
        calendar.add_component(event)
        url = f"{self.url}{uid}.ics"
        await self._put(url, calendar, {"If-None-Match": "*"})
        return url

    async def edit(self, url: str, **fields: Any) -> None:
        """Change fields (title, start, end, place, notes, private, busy) of an event, upon its version of now."""
        for _ in range(_TRIES):
            answer = await self._send("GET", url)
            calendar = Calendar.from_ical(answer.body)
            _change(_first_event(calendar), fields)
            try:
                await self._put(url, calendar, {"If-Match": answer.etag})
            except urllib.error.HTTPError as error:
                if error.code != _CHANGED_MEANWHILE:
                    raise
            else:
                return
        raise TimeoutError(f"{url} changed whenever it was to be edited")

    async def delete(self, url: str) -> None:
        await self._send("DELETE", url)

    async def _put(self, url: str, calendar: Calendar, headers: dict[str, str]) -> None:
        calendar.add_missing_timezones()
        headers["Content-Type"] = "text/calendar; charset=utf-8"
        await self._send("PUT", url, calendar.to_ical(), headers)

    async def _send(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> _Answer:
        return await asyncio.to_thread(self._ask, method, url, body, headers or {})

    def _ask(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> _Answer:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        sent = {"Authorization": f"Basic {login}", **headers}
        request = urllib.request.Request(url, data=body, method=method, headers=sent)  # noqa: S310  # our own server
        with _OPENER.open(request, timeout=_WAIT_S) as answer:
            return _Answer(body=answer.read(), etag=answer.headers.get("ETag", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    body: bytes
    etag: str


# No proxy from the environment stands between us and loopback.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _first_event(calendar: Any) -> Any:
    return calendar.walk("VEVENT")[0]


def _entry(url: str, text: str) -> Entry:
    event = _first_event(Calendar.from_ical(text))
    start = event.decoded("DTSTART")
    return Entry(
        url=url,
        uid=str(event.get("UID", "")),
        title=str(event.get("SUMMARY", "")),
        start=start,
        end=event.decoded("DTEND", start),
        place=str(event.get("LOCATION", "")),
        private=str(event.get("CLASS", "PUBLIC")) != "PUBLIC",
        repeats="RRULE" in event,
    )


def _change(event: Any, fields: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    texts = {"title": "SUMMARY", "place": "LOCATION", "notes": "DESCRIPTION"}
    for name, value in fields.items():
        match name:
            case "title" | "place" | "notes":
                event[texts[name]] = vText(value)
            case "start" | "end":
                event.pop(f"DT{name.upper()}", None)
                event.add(f"dt{name}", value)
            case "private":
                event["CLASS"] = vText("PRIVATE" if value else "PUBLIC")
            case "busy":
                event["TRANSP"] = vText("OPAQUE" if value else "TRANSPARENT")
            case _:
                raise TypeError(f"no field {name}")
    for stamp in ("DTSTAMP", "LAST-MODIFIED"):
        event.pop(stamp, None)
        event.add(stamp, now)
