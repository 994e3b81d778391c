"""Foreign keys: application > device > key. The way REST and the agent ForeignSystem show them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from calsync.sandbox.superoffice import carriers
from calsync.sandbox.superoffice.asgi import Answer, Refusal, Route, json_answer, nothing
from calsync.sandbox.superoffice.desk import Desk
from calsync.sandbox.superoffice.records import ForeignAppRow, ForeignDeviceRow, ForeignKeyRow
from calsync.sandbox.superoffice.world import Tenant

_APP_MAX: Final = 254
_DEVICE_MAX: Final = 31
_VALUE_MAX: Final = 239
"""Of an identifier, and of what one row of a key holds. Longer values are split, so no search finds them."""


def on_record(tenant: Tenant, table: str, record_id: int) -> dict[str, str]:
    """``app.device.key`` to value."""
    tables = tenant.tables
    found: dict[str, str] = {}
    for key in tables.foreign_keys.values():
        if (key.table, key.record_id) == (table, record_id):
            device = tables.foreign_devices[key.device_id]
            found[f"{tables.foreign_apps[device.app_id].name}.{device.name}.{key.key}"] = key.value
    return found


def _same(left: str, right: Any) -> bool:
    return left.lower() == str(right or "").lower()


def _app(tenant: Tenant, name: Any) -> ForeignAppRow | None:
    text = str(name or "")
    by_id = tenant.tables.foreign_apps.get(int(text)) if text.isdigit() else None
    return by_id or next((app for app in tenant.tables.foreign_apps.values() if _same(app.name, text)), None)


def _devices(tenant: Tenant, sent: Mapping[str, Any]) -> Iterator[ForeignDeviceRow]:
    """Devices an application, a device name and an identifier name; what is absent does not care."""
    app = _app(tenant, sent.get("ApplicationName"))
    for device in tenant.tables.foreign_devices.values():
        if app is None or device.app_id != app.app_id:
            continue
        if "DeviceName" in sent and not _same(device.name, sent["DeviceName"]):
            continue
        if "DeviceIdentifier" in sent and device.identifier != str(sent["DeviceIdentifier"] or ""):
            continue
        yield device


def _device(tenant: Tenant, sent: Mapping[str, Any]) -> ForeignDeviceRow | None:
    return next(_devices(tenant, sent), None)


def _keys(tenant: Tenant, sent: Mapping[str, Any]) -> list[ForeignKeyRow]:
    """Keys that all given properties fit, oldest first."""
    devices = {device.device_id for device in _devices(tenant, sent)}
    return [
        key
        for key in tenant.tables.foreign_keys.values()
        if key.device_id in devices
        and ("KeyName" not in sent or _same(key.key, sent["KeyName"]))
        and ("KeyValue" not in sent or key.value[:_VALUE_MAX] == sent["KeyValue"])
        and ("TableName" not in sent or _same(key.table, sent["TableName"]))
        and ("RecordId" not in sent or key.record_id == int(sent["RecordId"] or 0))
    ]


def _app_carrier(desk: Desk, app: ForeignAppRow) -> dict[str, Any]:
    system = carriers.associate(desk.tenant, desk.actor.associate_id)
    devices = [each for each in desk.tenant.tables.foreign_devices.values() if each.app_id == app.app_id]
    return {
        "ForeignAppId": app.app_id,
        "Name": app.name,
        "CreatedDate": desk.view.stamp(app.at),
        "UpdatedDate": desk.view.stamp(None),
        "CreatedBy": system,
        "UpdatedBy": None,
        "Devices": [_device_carrier(desk, device) for device in devices],
    }


def _device_carrier(desk: Desk, device: ForeignDeviceRow) -> dict[str, Any]:
    return {
        "ForeignDeviceId": device.device_id,
        "Name": device.name,
        "CreatedDate": desk.view.stamp(device.at),
        "UpdatedDate": desk.view.stamp(None),
        "DeviceIdentifier": device.identifier,
        "ForeignAppId": device.app_id,
    }


def _key_carrier(desk: Desk, key: ForeignKeyRow) -> dict[str, Any]:
    return {
        "Key": key.key,
        "Value": key.value,
        "RecordId": key.record_id,
        "CreatedDate": desk.view.stamp(key.created),
        "UpdatedDate": desk.view.stamp(key.updated),
        "UpdatedBy": "",
        "CreatedBy": "SYSTEM",
        "TableName": key.table,
    }


def _checked(text: Any, longest: int, what: str) -> str:
    if not text or len(str(text)) > longest:
        raise Refusal(500, "SoException", f"{what} must have 1 to {longest} characters")
    return str(text)


def _make_app(desk: Desk, name: Any) -> ForeignAppRow:
    tenant = desk.tenant
    found = _app(tenant, name)
    if found is not None:
        return found
    row = ForeignAppRow(
        app_id=tenant.next_id("foreignapp"), name=_checked(name, _APP_MAX, "Application name"), at=tenant.now()
    )
    tenant.tables.foreign_apps[row.app_id] = row
    return row


def _make_device(desk: Desk, app: ForeignAppRow, name: Any, identifier: Any) -> ForeignDeviceRow:
    tenant = desk.tenant
    wanted = {"ApplicationName": app.name, "DeviceName": name, "DeviceIdentifier": identifier}
    found = _device(tenant, wanted)
    if found is not None:
        return found
    row = ForeignDeviceRow(
        device_id=tenant.next_id("foreigndevice"),
        app_id=app.app_id,
        name=_checked(name, _DEVICE_MAX, "Device name"),
        identifier=_checked(identifier, _VALUE_MAX, "Device identifier"),
        at=tenant.now(),
    )
    tenant.tables.foreign_devices[row.device_id] = row
    return row


def _save_key(desk: Desk, where: Mapping[str, Any], sent: Mapping[str, Any]) -> ForeignKeyRow | None:
    """Add a key or overwrite the one of that name on that record; None if there is no such device."""
    tenant = desk.tenant
    device = _device(tenant, where)
    if device is None and tenant.switches.foreign_key_makes_device:
        app = _make_app(desk, where.get("ApplicationName"))
        device = _make_device(desk, app, where.get("DeviceName"), where.get("DeviceIdentifier"))
    if device is None:
        return None
    name, table = _checked(sent.get("Key"), _VALUE_MAX, "Key"), str(sent.get("TableName") or "").lower()
    record_id, value = int(sent.get("RecordId") or 0), str(sent.get("Value") or "")
    _stamp_record(desk, table, record_id)
    for key in tenant.tables.foreign_keys.values():
        if (key.device_id, key.key, key.table, key.record_id) == (device.device_id, name, table, record_id):
            key.value, key.updated = value, tenant.now()
            return key
    row = ForeignKeyRow(
        key_id=tenant.next_id("foreignkey"),
        device_id=device.device_id,
        key=name,
        value=value,
        table=table,
        record_id=record_id,
        created=tenant.now(),
    )
    tenant.tables.foreign_keys[row.key_id] = row
    return row


def _stamp_record(desk: Desk, table: str, record_id: int) -> None:
    if not desk.tenant.switches.foreign_key_stamps_record or table != "appointment":
        return
    if (row := desk.tenant.find(record_id)) is not None:
        desk.tenant.stamp(row, desk.actor)


def _delete_keys(desk: Desk, wanted: Mapping[str, Any]) -> int:
    gone = _keys(desk.tenant, wanted)
    for key in gone:
        _stamp_record(desk, key.table, key.record_id)
        del desk.tenant.tables.foreign_keys[key.key_id]
    return len(gone)


# -- the agent


def _first_key(desk: Desk, _: Mapping[str, str]) -> Answer:
    """A look-up by value is not unique; the oldest one is given."""
    found = _keys(desk.tenant, desk.body())
    return json_answer(_key_carrier(desk, found[0]) if found else None)


def _first_value(desk: Desk, _: Mapping[str, str]) -> Answer:
    found = _keys(desk.tenant, desk.body())
    return json_answer(found[0].value if found else None)


def _all_keys(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer([_key_carrier(desk, key) for key in _keys(desk.tenant, desk.body())])


def _agent_save(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    where = {name: sent.get(name) for name in ("ApplicationName", "DeviceName", "DeviceIdentifier")}
    saved = _save_key(desk, where, sent.get("ForeignKey") or {})
    return json_answer(None if saved is None else _key_carrier(desk, saved))


def _agent_delete(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    key = sent.pop("ForeignKey", None) or {}
    _delete_keys(desk, sent | {"KeyName": key.get("Key", sent.get("KeyName"))})
    return nothing()


def _agent_app(desk: Desk, _: Mapping[str, str]) -> Answer:
    app = _app(desk.tenant, desk.body().get("ApplicationName"))
    return json_answer(None if app is None else _app_carrier(desk, app))


def _agent_device(desk: Desk, _: Mapping[str, str]) -> Answer:
    device = _device(desk.tenant, desk.body())
    return json_answer(None if device is None else _device_carrier(desk, device))


def _agent_devices(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer([_device_carrier(desk, device) for device in _devices(desk.tenant, desk.body())])


def _agent_save_app(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(_app_carrier(desk, _make_app(desk, desk.body().get("Name"))))


def _agent_add_device(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    app = _app(desk.tenant, sent.get("ApplicationName"))
    if app is None:
        return json_answer(None)
    device = _make_device(desk, app, sent.get("DeviceName"), sent.get("DeviceIdentifier"))
    return json_answer(_device_carrier(desk, device))


def _agent_delete_device(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    _delete_keys(desk, sent)
    for device in list(_devices(desk.tenant, sent)):
        del desk.tenant.tables.foreign_devices[device.device_id]
    return nothing()


def _agent_on_entity(desk: Desk, _: Mapping[str, str]) -> Answer:
    sent = desk.body()
    table, record_id = str(sent.get("EntityType") or "").lower(), int(sent.get("EntityId") or 0)
    return json_answer(on_record(desk.tenant, table, record_id))


# -- REST


def _where(params: Mapping[str, str]) -> dict[str, Any]:
    names = {
        "app": "ApplicationName",
        "device": "DeviceName",
        "identifier": "DeviceIdentifier",
        "key": "KeyName",
        "table": "TableName",
        "record": "RecordId",
    }
    return {names[name]: text for name, text in params.items()}


def _missing(what: str) -> Refusal:
    return Refusal(404, "SoNotFoundException", f"{what} not found")


def _rest_app(desk: Desk, params: Mapping[str, str]) -> Answer:
    app = _app(desk.tenant, params["app"])
    if app is None:
        raise _missing("Foreign application")
    return json_answer(_app_carrier(desk, app) | {"_Links": {}})


def _rest_make_app(desk: Desk, params: Mapping[str, str]) -> Answer:
    return json_answer(_app_carrier(desk, _make_app(desk, params["app"])))


def _rest_save_app(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(_app_carrier(desk, _make_app(desk, desk.body().get("Name"))) | {"_Links": {}})


def _rest_delete_app(desk: Desk, params: Mapping[str, str]) -> Answer:
    app = _app(desk.tenant, params["app"])
    if app is not None:
        wanted = {"ApplicationName": app.name}
        _delete_keys(desk, wanted)
        for device in list(_devices(desk.tenant, wanted)):
            del desk.tenant.tables.foreign_devices[device.device_id]
        del desk.tenant.tables.foreign_apps[app.app_id]
    return nothing()


def _rest_apps(desk: Desk, _: Mapping[str, str]) -> Answer:
    rows = [
        {"PrimaryKey": str(app.app_id), "EntityName": "foreignapp", "name": app.name}
        for app in desk.tenant.tables.foreign_apps.values()
    ]
    return json_answer({"odata.metadata": f"{desk.base}/api/v1/Archive//$metadata", "value": rows})


def _rest_devices(desk: Desk, params: Mapping[str, str]) -> Answer:
    return json_answer([_device_carrier(desk, each) for each in _devices(desk.tenant, _where(params))])


def _rest_device(desk: Desk, params: Mapping[str, str]) -> Answer:
    device = _device(desk.tenant, _where(params))
    if device is None:
        raise _missing("Foreign device")
    return json_answer(_device_carrier(desk, device))


def _rest_make_device(desk: Desk, params: Mapping[str, str]) -> Answer:
    app = _app(desk.tenant, params["app"])
    if app is None:
        raise _missing("Foreign application")
    return json_answer(_device_carrier(desk, _make_device(desk, app, params["device"], params["identifier"])))


def _rest_delete_device(desk: Desk, params: Mapping[str, str]) -> Answer:
    wanted = _where(params)
    _delete_keys(desk, wanted)
    for device in list(_devices(desk.tenant, wanted)):
        del desk.tenant.tables.foreign_devices[device.device_id]
    return nothing()


def _rest_save_key(desk: Desk, params: Mapping[str, str]) -> Answer:
    saved = _save_key(desk, _where(params), desk.body())
    if saved is None:
        raise _missing("Foreign device")
    return json_answer(_key_carrier(desk, saved))


def _rest_key(desk: Desk, params: Mapping[str, str]) -> Answer:
    found = _keys(desk.tenant, _where(params))
    if not found:
        raise _missing("Foreign key")
    return json_answer(_key_carrier(desk, found[0]))


def _rest_value(desk: Desk, params: Mapping[str, str]) -> Answer:
    found = _keys(desk.tenant, _where(params))
    if not found:
        raise _missing("Foreign key")
    return json_answer(found[0].value)


def _rest_key_by_value(desk: Desk, params: Mapping[str, str]) -> Answer:
    query = desk.call.query
    found = _keys(desk.tenant, _where(params) | {"KeyValue": query.get("keyvalue", query.get("value", ""))})
    if not found:
        raise _missing("Foreign key")
    return json_answer(_key_carrier(desk, found[0]))


def _rest_delete_key(desk: Desk, params: Mapping[str, str]) -> Answer:
    _delete_keys(desk, _where(params))
    return nothing()


def _agent(method: str, handler: Callable[[Desk, Mapping[str, str]], Answer]) -> Route[Desk]:
    return Route("POST", f"/api/v1/Agents/ForeignSystem/{method}", handler)


_APP: Final = "/api/v1/ForeignApp/{app}"
_DEVICE: Final = _APP + "/{device}/{identifier}"

ROUTES: Final = (
    _agent("GetAppByName", _agent_app),
    _agent("SaveForeignAppEntity", _agent_save_app),
    _agent("GetApplicationDevices", _agent_devices),
    _agent("GetDeviceByName", _agent_device),
    _agent("GetDeviceByIdentifier", _agent_device),
    _agent("AddDeviceByIdentifier", _agent_add_device),
    _agent("DeleteDeviceByIdentifier", _agent_delete_device),
    _agent("GetKey", _first_key),
    _agent("GetKeyOnDeviceIdentifier", _first_key),
    _agent("GetKeyByValue", _first_key),
    _agent("GetKeyByValueAndIdentifier", _first_key),
    _agent("GetKeyValue", _first_value),
    _agent("GetKeyValueOnDeviceIdentifier", _first_value),
    _agent("GetApplicationKeys", _all_keys),
    _agent("GetDeviceKeys", _all_keys),
    _agent("GetDeviceKeysOnDeviceIdentifier", _all_keys),
    _agent("GetDeviceKeysOnDeviceIdentifierTable", _all_keys),
    _agent("GetDeviceKeysOnDeviceIdentifierTableRecordId", _all_keys),
    _agent("AddForeignKey", _agent_save),
    _agent("SaveForeignKey", _agent_save),
    _agent("DeleteForeignKey", _agent_delete),
    _agent("DeleteForeignKeyOnName", _agent_delete),
    _agent("GetAllForeignKeysOnEntity", _agent_on_entity),
    Route("GET", "/api/v1/ForeignApp", _rest_apps),
    Route("POST", "/api/v1/ForeignApp", _rest_save_app),
    Route("GET", _APP, _rest_app),
    Route("POST", _APP, _rest_make_app),
    Route("PUT", _APP, _rest_make_app),
    Route("DELETE", _APP, _rest_delete_app),
    Route("GET", _APP + "/Devices", _rest_devices),
    Route("GET", _DEVICE, _rest_device),
    Route("POST", _DEVICE, _rest_make_device),
    Route("PUT", _DEVICE, _rest_make_device),
    Route("DELETE", _DEVICE, _rest_delete_device),
    Route("POST", _DEVICE + "/Key", _rest_save_key),
    Route("PUT", _DEVICE + "/Key", _rest_save_key),
    Route("GET", _DEVICE + "/Key/{key}/{table}/{record}", _rest_key),
    Route("DELETE", _DEVICE + "/Key/{key}/{table}/{record}", _rest_delete_key),
    Route("GET", _DEVICE + "/Key/{key}/{table}/{record}/Value", _rest_value),
    Route("GET", _DEVICE + "/Key/{key}/{table}", _rest_key_by_value),
    Route("GET", _APP + "/{device}/Key/{key}/{table}", _rest_key_by_value),
    Route("GET", _APP + "/{device}/Key/{key}/{table}/{record}", _rest_key),
)
