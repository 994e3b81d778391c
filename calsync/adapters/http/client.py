"""The one HTTP client of the process."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from random import Random
from types import TracebackType
from typing import Final, Self

import httpcore

from calsync.adapters.http import redirects, retry
from calsync.adapters.http.account import Account
from calsync.adapters.http.body import read_body
from calsync.adapters.http.counts import Counts, count, count_into
from calsync.adapters.http.exchange import Answer, Request
from calsync.adapters.http.failures import ConnectionFailedError, ThrottledError
from calsync.adapters.http.guard import Border, TypedByUser
from calsync.adapters.http.limits import Limits, Share
from calsync.adapters.http.pool import Pool
from calsync.adapters.http.sender import Sender, TransportFactory
from calsync.adapters.http.sockets import PROGRESS, Network, Progress, Resolver, Stream, resolve_by_system
from calsync.adapters.http.target import Site, parse_url
from calsync.adapters.http.verdict import error_of
from calsync.core.errors import InDoubtError, RefusedError, RemoteError, TryLaterError, UnusableAnswerError
from calsync.ports import Clock

# The protocol library would log headers, and with them cookies and tickets.
for _name in ("httpcore", "httpx"):
    logging.getLogger(_name).setLevel(logging.WARNING)
_log: Final = logging.getLogger("calsync.http")

USER_AGENT: Final = f"calsync/{version('calsync')}".encode("ascii")
ORIGIN_PARALLEL: Final = 20
POOL_MAX: Final = 200
KEPT_MAX: Final = 100
KEPT_S: Final = 15.0
THROTTLED_WAIT_S: Final = 5.0
HEADERS_MAX: Final = 256 * 1024
"""Room for headers and chunk marks beside the body; one header block is at most 100 KiB."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundLimits:
    """Deadlines in seconds and the cap of a decoded body, as set under ``[outbound]``."""

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 120.0
    body_max_bytes: int = 20_000_000


