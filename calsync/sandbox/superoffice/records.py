"""The database rows of a tenant. They are mutable: this is the database."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, IntEnum
from typing import Any, TypeVar

from calsync.sandbox.superoffice.asgi import Refusal


class AppointmentType(IntEnum):
    """Column ``type``; the names are the wire's."""

    Unknown = 0
    inDiary = 1  # noqa: N815  # the wire's spelling
    inChecklist = 2  # noqa: N815  # the wire's spelling
    Note = 3
    Document = 4
    SavedReport = 5
    BookingForDiary = 6
    BookingForChecklist = 7
    MergeDraft = 8
    MergeFinal = 9


class AppointmentStatus(IntEnum):
    """Column ``status``: progress, invitation and assignment in one."""

    UnknownOrPostIt = 0
    NotStarted = 1
    Started = 2
    Completed = 3
    Hidden = 4
    Booking = 5
    BookingMoved = 6
    BookingSeen = 7
    BookingMovedSeen = 8
    BookingDeclined = 9
    BookingDeleted = 10
    Assignment = 11
    AssignmentSeen = 12
    AssignmentDeclined = 13


class ActivityStatus(IntEnum):
    Unknown = 0
    NotStarted = 1
    Started = 2
    Completed = 3


class Visibility(IntEnum):
    All = 0
    Associate = 1
    Group = 2


class Caution(IntEnum):
    OK = 0
    NotInSync = 1
    NotNotifiedByEmail = 2
    RecurrencePatternNotSupported = 3
    IncomingRecurrenceChangeNotSupported = 4
    ExternalParticipantsDateTimeMismatch = 5


class UpdateMode(IntEnum):
    Unknown = 0
    OnlyThis = 1
    ThisAndForward = 2
    StopRecurrence = 9


class TaskKind(IntEnum):
    """``TaskType`` of the kind of activity."""

    Unknown = 0
    Appointment = 1
    Document = 2
    Email = 3
    Fax = 4
    Phone = 5
    ToDo = 6


class UserType(IntEnum):
    """Column ``associate.type``."""

    InternalAssociate = 0
    ResourceAssociate = 1
    ExternalAssociate = 4
    AnonymousAssociate = 7
    SystemAssociate = 13


class Change(IntEnum):
    """Column ``traveltransactionlog.type``."""

    INSERT = 4352
    UPDATE = 4608
    DELETE = 4864
    UPDATE_OWNER = 5120


class TenantState(Enum):
    """Names as the state API gives them."""

    UNKNOWN = "Unknown"
    PROVISIONING = "Provisioning"
    RUNNING = "Running"
    DELETED = "Deleted"
    SUSPENDED = "Suspended"
    ONLINE_MAINTENANCE = "OnlineMaintenance"
    OFFLINE_MAINTENANCE = "OfflineMaintenance"
    MIGRATION_PENDING = "MigrationPending"


APPOINTMENT_TABLE = 9

Wire = TypeVar("Wire", bound=IntEnum)


def from_wire(kind: type[Wire], value: Any) -> Wire:
    """An enum as it was sent: a name, or a number (official samples send both); null is the zero."""
    if value is None:
        return kind(0)
    try:
        return kind(value) if isinstance(value, int) else kind[value]
    except (KeyError, ValueError) as error:
        raise Refusal(400, "ArgumentException", f"{value!r} is no {kind.__name__}") from error


@dataclass(slots=True, kw_only=True)
class PersonRow:
    person_id: int
    first: str
    last: str
    emails: list[str]

    @property
    def full(self) -> str:
        return f"{self.first} {self.last}".strip()


@dataclass(slots=True, kw_only=True)
class AssociateRow:
    associate_id: int
    name: str
    person_id: int
    type: UserType
    group_id: int
    zone_id: int
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class TaskRow:
    """A kind of activity."""

    task_id: int
    name: str
    kind: TaskKind
    free: bool = False
    all_day: bool = False


@dataclass(slots=True, kw_only=True)
class TextRow:
    """Texts live apart from the appointment and are shared by a booking's rows."""

    title: str = ""
    agenda: str = ""
    internal_notes: str = ""


@dataclass(slots=True, kw_only=True)
class RuleRow:
    """A recurrence rule. ``carrier`` is the pattern as sent; ``days`` the occurrences it was saved with."""

    rule_id: int
    carrier: dict[str, Any]
    days: list[date]


@dataclass(slots=True, kw_only=True)
class InvitationRow:
    event_uid: str
    appointment_id: int


@dataclass(slots=True, kw_only=True)
class AppointmentRow:
    """Times are wall clock of the base zone; ``registered`` and ``updated`` are UTC."""

    appointment_id: int
    associate_id: int
    text_id: int
    do_by: datetime
    end_date: datetime
    active_date: datetime
    type: AppointmentType = AppointmentType.inDiary
    status: AppointmentStatus = AppointmentStatus.NotStarted
    all_day: bool = False
    free: bool = False
    location: str = ""
    task_idx: int = 1
    priority_idx: int = 2
    has_alarm: bool = False
    alarm_min: int = 0
    lead_min: int = 0
    lag_min: int = 0
    visible_for: tuple[tuple[Visibility, int], ...] = ((Visibility.All, 0),)
    contact_id: int = 0
    person_id: int = 0
    project_id: int = 0
    sale_id: int = 0
    invited_person_id: int = 0
    invited_email: str = ""
    send_email: bool = False
    mother_id: int = 0
    assigned_by: int = 0
    reject_counter: int = 0
    reject_reason: str = ""
    rule_id: int = 0
    original_start: datetime | None = None
    caution: Caution = Caution.OK
    owned_externally: str = "None"
    preferred_zone: int = 0
    join_url: str = ""
    videomeet_id: str = ""
    document_id: int = 0
    registered: datetime
    registered_by: int
    updated: datetime | None = None
    updated_by: int = 0
    updated_count: int = 0
    custom: dict[str, str | None] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)

    @property
    def is_mother(self) -> bool:
        return self.mother_id == self.appointment_id

    @property
    def is_child(self) -> bool:
        return self.mother_id not in {0, self.appointment_id}


@dataclass(slots=True, kw_only=True)
class TravelRow:
    """One line of the transaction log."""

    id: int
    at: datetime
    type: Change
    table: int
    record_id: int
    associate_id: int
    application_id: int


@dataclass(slots=True, kw_only=True)
class ForeignAppRow:
    app_id: int
    name: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class ForeignDeviceRow:
    device_id: int
    app_id: int
    name: str
    identifier: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class ForeignKeyRow:
    key_id: int
    device_id: int
    key: str
    value: str
    table: str
    record_id: int
    created: datetime
    updated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail the real system would have sent. ``cause`` is the operation that did it."""

    appointment_id: int
    to: str
    cause: str
    by_associate: int
