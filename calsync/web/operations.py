"""One table of everything that can be asked for. Commands and the API are doors to it and add nothing of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TypeAlias, TypeVar

from calsync.compose import House
from calsync.core.ends import End
from calsync.core.record import Conflict, Held, RunState
from calsync.core.refs import ConflictId, HeldId, PairId, Ref
from calsync.engine import pairs, people, reports
from calsync.engine.requests import Given
from calsync.engine.resolve import NotFoundError, approve, discard, retry_aside, use_other
from calsync.engine.rounds import sync_once
from calsync.engine.why import why
from calsync.ports import Pair
from calsync.web.checkup import examine
from calsync.web.failures import ACTION, DONE, ERROR, MORE

T = TypeVar("T")
Arguments: TypeAlias = Mapping[str, Any]

_EXIT_OF: Final[Mapping[RunState, int]] = {
    RunState.CONVERGED: DONE,
    RunState.MORE: MORE,
    RunState.ACTION: ACTION,
    RunState.ERROR: ERROR,
}
_WORST_FIRST: Final = (ERROR, ACTION, MORE, DONE)
_RUNS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The JSON value of an operation, and the exit code of the command that asked for it."""

    value: Any
    exit: int = DONE


Operation: TypeAlias = Callable[[House, Arguments], Awaitable[Done]]


def worst(exits: list[int]) -> int:
    return next((one for one in _WORST_FIRST if one in exits), DONE)


# --- looking --------------------------------------------------------------------------------------------------------


async def _status(house: House, arguments: Arguments) -> Done:
    Given(arguments).finish()
    store = house.store
    shown = await reports.status(
        store.people, store.records, version=version("calsync"), store=str(house.settings.store.path)
    )
    return Done(value=shown)


async def _people_list(house: House, arguments: Arguments) -> Done:
    tenant = _optional(arguments, "tenant")
    return Done(value=[reports.associate(one) for one in await house.store.people.associates(tenant)])


async def _tenant_list(house: House, arguments: Arguments) -> Done:
    Given(arguments).finish()
    people_of = house.store.people
    return Done(value=[reports.tenant(one, await people_of.associates(one.id)) for one in await people_of.tenants()])


async def _connection_list(house: House, arguments: Arguments) -> Done:
    tenant = _optional(arguments, "tenant")
    found = await house.store.people.connections(tenant)
    return Done(
        value=[
            {
                **reports.connection(one, people.calendars_of(one)),
                "tenant": one.tenant,
                "associate_id": one.associate,
                "kind": one.kind,
                "url": one.url,
                "username": one.username,
                "state": one.state.value,
            }
            for one in found
            if people.is_connected(one)
        ]
    )


async def _pair_list(house: House, arguments: Arguments) -> Done:
    tenant = _optional(arguments, "tenant")
    return Done(value=[reports.pair(one) for one in await house.store.people.pairs(tenant)])


