"""Pure changes of requests and answers: entity tags, multistatus bodies, stored objects."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable
from typing import Final

from lxml import etree

from tests.servers.behaviour import Etags, Rewrite

DAV: Final = "{DAV:}"
CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"
CTAG: Final = "{http://calendarserver.org/ns/}getctag"
SYNC_TOKEN: Final = f"{DAV}sync-token"
SYNC_COLLECTION: Final = f"{DAV}sync-collection"
MULTIGET: Final = f"{CALDAV}calendar-multiget"

_OCTETS: Final = 75
_EXTRA: Final = "X-FRONT-SEEN;X-BY=front:yes"
_MIB: Final = b" " * (1 << 20)


def parse(body: bytes) -> etree._Element | None:
    """Read an XML body; None for anything else."""
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None


def serialise(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def responses(root: etree._Element) -> list[etree._Element]:
    return root.findall(f"{DAV}response")


def href_of(response: etree._Element) -> str:
    return (response.findtext(f"{DAV}href") or "").strip()


def is_member(response: etree._Element) -> bool:
    return not href_of(response).endswith("/")


def is_removal(response: etree._Element) -> bool:
    """A bare 404: the member is gone (RFC 6578 3.5.2)."""
    return " 404" in (response.findtext(f"{DAV}status") or "")


def keep_members(root: etree._Element, wanted: Callable[[str], bool]) -> None:
    """Drop members from a multistatus; collections and everything outside the responses stay."""
    for response in responses(root):
        if is_member(response) and not wanted(href_of(response)):
            root.remove(response)


def drop_responses(root: etree._Element, unwanted: Iterable[etree._Element]) -> None:
    for response in list(unwanted):
        root.remove(response)


def hide_property(root: etree._Element, name: str) -> None:
    """Answer 404 for a property, as a server does that never heard of it."""
    for found in list(root.iter(name)):
        prop = found.getparent()
        response = None if prop is None else next(prop.iterancestors(f"{DAV}response"), None)
        if prop is None or response is None:
            continue
        prop.remove(found)
        missing = etree.SubElement(response, f"{DAV}propstat")
        etree.SubElement(etree.SubElement(missing, f"{DAV}prop"), name)
        etree.SubElement(missing, f"{DAV}status").text = "HTTP/1.1 404 Not Found"


def hide_report(root: etree._Element, name: str) -> None:
    """Take a report out of supported-report-set."""
    for report in list(root.iter(name)):
        for supported in report.iterancestors(f"{DAV}supported-report"):
            parent = supported.getparent()
            if parent is not None:
                parent.remove(supported)


def error_body(condition: str) -> bytes:
    """Build a DAV:error that names one precondition."""
    root = etree.Element(f"{DAV}error", nsmap={"D": "DAV:"})
    etree.SubElement(root, f"{DAV}{condition}")
    return serialise(root)


class TagBook:
    """Entity tags as the client sees them, and the way back. The same tag always looks the same."""

    def __init__(self) -> None:
        self._originals: dict[str, str] = {}

    def shown(self, tag: str, style: Etags, method: str) -> str:
        """Dress a tag for an answer to ``method``."""
        match style:
            case Etags.AS_IS:
                return tag
            case Etags.WEAK | Etags.WEAK_ACCEPTED:
                return _weak(tag)
            case Etags.WEAK_ON_PUT:
                return _weak(tag) if method == "PUT" else tag
            case Etags.GZIP_SUFFIX:
                return f'{tag[:-1]}-gzip"' if method == "GET" and tag.endswith('"') else tag
            case Etags.OPAQUE:
                opaque = f'"o-{hashlib.sha256(tag.encode()).hexdigest()[:24]}"'
                self._originals[opaque] = tag
                return opaque

    def original(self, condition: str, style: Etags) -> str:
        """Undress an If-Match; what the server would not know stays as it is and is refused by it."""
        match style:
            case Etags.WEAK_ACCEPTED:
                return condition.removeprefix("W/")
            case Etags.OPAQUE:
                return self._originals.get(condition, condition)
            case Etags.AS_IS | Etags.WEAK | Etags.WEAK_ON_PUT | Etags.GZIP_SUFFIX:
                return condition


def _weak(tag: str) -> str:
    return tag if tag.startswith("W/") else f"W/{tag}"


def stored_form(text: str, rewrite: Rewrite) -> str:
    """Rewrite an iCalendar text the way a server with opinions stores it. Once or twice is the same."""
    if rewrite is Rewrite.NONE:
        return text
    lines = re.sub(r"\r?\n[ \t]", "", text).splitlines()
    if Rewrite.ZONE_NAMES in rewrite:
        lines = [_lower_zone(line) for line in lines]
    if Rewrite.STAMPS in rewrite:
        lines = _stamped(lines)
    if Rewrite.EXTRA in rewrite:
        lines = _after_each([line for line in lines if line != _EXTRA], "BEGIN:VEVENT", [_EXTRA])
    if Rewrite.ORDER in rewrite:
        lines = _backwards(lines)
    end = "\r\n" if "\r\n" in text else "\n"  # an XML parser has made line feeds of them
    return "".join(f"{folded}{end}" for line in lines for folded in _fold(line))


def _lower_zone(line: str) -> str:
    line = re.sub(r"(?i)(;TZID=)([^;:]+)", lambda found: found[1] + found[2].lower(), line)
    return f"TZID:{line[5:].lower()}" if line.startswith("TZID:") else line


def _stamped(lines: list[str]) -> list[str]:
    inside, kept = False, []
    for line in lines:
        inside = (inside or line == "BEGIN:VEVENT") and line != "END:VEVENT"
        if not (inside and line.startswith(("DTSTAMP", "LAST-MODIFIED"))):
            kept.append(line)
    return _after_each(kept, "BEGIN:VEVENT", ["DTSTAMP:20300101T000000Z", "LAST-MODIFIED:20300101T000000Z"])


def _after_each(lines: list[str], mark: str, added: list[str]) -> list[str]:
    return [out for line in lines for out in ([line, *added] if line == mark else [line])]


def _backwards(lines: list[str]) -> list[str]:
    """Sort each run of properties between BEGIN and END lines backwards; components keep their places."""
    out: list[str] = []
    run: list[str] = []
    for line in lines:
        if line.startswith(("BEGIN:", "END:")):
            out += [*sorted(run, reverse=True), line]
            run = []
        else:
            run.append(line)
    return out + run


def _fold(line: str) -> list[str]:
    """Fold at 75 octets, never inside a character (RFC 5545 3.1)."""
    folded, current = [], ""
    for character in line:
        if len(f"{current}{character}".encode()) > _OCTETS:
            folded.append(current)
            current = " "
        current += character
    return [*folded, current]


def bomb(mib: int) -> bytes:
    """Compress ``mib`` MiB of blanks, a piece at a time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(_MIB) for _ in range(mib)), packer.flush()])


def compressed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
