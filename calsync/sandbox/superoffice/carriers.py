"""What rows look like on the wire: AppointmentEntity, flat Appointment, AppointmentInfo and their parts."""

from collections.abc import Mapping
from typing import Any, Final

from calsync.sandbox.superoffice import series
from calsync.sandbox.superoffice.records import (
    ActivityStatus,
    AppointmentRow,
    AppointmentStatus,
    AppointmentType,
    TaskRow,
    UserType,
    Visibility,
)
from calsync.sandbox.superoffice.world import Tenant
from calsync.sandbox.superoffice.zones import NEVER, ZONES_BY_ID, TimeView, zone_carrier

PRIVATE: Final = {Visibility.All: "Public", Visibility.Associate: "PrivateUser", Visibility.Group: "PrivateGroup"}
_INVITATION: Final = {4: "Hidden", 5: "Invitation", 6: "Moved", 7: "Seen", 8: "MovedSeen", 9: "Declined"} | {
    10: "Cancelled",
    11: "None",
    12: "None",
    13: "None",
}
_ASSIGNMENT: Final = {11: "Assigning", 12: "Seen", 13: "Declined"}
_TENTATIVE: Final = frozenset({"Invitation", "Moved", "Seen", "MovedSeen"})
_ENUM_ZERO: Final[Mapping[str, str]] = {
    "Private": "Public",
    "Type": "Unknown",
    "Completed": "Unknown",
    "AssignmentStatus": "Unknown",
    "InvitationStatus": "Unknown",
    "BookingType": "Unknown",
    "CautionWarning": "OK",
    "OwnedExternally": "None",
    "TaskType": "Unknown",
    "RecurringPattern": "Unknown",
    "ColorIndex": "LightBlue",
}
_RIGHTS: Final = {"Mask": "Select, Update, Insert, Delete", "Reason": ""}
_FIELD_RIGHTS: Final = {"FieldRight": {"Mask": "FULL", "Reason": ""}, "FieldType": "String", "FieldLength": 4000}


def timespan(minutes: int) -> str:
    days, rest = divmod(minutes, 1440)
    text = f"{rest // 60:02d}:{rest % 60:02d}:00"
    return f"{days}.{text}" if days else text


def booking_type(row: AppointmentRow) -> str:
    if row.is_mother:
        return "Owner"
    return "Participant" if row.is_child else "None"


def invitation_status(row: AppointmentRow) -> str:
    # A plain own appointment reads Accepted, as recorded.
    return _INVITATION.get(row.status, "Accepted")


def assignment_status(row: AppointmentRow) -> str:
    return _ASSIGNMENT.get(row.status, "None")


def completed(row: AppointmentRow) -> ActivityStatus:
    return ActivityStatus(row.status) if row.status in {2, 3} else ActivityStatus.NotStarted


def private(row: AppointmentRow) -> str:
    return PRIVATE[max((kind for kind, _ in row.visible_for), default=Visibility.All)]


def associate(tenant: Tenant, associate_id: int) -> dict[str, Any] | None:
    row = tenant.tables.associates.get(associate_id)
    if row is None:
        return None
    person = tenant.tables.persons[row.person_id]
    return {
        "AssociateId": row.associate_id,
        "Name": row.name,
        "PersonId": row.person_id,
        "Rank": row.associate_id,
        "Tooltip": person.full,
        "Type": row.type.name,
        "GroupIdx": row.group_id,
        "FullName": person.full,
        "FormalName": f"{person.last}, {person.first}",
        "Deleted": row.deleted,
        "EjUserId": 0,
        "UserName": person.emails[0] if person.emails else row.name,
        "ExtraFields": {},
        "CustomFields": {},
        "TableRight": None,
        "FieldProperties": {},
    }


def person(tenant: Tenant, person_id: int) -> dict[str, Any] | None:
    row = tenant.tables.persons.get(person_id)
    if row is None:
        return None
    return {
        "PersonId": row.person_id,
        "Firstname": row.first,
        "Lastname": row.last,
        "FullName": row.full,
        "FormalName": f"{row.last}, {row.first}",
        "Email": row.emails[0] if row.emails else "",
        "ContactId": 1,
        "ContactName": "Owner company AS",
    }


def task(row: TaskRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "TaskListItemId": row.task_id,
        "Value": row.name,
        "Direction": "Unknown",
        "Type": row.kind.name,
        "Tooltip": "",
        "Deleted": False,
        "IntentId": 0,
        "Rank": row.task_id,
        "IsDefaultAlldayEvent": row.all_day,
        "IsDefaultFree": row.free,
        "IsDefaultPublished": False,
        "ColorIndex": "LightBlue",
        "DefaultVideomeetingStatus": "NoChange",
    }


