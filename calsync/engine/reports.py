"""Our records as JSON values, with the keys of the contract for automation (``docs/reference/cli.md``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, TypeAlias

from calsync.core import explain
from calsync.core.ends import End, Ends
from calsync.core.event import AllDay, Event, Person, Timed
from calsync.core.event import People as Attending
from calsync.core.record import Conflict, Held, Run, SetAside, Step
from calsync.core.series import Series
from calsync.engine.policies import policy_as_json
from calsync.engine.preview import Preview
from calsync.engine.rounds import Outcome
from calsync.ports import (
    Associate,
    Calendar,
    Connection,
    Diary,
    Endpoint,
    FoundCalendar,
    Pair,
    People,
    Records,
    Tenant,
)

Json: TypeAlias = Any


def moment(at: datetime | None) -> str | None:
    """RFC 3339, UTC."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def value(what: Any) -> Json:
    """A value of an event's field."""
    match what:
        case None | bool() | int() | float() | str():
            return what
        case Timed():
            return {"start": what.start.isoformat(), "end": what.end.isoformat(), "zone": what.zone}
        case AllDay():
            return {"first": what.first.isoformat(), "last": what.last.isoformat()}
        case Person():
            return {"email": what.email, "name": what.name, "status": what.status}
        case Attending():
            return {"organizer": value(what.organizer), "attendees": [value(one) for one in what.attendees]}
        case Series():
            return str(what)
        case Enum():
            return what.value
        case datetime():
            return moment(what)
        case date():
            return what.isoformat()
        case tuple() | list():
            return [value(one) for one in what]
        case _:  # what a later version keeps is at least readable
            return str(what)


def event(shown: Event) -> Json:
    """An event's fields that have something to say."""
    names = ("title", "when", "place", "notes", "privacy", "busy", "reminder", "categories", "online_meeting")
    return {name: value(getattr(shown, name)) for name in names}


# --- people ---------------------------------------------------------------------------------------------------------


def tenant(one: Tenant, people: Sequence[Associate]) -> Json:
    return {
        "tenant": one.id,
        "state": one.state.value,
        "url": one.url,
        "principal": one.principal,
        "people": len(people),
        "serial": one.serial,
        "environment": one.environment,
        "detail": one.detail,
    }


def associate(one: Associate) -> Json:
    return {
        "tenant": one.tenant,
        "associate_id": one.id,
        "name": one.name,
        "email": one.email,
        "state": one.state,
    }


def connection(one: Connection, calendars: Sequence[FoundCalendar]) -> Json:
    shown = [{"id": each.id, "name": each.name, "writable": each.writable} for each in calendars]
    return {"connection": one.id, "calendars": shown}


def endpoint(one: Endpoint) -> Json:
    match one:
        case Diary(associate=associate):
            return {"associate_id": associate}
        case Calendar():
            return {"connection": one.connection, "calendar": one.calendar}


def pair(one: Pair) -> Json:
    return {
        "pair": one.id,
        "tenant": one.tenant,
        "crm": endpoint(one.ends.crm),
        "calendar": endpoint(one.ends.calendar),
        "direction": one.policy.direction.value,
        "policy": policy_as_json(one.policy),
        "zone": one.zone,
        "state": one.state.value,
        "reason": one.reason,
        "next_run": moment(one.due_at),
    }


# --- runs and previews ----------------------------------------------------------------------------------------------


def added(pair_id: str, checksum: str, link: int, create: Ends[int], unsure: Sequence[Json]) -> dict[str, Json]:
    counts = {"crm": create.crm, "calendar": create.calendar}
    return {"pair": pair_id, "checksum": checksum, "link": link, "create": counts, "unsure": list(unsure)}


def preview(pair_id: str, one: Preview) -> Json:
    unsure = [
        {"side": left.end.value, "ref": left.seen.ref, "event": left.seen.event.title, "reason": left.reason.value}
        for left in one.unsure
    ]
    reasons = Counter(left.reason.value for left in one.left_alone)
    reasons.update(aside.reason.value for asides in one.aside for aside in asides)
    left_alone = dict(sorted(reasons.items()))
    return {
        **added(pair_id, one.checksum, one.link, one.create, unsure),
        "differs": one.differs,
        "left_alone": left_alone,
    }


