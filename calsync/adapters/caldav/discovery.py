"""From an address that a person typed to the calendars behind it (RFC 6764, RFC 5397, RFC 4791 section 6)."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Protocol, TypeVar

from calsync.adapters.caldav import multistatus, presets, wire
from calsync.adapters.caldav.auth import Login, Token, account_for
from calsync.adapters.caldav.dns import Resolver
from calsync.adapters.caldav.findings import Findings, NotFoundError
from calsync.adapters.caldav.hrefs import resolve
from calsync.adapters.caldav.multistatus import Member
from calsync.adapters.caldav.places import (
    CONTEXT_PROPERTIES,
    PRINCIPAL_PROPERTIES,
    Pointers,
    calendar_of,
    each_once,
    pointers,
)
from calsync.adapters.http.account import Account
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import ElsewhereError, ForbiddenAddressError
from calsync.adapters.http.guard import Guard
from calsync.adapters.http.target import origin_of, parse_url
from calsync.core.errors import SignInNeededError, UnusableAnswerError
from calsync.ports import FoundCalendar

T = TypeVar("T")

_WELL_KNOWN: Final = "/.well-known/caldav"
_HOSTS_MAX: Final = 5
_HOMES_MAX: Final = 20
_UNAUTHORIZED: Final = 401
_PATH_RECORD: Final = re.compile(r"\s*path=(/\S*)\s*", re.IGNORECASE)


class Http(Protocol):
    """The one client: sends a request under an account, with that account's limits and guards."""

    async def send(self, request: Request, account: Account) -> Answer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """An account that works. ``calendars`` have absolute URLs as ids; ``facts`` go with the connection."""

    principal: str
    homes: tuple[str, ...]
    calendars: tuple[FoundCalendar, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What was typed: a host, and a path where there was one. ``is_domain``: only DNS knows the host."""

    base: str
    path: str
    is_domain: bool

    @property
    def host(self) -> str:
        return parse_url(self.base)[0].host


async def connect(
    http: Http,
    *,
    address: str,
    login: Login,
    resolver: Resolver,
    findings: Findings | None = None,
    name: str = "",
    guard: Guard | None = None,
    parallel: int = 4,
) -> Connected:
    """Find principal, homes and calendars by a URL, a host or an e-mail ``address``.

    ``findings`` is filled step by step, also when it fails. The login goes to the host that was typed, to others
    of the same registered domain and to those of a known provider; never to one that only a record or a redirect
    named.

    Raises:
        SignInNeededError: user name or password were not accepted (one try).
        NotFoundError: no calendars there; the message says what to do.
    """
    steps = Findings() if findings is None else findings
    given = _given(address, steps)
    preset = presets.preset_for(given.host)
    if preset is not None and preset.oauth_only and not isinstance(login, Token):
        advice = f"{preset.name} takes no passwords for calendars; connect it by signing in with {preset.name}."
        steps.bad(given.host, f"this is {preset.name}", advice)
        raise NotFoundError(advice, steps)
    account = account_for(login, [given.base], name=name, guard=guard, parallel=parallel)
    return await _Search(http=http, account=account, given=given, steps=steps, preset=preset).run(resolver)


def _given(address: str, steps: Findings) -> _Given:
    text = address.strip()
    try:
        if "://" in text:
            origin = origin_of(text)
            path = urllib.parse.urlsplit(text).path
            return _Given(base=origin, path="" if path == "/" else path, is_domain=False)
        if "@" in text and "/" not in text:
            return _Given(base=origin_of(f"https://{text.rpartition('@')[2]}"), path="", is_domain=True)
        host, _, path = text.partition("/")
        return _Given(base=origin_of(f"https://{host}"), path=f"/{path}" if path else "", is_domain=not path)
    except ForbiddenAddressError as error:
        steps.bad("the address", str(error), "Enter an e-mail address, a host or an address with https://.")
        raise NotFoundError(f"That is no address of a calendar server. {error}", steps) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page(Generic[T]):
    """A listing of a search: the URL that gave it (after redirects) and what was taken from it."""

    url: str
    members: tuple[T, ...] = ()
    good: bool = False


@dataclass(slots=True, kw_only=True)
class _Search:
    """One search. ``account`` grows by the hosts that may see the login, at most a handful."""

    http: Http
    account: Account
    given: _Given
    steps: Findings
    preset: presets.Preset | None

    async def run(self, resolver: Resolver) -> Connected:
        async for candidate in self._candidates(resolver):
            url = await self._context(candidate)
            found = await self._principal(url)
            if found is not None:
                return await self._calendars(url, *found)
        hint = "" if self.preset is None else f" {self.preset.name} wants {self.preset.signs_in_with}."
        advice = f"No calendars were found at {self.given.host}. Enter the CalDAV address that your provider names."
        raise NotFoundError(advice + hint, self.steps)

    async def _candidates(self, resolver: Resolver) -> AsyncIterator[str]:
        """Context URLs to try, likeliest first, each once."""
        tried: set[str] = set()
        async for url in self._all_candidates(resolver):
            if url not in tried:
                tried.add(url)
                yield url

    async def _all_candidates(self, resolver: Resolver) -> AsyncIterator[str]:
        base, path = self.given.base, self.given.path
        if path:
            yield base + path
            if presets.looks_like_nextcloud(path):
                yield base + presets.nextcloud_root(path)
        if self.preset is not None and self.preset.url:
            yield self.preset.url
        if self.given.is_domain:
            async for url in self._from_dns(resolver):
                yield url
        yield base + _WELL_KNOWN
        yield f"{base}/"
        yield base + presets.NEXTCLOUD_PATH

    async def _context(self, url: str) -> str:
        """Where a well-known address leads; some servers redirect a GET only."""
        if not url.endswith(_WELL_KNOWN):
            return url
        for request in (wire.propfind(url, CONTEXT_PROPERTIES, depth=0), wire.get(url)):
            answer = await self._ask(request)
            if answer is not None and answer.url not in {"", url}:
                self.steps.good(url, f"it leads to {answer.url}")
                return answer.url
        return url

    async def _from_dns(self, resolver: Resolver) -> AsyncIterator[str]:
        record = f"_caldavs._tcp.{self.given.host}"
        services = sorted(await resolver.services(record), key=lambda found: (found.priority, -found.weight))
        for service in services:
            if not service.target:
                self.steps.bad(record, "the domain says that it offers no calendars")
                return
            try:
                base = origin_of(f"https://{service.target}:{service.port}")
            except ForbiddenAddressError as error:
                self.steps.bad(record, str(error))
                continue
            self.steps.good(record, base)
            paths = [found[1] for text in await resolver.texts(record) if (found := _PATH_RECORD.fullmatch(text))]
            for path in (*paths, _WELL_KNOWN):
                yield base + path

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _ask(self, request: Request) -> Answer | None:
        """Ask where the login may go; None where it may not or the address is refused."""
        for _ in range(_HOSTS_MAX):
            try:
                answer = await self.http.send(request, self.account)
            except ElsewhereError as error:
                if not self._let_in(error.target):
                    return None
                continue
            except ForbiddenAddressError as error:
                self.steps.bad(request.url, str(error))
                return None
            if answer.status == _UNAUTHORIZED:
                hint = "" if self.preset is None else f" {self.preset.name} wants {self.preset.signs_in_with}."
                self.steps.bad(request.url, "the login was not accepted", f"Check user name and password.{hint}")
                raise SignInNeededError(f"The calendar server did not accept this login.{hint}")
            return answer
        self.steps.bad(request.url, "the server sends us from host to host")
        return None

    def _let_in(self, url: str) -> bool:
        site, _ = parse_url(url)
        given, _ = parse_url(self.given.base)
        if (given.secure and not site.secure) or not presets.may_have_password(given.host, site.host):
            advice = f"If you trust {site.host}, enter that address instead."
            self.steps.bad(self.given.host, f"it sends us to {site.place}, which belongs to somebody else", advice)
            return False
        self.account = replace(self.account, origins=self.account.origins | {site.origin})
        return True

    async def _listed(
        self, url: str, names: Sequence[str], take: Callable[[Member, str], T | None], *, depth: int
    ) -> _Page[T]:
        """What ``take`` makes of the members of a listing; nothing where there is no listing."""
        answer = await self._ask(wire.propfind(url, names, depth=depth))
        if answer is None:
            return _Page(url=url)
        if answer.status != multistatus.MULTISTATUS:
            self.steps.bad(url, f"no calendar server answers here ({answer.status})")
            return _Page(url=url)
        try:
            listing = multistatus.read(answer, lambda member: take(member, answer.url or url))
        except UnusableAnswerError as error:
            self.steps.bad(url, str(error))
            return _Page(url=url)
        return _Page(url=answer.url or url, members=listing.members, good=True)

    async def _pointers(self, url: str, names: Sequence[str]) -> tuple[str, Pointers | None]:
        page = await self._listed(url, names, lambda member, _: pointers(member), depth=0)
        return page.url, page.members[0] if page.members else None

    # --- principal, homes, calendars --------------------------------------------------------------------------------

    async def _principal(self, url: str) -> tuple[str, Pointers] | None:
        """The principal that a context URL leads to; the URL itself where it is one, or a calendar."""
        context_url, context = await self._pointers(url, CONTEXT_PROPERTIES)
        if context is None:
            return None
        if context.anonymous:
            self.steps.bad(context_url, "the server takes us for nobody", "Check user name and password.")
            raise SignInNeededError("The calendar server did not accept this login.")
        for href in context.principals[:1]:
            principal_url, principal = await self._pointers(resolve(context_url, href), PRINCIPAL_PROPERTIES)
            if principal is not None:
                self.steps.good(context_url, f"principal {principal_url}")
                return principal_url, replace(principal, is_calendar=context.is_calendar)
        if context.homes or context.is_calendar:
            self.steps.good(context_url, "no principal, but calendars")
            return context_url, context
        self.steps.bad(context_url, "neither a principal nor calendars")
        return None

    async def _calendars(self, given_url: str, principal_url: str, principal: Pointers) -> Connected:
        homes = tuple(resolve(principal_url, href) for href in principal.homes[:_HOMES_MAX])
        found: list[FoundCalendar] = []
        for url, depth in (*((given_url, 0) for _ in range(principal.is_calendar)), *((home, 1) for home in homes)):
            page = await self._listed(url, wire.COLLECTION_FACTS, calendar_of, depth=depth)
            if page.good:
                self.steps.good(url, f"{len(page.members)} calendars")
            found.extend(page.members)
        calendars = each_once(found)
        if not calendars:
            self.steps.bad(principal_url, "an account without a calendar", "Make a calendar there first.")
            raise NotFoundError("The login works, but this account has no calendar for events.", self.steps)
        return Connected(
            principal=principal_url,
            homes=homes,
            calendars=calendars,
            facts={
                "principal": principal_url,
                "homes": list(homes),
                "origins": sorted(self.account.origins),
                "addresses": list(principal.addresses),
                "schedules": principal.outbox or await self._schedules(calendars[0].id),
            },
        )

    async def _schedules(self, url: str) -> bool:
        """Whether the server invites people by itself (RFC 6638 section 2); told on the collection, if at all."""
        answer = await self._ask(wire.options(url))
        return answer is not None and "calendar-auto-schedule" in answer.headers.get("dav", "")
