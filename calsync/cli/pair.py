"""Commands about pairs: `pair add|list|set|pause|resume|remove`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import rich_click as click

from calsync.cli.shell import Exit, change, complain, finish, from_file, hint, look, read_json, say, session, shared


@click.group(no_args_is_help=False)
@shared
def pair() -> None:
    """Keep a diary and a calendar the same."""


@pair.command()
@from_file
@click.option("--preview", is_flag=True, help="Say what the first run would do; nothing is written anywhere.")
@click.option("--apply", "checksum", metavar="CHECKSUM", help="Do exactly what the preview with this checksum said.")
@click.option("--apply-any", is_flag=True, help="Do it without a preview.")
@shared
def add(*, source: Any, preview: bool, checksum: str | None, apply_any: bool) -> None:
    """Make a pair: look at the preview, then apply it.

    Without an option the preview is shown, and at a terminal it is applied if you say yes.
    """
    if sum((preview, checksum is not None, apply_any)) > 1:
        raise click.UsageError("say one of --preview, --apply CHECKSUM and --apply-any")
    wanted = read_json(source)
    if checksum is not None or apply_any:
        _apply(wanted, checksum)
    found = change("pair.preview", "Reading both calendars", input=wanted)
    if not preview and not session().json and sys.stdin.isatty():
        say(found, _show_preview)
        click.confirm("Start with exactly this?", abort=True, err=True)
        _apply(wanted, found["checksum"])
    say(found, _show_preview)
    hint(f"Nothing was written. To start: the same command with --apply {found['checksum']}")
    finish()


def _apply(wanted: Any, checksum: str | None) -> NoReturn:
    arguments = {"checksum": checksum} if checksum else {}
    say(change("pair.add", "Bringing both calendars together", input=wanted, **arguments), _show_added)
    finish()
    raise Exit(0)


def _show_preview(console: Any, value: Mapping[str, Any]) -> None:
    create = value["create"]
    console.print(f"On both sides already: {value['link']} (with a difference: {value['differs']})", markup=False)
    console.print(f"To be created: {create['calendar']} in the calendar, {create['crm']} in SuperOffice", markup=False)
    for one in value["unsure"]:
        console.print(f"Unsure: “{one['event']}” at the {one['side']} side ({one['reason']})", markup=False)
    for reason, count in value["left_alone"].items():
        console.print(f"Left alone: {count} ({reason})", markup=False)
    console.print(f"Checksum: {value['checksum']}", markup=False)


def _show_added(console: Any, value: Mapping[str, Any]) -> None:
    create, run = value["create"], value["run"]
    console.print(f"Pair {value['pair']}: {run['state']}. {run['error']}".strip(), markup=False)
    console.print(
        f"Found on both sides: {value['link']}. Created: {create['calendar']} in the calendar, "
        f"{create['crm']} in SuperOffice.",
        markup=False,
    )


@pair.command("list")
@click.option("--tenant", metavar="CUSTID", help="Only of this tenant.")
@shared
def pair_list(*, tenant: str | None) -> None:
    """List all pairs with their policies."""
    say(look("pair.list", **({"tenant": tenant} if tenant else {})), _show_pairs)


def _show_pairs(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("pair", "tenant", "crm", "calendar", "direction", "state", "reason")
    rows = [{**one, "crm": _end(one["crm"]), "calendar": _end(one["calendar"])} for one in value]
    table(console, rows, columns, "There are no pairs yet; `calsync pair add` makes one.")


def _end(one: Mapping[str, Any]) -> str:
    return str(one["calendar"]) if "calendar" in one else f"user {one['associate_id']}"


@pair.command("set")
@click.argument("id")
@from_file
@shared
def pair_set(*, id: str, source: Any) -> None:  # noqa: A002  # the word of the contract
    """Change "direction" and "policy"; keys that are not in the file keep their value."""
    _change("pair.set", pair=id, input=read_json(source))


@pair.command()
@click.argument("id")
@shared
def pause(*, id: str) -> None:  # noqa: A002  # the word of the contract
    """Let a pair rest until it is resumed; nothing is lost."""
    _change("pair.pause", pair=id)


@pair.command()
@click.argument("id")
@shared
def resume(*, id: str) -> None:  # noqa: A002  # the word of the contract
    """Let a paused pair go on."""
    _change("pair.resume", pair=id)


@pair.command()
@click.argument("id")
@click.option("--keep", is_flag=True, help="Leave what was copied in both calendars.")
@click.option("--remove-copies", is_flag=True, help="Delete the copies (not available in this version).")
@click.option("--preview", is_flag=True, help="Only say what would happen.")
@shared
def remove(*, id: str, keep: bool, remove_copies: bool, preview: bool) -> None:  # noqa: A002  # the word of the contract
    """Forget a pair; say --keep."""
    if remove_copies:
        message = "removing the copies is not available in this version; --keep leaves them in both calendars"
        complain({"error": {"code": "not_available", "message": message, "hint": ""}}, 1)
    if not keep:
        raise click.UsageError("say --keep: what was copied stays in both calendars")
    _change("pair.remove", pair=id, **({"preview": True} if preview else {}))


def _change(name: str, **arguments: Any) -> None:
    say(change(name, **arguments), _show_facts)
    finish()


def _show_facts(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import facts  # noqa: PLC0415  # costs time to load

    facts(console, {name: item if not isinstance(item, Mapping) else json.dumps(item) for name, item in value.items()})