def mother_of(tenant: Tenant, row: AppointmentRow) -> AppointmentRow | None:
    return tenant.find(row.mother_id) if row.is_child else row


def participants(tenant: Tenant, row: AppointmentRow) -> list[dict[str, Any]]:
    """The organiser first, then everybody whose row is not cancelled."""
    mother = mother_of(tenant, row)
    if mother is None:
        return []
    rows = [mother] if mother.mother_id == 0 else [mother, *tenant.children(mother.appointment_id)]
    shown = (each for each in rows if each.status is not AppointmentStatus.BookingDeleted)
    return [_participant(tenant, each) for each in shown]


def _participant(tenant: Tenant, row: AppointmentRow) -> dict[str, Any]:
    person_row = tenant.person_of(row.associate_id)
    person_id = person_row.person_id if person_row is not None else row.invited_person_id
    return {
        "AssociateId": row.associate_id,
        "PersonId": person_id,
        "ContactId": 1 if person_id else 0,
        "EmailId": person_id,
        "SendEmail": row.send_email,
        "InvitationStatus": invitation_status(row),
        "EmailAddress": tenant.address_of(row),
        "Description": person_row.full if person_row is not None else row.invited_email,
        "ExternallyOwnedType": "Unknown",
        "ExternallyOwnedStatus": "Unknown",
    }


def _visible_for(tenant: Tenant, row: AppointmentRow) -> list[dict[str, Any]]:
    return [
        {"VisibleId": number, "Visibility": kind.name, "DisplayValue": _visible_name(tenant, kind, number)}
        for kind, number in row.visible_for
    ]


def _visible_name(tenant: Tenant, kind: Visibility, number: int) -> str:
    match kind:
        case Visibility.All:
            return "All"
        case Visibility.Group:
            return tenant.tables.groups.get(number, "")
        case Visibility.Associate:
            owner = tenant.person_of(number)
            return owner.full if owner else ""


def _recurrence(tenant: Tenant, row: AppointmentRow, view: TimeView) -> dict[str, Any]:
    rule = tenant.tables.rules.get(row.rule_id)
    if rule is None:
        return series.single(row.do_by.date(), view)
    shown = series.single(rule.days[0], view) | rule.carrier
    shown["RecurrenceId"] = rule.rule_id
    shown["StartDate"] = view.day(rule.days[0])
    shown["EndDate"] = view.day(rule.days[-1])
    shown["Dates"] = [series.date_carrier(day, view) for day in rule.days]
    shown["IsRecurrence"] = True
    return shown


