"""Looking whether everything is in order: the store by itself (`fsck`) and together with its servers (`doctor`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection as Sql

from calsync.compose import House
from calsync.core.ends import End
from calsync.core.errors import CalsyncError, RemoteError
from calsync.engine.people import recent_failures
from calsync.engine.rhythm import SENTENCES, PairReason
from calsync.ports import Connection, ConnectionState, Pair, PairState, Tenant, TenantState
from calsync.store.opening import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; ``advice`` where somebody can do something."""

    check: str
    good: bool
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"check": self.check, "ok": self.good, "found": self.found, "advice": self.advice}


# --- the store by itself --------------------------------------------------------------------------------------------


async def fsck(store: Store) -> list[str]:
    """What is wrong with the store: its pages, what cannot be opened with its keys, what contradicts itself."""
    findings = await store.database.run(_damage)
    try:
        await store.people.tenants()
        await store.people.associates()
        await store.people.connections()
        for pair in await store.people.pairs():
            findings += [text async for text in _contradictions(store, pair)]
    except CalsyncError as error:
        findings.append(str(error))
    return findings


def _damage(connection: Sql) -> list[str]:
    pages = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [text for text in pages if text != "ok"] + [f"a row of {row[0]} belongs to nothing" for row in lost]


async def _contradictions(store: Store, pair: Pair) -> AsyncIterator[str]:
    links = await store.records.links(pair.id)
    ids = {link.id for link in links}
    for end in End:
        refs = Counter(ref for link in links if (ref := link.ref(end)) is not None)
        for ref, times in refs.items():
            if times > 1:
                yield f"pair {pair.id}: {times} links name {ref} at the {end.value} side"
    for link in links:
        if link.base.crm is None and link.base.calendar is None and link.is_settled:
            yield f"pair {pair.id}: link {link.id} names nothing at either side"
    for group in await store.records.held(pair.id, open_only=True):
        missing = sum(1 for each in group.events if each.link not in ids)
        if missing:
            yield f"pair {pair.id}: held group {group.id} names {missing} events that are no longer linked"
    await store.records.asides(pair.id)
    await store.records.conflicts(pair.id)


# --- the store and its servers --------------------------------------------------------------------------------------


async def examine(house: House) -> list[Check]:
    """Tenants, connections and pairs, with one question to each server."""
    findings = await fsck(house.store)
    checks = [Check(check="store", good=not findings, found="; ".join(findings) or "in order", advice="")]
    checks += [await _tenant(house, one) for one in await house.store.people.tenants() if one.environment]
    checks += [await _connection(house, one) for one in await house.store.people.connections()]
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
