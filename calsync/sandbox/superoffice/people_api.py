"""Who is who and what is what: principal, associates, persons, time zones, lists, preferences."""

from collections.abc import Mapping
from typing import Any, Final

from calsync.sandbox.superoffice import carriers
from calsync.sandbox.superoffice.asgi import Answer, Refusal, Route, json_answer, nothing
from calsync.sandbox.superoffice.desk import Desk
from calsync.sandbox.superoffice.records import AssociateRow, UserType
from calsync.sandbox.superoffice.zones import ZONES, ZONES_BY_ID, SoZone, zone_carrier


def _metadata(desk: Desk) -> str:
    return f"{desk.base}/api/v1/Archive//$metadata"


def current_principal(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(carriers.principal(desk.tenant, desk.actor.associate_id))


def current_associate(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(carriers.associate(desk.tenant, desk.actor.associate_id))


def get_associate(desk: Desk, _: Mapping[str, str]) -> Answer:
    text = desk.call.query.get("associateid", "0")
    return json_answer(carriers.associate(desk.tenant, int(text) if text.isdigit() else 0))


def associate_list(desk: Desk, _: Mapping[str, str]) -> Answer:
    ids = desk.call.json()
    if not isinstance(ids, list):
        raise Refusal(400, "ArgumentException", "The body is no array of ids")
    found = (carriers.associate(desk.tenant, int(each)) for each in ids)
    return json_answer([each for each in found if each is not None])


def read_person(desk: Desk, params: Mapping[str, str]) -> Answer:
    text = params["id"]
    row = desk.tenant.tables.persons.get(int(text)) if text.isdigit() else None
    if row is None:
        raise Refusal(404, "SoNotFoundException", f"Person id {text} not found")
    return json_answer(
        {
            "PersonId": row.person_id,
            "Firstname": row.first,
            "Lastname": row.last,
            "FullName": row.full,
            "Emails": [{"Value": email, "StrippedValue": email, "Description": ""} for email in row.emails],
            "_Links": {"Self": f"{desk.base}/api/v1/Person/{row.person_id}"},
        }
    )


def api_version(desk: Desk, _: Mapping[str, str]) -> Answer:
    """``GET {base}/api``: the one call of a tenant that needs no ticket."""
    return json_answer(
        {
            "v1": f"{desk.base}/api/v1",
            "NetServerVersion": "12.4.1514.1",
            "NetServerLabel": "Simulator",
            "Services": "Services88",
            "Version": "12.4",
        }
    )


# -- time zones


def _year(desk: Desk) -> int:
    return desk.tenant.now().year


def _zone_answer(desk: Desk, zone: SoZone) -> Answer:
    return json_answer(zone_carrier(zone, year=_year(desk)))


def zones(desk: Desk, _: Mapping[str, str]) -> Answer:
    rows = [
        {
            "PrimaryKey": str(zone.id),
            "EntityName": "timezone",
            "TZLocationID": zone.id,
            "TZLocationCode": zone.code,
            "Name": zone.name,
            "TZLocationCities": zone.cities,
        }
        for zone in ZONES.values()
    ]
    return json_answer({"odata.metadata": _metadata(desk), "value": rows})


def base_zone(desk: Desk, _: Mapping[str, str]) -> Answer:
    return _zone_answer(desk, ZONES[desk.tenant.base_code])


def current_zone(desk: Desk, _: Mapping[str, str]) -> Answer:
    """The caller's, which for the system user says nothing about anybody else."""
    row = desk.tenant.tables.associates[desk.actor.associate_id]
    return _zone_answer(desk, ZONES_BY_ID[row.zone_id])


def base_zone_id(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(ZONES[desk.tenant.base_code].id)


# -- lists


def task_items(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer([carriers.task(row) for row in desk.tenant.tables.tasks.values()])


def associate_items(desk: Desk, _: Mapping[str, str]) -> Answer:
    """Users and resources; with ``flat`` without the headings of their groups."""
    rows = [
        row
        for row in desk.tenant.tables.associates.values()
        if row.type in {UserType.InternalAssociate, UserType.ResourceAssociate}
    ]
    if desk.call.query.get("flat", "").lower() == "true":
        return json_answer([_item(desk, row) for row in rows])
    groups = desk.tenant.tables.groups
    headings = [
        {
            "Id": number,
            "Name": name,
            "ToolTip": "",
            "Deleted": False,
            "Rank": number,
            "Type": "group",
            "ChildItems": [_item(desk, row) for row in rows if row.group_id == number],
        }
        for number, name in groups.items()
    ]
    return json_answer(headings)


def _item(desk: Desk, row: AssociateRow) -> dict[str, Any]:
    person = desk.tenant.tables.persons[row.person_id]
    return {
        "Id": row.associate_id,
        "Name": person.full,
        "ToolTip": "",
        "Deleted": row.deleted,
        "Rank": row.associate_id,
        "Type": row.type.name,
        "ChildItems": [],
        "FullName": person.full,
    }


# -- preferences


def _preference(desk: Desk, section: str, key: str) -> dict[str, Any]:
    value = desk.tenant.tables.preferences.get((section, key))
    return {
        "Level": "Undefined" if value is None else "SystemWide",
        "RawValue": value or "",
        "Specification": {"Section": section, "Key": key},
        "DisplayValue": value or "",
        "DisplayTooltip": "",
        "DisplayType": "Text",
        "TargetId": 0,
        "PrefDescId": 0,
        "TableName": "",
        "UserPreferenceId": 0,
    }


def preference(desk: Desk, params: Mapping[str, str]) -> Answer:
    return json_answer(_preference(desk, params["section"], params["key"]))


def save_preference(desk: Desk, params: Mapping[str, str]) -> Answer:
    value = str(desk.body().get("RawValue") or "")
    desk.tenant.tables.preferences[params["section"], params["key"]] = value
    return nothing()


def preference_at_level(desk: Desk, params: Mapping[str, str]) -> Answer:
    return json_answer(desk.tenant.tables.preferences.get((params["section"], params["key"]), ""))


def save_preference_at_level(desk: Desk, params: Mapping[str, str]) -> Answer:
    desk.tenant.tables.preferences[params["section"], params["key"]] = desk.call.query.get("value", "")
    return nothing()


def preferences(desk: Desk, _: Mapping[str, str]) -> Answer:
    wanted = desk.body().get("Specifications") or ()
    return json_answer([_preference(desk, str(each["Section"]), str(each["Key"])) for each in wanted])


def save_preferences(desk: Desk, _: Mapping[str, str]) -> Answer:
    for each in desk.body().get("Preferences") or ():
        where = each.get("Specification") or {}
        name = str(where.get("Section") or ""), str(where.get("Key") or "")
        desk.tenant.tables.preferences[name] = str(each.get("RawValue") or "")
    return nothing()


_PREFERENCE: Final = "/api/v1/Preference/{section}/{key}"

ROUTES: Final = (
    Route("GET", "/api", api_version),
    Route("GET", "/api/v1/User/currentPrincipal", current_principal),
    Route("GET", "/api/v1/User/currentAssociate", current_associate),
    Route("POST", "/api/v1/Agents/Associate/GetAssociate", get_associate),
    Route("POST", "/api/v1/Agents/Associate/GetAssociateList", associate_list),
    Route("GET", "/api/v1/Person/{id}", read_person),
    Route("GET", "/api/v1/TimeZone", zones),
    Route("GET", "/api/v1/TimeZone/base", base_zone),
    Route("GET", "/api/v1/TimeZone/current", current_zone),
    Route("POST", "/api/v1/Agents/TimeZone/GetBaseTimeZoneId", base_zone_id),
    Route("GET", "/api/v1/List/Task/Items", task_items),
    Route("GET", "/api/v1/MDOList/associate", associate_items),
    Route("GET", _PREFERENCE, preference),
    Route("PUT", _PREFERENCE, save_preference),
    Route("POST", _PREFERENCE, save_preference),
    Route("GET", _PREFERENCE + "/{level}", preference_at_level),
    Route("PUT", _PREFERENCE + "/{level}", save_preference_at_level),
    Route("POST", _PREFERENCE + "/{level}", save_preference_at_level),
    Route("POST", "/api/v1/Agents/Preference/GetPreferences", preferences),
    Route("POST", "/api/v1/Agents/Preference/SavePreferences", save_preferences),
)
