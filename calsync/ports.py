"""What the engine needs from the world, as protocols, and the values that cross them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, TypeAlias

from calsync.core.ends import End, Ends
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.link import Link
from calsync.core.observation import Digest, Look, Marker, Observation, Seen
from calsync.core.policy import Policy, Window
from calsync.core.proof import Gone
from calsync.core.record import Conflict, Held, Run, SetAside, Step, Touched
from calsync.core.refs import NO_VERSION, ConflictId, Cursor, HeldId, Key, LinkId, PairId, Ref, Version


class Clock(Protocol):
    """The one clock: all dating and all waiting."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None: ...


# --- a side ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """What the store remembers of one object of a side, without its content."""

    version: Version
    digest: Digest
    link: LinkId | None = None
    dormant: bool = False


class Known(Protocol):
    """Our memory of one side: linked objects and set-aside ones. Read only as far as asked."""

    async def some(self, refs: Collection[Ref]) -> Mapping[Ref, KnownItem]: ...

    async def everything(self) -> Mapping[Ref, KnownItem]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """How a side likes to be used. ``parallel`` bounds requests under way; ``batch`` is how many refs one look takes.

    ``own_feed``: the side finds its changes itself (`observe` with a cursor); otherwise a tenant's feed hands over
    touched records and `observe` is asked only for everything. ``enforces_keys``: a create with a taken key is
    refused by the server, so an unanswered create may be sent again at once.
    """

    parallel: int = 4
    batch: int = 50
    own_feed: bool = True
    enforces_keys: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A copy to be made. ``uid`` is the original's iCalendar UID, empty where it has none."""

    event: Event
    marker: Marker
    uid: str = ""

    @property
    def key(self) -> Key:
        return self.marker.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A write was accepted. ``seen`` is what the server made of it, where its answer said so; else it is read back.

    ``version`` is the version the server named for exactly what was stored (NO_VERSION if none). ``overwritten`` is
    an edit found overwritten: it goes to the conflict log.
    """

    ref: Ref
    version: Version = NO_VERSION
    seen: Seen | None = None
    overwritten: Event | None = None


class Side(Protocol):
    """One calendar of one person. It keeps no state between calls; the same contract suite holds for every one.

    Every method may raise `TryLaterError` (throttled, down), `SignInNeededError`, `CalendarUnavailableError`
    (missing, replaced, unreadable as a whole) and `UnusableAnswerError` (a listing that is not one).
    """

    @property
    def identity(self) -> str:
        """Names this calendar for ever (system, principal, collection); part of every key."""
        ...

    @property
    def lens(self) -> Lens: ...

    @property
    def traits(self) -> Traits: ...

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        """What changed since ``cursor``; everything without one.

        A refused cursor is answered with everything. Objects whose version is known need not be read again: they
        are ``unchanged``. A known ref that a listing lacks is read directly and comes out as seen, gone or unclear.
        A side with a server-side window may list that window only (a day wider); the caller filters.
        """
        ...

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        """Read these objects directly; exactly one answer for each, in no particular order."""
        ...

    async def find(self, draft: Draft) -> Look | None:
        """Look up the copy that a create with this draft's key would have made; None if there is none."""
        ...

    async def create(self, draft: Draft) -> Receipt:
        """Make the copy, mailing nobody. Asking twice makes one.

        Raises:
            AlreadyThereError: the key is taken (by us, before); ``ref`` is where.
            RefusedError: this event cannot be made here; it is set aside.
            InDoubtError: the answer was lost; nothing is known.
        """
        ...

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        """Change just ``fields`` of the object to ``want``, on the condition that it still is what ``base`` shows.

        Raises:
            StaleVersionError: it is not, or it is gone: look again.
            RefusedError: it cannot be changed so here.
            InDoubtError: as for `create`.
        """
        ...

    async def delete(self, base: Seen, proof: Gone) -> None:
        """Delete the object, on the condition that it still is what ``base`` shows; already gone is done.

        ``proof`` is the deletion of its counterpart: without one there is nothing to call this with.
        """
        ...


# --- a tenant's feed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """What a tenant's change query found: refs by diary (associate id), and the cursor after them."""

    touched: Mapping[int, frozenset[Ref]]
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class DiaryRow:
    """One row of a diary sweep: just enough to see that it is new or differs."""

    ref: Ref
    digest: Digest