def outcome(one: Outcome) -> Json:
    return {
        "pair": one.pair,
        "reads": one.reads,
        "writes": one.writes,
        "conflicts": one.conflicts,
        "held": one.held,
        "set_aside": one.set_aside,
        "state": one.state.value,
        **({"error": one.error} if one.error else {}),
    }


def run(one: Run) -> Json:
    return {
        "id": one.id,
        "pair": one.pair,
        "started": moment(one.started),
        "ended": moment(one.ended),
        "state": None if one.state is None else one.state.value,
        "reads": one.reads,
        "writes": one.writes,
        "requests": one.requests,
        "conflicts": one.conflicts,
        "held": one.held,
        "set_aside": one.set_aside,
        "error": one.error,
    }


# --- records --------------------------------------------------------------------------------------------------------


def conflict(one: Conflict) -> Json:
    return {
        "id": one.id,
        "pair": one.pair,
        "event": {"link": one.link, "title": one.title},
        "field": None if one.field is None else one.field.value,
        "base": {end.value: value(one.base[end]) for end in End},
        "crm": value(one.values.crm),
        "calendar": value(one.values.calendar),
        "won": None if one.won is None else one.won.value,
        "policy": one.policy,
        "state": one.state.value,
        "at": moment(one.at),
        "by": one.by,
        "sentence": explain.conflict_sentence(one),
    }


def held(one: Held) -> Json:
    return {
        "id": one.id,
        "pair": one.pair,
        "side": one.end.value,
        "kind": "delete",
        "count": len(one.events),
        "events": [{"event": each.link, "title": each.title, "start": each.start} for each in one.events],
        "state": one.state.value,
        "at": moment(one.at),
        "by": one.by,
        "sentence": explain.held_sentence(one),
    }


def set_aside(pair_id: str, one: SetAside) -> Json:
    return {
        "pair": pair_id,
        "side": one.end.value,
        "ref": one.item.ref,
        "event": one.item.title,
        "reason": one.item.reason.value,
        "detail": one.item.detail,
        "since": moment(one.since),
        "next_try": moment(one.next_try),
        "sentence": explain.reason_sentence(one.item.reason, one.item.detail),
    }


def step(one: Step) -> Json:
    return {"at": moment(one.at), "what": one.what, "why": one.why, "sentence": explain.rule_sentence(one.why)}


# --- status ---------------------------------------------------------------------------------------------------------


async def status(people: People, records: Records, *, version: str, store: str) -> Json:
    tenants = [
        {"tenant": one.id, "state": one.state.value, "epoch": one.epoch, "detail": one.detail}
        for one in await people.tenants()
    ]
    pairs = [await pair_status(records, one) for one in await people.pairs()]
    return {"version": version, "store": store, "tenants": tenants, "pairs": pairs}


async def pair_status(records: Records, one: Pair) -> Json:
    known = await records.known(one.id, End.CRM)
    dormant = sum(1 for item in known.values() if item.link is not None and item.dormant)
    asides = Counter(row.item.reason.value for row in await records.asides(one.id))
    groups = await records.held(one.id, open_only=True)
    return {
        "pair": one.id,
        "tenant": one.tenant,
        "associate_id": one.ends.crm.associate if isinstance(one.ends.crm, Diary) else None,
        "connection": one.ends.calendar.connection if isinstance(one.ends.calendar, Calendar) else None,
        "state": one.state.value,
        "reason": one.reason,
        "last_run": moment(one.last_run),
        "last_converged": moment(one.last_converged),
        "next_run": moment(one.due_at),
        "linked": await records.link_count(one.id),
        "dormant": dormant,
        "set_aside": sum(asides.values()),
        "set_aside_reasons": dict(sorted(asides.items())),
        "held": sum(len(group.events) for group in groups),
        "conflicts_open": len(await records.conflicts(one.id, open_only=True)),
    }
