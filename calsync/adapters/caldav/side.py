"""One calendar of a CalDAV account, as the engine uses it. Requests are in `wire`, texts in `mapping`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from calsync.adapters.caldav import mapping
from calsync.adapters.caldav.asking import Asking, Http
from calsync.adapters.caldav.hrefs import CollectionUrl, path_key
from calsync.adapters.caldav.observing import Observer
from calsync.adapters.caldav.proving import Prover
from calsync.adapters.caldav.quirks import ServerFacts
from calsync.adapters.caldav.reading import Fetched, Reader
from calsync.adapters.caldav.seeing import Seeing
from calsync.adapters.caldav.writing import Writer
from calsync.adapters.http.account import Account
from calsync.core.errors import AlreadyThereError, RefusedError
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.observation import Aside, Look, Observation, Seen, Unclear
from calsync.core.policy import Window
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.refs import Cursor, Ref
from calsync.ports import Clock, Draft, Known, Receipt, Traits

_TOO_LARGE: Final = 2 << 20


class CaldavSide:
    """A calendar at ``collection_url`` under one account; implements `calsync.ports.Side`.

    ``principal`` is its owner's principal URL and ``facts`` what was learned of the server before (both as stored
    with the connection). `learned` gives the facts to store after a run.
    """

    def __init__(
        self,
        *,
        http: Http,
        account: Account,
        principal: str,
        collection_url: str,
        person_zone: str,
        clock: Clock,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._collection = CollectionUrl(collection_url)
        self._identity = f"caldav:{principal}|{path_key(self._collection.url)}/"
        self._facts = ServerFacts.from_json(facts or {})
        self._clock = clock
        self._asking = Asking(
            http=http,
            account=account,
            collection=self._collection,
            identity=self._identity,
            credential=f"{account.name} {principal}",
        )
        self._reader = Reader(self._asking, self._facts)
        self._seeing = Seeing(asking=self._asking, person_zone=person_zone, clock=clock)
        self._prover = Prover(self._asking, self._reader)
        self._writer = Writer(self._asking, self._facts, self._reader)
        self._observer = Observer(
            asking=self._asking, facts=self._facts, reader=self._reader, prover=self._prover, seeing=self._seeing
        )

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def lens(self) -> Lens:
        return mapping.LENS

    @property
    def traits(self) -> Traits:
        return Traits(
            parallel=self._asking.parallel,
            batch=self._facts.batch,
            own_feed=True,
            enforces_keys=self._facts.keys_enforced is True,
        )

    @property
    def learned(self) -> Mapping[str, Any]:
        """What is known of the server by now, as plain JSON values."""
        return self._facts.as_json()

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        return await self._observer.observe(cursor, known, window)

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        return await self._looks(await self._reader.fetch(list(dict.fromkeys(refs))))

    async def find(self, draft: Draft) -> Look | None:
        fetched = await self._reader.get(self._collection.new_ref(draft.key))
        if fetched.is_gone:
            return None
        return (await self._looks([fetched]))[0]

    async def create(self, draft: Draft) -> Receipt:
        data = mapping.new_object(draft.event, draft.marker, stamp=self._clock.now())
        ref = self._collection.new_ref(draft.key)
        try:
            version = await self._writer.create(ref, _sendable(data))
        except AlreadyThereError as taken:
            if taken.ref is not None:
                raise
            raise AlreadyThereError(str(taken), ref=await self._reader.where(draft.key)) from taken
        return Receipt(ref=ref, version=version)

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        await self._seeing.ensure_zone()
        version = await self._writer.update(base, lambda data: _sendable(self._seeing.edit(data, want, fields)))
        if version is None:
            return Receipt(ref=base.ref, version=base.version, seen=base)
        return Receipt(ref=base.ref, version=version)

    async def delete(self, base: Seen, proof: Gone) -> None:  # noqa: ARG002  # its existence is what permits this
        await self._writer.delete(base)

    async def _looks(self, found: Sequence[Fetched]) -> Sequence[Look]:
        shown: list[Seen | Aside] = await self._seeing.see([fetched for fetched in found if fetched.data is not None])
        missing = [self._prover.read(fetched) for fetched in found if fetched.is_gone]
        gone, unproven = await self._prover.prove(missing, [seen.ref for seen in shown])
        failed = [
            Unclear(ref=fetched.ref, why=f"The server answers {fetched.status} when it is read.")
            for fetched in found
            if fetched.data is None and not fetched.is_gone
        ]
        return [*shown, *gone, *unproven, *failed]


def _sendable(data: bytes) -> bytes:
    if len(data) > _TOO_LARGE:
        raise RefusedError("The event is too large to be stored in a calendar.", reason=Reason.TOO_LARGE.value)
    return data
