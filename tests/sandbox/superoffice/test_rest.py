from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from calsync.sandbox.superoffice.asgi import Refusal
from calsync.sandbox.superoffice.patching import patched
from tests.sandbox.superoffice.client import APPOINTMENT, planned
from tests.schemas import SchemaCheckedApp

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.switches import Switches
    from tests.sandbox.superoffice.client import Client, TestClock

CREATED = "Mon, 02 Mar 2026 08:00:00 GMT"
LATER = "Mon, 02 Mar 2026 08:00:05 GMT"
NOON = datetime(2026, 3, 5, 12, 0)  # noqa: DTZ001  # wall clock of the user


async def test_post_answers_200_and_an_id(client: Client, company: Company) -> None:
    entity = planned(await client.default(company.kari), "2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z")

    answer = await client.send("POST", APPOINTMENT, json=entity | {"Title": "Planning"})

    assert answer.status_code == 200
    assert answer.json()["AppointmentId"] > 0
    assert answer.json()["_Links"]["Self"].endswith(f"/{answer.json()['AppointmentId']}")


async def test_a_missing_appointment_is_404_in_rest_and_null_for_agents(client: Client) -> None:
    assert (await client.send("GET", f"{APPOINTMENT}/99999")).status_code == 404
    assert await client.entity(99999) is None


async def test_put_replaces_everything_so_what_is_left_out_is_lost(
    client: Client, act: Acting, company: Company
) -> None:
    private = act.create(
        company.kari,
        title="Doctor",
        start=NOON,
        end=NOON + timedelta(hours=1),
        place="Clinic",
        notes="<p>x</p>",
        private=True,
        reminder_min=15,
    )
    entity = await client.entity(private)

    kept = {name: entity[name] for name in ("AppointmentId", "Associate", "StartDate", "EndDate", "Title")}
    assert (await client.put(kept)).status_code == 200

    row = act.record(private)
    assert row is not None
    assert (row["place"], row["notes"], row["private"], row["reminder_min"]) == ("", "", False, None)


async def test_put_of_the_whole_entity_changes_only_what_was_changed(client: Client, act: Acting, lunch: int) -> None:
    before = act.record(lunch)
    entity = await client.get(f"{APPOINTMENT}/{lunch}")

    assert (await client.put(entity | {"Location": "Roof"})).status_code == 200

    after = act.record(lunch)
    assert before is not None
    assert after is not None
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"place", "updated", "updated_by"}


async def test_a_save_that_changes_nothing_leaves_no_stamp(client: Client, act: Acting, lunch: int) -> None:
    await client.put(await client.get(f"{APPOINTMENT}/{lunch}"))

    assert act.records()[0]["updated"] is None


async def test_select_nulls_the_other_properties(client: Client, lunch: int) -> None:
    entity = await client.get(f"{APPOINTMENT}/{lunch}", params={"$select": "Title,StartDate"})

    assert entity["Title"] == "Lunch"
    assert entity["Location"] is None
    assert entity["AppointmentId"] == 0


@pytest.mark.parametrize("path", ["/title", "Title", "TITLE"])
async def test_json_patch_replaces_a_property_under_any_spelling_of_its_path(
    client: Client, act: Acting, lunch: int, path: str
) -> None:
    answer = await _patch(client, lunch, [{"op": "replace", "path": path, "value": "Late lunch"}])

    assert answer.status_code == 200
    assert act.records()[0]["title"] == "Late lunch"


async def test_a_failing_test_operation_is_409_and_applies_nothing(client: Client, act: Acting, lunch: int) -> None:
    answer = await _patch(
        client,
        lunch,
        [{"op": "replace", "path": "Title", "value": "x"}, {"op": "test", "path": "Location", "value": "Room 5"}],
    )

    assert answer.status_code == 409
    assert act.records()[0]["title"] == "Lunch"


async def test_a_passing_test_operation_lets_the_patch_through(client: Client, act: Acting, lunch: int) -> None:
    answer = await _patch(
        client,
        lunch,
        [
            {"op": "test", "path": "Location", "value": "Room 4"},
            {"op": "remove", "path": "Location"},
            {"op": "add", "path": "Title", "value": "Walk"},
        ],
    )

    assert answer.status_code == 200
    assert (act.records()[0]["place"], act.records()[0]["title"]) == ("", "Walk")


@pytest.mark.parametrize("operation", ["move", "copy"])
def test_move_and_copy_are_no_operations(operation: str) -> None:
    with pytest.raises(Refusal) as refusal:
        patched({"Title": "x"}, [{"op": operation, "from": "Title", "path": "Agenda"}])

    assert refusal.value.status == 400


