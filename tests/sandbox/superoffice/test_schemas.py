from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from calsync.sandbox.superoffice import (
    appointments_agent,
    appointments_rest,
    archive,
    foreign_keys,
    people_api,
)
from tests.sandbox.superoffice.client import APPOINTMENT, Client
from tests.schemas import SchemaCheckedApp, SchemaError, check_exchange, schema_folder, superoffice_schemas

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.server import SuperOfficeSandbox

AGENT = "/api/v1/Agents/Appointment"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _needs_the_definition() -> None:
    superoffice_schemas()


def _check(
    method: str, path: str, sent: Any = None, status: int = 200, answer: Any = None, query: str = "", **more: Any
) -> None:
    body = b"" if sent is None else json.dumps(sent).encode()
    check_exchange(method, path, query, JSON, body, status, json.dumps(answer).encode(), **more)


def test_a_fitting_exchange_passes() -> None:
    _check("POST", f"{AGENT}/Save", {"AppointmentEntity": {"Title": "x"}, "UpdateMode": "OnlyThis"}, 200, None)


@pytest.mark.parametrize(
    "sent",
    [
        {"UpdateMode": "Sometimes"},
        {"SendEmailToParticipant": False},
        {"AppointmentEntity": {"Titel": "x"}},
        {"AppointmentEntity": {"Associate": {"AssociateID": 1}}},
        {"AppointmentEntity": {"Recurrence": {"Dates": [{"Day": "2026-03-05T00:00:00"}]}}},
        {"AppointmentEntity": {"StartDate": "2026-03-05"}},
        {"AppointmentEntity": {"IsFree": "yes"}},
    ],
)
def test_a_wrong_request_is_found_however_deep(sent: Any) -> None:
    with pytest.raises(SchemaError):
        _check("POST", f"{AGENT}/Save", sent)


def test_an_unknown_property_in_an_answer_is_what_newer_servers_send() -> None:
    _check("GET", f"{APPOINTMENT}/5", answer={"AppointmentId": 5, "Mood": "good"})


@pytest.mark.parametrize("answer", [{"AppointmentId": "5"}, {"Type": "InDiary"}, [], {"StartDate": "tomorrow"}])
def test_a_wrong_answer_is_found(answer: Any) -> None:
    with pytest.raises(SchemaError):
        _check("GET", f"{APPOINTMENT}/5", answer=answer)


@pytest.mark.parametrize(
    ("method", "path", "query", "sent"),
    [
        ("GET", "/api/v1/Appointments", "", None),
        ("POST", f"{AGENT}/GetAppointmentEntity", "", None),
        ("POST", f"{AGENT}/GetAppointmentEntity", "appointmentEntityId=five", None),
        ("GET", APPOINTMENT, "$limit=5", None),
        ("GET", APPOINTMENT, "$top=many", None),
        ("GET", f"{APPOINTMENT}/5", "", {"Title": "x"}),
        ("PUT", f"{APPOINTMENT}/5", "", None),
    ],
)
def test_a_request_the_definition_does_not_know_is_found(method: str, path: str, query: str, sent: Any) -> None:
    with pytest.raises(SchemaError):
        _check(method, path, sent, query=query, answer={})


def test_a_wrong_media_type_is_found() -> None:
    with pytest.raises(SchemaError):
        check_exchange("PUT", f"{APPOINTMENT}/5", "", {"Content-Type": "text/plain"}, b"{}", 200, b"{}")


def test_literal_segments_are_tried_first() -> None:
    definition = superoffice_schemas()

    assert definition.operation("GET", f"{APPOINTMENT}/default").template == f"{APPOINTMENT}/default"
    assert definition.operation("GET", f"{APPOINTMENT}/5").template == APPOINTMENT + "/{id}"
    assert definition.operation("GET", "/api/v1/ForeignApp/a/Devices").template.endswith("/Devices")


def test_what_a_newer_server_sent_may_be_echoed() -> None:
    sent = {"AppointmentId": 5, "Mood": "good"}

    _check("PUT", f"{APPOINTMENT}/5", sent, answer={}, echoed=frozenset({"Mood"}))
    with pytest.raises(SchemaError):
        _check("PUT", f"{APPOINTMENT}/5", sent, answer={})


def test_a_page_is_no_answer_but_for_errors() -> None:
    path = f"{APPOINTMENT}/5"

    check_exchange("GET", path, "", {}, b"", 503, b"<html>", response_type="text/html")
    with pytest.raises(SchemaError):
        check_exchange("GET", path, "", {}, b"", 200, b"<html>", response_type="text/html")


def test_a_body_where_none_is_defined_is_found() -> None:
    with pytest.raises(SchemaError):
        check_exchange("DELETE", f"{APPOINTMENT}/5", "", {}, b"", 204, b"{}")


async def test_the_checker_in_front_of_the_simulator_stops_a_wrong_request(
    client: Client, sandbox: SuperOfficeSandbox
) -> None:
    with pytest.raises(SchemaError):
        await client.agent("Save", {"Appointment": {}})

    checker = sandbox.app
    assert isinstance(checker, SchemaCheckedApp)
    assert len(checker.findings) == 1
    assert checker.checked > 0


async def test_wrong_answers_pass_where_they_are_asked_for_but_wrong_requests_do_not(
    client: Client, sandbox: SuperOfficeSandbox
) -> None:
    sandbox.switches.html_every = 1
    checker = sandbox.app
    assert isinstance(checker, SchemaCheckedApp)
    with pytest.raises(SchemaError):
        await client.send("GET", "/api/v1/TimeZone/base")

    checker.faulty_answers = True

    assert (await client.send("GET", "/api/v1/TimeZone/base")).status_code == 200
    with pytest.raises(SchemaError):
        await client.send("GET", "/api/v1/TimeZone/bass")


def _routes() -> list[tuple[str, str]]:
    modules = (appointments_agent, appointments_rest, archive, foreign_keys, people_api)
    return [(route.method, route.template) for module in modules for route in module.ROUTES]


@pytest.mark.parametrize(("method", "template"), _routes())
def test_every_operation_of_the_simulator_is_in_the_definition(method: str, template: str) -> None:
    path = re.sub(r"\{\w+\}", "5", template)

    assert superoffice_schemas().operation(method, path).template


def test_without_the_definition_the_checks_are_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALSYNC_SCHEMAS", str(tmp_path / "nowhere"))

    assert schema_folder() == tmp_path / "nowhere"
    with pytest.raises(pytest.skip.Exception):
        superoffice_schemas()


def test_in_ci_a_folder_without_the_definition_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALSYNC_SCHEMAS", str(tmp_path))
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception):
        superoffice_schemas()
