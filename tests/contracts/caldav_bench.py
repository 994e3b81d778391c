"""A CalDAV side with a real server behind it, and a user who writes iCalendar text by other means."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from calsync.adapters.caldav.asking import Http
from calsync.adapters.caldav.auth import Password, account_for
from calsync.adapters.caldav.side import CaldavSide
from calsync.adapters.http.client import HttpClient, OutboundLimits
from calsync.core.event import AllDay, Busy, Event, Privacy, Timed, When
from calsync.core.policy import Window
from calsync.core.refs import Ref
from tests.contracts.side_contract import WINDOW, DictKnown, Spoil
from tests.servers.behaviour import Behaviour, Collection
from tests.servers.fixtures import CalDavServer
from tests.servers.front import Front
from tests.servers.witness import RawWitness

_COLLECTIONS: Final[Mapping[Spoil, Collection]] = {
    Spoil.EMPTY: Collection.EMPTY,
    Spoil.NOT_FOUND: Collection.NOT_FOUND,
    Spoil.SERVER_ERROR: Collection.SERVER_ERROR,
    Spoil.LOGIN_PAGE: Collection.LOGIN_PAGE,
    Spoil.TRUNCATED: Collection.TRUNCATED,
}
_BUSY: Final = {Busy.FREE: "FREE", Busy.TENTATIVE: "TENTATIVE", Busy.BUSY: "BUSY", Busy.AWAY: "OOF"}
_TLS: Final = ssl.create_default_context()
_numbers: Final = itertools.count(1)


class RealClock:
    """The machine's time, for talking to real servers."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def text_of(event: Event, uid: str, *, more: tuple[str, ...] = ()) -> bytes:
    """An event as some other calendar program writes it."""
    optional = {"LOCATION": event.place, "DESCRIPTION": event.notes}
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//somebody else//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        *_times(event.when),
        f"SUMMARY:{_escaped(event.title)}",
        *(f"{name}:{_escaped(text)}" for name, text in optional.items() if text),
        f"CLASS:{'PUBLIC' if event.privacy is Privacy.PUBLIC else 'PRIVATE'}",
        f"TRANSP:{'TRANSPARENT' if event.busy is Busy.FREE else 'OPAQUE'}",
        f"X-MICROSOFT-CDO-BUSYSTATUS:{_BUSY[event.busy]}",
        *more,
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines).encode()


def _times(when: When) -> tuple[str, str]:
    match when:
        case Timed(start=start, end=end, zone=zone):
            return f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}", f"DTEND;TZID={zone}:{end:%Y%m%dT%H%M%S}"
        case AllDay(first=first, last=last):
            after = last + timedelta(days=1)
            return f"DTSTART;VALUE=DATE:{first:%Y%m%d}", f"DTEND;VALUE=DATE:{after:%Y%m%d}"


def _escaped(text: str) -> str:
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, written)
    return text


@dataclass(slots=True, kw_only=True)
class CaldavBench:
    """``url`` is the calendar on the server itself; the side may see it through a front."""

    server: CalDavServer
    url: str
    http: Http
    front: Front | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    known: DictKnown = field(default_factory=DictKnown)
    window: Window = WINDOW
    parallel: int = 4
    _side: CaldavSide | None = None

    @property
    def side(self) -> CaldavSide:
        if self._side is None:
            self._side = self.new_side()
        return self._side

    @property
    def spoils(self) -> frozenset[Spoil]:
        return frozenset() if self.front is None else frozenset(Spoil)

    def new_side(self) -> CaldavSide:
        seen_url = self.url if self.front is None else self.front.through(self.url)
        parts = urlsplit(seen_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        login = Password(username=self.server.user, password=self.server.password)
        return CaldavSide(
            http=self.http,
            account=account_for(login, [origin], name="test", parallel=self.parallel),
            principal=urljoin(origin, "/principal/"),
            collection_url=seen_url,
            person_zone="Europe/Oslo",
            clock=RealClock(),
            facts=self.facts,
        )

    @property
    def raw_witness(self) -> RawWitness:
        return RawWitness(self.server.user, self.server.password)

    def url_of(self, ref: Ref) -> str:
        return urljoin(self.url, ref)

    async def make(self, event: Event) -> Ref:
        number = next(_numbers)
        return await self.put(f"made-{number}.ics", text_of(event, f"uid-{number}@somewhere.example"))

    async def make_unoffered(self) -> Ref:
        number = next(_numbers)
        more = ("RRULE:FREQ=WEEKLY;COUNT=3",)
        text = text_of(Event(title="Series", when=_SOME_TIME), f"series-{number}", more=more)
        return await self.put(f"series-{number}.ics", text)

    async def edit(self, ref: Ref, event: Event) -> None:
        before = (await self.raw(ref) or b"").decode()
        uid = next(line[4:] for line in before.splitlines() if line.startswith("UID:"))
        await self.put(ref.rpartition("/")[2], text_of(event, uid))

    async def put(self, name: str, text: bytes) -> Ref:
        answer = await asyncio.to_thread(self.raw_witness.put, self.url + name, text)
        assert answer.status in {200, 201, 204}, answer
        return Ref(urlsplit(self.url).path + name)

    async def remove(self, ref: Ref) -> None:
        answer = await asyncio.to_thread(self.raw_witness.send, "DELETE", self.url_of(ref))
        assert answer.status in {200, 204}, answer

    async def raw(self, ref: Ref) -> bytes | None:
        answer = await asyncio.to_thread(self.raw_witness.send, "GET", self.url_of(ref))
        return answer.body if answer.status == 200 else None

    async def count(self) -> int:
        return len(await asyncio.to_thread(self.raw_witness.etags, self.url))

    async def spoil(self, how: Spoil | None) -> None:
        assert self.front is not None
        self.front.behaviour.unauthorised = how is Spoil.SIGN_IN
        self.front.behaviour.collection = Collection.FINE if how is None else _COLLECTIONS.get(how, Collection.FINE)


_SOME_TIME: Final = Timed(start=datetime(2026, 7, 1, 9), end=datetime(2026, 7, 1, 10), zone="Europe/Oslo")  # noqa: DTZ001  # a wall time


@asynccontextmanager
async def http_for(*urls: str) -> AsyncIterator[HttpClient]:
    """The real client, allowed to speak plain HTTP to these servers."""
    async with HttpClient(
        limits=OutboundLimits(connect_s=5, read_s=20, total_s=30),
        clock=RealClock(),
        random=Random(1),
        allow_hosts=[f"http://{urlsplit(url).netloc}" for url in urls],
        ssl_context=_TLS,
    ) as client:
        yield client


@asynccontextmanager
async def bench_on(
    server: CalDavServer, calendar_url: str, *, change: Callable[[Behaviour], None] | None = None, through: bool = True
) -> AsyncIterator[CaldavBench]:
    """A bench on a fresh calendar, through a front with the given behaviour."""
    if not through:
        async with http_for(server.url) as http:
            yield CaldavBench(server=server, url=calendar_url, http=http)
        return
    with Front(server.url) as front:
        if change is not None:
            change(front.behaviour)
        async with http_for(server.url, front.url) as http:
            yield CaldavBench(server=server, url=calendar_url, http=http, front=front)
