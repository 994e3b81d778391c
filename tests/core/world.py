"""One event of a pair as a tiny world: what both sides hold, its link, and a round of the sync upon it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from calsync.core.action import Create, Decision, Delete, Update
from calsync.core.closing import Closing, Done, Outcome, close_decision
from calsync.core.decide import Terms, View, decide
from calsync.core.ends import End, Ends
from calsync.core.event import Event
from calsync.core.lens import Lens
from calsync.core.link import Link
from calsync.core.match import Pairing
from calsync.core.merge import with_fields
from calsync.core.observation import Aside, Digest, Look, Marker, Seen
from calsync.core.opening import Desk, open_decision
from calsync.core.policy import Policy, window_of
from calsync.core.proof import Answer, DirectAnswer, Gone, Witness, prove
from calsync.core.reason import Reason
from calsync.core.record import Conflict, ConflictState
from calsync.core.refs import ConflictId, Identity, LinkId, PairId, Ref, Version

NOW: Final = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
PAIRING: Final = Pairing(realm="local/test", identities=Ends("memory:crm", "memory:calendar"))
SAME_LENSES: Final = Ends(Lens(), Lens())
_numbers = itertools.count(1)


def seen(end: End, shown: Event, *, version: str = "1", identity: str = "", marker: Marker | None = None) -> Seen:
    """The event of this end, at the ref that its link knows."""
    return Seen(
        ref=Ref(f"{end.value}-1"),
        version=Version(version),
        digest=Digest(version),
        identity=Identity(identity or f"{end.value}:1"),
        event=shown,
        marker=marker,
    )


def gone(end: End) -> Gone:
    ref = Ref(f"{end.value}-1")
    answer = DirectAnswer(ref=ref, answer=Answer.MEMORY, calendar="c", credential="p", order=1)
    return prove(answer, Witness(subject="c", calendar="c", credential="p", order=2))


def aside(end: End) -> Aside:
    return Aside(ref=Ref(f"{end.value}-1"), reason=Reason.MEETING)


def link_of(base: Ends[Event | None], *, born: End = End.CRM) -> Link:
    """A link whose sides showed ``base`` when they last agreed."""
    bases = [None if (shown := base[end]) is None else seen(end, shown, version="base") for end in End]
    return Link(id=LinkId("link"), base=Ends(bases[0], bases[1]), born=born)


def terms_of(policy: Policy, lenses: Ends[Lens] = SAME_LENSES) -> Terms:
    return Terms(pairing=PAIRING, policy=policy, lenses=lenses, window=window_of(policy, NOW, "Europe/Oslo"), now=NOW)


@dataclass(slots=True)
class World:
    """``now`` is what a look at each side says. Rounds look, decide, carry out and record, as the engine does."""

    link: Link | None
    now: Ends[Look | None]
    terms: Terms
    rows: dict[ConflictId, Conflict] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def round(self, outcome: Callable[[End], Outcome | None] = lambda _end: None) -> Decision | None:
        """One round; ``outcome`` may say that a write ends otherwise than by being done."""
        if self.link is None:
            return None
        decision = decide(View(link=self.link, now=self.now), self._terms())
        if decision is None:
            return None
        self.decisions.append(decision)
        opening = open_decision(decision, self.desk())
        self._keep(opening.conflicts)
        outcomes = {write.at: outcome(write.at) or self.carry_out(write) for write in decision.writes}
        closing = close_decision(decision, opening, outcomes, self.desk())
        self.record(closing)
        return decision

    def _terms(self) -> Terms:
        asked = frozenset(row.field for row in self.open_rows() if row.field is not None)
        return replace(self.terms, asked={LinkId("link"): asked})

    def open_rows(self) -> list[Conflict]:
        return [row for row in self.rows.values() if row.state is ConflictState.OPEN]

    def desk(self) -> Desk:
        return Desk(
            pair=PairId("pair"),
            at=NOW,
            new_id=lambda: f"row{next(_numbers)}",
            lenses=self.terms.lenses,
            rows=self.rows,
        )

    def carry_out(self, write: Create | Update | Delete) -> Done:
        """The server does what was asked."""
        match write:
            case Create():
                marker = Marker(realm=PAIRING.realm, key=write.key, generation=write.generation)
                made = seen(write.at, self.terms.lenses[write.at].show(write.event), identity=write.key, marker=marker)
                return self._made(write.at, replace(made, ref=Ref(f"copy-{write.key}")))
            case Update():
                shown = with_fields(write.now.event, self.terms.lenses[write.at].show(write.want), write.fields)
                return self._made(write.at, replace(write.now, event=shown, version=Version(f"{next(_numbers)}")))
            case Delete():
                self.now = self.now.replace(write.at, gone(write.at))
                return Done()

    def _made(self, at: End, made: Seen) -> Done:
        self.now = self.now.replace(at, made)
        return Done(seen=made)

    def record(self, closing: Closing) -> None:
        self.link = closing.link
        self._keep(closing.conflicts)

    def _keep(self, rows: Sequence[Conflict]) -> None:
        self.rows |= {row.id: row for row in rows}

    def shown(self, end: End) -> Event | None:
        look = self.now[end]
        return look.event if isinstance(look, Seen) else None

    def values(self) -> set[object]:
        """Everything that can still be read somewhere: on either side, or in the conflict log."""
        live = {value for end in End if (shown := self.shown(end)) for value in texts_of(shown)}
        return live | {value for row in self.rows.values() for value in (*row.values, *row.base)}


def texts_of(shown: Event) -> set[object]:
    return {shown.title, shown.place, shown.notes}


def settle_down(world: World, rounds: int = 3) -> None:
    """Rounds until nothing is written any more; at most ``rounds`` of them write."""
    for _ in range(rounds):
        decision = world.round()
        if decision is None or not decision.writes:
            break
    last = world.round()
    assert last is None or not last.writes, last
