"""One tenant's API: where it is, whether it may be used, and every call to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote

from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import ConnectionFailedError, ForbiddenAddressError, ThrottledError
from calsync.adapters.http.guard import SetByOperator, matches
from calsync.adapters.http.target import parse_url
from calsync.adapters.superoffice import archive, wire
from calsync.adapters.superoffice.auth import Environment, Sends, SigningKeys, Tickets, login_account
from calsync.adapters.superoffice.mapping import DayClock
from calsync.adapters.superoffice.quirks import Learned
from calsync.adapters.superoffice.zones import zone_from_code
from calsync.core.errors import (
    CalendarUnavailableError,
    InDoubtError,
    RefusedError,
    RemoteError,
    SignInNeededError,
    TryLaterError,
    UnusableAnswerError,
)
from calsync.ports import Clock, Tenant

T = TypeVar("T")

OK: Final = 200
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_MISDIRECTED: Final = 421
_FOR_GOOD: Final = frozenset({"Deleted", "Deleting", "DeleteFailed", "ProvisioningFailed", "3", "8", "10", "11"})
_FACTS_LIVE: Final = timedelta(hours=6)
_ABSENCE_LIVES: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the state API says: where the tenant is now and whether its API is up."""

    url: str
    state: str
    running: bool
    custid: str


def read_state(environment: Environment, custid: str) -> Request:
    url = f"{environment.login}/api/state/{quote(custid, safe='')}"
    return Request(method="GET", url=url, headers={"Accept": "application/json"}, reads=True)


def place_from(answer: Answer, custid: str) -> Place:
    """The tenant's place. The address is the one named, never one put together here."""
    if answer.status != OK:
        raise UnusableAnswerError(f"SuperOffice does not tell the state of {custid} ({answer.status}).")
    said = wire.members(answer)
    if not isinstance(said.get("IsRunning"), bool) or "State" not in said:
        raise UnusableAnswerError(f"SuperOffice's state of {custid} cannot be used.")
    api, endpoint = str(said.get("Api") or "").rstrip("/"), str(said.get("Endpoint") or "").rstrip("/")
    url = api.removesuffix("/api") if api.endswith("/api") else endpoint
    name = str(said.get("ContextIdentifier") or custid)
    if name.lower() != custid.lower():
        raise UnusableAnswerError(f"SuperOffice told the state of {name} when asked for {custid}.")
    return Place(url=url, state=str(said["State"]), running=said["IsRunning"], custid=name)


def check_running(place: Place) -> None:
    """Raise unless the API may be used now.

    Raises:
        CalendarUnavailableError: the tenant is gone.
        TryLaterError: it is suspended, moved or in maintenance, and comes back.
    """
    if place.state in _FOR_GOOD:
        raise CalendarUnavailableError(f"SuperOffice tenant {place.custid} is no longer there ({place.state}).")
    if not place.running or not place.url:
        raise TryLaterError(f"SuperOffice tenant {place.custid} is not available now ({place.state}).")


def check_host(url: str, patterns: tuple[str, ...]) -> None:
    """Raise CalendarUnavailableError unless tenant credentials may go to this address."""
    try:
        site, _ = parse_url(url)
    except RemoteError as error:
        raise CalendarUnavailableError("SuperOffice named an address that is none.") from error
    if not any(matches(site, pattern) for pattern in patterns):
        raise ForbiddenAddressError(f"{site.place} is no SuperOffice host that the operator named (tenant_hosts).")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """Something read once and kept for a while."""

    value: Any
    until: datetime


