"""Pairs: made after a preview, changed, paused, removed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from calsync.core.ends import End, Ends
from calsync.core.errors import CalsyncError
from calsync.core.event import Event, Field
from calsync.core.lens import Lens
from calsync.core.observation import Look, Observation, Seen
from calsync.core.policy import Direction, Policy, Window
from calsync.core.proof import Gone
from calsync.core.reason import Reason
from calsync.core.record import SetAside
from calsync.core.refs import Cursor, PairId, Ref
from calsync.engine.people import LOCAL, PeopleDesk, calendars_of, refreshed, tenant_of
from calsync.engine.policies import read_direction, read_policy
from calsync.engine.preview import Preview, preview
from calsync.engine.requests import Given
from calsync.engine.resolve import NotFoundError, NotPossibleError
from calsync.engine.rhythm import PairReason
from calsync.engine.run import PlanChangedError
from calsync.engine.turn import Turn, Turns
from calsync.ports import (
    Calendar,
    Changes,
    Diary,
    Draft,
    Endpoint,
    Known,
    Pair,
    PairState,
    Receipt,
    Side,
    Tenant,
    Traits,
)


class PreviewChangedError(CalsyncError):
    """The plan is no longer the one that was previewed (exit code 20); ``preview`` is the one of now."""

    def __init__(self, pair: PairId, preview: Preview) -> None:
        super().__init__("the calendars changed since the preview; nothing was written. Look at the new preview")
        self.pair = pair
        self.preview = preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A pair after its first run: what was made at each side, what was found on both."""

    turn: Turn
    checksum: str
    link: int
    create: Ends[int]
    unsure: tuple[SetAside, ...]


# --- reading what is wanted -----------------------------------------------------------------------------------------


async def read_pair(desk: PeopleDesk, turns: Turns, wanted: object, standard: Policy) -> Pair:
    """The pair that is asked for, with both calendars opened once to learn who they are; nothing is stored.

    Raises:
        InputError, NotFoundError, NotPossibleError: it cannot be made so.
        RemoteError: one of the sides cannot be reached.
    """
    given = Given(wanted)
    tenant = await tenant_of(desk, given.text("tenant", LOCAL))
    policy = replace(standard, direction=read_direction(given, standard.direction))
    policy = read_policy(given.part("policy"), policy)
    crm = _read_crm(given)
    calendar = Calendar(connection=given.text("connection"), calendar=given.text("calendar"))
    given.finish()
    ends = Ends[Endpoint](await _checked(desk, tenant, crm, policy, End.CRM), calendar)
    ends = ends.replace(End.CALENDAR, await _checked(desk, tenant, calendar, policy, End.CALENDAR))
    await _check_owner(desk, ends)
    draft = Pair(
        id=_id_of(tenant, ends),
        tenant=tenant.id,
        ends=ends,
        policy=policy,
        zone=await zone_of(desk, tenant, ends.crm, policy),
        identities=Ends("", ""),
    )
    await _check_new(desk, draft)
    context = await turns.context(draft)
    return await _check_free(desk, replace(draft, identities=context.sides.map(lambda side: side.identity)))


def _read_crm(given: Given) -> Endpoint:
    if "crm" in given:
        crm = given.part("crm")
        end = Calendar(connection=crm.text("connection"), calendar=crm.text("calendar"))
        crm.close()
        return end
    if "associate_id" not in given:
        given.wrong("associate_id", "nothing", 'a SuperOffice user (or "crm", for a pair of two calendars)')
    return Diary(associate=given.number("associate_id", 0, least=1) or 0)


async def _checked(desk: PeopleDesk, tenant: Tenant, end: Endpoint, policy: Policy, at: End) -> Endpoint:
    """The endpoint as the system names it."""
    match end:
        case Diary(associate=associate):
            people = await desk.people.associates(tenant.id)
            if not any(person.id == associate for person in people):
                raise NotFoundError(f"{tenant.id} has no user {associate}; `calsync people list` shows them")
            return end
        case Calendar():
            return await _checked_calendar(desk, tenant, end, writes=policy.direction.writes(at))


