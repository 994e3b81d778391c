"""Tenants and connections: taking them in, taking them in again, letting them go."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from calsync.core.errors import CalsyncError, SignInNeededError, TryLaterError
from calsync.engine.feed import FeedDesk, run_feed
from calsync.engine.requests import Given
from calsync.engine.resolve import NotFoundError, NotPossibleError
from calsync.ports import (
    Associate,
    Calendar,
    Clock,
    Connection,
    ConnectionState,
    FoundCalendar,
    NewId,
    Pair,
    PairState,
    People,
    Records,
    Systems,
    Tenant,
    TenantState,
)

log = logging.getLogger(__name__)

LOCAL: Final = "local"
"""The built-in tenant without SuperOffice, for pairs of two calendars; made on first use."""
SIGN_INS_A_DAY: Final = 3
DAY: Final = timedelta(days=1)


class NotAvailableError(CalsyncError):
    """This version cannot do it yet."""


class OtherSubjectError(CalsyncError):
    """A person's connection would become another person's account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a sign-in found. ``subject`` names the account for ever; ``facts`` are kept with the connection."""

    subject: str
    calendars: tuple[FoundCalendar, ...]
    facts: Mapping[str, Any]


class Admissions(Protocol):
    """Proving tenants and accounts at their systems; `compose` chooses them."""

    async def tenant(self, tenant: Tenant) -> tuple[Tenant, Sequence[Associate]]:
        """State, ticket, principal and people of a tenant. Raises as `ports.Side` does."""
        ...

    async def account(self, connection: Connection) -> Account:
        """Sign in once.

        Raises:
            SignInNeededError: the credential was not accepted.
            CalendarUnavailableError: there are no calendars; the message says what to do.
        """
        ...

    def environments(self) -> Sequence[str]:
        """The SuperOffice environments that are configured."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleDesk:
    """The ports that taking people in works with."""

    people: People
    records: Records
    systems: Systems
    admissions: Admissions
    clock: Clock
    new_id: NewId


# --- tenants --------------------------------------------------------------------------------------------------------


async def add_tenant(desk: PeopleDesk, wanted: object) -> tuple[Tenant, Sequence[Associate]]:
    """Take a tenant in, or in again: the token is replaced, the serial number stays pinned.

    Raises:
        InputError: the input cannot be used.
        SignInNeededError, CalendarUnavailableError, TryLaterError: it did not prove itself; nothing was stored.
    """
    tenant = _read_tenant(desk, wanted)
    known = await desk.people.tenant(tenant.id)
    if known is not None:
        if tenant.serial and known.serial and tenant.serial != known.serial:
            raise NotPossibleError(f"the serial number of {tenant.id} is pinned as {known.serial}; it cannot change")
        tenant = replace(tenant, serial=tenant.serial or known.serial, epoch=known.epoch)
    admitted, people = await desk.admissions.tenant(tenant)
    await desk.people.put_tenant(admitted)
    await desk.people.put_associates(admitted.id, people)
    await _begin_feed(desk, admitted)
    await wake_sleepers(desk, await desk.people.pairs(admitted.id))
    return admitted, people


def _read_tenant(desk: PeopleDesk, wanted: object) -> Tenant:
    given = Given(wanted)
    environment = given.text("environment")
    environments = desk.admissions.environments()
    if environment and environment not in environments:
        sections = ", ".join(f"[superoffice.{name}]" for name in environments) or "none"
        given.wrong("environment", repr(environment), f"one that the settings have (they have {sections})")
    tenant = Tenant(
        id=given.text("custid"),
        environment=environment,
        serial=given.text("serial", ""),
        token=given.secret("system_user_token"),
        state=TenantState.RUNNING,
    )
    if tenant.id == LOCAL:
        given.wrong("custid", repr(LOCAL), "the context identifier of a SuperOffice customer")
    given.finish()
    return tenant


async def _begin_feed(desk: PeopleDesk, tenant: Tenant) -> None:
    """A cursor from now on. Without one the first poll makes it: every new pair looks at everything anyway."""
    feeds = FeedDesk(people=desk.people, records=desk.records, clock=desk.clock)
    try:
        await run_feed(feeds, tenant, await desk.systems.feed(tenant), sweep=False)
    except TryLaterError as error:
        log.warning("the feed of %s begins later: %s", tenant.id, error)


async def tenant_of(desk: PeopleDesk, name: str) -> Tenant:
    """A tenant by name; the local one is made when it is first asked for.

    Raises:
        NotFoundError: there is no such tenant.
    """
    tenant = await desk.people.tenant(name)
    if tenant is None and name == LOCAL:
        tenant = Tenant(id=LOCAL)
        await desk.people.put_tenant(tenant)
    if tenant is None:
        raise NotFoundError(f"there is no tenant {name}; `calsync tenant add` takes one in")
    return tenant


async def remove_tenant(desk: PeopleDesk, name: str) -> Mapping[str, int]:
    """Erase everything of a tenant and destroy its key; what its calendars hold stays there."""
    if await desk.people.tenant(name) is None:
        raise NotFoundError(f"there is no tenant {name}")
    return await desk.people.erase_tenant(name)


# --- connections ----------------------------------------------------------------------------------------------------


