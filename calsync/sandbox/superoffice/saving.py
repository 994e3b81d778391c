"""Saving, moving and deleting: one service below REST and Agents."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from calsync.sandbox.superoffice import bookings, series
from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.entity import columns_from_entity, text_from_entity
from calsync.sandbox.superoffice.records import (
    AppointmentRow,
    AppointmentStatus,
    InvitationRow,
    RuleRow,
    UpdateMode,
)
from calsync.sandbox.superoffice.world import Actor, Tenant
from calsync.sandbox.superoffice.zones import TimeView

UID_MAX: Final = 255
_TIMES: Final = frozenset({"do_by", "end_date", "active_date"})
_PATTERN: Final = (
    "Pattern",
    "RecurrenceEndType",
    "RecurrenceCounter",
    "DayPattern",
    "WeekPattern",
    "MonthPattern",
    "YearPattern",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Who saves, how the times in the request are meant, and what is asked besides."""

    tenant: Tenant
    actor: Actor
    view: TimeView
    cause: str
    mode: UpdateMode = UpdateMode.OnlyThis
    send_mail: bool = False
    plain: bool = False
    """The operation has no mail flag; whether it mails is an open question."""

    def mails(self, row: AppointmentRow) -> bool:
        by_itself = self.plain and self.tenant.switches.plain_save_mails
        return self.send_mail or row.send_email or by_itself


def create(entity: Mapping[str, Any], saving: Saving) -> AppointmentRow:
    """Save an entity with id 0; a series gets a row for each day."""
    tenant, actor = saving.tenant, saving.actor
    guests = bookings.guests_from(tenant, entity.get("Participants"))
    columns = columns_from_entity(tenant, entity, saving.view, None)
    booked = len(guests) > 1
    said_owner = int(columns.pop("associate_id") or actor.associate_id)
    organiser = _organiser(entity, guests) or actor.associate_id
    text_id = tenant.add_text(text_from_entity(tenant, entity))
    row = AppointmentRow(
        appointment_id=tenant.next_id("appointment"),
        # The first participant is the organiser; the caller is not added by himself.
        associate_id=guests[0].associate_id if booked else said_owner,
        text_id=text_id,
        registered=tenant.now(),
        registered_by=actor.associate_id,
        **columns,
    )
    foreign = said_owner != organiser
    if tenant.switches.default_by_associate_assigns and said_owner != actor.associate_id:
        foreign = True
    if foreign and not booked:
        bookings.assign(row, actor)
    _set_mother(row, booked)
    tenant.insert(row, actor)
    if booked:
        bookings.invite(tenant, row, guests, actor)
    _start_series(row, entity, saving)
    _mail_guests(row, saving)
    return row


def _organiser(entity: Mapping[str, Any], guests: list[bookings.Guest]) -> int:
    mother = entity.get("MotherAssociate") or {}
    named = int(mother.get("AssociateId") or 0)
    return named or (guests[0].associate_id if guests else 0)


def _set_mother(row: AppointmentRow, booked: bool) -> None:
    row.mother_id = row.appointment_id if booked else 0


def update(row: AppointmentRow, entity: Mapping[str, Any], saving: Saving) -> AppointmentRow:
    """Replace everything of a row by what the entity says; what it leaves out becomes null or default."""
    tenant = saving.tenant
    columns = columns_from_entity(tenant, entity, saving.view, row)
    followers = rows_meant(row, saving)[1:]
    _check_owner(row, columns, saving)
    text_changed = _save_text(row, entity, saving)
    before = (row.do_by, row.end_date)
    changed = _set_columns(row, columns, text_changed, saving)
    if not row.is_child:
        _save_guests(row, entity, saving)
        bookings.carry_to_children(tenant, row, changed, saving.actor)
    _carry_along_series(row, followers, columns, before, saving)
    _save_series(row, entity, saving)
    if changed or text_changed:
        _mail_guests(row, saving)
    return row


def _check_owner(row: AppointmentRow, columns: dict[str, Any], saving: Saving) -> None:
    """A new owner gets a proposal, unless the row goes to the caller himself."""
    owner = columns["associate_id"] or saving.actor.associate_id
    columns["associate_id"] = owner
    if owner in {row.associate_id, saving.actor.associate_id} or row.mother_id:
        return
    proposal = replace(row, type=columns["type"])
    bookings.assign(proposal, saving.actor)
    columns |= {"type": proposal.type, "status": proposal.status, "assigned_by": proposal.assigned_by}


def _save_text(row: AppointmentRow, entity: Mapping[str, Any], saving: Saving) -> set[str]:
    tenant = saving.tenant
    wanted, had = text_from_entity(tenant, entity), tenant.text_of(row)
    changed = {name for name in ("title", "agenda", "internal_notes") if getattr(wanted, name) != getattr(had, name)}
    if changed:
        tenant.tables.texts[row.text_id] = wanted
        _stamp_sharers(row, changed, saving)
    return changed


