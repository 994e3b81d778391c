"""Rows of tenants, their users, connections and pairs. Tokens, passwords, names and addresses are sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from msgspec import Struct, field
from msgspec.json import Decoder
from sqlalchemy import Row

from calsync.core.ends import End, Ends
from calsync.core.policy import Policy
from calsync.core.refs import Cursor, PairId
from calsync.ports import (
    Associate,
    Calendar,
    Connection,
    ConnectionState,
    Diary,
    Endpoint,
    Pair,
    PairState,
    Tenant,
    TenantState,
)
from calsync.store.codec import Content, decode, decode_plain, encode, moment_from_text, text_from_moment
from calsync.store.vault import Seal


class TenantContent(Content, frozen=True):
    """What is sealed of a tenant."""

    token: str = ""
    detail: str = ""


class AssociateContent(Content, frozen=True):
    """What is sealed of a user."""

    name: str
    email: str = ""
    zone: str = ""


class ConnectionContent(Content, frozen=True):
    """What is sealed of a connection."""

    subject: str
    url: str
    username: str
    secret: str
    facts: dict[str, Any] = field(default_factory=dict)


class DiaryText(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="diary"):
    """A SuperOffice diary as an end of a pair."""

    associate: int


class CalendarText(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="calendar"):
    """A connection's calendar as an end of a pair."""

    connection: str
    calendar: str


_TENANT: Final = Decoder(TenantContent)
_ASSOCIATE: Final = Decoder(AssociateContent)
_CONNECTION: Final = Decoder(ConnectionContent)
_ENDPOINT: Final[Decoder[DiaryText | CalendarText]] = Decoder(DiaryText | CalendarText)
_TIMES: Final[Decoder[list[str]]] = Decoder(list[str])


def row_from_tenant(tenant: Tenant, seal: Seal) -> dict[str, Any]:
    return {
        "id": tenant.id,
        "environment": tenant.environment,
        "serial": tenant.serial,
        "url": tenant.url,
        "principal": tenant.principal,
        "zone": tenant.zone,
        "state": tenant.state.value,
        "epoch": tenant.epoch,
        "sealed": seal.close("tenant", encode(TenantContent(tenant.token, tenant.detail))),
    }


def tenant_from_row(row: Row[Any], seal: Seal) -> Tenant:
    content = decode(seal.open("tenant", row.sealed), _TENANT)
    return Tenant(
        id=row.id,
        environment=row.environment,
        serial=row.serial,
        token=content.token,
        url=row.url,
        principal=row.principal,
        zone=row.zone,
        state=TenantState(row.state),
        epoch=row.epoch,
        detail=content.detail,
    )


def row_from_associate(person: Associate, seal: Seal) -> dict[str, Any]:
    content = encode(AssociateContent(person.name, person.email, person.zone))
    return {
        "tenant": person.tenant,
        "id": person.id,
        "state": person.state,
        "sealed": seal.close(f"associate {person.id}", content),
    }


def associate_from_row(row: Row[Any], seal: Seal) -> Associate:
    content = decode(seal.open(f"associate {row.id}", row.sealed), _ASSOCIATE)
    return Associate(
        tenant=row.tenant, id=row.id, name=content.name, email=content.email, state=row.state, zone=content.zone
    )


def row_from_connection(connection: Connection, seal: Seal) -> dict[str, Any]:
    content = ConnectionContent(
        connection.subject, connection.url, connection.username, connection.secret, dict(connection.facts)
    )
    return {
        "id": connection.id,
        "tenant": connection.tenant,
        "associate": connection.associate,
        "kind": connection.kind,
        "state": connection.state.value,
        "failed_sign_ins": encode(list(map(text_from_moment, connection.failed_sign_ins))).decode(),
        "sealed": seal.close(f"connection {connection.id}", encode(content)),
    }


def connection_from_row(row: Row[Any], seal: Seal) -> Connection:
    content = decode(seal.open(f"connection {row.id}", row.sealed), _CONNECTION)
    return Connection(
        id=row.id,
        tenant=row.tenant,
        associate=row.associate,
        kind=row.kind,
        subject=content.subject,
        url=content.url,
        username=content.username,
        secret=content.secret,
        facts=content.facts,
        state=ConnectionState(row.state),
        failed_sign_ins=tuple(moment_from_text(text) for text in decode(row.failed_sign_ins, _TIMES)),
    )


def _text_from_endpoint(endpoint: Endpoint) -> str:
    match endpoint:
        case Diary():
            return encode(DiaryText(endpoint.associate)).decode()
        case Calendar():
            return encode(CalendarText(endpoint.connection, endpoint.calendar)).decode()


def _endpoint_from_text(text: str) -> Endpoint:
    content = decode(text, _ENDPOINT)
    match content:
        case DiaryText():
            return Diary(associate=content.associate)
        case CalendarText():
            return Calendar(connection=content.connection, calendar=content.calendar)


def owner_of(pair: Pair) -> str:
    """Whose runs exclude each other: the SuperOffice user, or the connection that stands in that place."""
    match pair.ends.crm:
        case Diary(associate=associate):
            return f"{pair.tenant} associate {associate}"
        case Calendar(connection=connection):
            return f"{pair.tenant} connection {connection}"


def columns_from_progress(pair: Pair) -> dict[str, Any]:
    """What a run changes of its pair."""
    return {
        "state": pair.state.value,
        "reason": pair.reason,
        "due_at": pair.due_at,
        "fails": pair.fails,
        "last_run": pair.last_run,
        "last_converged": pair.last_converged,
    }


def row_from_pair(pair: Pair) -> dict[str, Any]:
    return {
        "id": pair.id,
        "tenant": pair.tenant,
        "crm": _text_from_endpoint(pair.ends.crm),
        "calendar": _text_from_endpoint(pair.ends.calendar),
        "policy": encode(_plain_policy(pair.policy)).decode(),
        "zone": pair.zone,
        "crm_identity": pair.identities.crm,
        "calendar_identity": pair.identities.calendar,
        "crm_cursor": pair.cursors.crm,
        "calendar_cursor": pair.cursors.calendar,
        "owner": owner_of(pair),
        **columns_from_progress(pair),
    }


def _plain_policy(policy: Policy) -> Mapping[str, Any]:
    return asdict(policy)


def pair_from_row(row: Row[Any]) -> Pair:
    return Pair(
        id=PairId(row.id),
        tenant=row.tenant,
        ends=Ends(_endpoint_from_text(row.crm), _endpoint_from_text(row.calendar)),
        policy=decode_plain(row.policy, Policy),
        zone=row.zone,
        identities=Ends(row.crm_identity, row.calendar_identity),
        cursors=Ends(_cursor(row.crm_cursor), _cursor(row.calendar_cursor)),
        state=PairState(row.state),
        reason=row.reason,
        due_at=row.due_at,
        fails=row.fails,
        last_run=row.last_run,
        last_converged=row.last_converged,
    )


def _cursor(text: str | None) -> Cursor | None:
    return None if text is None else Cursor(text)


def rows_from_calendars(pair: Pair) -> list[dict[str, Any]]:
    """The calendars that this pair uses; a diary may have several pairs and is none."""
    return [
        {
            "pair": pair.id,
            "end": end.value,
            "identity": pair.identities[end],
            "writes": pair.policy.direction.writes(end),
        }
        for end in End
        if isinstance(pair.ends[end], Calendar) and pair.identities[end]
    ]


def diary_ends(pair: Pair) -> Ends[bool]:
    return pair.ends.map(lambda endpoint: isinstance(endpoint, Diary))
