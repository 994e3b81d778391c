"""``/api/v1/Agents/Appointment``: always POST, and 200 ``null`` for whatever was not found."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from calsync.sandbox.superoffice import bookings, carriers, saving, series
from calsync.sandbox.superoffice.asgi import Answer, Refusal, Route, json_answer, nothing
from calsync.sandbox.superoffice.desk import Desk
from calsync.sandbox.superoffice.entity import findings
from calsync.sandbox.superoffice.records import (
    AppointmentRow,
    AppointmentStatus,
    AppointmentType,
    TaskKind,
    TaskRow,
    UpdateMode,
    from_wire,
)
from calsync.sandbox.superoffice.world import Tenant
from calsync.sandbox.superoffice.zones import TimeView

Shape: TypeAlias = Callable[[Tenant, AppointmentRow, TimeView], dict[str, Any]]

_IN_DIARY: Final = frozenset({AppointmentType.inDiary, AppointmentType.BookingForDiary})
_OVER: Final = frozenset(
    {
        AppointmentStatus.BookingDeclined,
        AppointmentStatus.BookingDeleted,
        AppointmentStatus.AssignmentDeclined,
    }
)


def _shown(desk: Desk, row: AppointmentRow | None) -> Answer:
    if row is None:
        return json_answer(None)
    return json_answer(carriers.narrow(carriers.entity(desk.tenant, row, desk.view), desk.select))


def _listed(desk: Desk, rows: Iterable[AppointmentRow], shape: Shape = carriers.flat) -> Answer:
    return json_answer(carriers.narrow([shape(desk.tenant, row, desk.view) for row in rows], desk.select))


def _named(desk: Desk, sent: Mapping[str, Any], name: str = "AppointmentId") -> AppointmentRow | None:
    return desk.tenant.find(int(sent.get(name) or 0))


def _mode(sent: Mapping[str, Any]) -> UpdateMode:
    mode = from_wire(UpdateMode, sent.get("UpdateMode"))
    # Unknown must not be used; the simulator then touches the one row.
    return UpdateMode.OnlyThis if mode is UpdateMode.Unknown else mode


def _query_id(desk: Desk, name: str) -> int:
    text = desk.call.query.get(name.lower(), "")
    if not text.isdigit():
        raise Refusal(400, "ArgumentException", f"{name} is missing")
    return int(text)


# -- reading


def get_entity(desk: Desk, _: Mapping[str, str]) -> Answer:
    return _shown(desk, desk.tenant.find(_query_id(desk, "appointmentEntityId")))


def get_flat(desk: Desk, _: Mapping[str, str]) -> Answer:
    row = desk.tenant.find(_query_id(desk, "appointmentId"))
    return json_answer(None) if row is None else json_answer(carriers.flat(desk.tenant, row, desk.view))


def get_list(desk: Desk, _: Mapping[str, str]) -> Answer:
    """Ids that do not exist are silently left out."""
    ids = desk.call.json()
    if not isinstance(ids, list):
        raise Refusal(400, "ArgumentException", "The body is no array of ids")
    found = (desk.tenant.find(int(each)) for each in ids)
    return _listed(desk, [row for row in found if row is not None])


def _diary(desk: Desk, associates: Iterable[int], sent: Mapping[str, Any]) -> list[AppointmentRow]:
    start, end = desk.view.read(sent.get("StartTime")), desk.view.read(sent.get("EndTime"))
    if start is None or end is None:
        raise Refusal(400, "ArgumentException", "StartTime and EndTime must be set")
    wanted = frozenset(associates)
    rows = (
        row
        for row in desk.tenant.tables.appointments.values()
        if row.associate_id in wanted and row.associate_id and _in_window(desk.tenant, row, start, end)
    )
    return sorted(rows, key=lambda row: (row.active_date, row.appointment_id))


def _in_window(tenant: Tenant, row: AppointmentRow, start: datetime, end: datetime) -> bool:
    """Diaries go by the active date, whatever the planned start says."""
    if row.type not in _IN_DIARY or row.document_id:
        return False
    if row.status in _OVER and not tenant.switches.diary_shows_declined:
        return False
    if tenant.switches.diary_by_start_only:
        return start <= row.active_date < end
    return row.active_date < end and max(row.end_date, row.active_date) >= start


def diary(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    rows = _diary(desk, [int(sent.get("AssociateId") or 0)], sent)
    count = int(sent.get("Count") or 0)
    return _listed(desk, rows if count < 0 else rows[:count])


def diaries(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    return _listed(desk, _diary(desk, sent.get("AssociateIds") or (), sent))


def diaries_info(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    return _listed(desk, _diary(desk, sent.get("AssociateIds") or (), sent), carriers.info)


def records(desk: Desk, _: Mapping[str, str]) -> Answer:
    """All rows of a booking and/or a series; 0 does not care."""
    sent = desk.body()
    mother, rule = int(sent.get("MotherId") or 0), int(sent.get("RecurrenceRuleId") or 0)
    rows = [
        row
        for row in desk.tenant.tables.appointments.values()
        if (mother or rule) and mother in {0, row.mother_id} and rule in {0, row.rule_id}
    ]
    return _listed(desk, sorted(rows, key=lambda row: (row.do_by, row.appointment_id)))


# -- defaults


def _kind(desk: Desk, sent: Mapping[str, Any]) -> TaskRow:
    wanted = from_wire(TaskKind, sent.get("Type"))
    tasks = desk.tenant.tables.tasks
    return next((task for task in tasks.values() if task.kind is wanted), tasks[1])


def _default(desk: Desk, owner_id: int, kind: TaskRow) -> Answer:
    shown = carriers.default_entity(desk.tenant, owner_id, kind, desk.view)
    return json_answer(carriers.narrow(shown, desk.select))


def default(desk: Desk, _: Mapping[str, str]) -> Answer:
    return _default(desk, desk.actor.associate_id, desk.tenant.tables.tasks[1])


def default_by_type(desk: Desk, _: Mapping[str, str]) -> Answer:
    return _default(desk, desk.actor.associate_id, _kind(desk, desk.body()))


def default_by_type_and_associate(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    owner = int(sent.get("AssociateId") or 0)
    if owner not in desk.tenant.tables.associates:
        return json_answer(None)
    return _default(desk, owner, _kind(desk, sent))


# -- writing


def _save(desk: Desk, entity: Any, how: saving.Saving) -> AppointmentRow | None:
    """Id 0 creates; an id that does not exist saves nothing."""
    if not isinstance(entity, dict):
        raise Refusal(400, "ArgumentException", "AppointmentEntity is missing")
    number = int(entity.get("AppointmentId") or 0)
    if number == 0:
        return saving.create(entity, how)
    row = desk.tenant.find(number)
    return None if row is None else saving.update(row, entity, how)


def save_entity(desk: Desk, _: Mapping[str, str]) -> Answer:
    return _shown(desk, _save(desk, desk.body(), desk.saving("SaveAppointmentEntity", plain=True)))


def save(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    how = desk.saving("Save", mode=_mode(sent), send_mail=sent.get("SendEmailToParticipants") is True)
    return _shown(desk, _save(desk, sent.get("AppointmentEntity"), how))


def delete(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    how = desk.saving("Delete", mode=_mode(sent), send_mail=sent.get("SendEmailToParticipants") is True)
    if (row := _named(desk, sent)) is not None:
        saving.delete(row, how)
    return nothing()


def delete_entity(desk: Desk, _: Mapping[str, str]) -> Answer:
    row = desk.tenant.find(_query_id(desk, "appointmentEntityId"))
    if row is not None:
        saving.delete(row, desk.saving("DeleteAppointmentEntity", plain=True))
    return nothing()


def _move(desk: Desk, sent: Mapping[str, Any], how: saving.Saving, **more: Any) -> Answer:
    row, start = _named(desk, sent), desk.view.read(sent.get("NewStartTime"))
    if row is None:
        return json_answer(None)
    if start is None:
        raise Refusal(400, "ArgumentException", "NewStartTime is missing")
    return _shown(desk, saving.move(row, start, how, **more))


def move(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    return _move(desk, sent, desk.saving("Move", mode=_mode(sent), plain=True))


def move_with_email(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    send = sent.get("SendEmailToParticipants") is True
    return _move(desk, sent, desk.saving("MoveWithEmail", mode=_mode(sent), send_mail=send))


def move_extended(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body().get("AppointmentMoveData") or {}
    send = sent.get("SendEmailToParticipants") is True
    how = desk.saving("MoveExtended", mode=_mode(sent), send_mail=send)
    all_day, free = sent.get("IsAlldayEvent") is True, sent.get("IsFree") is True
    return _move(desk, sent, how, all_day=all_day, free=free)


def _answer_invitation(
    desk: Desk, act: Callable[[AppointmentRow], None], cause: str, sent: Mapping[str, Any], ids: Iterable[int]
) -> Answer:
    how = desk.saving(cause, mode=_mode(sent))
    for number in ids:
        if (row := desk.tenant.find(int(number))) is not None:
            for each in saving.rows_meant(row, how):
                act(each)
    return nothing()


def accept(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    ids = [int(sent.get("AppointmentId") or 0)]
    return _answer_invitation(desk, lambda row: bookings.accept(desk.tenant, row, desk.actor), "Accept", sent, ids)


def reject(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    ids, reason = [int(sent.get("AppointmentId") or 0)], str(sent.get("RejectReason") or "")
    return _answer_invitation(
        desk, lambda row: bookings.reject(desk.tenant, row, reason, desk.actor), "Reject", sent, ids
    )


def set_seen(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    ids = sent.get("AppointmentIds") or [int(sent.get("AppointmentId") or 0)]
    return _answer_invitation(desk, lambda row: bookings.set_seen(desk.tenant, row, desk.actor), "SetSeen", sent, ids)


def clean_up(desk: Desk, _: Mapping[str, str]) -> Answer:
    """Removes cancelled rows and says how many."""
    rows = [desk.tenant.find(int(each)) for each in desk.body().get("AppointmentIds") or ()]
    gone = [row for row in rows if row is not None and row.status is AppointmentStatus.BookingDeleted]
    for row in gone:
        desk.tenant.remove(row, desk.actor)
    return json_answer(len(gone))


def convert_to_task(desk: Desk, _: Mapping[str, str]) -> Answer:
    row = _named(desk, desk.body())
    if row is None:
        return json_answer(None)
    if row.mother_id:
        raise Refusal(500, "SoException", "A meeting with participants cannot become a task")
    desk.tenant.change(row, desk.actor, type=AppointmentType.inChecklist)
    return _shown(desk, row)


# -- the iCalendar UID


def create_for_uid(desk: Desk, _: Mapping[str, str]) -> Answer:
    """Null when the UID is already used."""
    sent = desk.body()
    entity = sent.get("AppointmentEntity")
    if not isinstance(entity, dict):
        raise Refusal(400, "ArgumentException", "AppointmentEntity is missing")
    how = desk.saving("CreateAppointmentForUID", plain=True)
    return _shown(desk, saving.create_for_uid(entity, str(sent.get("UID") or ""), how))


def from_uid(desk: Desk, _: Mapping[str, str]) -> Answer:
    return _shown(desk, saving.row_of_uid(desk.tenant, str(desk.body().get("UID") or "")))


def uid_of(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    row = _named(desk, sent)
    if row is None:
        return json_answer(None)
    by_mother = sent.get("UseMotherId") is True and row.mother_id
    return json_answer(saving.uid_of(desk.tenant, row.mother_id if by_mother else row.appointment_id))


# -- asking first


def will_send(desk: Desk, _: Mapping[str, str]) -> Answer:
    entity = desk.body().get("Appointment") or {}
    guests = bookings.guests_from(desk.tenant, entity.get("Participants"))
    return json_answer(any(guest.send_email for guest in guests[1:]))


def can_insert(desk: Desk, _: Mapping[str, str]) -> Answer:
    associates = desk.tenant.tables.associates
    ids = desk.body().get("AssociateIds") or ()
    return json_answer([each in associates and not associates[each].deleted for each in ids])


def validate(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(findings(desk.body().get("AppointmentEntity") or {}, desk.view))


def calculate_days(desk: Desk, _: Mapping[str, str]) -> Answer:
    entity = desk.body().get("AppointmentEntity") or {}
    start, carrier = desk.view.read(entity.get("StartDate")), entity.get("Recurrence") or {}
    if start is None:
        raise Refusal(400, "ArgumentException", "StartDate is missing")
    bare = {key: value for key, value in carrier.items() if key != "Dates"}
    days = saving.wanted_days(bare, start.date(), desk.saving("CalculateDays"))
    return json_answer(carrier | {"Dates": [series.date_carrier(day, desk.view) for day in days]})


def _agent(method: str, handler: Callable[[Desk, Mapping[str, str]], Answer]) -> Route[Desk]:
    return Route("POST", f"/api/v1/Agents/Appointment/{method}", handler)


ROUTES: Final = (
    _agent("GetAppointmentEntity", get_entity),
    _agent("GetAppointment", get_flat),
    _agent("GetAppointmentList", get_list),
    _agent("GetAssociateDiary", diary),
    _agent("GetAssociatesDiary", diaries),
    _agent("GetAssociatesDiaryInfo", diaries_info),
    _agent("GetAppointmentRecords", records),
    _agent("CreateDefaultAppointmentEntity", default),
    _agent("CreateDefaultAppointmentEntityByType", default_by_type),
    _agent("CreateDefaultAppointmentEntityByTypeAndAssociate", default_by_type_and_associate),
    _agent("SaveAppointmentEntity", save_entity),
    _agent("Save", save),
    _agent("Delete", delete),
    _agent("DeleteAppointmentEntity", delete_entity),
    _agent("Move", move),
    _agent("MoveWithEmail", move_with_email),
    _agent("MoveExtended", move_extended),
    _agent("Accept", accept),
    _agent("Reject", reject),
    _agent("SetSeen", set_seen),
    _agent("SetSeenMany", set_seen),
    _agent("CleanUpBookingDeleted", clean_up),
    _agent("ConvertAppointmentToTask", convert_to_task),
    _agent("CreateAppointmentForUID", create_for_uid),
    _agent("GetAppointmentFromUID", from_uid),
    _agent("GetUIDFromAppointmentId", uid_of),
    _agent("WillSendEmail", will_send),
    _agent("GetCanInsertForAssociates", can_insert),
    _agent("ValidateAppointmentEntity", validate),
    _agent("CalculateDays", calculate_days),
)