async def _conflicts_list(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    pair, open_only = given.text("pair", ""), given.take("open") is True
    given.finish()
    rows = await house.store.records.conflicts(PairId(pair) if pair else None, open_only=open_only)
    return Done(value=[reports.conflict(row) for row in rows])


async def _conflicts_show(house: House, arguments: Arguments) -> Done:
    return Done(value=reports.conflict(await _conflict(house, _one(arguments, "id"))))


async def _held_list(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    pair, open_only = given.text("pair", ""), given.take("open") is True
    given.finish()
    rows = await house.store.records.held(PairId(pair) if pair else None, open_only=open_only)
    return Done(value=[reports.held(row) for row in rows])


async def _held_show(house: House, arguments: Arguments) -> Done:
    return Done(value=reports.held(await _held_group(house, _one(arguments, "id"))))


async def _set_aside_list(house: House, arguments: Arguments) -> Done:
    only = _optional(arguments, "pair")
    found = [await _pair(house, only)] if only else await house.store.people.pairs()
    rows = [(pair.id, row) for pair in found for row in await house.store.records.asides(pair.id)]
    return Done(value=[reports.set_aside(pair, row) for pair, row in rows])


async def _runs(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    pair = given.text("pair", "")
    limit = given.number("limit", _RUNS_SHOWN, least=1) or _RUNS_SHOWN
    given.finish()
    found = await house.store.records.runs(PairId(pair) if pair else None, limit=limit)
    return Done(value=[reports.run(one) for one in found])


async def _why(house: House, arguments: Arguments) -> Done:
    return Done(value=await why(house.store.people, house.store.records, _one(arguments, "event")))


# --- changing -------------------------------------------------------------------------------------------------------


async def _tenant_add(house: House, arguments: Arguments) -> Done:
    tenant, associates = await people.add_tenant(house.people_desk, _input(arguments))
    return Done(value=reports.tenant(tenant, associates))


async def _tenant_remove(house: House, arguments: Arguments) -> Done:
    name = _one(arguments, "tenant")
    return Done(value={"tenant": name, "erased": dict(await people.remove_tenant(house.people_desk, name))})


async def _connect(house: House, arguments: Arguments) -> Done:
    connection, calendars = await people.connect(house.people_desk, _input(arguments))
    return Done(value=reports.connection(connection, calendars))


async def _pair_preview(house: House, arguments: Arguments) -> Done:
    pair = await pairs.read_pair(house.people_desk, house.turns, _input(arguments), house.standard_policy)
    return Done(value=reports.preview(pair.id, await pairs.preview_pair(house.turns, pair)))


async def _pair_add(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    wanted, checksum = given.take("input"), given.text("checksum", "")
    given.finish()
    pair = await pairs.read_pair(house.people_desk, house.turns, wanted, house.standard_policy)
    added = await pairs.apply_pair(house.people_desk, house.turns, pair, checksum or None)
    unsure = [reports.set_aside(pair.id, row) for row in added.unsure]
    value = reports.added(pair.id, added.checksum, added.link, added.create, unsure)
    state = added.turn.run.state or RunState.ERROR
    return Done(value={**value, "run": reports.run(added.turn.run)}, exit=_EXIT_OF[state])


async def _pair_set(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    wanted, pair = given.take("input"), given.text("pair")
    given.finish()
    return Done(value=reports.pair(await pairs.set_pair(house.people_desk, PairId(pair), wanted)))


async def _pair_pause(house: House, arguments: Arguments) -> Done:
    return Done(value=reports.pair(await pairs.pause_pair(house.people_desk, PairId(_one(arguments, "pair")))))


async def _pair_resume(house: House, arguments: Arguments) -> Done:
    return Done(value=reports.pair(await pairs.resume_pair(house.people_desk, PairId(_one(arguments, "pair")))))


async def _pair_remove(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    pair, dry = given.text("pair"), given.take("preview") is True
    given.finish()
    found = await _pair(house, pair)
    links = await house.store.records.link_count(found.id)
    if not dry:
        await pairs.remove_pair(house.people_desk, house.turns, found.id)
    return Done(value={"pair": found.id, "removed": not dry, "linked": links, "copies": "kept"})


async def _conflicts_use(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    row_id, by = given.text("id"), given.text("by", "operator")
    side = given.choice("side", End, End.CRM)
    given.finish()
    row = await _conflict(house, row_id)
    async with house.turns.alone(await _pair(house, row.pair)) as pair:
        decided = await use_other(await house.turns.context(pair), row.id, side, by)
        await pairs.wake_pair(house.people_desk, pair.id)
    return Done(value=reports.conflict(decided))


async def _held_approve(house: House, arguments: Arguments) -> Done:
    return await _decide_held(house, arguments, approved=True)


async def _held_discard(house: House, arguments: Arguments) -> Done:
    return await _decide_held(house, arguments, approved=False)


async def _decide_held(house: House, arguments: Arguments, *, approved: bool) -> Done:
    given = Given(arguments)
    group_id, by = given.text("id"), given.text("by", "operator")
    given.finish()
    group = await _held_group(house, group_id)
    async with house.turns.alone(await _pair(house, group.pair)) as pair:
        decide = approve if approved else discard
        decided = await decide(house.resolve_desk, group.id, by)
        await pairs.wake_pair(house.people_desk, pair.id)
    return Done(value=reports.held(decided))


async def _set_aside_retry(house: House, arguments: Arguments) -> Done:
    given = Given(arguments)
    pair_id, ref = given.text("pair"), given.text("ref")
    given.finish()
    async with house.turns.alone(await _pair(house, pair_id)) as pair:
        rows = [row for row in await house.store.records.asides(pair.id) if row.item.ref == ref]
        if not rows:
            raise NotFoundError(f"pair {pair_id} has set nothing aside at {ref}; see `calsync set-aside list`")
        for row in rows:
            await retry_aside(house.resolve_desk, pair.id, row.end, Ref(row.item.ref))
        await pairs.wake_pair(house.people_desk, pair.id)
    now = await house.store.records.asides(pair.id)
    return Done(value=[reports.set_aside(pair.id, row) for row in now if row.item.ref == ref])


async def _sync(house: House, arguments: Arguments) -> Done:
    only = _optional(arguments, "pair")
    outcomes = await sync_once(house.turns, house.feeds, PairId(only) if only else None)
    value = {"pairs": [reports.outcome(one) for one in outcomes]}
    return Done(value=value, exit=worst([_EXIT_OF[one.state] for one in outcomes]))


async def _doctor(house: House, arguments: Arguments) -> Done:
    Given(arguments).finish()
    checks = await examine(house)
    return Done(
        value=[check.as_json() for check in checks], exit=DONE if all(check.good for check in checks) else ACTION
    )


# --- arguments ------------------------------------------------------------------------------------------------------


def _input(arguments: Arguments) -> Any:
    given = Given(arguments)
    wanted = given.take("input")
    given.finish()
    return wanted


def _one(arguments: Arguments, key: str) -> str:
    given = Given(arguments)
    text = given.text(key)
    given.finish()
    return text


def _optional(arguments: Arguments, key: str) -> str | None:
    given = Given(arguments)
    text = given.text(key, "")
    given.finish()
    return text or None


async def _pair(house: House, pair: str) -> Pair:
    return await pairs.pair_of(house.people_desk, PairId(pair))


async def _conflict(house: House, row: str) -> Conflict:
    found = await house.store.records.conflict(ConflictId(row))
    if found is None:
        raise NotFoundError(f"there is no conflict {row}; `calsync conflicts list` shows them")
    return found


async def _held_group(house: House, group: str) -> Held:
    found = await house.store.records.held_group(HeldId(group))
    if found is None:
        raise NotFoundError(f"there is no held group {group}; `calsync held list` shows them")
    return found


READING: Final[Mapping[str, Operation]] = {
    "status": _status,
    "people.list": _people_list,
    "tenant.list": _tenant_list,
    "connection.list": _connection_list,
    "pair.list": _pair_list,
    "conflicts.list": _conflicts_list,
    "conflicts.show": _conflicts_show,
    "held.list": _held_list,
    "held.show": _held_show,
    "set-aside.list": _set_aside_list,
    "runs": _runs,
    "why": _why,
}
"""Operations that only look: any process may do them on the file."""

CHANGING: Final[Mapping[str, Operation]] = {
    "tenant.add": _tenant_add,
    "tenant.remove": _tenant_remove,
    "connect": _connect,
    "pair.preview": _pair_preview,
    "pair.add": _pair_add,
    "pair.set": _pair_set,
    "pair.pause": _pair_pause,
    "pair.resume": _pair_resume,
    "pair.remove": _pair_remove,
    "conflicts.use": _conflicts_use,
    "held.approve": _held_approve,
    "held.discard": _held_discard,
    "set-aside.retry": _set_aside_retry,
    "sync": _sync,
    "doctor": _doctor,
}
"""Operations that change something, or talk to servers: one process at a time does them."""