def entity(tenant: Tenant, row: AppointmentRow, view: TimeView) -> dict[str, Any]:
    """The carrier AppointmentEntity."""
    text = tenant.text_of(row)
    mother = mother_of(tenant, row)
    zone = ZONES_BY_ID.get(row.preferred_zone)
    never = view.show(NEVER)
    shown: dict[str, Any] = {
        "Associate": associate(tenant, row.associate_id),
        "Contact": {"ContactId": row.contact_id} if row.contact_id else None,
        "CreatedBy": associate(tenant, row.registered_by),
        "UpdatedBy": associate(tenant, row.updated_by),
        "CreatedDate": view.stamp(row.registered),
        "AppointmentId": row.appointment_id,
        "Description": text.title,
        "Title": text.title,
        "Agenda": text.agenda,
        "InternalNotes": text.internal_notes,
        "StartDate": view.show(row.do_by),
        "EndDate": view.show(row.end_date),
        "InvitedPerson": person(tenant, row.invited_person_id),
        "Person": person(tenant, row.person_id),
        "MotherId": row.mother_id,
        "Priority": {"Id": row.priority_idx, "Value": "Normal", "Tooltip": ""},
        "Private": private(row),
        "Project": {"ProjectId": row.project_id} if row.project_id else None,
        "Type": row.type.name,
        "UpdatedDate": view.stamp(row.updated),
        "Completed": completed(row).name,
        "ActiveLinks": 0,
        "Links": [],
        "AlarmLeadTime": timespan(row.alarm_min),
        "HasAlarm": row.has_alarm,
        "ColorIndex": 0,
        "IsFree": row.free,
        "IsAlldayEvent": row.all_day,
        "LagTime": timespan(row.lag_min),
        "LeadTime": timespan(row.lead_min),
        "Location": row.location,
        "RejectCounter": row.reject_counter,
        "RejectReason": row.reject_reason,
        "Recurrence": _recurrence(tenant, row, view),
        "Participants": participants(tenant, row),
        "AssignmentStatus": assignment_status(row),
        "InvitationStatus": invitation_status(row),
        "BookingType": booking_type(row),
        "ActiveDate": view.show(row.active_date),
        "HasConflict": False,
        "AssignedBy": associate(tenant, row.assigned_by),
        "MotherAssociate": None if mother is None else associate(tenant, mother.associate_id),
        "Task": task(tenant.tables.tasks.get(row.task_idx)),
        "PreferredTZLocation": row.preferred_zone,
        "PreferredTZLocationData": None if zone is None else zone_carrier(zone, year=row.do_by.year),
        "Sale": {"SaleId": row.sale_id} if row.sale_id else None,
        "SuggestedAppointmentId": 0,
        "IsMileStone": False,
        "CautionWarning": row.caution.name,
        "OwnedExternally": row.owned_externally,
        "JoinVideomeetUrl": row.join_url,
        "CentralserviceVideomeetId": row.videomeet_id,
        "UserDefinedFields": {},
        "ExtraFields": {},
        "CustomFields": dict(row.custom),
        "PublishEventDate": never,
        "PublishTo": view.always(),
        "PublishFrom": never,
        "IsPublished": False,
        "VisibleFor": _visible_for(tenant, row),
        "TableRight": dict(_RIGHTS),
        "FieldProperties": {"Title": dict(_FIELD_RIGHTS)},
    }
    if future := tenant.switches.future_property:
        shown[future] = row.unknown.get(future, "known to newer servers only")
    return shown


def flat(tenant: Tenant, row: AppointmentRow, view: TimeView) -> dict[str, Any]:
    """The carrier Appointment: no updated date, no participants, no rule id."""
    text = tenant.text_of(row)
    owner = associate(tenant, row.associate_id) or {}
    creator = associate(tenant, row.registered_by) or {}
    assigner = associate(tenant, row.assigned_by) or {}
    kind = tenant.tables.tasks.get(row.task_idx)
    rule = tenant.tables.rules.get(row.rule_id)
    mother = mother_of(tenant, row)
    return {
        "AppointmentId": row.appointment_id,
        "StartDate": view.show(row.do_by),
        "EndDate": view.show(row.end_date),
        "Type": row.type.name,
        "Task": kind.name if kind else "",
        "AssociateFullName": owner.get("FullName", ""),
        "ContactName": "",
        "Description": text.title,
        "PersonFullName": (person(tenant, row.person_id) or {}).get("FullName", ""),
        "PersonId": row.person_id,
        "ContactId": row.contact_id,
        "ProjectId": row.project_id,
        "ProjectName": "",
        "IsPublished": False,
        "AssociateId": row.associate_id,
        "ColorIndex": 0,
        "IsFree": row.free,
        "HasAlarm": row.has_alarm,
        "IsAlldayEvent": row.all_day,
        "Private": private(row),
        "PriorityId": row.priority_idx,
        "PriorityName": "Normal",
        "TaskType": kind.kind.name if kind else "Unknown",
        "IsBookingMain": row.is_mother,
        "IsRecurrence": rule is not None,
        "IsBooking": row.mother_id != 0,
        "ActiveDate": view.show(row.active_date),
        "AssignmentStatus": assignment_status(row),
        "InvitationStatus": invitation_status(row),
        "BookingType": booking_type(row),
        "Completed": completed(row).name,
        "RecurringPattern": str(rule.carrier.get("Pattern", "Unknown")) if rule else "Unknown",
        "RecurringStartDate": view.day(rule.days[0]) if rule else view.show(NEVER),
        "RecurringEndDate": view.day(rule.days[-1]) if rule else view.show(NEVER),
        "MotherId": row.mother_id,
        "AssignedBy": row.assigned_by,
        "AssignedByFullName": assigner.get("FullName", ""),
        "RejectReason": row.reject_reason,
        "Location": row.location,
        "AlarmLeadTime": timespan(row.alarm_min),
        "SaleId": row.sale_id,
        "SaleName": "",
        "AssociateName": owner.get("Name", ""),
        "CreatedDate": view.stamp(row.registered),
        "CreatedBy": creator.get("Name", ""),
        "CreatedByFullName": creator.get("FullName", ""),
        "CreatedByAssociateId": row.registered_by,
        "CautionWarning": row.caution.name,
        "OwnedExternally": row.owned_externally,
        "MotherAssociateId": 0 if mother is None else mother.associate_id,
        "JoinVideomeetUrl": row.join_url,
        "PreferredTZLocation": row.preferred_zone,
        "Title": text.title,
        "Agenda": text.agenda,
        "InternalNotes": text.internal_notes,
        "TaskId": row.task_idx,
    }


