"""The data of one simulated environment and the rules every row obeys: ids, stamps, log, hard deletes."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from calsync.sandbox.superoffice.keycache import KeyCache
from calsync.sandbox.superoffice.login import Registration, registration
from calsync.sandbox.superoffice.records import (
    APPOINTMENT_TABLE,
    AppointmentRow,
    AppointmentStatus,
    AssociateRow,
    Change,
    ForeignAppRow,
    ForeignDeviceRow,
    ForeignKeyRow,
    InvitationRow,
    Mail,
    PersonRow,
    RuleRow,
    TaskKind,
    TaskRow,
    TenantState,
    TextRow,
    TravelRow,
    UserType,
)
from calsync.sandbox.superoffice.switches import Switches
from calsync.sandbox.superoffice.zones import ZONES

WEB_CLIENT: Final = 1
"""``application_id`` of the web client in the transaction log."""
OUR_APP: Final = 4711
"""``application_id`` of the one registered app."""

_TEXT: Final = frozenset({"title", "agenda", "internal_notes"})
_TICKET_LIFE: Final = timedelta(hours=6)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who writes, and through which application."""

    associate_id: int
    application_id: int = OUR_APP


@dataclass(slots=True, kw_only=True)
class Tables:
    """All that a backup holds."""

    appointments: dict[int, AppointmentRow] = field(default_factory=dict)
    texts: dict[int, TextRow] = field(default_factory=dict)
    rules: dict[int, RuleRow] = field(default_factory=dict)
    invitations: dict[str, InvitationRow] = field(default_factory=dict)
    uids: dict[int, str] = field(default_factory=dict)
    """The UID of a row that is there; an index of ``invitations``."""
    associates: dict[int, AssociateRow] = field(default_factory=dict)
    persons: dict[int, PersonRow] = field(default_factory=dict)
    groups: dict[int, str] = field(default_factory=dict)
    tasks: dict[int, TaskRow] = field(default_factory=dict)
    foreign_apps: dict[int, ForeignAppRow] = field(default_factory=dict)
    foreign_devices: dict[int, ForeignDeviceRow] = field(default_factory=dict)
    foreign_keys: dict[int, ForeignKeyRow] = field(default_factory=dict)
    preferences: dict[tuple[str, str], str] = field(default_factory=dict)
    log: list[TravelRow] = field(default_factory=list)
    sequence: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a tenant's database at one moment."""

    tables: Tables