async def test_in_a_merge_patch_an_object_is_appended_to_a_list_and_a_list_replaces_it(
    client: Client, act: Acting, company: Company, lunch: int
) -> None:
    one = {"VisibleFor": {"Visibility": "Associate", "VisibleId": company.kari}}
    assert (await client.send("PATCH", f"{APPOINTMENT}/{lunch}", json=one)).status_code == 200
    assert act.records()[0]["visible_for"] == [("All", 0), ("Associate", company.kari)]

    both = {"VisibleFor": [{"Visibility": "Associate", "VisibleId": company.kari}]}
    assert (await client.send("PATCH", f"{APPOINTMENT}/{lunch}", json=both)).status_code == 200
    assert act.records()[0]["visible_for"] == [("Associate", company.kari)]


async def test_a_merge_patch_goes_into_nested_objects_and_null_clears(client: Client, act: Acting, lunch: int) -> None:
    answer = await client.send(
        "PATCH", f"{APPOINTMENT}/{lunch}", json={"Location": None, "Task": {"TaskListItemId": 2}}
    )

    assert answer.json()["Task"]["Value"] == "Meeting (External)"
    assert act.records()[0]["place"] == ""


async def test_the_private_property_is_a_mirror_and_visible_for_decides(
    client: Client, act: Acting, lunch: int
) -> None:
    await client.put((await client.get(f"{APPOINTMENT}/{lunch}")) | {"Private": "PrivateUser"})

    assert act.records()[0]["private"] is False


async def test_writing_visible_for_turns_the_mirror(client: Client, company: Company, lunch: int) -> None:
    entity = await client.entity(lunch)

    saved = await client.save(entity | {"VisibleFor": [{"Visibility": "Associate", "VisibleId": company.kari}]})

    assert saved["Private"] == "PrivateUser"


async def test_if_modified_since_gives_304_in_whole_seconds(client: Client, lunch: int) -> None:
    path = f"{APPOINTMENT}/{lunch}"

    assert (await client.send("GET", path, headers={"If-Modified-Since": CREATED})).status_code == 304
    earlier = "Mon, 02 Mar 2026 07:59:59 GMT"
    assert (await client.send("GET", path, headers={"If-Modified-Since": earlier})).status_code == 200


async def test_if_unmodified_since_is_412_after_a_later_change(
    client: Client, act: Acting, clock: TestClock, company: Company, lunch: int
) -> None:
    entity = await client.get(f"{APPOINTMENT}/{lunch}")
    clock.advance(seconds=5)
    act.edit(company.kari, lunch, place="Roof")

    answer = await client.put(entity | {"Title": "x"}, headers={"If-Unmodified-Since": CREATED})

    assert answer.status_code == 412
    assert act.records()[0]["title"] == "Lunch"


async def test_two_changes_within_a_second_cannot_be_told_apart(
    client: Client, act: Acting, company: Company, lunch: int
) -> None:
    entity = await client.get(f"{APPOINTMENT}/{lunch}")
    act.edit(company.kari, lunch, place="Roof")

    answer = await client.put(entity | {"Title": "x"}, headers={"If-Unmodified-Since": CREATED})

    assert answer.status_code == 200
    assert act.records()[0]["place"] == "Room 4"


@pytest.mark.parametrize(("strict", "status"), [(False, 200), (True, 412)])
async def test_if_unmodified_since_may_count_the_very_second_as_changed(
    client: Client, switches: Switches, lunch: int, strict: bool, status: int
) -> None:
    switches.unmodified_since_strict = strict
    entity = await client.get(f"{APPOINTMENT}/{lunch}")

    assert (await client.put(entity, headers={"If-Unmodified-Since": CREATED})).status_code == status


@pytest.mark.parametrize("bumps", [True, False])
async def test_a_text_edit_that_leaves_no_stamp_escapes_the_condition(
    client: Client,
    act: Acting,
    clock: TestClock,
    switches: Switches,
    company: Company,
    lunch: int,
    bumps: bool,
) -> None:
    switches.text_edit_bumps = bumps
    entity = await client.get(f"{APPOINTMENT}/{lunch}")
    clock.advance(seconds=5)
    act.edit(company.kari, lunch, title="Dinner")

    answer = await client.put(entity, headers={"If-Unmodified-Since": CREATED})

    assert answer.status_code == (412 if bumps else 200)
    assert act.records()[0]["title"] == ("Dinner" if bumps else "Lunch")


@pytest.mark.parametrize("bumps", [True, False])
async def test_a_change_of_visibility_alone_stamps_or_not(
    act: Acting, switches: Switches, company: Company, lunch: int, bumps: bool
) -> None:
    switches.visibility_edit_bumps = bumps

    act.edit(company.kari, lunch, private=True)

    assert (act.records()[0]["updated"] is not None) is bumps