async def _checked_calendar(desk: PeopleDesk, tenant: Tenant, end: Calendar, *, writes: bool) -> Calendar:
    connection = await desk.people.connection(end.connection)
    if connection is None or connection.tenant != tenant.id:
        raise NotFoundError(f"{tenant.id} has no connection {end.connection}; `calsync connect` makes one")
    found = {one.id.rstrip("/"): one for one in calendars_of(connection)}
    if end.calendar.rstrip("/") not in found:
        found = {one.id.rstrip("/"): one for one in calendars_of(await refreshed(desk, connection))}
    calendar = found.get(end.calendar.rstrip("/"))
    if calendar is None:
        there = ", ".join(sorted(one.id for one in found.values())) or "none"
        raise NotFoundError(f"the connection has no calendar {end.calendar}; it has {there}")
    if writes and not calendar.writable:
        raise NotPossibleError(f"the calendar {calendar.name} is read-only; choose a direction that does not write it")
    return replace(end, calendar=calendar.id)


async def _check_owner(desk: PeopleDesk, ends: Ends[Endpoint]) -> None:
    """A diary goes to its own user's account only: nobody reads another person's appointments by mistake."""
    diary, calendar = ends
    if not isinstance(diary, Diary) or not isinstance(calendar, Calendar):
        return
    connection = await desk.people.connection(calendar.connection)
    if connection is not None and connection.associate != diary.associate:
        raise NotPossibleError(
            f"connection {connection.id} belongs to user {connection.associate}, not to user {diary.associate}; "
            "a diary is paired with its own user's calendar"
        )


def _id_of(tenant: Tenant, ends: Ends[Endpoint]) -> PairId:
    """The same two ends always make the same id, so a preview can name it and nothing needs to be kept."""
    return PairId(hashlib.sha256(f"{tenant.realm} {ends!r}".encode()).hexdigest()[:12])


async def zone_of(desk: PeopleDesk, tenant: Tenant, crm: Endpoint, policy: Policy) -> str:
    """A person's zone: what the policy says, else the SuperOffice user's, else the tenant's (design 5)."""
    own = ""
    if isinstance(crm, Diary):
        people = await desk.people.associates(tenant.id)
        own = next((person.zone for person in people if person.id == crm.associate), "")
    return policy.time_zone or own or tenant.zone or "UTC"


async def _check_new(desk: PeopleDesk, pair: Pair) -> None:
    if pair.ends.crm == pair.ends.calendar:
        raise NotPossibleError("both ends are the same calendar")
    if await desk.people.pair(pair.id) is not None:
        raise NotPossibleError(f"these two are a pair already: {pair.id}")


async def _check_free(desk: PeopleDesk, pair: Pair) -> Pair:
    """Two pairs on one calendar would feed each other."""
    mine = _calendars(pair)
    for other in await desk.people.pairs():
        theirs = _calendars(other)
        shared = mine.keys() & theirs.keys()
        if any(mine[identity] or theirs[identity] for identity in shared):
            raise NotPossibleError(f"the calendar belongs to pair {other.id} already; remove that pair first")
    return pair


def _calendars(pair: Pair) -> Mapping[str, bool]:
    """The identities of a pair's calendars (a diary may have several pairs), and whether it writes them."""
    return {
        pair.identities[end]: pair.policy.direction.writes(end) for end in End if isinstance(pair.ends[end], Calendar)
    }


# --- preview and first run ------------------------------------------------------------------------------------------


async def preview_pair(turns: Turns, pair: Pair) -> Preview:
    """What the first run would do; nothing is written anywhere."""
    return await preview(await turns.context(pair))


async def apply_pair(desk: PeopleDesk, turns: Turns, pair: Pair, checksum: str | None) -> Added:
    """Store the pair and do its first run; with ``checksum`` only if its plan still is the one that was previewed.

    Raises:
        PreviewChangedError: it is another one now; nothing was stored or written.
    """
    await desk.people.put_pair(pair)
    counted: list[_CreatesCounted] = []

    def counting(sides: Ends[Side]) -> Ends[Side]:
        counted.extend(_CreatesCounted(side) for side in sides)
        return Ends[Side](*counted)

    try:
        turn = await turns.take(pair, expect=checksum, wrap=counting)
    except PlanChangedError:
        await desk.people.remove_pair(pair.id)
        raise PreviewChangedError(pair.id, await preview_pair(turns, pair)) from None
    create = Ends(*(side.creates for side in counted)) if counted else Ends(0, 0)
    links = await desk.records.link_count(pair.id)
    asides = await desk.records.asides(pair.id)
    return Added(
        turn=turn,
        checksum=checksum or "",
        link=max(0, links - create.crm - create.calendar),
        create=create,
        unsure=tuple(row for row in asides if row.item.reason in (Reason.UNSURE, Reason.ORIGINAL_DELETED)),
    )


