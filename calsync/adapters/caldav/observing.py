"""Observing a collection: what changed since a mark, or everything, with every known object accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from calsync.adapters.caldav import mapping, wire
from calsync.adapters.caldav.asking import Asking
from calsync.adapters.caldav.cursor import How, Mark
from calsync.adapters.caldav.listing import Lister, Report
from calsync.adapters.caldav.proving import Prover
from calsync.adapters.caldav.quirks import Quirk, ServerFacts
from calsync.adapters.caldav.reading import Fetched, Reader
from calsync.adapters.caldav.seeing import Seeing, one_for_each_uid
from calsync.adapters.caldav.wire import Listed
from calsync.core.errors import CalendarUnavailableError
from calsync.core.observation import Aside, Coverage, Observation, Seen, Unclear
from calsync.core.policy import Window
from calsync.core.proof import DirectAnswer
from calsync.core.reason import Reason
from calsync.core.refs import NO_VERSION, Cursor, Ref, Version
from calsync.ports import Known, KnownItem

_REFUSALS_MAX: Final = 3
"""A server that refuses so many tokens in a row, each just given out, is listed instead."""


@dataclass(slots=True, kw_only=True)
class _Notes:
    """What was found so far of the objects concerned; ``items`` is what we knew of them."""

    items: Mapping[Ref, KnownItem]
    seen: list[Seen] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    unclear: list[Unclear] = field(default_factory=list)
    missing: list[DirectAnswer] = field(default_factory=list)
    unchanged: set[Ref] = field(default_factory=set)

    def is_unchanged(self, ref: Ref, version: Version) -> bool:
        item = self.items.get(ref)
        return item is not None and version != NO_VERSION and item.version == version

    def still_there(self) -> list[Ref]:
        """Known objects that this observation found, those just read first."""
        read = (*(seen.ref for seen in self.seen), *(aside.ref for aside in self.aside), *self.unchanged)
        return [ref for ref in dict.fromkeys(read) if ref in self.items]


class Observer:
    """Observes one collection."""

    def __init__(
        self,
        *,
        asking: Asking,
        facts: ServerFacts,
        reader: Reader,
        prover: Prover,
        seeing: Seeing,
    ) -> None:
        self._asking = asking
        self._facts = facts
        self._lister = Lister(asking, facts)
        self._reader = reader
        self._prover = prover
        self._seeing = seeing

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        mark = Mark.read(cursor)
        if mark is None:
            return await self._everything(None, known, window)
        self._seeing.zone = mark.zone
        match mark.how:
            case How.SYNC:
                report = await self._lister.changes(mark.token)
                if report is not None:
                    return await self._changes(replace(mark, token=report.token, refusals=0), report, known)
                refused = replace(mark, token="", refusals=mark.refusals + 1)
                return await self._everything(refused, known, window, refused=True)
            case How.CTAG:
                ctag = await self._asking.ctag()
                if ctag and ctag == mark.ctag:
                    return Observation(coverage=Coverage.CHANGES, cursor=cursor)
                return await self._everything(replace(mark, ctag=ctag) if ctag else None, known, window)
            case How.TAGS | How.QUERY:
                return await self._everything(mark, known, window)

    # --- everything -------------------------------------------------------------------------------------------------

    async def _everything(
        self, before: Mark | None, known: Known, window: Window, *, refused: bool = False
    ) -> Observation:
        items = await known.everything()
        if before is not None and before.how is How.QUERY:
            return await self._by_query(before, items, window)
        mark, members = await self._listing(before, first=not items)
        if self._facts.has(Quirk.NO_LISTED_TAGS) and mark.how is not How.SYNC:
            return await self._by_query(replace(mark, how=How.QUERY, token="", ctag=""), items, window)
        notes = _Notes(items=items)
        versions = self._named(members, items)
        notes.unchanged.update(ref for ref, version in versions.items() if notes.is_unchanged(ref, version))
        missing = [ref for ref in items if ref not in versions]
        to_read = [ref for ref in versions if ref not in notes.unchanged] + missing
        await self._judge(notes, await self._reader.fetch(to_read, versions))
        if refused and items and not notes.still_there():
            raise CalendarUnavailableError(
                "The calendar at this address has none of the events it had: it seems to be another one now."
            )
        return await self._conclude(notes, mark, notes.still_there(), Coverage.EVERYTHING)

    async def _listing(self, before: Mark | None, *, first: bool) -> tuple[Mark, tuple[Listed, ...]]:
        """Every object, and the mark from which to go on: taken before the list, so nothing falls in between."""
        if before is not None and before.how in {How.CTAG, How.TAGS}:
            return before, await self._lister.tags()
        # Some servers read every object for their tags; the first time a sync report gives one anyway.
        names = wire.COLLECTION_FACTS if first else (*wire.COLLECTION_FACTS, wire.SYNC_TOKEN, wire.CTAG)
        facts, _ = await self._asking.facts(names)
        self._seeing.take_zone(facts.time_zone)
        mark = Mark(how=How.TAGS, zone=self._seeing.zone, refusals=0 if before is None else before.refusals)
        if facts.can_sync and not self._facts.has(Quirk.NO_SYNC_REPORT) and mark.refusals < _REFUSALS_MAX:
            if facts.token:
                return replace(mark, how=How.SYNC, token=facts.token), await self._lister.tags()
            report = await self._lister.changes("")
            if report is not None:
                there = tuple(member for member in report.members if not member.removed)
                self._facts.learn_from_listing(there)
                return replace(mark, how=How.SYNC, token=report.token), there
        ctag = await self._asking.ctag() if first else facts.ctag
        if ctag:
            mark = replace(mark, how=How.CTAG, ctag=ctag)
        return mark, await self._lister.tags()

    async def _by_query(self, mark: Mark, items: Mapping[Ref, KnownItem], window: Window) -> Observation:
        """A server whose listings have no entity tags: the window with its text, and what it lacks one by one.

        What we know to be outside the window and is still listed is taken as it was: nobody asks about it.
        """
        notes = _Notes(items=items)
        members, order = await self._lister.span(window)
        named = {self._ref(member.ref, items): member for member in members if member.data is not None}
        read = [
            Fetched(ref=ref, order=order, version=member.version, data=member.data) for ref, member in named.items()
        ]
        absent = [ref for ref in items if ref not in named]
        if any(items[ref].dormant for ref in absent):
            listed = self._named(await self._lister.tags(), items)
            notes.unchanged.update(ref for ref in absent if items[ref].dormant and ref in listed)
        rest = [ref for ref in absent if ref not in notes.unchanged]
        await self._judge(notes, [*read, *await self._reader.fetch(rest)])
        return await self._conclude(notes, mark, notes.still_there(), Coverage.EVERYTHING)

    # --- changes ----------------------------------------------------------------------------------------------------

    async def _changes(self, mark: Mark, report: Report, known: Known) -> Observation:
        collection = self._asking.collection
        spelled = {member.ref: tuple(collection.spellings(member.ref)) for member in report.members}
        items = await known.some({ref for refs in spelled.values() for ref in refs})
        notes = _Notes(items=items)
        to_read: dict[Ref, Version] = {}
        for member in report.members:
            ref = next((ref for ref in spelled[member.ref] if ref in items), member.ref)
            if member.removed:
                if ref in items:
                    notes.missing.append(self._prover.reported(ref, report.order))
            elif notes.is_unchanged(ref, member.version):
                notes.unchanged.add(ref)
            else:
                to_read[ref] = member.version
        await self._judge(notes, await self._reader.fetch(list(to_read), to_read))
        others = await self._others(notes, report, known)
        return await self._conclude(notes, mark, others, Coverage.CHANGES)

    async def _others(self, notes: _Notes, report: Report, known: Known) -> list[Ref]:
        """Known objects that may serve as witnesses; read only if there is something to prove.

        A report that names half of what we know, and things that did not change, is a list of everything: the server
        did not know the token and did not say so. Then what it lacks is read, as after any other list.
        """
        suspicious = bool(notes.unchanged)
        if not notes.missing and not suspicious:
            return []
        everything = await known.everything()
        listed = {self._asking.collection.key(member.ref) for member in report.members}
        if suspicious and 2 * len(listed) >= len(everything):
            absent = [ref for ref in everything if self._asking.collection.key(ref) not in listed]
            if absent:
                notes.items = everything
                read = await self._reader.fetch(absent)
                if all(fetched.is_gone for fetched in read):  # one that is there is no part of the list: it was no list
                    self._facts.quirks.add(Quirk.TOKEN_NOT_REFUSED)
                await self._judge(notes, read)
        return [*notes.still_there(), *(ref for ref in everything if ref not in notes.unchanged)]

    # --- both -------------------------------------------------------------------------------------------------------

    async def _judge(self, notes: _Notes, found: Sequence[Fetched]) -> None:
        """Sort what was read into seen, aside, unchanged, unclear, and candidates for a deletion."""
        texts = []
        for fetched in found:
            item = notes.items.get(fetched.ref)
            if fetched.data is not None:
                if item is not None and _is_same(item, fetched):
                    notes.unchanged.add(fetched.ref)
                else:
                    texts.append(fetched)
            elif fetched.is_gone:
                if item is not None:
                    notes.missing.append(self._prover.read(fetched))
                else:
                    self._facts.quirks.add(Quirk.LISTED_BUT_MISSING)
            elif item is not None:
                why = f"The server answers {fetched.status} when it is read."
                notes.unclear.append(Unclear(ref=fetched.ref, why=why))
            else:
                detail = f"the server answers {fetched.status}"
                notes.aside.append(Aside(ref=fetched.ref, reason=Reason.UNREADABLE, detail=detail))
        for shown in await self._seeing.see(texts):
            match shown:
                case Seen():
                    notes.seen.append(shown)
                case Aside():
                    notes.aside.append(shown)

    async def _conclude(self, notes: _Notes, mark: Mark, others: Iterable[Ref], coverage: Coverage) -> Observation:
        gone, unclear = await self._prover.prove(notes.missing, others)
        seen, doubles = one_for_each_uid(notes.seen, notes.items)
        return Observation(
            coverage=coverage,
            seen=tuple(seen),
            aside=(*notes.aside, *doubles),
            gone=gone,
            unclear=(*notes.unclear, *unclear),
            unchanged=frozenset(notes.unchanged),
            cursor=mark.write(),
        )

    def _named(self, members: Iterable[Listed], items: Mapping[Ref, KnownItem]) -> dict[Ref, Version]:
        """Listed versions by the ref under which we know the object, else by the listed one."""
        return {self._ref(member.ref, items): member.version for member in members if not member.removed}

    def _ref(self, ref: Ref, items: Mapping[Ref, KnownItem]) -> Ref:
        if ref in items:
            return ref
        return next((other for other in self._asking.collection.spellings(ref) if other in items), ref)


def _is_same(item: KnownItem, fetched: Fetched) -> bool:
    """Whether an object is as we know it; its text is parsed only if this cannot be told from the hash."""
    return item.version == fetched.version and item.digest == mapping.digest(fetched.data or b"")
