"""Asking one collection: its client, its account, the order of its requests, and answers about it as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from calsync.adapters.caldav import multistatus, wire
from calsync.adapters.caldav.hrefs import CollectionUrl
from calsync.adapters.caldav.wire import CollectionFacts
from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.core.errors import CalendarUnavailableError, SignInNeededError

_UNAUTHORIZED: Final = 401
_NOT_THERE: Final = frozenset({403, 404, 405, 410, 423})


class Http(Protocol):
    """The one client: sends a request under an account, with that account's limits and guards."""

    async def send(self, request: Request, account: Account) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An answer and its place among the requests of this collection."""

    answer: Answer
    order: int

    @property
    def status(self) -> int:
        return self.answer.status


class Asking:
    """Sends the requests of one collection under one credential.

    ``identity`` and ``credential`` name them in proofs. ``order`` grows with each request that is sent.
    """

    def __init__(
        self, *, http: Http, account: Account, collection: CollectionUrl, identity: str, credential: str
    ) -> None:
        self.collection = collection
        self.identity = identity
        self.credential = credential
        self._http = http
        self._account = account
        self._order = 0

    @property
    def parallel(self) -> int:
        return self._account.parallel

    async def ask(self, request: Request) -> Asked:
        """Send a request; any status but 401 is for the caller to judge.

        Raises:
            SignInNeededError: the credential was not accepted.
        """
        self._order += 1
        order = self._order
        answer = await self._http.send(request, self._account)
        if answer.status == _UNAUTHORIZED:
            raise SignInNeededError("The calendar server no longer accepts this login.")
        return Asked(answer=answer, order=order)

    async def ask_collection(self, request: Request) -> Asked:
        """As `ask`, for a request about the collection itself.

        Raises:
            CalendarUnavailableError: it is not there, or not for us.
        """
        asked = await self.ask(request)
        if asked.status in _NOT_THERE:
            raise CalendarUnavailableError(f"The calendar cannot be read: the server answers {asked.status}.")
        return asked

    async def facts(self, names: tuple[str, ...]) -> tuple[CollectionFacts, int]:
        """What the collection says of itself, and the order of that request.

        Raises:
            CalendarUnavailableError: it is no calendar (any more).
            UnusableAnswerError: the answer is no multistatus.
        """
        asked = await self.ask_collection(wire.propfind(self.collection.url, names, depth=0))
        facts = wire.parse_collection(asked.answer, self.collection)
        if facts is None or not facts.is_calendar:
            raise CalendarUnavailableError("There is no calendar at this address any more.")
        return facts, asked.order

    async def ctag(self) -> str:
        """The tag that changes with anything in the collection; empty where there is none."""
        asked = await self.ask_collection(wire.propfind(self.collection.url, (wire.CTAG,), depth=0))
        listing = multistatus.read(
            asked.answer, lambda member: member.text(wire.CTAG) if self.collection.is_itself(member.href) else None
        )
        return listing.members[0] if listing.members else ""
