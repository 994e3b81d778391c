"""``/api/v1/Appointment``: the REST face, with HTTP's verbs, codes and conditions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final

from calsync.sandbox.superoffice import carriers, foreign_keys, saving
from calsync.sandbox.superoffice.asgi import Answer, Refusal, Route, json_answer, nothing
from calsync.sandbox.superoffice.desk import Desk
from calsync.sandbox.superoffice.entity import findings
from calsync.sandbox.superoffice.patching import patched
from calsync.sandbox.superoffice.records import AppointmentRow, UpdateMode

_PATCH_TYPES: Final = {"application/json-patch+json": list, "application/merge-patch+json": dict}


def _with_links(desk: Desk, row: AppointmentRow) -> dict[str, Any]:
    shown = carriers.entity(desk.tenant, row, desk.view)
    if desk.call.query.get("fk", "").lower() == "true":
        shown["ExtraFields"] = foreign_keys.on_record(desk.tenant, "appointment", row.appointment_id)
    shown = carriers.narrow(shown, desk.select)
    self_url = f"{desk.base}/api/v1/Appointment/{row.appointment_id}"
    shown["_Links"] = {"Self": self_url, "Self.Simple": f"{self_url}/Simple"}
    return dict(shown)


def _answer(desk: Desk, row: AppointmentRow) -> Answer:
    modified = format_datetime(_modified(row), usegmt=True)
    return json_answer(_with_links(desk, row), headers={"Last-Modified": modified})


def _modified(row: AppointmentRow) -> datetime:
    return row.updated or row.registered


def _moment(text: str | None) -> datetime | None:
    """An HTTP date; what is none is ignored."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _check_unmodified(desk: Desk, row: AppointmentRow) -> None:
    """412 if the row was changed later, in whole seconds, which cannot tell two edits of a second apart."""
    since = _moment(desk.call.headers.get("if-unmodified-since"))
    if since is None:
        return
    modified = _modified(row)
    strict = desk.tenant.switches.unmodified_since_strict
    if modified > since or (strict and modified == since):
        raise Refusal(412, "SoPreconditionFailedException", f"Appointment {row.appointment_id} was changed")


def _rest_mode(desk: Desk) -> UpdateMode:
    follows = desk.tenant.switches.rest_write_follows_series
    return UpdateMode.ThisAndForward if follows else UpdateMode.OnlyThis


def default(desk: Desk, _: Mapping[str, str]) -> Answer:
    kind = desk.tenant.tables.tasks[1]
    shown = carriers.default_entity(desk.tenant, desk.actor.associate_id, kind, desk.view)
    return json_answer(shown | {"_Links": {}})


def read(desk: Desk, params: Mapping[str, str]) -> Answer:
    row = desk.row(params["id"])
    since = _moment(desk.call.headers.get("if-modified-since"))
    if since is not None and _modified(row) <= since:
        return Answer(status=304)
    return _answer(desk, row)


def create(desk: Desk, _: Mapping[str, str]) -> Answer:
    row = saving.create(desk.body(), desk.saving("POST Appointment", plain=True))
    return _answer(desk, row)


def replace(desk: Desk, params: Mapping[str, str]) -> Answer:
    row = desk.row(params["id"])
    entity = desk.body()
    _check_unmodified(desk, row)
    saving.update(row, entity, desk.saving("PUT Appointment", mode=_rest_mode(desk), plain=True))
    return _answer(desk, row)


def patch(desk: Desk, params: Mapping[str, str]) -> Answer:
    row = desk.row(params["id"])
    sent = desk.call.json()
    media_type = desk.call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not isinstance(sent, _PATCH_TYPES.get(media_type, (list, dict))):
        raise Refusal(400, "ArgumentException", f"The body does not fit {media_type}")
    _check_unmodified(desk, row)
    entity = patched(carriers.entity(desk.tenant, row, desk.view), sent)
    saving.update(row, entity, desk.saving("PATCH Appointment", mode=_rest_mode(desk), plain=True))
    return _answer(desk, row)


def remove(desk: Desk, params: Mapping[str, str]) -> Answer:
    row = desk.tenant.find(int(params["id"])) if params["id"].isdigit() else None
    if row is None and desk.tenant.switches.delete_missing_status == 204:  # noqa: PLR2004  # HTTP's number
        return nothing()
    row = desk.row(params["id"])
    _check_unmodified(desk, row)
    saving.delete(row, desk.saving("DELETE Appointment", mode=_rest_mode(desk), plain=True))
    return nothing()


def simple(desk: Desk, params: Mapping[str, str]) -> Answer:
    return json_answer(carriers.flat(desk.tenant, desk.row(params["id"]), desk.view))


def participants(desk: Desk, params: Mapping[str, str]) -> Answer:
    rows = [
        {
            "PrimaryKey": str(number),
            "EntityName": "participant",
            "associateId": each["AssociateId"],
            "personId": each["PersonId"],
            "contactId": each["ContactId"],
            "email": each["EmailAddress"],
            "fullName": each["Description"],
        }
        for number, each in enumerate(carriers.participants(desk.tenant, desk.row(params["id"])), start=1)
    ]
    return json_answer({"odata.metadata": f"{desk.base}/api/v1/Archive//$metadata", "value": rows})


def links(desk: Desk, params: Mapping[str, str]) -> Answer:
    desk.row(params["id"])
    return json_answer({"odata.metadata": f"{desk.base}/api/v1/Archive//$metadata", "value": []})


def keys(desk: Desk, params: Mapping[str, str]) -> Answer:
    row = desk.row(params["id"])
    return json_answer(foreign_keys.on_record(desk.tenant, "appointment", row.appointment_id))


def validate(desk: Desk, _: Mapping[str, str]) -> Answer:
    return json_answer(findings(desk.body(), desk.view))


ROUTES: Final = (
    Route("GET", "/api/v1/Appointment/default", default),
    Route("POST", "/api/v1/Appointment", create),
    Route("POST", "/api/v1/Appointment/Validate", validate),
    Route("GET", "/api/v1/Appointment/{id}", read),
    Route("PUT", "/api/v1/Appointment/{id}", replace),
    Route("PATCH", "/api/v1/Appointment/{id}", patch),
    Route("DELETE", "/api/v1/Appointment/{id}", remove),
    Route("GET", "/api/v1/Appointment/{id}/Simple", simple),
    Route("GET", "/api/v1/Appointment/{id}/Participants", participants),
    Route("GET", "/api/v1/Appointment/{id}/Links", links),
    Route("GET", "/api/v1/Appointment/{id}/ForeignKey", keys),
)