class HttpClient:
    """Sends requests for all accounts through one pool, without cookies, proxies of the environment or HTTP/2."""

    def __init__(
        self,
        *,
        limits: OutboundLimits,
        clock: Clock,
        random: Random,
        allow_hosts: Iterable[str] = (),
        ssl_context: ssl.SSLContext | None = None,
        resolver: Resolver = resolve_by_system,
        transport: TransportFactory | None = None,
        proxy: str = "",
    ) -> None:
        """``ssl_context`` is built when first needed if not given, from the system's certificates or SSL_CERT_FILE."""
        self._limits = limits
        self._clock = clock
        self._random = random
        self._border = Border(allow_hosts)
        self._turns = Limits(clock=clock, random=random, queue_s=limits.total_s)
        self._transport = transport
        self._proxied = bool(proxy)
        self._network = Network(resolver, self._border.lists)
        # Made when the first connection needs it: reading the system's certificates takes its time.
        context = cache(lambda: _speaking_http(ssl_context or ssl.create_default_context()))
        # Two pools: a connection that the operator's word opened must not serve an address that a user typed.
        anywhere = Network(resolver, None)
        self._checked = _pool(context, anywhere if proxy else self._network, proxy)
        self._free = _pool(context, anywhere, proxy)
        self._timeouts = {
            "timeout": {"connect": limits.connect_s, "read": limits.read_s, "write": limits.read_s, "pool": None}
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._checked.aclose()
        await self._free.aclose()

    def count_into(self, counts: Counts) -> AbstractContextManager[Counts]:
        """Count the requests of this task, and of tasks that it starts, while inside."""
        return count_into(counts)

    async def send(self, request: Request, account: Account) -> Answer:
        """Send a request and give the whole answer, whatever its status, unless the status is an error for all.

        Raises:
            TryLaterError: throttled (with ``wait_s``), down or out of reach; nothing was done.
            InDoubtError: a write left, and no answer tells whether it was done.
            UnusableAnswerError: a read's answer is too long, damaged or redirects without end or elsewhere.
            ForbiddenAddressError: the address may not be contacted.
            RefusedError: the request cannot be put into a message, such as a header with a line break.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._follow(request, account)
            except RemoteError as error:
                wait_s = retry.again_after(request, error, tries, self._random)
                if wait_s is None:
                    raise
            await self._clock.sleep(wait_s)

    async def _follow(self, request: Request, account: Account) -> Answer:
        hops = 0
        while True:
            answer = await self._send_once(request, account)
            following = redirects.next_request(request, answer, account, hops=hops)
            if following is None:
                return answer
            request = following
            hops += 1

    async def _send_once(self, request: Request, account: Account) -> Answer:
        site, path = parse_url(request.url)
        self._border.check(site, account.guard)
        redirects.check_origin(request, account, site.origin)
        tag = (account.name, site.origin)
        own = Share(of=tag, parallel=account.parallel, per_second=account.per_second)
        async with self._turns.turn(own, Share(of=site.origin, parallel=ORIGIN_PARALLEL)):
            pool = await self._pool_for(site, account)
            answer = await self._logged(pool, request, account, site, path)
        error = error_of(request, answer, self._clock.now())
        if error is None:
            return answer
        if isinstance(error, ThrottledError):
            self._turns.pause(tag, THROTTLED_WAIT_S if error.wait_s is None else error.wait_s)
        raise error

    async def _pool_for(self, site: Site, account: Account) -> Sender:
        inner = None if self._transport is None else self._transport(site.origin)
        if inner is not None:
            return inner
        if not isinstance(account.guard, TypedByUser):
            return self._free
        if self._proxied:
            await self._check_before_proxy(site)
        return self._checked

    async def _check_before_proxy(self, site: Site) -> None:
        """The proxy connects, so the address cannot be pinned; a name that only the proxy can resolve is its matter."""
        try:
            async with asyncio.timeout(self._limits.connect_s):
                await self._network.addresses(site.host, site.port)
        except OSError:
            return

    async def _logged(self, pool: Sender, request: Request, account: Account, site: Site, path: bytes) -> Answer:
        count(account.name, site.host)
        begun = time.perf_counter()
        status, size = 0, 0
        try:
            answer = await self._exchange(pool, request, account, site, path)
            status, size = answer.status, len(answer.body)
            return answer
        finally:
            _log.debug(
                "%s method=%s host=%s status=%s ms=%d bytes=%d account=%s",
                "http.answered" if status else "http.failed",
                request.method,
                site.host,
                status,
                (time.perf_counter() - begun) * 1000,
                size,
                account.name,
            )

    async def _exchange(self, pool: Sender, request: Request, account: Account, site: Site, path: bytes) -> Answer:
        """One request and its whole answer under the total deadline, with every failure as one of ours."""
        progress = Progress(self._limits.body_max_bytes + HEADERS_MAX)
        token = PROGRESS.set(progress)
        try:
            sent = self._message(request, account, site, path)
            async with asyncio.timeout(self._limits.total_s):
                return await self._receive(await pool.handle_async_request(sent), request)
        except (httpcore.LocalProtocolError, UnicodeEncodeError) as error:
            raise RefusedError(f"This {request.method} cannot be put into a message to {site.host}.") from error
        except TimeoutError as error:
            failure = TryLaterError(f"{site.host} gave no whole answer within {self._limits.total_s:g} s.")
            raise _lost(request, progress, failure) from error
        except httpcore.TimeoutException as error:
            raise _lost(request, progress, TryLaterError(f"{site.host} took too long: {_detail(error)}.")) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
            failure = ConnectionFailedError(f"The connection to {site.host} failed: {_detail(error)}.")
            raise _lost(request, progress, failure) from error
        except UnusableAnswerError as error:
            raise _lost(request, progress, error) from error
        finally:
            PROGRESS.reset(token)

    def _message(self, request: Request, account: Account, site: Site, path: bytes) -> httpcore.Request:
        headers = [(b"Host", site.host_header), (b"User-Agent", USER_AGENT)]
        given = {name.lower() for name in request.headers}
        if "accept-encoding" not in given:
            headers.append((b"Accept-Encoding", b"gzip, deflate"))
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in request.headers.items()]
        credential = account.header()
        if credential is not None:
            headers.append((b"Authorization", credential))
        if request.body or request.method in _WITH_BODY:
            headers.append((b"Content-Length", b"%d" % len(request.body)))
        url = httpcore.URL(
            scheme=b"https" if site.secure else b"http", host=site.host.encode("ascii"), port=site.port, target=path
        )
        return httpcore.Request(request.method, url, headers=headers, content=request.body, extensions=self._timeouts)

    async def _receive(self, response: httpcore.Response, request: Request) -> Answer:
        try:
            headers = _plain_headers(response.headers)
            body = await read_body(
                response.aiter_stream(), headers.get("content-encoding", ""), cap=self._limits.body_max_bytes
            )
        finally:
            _spoil_if_more_came(response)
            await response.aclose()
        return Answer(status=response.status, headers=headers, body=body, url=request.url)


def _speaking_http(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["http/1.1"])
    return context


def _pool(context: Callable[[], ssl.SSLContext], network: Network, proxy: str) -> Pool | httpcore.AsyncConnectionPool:
    if not proxy:
        return Pool(network, context, most=POOL_MAX, kept=KEPT_MAX, kept_s=KEPT_S)
    return httpcore.AsyncConnectionPool(
        ssl_context=context(),
        proxy=httpcore.Proxy(proxy),
        max_connections=POOL_MAX,
        max_keepalive_connections=KEPT_MAX,
        keepalive_expiry=KEPT_S,
        network_backend=network,
    )


def _spoil_if_more_came(response: httpcore.Response) -> None:
    """Behind a proxy: what follows an answer in the same breath would be taken for the answer to the next request.

    The library keeps it without saying so; a test fails if it should ever keep it elsewhere.
    """
    connection = getattr(getattr(response.stream, "_stream", None), "_connection", None)
    state = getattr(connection, "_h11_state", None)
    stream = response.extensions.get("network_stream")
    if state is not None and isinstance(stream, Stream) and state.trailing_data[0]:
        stream.spoil()


def _plain_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names, repeated ones joined. Cookies are dropped: nothing may carry one from account to account."""
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        if name in headers:
            value = f"{headers[name]}, {value}"
        headers[name] = value
    headers.pop("set-cookie", None)
    headers.pop("set-cookie2", None)
    return headers


def _lost(request: Request, progress: Progress, otherwise: TryLaterError) -> TryLaterError:
    """A write of which something left is in doubt, whatever went wrong after that."""
    if request.is_write and progress.sent:
        return InDoubtError(f"{otherwise} It is not known whether the {request.method} was done.")
    return otherwise


def _detail(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