def _stamp_sharers(row: AppointmentRow, changed: set[str], saving: Saving) -> None:
    if not saving.tenant.switches.mother_text_bumps_children:
        return
    for other in list(saving.tenant.tables.appointments.values()):
        if other.text_id == row.text_id and other is not row:
            saving.tenant.touch(other, changed, saving.actor)


def _set_columns(row: AppointmentRow, columns: Mapping[str, Any], text_changed: set[str], saving: Saving) -> set[str]:
    """One save is one stamp, whatever it changed."""
    changed = {name for name, value in columns.items() if getattr(row, name) != value}
    for name in changed:
        setattr(row, name, columns[name])
    saving.tenant.touch(row, changed | text_changed, saving.actor)
    return changed


def _save_guests(row: AppointmentRow, entity: Mapping[str, Any], saving: Saving) -> None:
    tenant = saving.tenant
    guests = bookings.guests_from(tenant, entity.get("Participants"))
    if len(guests) > 1:
        _set_mother(row, booked=True)
        row.associate_id = guests[0].associate_id or row.associate_id
    if row.is_mother:
        bookings.invite(tenant, row, guests, saving.actor)
    elif guests:
        row.send_email = guests[0].send_email


def _mail_guests(row: AppointmentRow, saving: Saving) -> None:
    if row.is_mother:
        for child in saving.tenant.children(row.appointment_id):
            if child.status is not AppointmentStatus.BookingDeleted and saving.mails(child):
                saving.tenant.mail(child, saving.cause, saving.actor)


# -- series


def rows_meant(row: AppointmentRow, saving: Saving) -> list[AppointmentRow]:
    """The row itself, and with ThisAndForward the same person's later rows of its rule."""
    if row.rule_id == 0 or saving.mode is not UpdateMode.ThisAndForward:
        return [row]
    return [row, *_later(row, saving.tenant)]


def _later(row: AppointmentRow, tenant: Tenant) -> list[AppointmentRow]:
    return [
        other
        for other in tenant.series(row.rule_id)
        if other.do_by > row.do_by and other.associate_id == row.associate_id
    ]


def _carry_along_series(
    row: AppointmentRow,
    followers: list[AppointmentRow],
    columns: Mapping[str, Any],
    before: tuple[datetime, datetime],
    saving: Saving,
) -> None:
    """Later rows take the same values and move by the same amount of wall-clock time."""
    shift, length = row.do_by - before[0], row.end_date - row.do_by
    text = saving.tenant.text_of(row)
    for other in followers:
        start = other.do_by + shift
        values = {name: value for name, value in columns.items() if name not in _TIMES}
        values |= {"do_by": start, "end_date": start + length, "active_date": start}
        saving.tenant.tables.texts[other.text_id] = replace(text)
        changed = saving.tenant.change(other, saving.actor, **values)
        bookings.carry_to_children(saving.tenant, other, changed, saving.actor)


def _save_series(row: AppointmentRow, entity: Mapping[str, Any], saving: Saving) -> None:
    """What the Recurrence of a saved entity asks for: nothing, a stop, or other days from here on."""
    carrier = entity.get("Recurrence")
    if saving.mode is UpdateMode.StopRecurrence:
        _stop(row, saving)
    elif not isinstance(carrier, Mapping):
        return
    elif carrier.get("IsRecurrence") is not True:
        if row.rule_id and carrier.get("Pattern") in {"Unknown", 0}:
            _stop(row, saving)
    elif row.rule_id == 0:
        _start_series(row, entity, saving)
    elif saving.mode is UpdateMode.ThisAndForward and _differs(saving.tenant.tables.rules[row.rule_id], carrier):
        for other in _later(row, saving.tenant):
            erase(other, saving)
        _start_series(row, entity, saving)


def _differs(rule: RuleRow, carrier: Mapping[str, Any]) -> bool:
    return any(rule.carrier.get(name) != carrier.get(name) for name in _PATTERN)


def _start_series(row: AppointmentRow, entity: Mapping[str, Any], saving: Saving) -> None:
    carrier = entity.get("Recurrence") or {}
    if carrier.get("IsRecurrence") is not True:
        return
    tenant = saving.tenant
    days = wanted_days(carrier, row.do_by.date(), saving)
    rule_id = tenant.next_id("recurrencerule")
    tenant.tables.rules[rule_id] = RuleRow(
        rule_id=rule_id, carrier={name: carrier.get(name) for name in _PATTERN}, days=days
    )
    row.rule_id, row.original_start = rule_id, row.do_by
    for child in tenant.children(row.appointment_id):
        child.rule_id, child.original_start = rule_id, row.do_by
    for day in days:
        if day != row.do_by.date():
            _add_occurrence(row, day, saving)


