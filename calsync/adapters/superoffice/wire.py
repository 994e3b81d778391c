"""Requests to a tenant and what its answers say, as plain values. Nothing here waits."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from calsync.adapters.http.exchange import Answer, Request
from calsync.core.errors import UnusableAnswerError
from calsync.core.observation import Digest

_JSON: Final = "application/json"
_AGENT: Final = "/api/v1/Agents/Appointment/"
_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_SPAN: Final = re.compile(r"(-?)(?:(\d+)\.)?(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?")
_FIRST_YEAR: Final = 1800
_LAST_YEAR: Final = 9000

Entity = dict[str, Any]
"""An AppointmentEntity exactly as the server gave it, unknown properties included."""


# --- requests -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request below the tenant's own root. ``reads`` marks a POST that changes nothing."""

    method: str
    path: str
    body: bytes = b""
    reads: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        return not self.reads and self.method != "GET"


def request_for(call: Call, *, root: str, ticket: str, app_token: str) -> Request:
    """The call as it leaves: every one names the zone of its times, the app and the ticket."""
    headers = {
        "Accept": _JSON,
        "Authorization": f"SOTicket {ticket}",
        "SO-AppToken": app_token,
        "SO-TimeZone": "UTC,includeTZOffset",
    }
    if call.body:
        headers["Content-Type"] = _JSON
    return Request(
        method=call.method,
        url=root + call.path,
        headers=headers | dict(call.headers),
        body=call.body,
        reads=call.reads or call.method == "GET",
    )


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def agent(name: str, body: Any, *, reads: bool) -> Call:
    """A method of an agent, such as ``Appointment/Save``: always POST."""
    return Call(method="POST", path=f"/api/v1/Agents/{name}", body=encoded(body), reads=reads)


def read_entity(appointment: int) -> Call:
    return Call(method="GET", path=f"/api/v1/Appointment/{appointment}")


def read_entity_by_agent(appointment: int) -> Call:
    path = f"{_AGENT}GetAppointmentEntity?appointmentEntityId={appointment}"
    return Call(method="POST", path=path, reads=True)


FLAT_COLUMNS: Final = (
    "AppointmentId,AssociateId,Type,StartDate,EndDate,IsAlldayEvent,IsFree,Title,Description,Agenda,Location,HasAlarm,"
    "AlarmLeadTime,Private,IsBooking,MotherId,IsRecurrence,AssignmentStatus,PreferredTZLocation,CreatedDate"
)
"""All that is read of a flat row. The rest would be several times as long, and the internal notes are in it."""


def read_rows(appointments: Sequence[int]) -> Call:
    return agent(f"Appointment/GetAppointmentList?$select={FLAT_COLUMNS}", list(appointments), reads=True)


def read_diaries(associates: Collection[int], start: datetime, end: datetime) -> Call:
    body = {"AssociateIds": sorted(associates), "StartTime": written(start), "EndTime": written(end)}
    return agent(f"Appointment/GetAssociatesDiary?$select={FLAT_COLUMNS}", body, reads=True)


def read_default(associate: int) -> Call:
    """An unsaved entity that belongs to ``associate``; nothing is written."""
    body = {"Type": "Appointment", "AssociateId": associate}
    return agent("Appointment/CreateDefaultAppointmentEntityByTypeAndAssociate", body, reads=True)


def create_for_uid(entity: Mapping[str, Any], uid: str) -> Call:
    return agent("Appointment/CreateAppointmentForUID", {"AppointmentEntity": entity, "UID": uid}, reads=False)


def read_by_uid(uid: str) -> Call:
    return agent("Appointment/GetAppointmentFromUID", {"UID": uid}, reads=True)


def accept(appointment: int) -> Call:
    body = {"AppointmentId": appointment, "UpdateMode": "OnlyThis"}
    return agent("Appointment/Accept", body, reads=False)


def delete_silently(appointment: int) -> Call:
    """The agent's delete, with mail switched off."""
    body = {"AppointmentId": appointment, "UpdateMode": "OnlyThis", "SendEmailToParticipants": False}
    return agent("Appointment/Delete", body, reads=False)


def patch(appointment: int, operations: Sequence[Mapping[str, Any]], unmodified_since: str) -> Call:
    return Call(
        method="PATCH",
        path=f"/api/v1/Appointment/{appointment}",
        body=encoded(list(operations)),
        headers={"If-Unmodified-Since": unmodified_since} if unmodified_since else {},
    )


