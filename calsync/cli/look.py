"""Commands that say how things are: `status`, `why`, `runs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click

from calsync.cli.shell import look, say, shared


@click.command()
@shared
def status() -> None:
    """Say how every pair is."""
    say(look("status"), _show_status)


def _show_status(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    console.print(f"calsync {value['version']}, store {value['store']}", markup=False)
    table(console, value["tenants"], ("tenant", "state", "epoch", "detail"), "There are no tenants yet.")
    columns = ("pair", "state", "reason", "linked", "set_aside", "held", "conflicts_open", "last_converged", "next_run")
    table(console, value["pairs"], columns, "There are no pairs yet; `calsync pair add` makes one.")


@click.command()
@click.argument("event")
@shared
def why(*, event: str) -> None:
    """Say why an event is (not) there.

    EVENT is a link id, an appointment id, a calendar's href, a UID, a pasted link, or a title that one event has.
    """
    say(look("why", event=event), _show_why)


def _show_why(console: Any, value: Mapping[str, Any]) -> None:
    console.print(f"“{value['title']}” in pair {value['pair']}", markup=False)
    console.print(value["explanation"], markup=False)
    for side in ("crm", "calendar"):
        console.print(f"  {side}: {value[side]['ref'] or 'nothing'}", markup=False)
    for step in value["history"]:
        console.print(f"  {step['at']}  {step['what']}: {step['sentence']}", markup=False)
    if value["next"]:
        console.print(f"Next look: {value['next']}", markup=False)


@click.command()
@click.option("--pair", metavar="ID", help="Only of this pair.")
@click.option("--limit", type=click.IntRange(min=1, max=10_000), default=20, show_default=True, help="How many.")
@shared
def runs(*, pair: str | None, limit: int) -> None:
    """List the latest runs, newest first."""
    say(look("runs", limit=limit, **({"pair": pair} if pair else {})), _show_runs)


def _show_runs(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("started", "pair", "state", "reads", "writes", "requests", "conflicts", "held", "set_aside", "error")
    table(console, value, columns, "Nothing ran yet.")
