"""``/_control``: everything a test can do in process, over HTTP, for a simulator that runs as a process.

* ``GET /_control`` - counts; ``GET /_control/records|mails|requests|credentials`` (``?custid=``)
* ``POST /_control/switches`` - an object of switch names and values
* ``POST /_control/faults`` - a fault (names as in ``Fault``); ``DELETE`` forgets all
* ``POST /_control/act/{verb}`` - ``{"custid", "args": [...], "fields": {...}}``, a verb of ``Acting``
* ``POST /_control/snapshot|restore`` - ``{"name"}``; ``POST /_control/tickets/expire``
* ``POST /_control/tenant`` - ``{"custid", "state", "host_index", "approved"}``
* ``DELETE /_control/requests|mails`` - forget what was counted
"""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from calsync.sandbox.superoffice.acting import Acting, NotAllowedError
from calsync.sandbox.superoffice.asgi import Answer, Call, Refusal, Route, Router, json_answer, nothing
from calsync.sandbox.superoffice.login import Credentials
from calsync.sandbox.superoffice.records import TenantState
from calsync.sandbox.superoffice.switches import Fault, Harm, Switches
from calsync.sandbox.superoffice.world import Tenant

if TYPE_CHECKING:
    from calsync.sandbox.superoffice.environment import Environment

_VERBS: Final = frozenset(
    {
        "create",
        "create_task",
        "create_document",
        "create_series",
        "book",
        "edit",
        "delete",
        "answer",
        "convert_to_task",
        "change_owner",
        "copy",
        "retire",
        "record",
    }
)
_IN_PROCESS_ONLY: Final = frozenset({"faults", "before_effect", "after_effect"})
_MOMENTS: Final = frozenset({"start", "end"})


@dataclasses.dataclass(frozen=True, slots=True)
class ControlDesk:
    environment: "Environment"
    call: Call

    def tenant(self, sent: Mapping[str, Any]) -> Tenant:
        return self.environment.world.tenant(str(sent.get("custid") or ""))

    def asked(self) -> dict[str, Any]:
        sent = self.call.json() if self.call.body else dict(self.call.query)
        if not isinstance(sent, dict):
            raise Refusal(400, "ControlError", "The body is no object")
        return sent


def answer(environment: "Environment", call: Call) -> Answer:
    try:
        return ROUTER.answer(ControlDesk(environment, call), call.method, call.path.rstrip("/"))
    except Refusal as refusal:
        return refusal.answer()
    except (KeyError, TypeError, ValueError, AttributeError, NotAllowedError) as error:
        return Refusal(400, "ControlError", f"{type(error).__name__}: {error}").answer()


def credentials_of(environment: "Environment", tenant: Tenant) -> Credentials:
    app = environment.world.app
    return Credentials(
        login_url=environment.origins.login,
        client_id=app.client_id,
        client_secret=app.client_secret,
        private_key_pem=app.private_key_pem,
        custid=tenant.custid,
        serial=tenant.serial,
        system_user_token=tenant.system_token,
    )


def _summary(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    environment = desk.environment
    log, tenants = environment.requests, environment.world.tenants.values()
    return json_answer(
        {
            "login_url": environment.origins.login,
            "tenants": {tenant.custid: environment.tenant_url(tenant) for tenant in tenants},
            "requests": len(log),
            "writes": len(log.writes),
            "in_flight_max": log.in_flight_max,
            "by_path": dict(log.by_path()),
            "mails": sum(len(tenant.mails) for tenant in tenants),
            "appointments": {tenant.custid: len(tenant.tables.appointments) for tenant in tenants},
        }
    )


def _records(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    return json_answer(Acting(desk.tenant(desk.asked())).records())


def _mails(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    return json_answer([dataclasses.asdict(mail) for mail in desk.tenant(desk.asked()).mails])


def _forget_mails(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    desk.tenant(desk.asked()).mails.clear()
    return nothing()


def _requests(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    return json_answer([dataclasses.asdict(entry) for entry in desk.environment.requests])


def _forget_requests(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    desk.environment.requests.clear()
    return nothing()


def _credentials(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    found = credentials_of(desk.environment, desk.tenant(desk.asked()))
    return json_answer(dataclasses.asdict(found))


def _switches(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    """Set switches; answers them all."""
    switches = desk.environment.world.switches
    for name, value in desk.asked().items():
        if name in _IN_PROCESS_ONLY or not hasattr(switches, name):
            raise Refusal(400, "ControlError", f"No switch {name!r}")
        now = getattr(switches, name)
        setattr(switches, name, type(now)(value) if isinstance(now, Enum) else value)
    return json_answer(_shown_switches(switches))


def _shown_switches(switches: Switches) -> dict[str, Any]:
    names = (each.name for each in dataclasses.fields(switches) if each.name not in _IN_PROCESS_ONLY)
    values = ((name, getattr(switches, name)) for name in names)
    return {name: value.value if isinstance(value, Enum) else value for name, value in values}


def _add_fault(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    asked = desk.asked()
    fault = Fault(**(asked | {"harm": Harm(asked["harm"])}))
    desk.environment.world.switches.faults.append(fault)
    return nothing()


def _forget_faults(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    desk.environment.world.switches.faults.clear()
    return nothing()


def _act(desk: ControlDesk, params: Mapping[str, str]) -> Answer:
    verb, asked = params["verb"], desk.asked()
    if verb not in _VERBS:
        raise Refusal(404, "ControlError", f"Nobody can {verb}")
    sent = asked.get("fields") or {}
    fields: dict[str, Any] = {name: _moment(value) if name in _MOMENTS else value for name, value in sent.items()}
    if "days" in sent:
        fields["days"] = [date.fromisoformat(day) for day in sent["days"]]
    acting = Acting(desk.tenant(asked))
    return json_answer(getattr(acting, verb)(*(asked.get("args") or ()), **fields))


def _moment(text: str) -> datetime | date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _snapshot(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    environment = desk.environment
    environment.saved[str(desk.asked().get("name") or "")] = environment.world.snapshot()
    return nothing()


def _restore(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    environment = desk.environment
    environment.world.restore(environment.saved[str(desk.asked().get("name") or "")])
    return nothing()


def _expire(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    desk.environment.world.expire_tickets()
    return nothing()


def _tenant(desk: ControlDesk, _: Mapping[str, str]) -> Answer:
    asked = desk.asked()
    tenant = desk.tenant(asked)
    tenant.state = TenantState(asked.get("state", tenant.state.value))
    tenant.host_index = int(asked.get("host_index", tenant.host_index))
    tenant.approved = bool(asked.get("approved", tenant.approved))
    return nothing()


ROUTER: Final = Router[ControlDesk](
    [
        Route("GET", "/_control", _summary),
        Route("GET", "/_control/records", _records),
        Route("GET", "/_control/mails", _mails),
        Route("DELETE", "/_control/mails", _forget_mails),
        Route("GET", "/_control/requests", _requests),
        Route("DELETE", "/_control/requests", _forget_requests),
        Route("GET", "/_control/credentials", _credentials),
        Route("POST", "/_control/switches", _switches),
        Route("POST", "/_control/faults", _add_fault),
        Route("DELETE", "/_control/faults", _forget_faults),
        Route("POST", "/_control/snapshot", _snapshot),
        Route("POST", "/_control/restore", _restore),
        Route("POST", "/_control/tickets/expire", _expire),
        Route("POST", "/_control/tenant", _tenant),
        Route("POST", "/_control/act/{verb}", _act),
    ]
)