def wanted_days(carrier: Mapping[str, Any], first: date, saving: Saving) -> list[date]:
    """The saved ``Dates`` decide which rows there are; without them the pattern does."""
    shifts = saving.tenant.switches.suffixed_recurrence_dates_shift
    sent = [saving.view.read_day(each.get("Date"), shifts=shifts) for each in carrier.get("Dates") or ()]
    days = sorted({day for day in sent if day is not None})
    if carrier.get("Pattern") == "Custom" or len(days) > 1:
        return days or [first]
    last = saving.view.read_day(carrier.get("EndDate"), shifts=shifts)
    start = saving.view.read_day(carrier.get("StartDate"), shifts=shifts) or first
    return series.days_of(carrier, first=start, last=last) or [first]


def _add_occurrence(first: AppointmentRow, day: date, saving: Saving) -> None:
    tenant = saving.tenant
    shift = timedelta(days=(day - first.do_by.date()).days)
    text_id = tenant.add_text(replace(tenant.text_of(first)))
    family = [first, *tenant.children(first.appointment_id)]
    mother_id = 0
    for member in family:
        copied = replace(
            member,
            appointment_id=tenant.next_id("appointment"),
            text_id=text_id,
            do_by=member.do_by + shift,
            end_date=member.end_date + shift,
            active_date=member.active_date + shift,
            original_start=member.do_by + shift,
            registered=tenant.now(),
            updated=None,
            updated_by=0,
            custom=dict(member.custom),
            unknown=dict(member.unknown),
        )
        mother_id = mother_id or copied.appointment_id
        copied.mother_id = mother_id if first.is_mother else 0
        tenant.insert(copied, saving.actor)


def _stop(row: AppointmentRow, saving: Saving) -> None:
    """Keep this row and delete the later ones; on the first row the rule goes too."""
    tenant, rule_id = saving.tenant, row.rule_id
    if rule_id == 0:
        return
    for other in _later(row, tenant):
        erase(other, saving)
    if len(tenant.series(rule_id)) == 1:
        row.rule_id, row.original_start = 0, None
        tenant.tables.rules.pop(rule_id, None)


# -- delete, move, invitation


def delete(row: AppointmentRow, saving: Saving) -> None:
    doomed = rows_meant(row, saving)
    if saving.mode is UpdateMode.StopRecurrence:
        doomed = [row, *_later(row, saving.tenant)]
    for each in doomed:
        erase(each, saving)


def erase(row: AppointmentRow, saving: Saving) -> None:
    """Delete one row; a mother leaves cancelled children, a child counts as declined."""
    tenant = saving.tenant
    if row.is_mother:
        mailed = saving.send_mail or (saving.plain and tenant.switches.plain_save_mails)
        for child in tenant.children(row.appointment_id):
            if mailed and child.status is not AppointmentStatus.BookingDeleted:
                tenant.mail(child, saving.cause, saving.actor)
        bookings.cancel_children(tenant, row, saving.actor)
    else:
        bookings.count_rejection(tenant, row, saving.actor)
    tenant.remove(row, saving.actor)


def move(row: AppointmentRow, start: datetime, saving: Saving, **more: Any) -> AppointmentRow:
    """Move a row, keeping its length; siblings follow with ThisAndForward."""
    tenant, shift = saving.tenant, start - row.do_by
    for each in rows_meant(row, saving):
        moved = each.do_by + shift
        changed = tenant.change(
            each, saving.actor, do_by=moved, end_date=each.end_date + shift, active_date=moved, **more
        )
        bookings.carry_to_children(tenant, each, changed, saving.actor)
        if changed:
            _mail_guests(each, saving)
    return row


def create_for_uid(entity: Mapping[str, Any], uid: str, saving: Saving) -> AppointmentRow | None:
    """Create unless the UID is taken: the one create that is safe to repeat."""
    tenant = saving.tenant
    if not uid or len(uid) > UID_MAX:
        raise Refusal(500, "SoException", f"UID must have 1 to {UID_MAX} characters")
    if uid in tenant.tables.invitations:
        return None
    row = create(entity, saving)
    tenant.tables.invitations[uid] = InvitationRow(event_uid=uid, appointment_id=row.appointment_id)
    tenant.tables.uids[row.appointment_id] = uid
    return row


def row_of_uid(tenant: Tenant, uid: str) -> AppointmentRow | None:
    invitation = tenant.tables.invitations.get(uid)
    return None if invitation is None else tenant.find(invitation.appointment_id)


def uid_of(tenant: Tenant, appointment_id: int) -> str | None:
    return tenant.tables.uids.get(appointment_id)
