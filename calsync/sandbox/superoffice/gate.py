"""Before a tenant's API does anything: the right host, a good ticket, a running tenant, and the faults."""

from collections.abc import Mapping
from typing import Final

from calsync.sandbox.superoffice import appointments_agent, appointments_rest, archive, foreign_keys, people_api
from calsync.sandbox.superoffice.asgi import Answer, Call, Refusal, Router, html
from calsync.sandbox.superoffice.desk import Desk
from calsync.sandbox.superoffice.records import TenantState
from calsync.sandbox.superoffice.switches import Fault, Harm, Switches
from calsync.sandbox.superoffice.world import Actor, Tenant, World
from calsync.sandbox.superoffice.zones import view_from_header

ROUTER: Final = Router[Desk](
    [
        *appointments_rest.ROUTES,
        *appointments_agent.ROUTES,
        *archive.ROUTES,
        *foreign_keys.ROUTES,
        *people_api.ROUTES,
    ]
)
_UP: Final = frozenset({TenantState.RUNNING, TenantState.ONLINE_MAINTENANCE})
_READING: Final = ("get", "createdefault", "willsend", "calculate", "validate", "getcan")
_OPEN: Final = ("get", "/api")
"""The version information needs no ticket."""


def serve(world: World, tenant: Tenant, call: Call, base: str) -> Answer:
    """Answer a tenant's request; ``call.path`` is below the tenant's root."""
    if tenant.state not in _UP:
        return html(503, "Service Unavailable")
    if (call.method.lower(), call.path.lower()) != _OPEN:
        _check_ticket(world, tenant, call.headers)
    tenant.commit_due()
    view = view_from_header(call.headers.get("so-timezone"), base_code=tenant.base_code)
    desk = Desk(tenant=tenant, actor=Actor(associate_id=tenant.system_id), view=view, call=call, base=base)
    answer = ROUTER.answer(desk, call.method, call.path)
    return Answer(
        status=answer.status,
        body=answer.body,
        content_type=answer.content_type,
        headers={**answer.headers, "SO-TIMEZONE": view.code},
    )


def _check_ticket(world: World, tenant: Tenant, headers: Mapping[str, str]) -> None:
    scheme, _, ticket = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "soticket" or headers.get("so-apptoken") != world.app.client_secret:
        raise Refusal(401, "SoSessionException", "Ticket or application token is missing or wrong")
    if not world.use_ticket(tenant, ticket.strip()):
        raise Refusal(401, "SoSessionException", "The ticket has expired")


def is_write(method: str, path: str) -> bool:
    """Whether a tenant request means to change something."""
    if "/agents/" in path.lower():
        return not path.rpartition("/")[2].lower().startswith(_READING)
    return method not in {"GET", "HEAD"} and not path.lower().endswith("/validate")


def disturbance(switches: Switches, number: int) -> Answer | None:
    """What the n-th tenant request meets instead of an answer."""
    if _is_turn(switches.throttle_every, number):
        return _slow_down(switches.throttle_status, switches.retry_after)
    if _is_turn(switches.error_every, number):
        return html(switches.error_status, "Server Error")
    if _is_turn(switches.html_every, number):
        return html(200, "Sign in")
    return None


def _is_turn(every: int, number: int) -> bool:
    return every > 0 and number % every == 0


def _slow_down(status: int, retry_after: str | None) -> Answer:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    refusal = Refusal(status, "SoThrottledException", "Too many requests").answer()
    return Answer(status=status, body=refusal.body, headers=headers)


def faulty_answer(fault: Fault) -> Answer:
    """What a fault that answers says."""
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if fault.harm is Harm.HTML:
        page = html(fault.status, "Sign in")
        return Answer(status=page.status, body=page.body, content_type=page.content_type, headers=headers)
    if fault.harm is Harm.EMPTY:
        return Answer(status=fault.status, headers=headers)
    refusal = Refusal(fault.status, "SoException", "The simulator was told to fail").answer()
    return Answer(status=fault.status, body=refusal.body, headers=headers)
