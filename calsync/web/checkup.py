"""Looking whether everything is in order: the store by itself (`fsck`) and together with its servers (`doctor`)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from calsync.compose import House, master_of
from calsync.core.errors import CalsyncError, RemoteError
from calsync.engine.people import is_connected, recent_failures
from calsync.engine.rhythm import SENTENCES, PairReason
from calsync.ports import Connection, ConnectionState, Pair, PairState, Tenant, TenantState
from calsync.settings import Settings
from calsync.store.fsck import check_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; ``advice`` where somebody can do something."""

    check: str
    good: bool
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "ok": self.good, "found": self.found, "advice": self.advice}


async def fsck(settings: Settings) -> list[str]:
    """What is wrong with the store; what the next run settles by itself is not wrong.

    Raises:
        OwnStateError: there is no store, or no key.
    """
    found = await asyncio.to_thread(check_store, settings.store.path, master_of(settings))
    return [one.text for one in found if one.is_fault]


# --- the store and its servers --------------------------------------------------------------------------------------


async def examine(house: House) -> list[Check]:
    """Tenants, connections and pairs, with one question to each server."""
    findings = await fsck(house.settings)
    checks = [Check(check="store", good=not findings, found="; ".join(findings) or "in order", advice="")]
    checks += [await _tenant(house, one) for one in await house.store.people.tenants() if one.environment]
    checks += [await _connection(house, one) for one in await house.store.people.connections() if is_connected(one)]
    checks += [_pair(pair) for pair in await house.store.people.pairs()]
    return checks


async def _tenant(house: House, tenant: Tenant) -> Check:
    name = f"tenant {tenant.id}"
    try:
        proven, people = await house.remote.tenant(tenant)
    except CalsyncError as error:
        return Check(check=name, good=False, found=str(error), advice="Look at the app's approval in SuperOffice.")
    good = tenant.state is TenantState.RUNNING
    return Check(check=name, good=good, found=f"{tenant.state.value} at {proven.url}, {len(people)} people")


async def _connection(house: House, connection: Connection) -> Check:
    name = f"connection {connection.id} ({connection.username})"
    quirks = ", ".join(connection.facts.get("quirks", ())) or "none"
    advice = "`calsync connect` with the credential of now."
    if connection.state is ConnectionState.SIGN_IN:
        return Check(check=name, good=False, found="must sign in again", advice=advice)
    try:
        account = await house.remote.account(connection)
    except RemoteError as error:
        failures = recent_failures(house.remote.refusals(connection), house.clock.now())
        await house.store.people.put_connection(replace(connection, failed_sign_ins=failures))
        return Check(check=name, good=False, found=str(error), advice=advice)
    return Check(check=name, good=True, found=f"{len(account.calendars)} calendars; quirks: {quirks}")


def _pair(pair: Pair) -> Check:
    good = pair.state in (PairState.OK, PairState.PAUSED, PairState.DELAYED)
    known = {reason.value: sentence for reason, sentence in SENTENCES.items()}
    found = f"{pair.state.value}: {known.get(pair.reason, pair.reason)}"
    advice = "`calsync status` and `calsync runs` say more." if pair.reason == PairReason.FAILED.value else ""
    return Check(check=f"pair {pair.id}", good=good, found=found, advice=advice)
