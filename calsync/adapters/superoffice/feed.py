"""Changes of all diaries of one tenant, by queries that all its pairs share.

The cursor holds the newest stamp that was read (never a time of ours), what was seen close to it, and whether the
server compares stamps by the second. Until that is known, and where it is not so, whole days are asked for and what
was seen before costs nothing more. Each poll asks in slightly other words: the server answers equal questions from
memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice import archive, mapping, wire
from calsync.adapters.superoffice.archive import ChangedRow
from calsync.adapters.superoffice.diary import BATCH, WIDER, rows_from
from calsync.adapters.superoffice.quirks import OVERLAP, WHOLE_DAYS_BACK
from calsync.adapters.superoffice.tenant import OK, TenantApi
from calsync.adapters.superoffice.together import both, every
from calsync.core.errors import TryLaterError, UnusableAnswerError
from calsync.core.policy import Window
from calsync.core.refs import Cursor, Ref
from calsync.ports import DiaryRow, FeedPage

PEOPLE_AT_ONCE: Final = 20
PAGES_MAX: Final = 500
_WORDINGS: Final = 100
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_COLUMNS: Final = ("updatedDate", "registeredDate")
_BAD_REQUEST: Final = 400
_QUARTER: Final = 15


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A cursor. ``mark``: newest stamp read. ``seen``: stamps by id of what the last poll gave.

    ``tried``: the day for which it was found whether ``afterTime`` compares seconds (``precise``). ``count`` numbers
    the polls.
    """

    mark: datetime
    seen: dict[int, int] = msgspec.field(default_factory=dict)
    tried: str = ""
    precise: bool = False
    count: int = 0

    @property
    def is_precise(self) -> bool:
        return self.precise and self.tried == self.mark.date().isoformat()

    @property
    def condition(self) -> str:
        since = self.mark - OVERLAP
        if self.is_precise:
            return archive.after_time(since - timedelta(seconds=self.count % _WORDINGS))
        return archive.after_day(since - timedelta(days=WHOLE_DAYS_BACK))

    @property
    def top(self) -> int:
        return archive.PAGE - self.count % _WORDINGS


def position_from(cursor: Cursor) -> Position:
    try:
        return msgspec.json.decode(cursor, type=Position)
    except msgspec.DecodeError as error:
        raise UnusableAnswerError("The cursor of the tenant's feed cannot be read.") from error


