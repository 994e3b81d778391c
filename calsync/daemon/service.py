"""The daemon: starts, says that it is ready, works, and ends within ten seconds when asked to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from systemd_watchdog.systemd_watchdog import WatchDog

from calsync.compose import House, open_house
from calsync.daemon.dispatch import Dispatch
from calsync.daemon.health import Health
from calsync.daemon.schedule import add_job, make_schedule
from calsync.daemon.timekeeping import keep_time
from calsync.settings import Address, Settings
from calsync.web.app import health_app, operations_app
from calsync.web.places import listen_at, listen_beside, socket_path

log = logging.getLogger(__name__)

GRACE_S: Final = 6.0
"""How long runs may take to come to their end after SIGTERM; with what follows that stays below ten seconds."""
_ANSWERS_S: Final = 1
_STARTED_POLL_S: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `serve` was started with."""

    listen: Address
    ready_file: Path | None = None
    seed: str | None = None


async def serve(settings: Settings, options: Options) -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        InstanceLockedError: another instance works on the store.
        OwnStateError: store, key or address cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    house = await open_house(settings, seed=options.seed)
    try:
        await _serve(house, options, stop)
    finally:
        await house.aclose()


async def _serve(house: House, options: Options, stop: asyncio.Event) -> None:
    settings = house.settings
    health = Health(house.clock, poll_s=settings.sync.poll_interval_s)
    dispatch = Dispatch(house, health)
    tcp = listen_at(options.listen.host, options.listen.port)
    beside = listen_beside(settings.store.path)
    tls = settings.server
    cert: dict[str, Any] = {}
    if tls.tls_cert_file is not None:
        cert = {"ssl_certfile": str(tls.tls_cert_file), "ssl_keyfile": str(tls.tls_key_file)}
    try:
        async with (
            _serving(uvicorn.Config(health_app(health), **_plain(), **cert), tcp),
            _serving(uvicorn.Config(operations_app(house), **_plain()), beside),
        ):
            await _work(house, health, dispatch, options, tcp.getsockname()[1], stop)
    finally:
        socket_path(settings.store.path).unlink(missing_ok=True)
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)


async def _work(
    house: House, health: Health, dispatch: Dispatch, options: Options, port: int, stop: asyncio.Event
) -> None:
    systemd = WatchDog()  # does nothing where systemd did not start us
    scheduler = make_schedule(house, dispatch, health)
    if systemd.is_enabled:
        add_job(
            scheduler, health, "watchdog", lambda: _tell_alive(systemd, health), systemd.timeout_td.total_seconds() / 2
        )
    scheduler.start()
    timekeeper = asyncio.create_task(keep_time(house, scheduler), name="timekeeping")
    health.serving(True)
    _say_ready(house, options, port)
    systemd.ready()
    log.info("serving at %s port %d", options.listen.host, port, extra={"action": "serve.ready"})
    await stop.wait()
    systemd.status("stopping")
    log.info("stopping", extra={"action": "serve.stopping"})
    health.serving(False)
    timekeeper.cancel()
    scheduler.shutdown(wait=False)
    await dispatch.stop(grace_s=GRACE_S)


async def _tell_alive(systemd: WatchDog, health: Health) -> None:
    """Only while pairs are dispatched: a daemon that hangs is started again."""
    if health.is_live:
        systemd.notify()


def _say_ready(house: House, options: Options, port: int) -> None:
    """Write the ready file in one step, so that nobody reads half of it."""
    if options.ready_file is None:
        return
    draft = options.ready_file.with_name(options.ready_file.name + ".part")
    scheme = "http" if house.settings.server.tls_cert_file is None else "https"
    said = {"url": f"{scheme}://{Address(options.listen.host, port)}", "pid": os.getpid()}
    draft.write_text(json.dumps(said), encoding="utf-8")
    draft.replace(options.ready_file)


# --- serving --------------------------------------------------------------------------------------------------------


def _plain() -> dict[str, Any]:
    return {
        "lifespan": "off",
        "ws": "none",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "timeout_graceful_shutdown": _ANSWERS_S,
    }


class _Server(uvicorn.Server):
    """Leaves signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving(config: uvicorn.Config, listening: Any) -> AsyncIterator[None]:
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():  # noqa: ASYNC110  # uvicorn has a flag and no event
        await asyncio.sleep(_STARTED_POLL_S)
    try:
        yield
    finally:
        server.should_exit = True
        await task