def delete(appointment: int, unmodified_since: str) -> Call:
    return Call(
        method="DELETE",
        path=f"/api/v1/Appointment/{appointment}",
        headers={"If-Unmodified-Since": unmodified_since} if unmodified_since else {},
    )


# --- times ----------------------------------------------------------------------------------------------------------


def written(moment: datetime) -> str:
    """An instant as it is sent: whole seconds with ``Z``, which no header can reinterpret."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str | None) -> datetime | None:
    """A time of an answer, in UTC; None for what means *not set* (years 1 and 9999, in whatever zone they got)."""
    match = _STAMP.fullmatch(text or "")
    if match is None or not _FIRST_YEAR < int(match[1][:4]) < _LAST_YEAR:
        return None
    try:
        return datetime.fromisoformat(match[1] + (match[2] or "Z").upper()).astimezone(UTC)
    except ValueError:
        return None


def minutes(span: str | None) -> int | None:
    """A .NET time span (``hh:mm:ss``, ``d.hh:mm:ss``) in minutes."""
    match = _SPAN.fullmatch(span or "")
    if match is None:
        return None
    days, hours, rest = int(match[2] or 0), int(match[3]), int(match[4])
    total = days * 1440 + hours * 60 + rest
    return -total if match[1] else total


def span(total: int) -> str:
    """Minutes as a .NET time span."""
    length = timedelta(minutes=total)
    hours, rest = divmod(length.seconds // 60, 60)
    clock = f"{hours:02d}:{rest:02d}:00"
    return f"{length.days}.{clock}" if length.days else clock


# --- answers --------------------------------------------------------------------------------------------------------


def decoded(answer: Answer) -> Any:
    """The body as JSON.

    Raises:
        UnusableAnswerError: it is none (a login or maintenance page), or is cut short.
    """
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnusableAnswerError(f"SuperOffice sent {answer.media_type or 'nothing'} that cannot be used.") from error


def members(answer: Answer) -> dict[str, Any]:
    """The body as an object; UnusableAnswerError if it is none."""
    body = decoded(answer)
    if not isinstance(body, dict):
        raise UnusableAnswerError("SuperOffice sent something else than the object that was asked for.")
    return body


def listed(answer: Answer) -> list[Any]:
    """The members of a list; null is none.

    Raises:
        UnusableAnswerError: the answer is no list: it must never look like an empty one.
    """
    body = decoded(answer)
    if body is not None and not isinstance(body, list):
        raise UnusableAnswerError("SuperOffice sent something else than the list that was asked for.")
    return body or []


def entity_or_none(answer: Answer) -> Entity | None:
    """What an agent says: an entity, or null for *not found*."""
    return None if decoded(answer) is None else members(answer)


def error_text(answer: Answer) -> str:
    """The server's own words about an error; empty where the body is no error object."""
    try:
        body = members(answer)
    except UnusableAnswerError:
        return ""
    said = body.get("ErrorMessage") or body.get("Message") or body.get("ErrorType") or ""
    return str(said)[:300]


def is_page(answer: Answer) -> bool:
    """Whether this is a page for people, such as a proxy or a login gives: it says nothing about the service."""
    return answer.media_type in {"text/html", "application/xhtml+xml"}


def is_error_object(answer: Answer) -> bool:
    """Whether the service itself answered, and not something in front of it."""
    return bool(error_text(answer))