def info(tenant: Tenant, row: AppointmentRow, view: TimeView) -> dict[str, Any]:
    """The carrier AppointmentInfo."""
    text = tenant.text_of(row)
    kind = tenant.tables.tasks.get(row.task_idx)
    mother = mother_of(tenant, row)
    mailed = [each["SendEmail"] for each in participants(tenant, row)]
    return {
        "AppointmentId": row.appointment_id,
        "AssociateId": row.associate_id,
        "MotherId": row.mother_id,
        "StartDate": view.show(row.do_by),
        "EndDate": view.show(row.end_date),
        "ColorIndex": "LightBlue",
        "TaskName": kind.name if kind else "",
        "ContactName": "",
        "ProjectName": "",
        "Title": text.title,
        "Agenda": text.agenda,
        "IsAllDay": row.all_day,
        "IsBusy": not row.free,
        "IsRecurring": row.rule_id != 0,
        "IsVideoMeeting": bool(row.join_url),
        "HasAlarm": row.has_alarm,
        "IsCompleted": row.status is AppointmentStatus.Completed,
        "IsTentative": invitation_status(row) in _TENTATIVE,
        "IsBookingMain": row.is_mother,
        "SendEmail": row.send_email,
        "AnySendEmail": any(mailed),
        "IsPrivate": private(row) != "Public",
        "RecurrenceInfo": _recurrence(tenant, row, view),
        "PersonName": "",
        "IsBooking": row.mother_id != 0,
        "OwnedExternally": row.owned_externally,
        "MotherAssociateId": 0 if mother is None else mother.associate_id,
    }


def default_entity(tenant: Tenant, owner_id: int, kind: TaskRow, view: TimeView) -> dict[str, Any]:
    """An unsaved entity. It says in three places whose it is: Associate, MotherAssociate, Participants."""
    start = tenant.local_now().replace(minute=0, second=0)
    in_diary = kind.kind.name == "Appointment"
    blank = AppointmentRow(
        appointment_id=0,
        associate_id=owner_id,
        text_id=0,
        do_by=start,
        end_date=start,
        active_date=start,
        type=AppointmentType.inDiary if in_diary else AppointmentType.inChecklist,
        task_idx=kind.task_id,
        free=kind.free,
        all_day=kind.all_day,
        registered=tenant.now(),
        registered_by=owner_id,
    )
    return entity(tenant, blank, view)


def narrow(shown: Any, select: str | None) -> Any:
    """``$select``: whatever was not asked for comes back null or default."""
    if not select or shown is None:
        return shown
    if isinstance(shown, list):
        return [narrow(each, select) for each in shown]
    wanted = {name.strip().split("/")[0].lower() for name in select.split(",")}
    return {key: value if key.lower() in wanted else _blank(key, value) for key, value in shown.items()}


def _blank(key: str, value: Any) -> Any:
    if key in _ENUM_ZERO and isinstance(value, str):
        return _ENUM_ZERO[key]
    if isinstance(value, bool):
        return False
    return 0 if isinstance(value, int) else None


def principal(tenant: Tenant, associate_id: int) -> dict[str, Any]:
    """The carrier SoPrincipalCarrier of the caller."""
    row = tenant.tables.associates[associate_id]
    person_row = tenant.tables.persons[row.person_id]
    system = row.type is UserType.SystemAssociate
    return {
        "UserType": row.type.name,
        "Associate": row.name,
        "AssociateId": row.associate_id,
        "IsPerson": True,
        "PersonId": row.person_id,
        "CountryId": 578,
        "HomeCountryId": 578,
        "ContactId": 1,
        "GroupId": row.group_id,
        "RoleId": 1,
        "RoleName": "System" if system else "User level 0",
        "RoleType": "System" if system else "Employee",
        "Licenses": [],
        "FullName": person_row.full,
        "EMailAddress": person_row.emails[0] if person_row.emails else "",
        "FunctionRights": [],
        "SecondaryGroups": [],
        "DatabaseContextIdentifier": tenant.custid,
        "UserName": row.name,
    }
