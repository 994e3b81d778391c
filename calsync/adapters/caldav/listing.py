"""Listing a collection: what changed since a token, every entity tag, or a span of time with its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from calsync.adapters.caldav import multistatus, wire
from calsync.adapters.caldav.asking import Asking
from calsync.adapters.caldav.hrefs import PathKey
from calsync.adapters.caldav.quirks import ServerFacts
from calsync.adapters.caldav.together import off_loop
from calsync.adapters.caldav.wire import Listed
from calsync.adapters.http.exchange import Answer
from calsync.adapters.http.failures import FailedReadError
from calsync.core.errors import UnusableAnswerError
from calsync.core.policy import Window

_PAGES_MAX: Final = 200
_WIDER: Final = timedelta(days=1)
_DOWN: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A complete sync report: each member once, its latest word; ``order`` is that of its last page."""

    members: tuple[Listed, ...]
    token: str
    order: int


class Lister:
    """Lists one collection."""

    def __init__(self, asking: Asking, facts: ServerFacts) -> None:
        self._asking = asking
        self._facts = facts

    async def changes(self, token: str) -> Report | None:
        """What changed since ``token``, everything with an empty one; None where the server will not say.

        Raises:
            UnusableAnswerError: a page is incomplete, or the pages do not end.
        """
        found: dict[PathKey, Listed] = {}
        tokens = {token}
        for _ in range(_PAGES_MAX):
            answer, order = await self._report(token)
            if answer.status != multistatus.MULTISTATUS:
                self._facts.learn_from_sync(answer)
                return None
            page = await off_loop(len(answer.body), partial(wire.parse_sync, answer, self._asking.collection))
            self._merge(found, page.members)
            token = page.token
            if not page.more:
                return Report(members=tuple(found.values()), token=token, order=order)
            if token in tokens:
                raise UnusableAnswerError("The list of changes goes round in circles.")
            tokens.add(token)
        raise UnusableAnswerError(f"The list of changes does not end after {_PAGES_MAX} pages.")

    async def tags(self) -> tuple[Listed, ...]:
        """Every object with its entity tag."""
        names = (wire.ETAG, wire.RESOURCE_TYPE)
        asked = await self._asking.ask_collection(wire.propfind(self._asking.collection.url, names, depth=1))
        members = await self._members(asked.answer)
        self._facts.learn_from_listing(members)
        return members

    async def span(self, window: Window) -> tuple[tuple[Listed, ...], int]:
        """The objects that touch the window, a day wider, with their text; and the order of that request."""
        request = wire.query(self._asking.collection.url, window.start - _WIDER, window.end + _WIDER)
        asked = await self._asking.ask_collection(request)
        return await self._members(asked.answer), asked.order

    async def _members(self, answer: Answer) -> tuple[Listed, ...]:
        collection = self._asking.collection
        listing = await off_loop(len(answer.body), partial(wire.parse_members, answer, collection))
        found: dict[PathKey, Listed] = {}
        for member in listing.members:
            found.setdefault(collection.key(member.ref), member)
        return tuple(found.values())

    async def _report(self, token: str) -> tuple[Answer, int]:
        request = wire.sync_collection(self._asking.collection.url, token)
        try:
            asked = await self._asking.ask(request)
        except FailedReadError as error:
            # Some servers fail on a token they do not know; without a token it is a failure like any other.
            if not token or error.answer.status in _DOWN:
                raise
            return error.answer, 0
        return asked.answer, asked.order

    def _merge(self, found: dict[PathKey, Listed], members: tuple[Listed, ...]) -> None:
        for member in members:
            key = self._asking.collection.key(member.ref)
            before = found.get(key)
            if before is not None and before.removed != member.removed:
                # Both in one list: which came last is not told, so it is read.
                member = Listed(ref=member.ref)  # noqa: PLW2901  # the same member, known less well
            found[key] = member