# --- one row, read flat or whole ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a flat row and a whole entity both say of an appointment. Both give the same digest.

    ``start``, ``end`` and ``created`` are UTC or None. ``lead`` is minutes. ``booking``: it has, or is part of,
    something with other participants. ``InternalNotes`` are never read.
    """

    id: int
    associate: int
    type: str
    start: datetime | None
    end: datetime | None
    all_day: bool
    free: bool
    title: str
    agenda: str
    place: str
    alarm: bool
    lead: int | None
    private: bool
    booking: bool
    recurring: bool
    assignment: str
    zone: int
    created: datetime | None

    @property
    def digest(self) -> Digest:
        parts = [
            value.isoformat() if isinstance(value, datetime) else value
            for value in (getattr(self, name) for name in self.__slots__)
        ]
        return Digest(hashlib.sha256(encoded(parts)).hexdigest()[:32])

    @property
    def identity(self) -> str:
        """Id and created stamp: an id alone may be given again after a restore."""
        return f"{self.id}@{'' if self.created is None else written(self.created)}"


def row_from_flat(item: Any) -> Row | None:
    """A row of a diary or list; None if it is no row at all."""
    if not isinstance(item, dict) or _number(item.get("AppointmentId")) <= 0:
        return None
    return _row(
        item,
        associate=_number(item.get("AssociateId")),
        private=_is_private(item),
        booking=_truth(item.get("IsBooking")) or _number(item.get("MotherId")) != 0,
        recurring=_truth(item.get("IsRecurrence")),
    )


def row_from_entity(entity: Any) -> Row | None:
    if not isinstance(entity, dict) or _number(entity.get("AppointmentId")) <= 0:
        return None
    owner = associate_of(entity)
    return _row(
        entity,
        associate=owner,
        private=_is_private(entity) or _is_narrowed(entity.get("VisibleFor")),
        booking=_number(entity.get("MotherId")) != 0 or bool(others_in(entity, owner)),
        recurring=_truth(_inner(entity, "Recurrence").get("IsRecurrence")),
    )


def _row(item: Mapping[str, Any], *, associate: int, private: bool, booking: bool, recurring: bool) -> Row:
    return Row(
        id=_number(item.get("AppointmentId")),
        associate=associate,
        type=_word(item.get("Type")),
        start=instant(_text(item, "StartDate")),
        end=instant(_text(item, "EndDate")),
        all_day=_truth(item.get("IsAlldayEvent")),
        free=_truth(item.get("IsFree")),
        # Old records keep their subject in Description alone; newer ones have the same text in both.
        title=_text(item, "Title") or _text(item, "Description"),
        agenda=_text(item, "Agenda"),
        place=_text(item, "Location"),
        alarm=_truth(item.get("HasAlarm")),
        lead=minutes(_text(item, "AlarmLeadTime")),
        private=private,
        booking=booking,
        recurring=recurring,
        assignment=_word(item.get("AssignmentStatus")),
        zone=_number(item.get("PreferredTZLocation")),
        created=instant(_text(item, "CreatedDate")),
    )


def associate_of(entity: Mapping[str, Any]) -> int:
    return _number(_inner(entity, "Associate").get("AssociateId"))


def creator_of(entity: Mapping[str, Any]) -> int:
    return _number(_inner(entity, "CreatedBy").get("AssociateId"))


def others_in(entity: Mapping[str, Any], owner: int) -> list[Mapping[str, Any]]:
    """The participants who are somebody else than the owner."""
    people = entity.get("Participants")
    known = people if isinstance(people, list) else []
    return [each for each in known if isinstance(each, dict) and _number(each.get("AssociateId")) != owner]


def takes_part(entity: Mapping[str, Any], associate: int) -> bool:
    """Whether it is a meeting in which this person is."""
    people = entity.get("Participants")
    known = people if isinstance(people, list) else []
    ids = {_number(each.get("AssociateId")) for each in known if isinstance(each, dict)}
    return associate in ids | {associate_of(entity)}


def updated_of(entity: Mapping[str, Any]) -> datetime | None:
    """The stamp of the last change; None if it was never changed since it was made."""
    return instant(_text(entity, "UpdatedDate"))


def last_change_of(entity: Mapping[str, Any]) -> datetime | None:
    """The stamp a condition may name: of the last change, or of the making where nothing was changed since."""
    return updated_of(entity) or instant(_text(entity, "CreatedDate"))


# Numbers stand for names in some answers, so both are understood.
_PUBLIC: Final = frozenset({"Public", "0", ""})
_NUMBERS: Final[Mapping[str, str]] = {"1": "inDiary", "2": "inChecklist", "4": "Document", "6": "BookingForDiary"}


def _is_private(item: Mapping[str, Any]) -> bool:
    # A word of a newer server that is not Public counts as private: nothing leaks.
    return _word(item.get("Private")) not in _PUBLIC


def _is_narrowed(visible: Any) -> bool:
    """Whether ``VisibleFor`` names somebody and not everybody."""
    known = [each for each in visible if isinstance(each, dict)] if isinstance(visible, list) else []
    return bool(known) and all(_word(each.get("Visibility")) not in {"All", "0"} for each in known)


def type_name(word: str) -> str:
    return _NUMBERS.get(word, word)


def _inner(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    if isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _truth(value: Any) -> bool:
    return value is True or value in (1, "true", "True")