class SuperOfficeFeed:
    """The change query and the sweep of one tenant. Implements `calsync.ports.TenantFeed`."""

    def __init__(self, api: TenantApi) -> None:
        self._api = api

    async def changes(self, cursor: Cursor | None, associates: Collection[int]) -> FeedPage:
        if cursor is None:
            return FeedPage(touched={}, cursor=_written(await self._start(associates)))
        position = position_from(cursor)
        if not associates:
            return FeedPage(touched={}, cursor=cursor)
        by_column = await both(*(self._rows(position, column, associates) for column in _COLUMNS))
        dates = [date for _, date in by_column if date is not None]
        rows = {row.id: row for found, _ in by_column for row in found}
        new = [row for row in rows.values() if position.seen.get(row.id, -1) != _second(row.stamp)]
        touched = await self._by_owner(new, associates)
        after = await self._after(position, [found for found, _ in by_column], min(dates, default=None))
        return FeedPage(touched=touched, cursor=_written(after))

    async def sweep(self, associates: Collection[int], window: Window) -> Mapping[int, Sequence[DiaryRow]]:
        people = sorted(associates)
        blocks = [people[at : at + PEOPLE_AT_ONCE] for at in range(0, len(people), PEOPLE_AT_ONCE)]
        results = await every(self._block(block, window) for block in blocks)
        good = [rows for rows in results if not isinstance(rows, TryLaterError)]
        failed = [error for error in results if isinstance(error, TryLaterError)]
        if failed and not good:
            raise failed[0]
        return {associate: rows for block in good for associate, rows in block.items()}

    # --- changes

    async def _start(self, associates: Collection[int]) -> Position:
        """From now on, by the server's clock. A server that does not say its time is asked for everything once."""
        call = wire.agent("Associate/GetAssociateList", sorted(associates), reads=True)
        return Position(mark=_date_of(await self._api.read(call)) or _BEGINNING)

    async def _rows(
        self, position: Position, column: str, associates: Collection[int]
    ) -> tuple[list[ChangedRow], datetime | None]:
        """All rows whose column fits, and the time of the first answer."""
        found: list[ChangedRow] = []
        date: datetime | None = None
        after = 0
        for _ in range(PAGES_MAX):
            answer = await self._page(position, column, associates, after)
            date = date or _date_of(answer)
            rows = archive.changed_rows(answer)
            found += rows
            if not rows or not archive.has_more(answer, len(rows), position.top):
                return found, date
            last = max(row.id for row in rows)
            if last <= after:
                break
            after = last
        raise UnusableAnswerError("SuperOffice's list of changes does not come to an end.")

    async def _page(self, position: Position, column: str, associates: Collection[int], after: int) -> Answer:
        call = archive.changes(column, position.condition, associates, after=after, top=position.top)
        if not position.is_precise:
            return await self._api.read(call)
        answer = await self._api.send(call)
        if answer.status == _BAD_REQUEST:
            wide = msgspec.structs.replace(position, precise=False)
            return await self._page(wide, column, associates, after)
        if answer.status != OK:
            return await self._api.read(call)
        return answer

    async def _after(
        self, position: Position, by_column: Sequence[Sequence[ChangedRow]], date: datetime | None
    ) -> Position:
        """The position behind these rows. A stamp later than the server's own date is not trusted."""
        rows = {row.id: row for found in by_column for row in found}
        newest = max((row.stamp for row in rows.values() if row.stamp is not None), default=position.mark)
        mark = max(newest, position.mark)
        after = Position(
            mark=mark if date is None else min(mark, date),
            seen={row.id: _second(row.stamp) for row in rows.values()},
            tried=position.tried,
            precise=position.precise,
            count=(position.count + 1) % (_WORDINGS * 1000),
        )
        if after.tried == after.mark.date().isoformat():
            return after
        return await self._tried(after, by_column)

    async def _tried(self, position: Position, by_column: Sequence[Sequence[ChangedRow]]) -> Position:
        """Find out, once for each day of data, whether ``afterTime`` compares seconds, with a row that is known."""
        day = position.mark.date()
        for column, rows in zip(_COLUMNS, by_column, strict=True):
            for row in rows:
                if row.stamp is not None and row.stamp.date() == day and _is_telling(row.stamp):
                    precise = await self._is_found(column, row, row.stamp)
                    return msgspec.structs.replace(position, tried=day.isoformat(), precise=precise)
        return position

    async def _is_found(self, column: str, row: ChangedRow, stamp: datetime) -> bool:
        condition = archive.after_time(stamp - timedelta(seconds=1))
        answer = await self._api.send(archive.probe(column, condition, row.id))
        return answer.status == OK and any(each.id == row.id for each in archive.changed_rows(answer))

    async def _by_owner(self, rows: Sequence[ChangedRow], associates: Collection[int]) -> dict[int, frozenset[Ref]]:
        """Refs by diary. The archive shows login names; an unknown one is looked up by its appointment."""
        if not rows:
            return {}
        names = await self._names(associates)
        owners = {row.id: names.get(row.owner.lower(), 0) for row in rows}
        unknown = [number for number, owner in owners.items() if not owner]
        if unknown and len(associates) <= archive.ASSOCIATES_MAX:
            owners |= await self._owners(unknown)
        touched: dict[int, set[Ref]] = defaultdict(set)
        for number, owner in owners.items():
            if owner in associates:
                touched[owner].add(mapping.ref_of(number))
        return {owner: frozenset(refs) for owner, refs in touched.items()}

    async def _names(self, associates: Collection[int]) -> Mapping[str, int]:
        wanted = sorted(associates)
        call = wire.agent("Associate/GetAssociateList", wanted, reads=True)
        return await self._api.fact(f"names/{wanted}", call, _names) or {}

    async def _owners(self, appointments: Sequence[int]) -> dict[int, int]:
        batches = [appointments[at : at + BATCH] for at in range(0, len(appointments), BATCH)]
        answers = await every(self._api.read(wire.read_rows(batch)) for batch in batches)
        return {row.id: row.associate for answer in answers for row in rows_from(wire.listed(answer))}

    # --- sweep

    async def _block(self, block: Sequence[int], window: Window) -> dict[int, list[DiaryRow]] | TryLaterError:
        """The rows of these diaries; a diary without any is an empty list. What failed is said, not raised."""
        call = wire.read_diaries(block, window.start - WIDER, window.end + WIDER)
        try:
            rows = rows_from(wire.listed(await self._api.read(call)))
        except TryLaterError as error:
            return error
        found: dict[int, list[DiaryRow]] = {associate: [] for associate in block}
        for row in rows:
            if row.associate in found:
                found[row.associate].append(DiaryRow(ref=mapping.ref_of(row.id), digest=row.digest))
        return found


def _written(position: Position) -> Cursor:
    return Cursor(msgspec.json.encode(position).decode())


def _second(stamp: datetime | None) -> int:
    return 0 if stamp is None else int(stamp.timestamp())


def _is_telling(stamp: datetime) -> bool:
    """Whether a day may end just before this second in no zone: else whole days would look like seconds."""
    return not (stamp.second == 0 and stamp.minute % _QUARTER == 0)


def _date_of(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def _names(answer: Answer) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for each in wire.listed(answer):
        if isinstance(each, dict) and isinstance(each.get("AssociateId"), int):
            for name in (each.get("Name"), each.get("UserName"), str(each["AssociateId"])):
                if isinstance(name, str) and name:
                    found.setdefault(name.lower(), each["AssociateId"])
    return found
