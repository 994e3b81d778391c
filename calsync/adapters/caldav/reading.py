"""Reading objects by their hrefs: in batches, every href accounted for, the unusual ones one by one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from calsync.adapters.caldav import multistatus, wire
from calsync.adapters.caldav.asking import Asking
from calsync.adapters.caldav.hrefs import PathKey
from calsync.adapters.caldav.quirks import Quirk, ServerFacts
from calsync.adapters.caldav.together import each, off_loop
from calsync.adapters.caldav.wire import Listed
from calsync.adapters.http.exchange import Answer
from calsync.adapters.http.failures import FailedReadError
from calsync.core.errors import UnusableAnswerError
from calsync.core.refs import NO_VERSION, Key, Ref, Version

_BODIES_MAX: Final = 4 << 20
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_DOWN: Final = frozenset({502, 503})
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What reading one object gave: its text, or the status that stood in its place.

    A 404 or 410 here is always the answer to a read of that object alone.
    """

    ref: Ref
    order: int
    version: Version = NO_VERSION
    data: bytes | None = None
    status: int = multistatus.OK

    @property
    def is_gone(self) -> bool:
        return self.data is None and self.status in {multistatus.NOT_FOUND, multistatus.GONE}


class Bodies:
    """The texts read last, by ref and version, so that an edit right after a look needs no second read."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Ref, tuple[Version, bytes]] = OrderedDict()
        self._size = 0

    def keep(self, fetched: Fetched) -> None:
        self.drop(fetched.ref)
        if fetched.data is None or len(fetched.data) > _BODIES_MAX:
            return
        self._kept[fetched.ref] = (fetched.version, fetched.data)
        self._size += len(fetched.data)
        while self._size > _BODIES_MAX:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._size -= len(oldest)

    def drop(self, ref: Ref) -> None:
        found = self._kept.pop(ref, None)
        if found is not None:
            self._size -= len(found[1])

    def at(self, ref: Ref, version: Version) -> bytes | None:
        """The text of exactly this version; nothing where the version cannot tell."""
        found = self._kept.get(ref)
        return found[1] if found is not None and wire.strong_tag(version) and found[0] == version else None


class Reader:
    """Reads objects of one collection."""

    def __init__(self, asking: Asking, facts: ServerFacts) -> None:
        self.bodies = Bodies()
        self._asking = asking
        self._facts = facts

    async def fetch(self, refs: Sequence[Ref], listed: Mapping[Ref, Version] | None = None) -> list[Fetched]:
        """Read these objects; one result for each, in no particular order.

        ``listed`` are the versions a listing named: they stand in where the tag of a single read is unusable.
        """
        size = 1 if self._facts.has(Quirk.NO_MULTIGET) else self._facts.batch
        batches = [refs[start : start + size] for start in range(0, len(refs), size)]
        results = await each(batches, self._batch, parallel=self._asking.parallel)
        versions = listed or {}
        found = [
            fetched if fetched.version else _at_version(fetched, versions.get(fetched.ref, NO_VERSION))
            for batch in results
            for fetched in batch
        ]
        if any(fetched.status == _SERVER_ERROR for fetched in found):
            # One broken object must not stop the others; a broken server says so here.
            await self._asking.facts((wire.RESOURCE_TYPE,))
        for fetched in found:
            self.bodies.keep(fetched)
        return found

    async def get(self, ref: Ref) -> Fetched:
        """Read one object by itself.

        Raises:
            UnusableAnswerError: a page came in its place, such as a login form.
        """
        asked = await self._asking.ask(wire.get(self._asking.collection.url_of(ref)))
        if asked.status != multistatus.OK:
            return Fetched(ref=ref, order=asked.order, status=asked.status)
        if _is_page(asked.answer):
            raise UnusableAnswerError("The server sent a page in place of a calendar object.")
        version = self._facts.learn_from_get(asked.answer)
        return Fetched(ref=ref, order=asked.order, version=version, data=asked.answer.body)

    async def where(self, key: Key) -> Ref | None:
        """The object with this UID, if the server finds it; asked only after it said that there is one."""
        asked = await self._asking.ask(wire.query_uid(self._asking.collection.url, key))
        if asked.status != multistatus.MULTISTATUS:
            return None
        line = f"UID:{key}".encode()
        members = wire.parse_members(asked.answer, self._asking.collection).members
        return next((member.ref for member in members if line in (member.data or b"").splitlines()), None)

    async def _alone(self, ref: Ref) -> Fetched:
        try:
            return await self.get(ref)
        except FailedReadError as error:
            if error.answer.status != _SERVER_ERROR:
                raise
            return Fetched(ref=ref, order=0, status=_SERVER_ERROR)

    async def _batch(self, refs: Sequence[Ref]) -> list[Fetched]:
        if self._facts.has(Quirk.NO_MULTIGET) or (len(refs) == 1 and not self._facts.has(Quirk.SUFFIXED_TAGS)):
            return [await self._alone(ref) for ref in refs]
        found, order, refused = await self._multiget(refs)
        if refused and len(refs) == 1:
            return [await self._alone(refs[0])]
        if refused:
            middle = len(refs) // 2
            return [*await self._batch(refs[:middle]), *await self._batch(refs[middle:])]
        return [await self._of(ref, found.get(self._asking.collection.key(ref)), order) for ref in refs]

    async def _multiget(self, refs: Sequence[Ref]) -> tuple[Mapping[PathKey, Listed], int, bool]:
        """What a multiget names, its order, and whether the server wants it otherwise."""
        request = wire.multiget(self._asking.collection.url, refs)
        try:
            asked = await self._asking.ask(request)
            answer, order = asked.answer, asked.order
        except FailedReadError as error:
            if error.answer.status in _DOWN:
                raise
            answer, order = error.answer, 0
        if answer.status != multistatus.MULTISTATUS and self._facts.learn_from_multiget(answer, asked=len(refs)):
            return {}, order, True
        collection = self._asking.collection
        listing = await off_loop(len(answer.body), partial(wire.parse_members, answer, collection))
        members = listing.members
        return {collection.key(member.ref): member for member in members}, order, False

    async def _of(self, ref: Ref, member: Listed | None, order: int) -> Fetched:
        if member is not None and member.data is not None:
            return Fetched(ref=ref, order=order, version=member.version, data=member.data)
        if member is None:
            self._facts.quirks.add(Quirk.MULTIGET_OMITS)
        return await self._alone(ref)


def _at_version(fetched: Fetched, version: Version) -> Fetched:
    return Fetched(ref=fetched.ref, order=fetched.order, version=version, data=fetched.data, status=fetched.status)


def _is_page(answer: Answer) -> bool:
    return answer.media_type in _PAGES or answer.body.lstrip()[:1] == b"<"