async def connect(desk: PeopleDesk, wanted: object) -> tuple[Connection, Sequence[FoundCalendar]]:
    """Connect a person's account, or connect it again.

    Raises:
        InputError: the input cannot be used.
        NotAvailableError: a kind of account of a later version.
        OtherSubjectError: the person has a connection there, to another account.
        SignInNeededError: the credential was not accepted; nothing was stored but the count.
    """
    draft = await _draft(desk, wanted)
    mine = [one for one in await desk.people.connections(draft.tenant) if one.associate == draft.associate]
    tried = next((one for one in mine if _account_of(one) == _account_of(draft)), None)
    if tried is not None:
        _check_tries(tried, desk.clock.now())
        draft = replace(draft, failed_sign_ins=tried.failed_sign_ins)
    account = await _sign_in(desk, draft, tried)
    known = next((one for one in mine if one.subject == account.subject), None)
    if known is None:
        _check_subject(draft, [one for one in mine if is_connected(one)])
        if tried is not None and not is_connected(tried):
            draft = replace(draft, id=tried.id)
    connection = _connected(draft, account, known)
    await desk.people.put_connection(connection)
    await wake_sleepers(desk, [pair for pair in await desk.people.pairs(draft.tenant) if uses(pair, connection.id)])
    return connection, account.calendars


async def _draft(desk: PeopleDesk, wanted: object) -> Connection:
    given = Given(wanted)
    kind = given.text("kind")
    if kind == "microsoft":
        raise NotAvailableError("connecting Microsoft 365 is not available in this version; connect a CalDAV calendar")
    if kind and kind != "caldav":
        given.wrong("kind", repr(kind), "caldav")
    tenant = given.text("tenant", LOCAL)
    associate = given.number("associate_id", None, least=1)
    draft = Connection(
        id=desk.new_id(),
        tenant=tenant,
        associate=associate,
        kind="caldav",
        subject="",
        url=given.text("url"),
        username=given.text("username"),
        secret=given.secret("password"),
    )
    given.finish()
    await _check_owner(desk, draft)
    return draft


async def _check_owner(desk: PeopleDesk, draft: Connection) -> None:
    tenant = await tenant_of(desk, draft.tenant)
    if tenant.id == LOCAL and draft.associate is None:
        return
    if draft.associate is None:
        raise NotFoundError(f"the connection needs an associate_id: whose calendar in {tenant.id} is it?")
    people = await desk.people.associates(tenant.id)
    if not any(person.id == draft.associate for person in people):
        raise NotFoundError(f"{tenant.id} has no user {draft.associate}; `calsync people list` shows them")


def _check_tries(connection: Connection, now: datetime) -> None:
    recent = recent_failures(connection.failed_sign_ins, now)
    if len(recent) >= SIGN_INS_A_DAY:
        again = min(recent) + DAY
        raise NotPossibleError(
            f"{SIGN_INS_A_DAY} sign-ins as {connection.username} failed within a day; so that the account is not "
            f"locked, the next try is possible at {again:%Y-%m-%d %H:%M} UTC"
        )


def recent_failures(failures: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Those of the last day."""
    return tuple(at for at in failures if now - at < DAY)


async def _sign_in(desk: PeopleDesk, draft: Connection, tried: Connection | None) -> Account:
    """Sign in; a failure is kept, also of an account that is not connected yet: no password with it, and no subject."""
    try:
        return await desk.admissions.account(draft)
    except SignInNeededError:
        attempt = replace(draft, secret="", state=ConnectionState.SIGN_IN) if tried is None else tried
        failures = (*recent_failures(attempt.failed_sign_ins, desk.clock.now()), desk.clock.now())
        await desk.people.put_connection(replace(attempt, failed_sign_ins=failures))
        raise


def is_connected(connection: Connection) -> bool:
    """Whether it is an account; else it only remembers sign-ins that failed."""
    return bool(connection.subject)


def _account_of(connection: Connection) -> tuple[str, str]:
    return connection.username, _server(connection.url)


def _check_subject(draft: Connection, mine: Sequence[Connection]) -> None:
    """A person may have accounts at several servers, but one account does not turn into another one."""
    if draft.associate is None:
        return
    for one in mine:
        if _server(one.url) == _server(draft.url):
            raise OtherSubjectError(
                f"this person is connected there as {one.username}; another account is refused, "
                "so that one person's calendar never becomes another's"
            )


def _server(address: str) -> str:
    return (urlsplit(address).netloc or address.rpartition("@")[2]).lower()


def _connected(draft: Connection, account: Account, known: Connection | None) -> Connection:
    facts = {**account.facts, "calendars": [_calendar_as_fact(one) for one in account.calendars]}
    if known is None:
        return replace(draft, subject=account.subject, facts=facts)
    return replace(
        known,
        url=draft.url,
        username=draft.username,
        secret=draft.secret,
        facts={**known.facts, **facts},
        state=ConnectionState.OK,
    )


def _calendar_as_fact(calendar: FoundCalendar) -> dict[str, Any]:
    return {"id": calendar.id, "name": calendar.name, "writable": calendar.writable}


def calendars_of(connection: Connection) -> list[FoundCalendar]:
    """The calendars that were there when it was connected."""
    return [FoundCalendar(**one) for one in connection.facts.get("calendars", ())]


async def refreshed(desk: PeopleDesk, connection: Connection) -> Connection:
    """The connection with its calendars of now."""
    account = await desk.admissions.account(connection)
    found = _connected(connection, account, connection)
    await desk.people.put_connection(found)
    return found


def uses(pair: Pair, connection: str) -> bool:
    return any(isinstance(end, Calendar) and end.connection == connection for end in pair.ends)


async def wake_sleepers(desk: PeopleDesk, pairs: Sequence[Pair]) -> None:
    """Pairs that waited for a sign-in go on now."""
    for pair in pairs:
        if pair.state is PairState.SIGN_IN:
            await desk.people.put_pair(replace(pair, state=PairState.OK, reason="", fails=0, due_at=desk.clock.now()))
