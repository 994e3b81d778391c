"""Taking in a tenant: it proves itself before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from calsync.adapters.http.exchange import Answer
from calsync.adapters.superoffice import archive, wire
from calsync.adapters.superoffice.auth import Environment, Sends, SigningKeys
from calsync.adapters.superoffice.tenant import TenantApi, check_host, check_running
from calsync.adapters.superoffice.zones import zone_from_code
from calsync.core.errors import CalendarUnavailableError, UnusableAnswerError
from calsync.ports import Associate, Clock, Tenant, TenantState

PAGES_MAX: Final = 500
_GONE: Final = frozenset({"false", "0", "no"})


async def admit(
    *, environment: Environment, keys: SigningKeys, http: Sends, clock: Clock, tenant: Tenant
) -> tuple[Tenant, list[Associate]]:
    """Prove a tenant (id, environment, token, and serial if known): state, ticket, principal, people.

    Answers with the tenant as it is to be stored (address, serial as pinned, principal, base zone) and its users.

    Raises:
        SignInNeededError: the token is not accepted.
        CalendarUnavailableError: it is another tenant or database, lies on a foreign host, or is gone.
        TryLaterError: it is not available now.
    """
    api = TenantApi(environment=environment, tenant=replace(tenant, url=""), keys=keys, http=http, clock=clock)
    place = await api.place()
    check_running(place)
    check_host(place.url, environment.tenant_hosts)
    principal = _principal(await api.read(wire.Call(method="GET", path="/api/v1/User/currentPrincipal")), place.custid)
    base = zone_of(await api.read(wire.Call(method="GET", path="/api/v1/TimeZone/base")))
    admitted = replace(
        tenant,
        id=place.custid,
        serial=api.serial,
        url=api.url,
        principal=principal,
        zone=base,
        state=TenantState.RUNNING,
        detail="" if base else "The base time zone of this tenant is not known.",
    )
    return admitted, await people(api, place.custid)


async def people(api: TenantApi, custid: str) -> list[Associate]:
    """The users of a tenant, with e-mail, state and zone where it can be read."""
    zones = await _zones_of_people(api)
    rows = await _all(api, archive.internal_users, "associateDbId")
    known = (_associate(row, custid, zones) for row in rows)
    return list({one.id: one for one in known if one is not None}.values())


async def _all(api: TenantApi, page: Callable[[int], wire.Call], key: str) -> list[Mapping[str, Any]]:
    """All rows of an archive, by pages from behind the last key."""
    found: list[Mapping[str, Any]] = []
    after = 0
    for _ in range(PAGES_MAX):
        answer = await api.read(page(after))
        rows = archive.rows(answer)
        found += rows
        last = max((archive.whole(row, key, "PrimaryKey") for row in rows), default=0)
        if last <= after or not archive.has_more(answer, len(rows), archive.PAGE):
            return found
        after = last
    raise UnusableAnswerError("SuperOffice's list of users does not come to an end.")


def _associate(row: Mapping[str, Any], custid: str, zones: Mapping[int, str]) -> Associate | None:
    number = archive.whole(row, "associateDbId", "PrimaryKey")
    if not number:
        return None
    return Associate(
        tenant=custid,
        id=number,
        name=archive.text(row, "fullName") or archive.text(row, "userName"),
        email=archive.text(row, "personEmail").strip().lower(),
        state="retired" if _says_no(row.get("isActive")) else "active",
        zone=zones.get(number, ""),
    )


def _says_no(value: Any) -> bool:
    return value is False or str(value).lower() in _GONE


async def _zones_of_people(api: TenantApi) -> Mapping[int, str]:
    """Zones by associate; none where tables cannot be read (the tenant's base zone then serves)."""
    try:
        rows = await _all(api, archive.zones_of_associates, "associate.associate_id")
    except (CalendarUnavailableError, UnusableAnswerError):
        return {}
    zones = await api.zones()
    by_associate = {
        archive.whole(row, "associate.associate_id", "PrimaryKey"): archive.whole(row, "associate.tzLocationId")
        for row in rows
    }
    return {number: zones[zone] for number, zone in by_associate.items() if zone in zones}


def _principal(answer: Answer, custid: str) -> int:
    said = wire.members(answer)
    there = said.get("DatabaseContextIdentifier")
    if isinstance(there, str) and there and there.lower() != custid.lower():
        raise CalendarUnavailableError(f"The ticket belongs to tenant {there}, not to {custid}.")
    number = said.get("AssociateId")
    if not isinstance(number, int) or number <= 0:
        raise UnusableAnswerError("SuperOffice does not say as whom this app works.")
    return number


def zone_of(answer: Answer) -> str:
    """The IANA zone of a TimeZoneData; empty if it is not known."""
    said = wire.members(answer)
    return zone_from_code(str(said.get("TZLocationCode") or ""), str(said.get("TZLocationCities") or ""))
