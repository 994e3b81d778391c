"""Questions to the archives, and their traps: string keys, login names for associates, stamps without a zone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice.wire import Call, instant, members
from calsync.core.errors import UnusableAnswerError

PAGE: Final = 1000
ASSOCIATES_MAX: Final = 150
"""More of them would make the address too long; then all are asked for and the rest is dropped here."""

_COLUMNS: Final = "appointmentId,associateId,registeredDate,updatedDate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRow:
    """A row of a change query. ``owner`` is a login name (or an id, where the server shows one)."""

    id: int
    owner: str
    stamp: datetime | None


def query(path: str, **options: str) -> Call:
    """A GET with OData options. Blanks are %20: a plus sign means a plus."""
    text = "&".join(f"${name}={quote(value, safe=',()')}" for name, value in options.items())
    return Call(method="GET", path=f"{path}?{text}")


def changes(column: str, condition: str, associates: Collection[int], *, after: int, top: int) -> Call:
    """Rows whose ``column`` (``updatedDate``, ``registeredDate``) fits, by id, from behind id ``after``.

    Keyset paging: pages by number cost the server the square of their count, and rows move between them.
    """
    parts = [f"{column} {condition}", f"appointmentId gt {after}"]
    if 0 < len(associates) <= ASSOCIATES_MAX:
        ids = ",".join(str(number) for number in sorted(associates))
        parts.insert(1, f"associateId associateIsOneOf ({ids})")
    return query(
        "/api/v1/Appointment",
        select=_COLUMNS,
        filter=" and ".join(parts),
        orderby="appointmentId",
        top=str(top),
    )


def probe(column: str, condition: str, appointment: int) -> Call:
    """Whether one known row fits a condition."""
    return query(
        "/api/v1/Appointment",
        select=_COLUMNS,
        filter=f"{column} {condition} and appointmentId eq {appointment}",
        orderby="appointmentId",
        top="1",
    )


def after_time(moment: datetime) -> str:
    return f"afterTime '{moment:%Y-%m-%dT%H:%M:%S}'"


def after_day(moment: datetime) -> str:
    return f"after '{moment:%Y-%m-%d}'"


def internal_users(after: int) -> Call:
    return query(
        "/api/v1/Archive/InternalUsers",
        select="associateDbId,fullName,personId,personEmail,isActive,userName",
        filter=f"associateDbId gt {after}",
        orderby="associateDbId",
        top=str(PAGE),
    )


def zones_of_associates(after: int) -> Call:
    """The zone column of all users, by the archive that shows tables as they are; it may be refused."""
    return query(
        "/api/v1/Archive/dynamic",
        select="associate.associate_id,associate.tzLocationId",
        filter=f"associate.associate_id gt {after}",
        orderby="associate.associate_id",
        top=str(PAGE),
    )


def time_zones() -> Call:
    return Call(method="GET", path="/api/v1/TimeZone")


def rows(answer: Answer) -> list[Mapping[str, Any]]:
    """The rows of an archive's answer, in any mode.

    Raises:
        UnusableAnswerError: it is no such answer, or its rows are of no known entity.
    """
    body = members(answer)
    value = body.get("value")
    if not isinstance(value, list):
        raise UnusableAnswerError("SuperOffice's list has no rows.")
    found: list[Mapping[str, Any]] = [row for row in value if isinstance(row, dict)]
    if any(row.get("EntityName") == "unsupported-entity" for row in found):
        raise UnusableAnswerError("SuperOffice does not offer this list here.")
    return found


def has_more(answer: Answer, count: int, top: int) -> bool:
    """Whether further rows follow: the server may give fewer than asked. Its link is believed, never followed."""
    return count >= top or bool(members(answer).get("odata.nextLink"))


def changed_rows(answer: Answer) -> list[ChangedRow]:
    return [_changed(row) for row in rows(answer) if whole(row, "appointmentId", "PrimaryKey") > 0]


def _changed(row: Mapping[str, Any]) -> ChangedRow:
    # Keys are text or numbers; a never changed row has year 1 as its change.
    stamps = [instant(text(row, "updatedDate")), instant(text(row, "registeredDate"))]
    known = [stamp for stamp in stamps if stamp is not None]
    return ChangedRow(
        id=whole(row, "appointmentId", "PrimaryKey"),
        owner=text(row, "associateId"),
        stamp=max(known, default=None),
    )


def whole(row: Mapping[str, Any], *names: str) -> int:
    """The first of these columns that is a number, written as one or as text; 0 if none is."""
    for value in _values(row, names):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
    return 0


def text(row: Mapping[str, Any], *names: str) -> str:
    for value in _values(row, names):
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
    return ""


def _values(row: Mapping[str, Any], names: Iterable[str]) -> Iterable[Any]:
    """The columns in any case, with or without the table's name before them."""
    known = {name.lower(): value for name, value in row.items()}
    for name in names:
        yield known.get(name.lower(), known.get(name.lower().rpartition(".")[2]))