class _CreatesCounted:
    """A side that counts what was made there."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self.creates = 0

    @property
    def identity(self) -> str:
        return self._side.identity

    @property
    def lens(self) -> Lens:
        return self._side.lens

    @property
    def traits(self) -> Traits:
        return self._side.traits

    async def observe(self, cursor: Cursor | None, known: Known, window: Window) -> Observation:
        return await self._side.observe(cursor, known, window)

    async def look(self, refs: Sequence[Ref]) -> Sequence[Look]:
        return await self._side.look(refs)

    async def find(self, draft: Draft) -> Look | None:
        return await self._side.find(draft)

    async def create(self, draft: Draft) -> Receipt:
        receipt = await self._side.create(draft)
        self.creates += 1
        return receipt

    async def update(self, base: Seen, want: Event, fields: frozenset[Field]) -> Receipt:
        return await self._side.update(base, want, fields)

    async def delete(self, base: Seen, proof: Gone) -> None:
        await self._side.delete(base, proof)


# --- afterwards -----------------------------------------------------------------------------------------------------


async def pair_of(desk: PeopleDesk, pair: PairId) -> Pair:
    found = await desk.people.pair(pair)
    if found is None:
        raise NotFoundError(f"there is no pair {pair}; `calsync pair list` shows them")
    return found


async def set_pair(desk: PeopleDesk, pair_id: PairId, wanted: object) -> Pair:
    """Change direction and policy; keys that are not given keep their value."""
    pair = await pair_of(desk, pair_id)
    given = Given(wanted)
    direction: Direction = read_direction(given, pair.policy.direction)
    policy = read_policy(given.part("policy"), replace(pair.policy, direction=direction))
    given.finish()
    tenant = await tenant_of(desk, pair.tenant)
    zone = await zone_of(desk, tenant, pair.ends.crm, policy)
    for end in End:
        await _checked(desk, tenant, pair.ends[end], policy, end)
    # The next run looks at everything, known or new, under the new rules.
    await desk.records.commit(pair.id, Changes(touched=await _all_known(desk, pair.id)))
    changed = replace(pair, policy=policy, zone=zone, cursors=Ends(None, None), due_at=desk.clock.now())
    await desk.people.put_pair(changed)
    return changed


async def _all_known(desk: PeopleDesk, pair: PairId) -> tuple[tuple[End, Ref], ...]:
    known = [(end, await desk.records.known(pair, end)) for end in End]
    return tuple((end, ref) for end, items in known for ref in items)


async def pause_pair(desk: PeopleDesk, pair_id: PairId) -> Pair:
    pair = await pair_of(desk, pair_id)
    paused = replace(pair, state=PairState.PAUSED, reason=PairReason.PAUSED.value, due_at=None)
    await desk.people.put_pair(paused)
    return paused


async def resume_pair(desk: PeopleDesk, pair_id: PairId) -> Pair:
    pair = await pair_of(desk, pair_id)
    resumed = replace(pair, state=PairState.OK, reason="", fails=0, due_at=desk.clock.now())
    await desk.people.put_pair(resumed)
    return resumed


async def remove_pair(desk: PeopleDesk, turns: Turns, pair_id: PairId) -> Pair:
    """Forget the pair; what it made stays in both calendars."""
    async with turns.alone(await pair_of(desk, pair_id)) as pair:
        await desk.people.remove_pair(pair.id)
        return pair


async def wake_pair(desk: PeopleDesk, pair_id: PairId) -> None:
    """Let the pair run at once, as somebody decided something that it is to carry out."""
    pair = await desk.people.pair(pair_id)
    if pair is not None and pair.state not in (PairState.PAUSED, PairState.SIGN_IN):
        await desk.people.put_pair(replace(pair, fails=0, due_at=desk.clock.now()))
