"""The decisions of a front: which requests it refuses itself, and how it changes the others and their answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final
from uuid import uuid4

from lxml import etree

from tests.servers import rewriting
from tests.servers.behaviour import Asked, Behaviour, Collection, Etags, Given, UnknownToken

Forward = Callable[[Asked], Awaitable[Given]]

MULTISTATUS: Final = 207
_XML: Final[Mapping[str, str]] = {"content-type": "application/xml; charset=utf-8"}
_LOGIN_PAGE: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
_REFUSALS: Final = frozenset({403, 409, 412})
_UNKNOWN: Final = "http://radicale.org/ns/sync/no-longer-known"
_STATUS_OF: Final[Mapping[UnknownToken, int]] = {
    UnknownToken.FORBIDDEN: 403,
    UnknownToken.CONFLICT: 409,
    UnknownToken.PRECONDITION_FAILED: 412,
}


def refusal(asked: Asked, behaviour: Behaviour) -> Given | None:
    """Answer in place of the server behind, where the behaviour says so."""
    for say in (_canned, _throttled, _unauthorised, _redirected, _whole_collection, _taken_away):
        given = say(asked, behaviour)
        if given is not None:
            return given
    return None


def _canned(asked: Asked, behaviour: Behaviour) -> Given | None:
    return None if behaviour.canned is None else behaviour.canned(asked)


def _throttled(asked: Asked, behaviour: Behaviour) -> Given | None:
    if not behaviour.throttle_every or asked.number % behaviour.throttle_every:
        return None
    wait = {} if behaviour.retry_after is None else {"retry-after": behaviour.retry_after}
    return Given(status=behaviour.throttle_status, headers=wait)


def _unauthorised(_: Asked, behaviour: Behaviour) -> Given | None:
    if not behaviour.unauthorised:
        return None
    return Given(status=401, headers={"www-authenticate": 'Basic realm="front"'} if behaviour.challenge else {})


def _redirected(asked: Asked, behaviour: Behaviour) -> Given | None:
    if behaviour.redirect_to is None:
        return None
    location = behaviour.redirect_to.rstrip("/") + asked.path
    return Given(status=behaviour.redirect_status, headers={"location": location})


def _whole_collection(_: Asked, behaviour: Behaviour) -> Given | None:
    match behaviour.collection:
        case Collection.NOT_FOUND:
            return Given(status=404, headers={"content-type": "text/plain"}, body=b"not found")
        case Collection.SERVER_ERROR:
            return Given(status=500, headers={"content-type": "text/plain"}, body=b"server error")
        case Collection.LOGIN_PAGE:
            return Given(status=200, headers={"content-type": "text/html"}, body=_LOGIN_PAGE)
        case Collection.FINE | Collection.TRUNCATED | Collection.CUT_SHORT | Collection.EMPTY:
            return None


def _taken_away(asked: Asked, behaviour: Behaviour) -> Given | None:
    report = report_of(asked)
    if report == rewriting.SYNC_COLLECTION and not behaviour.sync_collection:
        return Given(status=403, headers=_XML, body=rewriting.error_body("supported-report"))
    if report == rewriting.MULTIGET and not behaviour.multiget:
        return Given(status=501)
    return None


def report_of(asked: Asked) -> str:
    """Name the report that is asked for; empty for everything else."""
    root = rewriting.parse(asked.body) if asked.method == "REPORT" else None
    return "" if root is None else str(root.tag)


def towards_server(asked: Asked, behaviour: Behaviour, book: rewriting.TagBook) -> Asked:
    """Change the conditions of a request on its way in."""
    headers = dict(asked.headers)
    if asked.method == "PUT" and not behaviour.if_none_match:
        headers.pop("if-none-match", None)
    if asked.method == "DELETE" and not behaviour.if_match_on_delete:
        headers.pop("if-match", None)
    for name in ("if-match", "if-none-match"):
        if name in headers:
            headers[name] = book.original(headers[name], behaviour.etags)
    return replace(asked, headers=headers)


def towards_client(asked: Asked, given: Given, behaviour: Behaviour, book: rewriting.TagBook) -> Given:
    """Change an answer on its way out: entity tags, objects, lists, abilities, truncation, compression."""
    given = replace(given, headers=_shown_headers(asked, given.headers, behaviour, book))
    if given.status == MULTISTATUS:
        given = replace(given, body=_shown_multistatus(asked, given.body, behaviour, book))
    elif given.headers.get("content-type", "").startswith("text/calendar"):
        given = replace(given, body=rewriting.stored_form(given.body.decode(), behaviour.rewrite).encode())
    return _packed(asked, given, behaviour)


def _shown_headers(
    asked: Asked, headers: Mapping[str, str], behaviour: Behaviour, book: rewriting.TagBook
) -> dict[str, str]:
    shown = dict(headers)
    tag = shown.pop("etag", None)
    if tag is not None and (behaviour.etag_on_put or asked.method != "PUT"):
        shown["etag"] = book.shown(tag, behaviour.etags, asked.method)
    return shown


def _shown_multistatus(asked: Asked, body: bytes, behaviour: Behaviour, book: rewriting.TagBook) -> bytes:
    root = rewriting.parse(body)
    if root is None:
        return body
    if behaviour.etags is not Etags.AS_IS:
        for tag in root.iter(f"{rewriting.DAV}getetag"):
            if tag.text:
                tag.text = book.shown(tag.text, behaviour.etags, asked.method)
    for data in root.iter(f"{rewriting.CALDAV}calendar-data"):
        if data.text:
            data.text = rewriting.stored_form(data.text, behaviour.rewrite)
    _take_away(asked, root, behaviour)
    _omit(asked, root, behaviour)
    body = rewriting.serialise(root)
    return body[: len(body) * 2 // 3] if behaviour.collection is Collection.TRUNCATED else body


def _take_away(asked: Asked, root: etree._Element, behaviour: Behaviour) -> None:
    if not behaviour.ctag:
        rewriting.hide_property(root, rewriting.CTAG)
    if not behaviour.sync_collection:
        rewriting.hide_report(root, rewriting.SYNC_COLLECTION)
        if asked.method == "PROPFIND":
            rewriting.hide_property(root, rewriting.SYNC_TOKEN)


def _omit(asked: Asked, root: etree._Element, behaviour: Behaviour) -> None:
    omits = behaviour.multiget_omits if report_of(asked) == rewriting.MULTIGET else behaviour.listing_omits
    if behaviour.collection is Collection.EMPTY:
        rewriting.keep_members(root, lambda _: False)
    elif omits is not None:
        rewriting.keep_members(root, lambda href: not omits(href))


def _packed(asked: Asked, given: Given, behaviour: Behaviour) -> Given:
    if behaviour.bomb_mib and given.status in {200, MULTISTATUS} and given.body:
        return _gzipped(given, rewriting.bomb(behaviour.bomb_mib))
    if behaviour.compress and given.body and "gzip" in asked.headers.get("accept-encoding", ""):
        return _gzipped(given, rewriting.compressed(given.body))
    return given


def _gzipped(given: Given, body: bytes) -> Given:
    return replace(given, headers={**given.headers, "content-encoding": "gzip"}, body=body)


class SyncReports:
    """Sync reports in pages, and the many ways to say that a token is unknown."""

    def __init__(self) -> None:
        self._rest: dict[str, bytes] = {}

    async def answer(self, asked: Asked, behaviour: Behaviour, forward: Forward) -> Given:
        """Get one report from the server behind, or the next page of one kept here."""
        root = rewriting.parse(asked.body)
        assert root is not None  # it was recognised as a report by its root
        kept = self._rest.get(root.findtext(rewriting.SYNC_TOKEN) or "")
        if kept is not None:
            return self._page(asked, Given(status=MULTISTATUS, headers=_XML, body=kept), behaviour)
        if behaviour.tokens_expired and root.findtext(rewriting.SYNC_TOKEN):
            root = _with_token(root, _UNKNOWN)
        given = await forward(replace(asked, body=rewriting.serialise(root)))
        if given.status in _REFUSALS and b"valid-sync-token" in given.body:
            given = await _refused(asked, root, given, behaviour, forward)
        return self._page(asked, given, behaviour)

    def _page(self, asked: Asked, given: Given, behaviour: Behaviour) -> Given:
        root = rewriting.parse(given.body) if given.status == MULTISTATUS else None
        if root is None or behaviour.sync_page is None:
            return given
        members = rewriting.responses(root)
        if len(members) <= behaviour.sync_page:
            return given
        token = f"http://front.invalid/page/{uuid4().hex}"
        self._rest[token] = _without(root, members[: behaviour.sync_page])
        rewriting.drop_responses(root, members[behaviour.sync_page :])
        _add_507(root, asked.path)
        return replace(given, body=rewriting.serialise(_with_token(root, token)))


def _without(root: etree._Element, unwanted: list[etree._Element]) -> bytes:
    copy = etree.fromstring(etree.tostring(root))
    places = {root.index(response) for response in unwanted}
    rewriting.drop_responses(copy, [child for place, child in enumerate(copy) if place in places])
    return rewriting.serialise(copy)


def _add_507(root: etree._Element, path: str) -> None:
    """Say that the list goes on: a bare 507 for the request URL (RFC 6578 3.6)."""
    more = etree.Element(f"{rewriting.DAV}response")
    etree.SubElement(more, f"{rewriting.DAV}href").text = path
    etree.SubElement(more, f"{rewriting.DAV}status").text = "HTTP/1.1 507 Insufficient Storage"
    root.insert(0, more)


def _with_token(root: etree._Element, token: str) -> etree._Element:
    found = root.find(rewriting.SYNC_TOKEN)
    if found is not None:
        found.text = token
    return root


async def _refused(asked: Asked, root: etree._Element, given: Given, behaviour: Behaviour, forward: Forward) -> Given:
    """Say in the manner of some other server that the token is unknown."""
    match behaviour.unknown_token:
        case UnknownToken.AS_IS:
            return given
        case UnknownToken.SERVER_ERROR:
            return Given(status=500)
        case UnknownToken.FULL_LIST:
            return await _full_list(asked, root, forward)
        case UnknownToken.FORBIDDEN | UnknownToken.CONFLICT | UnknownToken.PRECONDITION_FAILED as manner:
            return Given(status=_STATUS_OF[manner], headers=_XML, body=rewriting.error_body("valid-sync-token"))


async def _full_list(asked: Asked, root: etree._Element, forward: Forward) -> Given:
    given = await forward(replace(asked, body=rewriting.serialise(_with_token(root, ""))))
    answer = rewriting.parse(given.body)
    if answer is None:
        return given
    rewriting.drop_responses(answer, filter(rewriting.is_removal, rewriting.responses(answer)))
    return replace(given, body=rewriting.serialise(answer))
