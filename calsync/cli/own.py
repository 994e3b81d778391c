"""Commands about the installation itself: `init`, `check-config`, `doctor`, `fsck`, `db`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click

from calsync.cli.shell import Exit, change, complain_of, finish, needs_store, say, session, shared
from calsync.core.errors import CalsyncError, OwnStateError
from calsync.settings import Settings, SettingsError, render_findings

_UNUSABLE = 78
_ERROR = 1


@click.command()
@shared
def init() -> None:
    """Make the store and, where `key_file` names no file, a key."""
    from calsync.compose import init_house  # noqa: PLC0415  # costs time to load

    settings = session().settings()
    created = init_house(settings)
    value = {"store": str(settings.store.path), "key": "created" if created else "present"}
    say(value, _show_init)


def _show_init(console: Any, value: Mapping[str, Any]) -> None:
    console.print(f"The store is {value['store']}; the key is {value['key']}.", markup=False)
    if value["key"] == "created":
        console.print("Keep a copy of the key elsewhere: without it the store cannot be read.", markup=False)


@click.command("check-config")
@shared
def check_config() -> None:
    """Check the settings; every problem at once."""
    file = session().file()
    try:
        session().settings()
    except SettingsError as error:
        if session().json:
            complain_of(error)
        print(render_findings(error.findings))
        raise Exit(_UNUSABLE) from error
    say({"ok": True, "file": None if file is None else str(file), "findings": []}, _show_config)


def _show_config(console: Any, value: Mapping[str, Any]) -> None:
    console.print(f"{value['file'] or 'The defaults'}: everything can be used.", markup=False)


# --- doctor ---------------------------------------------------------------------------------------------------------


@click.command()
@shared
def doctor() -> None:
    """Look whether everything is in order: settings, key, store, tenants, connections, pairs."""
    checks: list[dict[str, Any]] = []
    try:
        settings = session().settings()
        checks.append(_good("settings", str(settings.file or "the defaults")))
        checks.append(_good("lock", _holder(settings)))
        checks += change("doctor", "Asking every server")
    except Exit:
        raise
    except CalsyncError as error:
        place = "settings" if isinstance(error, SettingsError) else "store"
        checks.append({"check": place, "ok": False, "found": str(error), "advice": ""})
        say(checks, _show_checks)
        raise Exit(_UNUSABLE if isinstance(error, OwnStateError) else _ERROR) from error
    say(checks, _show_checks)
    finish()


def _good(check: str, found: str) -> dict[str, Any]:
    return {"check": check, "ok": True, "found": found, "advice": ""}


def _holder(settings: Settings) -> str:
    """Who has the store, as its lock file and the socket beside it say."""
    from calsync.web.places import socket_path  # noqa: PLC0415  # costs time to load

    return "the daemon has the store" if socket_path(settings.store.path).exists() else "nobody has the store"


def _show_checks(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    for check in value:
        mark = "ok " if check["ok"] else "BAD"
        console.print(f"{mark} {check['check']}: {check['found']} {check['advice']}".rstrip(), markup=False)


# --- the store ------------------------------------------------------------------------------------------------------


@click.command()
@shared
def fsck() -> None:
    """Check the store: its pages, its seals and its sense. It changes nothing."""
    from calsync.web.checkup import fsck as examine  # noqa: PLC0415  # costs time to load

    findings = asyncio.run(examine(session().settings()))
    say({"ok": not findings, "findings": findings}, _show_findings)
    if findings:
        raise Exit(_ERROR)


def _show_findings(console: Any, value: Mapping[str, Any]) -> None:
    for finding in value["findings"] or ["The store is in order."]:
        console.print(finding, markup=False)


@click.group(no_args_is_help=False)
@shared
def db() -> None:
    """Look into the store. Content is sealed, so what these print is safe to show; they change nothing."""


@db.command()
@click.argument("sql")
@shared
def query(*, sql: str) -> None:
    """Run one reading SQL statement."""
    from calsync.store import toolbox  # noqa: PLC0415  # costs time to load

    say(toolbox.query(_store(), sql), _show_rows)


@db.command()
@click.argument("table")
@shared
def export(*, table: str) -> None:
    """Print all rows of a table, one JSON object a line."""
    from calsync.store import toolbox  # noqa: PLC0415  # costs time to load

    for row in toolbox.export(_store(), table):
        print(json.dumps(row, ensure_ascii=False))


@db.command()
@shared
def stats() -> None:
    """Count rows and bytes."""
    from calsync.store import toolbox  # noqa: PLC0415  # costs time to load

    say(asdict(toolbox.stats(_store())), _show_stats)


def _show_stats(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import facts  # noqa: PLC0415  # costs time to load

    facts(console, value["tables"])
    facts(console, {name: item for name, item in value.items() if name != "tables"})


@db.command()
@click.argument("target", type=click.Path(path_type=Path))
@shared
def backup(*, target: Path) -> None:
    """Write a consistent copy of the store to TARGET, also while it is in use."""
    from calsync.store import toolbox  # noqa: PLC0415  # costs time to load

    try:
        toolbox.copy_store(_store(), target)
    except OSError as error:
        raise CalsyncError(f"the copy {target} cannot be written: {error.strerror}") from error
    say({"backup": str(target)}, lambda console, value: console.print(f"Copied to {value['backup']}.", markup=False))


def _store() -> Path:
    return needs_store(session().settings())


def _show_rows(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    table(console, value, list(value[0]) if value else [], "No rows.")