async def test_delete_is_hard_and_answers_204(client: Client, act: Acting, lunch: int) -> None:
    assert (await client.send("DELETE", f"{APPOINTMENT}/{lunch}")).status_code == 204

    assert act.records() == []
    assert (await client.send("GET", f"{APPOINTMENT}/{lunch}")).status_code == 404


async def test_a_delete_obeys_the_condition_too(
    client: Client, act: Acting, clock: TestClock, company: Company, lunch: int
) -> None:
    clock.advance(seconds=5)
    act.edit(company.kari, lunch, place="Roof")

    answer = await client.send("DELETE", f"{APPOINTMENT}/{lunch}", headers={"If-Unmodified-Since": CREATED})
    assert answer.status_code == 412

    answer = await client.send("DELETE", f"{APPOINTMENT}/{lunch}", headers={"If-Unmodified-Since": LATER})
    assert answer.status_code == 204


@pytest.mark.parametrize("status", [404, 204])
async def test_deleting_a_missing_id_is_404_or_204(client: Client, switches: Switches, status: int) -> None:
    switches.delete_missing_status = status

    assert (await client.send("DELETE", f"{APPOINTMENT}/99999")).status_code == status


@pytest.mark.parametrize(("title_wins", "title"), [(True, "Dinner"), (False, "Lunch")])
async def test_of_title_and_description_one_wins(
    client: Client, act: Acting, switches: Switches, lunch: int, title_wins: bool, title: str
) -> None:
    switches.title_wins = title_wins

    await client.save((await client.entity(lunch)) | {"Title": "Dinner"})

    assert act.records()[0]["title"] == title


async def test_the_active_date_is_kept_as_sent_so_a_forgotten_one_leaves_the_row_in_its_old_place(
    client: Client, company: Company, lunch: int
) -> None:
    entity = await client.entity(lunch)
    await client.save(entity | {"StartDate": "2026-04-10T09:00:00Z", "EndDate": "2026-04-10T10:00:00Z"})

    window = {"StartTime": "2026-04-10T00:00:00Z", "EndTime": "2026-04-11T00:00:00Z", "Count": -1}
    moved = await client.agent("GetAssociateDiary", {"AssociateId": company.kari} | window)
    assert [row["ActiveDate"] for row in moved] == ["2026-03-05T11:00:00Z"]

    window = {"StartTime": "2026-04-11T00:00:00Z", "EndTime": "2026-04-12T00:00:00Z", "Count": -1}
    assert await client.agent("GetAssociateDiary", {"AssociateId": company.kari} | window) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"StartDate": None},
        {"EndDate": "2026-03-05T01:00:00Z"},
        {"Location": "x" * 255},
        {"Title": "x" * 4001, "Description": "x" * 4001},
    ],
)
async def test_a_business_rule_is_broken_with_a_500_and_the_error_body(
    client: Client, act: Acting, lunch: int, spoilt: dict[str, Any]
) -> None:
    before = act.records()

    answer = await client.put((await client.entity(lunch)) | spoilt)

    assert answer.status_code == 500
    assert answer.json()["Error"] is True
    assert act.records() == before


async def test_a_property_of_a_newer_server_is_lost_unless_it_is_echoed(
    client: Client, act: Acting, switches: Switches, lunch: int
) -> None:
    switches.future_property = "Mood"
    entity = await client.get(f"{APPOINTMENT}/{lunch}")
    assert entity["Mood"]

    if isinstance(checker := client.sandbox.app, SchemaCheckedApp):
        checker.echoed = frozenset({"Mood"})
    await client.put(entity)
    assert (await client.get(f"{APPOINTMENT}/{lunch}"))["Mood"] == entity["Mood"]

    await client.put({name: value for name, value in entity.items() if name != "Mood"})
    assert (await client.get(f"{APPOINTMENT}/{lunch}"))["Mood"] is None


async def test_the_other_readings_of_an_appointment(client: Client, company: Company, lunch: int) -> None:
    assert (await client.get(f"{APPOINTMENT}/{lunch}/Simple"))["AssociateId"] == company.kari
    people = await client.get(f"{APPOINTMENT}/{lunch}/Participants")
    assert [each["associateId"] for each in people["value"]] == [company.kari]
    assert (await client.get(f"{APPOINTMENT}/{lunch}/Links"))["value"] == []
    assert (await client.get(f"{APPOINTMENT}/default"))["AppointmentId"] == 0
    entity = await client.entity(lunch)
    assert (await client.send("POST", f"{APPOINTMENT}/Validate", json=entity)).json() == {}


async def _patch(client: Client, appointment: int, operations: list[dict[str, Any]]) -> Any:
    return await client.send(
        "PATCH",
        f"{APPOINTMENT}/{appointment}",
        json=operations,
        headers={"Content-Type": "application/json-patch+json"},
    )