class TenantApi:
    """Every call to one tenant. Made once for all of its sides, so that ticket, place and facts are shared."""

    def __init__(
        self, *, environment: Environment, tenant: Tenant, keys: SigningKeys, http: Sends, clock: Clock
    ) -> None:
        self._environment = environment
        self._tenant = tenant
        self._http = http
        self._clock = clock
        self._url = tenant.url
        self._moving = asyncio.Lock()
        self._facts: dict[str, _Fact] = {}
        self._order = 0
        self._tickets = Tickets(
            environment=environment,
            keys=keys,
            http=http,
            clock=clock,
            custid=tenant.id,
            serial=tenant.serial,
            system_token=tenant.token,
        )
        self.learned = Learned()
        self.devices: set[str] = set()
        """Identifiers of foreign devices that are known to be there."""

    @property
    def tenant(self) -> Tenant:
        return self._tenant

    @property
    def url(self) -> str:
        """Where the tenant was last found; changes when it moves."""
        return self._url

    @property
    def serial(self) -> str:
        return self._tickets.serial

    def now(self) -> datetime:
        return self._clock.now()

    def next_order(self) -> int:
        """Grows with each read that is to be put in order with another."""
        self._order += 1
        return self._order

    async def send(self, call: wire.Call) -> Answer:
        """The answer to one call, whatever its status. A refused ticket and a move are each dealt with once.

        Raises:
            SignInNeededError: the ticket was refused twice, or there is none to be had.
            TryLaterError: throttled, down, suspended; `InDoubtError` for a write whose answer is lost.
            CalendarUnavailableError: the tenant is gone, is another one, or lies on a foreign host.
        """
        url = await self._where()
        ticket = await self._ticket()
        met: set[int] = set()
        while True:
            answer = await self._attempt(call, url, ticket)
            if answer.status not in {_MISDIRECTED, _UNAUTHORISED} or answer.status in met:
                break
            met.add(answer.status)
            if answer.status == _MISDIRECTED:
                url = await self._move(url)
            else:
                ticket = await self._ticket(refused=ticket)
        if answer.status == _UNAUTHORISED:
            raise SignInNeededError(
                "SuperOffice does not accept a fresh ticket. An administrator must look at the app."
            )
        if answer.status == _MISDIRECTED:
            raise TryLaterError("SuperOffice is moving this tenant to another host.")
        if call.is_write and answer.status == OK and wire.is_page(answer):
            raise InDoubtError("Something in front of SuperOffice answered a write with a page.")
        return answer

    async def read(self, call: wire.Call) -> Answer:
        """As `send`, for what must be there.

        Raises:
            CalendarUnavailableError: no right to read it.
            UnusableAnswerError: any other answer than 200.
        """
        answer = await self.send(call)
        if answer.status == OK:
            return answer
        said = wire.error_text(answer)
        if answer.status == _FORBIDDEN:
            raise CalendarUnavailableError(f"SuperOffice does not let this app read: {said or 'no right'}.")
        raise UnusableAnswerError(f"SuperOffice answered {answer.status} to a question: {said or answer.media_type}.")

    async def _attempt(self, call: wire.Call, url: str, ticket: str) -> Answer:
        try:
            return await self._send_once(call, url, ticket)
        except (InDoubtError, ThrottledError):
            raise
        except TryLaterError as error:
            moved_to = await self._after_failure(url)
            if moved_to == url or not isinstance(error, ConnectionFailedError):
                raise
            return await self._send_once(call, moved_to, ticket)

    async def _send_once(self, call: wire.Call, url: str, ticket: str) -> Answer:
        secret = self._environment.client_secret
        request = wire.request_for(call, root=url, ticket=ticket, app_token=secret)
        return await self._http.send(request, self._account(url))

    def _account(self, url: str) -> Account:
        return Account(
            name=f"superoffice/{self._tenant.realm}",
            origins=frozenset({url}),
            guard=SetByOperator(hosts=self._environment.tenant_hosts),
            parallel=self._environment.parallel,
            per_second=self._environment.calls_per_s,
        )

    async def _ticket(self, *, refused: str = "") -> str:
        try:
            return await self._tickets.ticket(refused=refused)
        except SignInNeededError:
            # A suspended tenant refuses the exchange as well; that is nothing a person has to sign in for.
            check_running(await self.place())
            raise

    async def place(self) -> Place:
        """Ask the state API."""
        request = read_state(self._environment, self._tenant.id)
        answer = await self._http.send(request, login_account(self._environment))
        return place_from(answer, self._tenant.id)

    async def _where(self) -> str:
        if not self._url:
            return await self._move("")
        check_host(self._url, self._environment.tenant_hosts)
        return self._url

    async def _move(self, old: str) -> str:
        """Where the tenant is now; one question for all who found it is no longer at ``old``."""
        async with self._moving:
            if self._url == old:
                found = await self.place()
                check_running(found)
                check_host(found.url, self._environment.tenant_hosts)
                self._url = found.url
        return self._url

    async def _after_failure(self, url: str) -> str:
        """The server failed: the tenant's own state explains it better, or says where it went."""
        try:
            return await self._move(url)
        except UnusableAnswerError:
            return url

    # --- facts that rarely change

    async def fact(self, name: str, call: wire.Call, read: Callable[[Answer], T]) -> T | None:
        """``read`` of the answer, kept for hours; None where the server does not offer it."""
        kept = self._facts.get(name)
        if kept is None or kept.until < self.now():
            found = await self._fresh(call, read)
            kept = _Fact(value=found, until=self.now() + (_ABSENCE_LIVES if found is None else _FACTS_LIVE))
            self._facts[name] = kept
        value: T | None = kept.value
        return value

    async def _fresh(self, call: wire.Call, read: Callable[[Answer], T]) -> T | None:
        answer = await self.send(call)
        try:
            return read(answer) if answer.status == OK else None
        except UnusableAnswerError:
            return None

    async def zones(self) -> Mapping[int, str]:
        """IANA zones by SuperOffice's zone id, as the tenant lists them."""
        return await self.fact("zones", archive.time_zones(), _zones) or {}

    async def day_clock(self) -> DayClock | None:
        """The clock times this tenant gives whole days, where a preference says so."""
        specs = [{"Section": "DiaryView", "Key": f"AllDay{edge}Time"} for edge in ("Start", "End")]
        call = wire.agent("Preference/GetPreferences", {"Specifications": specs}, reads=True)
        return await self.fact("day_clock", call, _day_clock)


def _zones(answer: Answer) -> Mapping[int, str]:
    found = {
        archive.whole(row, "TZLocationID", "PrimaryKey"): zone_from_code(
            archive.text(row, "TZLocationCode", "code"), archive.text(row, "TZLocationCities")
        )
        for row in archive.rows(answer)
    }
    return {number: zone for number, zone in found.items() if number and zone}


def _day_clock(answer: Answer) -> DayClock | None:
    values = {
        str((each.get("Specification") or {}).get("Key")): str(each.get("RawValue") or "")
        for each in wire.listed(answer)
        if isinstance(each, dict)
    }
    return DayClock.from_texts(values.get("AllDayStartTime", ""), values.get("AllDayEndTime", ""))


def refusal(answer: Answer, what: str) -> RemoteError:
    """What is left when a write got another answer than it hoped for: no for good, if the service itself said so."""
    if wire.is_page(answer):
        return InDoubtError(f"Something in front of SuperOffice answered a write ({answer.status}).")
    said = wire.error_text(answer)
    return RefusedError(f"SuperOffice refused to {what} ({answer.status}): {said or 'no reason given'}.")
