"""Commands that take people in: `tenant`, `people`, `connect`, `connection`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click

from calsync.cli.shell import change, finish, from_file, hint, look, read_json, say, session, shared

_tenant_option = click.option("--tenant", metavar="CUSTID", help="Only of this tenant.")


@click.group(no_args_is_help=False)
@shared
def people() -> None:
    """List SuperOffice users."""


@people.command("list")
@_tenant_option
@shared
def people_list(*, tenant: str | None) -> None:
    """List the users of every tenant."""
    say(look("people.list", **({"tenant": tenant} if tenant else {})), _show_people)


def _show_people(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("tenant", "associate_id", "name", "email", "state")
    table(console, value, columns, "There is nobody yet; `calsync tenant add` takes a customer in.")


@click.group(no_args_is_help=False)
@shared
def tenant() -> None:
    """Take SuperOffice customers in, list and remove them."""


@tenant.command()
@from_file
@shared
def add(*, source: Any) -> None:
    """Take a customer in, or in again with another token; it proves itself first."""
    value = change("tenant.add", "Asking SuperOffice", input=read_json(source))
    say(value, _show_facts)
    hint(f"The serial number {value['serial']} is pinned: another database will not be taken for this one.")
    finish()


@tenant.command("list")
@shared
def tenant_list() -> None:
    """List all tenants."""
    say(look("tenant.list"), _show_tenants)


def _show_tenants(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("tenant", "environment", "state", "url", "people", "detail")
    table(console, value, columns, "There are no tenants yet; `calsync tenant add` takes one in.")


@tenant.command("remove")
@click.argument("custid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared
def tenant_remove(*, custid: str, yes: bool) -> None:
    """Erase everything of a tenant and destroy its key. What its calendars hold stays there."""
    if not yes and (session().json or not sys.stdin.isatty()):
        raise click.UsageError(f"say --yes to erase everything of {custid} for good")
    if not yes:
        click.confirm(f"Erase everything of {custid} for good?", abort=True, err=True)
    say(change("tenant.remove", tenant=custid), _show_facts)
    finish()


@click.command()
@from_file
@shared
def connect(*, source: Any) -> None:
    """Connect a person's calendar account, or connect it again with another password."""
    say(change("connect", "Looking for calendars", input=read_json(source)), _show_connection)
    finish()


def _show_connection(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    console.print(f"Connected: {value['connection']}", markup=False)
    table(console, value["calendars"], ("name", "writable", "id"), "It has no calendars.")


@click.group(no_args_is_help=False)
@shared
def connection() -> None:
    """List connected accounts."""


@connection.command("list")
@_tenant_option
@shared
def connection_list(*, tenant: str | None) -> None:
    """List connected accounts and their calendars."""
    say(look("connection.list", **({"tenant": tenant} if tenant else {})), _show_connections)


def _show_connections(console: Any, value: Sequence[Mapping[str, Any]]) -> None:
    from calsync.cli.show import table  # noqa: PLC0415  # costs time to load

    columns = ("connection", "tenant", "associate_id", "username", "url", "state")
    table(console, value, columns, "Nothing is connected yet; `calsync connect` does it.")


def _show_facts(console: Any, value: Mapping[str, Any]) -> None:
    from calsync.cli.show import facts  # noqa: PLC0415  # costs time to load

    facts(console, value)
