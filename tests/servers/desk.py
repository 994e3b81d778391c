"""One calendar with three events on a real server, seen through a front: what the tests of the front look at."""

from typing import Final

from lxml import etree

from tests.servers.front import Front
from tests.servers.witness import RawAnswer, RawWitness

XML: Final = {"Content-Type": "application/xml", "Depth": "1"}
EVERYTHING: Final = {"one.ics", "two.ics", "three.ics"}


def event(uid: str, title: str = "Lunch") -> str:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//calsync//tests//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        "DTSTART;TZID=Europe/Oslo:20260701T120000",
        "DTEND;TZID=Europe/Oslo:20260701T130000",
        f"SUMMARY:{title}",
        "X-KEPT:yes",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{line}\r\n" for line in lines)


class Desk:
    """One calendar with three events on Radicale, seen through a front."""

    def __init__(self, front: Front, raw: RawWitness, calendar_url: str) -> None:
        self.front, self.raw, self.direct_url = front, raw, calendar_url
        self.url = front.through(calendar_url)
        for uid in ("one", "two", "three"):
            raw.put(f"{calendar_url}{uid}.ics", event(uid).encode())

    def member(self, uid: str = "one") -> str:
        return f"{self.url}{uid}.ics"

    def direct(self, uid: str = "one") -> str:
        return f"{self.direct_url}{uid}.ics"

    def get(self, uid: str = "one") -> RawAnswer:
        return self.raw.send("GET", self.member(uid))

    def propfind(self, prop: str, depth: str = "1") -> RawAnswer:
        body = f'<propfind xmlns="DAV:" xmlns:CS="http://calendarserver.org/ns/"><prop><{prop}/></prop></propfind>'
        return self.raw.send("PROPFIND", self.url, body.encode(), {**XML, "Depth": depth})

    def sync(self, token: str = "") -> RawAnswer:
        body = (
            f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token><sync-level>1</sync-level>'
            "<prop><getetag/></prop></sync-collection>"
        )
        return self.raw.send("REPORT", self.url, body.encode(), {"Content-Type": "application/xml"})

    def multiget(self, *uids: str) -> RawAnswer:
        path = "/" + self.url.split("/", 3)[3]
        hrefs = "".join(f"<D:href>{path}{uid}.ics</D:href>" for uid in uids)
        body = (
            '<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
            f"<D:prop><D:getetag/><C:calendar-data/></D:prop>{hrefs}</C:calendar-multiget>"
        )
        return self.raw.send("REPORT", self.url, body.encode(), XML)


def names(answer: RawAnswer) -> set[str]:
    """Name the members a multistatus lists with an answer of 200."""
    found = etree.fromstring(answer.body).iter("{DAV:}response")
    alive = [one for one in found if "404" not in (one.findtext("{DAV:}status") or "")]
    return {href.rsplit("/", 1)[1] for one in alive if (href := one.findtext("{DAV:}href") or "")[-1:] != "/"}


def token_of(answer: RawAnswer) -> str:
    return etree.fromstring(answer.body).findtext("{DAV:}sync-token") or ""


def tags(answer: RawAnswer) -> list[str]:
    return [tag.text or "" for tag in etree.fromstring(answer.body).iter("{DAV:}getetag")]
