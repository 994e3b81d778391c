"""What an AppointmentEntity that was sent means for the columns. Absent means null, null means default."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.records import (
    ActivityStatus,
    AppointmentRow,
    AppointmentStatus,
    AppointmentType,
    Caution,
    TextRow,
    Visibility,
    from_wire,
)
from calsync.sandbox.superoffice.world import Tenant
from calsync.sandbox.superoffice.zones import NEVER, TimeView

_TEXT_MAX: Final = 4000
_LOCATION_MAX: Final = 254
_UNSIGNED_16: Final = 65535
_SPAN: Final = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?")
_PROGRESS: Final = frozenset({AppointmentStatus.NotStarted, AppointmentStatus.Started, AppointmentStatus.Completed})


def columns_from_entity(
    tenant: Tenant, entity: Mapping[str, Any], view: TimeView, row: AppointmentRow | None
) -> dict[str, Any]:
    """Column values by name; ``row`` is what is there now, None for a new one.

    ``Private`` is an obsolete mirror and not read: ``VisibleFor`` is the real visibility.
    """
    start, end = view.read(entity.get("StartDate")), view.read(entity.get("EndDate"))
    _check_times(start, end)
    active = view.read(entity.get("ActiveDate"))
    columns: dict[str, Any] = {
        "associate_id": _nested(entity, "Associate", "AssociateId"),
        "do_by": start,
        "end_date": end,
        # Diary windows go by the active date. It is stored as sent; a writer has to move it along.
        "active_date": start if active in {None, NEVER} else active,
        "type": _type(entity, row),
        "status": _status(entity, row),
        "all_day": entity.get("IsAlldayEvent") is True,
        "free": entity.get("IsFree") is True,
        "location": _limited(entity, "Location", _LOCATION_MAX),
        "task_idx": _nested(entity, "Task", "TaskListItemId"),
        "priority_idx": _nested(entity, "Priority", "Id"),
        "has_alarm": entity.get("HasAlarm") is True,
        "alarm_min": _minutes(entity.get("AlarmLeadTime")),
        "lead_min": _minutes(entity.get("LeadTime")),
        "lag_min": _minutes(entity.get("LagTime")),
        "visible_for": _visible_for(entity),
        "contact_id": _nested(entity, "Contact", "ContactId"),
        "person_id": _nested(entity, "Person", "PersonId"),
        "project_id": _nested(entity, "Project", "ProjectId"),
        "sale_id": _nested(entity, "Sale", "SaleId"),
        "caution": from_wire(Caution, entity.get("CautionWarning")),
        "owned_externally": str(entity.get("OwnedExternally") or "None"),
        "preferred_zone": int(entity.get("PreferredTZLocation") or 0),
        "join_url": str(entity.get("JoinVideomeetUrl") or ""),
        "videomeet_id": str(entity.get("CentralserviceVideomeetId") or ""),
        "custom": dict(entity.get("CustomFields") or {}),
    }
    if future := tenant.switches.future_property:
        columns["unknown"] = {future: entity.get(future)}
    return columns


def text_from_entity(tenant: Tenant, entity: Mapping[str, Any]) -> TextRow:
    """Title and Description are one text; a switch says which wins if both are sent and differ."""
    title, description = entity.get("Title"), entity.get("Description")
    first, second = (title, description) if tenant.switches.title_wins else (description, title)
    text = str(first if first is not None else second if second is not None else "")
    if len(text) > _TEXT_MAX:
        raise Refusal(500, "SoException", f"Title is longer than {_TEXT_MAX} characters")
    return TextRow(
        title=text,
        agenda=str(entity.get("Agenda") or ""),
        internal_notes=str(entity.get("InternalNotes") or ""),
    )


def findings(entity: Mapping[str, Any], view: TimeView) -> dict[str, str]:
    """What ``Validate`` says: field name to message, empty if all is well."""
    found: dict[str, str] = {}
    try:
        _check_times(view.read(entity.get("StartDate")), view.read(entity.get("EndDate")))
    except Refusal as refusal:
        found["EndDate"] = refusal.message
    if len(str(entity.get("Location") or "")) > _LOCATION_MAX:
        found["Location"] = f"Location is longer than {_LOCATION_MAX} characters"
    return found


def _check_times(start: datetime | None, end: datetime | None) -> None:
    if start is None or end is None or NEVER in {start, end}:
        raise Refusal(500, "SoException", "StartDate and EndDate must be set")
    if end < start:
        raise Refusal(500, "SoException", "EndDate is before StartDate")


def _nested(entity: Mapping[str, Any], name: str, key: str) -> int:
    """The id alone suffices for a link; null clears it."""
    value = entity.get(name)
    return int(value.get(key) or 0) if isinstance(value, Mapping) else 0


def _limited(entity: Mapping[str, Any], name: str, longest: int) -> str:
    text = str(entity.get(name) or "")
    if len(text) > longest:
        raise Refusal(500, "SoException", f"{name} is longer than {longest} characters")
    return text


def _type(entity: Mapping[str, Any], row: AppointmentRow | None) -> AppointmentType:
    wanted = from_wire(AppointmentType, entity.get("Type"))
    if wanted is AppointmentType.Unknown:
        return AppointmentType.inDiary if row is None else row.type
    return wanted


def _status(entity: Mapping[str, Any], row: AppointmentRow | None) -> AppointmentStatus:
    """Progress can be written; invitations are answered by Accept and Reject only."""
    if row is not None and row.status not in _PROGRESS:
        return row.status
    progress = from_wire(ActivityStatus, entity.get("Completed"))
    return AppointmentStatus(max(progress, ActivityStatus.NotStarted))


def _visible_for(entity: Mapping[str, Any]) -> tuple[tuple[Visibility, int], ...]:
    """Nobody named means everybody: leaving ``VisibleFor`` out publishes a private row."""
    sent = entity.get("VisibleFor") or [{"Visibility": "All"}]
    return tuple((from_wire(Visibility, each.get("Visibility")), int(each.get("VisibleId") or 0)) for each in sent)


def _minutes(span: Any) -> int:
    """A .NET time span; the columns hold whole minutes in unsigned 16 bits."""
    if span is None:
        return 0
    match = _SPAN.fullmatch(str(span))
    if match is None:
        raise Refusal(400, "ArgumentException", f"{span!r} is no time span")
    minutes = int(match[2] or 0) * 1440 + int(match[3]) * 60 + int(match[4])
    if match[1] or minutes > _UNSIGNED_16:
        raise Refusal(500, "SoException", f"{span} does not fit into the database")
    return minutes
