"""What the contract of a side needs: a bench with a side and its user's hands, a memory, samples, small helpers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final, Protocol

from calsync.core.event import Busy, Event, Field, Privacy
from calsync.core.lens import Lens
from calsync.core.observation import Aside, Digest, Look, Marker, Observation, Seen, Unclear
from calsync.core.policy import Window
from calsync.core.proof import Answer, DirectAnswer, Gone, Witness, prove
from calsync.core.refs import Cursor, Key, LinkId, Ref
from calsync.ports import Draft, KnownItem, Side
from tests.builders import all_day, event, timed

WINDOW: Final = Window(start=datetime(2026, 6, 1, tzinfo=UTC), end=datetime(2027, 6, 1, tzinfo=UTC), zone="Europe/Oslo")
REALM: Final = "sod/Cust12345"
TEXTS: Final = frozenset({Field.TITLE, Field.WHEN, Field.PLACE, Field.NOTES, Field.PRIVACY, Field.BUSY})

SAMPLES: Final[Mapping[str, Event]] = {
    "plain": event("Lunch"),
    "all texts": event("Møte 👩‍👩‍👧 é", place="Rom 4; 2. etg, \\nord", notes='First\n\nthird: "x", y; z\\n'),
    "long": event("x" * 200, notes="æøå " * 60),
    "whole day": event("Holiday", all_day("2026-07-01")),
    "whole days": event("Journey", all_day("2026-07-01", days=5)),
    "other zone": event("Call", timed("2026-11-01 01:30", zone="America/New_York")),
    "over midnight": event("Night shift", timed("2026-10-24 22:00", minutes=600)),
    "no length": event("Reminder", timed(minutes=0)),
    "private": event("Doctor", privacy=Privacy.PRIVATE),
    "free": event("Maybe", busy=Busy.FREE),
    "tentative": event("Perhaps", busy=Busy.TENTATIVE),
}


class Spoil(Enum):
    """What may be wrong with the whole calendar while it is read."""

    EMPTY = auto()  # listings name nothing, single reads work
    NOT_FOUND = auto()
    SERVER_ERROR = auto()
    LOGIN_PAGE = auto()
    TRUNCATED = auto()
    SIGN_IN = auto()


@dataclass(slots=True)
class DictKnown:
    """The store's memory of one side, in a dict."""

    items: dict[Ref, KnownItem] = field(default_factory=dict)

    async def some(self, refs: Collection[Ref]) -> Mapping[Ref, KnownItem]:
        return {ref: self.items[ref] for ref in refs if ref in self.items}

    async def everything(self) -> Mapping[Ref, KnownItem]:
        return dict(self.items)

    def learn(self, observation: Observation) -> None:
        """Remember what was observed, as a run that commits does."""
        looks: tuple[Look, ...] = (*observation.seen, *observation.aside, *observation.gone)
        for look in looks:
            self.learn_look(look)

    def learn_look(self, look: Look) -> None:
        match look:
            case Seen():
                self.items[look.ref] = KnownItem(version=look.version, digest=look.digest, link=LinkId(look.ref))
            case Aside():
                self.items[look.ref] = KnownItem(version=look.version, digest=Digest(""))
            case Gone():
                self.items.pop(look.ref, None)
            case Unclear():
                pass


class Bench(Protocol):
    """A side under test, and what its user does by other means than calsync."""

    @property
    def side(self) -> Side:
        """One side object for the whole test."""
        ...

    @property
    def known(self) -> DictKnown: ...

    @property
    def spoils(self) -> frozenset[Spoil]:
        """What this bench can do to the calendar as a whole."""
        ...

    def new_side(self) -> Side:
        """Another side object for the same calendar, as after a restart."""
        ...

    async def make(self, event: Event) -> Ref:
        """The user makes an event; ``ref`` as the side will list it."""
        ...

    async def make_unoffered(self) -> Ref:
        """The user makes something that is not synchronised, such as a task or a series."""
        ...

    async def edit(self, ref: Ref, event: Event) -> None: ...
    async def remove(self, ref: Ref) -> None: ...

    async def raw(self, ref: Ref) -> bytes | None:
        """The system's own text or row; None if there is none."""
        ...

    async def count(self) -> int:
        """How many objects the calendar holds."""
        ...

    async def spoil(self, how: Spoil | None) -> None:
        """Break the calendar as a whole; None repairs it."""
        ...


def draft(of: Event, name: str = "1") -> Draft:
    """A copy to be made, with a key of its own."""
    key = Key(f"key{name}".ljust(40, "x"))
    return Draft(event=of, marker=Marker(realm=REALM, key=key, generation=1))


def proof() -> Gone:
    """The deletion of a counterpart somewhere else."""
    where = {"calendar": "the other one", "credential": "somebody"}
    return prove(
        DirectAnswer(ref=Ref("counterpart"), answer=Answer.MEMORY, order=1, **where),
        Witness(subject="the other calendar", order=2, **where),
    )


async def observe(bench: Bench, cursor: Cursor | None = None) -> Observation:
    """One observation that is remembered."""
    observation = await bench.side.observe(cursor, bench.known, WINDOW)
    bench.known.learn(observation)
    return observation


async def see(side: Side, ref: Ref) -> Seen:
    [look] = await side.look([ref])
    assert isinstance(look, Seen), look
    return look


async def made(bench: Bench, of: Draft) -> Seen:
    """A copy made by calsync and read back, as `apply` does it."""
    receipt = await bench.side.create(of)
    seen = receipt.seen or await see(bench.side, receipt.ref)
    bench.known.learn_look(seen)
    return seen


def refs(found: Sequence[Look]) -> set[Ref]:
    return {item.ref for item in found}


def troubles(observation: Observation) -> set[Ref]:
    """What is not just there: set aside, gone or unclear."""
    return refs(observation.aside) | refs(observation.gone) | {unclear.ref for unclear in observation.unclear}


def carried(shown: Event, lens: Lens) -> Event:
    """An event reduced to what every pair carries, as a side shows it."""
    kept = lens.show(shown)
    return Event(
        title=kept.title, when=kept.when, place=kept.place, notes=kept.notes, privacy=kept.privacy, busy=kept.busy
    )
