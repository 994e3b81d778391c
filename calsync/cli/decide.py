"""Commands with which somebody decides: `conflicts`, `held`, `set-aside`."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click

from calsync.cli.shell import change, finish, look, say, shared

_pair = click.option("--pair", metavar="ID", help="Only of this pair.")
_open = click.option("--open", "open_only", is_flag=True, help="Only those that wait for somebody.")


def _by() -> str:
    """Who decides, for the record."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"


def _filters(pair: str | None, *, open_only: bool) -> dict[str, Any]:
    return ({"pair": pair} if pair else {}) | ({"open": True} if open_only else {})


def _show_sentence(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import facts  # noqa: PLC0415  # costs time to load

    console.print(value["sentence"], markup=False)
    facts(console, {name: item for name, item in value.items() if name != "sentence"})


@click.group(no_args_is_help=False)
@shared
def conflicts() -> None:
    """Look at conflicts and decide otherwise."""


@conflicts.command("list")
@_pair
@_open
@shared
def conflicts_list(*, pair: str | None, open_only: bool) -> None:
    """List conflicts: one row an event and field."""
    say(look("conflicts.list", **_filters(pair, open_only=open_only)), _show_conflicts)


def _show_conflicts(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    rows = [{**row, "event": row["event"]["title"]} for row in value]
    table(console, rows, ("id", "event", "field", "crm", "calendar", "won", "state", "at"), "There are no conflicts.")


@conflicts.command("show")
@click.argument("id")
@shared
def conflicts_show(*, id: str) -> None:  # noqa: A002  # the word of the contract
    """Show one conflict with all its values."""
    say(look("conflicts.show", id=id), _show_sentence)


@conflicts.command("use")
@click.argument("id")
@click.argument("side", type=click.Choice(["crm", "calendar"]))
@shared
def conflicts_use(*, id: str, side: str) -> None:  # noqa: A002  # the word of the contract
    """Use the value of the other SIDE: an edit of yours, carried out by the next run."""
    say(change("conflicts.use", "Looking at both sides", id=id, side=side, by=_by()), _show_sentence)
    finish()


@click.group(no_args_is_help=False)
@shared
def held() -> None:
    """Look at held deletions; approve or discard them."""


@held.command("list")
@_pair
@_open
@shared
def held_list(*, pair: str | None, open_only: bool) -> None:
    """List groups of held deletions."""
    say(look("held.list", **_filters(pair, open_only=open_only)), _show_groups)


def _show_groups(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    table(console, value, ("id", "pair", "side", "kind", "count", "state", "at"), "Nothing is held.")


@held.command("show")
@click.argument("id")
@shared
def held_show(*, id: str) -> None:  # noqa: A002  # the word of the contract
    """Show one group with the events in it."""
    say(look("held.show", id=id), _show_group)


def _show_group(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    console.print(value["sentence"], markup=False)
    table(console, value["events"], ("start", "title", "event"), "It is empty.")


@held.command()
@click.argument("id")
@shared
def approve(*, id: str) -> None:  # noqa: A002  # the word of the contract
    """Let exactly these deletions go: those still gone there and unedited here."""
    say(change("held.approve", id=id, by=_by()), _show_sentence)
    finish()


@held.command()
@click.argument("id")
@shared
def discard(*, id: str) -> None:  # noqa: A002  # the word of the contract
    """Bring the events back where they vanished."""
    say(change("held.discard", id=id, by=_by()), _show_sentence)
    finish()


@click.group("set-aside", no_args_is_help=False)
@shared
def set_aside() -> None:
    """Look at events that are set aside; try them again."""


@set_aside.command("list")
@_pair
@shared
def set_aside_list(*, pair: str | None) -> None:
    """List everything that is not synchronised, and why."""
    say(look("set-aside.list", **_filters(pair, open_only=False)), _show_asides)


@set_aside.command()
@click.argument("pair")
@click.argument("ref")
@shared
def retry(*, pair: str, ref: str) -> None:
    """Try one again in the next run; PAIR and REF as `set-aside list` shows them."""
    say(change("set-aside.retry", pair=pair, ref=ref), _show_asides)
    finish()


def _show_asides(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("pair", "side", "event", "reason", "detail", "next_try", "ref")
    table(console, value, columns, "Nothing is set aside.")
