"""From a stored connection to an open side."""

from __future__ import annotations

from dataclasses import replace

from calsync.adapters.caldav.asking import Http
from calsync.adapters.caldav.auth import Login, account_for
from calsync.adapters.caldav.discovery import Connected
from calsync.adapters.caldav.side import CaldavSide
from calsync.adapters.http.guard import Guard
from calsync.ports import Clock, Connection

KIND = "caldav"
_LEARNED = "server"


def open_side(
    connection: Connection,
    calendar: str,
    *,
    http: Http,
    login: Login,
    person_zone: str,
    clock: Clock,
    guard: Guard | None = None,
    parallel: int = 4,
) -> CaldavSide:
    """The side for one calendar (its absolute URL) of a connection that `connect` made."""
    origins = connection.facts.get("origins") or [connection.url]
    name = f"{connection.tenant}/{connection.id}"
    return CaldavSide(
        http=http,
        account=account_for(login, origins, name=name, guard=guard, parallel=parallel),
        principal=str(connection.facts.get("principal", connection.subject)),
        collection_url=calendar,
        person_zone=person_zone,
        clock=clock,
        facts=connection.facts.get(_LEARNED) or {},
    )


def with_found(connection: Connection, found: Connected) -> Connection:
    """The connection with what discovery found; its subject is the principal. What was learned before stays."""
    kept = {name: value for name, value in connection.facts.items() if name == _LEARNED}
    return replace(connection, subject=found.principal, facts={**found.facts, **kept})


def with_learned(connection: Connection, side: CaldavSide) -> Connection:
    """The connection with what its side learned of the server; the same value where that is nothing new."""
    if connection.facts.get(_LEARNED) == side.learned:
        return connection
    return replace(connection, facts={**connection.facts, _LEARNED: dict(side.learned)})
