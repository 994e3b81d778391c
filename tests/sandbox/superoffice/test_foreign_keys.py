from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.superoffice.client import APPOINTMENT

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client

AGENT = "/api/v1/Agents/ForeignSystem"
APP = "/api/v1/ForeignApp/calsync"
DEVICE = f"{APP}/caldav/2"
WHERE = {"ApplicationName": "calsync", "DeviceName": "caldav"}
DEVICE_WHERE = WHERE | {"DeviceIdentifier": "2"}
BY_VALUE = WHERE | {"KeyName": "event", "TableName": "appointment"}


async def _provisioned(client: Client) -> None:
    assert (await client.send("POST", APP)).status_code == 200
    assert (await client.send("POST", DEVICE)).status_code == 200


def _key(record: int, value: str = "hash") -> dict[str, Any]:
    return {"Key": "event", "Value": value, "RecordId": record, "TableName": "appointment"}


async def _add(client: Client, record: int, value: str = "hash", method: str = "AddForeignKey") -> Any:
    return await client.agent(f"{AGENT}/{method}", DEVICE_WHERE | {"ForeignKey": _key(record, value)})


async def test_a_key_is_found_by_its_value_and_on_its_record(client: Client, lunch: int) -> None:
    await _provisioned(client)
    await _add(client, lunch)

    found = await client.agent(f"{AGENT}/GetKeyByValue", BY_VALUE | {"KeyValue": "hash"})

    assert found["RecordId"] == lunch
    assert await client.agent(f"{AGENT}/GetKeyByValue", BY_VALUE | {"KeyValue": "other"}) is None
    assert await client.get(f"{APPOINTMENT}/{lunch}/ForeignKey") == {"calsync.caldav.event": "hash"}
    entity = await client.get(f"{APPOINTMENT}/{lunch}", params={"fk": "true"})
    assert entity["ExtraFields"] == {"calsync.caldav.event": "hash"}
    on_entity = {"EntityType": "appointment", "EntityId": lunch}
    assert await client.agent(f"{AGENT}/GetAllForeignKeysOnEntity", on_entity) == {"calsync.caldav.event": "hash"}


async def test_all_keys_of_a_device_rebuild_a_lost_map(client: Client, lunch: int) -> None:
    await _provisioned(client)
    await _add(client, lunch, "a")
    await _add(client, 4242, "b")

    keys = await client.agent(
        f"{AGENT}/GetDeviceKeysOnDeviceIdentifierTable", DEVICE_WHERE | {"TableName": "appointment"}
    )

    assert [(key["RecordId"], key["Value"]) for key in keys] == [(lunch, "a"), (4242, "b")]


async def test_saving_a_key_again_overwrites_it(client: Client, lunch: int) -> None:
    await _provisioned(client)
    await _add(client, lunch, "a")

    await _add(client, lunch, "b", "SaveForeignKey")

    keys = await client.agent(f"{AGENT}/GetApplicationKeys", {"ApplicationName": "calsync"})
    assert [key["Value"] for key in keys] == ["b"]


async def test_a_value_longer_than_a_row_is_not_found_by_value(client: Client, lunch: int) -> None:
    await _provisioned(client)
    await _add(client, lunch, "x" * 240)

    assert await client.agent(f"{AGENT}/GetKeyByValue", BY_VALUE | {"KeyValue": "x" * 240}) is None


@pytest.mark.parametrize("makes", [False, True])
async def test_a_key_for_an_unknown_device_is_not_saved_unless_it_makes_the_device(
    client: Client, switches: Switches, lunch: int, makes: bool
) -> None:
    switches.foreign_key_makes_device = makes

    saved = await _add(client, lunch)

    assert (saved is not None) is makes
    found = await client.agent(f"{AGENT}/GetKeyByValue", BY_VALUE | {"KeyValue": "hash"})
    assert (found is not None) is makes


@pytest.mark.parametrize("dies", [False, True])
async def test_keys_outlive_their_record_or_not(
    client: Client, act: Acting, switches: Switches, company: Company, lunch: int, dies: bool
) -> None:
    switches.foreign_keys_die_with_record = dies
    await _provisioned(client)
    await _add(client, lunch)

    act.delete(company.kari, lunch)

    found = await client.agent(f"{AGENT}/GetKeyByValue", BY_VALUE | {"KeyValue": "hash"})
    assert (found is None) is dies


@pytest.mark.parametrize("stamps", [False, True])
async def test_writing_a_key_stamps_the_appointment_or_not(
    client: Client, act: Acting, switches: Switches, lunch: int, stamps: bool
) -> None:
    switches.foreign_key_stamps_record = stamps
    await _provisioned(client)

    await _add(client, lunch)

    assert (act.records()[0]["updated"] is not None) is stamps


async def test_the_rest_face_does_the_same(client: Client, lunch: int) -> None:
    await _provisioned(client)
    key = f"{DEVICE}/Key/event/appointment"

    assert (await client.send("POST", f"{DEVICE}/Key", json=_key(lunch))).status_code == 200
    assert (await client.get(f"{key}/{lunch}"))["Value"] == "hash"
    assert await client.get(f"{key}/{lunch}/Value") == "hash"
    assert (await client.get(key, params={"Value": "hash"}))["RecordId"] == lunch
    by_name = await client.get(f"{APP}/caldav/Key/event/appointment", params={"keyValue": "hash"})
    assert by_name["RecordId"] == lunch
    assert [each["DeviceIdentifier"] for each in await client.get(f"{APP}/Devices")] == ["2"]
    assert (await client.get(APP))["Name"] == "calsync"
    assert (await client.send("DELETE", f"{key}/{lunch}")).status_code == 204
    assert (await client.send("GET", f"{key}/{lunch}")).status_code == 404


async def test_deleting_the_application_leaves_no_trace(
    client: Client, sandbox: SuperOfficeSandbox, lunch: int
) -> None:
    await _provisioned(client)
    await _add(client, lunch)

    assert (await client.send("DELETE", APP)).status_code == 204

    tables = sandbox.world.tenant().tables
    assert (tables.foreign_apps, tables.foreign_devices, tables.foreign_keys) == ({}, {}, {})
    assert (await client.send("GET", APP)).status_code == 404


async def test_deleting_a_key_by_the_agent(client: Client, lunch: int) -> None:
    await _provisioned(client)
    await _add(client, lunch)

    await client.agent(
        f"{AGENT}/DeleteForeignKey",
        DEVICE_WHERE | {"ForeignKey": _key(lunch), "TableName": "appointment", "RecordId": lunch},
    )

    assert await client.get(f"{APPOINTMENT}/{lunch}/ForeignKey") == {}


@pytest.mark.parametrize("path", [f"/api/v1/ForeignApp/{'a' * 255}", f"{APP}/{'d' * 32}/2"])
async def test_names_have_their_longest_lengths(client: Client, path: str) -> None:
    await _provisioned(client)

    assert (await client.send("POST", path)).status_code == 500