class Tenant:
    """One customer's database."""

    def __init__(
        self, custid: str, *, serial: str, base_code: str, now: Callable[[], datetime], switches: Switches
    ) -> None:
        self.custid = custid
        self.serial = serial
        self.base_code = base_code
        self.switches = switches
        self.system_token = f"Calendar Sync-{custid[::-1]}"
        self.state = TenantState.RUNNING
        self.host_index = 0
        self.approved = True
        self.mails: list[Mail] = []
        self.tables = Tables()
        self.key_cache = KeyCache()
        self._now = now
        self._late: list[tuple[datetime, Callable[[], None]]] = []
        self._furnish()

    def _furnish(self) -> None:
        tables = self.tables
        tables.groups |= {1: "Sales", 2: "Administration"}
        for number, name, kind in (
            (1, "Meeting (Internal)", TaskKind.Appointment),
            (2, "Meeting (External)", TaskKind.Appointment),
            (3, "Phone call", TaskKind.Phone),
            (4, "To-do", TaskKind.ToDo),
        ):
            tables.tasks[number] = TaskRow(task_id=number, name=name, kind=kind)
        tables.preferences |= {
            ("DiaryView", "AllDayStartTime"): "08:00",
            ("DiaryView", "AllDayEndTime"): "16:00",
            ("Mail", "DiarySynchronizerActive"): "0",
            ("Defaults", "DefaultAppointmentAppointTaskId"): "1",
        }
        self.system_id = self.add_associate(
            name="SYSTEM", first="System", last="user", emails=[], kind=UserType.SystemAssociate
        ).associate_id

    # -- time and ids

    @property
    def base(self) -> ZoneInfo:
        return ZoneInfo(ZONES[self.base_code].iana)

    def now(self) -> datetime:
        """UTC in whole seconds, as the columns hold it."""
        return self._now().astimezone(UTC).replace(microsecond=0)

    def local_now(self) -> datetime:
        return self.now().astimezone(self.base).replace(tzinfo=None)

    def next_id(self, table: str) -> int:
        number = self.tables.sequence.get(table, 1)
        self.tables.sequence[table] = number + 1
        return number

    # -- people

    def add_associate(
        self,
        *,
        name: str,
        first: str,
        last: str,
        emails: list[str],
        kind: UserType = UserType.InternalAssociate,
        group_id: int = 1,
        zone: str = "",
    ) -> AssociateRow:
        person = PersonRow(person_id=self.next_id("person"), first=first, last=last, emails=emails)
        self.tables.persons[person.person_id] = person
        row = AssociateRow(
            associate_id=self.next_id("associate"),
            name=name,
            person_id=person.person_id,
            type=kind,
            group_id=group_id,
            zone_id=ZONES[zone or self.base_code].id,
        )
        self.tables.associates[row.associate_id] = row
        return row

    def add_person(self, *, first: str, last: str, emails: list[str]) -> PersonRow:
        """Somebody without a login."""
        person = PersonRow(person_id=self.next_id("person"), first=first, last=last, emails=emails)
        self.tables.persons[person.person_id] = person
        return person

    def person_of(self, associate_id: int) -> PersonRow | None:
        associate = self.tables.associates.get(associate_id)
        return None if associate is None else self.tables.persons.get(associate.person_id)

    def address_of(self, row: AppointmentRow) -> str:
        """Where mail about a row would go."""
        person = self.person_of(row.associate_id) or self.tables.persons.get(row.invited_person_id)
        return person.emails[0] if person is not None and person.emails else row.invited_email

    # -- appointments

    def find(self, appointment_id: int) -> AppointmentRow | None:
        return self.tables.appointments.get(appointment_id)

    def text_of(self, row: AppointmentRow) -> TextRow:
        """The row's text; an unsaved row has an empty one."""
        return self.tables.texts.get(row.text_id) or TextRow()

    def children(self, mother_id: int) -> Iterator[AppointmentRow]:
        """The rows of a booking's other participants, oldest first."""
        mother = self.find(mother_id)
        if mother is not None and not mother.is_mother:
            return iter(())
        rows = self.tables.appointments.values()
        return iter([row for row in rows if row.mother_id == mother_id != row.appointment_id])

    def series(self, rule_id: int) -> list[AppointmentRow]:
        """All rows of a rule, by start."""
        rows = [row for row in self.tables.appointments.values() if row.rule_id == rule_id != 0]
        return sorted(rows, key=lambda row: (row.do_by, row.appointment_id))

    def add_text(self, text: TextRow) -> int:
        text_id = self.next_id("text")
        self.tables.texts[text_id] = text
        return text_id

    def insert(self, row: AppointmentRow, actor: Actor) -> AppointmentRow:
        self.tables.appointments[row.appointment_id] = row
        self.log(row.appointment_id, Change.INSERT, actor)
        return row

    def touch(self, row: AppointmentRow, changed: set[str], actor: Actor) -> None:
        """Stamp a row for what was changed on it, or leave it unstamped as the switches say."""
        stamping = set(changed)
        if not self.switches.text_edit_bumps:
            stamping -= _TEXT
        if not self.switches.visibility_edit_bumps:
            stamping.discard("visible_for")
        if not stamping:
            return
        self.stamp(row, actor)
        self.log(row.appointment_id, Change.UPDATE_OWNER if "associate_id" in changed else Change.UPDATE, actor)

    def stamp(self, row: AppointmentRow, actor: Actor) -> None:
        row.updated = self.now()
        row.updated_by = actor.associate_id
        row.updated_count = (row.updated_count + 1) % 65536  # a 16 bit column

    def change(self, row: AppointmentRow, actor: Actor, **columns: object) -> set[str]:
        """Set columns, stamp the row if one really changed, and say which did."""
        changed = {name for name, value in columns.items() if getattr(row, name) != value}
        for name in changed:
            setattr(row, name, columns[name])
        self.touch(row, changed, actor)
        return changed

    def remove(self, row: AppointmentRow, actor: Actor) -> None:
        """A hard delete: nothing of the row is left but a line in the log."""
        tables = self.tables
        del tables.appointments[row.appointment_id]
        shared = row.mother_id != 0 and any(other.text_id == row.text_id for other in tables.appointments.values())
        if not shared:
            tables.texts.pop(row.text_id, None)
        uid = tables.uids.pop(row.appointment_id, None)
        if uid is not None and not self.switches.uid_outlives_row:
            del tables.invitations[uid]
        if self.switches.foreign_keys_die_with_record:
            place = ("appointment", row.appointment_id)
            for key in [key for key in tables.foreign_keys.values() if (key.table, key.record_id) == place]:
                del tables.foreign_keys[key.key_id]
        self.log(row.appointment_id, Change.DELETE, actor)

    def log(self, record_id: int, kind: Change, actor: Actor) -> None:
        self.tables.log.append(
            TravelRow(
                id=self.next_id("traveltransactionlog"),
                at=self.local_now(),
                type=kind,
                table=APPOINTMENT_TABLE,
                record_id=record_id,
                associate_id=actor.associate_id,
                application_id=actor.application_id,
            )
        )

    def mail(self, row: AppointmentRow, cause: str, actor: Actor) -> None:
        """Count what the real system would send about a participant's row."""
        address = self.address_of(row)
        if address and row.status is not AppointmentStatus.Hidden:
            self.mails.append(
                Mail(
                    appointment_id=row.appointment_id,
                    to=address,
                    cause=cause,
                    by_associate=actor.associate_id,
                )
            )

    # -- commits that come late, and time that runs backwards

    def commit_later(self, effect: Callable[[], None], *, after_s: float) -> None:
        """Let ``effect`` show only ``after_s`` from now; ids and stamps it uses are those of now."""
        self._late.append((self._now() + timedelta(seconds=after_s), effect))

    def commit_due(self) -> None:
        now = self._now()
        due = [effect for at, effect in self._late if at <= now]
        self._late = [(at, effect) for at, effect in self._late if at > now]
        for effect in due:
            effect()

    def snapshot(self) -> Backup:
        return Backup(copy.deepcopy(self.tables))

    def restore(self, backup: Backup) -> None:
        """Back to the backup, sequences too: ids given since then will be given again."""
        self.tables = copy.deepcopy(backup.tables)
        self._late.clear()
        self.key_cache = KeyCache()