class TenantFeed(Protocol):
    """Changes of all diaries of one tenant, by queries that all its pairs share. Raises as `Side` does."""

    async def changes(self, cursor: Cursor | None, associates: Collection[int]) -> FeedPage:
        """Records updated or registered since ``cursor`` (with overlap); without one just a cursor from now on."""
        ...

    async def sweep(self, associates: Collection[int], window: Window) -> Mapping[int, Sequence[DiaryRow]]:
        """All rows of these diaries in the window (a day wider): finds deletions and silent edits by difference.

        An associate that could not be read completely is left out of the answer.
        """
        ...


# --- people, connections, pairs -------------------------------------------------------------------------------------


class TenantState(Enum):
    """Whether a tenant's API may be used."""

    RUNNING = "Running"
    PAUSED = "Paused"
    REMOVED = "Removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A SuperOffice customer in one environment, or the built-in ``local`` one that has none.

    ``id`` is the custid. ``token`` is the system user token (sealed at rest).
    """

    id: str
    environment: str = ""
    serial: str = ""
    token: str = ""
    url: str = ""
    principal: int = 0
    zone: str = ""
    state: TenantState = TenantState.RUNNING
    epoch: int = 1
    detail: str = ""

    @property
    def realm(self) -> str:
        """Environment and tenant in one word, as markers and keys carry it."""
        return f"{self.environment or 'local'}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Associate:
    """A SuperOffice user. ``state`` is ``active`` or ``retired``; ``zone`` an IANA name or empty."""

    tenant: str
    id: int
    name: str
    email: str = ""
    state: str = "active"
    zone: str = ""


class ConnectionState(Enum):
    """Whether a connection's credential is accepted."""

    OK = "ok"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A person's account at a calendar system.

    ``subject`` names the account for ever (reconnecting with another one is refused). ``secret`` (password, refresh
    token) is sealed at rest. ``facts`` is what the adapter learned of the server (plain JSON values, no secrets).
    """

    id: str
    tenant: str
    associate: int | None
    kind: str
    subject: str
    url: str
    username: str
    secret: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    state: ConnectionState = ConnectionState.OK
    failed_sign_ins: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diary:
    """An end of a pair that is a SuperOffice user's diary."""

    associate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """An end of a pair that is a calendar of a connection; ``calendar`` is its id there (a collection URL)."""

    connection: str
    calendar: str


Endpoint: TypeAlias = Diary | Calendar


