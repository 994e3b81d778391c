"""Commands that make things run: `sync`, `serve`."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from calsync.cli.shell import change, finish, needs_store, say, session, shared, start_logging
from calsync.settings import Address, Settings, load_settings


@click.command()
@click.option("--once", is_flag=True, help="Run every pair now, due or not, and wait (needed: `serve` does the rest).")
@click.option("--pair", metavar="ID", help="Only this pair.")
@shared
def sync(*, once: bool, pair: str | None) -> None:
    """Run every pair once and wait for it.

    Exit code: 0 converged, 10 more to do, 20 somebody must act, 1 error; the worst pair decides.
    """
    if not once:
        raise click.UsageError("say `calsync sync --once`; `calsync serve` keeps running")
    needs_store(session().settings())
    say(change("sync", "Syncing", **({"pair": pair} if pair else {})), _show)
    finish()


def _show(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("pair", "state", "reads", "writes", "conflicts", "held", "set_aside")
    table(console, value["pairs"], columns, "There are no pairs; `calsync pair add` makes one.")
    for one in value["pairs"]:
        if "error" in one:
            console.print(f"{one['pair']}: {one['error']}", markup=False)


class _ListenAddress(click.ParamType[Address]):
    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        from calsync.settings.values import read_address  # noqa: PLC0415  # needed here alone

        if isinstance(value, Address):
            return value
        try:
            return read_address(value)
        except ValueError:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8080", param, ctx)


@click.command()
@click.option("--listen", type=_ListenAddress(), help="Where to listen, instead of `[server] listen`; port 0 is any.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), metavar="FILE", help="Written when it serves: URL and process id."
)
@click.option("--init", is_flag=True, help="Make store and key first where there is nothing yet (containers).")
@shared
def serve(*, listen: Address | None, ready_file: Path | None, init: bool) -> None:
    """Run the daemon until it is told to stop (SIGTERM ends it within ten seconds)."""
    start_logging(logging.DEBUG if session().verbose else logging.INFO)
    settings = _settings_for(listen)
    settings = _begun(settings) if init else settings
    needs_store(settings)
    import asyncio  # noqa: PLC0415  # costs time to load

    from calsync.daemon.service import Options  # noqa: PLC0415  # costs time to load
    from calsync.daemon.service import serve as run_daemon  # noqa: PLC0415  # costs time to load

    options = Options(listen=settings.server.listen, ready_file=ready_file, seed=session().seed)
    asyncio.run(run_daemon(settings, options))


def _settings_for(listen: Address | None) -> Settings:
    """The settings, with the address of the command line in place of the file's."""
    if listen is None:
        return session().settings()
    given = dict(os.environ)
    if listen.port:
        given["CALSYNC_SERVER__LISTEN"] = str(listen)
    settings = load_settings(session().file(), given)
    return replace(settings, server=replace(settings.server, listen=listen))


def _begun(settings: Settings) -> Settings:
    """Make what is missing, if there is nothing at all yet; then read the settings again, for the key."""
    from calsync.compose import init_house  # noqa: PLC0415  # costs time to load
    from calsync.store.layout import StoreFiles  # noqa: PLC0415  # costs time to load

    files = StoreFiles(settings.store.path)
    if files.store.exists() or files.epoch.exists():
        return settings  # a store that was lost is not replaced by an empty one in silence
    init_house(settings)
    again = session().settings()
    return replace(again, server=settings.server)
