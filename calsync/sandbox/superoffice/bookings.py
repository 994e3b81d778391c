"""Meetings: one row per participant, the organiser's row is the mother of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.records import (
    AppointmentRow,
    AppointmentStatus,
    AppointmentType,
    UserType,
)
from calsync.sandbox.superoffice.world import Actor, Tenant

_BOOKED: Final = {
    AppointmentType.inDiary: AppointmentType.BookingForDiary,
    AppointmentType.inChecklist: AppointmentType.BookingForChecklist,
}
_ACCEPTED: Final = {booked: plain for plain, booked in _BOOKED.items()}
_MOVED: Final = {
    AppointmentStatus.NotStarted: AppointmentStatus.BookingMoved,
    AppointmentStatus.Booking: AppointmentStatus.BookingMoved,
    AppointmentStatus.BookingSeen: AppointmentStatus.BookingMoved,
    AppointmentStatus.BookingMovedSeen: AppointmentStatus.BookingMoved,
    AppointmentStatus.BookingDeclined: AppointmentStatus.BookingMoved,
}
_SEEN: Final = {
    AppointmentStatus.Booking: AppointmentStatus.BookingSeen,
    AppointmentStatus.BookingMoved: AppointmentStatus.BookingMovedSeen,
    AppointmentStatus.Assignment: AppointmentStatus.AssignmentSeen,
}
_ASSIGNED: Final = frozenset({AppointmentStatus.Assignment, AppointmentStatus.AssignmentSeen})
_FOLLOWING: Final = ("do_by", "end_date", "active_date", "all_day", "location", "task_idx", "visible_for")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A participant as sent."""

    associate_id: int
    person_id: int
    email: str
    send_email: bool

    def is_on(self, row: AppointmentRow) -> bool:
        if self.associate_id:
            return row.associate_id == self.associate_id
        if self.person_id:
            return row.invited_person_id == self.person_id
        return bool(self.email) and row.invited_email.lower() == self.email.lower()


def guests_from(tenant: Tenant, sent: Sequence[Mapping[str, Any]] | None) -> list[Guest]:
    """The participants of an entity; several ids of one must agree with the database."""
    return [_guest(tenant, each) for each in sent or ()]


def _guest(tenant: Tenant, sent: Mapping[str, Any]) -> Guest:
    associate_id, person_id = int(sent.get("AssociateId") or 0), int(sent.get("PersonId") or 0)
    associate = tenant.tables.associates.get(associate_id)
    if associate_id and associate is None:
        raise Refusal(500, "SoException", f"No associate {associate_id}")
    if associate is not None and person_id not in {0, associate.person_id}:
        raise Refusal(500, "SoException", f"Person {person_id} is not associate {associate_id}")
    return Guest(
        associate_id=associate_id,
        person_id=0 if associate_id else person_id,
        email="" if associate_id or person_id else str(sent.get("EmailAddress") or ""),
        send_email=sent.get("SendEmail") is True,
    )


def invite(tenant: Tenant, mother: AppointmentRow, guests: Sequence[Guest], actor: Actor) -> None:
    """Give every guest a row of his own that shares the mother's text, and cancel the rows of the others."""
    mother.send_email = bool(guests) and guests[0].send_email
    others = guests[1:]
    for child in tenant.children(mother.appointment_id):
        if not any(guest.is_on(child) for guest in others):
            tenant.change(child, actor, status=AppointmentStatus.BookingDeleted)
    for guest in others:
        there = next((row for row in tenant.children(mother.appointment_id) if guest.is_on(row)), None)
        if there is None:
            _add_child(tenant, mother, guest, actor)
            continue
        there.send_email = guest.send_email
        if there.status is AppointmentStatus.BookingDeleted:
            tenant.change(there, actor, status=AppointmentStatus.Booking)


def _add_child(tenant: Tenant, mother: AppointmentRow, guest: Guest, actor: Actor) -> None:
    associate = tenant.tables.associates.get(guest.associate_id)
    resource = associate is not None and associate.type is UserType.ResourceAssociate
    child = replace(
        mother,
        appointment_id=tenant.next_id("appointment"),
        associate_id=guest.associate_id,
        invited_person_id=guest.person_id,
        invited_email=guest.email,
        send_email=guest.send_email,
        mother_id=mother.appointment_id,
        # A resource accepts by itself, and may be double-booked.
        type=mother.type if resource else _BOOKED.get(mother.type, mother.type),
        status=AppointmentStatus.NotStarted if resource else AppointmentStatus.Booking,
        reject_counter=0,
        has_alarm=False,
        registered=tenant.now(),
        registered_by=actor.associate_id,
        updated=None,
        updated_by=0,
        custom={},
        unknown={},
    )
    tenant.insert(child, actor)


def carry_to_children(tenant: Tenant, mother: AppointmentRow, changed: set[str], actor: Actor) -> None:
    """What changes on the mother changes on the children; a moved one must be accepted anew."""
    columns: dict[str, Any] = {str(name): getattr(mother, name) for name in _FOLLOWING if name in changed}
    if not columns:
        return
    moved = bool(changed & {"do_by", "end_date"})
    for child in tenant.children(mother.appointment_id):
        if child.status is AppointmentStatus.BookingDeleted:
            continue
        update: dict[str, Any] = {**columns}
        if moved and not _is_resource(tenant, child):
            update["status"] = _MOVED.get(child.status, child.status)
            update["type"] = _BOOKED.get(child.type, child.type)
        tenant.change(child, actor, **update)


def _is_resource(tenant: Tenant, row: AppointmentRow) -> bool:
    associate = tenant.tables.associates.get(row.associate_id)
    return associate is not None and associate.type is UserType.ResourceAssociate


def cancel_children(tenant: Tenant, mother: AppointmentRow, actor: Actor) -> None:
    """The mother goes: each guest keeps a cancelled row until he cleans up."""
    for child in tenant.children(mother.appointment_id):
        if child.associate_id == 0 or _is_resource(tenant, child):
            tenant.remove(child, actor)
        else:
            tenant.change(child, actor, status=AppointmentStatus.BookingDeleted)


def accept(tenant: Tenant, row: AppointmentRow, actor: Actor) -> None:
    if row.type in _ACCEPTED:
        tenant.change(row, actor, type=_ACCEPTED[row.type], status=AppointmentStatus.NotStarted)


def reject(tenant: Tenant, row: AppointmentRow, reason: str, actor: Actor) -> None:
    declined = AppointmentStatus.AssignmentDeclined if row.status in _ASSIGNED else AppointmentStatus.BookingDeclined
    tenant.change(row, actor, status=declined, reject_reason=reason)
    count_rejection(tenant, row, actor)


def count_rejection(tenant: Tenant, row: AppointmentRow, actor: Actor) -> None:
    """The mother counts who declined."""
    if row.is_child and (mother := tenant.find(row.mother_id)) is not None:
        tenant.change(mother, actor, reject_counter=mother.reject_counter + 1)


def set_seen(tenant: Tenant, row: AppointmentRow, actor: Actor) -> None:
    tenant.change(row, actor, status=_SEEN.get(row.status, row.status))


def assign(row: AppointmentRow, actor: Actor) -> None:
    """Turn a row into a proposal its new owner has to accept."""
    row.type = _BOOKED.get(row.type, row.type)
    row.status = AppointmentStatus.Assignment
    row.assigned_by = actor.associate_id
