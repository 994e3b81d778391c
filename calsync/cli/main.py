"""The program: commands are loaded when they are used, so that each starts quickly."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import rich_click as click
from click.exceptions import Exit as ClickExit

from calsync.cli.shell import Exit, Session, complain_of, errors_console, shared, start_logging
from calsync.core.errors import CalsyncError

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("demo", "demo"),
    "serve": ("run", "serve"),
    "sync": ("run", "sync"),
    "init": ("own", "init"),
    "status": ("look", "status"),
    "why": ("look", "why"),
    "runs": ("look", "runs"),
    "conflicts": ("decide", "conflicts"),
    "held": ("decide", "held"),
    "set-aside": ("decide", "set_aside"),
    "people": ("provision", "people"),
    "tenant": ("provision", "tenant"),
    "connect": ("provision", "connect"),
    "connection": ("provision", "connection"),
    "pair": ("pair", "pair"),
    "doctor": ("own", "doctor"),
    "check-config": ("own", "check_config"),
    "fsck": ("own", "fsck"),
    "db": ("own", "db"),
}
"""Where each command is, in the order of the help."""

_USAGE: Final = 2
_INTERRUPTED: Final = 130


class LazyGroup(click.RichGroup):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(f"calsync.cli.{module}"), attribute)
        assert isinstance(found, click.Command)  # noqa: S101  # the table names commands only
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that is expected now and then is said in one sentence."""
        try:
            return super().invoke(ctx)
        except CalsyncError as error:
            complain_of(error)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("calsync"), prog_name="calsync")
@shared
def program() -> None:
    """Keep each SuperOffice CRM diary and its user's own calendar the same, in both directions."""


def main(words: list[str] | None = None) -> None:
    """Run the program and end the process with its exit code."""
    words = sys.argv[1:] if words is None else words
    start_logging(logging.DEBUG if {"-v", "--verbose"} & set(words) else logging.WARNING)
    code = run(words)
    # Whatever reads us may be gone; that is no error of ours.
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(words: list[str]) -> int:
    """One command; its exit code."""
    session = Session()
    try:
        program.main(words, prog_name="calsync", standalone_mode=False, obj=session)
    except Exit as end:
        return end.code
    except ClickExit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        errors_console().print("stopped", style="red")
        return _INTERRUPTED
    except SystemExit as end:  # the help that is shown where nothing was said
        return end.code if isinstance(end.code, int) else _USAGE
    except click.ClickException as error:
        return _wrong_usage(error, as_json=session.json or "--json" in words)
    return 0


def _wrong_usage(error: click.ClickException, *, as_json: bool) -> int:
    if as_json:
        said: dict[str, Any] = {"code": "usage", "message": error.format_message(), "hint": "See --help."}
        print(json.dumps({"error": said}, ensure_ascii=False))
    else:
        error.show()
    return _USAGE