class PairState(Enum):
    """What a pair is doing, as `status` says it."""

    OK = "ok"
    DELAYED = "delayed"
    PAUSED = "paused"
    HELD = "held"
    SIGN_IN = "sign_in"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One diary (or calendar) kept the same as one calendar, and when it is due.

    ``identities`` pin the two calendars: a side that names itself differently pauses the pair. ``fails`` counts
    failed runs in a row (back-off).
    """

    id: PairId
    tenant: str
    ends: Ends[Endpoint]
    policy: Policy
    zone: str
    identities: Ends[str]
    cursors: Ends[Cursor | None] = Ends(None, None)  # noqa: RUF009  # an immutable value
    state: PairState = PairState.OK
    reason: str = ""
    due_at: datetime | None = None
    fails: int = 0
    last_run: datetime | None = None
    last_converged: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCalendar:
    """A calendar that a connection offers."""

    id: str
    name: str
    writable: bool


# --- the store ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Everything one transaction of a run writes. It is committed as a whole or not at all.

    ``links`` and ``conflicts`` are stored by id (inserted or replaced). ``asides`` are stored by (end, ref);
    ``not_aside`` removes them. ``touched`` adds marks; ``dealt_with`` removes exactly these marks, so a record
    touched again meanwhile stays. ``cursors`` change where not None.
    """

    links: tuple[Link, ...] = ()
    forgotten: tuple[LinkId, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    held: tuple[Held, ...] = ()
    asides: tuple[SetAside, ...] = ()
    not_aside: tuple[tuple[End, Ref], ...] = ()
    touched: tuple[tuple[End, Ref], ...] = ()
    dealt_with: tuple[Touched, ...] = ()
    cursors: Ends[Cursor | None] = Ends(None, None)  # noqa: RUF009  # an immutable value
    steps: tuple[Step, ...] = ()
    run: Run | None = None
    deletes_sent: tuple[tuple[End, LinkId, datetime], ...] = ()


class Records(Protocol):
    """The durable state of pairs. Each method is one transaction; content is sealed with the tenant's key."""

    async def links(self, pair: PairId, ids: Collection[LinkId] | None = None) -> Sequence[Link]:
        """Links by id, or all of them."""
        ...

    async def links_at(self, pair: PairId, end: End, refs: Collection[Ref]) -> Sequence[Link]:
        """Links whose base at ``end`` (or whose pending write there) names one of these refs."""
        ...

    async def restless_links(self, pair: PairId) -> Sequence[Link]:
        """Links that need a look whatever the sides report: pending writes, wishes, decided holds."""
        ...

    async def link_count(self, pair: PairId) -> int:
        """Links that are not dormant."""
        ...

    async def known(self, pair: PairId, end: End, refs: Collection[Ref] | None = None) -> Mapping[Ref, KnownItem]:
        """Linked and set-aside objects at one end, without content; all of them without ``refs``."""
        ...

    async def touched(self, pair: PairId) -> Sequence[Touched]: ...

    async def asides(self, pair: PairId, *, due_before: datetime | None = None) -> Sequence[SetAside]:
        """All set-aside items, or just those whose next try is not later than ``due_before``."""
        ...

    async def deletes_since(self, pair: PairId, end: End, since: datetime) -> int:
        """Unapproved deletes sent to ``end`` since then (the guard counts them)."""
        ...

    async def open_conflicts(self, pair: PairId, links: Collection[LinkId]) -> Sequence[Conflict]: ...

    async def conflict(self, conflict: ConflictId) -> Conflict | None: ...

    async def conflicts(self, pair: PairId | None = None, *, open_only: bool = False) -> Sequence[Conflict]: ...

    async def held(self, pair: PairId | None = None, *, open_only: bool = False) -> Sequence[Held]: ...

    async def held_group(self, held: HeldId) -> Held | None: ...

    async def runs(self, pair: PairId | None = None, *, limit: int = 100) -> Sequence[Run]: ...

    async def steps(self, link: LinkId) -> Sequence[Step]: ...

    async def commit(self, pair: PairId, changes: Changes) -> None: ...

    async def prune(self, before: datetime) -> Mapping[str, int]:
        """Delete history from before then; the counts by kind: ``runs``, ``steps``, ``conflicts``.

        Open conflicts, held groups and the newest steps of each link stay. One call is one batch of bounded size:
        repeat it until it deletes nothing.
        """
        ...


class People(Protocol):
    """Tenants, their users, connections, pairs and feeds. Each method is one transaction."""

    async def tenants(self) -> Sequence[Tenant]: ...

    async def tenant(self, tenant: str) -> Tenant | None: ...

    async def put_tenant(self, tenant: Tenant) -> None:
        """Insert or replace; a new tenant gets a key of its own."""
        ...

    async def erase_tenant(self, tenant: str) -> Mapping[str, int]:
        """Delete everything of a tenant and destroy its key; the counts of what was there."""
        ...

    async def associates(self, tenant: str | None = None) -> Sequence[Associate]: ...

    async def put_associates(self, tenant: str, people: Sequence[Associate]) -> None:
        """Replace the list of a tenant's users."""
        ...

    async def connections(self, tenant: str | None = None) -> Sequence[Connection]: ...

    async def connection(self, connection: str) -> Connection | None: ...

    async def put_connection(self, connection: Connection) -> None: ...

    async def pairs(self, tenant: str | None = None) -> Sequence[Pair]: ...

    async def pair(self, pair: PairId) -> Pair | None: ...

    async def put_pair(self, pair: Pair) -> None: ...

    async def remove_pair(self, pair: PairId) -> None:
        """Forget the pair with its links; conflicts and runs stay as history."""
        ...

    async def claim_due(self, now: datetime, *, limit: int, lease_s: float) -> Sequence[Pair]:
        """Claim due pairs for ``lease_s``, fairly per tenant, at most one per SuperOffice user."""
        ...

    async def release(self, pair: Pair) -> None:
        """Store what the run made of a claimed pair (state, times, fails, due_at) and end its lease."""
        ...

    async def feed_cursor(self, tenant: str) -> tuple[Cursor | None, datetime | None]:
        """The change query's cursor and the time of the last complete sweep."""
        ...

    async def commit_feed(
        self,
        tenant: str,
        *,
        cursor: Cursor | None,
        swept_at: datetime | None,
        touched: Mapping[PairId, Collection[Ref]],
    ) -> None:
        """One transaction: the cursor, and a durable touched row for each (pair, record); those pairs are due."""
        ...


class Systems(Protocol):
    """The calendar systems behind connections; `compose` chooses them."""

    async def open(self, pair: Pair) -> Ends[Side]: ...

    async def feed(self, tenant: Tenant) -> TenantFeed: ...


NewId: TypeAlias = Callable[[], str]
"""Makes an id that was never used before (seeded under ``--seed``)."""
