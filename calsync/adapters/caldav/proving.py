"""Proving deletions: a direct answer about the object, then a good read of something else in the same calendar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from calsync.adapters.caldav import multistatus, wire
from calsync.adapters.caldav.asking import Asking
from calsync.adapters.caldav.reading import Fetched, Reader
from calsync.core.observation import Unclear
from calsync.core.proof import Answer, DirectAnswer, Gone, Witness, prove
from calsync.core.refs import Ref

_WITNESSES_MAX: Final = 3


class Prover:
    """Turns "not there" into `Gone` where it is proven, and into `Unclear` where it is not."""

    def __init__(self, asking: Asking, reader: Reader) -> None:
        self._asking = asking
        self._reader = reader

    def reported(self, ref: Ref, order: int) -> DirectAnswer:
        """A bare 404 member of a complete sync report under an accepted token."""
        return self._answer(ref, Answer.SYNC_REPORT_404, order)

    def read(self, fetched: Fetched) -> DirectAnswer:
        """A 404 or 410 to a read of the object alone."""
        kind = Answer.CALDAV_410 if fetched.status == multistatus.GONE else Answer.CALDAV_404
        return self._answer(fetched.ref, kind, fetched.order)

    async def prove(
        self, answers: Sequence[DirectAnswer], others: Iterable[Ref]
    ) -> tuple[tuple[Gone, ...], tuple[Unclear, ...]]:
        """Prove these deletions by one more read, of one of ``others`` (known, believed to be there).

        Without others the calendar itself is read. If there are others and none of them can be read, nothing is
        proven.

        Raises:
            CalendarUnavailableError: the calendar itself is not there: nothing in it is a deletion.
        """
        if not answers:
            return (), ()
        missing = {answer.ref for answer in answers}
        witness = await self._witness(ref for ref in others if ref not in missing)
        if witness is None:
            why = "It was not there, and nothing else in this calendar could be read either."
            return (), tuple(Unclear(ref=answer.ref, why=why) for answer in answers)
        return tuple(prove(answer, witness) for answer in answers), ()

    async def _witness(self, others: Iterable[Ref]) -> Witness | None:
        asked = False
        for ref in islice(others, _WITNESSES_MAX):
            asked = True
            fetched = await self._reader.get(ref)
            if fetched.data is not None:
                return self._sees(ref, fetched.order)
        if asked:
            return None
        _, order = await self._asking.facts((wire.RESOURCE_TYPE,))
        return self._sees(self._asking.collection.url, order)

    def _answer(self, ref: Ref, kind: Answer, order: int) -> DirectAnswer:
        return DirectAnswer(
            ref=ref, answer=kind, calendar=self._asking.identity, credential=self._asking.credential, order=order
        )

    def _sees(self, subject: str, order: int) -> Witness:
        return Witness(subject=subject, calendar=self._asking.identity, credential=self._asking.credential, order=order)
