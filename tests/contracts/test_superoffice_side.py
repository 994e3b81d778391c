"""The contract of a side, kept by a diary on the simulator, under both readings of what is not known."""

from __future__ import annotations

import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pytest

from calsync.adapters.superoffice.side import SuperOfficeSide
from calsync.core.event import AllDay, Busy, Event, Privacy
from calsync.core.refs import Ref
from calsync.sandbox.superoffice.switches import AfterTime, Switches
from tests.adapters.superoffice.desk import Desk, open_desk
from tests.contracts.side_contract import DictKnown, SideContract, Spoil

_LISTINGS = ("GetAssociatesDiary", "GetAppointmentList")
_ERROR = json.dumps({"Error": True, "ErrorType": "SoNotFoundException", "ErrorMessage": "not found"}).encode()


@dataclass(slots=True)
class Spoiler:
    """Stands before the simulator and breaks a tenant's calls, or all of them."""

    app: Callable[..., Awaitable[None]]
    how: Spoil | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        path = scope["path"]
        if self.how is None or "/api/v1/" not in path:
            await self.app(scope, receive, send)
            return
        match self.how:
            case Spoil.EMPTY if path.endswith(_LISTINGS):
                await _answer(send, 200, b"[]")
            case Spoil.NOT_FOUND:
                await _answer(send, 404, _ERROR)
            case Spoil.SERVER_ERROR:
                await _answer(send, 500, _ERROR)
            case Spoil.LOGIN_PAGE:
                await _answer(send, 200, b"<html><body>Sign in</body></html>", "text/html")
            case Spoil.TRUNCATED:
                await _answer(send, 200, b'[{"AppointmentId": 1, "Assoc')
            case Spoil.SIGN_IN:
                await _answer(send, 401, b"")
            case Spoil.EMPTY:
                await self.app(scope, receive, send)


async def _answer(send: Any, status: int, body: bytes, media_type: str = "application/json") -> None:
    headers = [(b"content-type", media_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass(slots=True)
class DiaryBench:
    """Kari's diary."""

    desk: Desk
    spoiler: Spoiler
    side: SuperOfficeSide
    known: DictKnown = field(default_factory=DictKnown)
    spoils: frozenset[Spoil] = frozenset(Spoil)

    def new_side(self) -> SuperOfficeSide:
        return self.desk.side()

    async def make(self, event: Event) -> Ref:
        return Ref(str(self.desk.sandbox.act.create(self.desk.kari, **_fields(event))))

    async def make_unoffered(self) -> Ref:
        start, end = datetime(2026, 7, 1, 10), datetime(2026, 7, 1, 11)  # noqa: DTZ001  # wall clock of the user
        days = [date(2026, 7, 1)]
        made = self.desk.sandbox.act.create_series(self.desk.kari, title="Weekly", start=start, end=end, days=days)
        return Ref(str(made[0]))

    async def edit(self, ref: Ref, event: Event) -> None:
        self.desk.clock.pass_s(2)
        self.desk.sandbox.act.edit(self.desk.kari, int(ref), **_fields(event))
        self.desk.clock.pass_s(2)

    async def remove(self, ref: Ref) -> None:
        self.desk.sandbox.act.delete(self.desk.kari, int(ref))

    async def raw(self, ref: Ref) -> bytes | None:
        record = self.desk.sandbox.act.record(int(ref))
        return None if record is None else repr(record).encode()

    async def count(self) -> int:
        return len(self.desk.sandbox.act.records())

    async def spoil(self, how: Spoil | None) -> None:
        self.spoiler.how = how


def _fields(event: Event) -> dict[str, Any]:
    """What a person types into the web client."""
    lines = "".join(f"<p>{html.escape(line) or '&nbsp;'}</p>" for line in event.notes.split("\n"))
    times: dict[str, Any]
    match event.when:
        case AllDay(first=first, last=last):
            times = {"start": first, "end": last}
        case timed:
            times = {"start": timed.start_utc, "end": timed.end_utc}
    return times | {
        "title": event.title,
        "place": event.place,
        "notes": lines if event.notes else "",
        "private": event.privacy is Privacy.PRIVATE,
        "busy": event.busy is not Busy.FREE,
    }


def the_other_reading() -> Switches:
    """Every open question answered the other way."""
    return Switches(
        refused_ticket_status=400,
        text_edit_bumps=False,
        visibility_edit_bumps=False,
        rest_write_follows_series=True,
        plain_save_mails=True,
        default_by_associate_assigns=True,
        after_time=AfterTime.WHOLE_DAYS,
        after_includes_day=True,
        date_literals_in_base_zone=True,
        less_or_equal_works=True,
        page_max=5,
        first_page_cached_s=60,
        dynamic_appointment=False,
        dynamic_travellog=False,
        dynamic_sequence=False,
        dynamic_associate=False,
        diary_by_start_only=True,
        diary_shows_declined=False,
        title_wins=False,
        delete_missing_status=204,
        unmodified_since_strict=True,
        foreign_keys_die_with_record=True,
        foreign_key_stamps_record=True,
        foreign_key_makes_device=True,
        uid_outlives_row=True,
        future_property="FutureProperty",
    )


class _OnSimulator(SideContract):
    switches: Callable[[], Switches]

    @pytest.fixture
    async def bench(self) -> AsyncIterator[DiaryBench]:
        spoilers: list[Spoiler] = []

        def spoiled(app: Callable[..., Awaitable[None]]) -> Spoiler:
            spoilers.append(Spoiler(app))
            return spoilers[-1]

        async with open_desk(switches=type(self).switches(), before=spoiled) as desk:
            yield DiaryBench(desk, spoilers[0], desk.side())
            assert desk.sandbox.mails == []


class TestDiary(_OnSimulator):
    switches = Switches


class TestDiaryWhereEverythingUnknownIsTheOtherWay(_OnSimulator):
    switches = staticmethod(the_other_reading)