@dataclass(slots=True, kw_only=True)
class Ticket:
    custid: str
    used: datetime


class World:
    """One environment: its registered app, its tenants, its switches.

    ``now`` gives the time of the servers, in UTC; a test hands in its own.
    """

    def __init__(self, *, now: Callable[[], datetime] = utc_now, switches: Switches | None = None) -> None:
        self.now = now
        self.switches = switches or Switches()
        self.app: Registration = registration()
        self.tenants: dict[str, Tenant] = {}
        self._tickets: dict[str, Ticket] = {}

    def add_tenant(self, custid: str = "Cust12345", *, serial: str = "1234567890", base_zone: str = "NO") -> Tenant:
        tenant = Tenant(custid, serial=serial, base_code=base_zone, now=self._current_time, switches=self.switches)
        self.tenants[custid.lower()] = tenant
        return tenant

    def _current_time(self) -> datetime:
        """A test may put another clock in ``now`` at any time."""
        return self.now()

    def tenant(self, custid: str = "") -> Tenant:
        """The named tenant, or the only one; tenant ids are found in any case."""
        return self.tenants[custid.lower()] if custid else next(iter(self.tenants.values()))

    def find_tenant(self, custid: str) -> Tenant | None:
        return self.tenants.get(custid.lower())

    def open_ticket(self, tenant: Tenant, ticket: str) -> None:
        self._tickets[ticket] = Ticket(custid=tenant.custid, used=self.now())

    def use_ticket(self, tenant: Tenant, text: str) -> bool:
        """Whether a ticket is good for a tenant; using it starts its six hours anew."""
        ticket = self._tickets.get(text)
        if ticket is None or ticket.custid != tenant.custid or not tenant.approved:
            return False
        if self.now() - ticket.used > _TICKET_LIFE:
            del self._tickets[text]
            return False
        ticket.used = self.now()
        return True

    def expire_tickets(self) -> None:
        """As after a restart of the service: every ticket is refused from now on."""
        self._tickets.clear()

    def snapshot(self) -> dict[str, Backup]:
        return {custid: tenant.snapshot() for custid, tenant in self.tenants.items()}

    def restore(self, backups: dict[str, Backup]) -> None:
        for custid, backup in backups.items():
            self.tenants[custid].restore(backup)
