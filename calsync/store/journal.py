"""Rows of what people look up: conflicts, held deletions, set-aside items, runs, steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.json import Decoder
from sqlalchemy import Row

from calsync.core.ends import End, Ends
from calsync.core.event import Field
from calsync.core.observation import Aside
from calsync.core.reason import Reason
from calsync.core.record import (
    Conflict,
    ConflictState,
    Held,
    HeldEvent,
    HeldState,
    Run,
    RunState,
    SetAside,
    Step,
)
from calsync.core.refs import ConflictId, HeldId, LinkId, PairId, Ref, Version
from calsync.store.codec import Content, ValueContent, content_from_value, decode, encode, value_from_content
from calsync.store.vault import Seal


class ConflictContent(Content, frozen=True):
    """What is sealed of a conflict; pairs of values are crm, calendar."""

    title: str
    base: tuple[ValueContent, ValueContent]
    values: tuple[ValueContent, ValueContent]
    by: str


class HeldContent(Content, frozen=True):
    """What is sealed of a held group: (link, title, start)."""

    events: tuple[tuple[str, str, str], ...]
    by: str = ""


class AsideContent(Content, frozen=True):
    """What is sealed of a set-aside item."""

    title: str = ""
    detail: str = ""


class StepContent(Content, frozen=True):
    """What is sealed of a step."""

    what: str
    why: str


_CONFLICT: Final = Decoder(ConflictContent)
_HELD: Final = Decoder(HeldContent)
_ASIDE: Final = Decoder(AsideContent)
_STEP: Final = Decoder(StepContent)


def _pair_of_contents(values: Ends[Any]) -> tuple[ValueContent, ValueContent]:
    return content_from_value(values.crm), content_from_value(values.calendar)


def _ends_from_contents(contents: tuple[ValueContent, ValueContent]) -> Ends[Any]:
    return Ends(value_from_content(contents[0]), value_from_content(contents[1]))


def row_from_conflict(tenant: str, conflict: Conflict, seal: Seal) -> dict[str, Any]:
    content = ConflictContent(
        conflict.title, _pair_of_contents(conflict.base), _pair_of_contents(conflict.values), conflict.by
    )
    return {
        "id": conflict.id,
        "tenant": tenant,
        "pair": conflict.pair,
        "link": conflict.link,
        "field": conflict.field and conflict.field.value,
        "won": conflict.won and conflict.won.value,
        "policy": conflict.policy,
        "state": conflict.state.value,
        "at": conflict.at,
        "sealed": seal.close(f"conflict {conflict.id}", encode(content)),
    }


def conflict_from_row(row: Row[Any], seal: Seal) -> Conflict:
    content = decode(seal.open(f"conflict {row.id}", row.sealed), _CONFLICT)
    return Conflict(
        id=ConflictId(row.id),
        pair=PairId(row.pair),
        link=LinkId(row.link),
        title=content.title,
        field=None if row.field is None else Field(row.field),
        base=_ends_from_contents(content.base),
        values=_ends_from_contents(content.values),
        won=None if row.won is None else End(row.won),
        policy=row.policy,
        state=ConflictState(row.state),
        at=row.at,
        by=content.by,
    )


def row_from_held(tenant: str, held: Held, seal: Seal) -> dict[str, Any]:
    content = HeldContent(tuple((event.link, event.title, event.start) for event in held.events), held.by)
    return {
        "id": held.id,
        "tenant": tenant,
        "pair": held.pair,
        "end": held.end.value,
        "state": held.state.value,
        "at": held.at,
        "events": len(held.events),
        "sealed": seal.close(f"held {held.id}", encode(content)),
    }


def held_from_row(row: Row[Any], seal: Seal) -> Held:
    content = decode(seal.open(f"held {row.id}", row.sealed), _HELD)
    return Held(
        id=HeldId(row.id),
        pair=PairId(row.pair),
        end=End(row.end),
        events=tuple(HeldEvent(link=LinkId(link), title=title, start=start) for link, title, start in content.events),
        state=HeldState(row.state),
        at=row.at,
        by=content.by,
    )


def _aside_purpose(pair: str, end: str, ref: str) -> str:
    return f"aside {pair} {end} {ref}"


def row_from_aside(pair: PairId, aside: SetAside, seal: Seal) -> dict[str, Any]:
    item, end = aside.item, aside.end.value
    content = encode(AsideContent(item.title, item.detail)) if item.title or item.detail else None
    return {
        "pair": pair,
        "end": end,
        "ref": item.ref,
        "version": item.version,
        "reason": item.reason.value,
        "since": aside.since,
        "next_try": aside.next_try,
        "tries": aside.tries,
        "link": aside.link,
        "sealed": None if content is None else seal.close(_aside_purpose(pair, end, item.ref), content),
    }


def aside_from_row(row: Row[Any], seal: Seal) -> SetAside:
    purpose = _aside_purpose(row.pair, row.end, row.ref)
    content = AsideContent() if row.sealed is None else decode(seal.open(purpose, row.sealed), _ASIDE)
    return SetAside(
        end=End(row.end),
        item=Aside(
            ref=Ref(row.ref),
            reason=Reason(row.reason),
            version=Version(row.version),
            detail=content.detail,
            title=content.title,
        ),
        since=row.since,
        next_try=row.next_try,
        tries=row.tries,
        link=None if row.link is None else LinkId(row.link),
    )


def row_from_run(tenant: str, run: Run, seal: Seal) -> dict[str, Any]:
    return {
        "id": run.id,
        "tenant": tenant,
        "pair": run.pair,
        "started": run.started,
        "ended": run.ended,
        "state": run.state and run.state.value,
        "reads": run.reads,
        "writes": run.writes,
        "requests": run.requests,
        "conflicts": run.conflicts,
        "held": run.held,
        "set_aside": run.set_aside,
        "sealed": seal.close(f"run {run.id}", run.error.encode()) if run.error else None,
    }


def run_from_row(row: Row[Any], seal: Seal) -> Run:
    return Run(
        id=row.id,
        pair=PairId(row.pair),
        started=row.started,
        ended=row.ended,
        state=None if row.state is None else RunState(row.state),
        reads=row.reads,
        writes=row.writes,
        requests=row.requests,
        conflicts=row.conflicts,
        held=row.held,
        set_aside=row.set_aside,
        error="" if row.sealed is None else seal.open(f"run {row.id}", row.sealed).decode(),
    )


def rows_from_steps(tenant: str, pair: PairId, steps: Sequence[Step], seal: Seal) -> list[dict[str, Any]]:
    return [
        {
            "tenant": tenant,
            "pair": pair,
            "link": step.link,
            "at": step.at,
            "sealed": seal.close(f"step {step.link}", encode(StepContent(step.what, step.why))),
        }
        for step in steps
    ]


def step_from_row(row: Row[Any], seal: Seal) -> Step:
    content = decode(seal.open(f"step {row.link}", row.sealed), _STEP)
    return Step(at=row.at, link=LinkId(row.link), what=content.what, why=content.why)
