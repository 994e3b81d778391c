"""The program: commands are loaded when they are used, so that each starts quickly."""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import rich_click as click
from click.exceptions import Exit as ClickExit

from calsync.cli.shell import Exit, Session, as_line, complain_of, errors_console, shared, start_logging
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

_ERROR: Final = 1
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a title may hold what a terminal of old cannot show
            stream.reconfigure(errors="backslashreplace")
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
        if _wants_json(session, words):
            _say_error("stopped", "stopped before it was done", "")
        errors_console().print("stopped", style="red")
        return _INTERRUPTED
    except SystemExit as end:  # the help that is shown where nothing was said
        return end.code if isinstance(end.code, int) else _USAGE
    except click.ClickException as error:
        if _wants_json(session, words):
            _say_error("usage", error.format_message(), "See --help.")
        else:
            error.show()
        return _USAGE
    except Exception as error:  # a bug is loud; whoever reads JSON gets some all the same
        if not _wants_json(session, words):
            raise
        traceback.print_exc()
        _say_error("internal", f"an error of the program itself ({type(error).__name__})", "The log has the details.")
        return _ERROR
    return 0


def _wants_json(session: Session, words: list[str]) -> bool:
    """Wrong usage may end the reading of the options before this one."""
    return session.json or "--json" in words


def _say_error(code: str, message: str, hint: str) -> None:
    print(as_line({"error": {"code": code, "message": message, "hint": hint}}))
