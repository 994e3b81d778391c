"""People working in the web client, and the independent witness of what is in the database.

What they do is stamped with their own associate id, as the real client does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from calsync.sandbox.superoffice import bookings, carriers, saving
from calsync.sandbox.superoffice.records import (
    AppointmentRow,
    AppointmentStatus,
    AppointmentType,
    RuleRow,
    TextRow,
    UpdateMode,
    Visibility,
)
from calsync.sandbox.superoffice.world import WEB_CLIENT, Actor, Tenant
from calsync.sandbox.superoffice.zones import ZONES_BY_ID, view_from_header, wall_clock

Moment: TypeAlias = datetime | date
"""An instant; a naive one is wall clock of the user's zone; a date makes an all-day row."""

_INVITEES_MAY_EDIT: Final = frozenset({"reminder_min"})
_FIELDS: Final = frozenset(
    {
        "title",
        "start",
        "end",
        "place",
        "notes",
        "internal_notes",
        "private",
        "busy",
        "reminder_min",
        "join_url",
        "preferred_zone",
        "completed",
    }
)


class NotAllowedError(Exception):
    """The web client would not let this person do that."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The web client of one tenant. Methods name the acting associate first."""

    tenant: Tenant

    # -- doing

    def create(self, associate: int, *, title: str, start: Moment, end: Moment, **fields: Any) -> int:
        """Make an appointment in the person's own diary; two dates (end inclusive) make it all-day."""
        row, text = self._new_row(associate, title, start, end, fields)
        self._commit(lambda: self._insert(row, text, self._actor(associate)))
        return row.appointment_id

    def create_task(self, associate: int, *, title: str, start: Moment, end: Moment, **fields: Any) -> int:
        """A to-do, which is a row of the same table but no diary entry."""
        row, text = self._new_row(associate, title, start, end, fields)
        row.type, row.task_idx = AppointmentType.inChecklist, 4
        self._insert(row, text, self._actor(associate))
        return row.appointment_id

    def create_document(self, associate: int, *, title: str, start: Moment) -> int:
        """A document, which is a row of the same table too."""
        row, text = self._new_row(associate, title, start, start, {})
        row.type, row.document_id = AppointmentType.Document, self.tenant.next_id("document")
        self._insert(row, text, self._actor(associate))
        return row.appointment_id

    def create_series(
        self, associate: int, *, title: str, start: datetime, end: datetime, days: Sequence[date], **fields: Any
    ) -> list[int]:
        """A row per day, all of one rule."""
        rule_id = self.tenant.next_id("recurrencerule")
        self.tenant.tables.rules[rule_id] = RuleRow(
            rule_id=rule_id, carrier={"Pattern": "Custom", "RecurrenceEndType": "EndDate"}, days=sorted(days)
        )
        ids: list[int] = []
        for day in sorted(days):
            shift = timedelta(days=(day - start.date()).days)
            row, text = self._new_row(associate, title, start + shift, end + shift, fields)
            row.rule_id, row.original_start = rule_id, row.do_by
            self._insert(row, text, self._actor(associate))
            ids.append(row.appointment_id)
        return ids

    def book(
        self,
        associate: int,
        *,
        title: str,
        start: Moment,
        end: Moment,
        participants: Sequence[int | str],
        send_mail: bool = False,
        **fields: Any,
    ) -> int:
        """Call a meeting with associates (ids) and others (addresses)."""
        actor = self._actor(associate)
        row, text = self._new_row(associate, title, start, end, fields)
        row.mother_id = row.appointment_id
        self._insert(row, text, actor)
        guests = [self._guest(each, send_mail) for each in (associate, *participants)]
        bookings.invite(self.tenant, row, guests, actor)
        if send_mail:
            for child in self.tenant.children(row.appointment_id):
                self.tenant.mail(child, "web client", actor)
        return row.appointment_id

    def edit(self, associate: int, appointment: int, *, send_mail: bool = False, **fields: Any) -> None:
        """Change fields of a row; moving a meeting moves the rows of its participants.

        Raises:
            NotAllowedError: an invitee edits more than the reminder.
        """
        row = self._row(appointment)
        if row.is_child and not fields.keys() <= _INVITEES_MAY_EDIT:
            raise NotAllowedError(f"only the organiser may change meeting {row.mother_id}")
        self._check_names(fields)
        at = self.tenant.now()
        self._commit(lambda: self._apply(row, fields, self._actor(associate), at, send_mail=send_mail))

    def delete(self, associate: int, appointment: int, *, send_mail: bool = False, series: bool = False) -> None:
        """Delete a row; a meeting's other rows become cancelled, one's own invitation counts as declined."""
        mode = UpdateMode.ThisAndForward if series else UpdateMode.OnlyThis
        saving.delete(self._row(appointment), self._saving(associate, mode=mode, send_mail=send_mail))

    def answer(self, associate: int, appointment: int, *, accept: bool, reason: str = "") -> None:
        """Accept or decline an invitation or an assignment."""
        row, actor = self._row(appointment), self._actor(associate)
        if accept:
            bookings.accept(self.tenant, row, actor)
        else:
            bookings.reject(self.tenant, row, reason, actor)

    def convert_to_task(self, associate: int, appointment: int) -> None:
        """It leaves the diary without being deleted."""
        row = self._row(appointment)
        self.tenant.change(row, self._actor(associate), type=AppointmentType.inChecklist, task_idx=4)

    def change_owner(self, associate: int, appointment: int, owner: int) -> None:
        """Hand a row over to another diary, for good."""
        self.tenant.change(self._row(appointment), self._actor(associate), associate_id=owner)

    def copy(self, associate: int, appointment: int) -> int:
        """Copy a row with everything hidden in it, but not its id."""
        row = self._row(appointment)
        twin = replace(
            row,
            appointment_id=self.tenant.next_id("appointment"),
            registered=self.tenant.now(),
            registered_by=associate,
            updated=None,
            updated_by=0,
            mother_id=0,
            custom=dict(row.custom),
            unknown=dict(row.unknown),
        )
        self._insert(twin, replace(self.tenant.text_of(row)), self._actor(associate))
        return twin.appointment_id

    def retire(self, associate: int) -> None:
        self.tenant.tables.associates[associate].deleted = True

    # -- witnessing

    def records(self, associate: int | None = None) -> list[dict[str, Any]]:
        """Every row as it lies in the database, times in UTC; of one owner if asked."""
        rows = self.tenant.tables.appointments.values()
        return [self._record(row) for row in rows if associate in {None, row.associate_id}]

    def record(self, appointment: int) -> dict[str, Any] | None:
        row = self.tenant.find(appointment)
        return None if row is None else self._record(row)

    def _record(self, row: AppointmentRow) -> dict[str, Any]:
        text, base = self.tenant.text_of(row), self.tenant.base
        first, last = row.do_by.replace(tzinfo=base), row.end_date.replace(tzinfo=base)
        return {
            "id": row.appointment_id,
            "owner": row.associate_id,
            "title": text.title,
            "notes": text.agenda,
            "internal_notes": text.internal_notes,
            "start": first.astimezone(UTC),
            "end": last.astimezone(UTC),
            "active": row.active_date.replace(tzinfo=base).astimezone(UTC),
            "local_start": row.do_by,
            "local_end": row.end_date,
            "all_day": row.all_day,
            "place": row.location,
            "private": carriers.private(row) != "Public",
            "visible_for": [(kind.name, number) for kind, number in row.visible_for],
            "busy": not row.free,
            "reminder_min": row.alarm_min if row.has_alarm else None,
            "type": row.type.name,
            "status": row.status.name,
            "mother": row.mother_id,
            "rule": row.rule_id,
            "document": row.document_id,
            "join_url": row.join_url,
            "preferred_zone": row.preferred_zone,
            "owned_externally": row.owned_externally,
            "caution": row.caution.name,
            "uid": saving.uid_of(self.tenant, row.appointment_id),
            "registered": row.registered,
            "registered_by": row.registered_by,
            "updated": row.updated,
            "updated_by": row.updated_by,
        }

    # -- how

    def _actor(self, associate: int) -> Actor:
        return Actor(associate_id=associate, application_id=WEB_CLIENT)

    def _saving(self, associate: int, *, mode: UpdateMode, send_mail: bool) -> saving.Saving:
        return saving.Saving(
            tenant=self.tenant,
            actor=self._actor(associate),
            view=view_from_header(None, base_code=self.tenant.base_code),
            cause="web client",
            mode=mode,
            send_mail=send_mail,
        )

    def _row(self, appointment: int) -> AppointmentRow:
        row = self.tenant.find(appointment)
        if row is None:
            raise KeyError(appointment)
        return row

    def _commit(self, effect: Callable[[], None]) -> None:
        if (delay_s := self.tenant.switches.late_commit_s) > 0:
            self.tenant.commit_later(effect, after_s=delay_s)
        else:
            effect()

    def _insert(self, row: AppointmentRow, text: TextRow, actor: Actor) -> None:
        row.text_id = self.tenant.add_text(text)
        self.tenant.insert(row, actor)

    def _new_row(
        self, associate: int, title: str, start: Moment, end: Moment, fields: Mapping[str, Any]
    ) -> tuple[AppointmentRow, TextRow]:
        self._check_names(fields)
        first, last, all_day = self._times(associate, start, end)
        row = AppointmentRow(
            appointment_id=self.tenant.next_id("appointment"),
            associate_id=associate,
            text_id=0,
            do_by=first,
            end_date=last,
            active_date=first,
            all_day=all_day,
            registered=self.tenant.now(),
            registered_by=associate,
        )
        text = TextRow(title=title)
        for name, value in self._columns(associate, fields).items():
            setattr(row, name, value)
        _set_text(text, fields)
        return row, text

    def _check_names(self, fields: Mapping[str, Any]) -> None:
        if unknown := fields.keys() - _FIELDS:
            raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")

    def _apply(
        self, row: AppointmentRow, fields: Mapping[str, Any], actor: Actor, at: datetime, *, send_mail: bool
    ) -> None:
        columns = self._columns(row.associate_id, fields)
        if "start" in fields or "end" in fields:
            columns |= self._new_times(row, fields)
        changed = {name for name, value in columns.items() if getattr(row, name) != value}
        for name in changed:
            setattr(row, name, columns[name])
        edited = changed | _set_text(self.tenant.text_of(row), fields)
        self.tenant.touch(row, edited, actor)
        if row.updated == self.tenant.now():
            row.updated = at
        bookings.carry_to_children(self.tenant, row, changed, actor)
        if send_mail and row.is_mother:
            for child in self.tenant.children(row.appointment_id):
                self.tenant.mail(child, "web client", actor)

    def _new_times(self, row: AppointmentRow, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A moved start alone keeps the length."""
        base = self.tenant.base
        start = fields.get("start", row.do_by.replace(tzinfo=base))
        length = row.end_date - row.do_by
        end = fields.get("end")
        if end is None and isinstance(start, datetime):
            first, _, _ = self._times(row.associate_id, start, start)
            return {"do_by": first, "end_date": first + length, "active_date": first, "all_day": False}
        first, last, all_day = self._times(row.associate_id, start, start if end is None else end)
        return {"do_by": first, "end_date": last, "active_date": first, "all_day": all_day}

    def _columns(self, associate: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        makers: dict[str, Callable[[Any], dict[str, Any]]] = {
            "place": lambda value: {"location": value},
            "busy": lambda value: {"free": not value},
            "private": lambda value: {
                "visible_for": ((Visibility.Associate, associate),) if value else ((Visibility.All, 0),)
            },
            "reminder_min": lambda value: {"has_alarm": value is not None, "alarm_min": value or 0},
            "join_url": lambda value: {"join_url": value},
            "preferred_zone": lambda value: {"preferred_zone": value},
            "completed": lambda value: {
                "status": AppointmentStatus.Completed if value else AppointmentStatus.NotStarted
            },
        }
        columns: dict[str, Any] = {}
        for name, value in fields.items():
            if name in makers:
                columns |= makers[name](value)
        return columns

    def _times(self, associate: int, start: Moment, end: Moment) -> tuple[datetime, datetime, bool]:
        zone = self._zone(associate)
        if isinstance(start, datetime) and isinstance(end, datetime):
            return self._local(start, zone), self._local(end, zone), False
        first = datetime.combine(_day(start), self._clock("AllDayStartTime"), tzinfo=zone)
        last = datetime.combine(_day(end), self._clock("AllDayEndTime"), tzinfo=zone)
        return wall_clock(first, self.tenant.base), wall_clock(last, self.tenant.base), True

    def _clock(self, preference: str) -> time:
        """The web client gives all-day rows the clock times of two preferences."""
        return time.fromisoformat(self.tenant.tables.preferences["DiaryView", preference])

    def _zone(self, associate: int) -> ZoneInfo:
        return ZoneInfo(ZONES_BY_ID[self.tenant.tables.associates[associate].zone_id].iana)

    def _local(self, moment: datetime, zone: ZoneInfo) -> datetime:
        return wall_clock(moment if moment.tzinfo else moment.replace(tzinfo=zone), self.tenant.base)

    def _guest(self, who: int | str, send_mail: bool) -> bookings.Guest:
        number, email = (who, "") if isinstance(who, int) else (0, who)
        return bookings.Guest(associate_id=number, person_id=0, email=email, send_email=send_mail)


def _day(moment: Moment) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _set_text(text: TextRow, fields: Mapping[str, Any]) -> set[str]:
    changed: set[str] = set()
    for name, column in (("title", "title"), ("notes", "agenda"), ("internal_notes", "internal_notes")):
        if name in fields and getattr(text, column) != fields[name]:
            setattr(text, column, fields[name])
            changed.add(column)
    return changed
