"""What people do in their diaries, and how a test looks at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from calsync.core.event import Field
from calsync.core.observation import Aside, Look, Seen
from calsync.core.reason import Reason
from calsync.core.refs import Ref
from calsync.sandbox.superoffice.asgi import Call
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.adapters.superoffice.desk import Desk

TITLE = frozenset({Field.TITLE})
BEGIN = datetime(2026, 7, 2, 8, tzinfo=UTC)
SERVICE_ERROR = Fault(harm=Harm.ANSWER_BEFORE, status=500)


def made_by_kari(desk: Desk, title: str = "Lunch", **fields: Any) -> Ref:
    fields = {"start": BEGIN, "end": BEGIN + timedelta(hours=1)} | fields
    return Ref(str(desk.sandbox.act.create(desk.kari, title=title, **fields)))


def record(desk: Desk, ref: Ref) -> dict[str, Any]:
    found = desk.sandbox.act.record(int(ref))
    assert found is not None
    return found


async def one(desk: Desk, ref: Ref) -> Look:
    (look,) = await desk.side().look([ref])
    return look


async def seen(desk: Desk, ref: Ref) -> Seen:
    look = await one(desk, ref)
    assert isinstance(look, Seen), look
    return look


async def aside_of(desk: Desk, ref: Ref) -> Reason:
    look = await one(desk, ref)
    assert isinstance(look, Aside), look
    return look.reason


def before_patch(desk: Desk, ref: Ref, **fields: Any) -> Any:
    return before(desk, "PATCH", ref, **fields)


def before(desk: Desk, method: str, ref: Ref, **fields: Any) -> Any:
    """A user's edit that slips in just before our write, once."""
    done: list[bool] = []

    def step_in(call: Call) -> None:
        if call.method == method and not done:
            done.append(True)
            desk.sandbox.act.edit(desk.kari, int(ref), **fields)

    return step_in
