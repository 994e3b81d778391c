"""Archives: the OData list of appointments, ``InternalUsers``, and the tables of provider ``dynamic``."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from calsync.sandbox.superoffice import carriers
from calsync.sandbox.superoffice.asgi import Answer, Refusal, Route, json_answer
from calsync.sandbox.superoffice.desk import Desk
from calsync.sandbox.superoffice.keycache import CACHE_S
from calsync.sandbox.superoffice.odata import (
    Column,
    Kind,
    Reading,
    Row,
    filter_test,
    ordered,
    selected,
)
from calsync.sandbox.superoffice.records import AppointmentType, UserType, Visibility
from calsync.sandbox.superoffice.world import Tenant

_VISIBLE: Final = {
    Visibility.All: "[SR_VFC_ALL]",
    Visibility.Associate: "[SR_VFC_ASSOCIATE]",
    Visibility.Group: "[SR_VFC_GROUP]",
}
_FIND_DEFAULT: Final = (
    "appointmentId",
    "date",
    "time",
    "endDate",
    "endTime",
    "type",
    "recordType",
    "rawType",
    "rawStatus",
    "text",
    "location",
    "associateId",
    "registeredBy",
    "registeredDate",
    "updatedBy",
    "updatedDate",
    "recurrenceRuleId",
    "recurring",
    "booking",
    "invitedPersonId",
    "cautionWarning",
    "visibleFor",
    "visibleInDiary",
    "alarm",
    "completed",
    "completedDate",
)


def _column(kind: Kind, value: Callable[[Row], Any], show: Callable[[Row], Any] | None = None) -> Column:
    return Column(kind=kind, value=value, show=show or value)


def _login(tenant: Tenant, associate_id: int) -> str:
    row = tenant.tables.associates.get(associate_id)
    return row.name if row else ""


def _full_name(tenant: Tenant, associate_id: int) -> str:
    person = tenant.person_of(associate_id)
    return person.full if person else ""


def _appointment_columns(desk: Desk) -> dict[str, Column]:
    """Provider FindAppointment: no title, agenda, mother or all-day column is in it."""
    tenant, view = desk.tenant, desk.view

    def local(moment: datetime) -> datetime:
        return moment.replace(tzinfo=tenant.base)

    def stamp(name: str) -> Column:
        return _column(Kind.DATE, lambda row: getattr(row, name), lambda row: view.listed_stamp(getattr(row, name)))

    def who(name: str) -> Column:
        return _column(Kind.ASSOCIATE, lambda row: getattr(row, name), lambda row: _login(tenant, getattr(row, name)))

    def task_name(row: Row) -> str:
        task = tenant.tables.tasks.get(row.task_idx)
        return task.name if task else ""

    columns = {
        "appointmentId": _column(Kind.INT, lambda row: row.appointment_id),
        "date": _column(Kind.DATE, lambda row: local(row.do_by), lambda row: view.listed(row.do_by)),
        "time": _column(Kind.DATETIME, lambda row: local(row.do_by), lambda row: view.listed(row.do_by)),
        # The end is in endTime; endDate shows the day alone.
        "endDate": _column(
            Kind.DATE, lambda row: local(row.end_date), lambda row: view.listed(row.end_date)[:10] + "T00:00:00"
        ),
        "endTime": _column(Kind.DATETIME, lambda row: local(row.end_date), lambda row: view.listed(row.end_date)),
        "type": _column(Kind.LIST, lambda row: row.task_idx, task_name),
        "recordType": _column(
            Kind.STRING, lambda row: "Document" if row.type is AppointmentType.Document else "Appointment"
        ),
        "rawType": _column(Kind.INT, lambda row: int(row.type)),
        "rawStatus": _column(Kind.INT, lambda row: int(row.status)),
        "text": _column(Kind.STRING, lambda row: tenant.text_of(row).title),
        "location": _column(Kind.STRING, lambda row: row.location),
        "associateId": who("associate_id"),
        "contactId": _column(Kind.INT, lambda row: row.contact_id),
        "personId": _column(Kind.INT, lambda row: row.person_id),
        "projectId": _column(Kind.INT, lambda row: row.project_id),
        "saleId": _column(Kind.INT, lambda row: row.sale_id),
        "invitedPersonId": _column(Kind.INT, lambda row: row.invited_person_id),
        "registeredBy": who("registered_by"),
        "registeredByFullName": _column(Kind.STRING, lambda row: _full_name(tenant, row.registered_by)),
        "registeredDate": stamp("registered"),
        "updatedBy": who("updated_by"),
        "updatedByFullName": _column(Kind.STRING, lambda row: _full_name(tenant, row.updated_by)),
        "updatedDate": stamp("updated"),
        "recurrenceRuleId": _column(Kind.INT, lambda row: row.rule_id),
        "recurring": _column(Kind.BOOL, lambda row: row.rule_id != 0),
        "booking": _column(Kind.BOOL, lambda row: row.mother_id != 0),
        "cautionWarning": _column(Kind.INT, lambda row: int(row.caution)),
        "visibleFor": _column(Kind.STRING, lambda row: ", ".join(_VISIBLE[kind] for kind, _ in row.visible_for)),
        # Recorded as false for ordinary diary rows.
        "visibleInDiary": _column(Kind.BOOL, lambda _: False),
        "alarm": _column(Kind.BOOL, lambda row: row.has_alarm),
        "completed": _column(Kind.BOOL, lambda row: carriers.completed(row).name == "Completed"),
        "completedDate": _column(Kind.DATE, lambda _: None, lambda _: view.listed_stamp(None)),
    }
    return {name.lower(): column for name, column in columns.items()}


def _user_columns(desk: Desk) -> dict[str, Column]:
    tenant = desk.tenant

    def email(row: Row) -> str:
        person = tenant.tables.persons[row.person_id]
        return person.emails[0] if person.emails else ""

    columns = {
        "associateDbId": _column(Kind.INT, lambda row: row.associate_id),
        "associateId": _column(Kind.STRING, lambda row: row.name),
        "fullName": _column(Kind.STRING, lambda row: _full_name(tenant, row.associate_id)),
        "personId": _column(Kind.INT, lambda row: row.person_id),
        "personEmail": _column(Kind.STRING, email),
        "isActive": _column(Kind.BOOL, lambda row: not row.deleted),
        "userName": _column(Kind.STRING, lambda row: email(row) or row.name),
        "usergroup": _column(Kind.STRING, lambda row: tenant.tables.groups.get(row.group_id, "")),
    }
    return {name.lower(): column for name, column in columns.items()}


def _internal_users(tenant: Tenant) -> list[Row]:
    return [row for row in tenant.tables.associates.values() if row.type is UserType.InternalAssociate]


def _dynamic_columns(desk: Desk, table: str) -> dict[str, Column]:
    """The raw columns of a table: numbers stay numbers."""
    view, tenant = desk.view, desk.tenant

    def plain(name: str, kind: Kind = Kind.INT) -> Column:
        return _column(kind, lambda row: getattr(row, name))

    def number(name: str) -> Column:
        return _column(Kind.INT, lambda row: int(getattr(row, name)))

    def local(name: str) -> Column:
        return _column(
            Kind.DATETIME,
            lambda row: None if (at := getattr(row, name)) is None else at.replace(tzinfo=tenant.base),
            lambda row: None if (at := getattr(row, name)) is None else view.listed(at),
        )

    def stamp(name: str) -> Column:
        return _column(Kind.DATETIME, lambda row: getattr(row, name), lambda row: view.listed_stamp(getattr(row, name)))

    tables: dict[str, dict[str, Column]] = {
        "appointment": {
            "appointment_id": plain("appointment_id"),
            "associate_id": plain("associate_id"),
            "mother_id": plain("mother_id"),
            "recurrenceRuleId": plain("rule_id"),
            "original_start_date": local("original_start"),
            "do_by": local("do_by"),
            "activeDate": local("active_date"),
            "endDate": local("end_date"),
            "type": number("type"),
            "status": number("status"),
            "alldayEvent": number("all_day"),
            "freeBusy": number("free"),
            "owned_externally": plain("owned_externally", Kind.STRING),
            "document_id": plain("document_id"),
            "registered": stamp("registered"),
            "registered_associate_id": plain("registered_by"),
            "updated": stamp("updated"),
            "updated_associate_id": plain("updated_by"),
            "updatedCount": plain("updated_count"),
        },
        "traveltransactionlog": {
            "traveltransactionlog_id": plain("id"),
            "record_id": plain("record_id"),
            "tablenumber": plain("table"),
            "type": number("type"),
            "ttime": local("at"),
            "associate_id": plain("associate_id"),
            "application_id": plain("application_id"),
        },
        "associate": {
            "associate_id": plain("associate_id"),
            "tzLocationId": plain("zone_id"),
            "name": plain("name", Kind.STRING),
            "type": number("type"),
            "deleted": number("deleted"),
        },
        "sequence": {
            "next_id": _column(Kind.INT, lambda pair: pair[1]),
            "tablename": _column(Kind.STRING, lambda pair: pair[0]),
        },
    }
    return {f"{table}.{name}".lower(): column for name, column in tables[table].items()}


def _dynamic_rows(tenant: Tenant) -> dict[str, tuple[bool, list[Row]]]:
    """By table: whether it can be read, and its rows."""
    tables, switches = tenant.tables, tenant.switches
    sequence = {"appointment": 1} | tables.sequence
    return {
        "appointment": (switches.dynamic_appointment, list(tables.appointments.values())),
        "traveltransactionlog": (switches.dynamic_travellog, tables.log),
        "sequence": (switches.dynamic_sequence, list(sequence.items())),
        "associate": (switches.dynamic_associate, list(tables.associates.values())),
    }


def appointments(desk: Desk, _: Mapping[str, str]) -> Answer:
    rows = list(desk.tenant.tables.appointments.values())
    return _listing(desk, rows, _appointment_columns(desk), _FIND_DEFAULT, ("appointment", "appointmentid"))


def archive(desk: Desk, params: Mapping[str, str]) -> Answer:
    provider = params["provider"].lower()
    if provider == "findappointment":
        return appointments(desk, params)
    if provider == "internalusers":
        default = ("associateDbId", "fullName", "personId", "personEmail", "isActive")
        entity = ("associate", "associatedbid")
        return _listing(desk, _internal_users(desk.tenant), _user_columns(desk), default, entity)
    if provider == "dynamic":
        return _dynamic(desk)
    raise Refusal(400, "ArgumentException", f"Archive provider {params['provider']!r} is not available")


def _dynamic(desk: Desk) -> Answer:
    names = [name.strip() for name in desk.call.query.get("$select", "").split(",") if name.strip()]
    table = names[0].partition(".")[0].lower() if names else ""
    readable, rows = _dynamic_rows(desk.tenant).get(table, (False, []))
    if not readable:
        raise Refusal(400, "ArgumentException", f"Table {table!r} is not available")
    columns = _dynamic_columns(desk, table)
    return _listing(desk, rows, columns, names, (table, next(iter(columns))))


def _listing(
    desk: Desk,
    rows: list[Row],
    columns: Mapping[str, Column],
    default: Sequence[str],
    entity: tuple[str, str],
) -> Answer:
    """One page. ``entity`` names the rows and their key column."""
    query, switches = desk.call.query, desk.tenant.switches
    chosen = selected(query.get("$select"), columns, default)
    key = columns[entity[1]].value
    keys = _key_list(desk, rows, columns, key)
    by_key = {key(row): row for row in rows}
    top = min(_count(query, "$top", switches.page_max), switches.page_max)
    skip = _count(query, "$skip", 0)
    page = [by_key[each] for each in keys[skip : skip + top] if each in by_key]
    full = query.get("$mode", "").lower() == "full"
    more = skip + top < len(keys)
    shown = [
        {"PrimaryKey": key(row) if full else str(key(row)), "EntityName": entity[0]}
        | {name: column.show(row) for name, column in chosen}
        for row in page
    ]
    return json_answer(
        {
            "odata.metadata": f"{desk.base}/api/v1/Archive//$metadata",
            "odata.nextLink": _next_link(desk, query, skip + top) if more else None,
            "value": shown,
        }
    )


def _key_list(desk: Desk, rows: list[Row], columns: Mapping[str, Column], key: Callable[[Row], Any]) -> list[Any]:
    """The keys a query finds. Later pages of an equal query see the list of the first for 60 s."""
    tenant, query = desk.tenant, desk.call.query
    same = desk.call.path + "?" + urlencode(sorted((k, v) for k, v in query.items() if k != "$skip"))
    now = tenant.now()
    life_s = CACHE_S if query.get("$skip", "0") != "0" else tenant.switches.first_page_cached_s
    kept = tenant.key_cache.recall(same, now, life_s=life_s) if life_s else None
    if kept is not None:
        return kept
    reading = Reading(base=tenant.base, switches=tenant.switches)
    test = filter_test(query.get("$filter"), columns, reading)
    order = query.get("$orderby")
    keys = [key(row) for row in ordered([row for row in rows if test(row)], order, columns)]
    tenant.key_cache.keep(same, now, keys)
    return keys


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise Refusal(400, "ArgumentException", f"{name} is no number: {text!r}")
    return int(text)


def _next_link(desk: Desk, query: Mapping[str, str], skip: int) -> str:
    """The vendor writes the port into its links, even the usual one."""
    scheme, _, rest = desk.base.partition("://")
    host, slash, path = rest.partition("/")
    port = "" if ":" in host else (":443" if scheme == "https" else ":80")
    again = urlencode(dict(query) | {"$skip": str(skip)}, safe="$", quote_via=quote)
    return f"{scheme}://{host}{port}{slash}{path}{desk.call.path}?{again}"


ROUTES: Final = (
    Route("GET", "/api/v1/Appointment", appointments),
    Route("GET", "/api/v1/Archive/{provider}", archive),
)
