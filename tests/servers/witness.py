"""Two witnesses that share no code with calsync: the `caldav` library, and plain HTTP for byte checks.

The library is kept off niquests, whose dependency rewrites the installed urllib3; it then works on httpx.
"""

import base64
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from anyio.from_thread import start_blocking_portal

sys.modules.setdefault("niquests", None)  # type: ignore[arg-type]  # None is how an import is forbidden

from caldav import async_davclient, calendarobjectresource, collection  # noqa: E402  # the line above comes first

_WAIT_S: Final = 30
_BATCH: Final = 200
_DAV: Final = "{DAV:}"
_CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"


class Witness:
    """What the `caldav` library sees in a calendar and does to it, as some other calendar program would.

    Every method takes the URL of a calendar or of an object in it, and may be called from tests with or
    without an event loop: the library runs on a loop of its own thread.
    """

    def __init__(self, user: str, password: str) -> None:
        assert async_davclient._HTTPX_FLAVOUR == "httpx"
        self._user, self._password = user, password
        self._clients: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(start_blocking_portal())
        self._stack.callback(self._portal.call, self._close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def list_objects(self, calendar_url: str) -> dict[str, str]:
        """Every object of the calendar: its URL and its text, with line ends as the library gives them (LF)."""
        return self._portal.call(self._list_objects, calendar_url)

    def put_event(self, calendar_url: str, text: str) -> str:
        """Store a new object and give its URL."""
        return self._portal.call(self._put_event, calendar_url, text)

    def edit(self, url: str, change: Callable[[str], str]) -> str:
        """Read an object, change its text, store it under the version read; gives the text sent."""
        return self._portal.call(self._edit, url, change)

    def delete(self, url: str) -> None:
        """Delete an object."""
        self._portal.call(self._delete, url)

    def _client(self, url: str) -> Any:
        # The library sends every request to the host its client was made for.
        parts = urllib.parse.urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}/"
        if origin not in self._clients:
            self._clients[origin] = async_davclient.AsyncDAVClient(
                url=origin,
                username=self._user,
                password=self._password,
                auth_type="basic",
                timeout=_WAIT_S,
                # The entity tag of a compressed answer is another one.
                headers={"Accept-Encoding": "identity"},
            )
        return self._clients[origin]

    async def _close(self) -> None:
        for client in self._clients.values():
            await client.close()

    def _calendar(self, url: str) -> Any:
        return collection.Calendar(client=self._client(url), url=url)

    def _event(self, url: str) -> Any:
        parent = self._calendar(url.rsplit("/", 1)[0] + "/")
        return calendarobjectresource.Event(client=parent.client, url=url, parent=parent)

    async def _list_objects(self, calendar_url: str) -> dict[str, str]:
        calendar = self._calendar(calendar_url)
        listed = await calendar.get_objects_by_sync_token(disable_fallback=True)
        urls = [item.url for item in listed]
        found = {}
        for first in range(0, len(urls), _BATCH):
            for item in await calendar.multiget(urls[first : first + _BATCH]):
                if item.data is not None:  # Radicale's first list names what was deleted long ago, too
                    found[str(item.url)] = item.data
        return found

    async def _put_event(self, calendar_url: str, text: str) -> str:
        calendar = self._calendar(calendar_url)
        event = await calendar.add_event(text, no_overwrite=True)
        return str(event.url)

    async def _edit(self, url: str, change: Callable[[str], str]) -> str:
        event = self._event(url)
        await event.load()
        text = change(event.raw_data.decode())
        await event.save(raw_data=text.encode(), precondition="etag")
        return text

    async def _delete(self, url: str) -> None:
        await self._event(url).delete()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """A plain HTTP answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RawWitness:
    """Bytes on the wire, by the standard library alone."""

    def __init__(self, user: str, password: str) -> None:
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {login}"

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> RawAnswer:
        """Send one request; an error status is an answer like any other. Redirects are not followed."""
        request = urllib.request.Request(  # noqa: S310  # the tests' own loopback servers
            url,
            data=body,
            method=method,
            headers={"Authorization": self.authorization, "Accept-Encoding": "identity", **(headers or {})},
        )
        with _UNCHECKED.open(request, timeout=_WAIT_S) as answer:
            names = {name.lower(): value for name, value in answer.headers.items()}
            return RawAnswer(status=answer.status, headers=names, body=answer.read())

    def get(self, url: str) -> bytes:
        return self._must("GET", url).body

    def put(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> RawAnswer:
        return self.send("PUT", url, body, {"Content-Type": "text/calendar; charset=utf-8", **(headers or {})})

    def etags(self, calendar_url: str) -> dict[str, str]:
        """The entity tag of every object, by its URL."""
        body = b'<propfind xmlns="DAV:"><prop><getetag/><resourcetype/></prop></propfind>'
        headers = {"Depth": "1", "Content-Type": "application/xml"}
        answer = self._must("PROPFIND", calendar_url, body, headers)
        found = {}
        for response in ET.fromstring(answer.body).iter(f"{_DAV}response"):  # noqa: S314  # our own server's text
            href, tag = response.findtext(f"{_DAV}href"), response.findtext(f".//{_DAV}getetag")
            if href and tag and not href.endswith("/"):
                found[urllib.parse.urljoin(calendar_url, href)] = tag
        return found

    def objects(self, calendar_url: str) -> dict[str, bytes]:
        """Every object of the calendar, read one by one: its URL and its bytes."""
        return {url: self.get(url) for url in self.etags(calendar_url)}

    def texts(self, calendar_url: str) -> dict[str, bytes]:
        """Every event of the calendar in one request: its URL and its text. Quick for thousands."""
        body = (
            b'<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:">'
            b"<D:prop><C:calendar-data/></D:prop><C:filter>"
            b'<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter>'
            b"</C:filter></C:calendar-query>"
        )
        answer = self._must("REPORT", calendar_url, body, {"Depth": "1", "Content-Type": "application/xml"})
        found = {}
        for response in ET.fromstring(answer.body).iter(f"{_DAV}response"):  # noqa: S314  # our own server's text
            href, data = response.findtext(f"{_DAV}href"), response.findtext(f".//{_CALDAV}calendar-data")
            if href and data:
                found[urllib.parse.urljoin(calendar_url, href)] = data.encode()
        return found

    def _must(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> RawAnswer:
        answer = self.send(method, url, body, headers)
        assert answer.status < 300, f"{method} {url}: {answer.status}"
        return answer


class _EveryStatus(urllib.request.HTTPErrorProcessor):
    """Hands out every answer as it is: no exception for 4xx, no step along a redirect."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response

    https_response = http_response


_UNCHECKED: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _EveryStatus())
