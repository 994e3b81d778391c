"""Values that the contract suites of the store are about."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields, replace
from dataclasses import Field as DataclassField
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from calsync.core.ends import End, Ends
from calsync.core.event import Event
from calsync.core.link import Link
from calsync.core.observation import Aside, Digest, Marker, Seen
from calsync.core.policy import Direction, Policy
from calsync.core.reason import Reason
from calsync.core.record import Conflict, ConflictState, Held, HeldEvent, HeldState, SetAside, Step
from calsync.core.refs import ConflictId, HeldId, Identity, Key, LinkId, PairId, Ref, Version
from calsync.ports import Calendar, Connection, Diary, Pair, People, Records, Tenant
from tests.builders import event

NOW: Final = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TENANT: Final = "Cust12345"
PAIR: Final = PairId("pair-1")


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until it is set."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a contract suite is given: an empty store and the clock it uses."""

    records: Records
    people: People
    clock: SetClock = field(default_factory=SetClock)

    async def with_pair(self, **changes: Any) -> Pair:
        await self.people.put_tenant(tenant())
        made = pair(**changes)
        await self.people.put_pair(made)
        return made


def tenant(id_: str = TENANT, **changes: Any) -> Tenant:
    return replace(Tenant(id=id_, environment="sod", token="the-token"), **changes)


def pair(id_: str = "pair-1", **changes: Any) -> Pair:
    """A diary with a calendar; each pair has another user and another calendar."""
    made = Pair(
        id=PairId(id_),
        tenant=TENANT,
        ends=Ends(Diary(associate=sum(map(ord, id_))), Calendar(connection="connection-1", calendar=f"/{id_}/")),
        policy=Policy(),
        zone="Europe/Oslo",
        identities=Ends(f"sod/{TENANT}/{id_}", f"caldav/{id_}"),
    )
    return replace(made, **changes)


def to(direction: Direction) -> Policy:
    return Policy(direction=direction)


def seen(ref: str, shown: Event | None = None, **changes: Any) -> Seen:
    made = Seen(
        ref=Ref(ref),
        version=Version(f'"{ref}-1"'),
        digest=Digest(f"digest of {ref}"),
        identity=Identity(f"identity of {ref}"),
        event=event() if shown is None else shown,
    )
    return replace(made, **changes)


def link(id_: str = "link-1", **changes: Any) -> Link:
    marker = Marker(realm="sod/Cust12345", key=Key("0" * 40), generation=1)
    made = Link(
        id=LinkId(id_),
        base=Ends(seen(f"crm of {id_}"), seen(f"calendar of {id_}", uid=f"uid of {id_}", marker=marker)),
        born=End.CRM,
    )
    return replace(made, **changes)


def aside(ref: str = "odd", **changes: Any) -> SetAside:
    item = Aside(ref=Ref(ref), reason=Reason.SERIES, version=Version('"1"'), detail="weekly", title="Standup")
    return replace(SetAside(end=End.CALENDAR, item=item, since=NOW), **changes)


def conflict(id_: str = "conflict-1", **changes: Any) -> Conflict:
    made = Conflict(
        id=ConflictId(id_),
        pair=PAIR,
        link=LinkId("link-1"),
        title="Lunch",
        field=None,
        base=Ends(event("Lunch"), event("Lunch")),
        values=Ends(event("Dinner"), None),
        won=End.CRM,
        policy="edit wins over delete",
        state=ConflictState.SETTLED,
        at=NOW,
    )
    return replace(made, **changes)


def held(id_: str = "held-1", **changes: Any) -> Held:
    made = Held(
        id=HeldId(id_),
        pair=PAIR,
        end=End.CALENDAR,
        events=(HeldEvent(link=LinkId("link-1"), title="Lunch", start="2026-07-01T10:00"),),
        state=HeldState.OPEN,
        at=NOW,
    )
    return replace(made, **changes)


def step(what: str = "copied", **changes: Any) -> Step:
    return replace(Step(at=NOW, link=LinkId("link-1"), what=what, why="new in SuperOffice"), **changes)


def connection(id_: str = "connection-1", **changes: Any) -> Connection:
    made = Connection(
        id=id_,
        tenant=TENANT,
        associate=7,
        kind="caldav",
        subject="https://calendar.example/ kari",
        url="https://calendar.example/",
        username="kari",
        secret="the-password",
        facts={"sync_collection": True, "batch": 50},
    )
    return replace(made, **changes)


def at_their_defaults(value: Any) -> list[str]:
    """The fields that a test with this value says nothing about."""
    return [each.name for each in fields(value) if getattr(value, each.name) == _default_of(each)]


def _default_of(each: DataclassField[Any]) -> object:
    return each.default if each.default_factory is MISSING else each.default_factory()
