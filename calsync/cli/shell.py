"""What all commands share: the options that every one takes, settings, output, and errors as one sentence."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import rich_click as click
from click import get_current_context

from calsync.core.errors import CalsyncError, OwnStateError
from calsync.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

WIDTH: Final = 1_000
"""Where nobody's window decides, a record is one line."""
USUAL_FILES: Final = (Path("calsync.toml"), Path("/etc/calsync/calsync.toml"))


class Exit(Exception):  # noqa: N818  # the end of a command, not an error
    """Ends the command with an exit code, when everything was said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True, kw_only=True)
class Session:
    """What was said on the command line, before or after the command."""

    config: Path | None = None
    json: bool = False
    seed: str | None = None
    verbose: bool = False

    def settings(self) -> Settings:
        """Raise SettingsError with every problem there is, unless the settings can be used."""
        return load_settings(self.file(), os.environ)

    def file(self) -> Path | None:
        """The settings file: what was named, else the usual places, else none."""
        named = os.environ.get("CALSYNC_CONFIG")
        if self.config is None and named:
            return Path(named)
        return self.config or next((path for path in USUAL_FILES if path.exists()), None)


def session() -> Session:
    found = get_current_context().find_object(Session)
    if found is None:
        raise RuntimeError("a command outside of the program")
    return found


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, False) and parameter.name is not None:
        setattr(context.ensure_object(Session), parameter.name, value)


def shared(command: F) -> F:
    """The options of every command and group."""
    options: dict[str, Any] = {"expose_value": False, "callback": _keep}
    for add in (
        click.option("--verbose", "-v", is_flag=True, help="Log what happens, on standard error.", **options),
        click.option("--seed", metavar="TEXT", help="Fix jitter and ids (for tests).", **options),
        click.option("--json", is_flag=True, help="Say it as JSON, alone on standard output.", **options),
        click.option(
            "--config",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The settings (default: calsync.toml here, else /etc/calsync/calsync.toml).",
            **options,
        ),
    ):
        command = add(command)
    return command


from_file = click.option(
    "--from-file",
    "source",
    required=True,
    metavar="FILE",
    type=click.File(encoding="utf-8"),
    help="JSON with what is wanted; - reads standard input.",
)


def read_json(source: Any) -> Any:
    """The JSON value of a file."""
    name = getattr(source, "name", "the input")
    try:
        return json.loads(source.read(), parse_constant=_refuse_constant)
    except RecursionError:
        raise click.BadParameter(f"{name} is nested too deeply") from None
    except (ValueError, OSError) as error:
        raise click.BadParameter(f"{name} holds no JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


# --- operations -----------------------------------------------------------------------------------------------------


def look(name: str, **arguments: Any) -> Any:
    """Do an operation that only looks, and give its value."""
    from calsync.cli import reach  # noqa: PLC0415  # costs time to load

    return reach.look(session().settings(), name, arguments).value


def change(name: str, doing: str = "", **arguments: Any) -> Any:
    """Do an operation that changes something or talks to servers, and give its value.

    A refusal is said and ends the command. An exit code other than 0 with a value is kept for the end: `finish`.
    """
    from calsync.cli import reach  # noqa: PLC0415  # costs time to load

    here = session()
    settings = here.settings()
    with progress(doing):
        done = reach.change(settings, name, arguments, seed=here.seed)
    if isinstance(done.value, Mapping) and "code" in (done.value.get("error") or ()):
        complain(done.value, done.exit)
    get_current_context().meta["exit"] = done.exit
    return done.value


def finish() -> None:
    """End with the exit code of the operation."""
    code = get_current_context().meta.get("exit", 0)
    if code:
        raise Exit(code)


@contextlib.contextmanager
def progress(doing: str) -> Iterator[None]:
    """A moving line on standard error while something takes its time, where a person watches."""
    if not doing or session().verbose or not sys.stderr.isatty():
        yield
        return
    with errors_console().status(f"{doing} …"):
        yield


# --- saying things --------------------------------------------------------------------------------------------------


def errors_console() -> Console:
    from rich.console import Console  # noqa: PLC0415  # costs time to load

    return Console(stderr=True, highlight=False)


def as_line(value: Any) -> str:
    """JSON in one line that any stream can carry, whatever its encoding."""
    return json.dumps(value, ensure_ascii=(sys.stdout.encoding or "").lower().replace("-", "") != "utf8")


def say(value: Any, human: Callable[[Console, Any], None]) -> None:
    """The value as JSON, or as a person reads it."""
    if session().json:
        print(json.dumps(value, ensure_ascii=False, indent=2) if sys.stdout.isatty() else as_line(value))
        return
    from rich.console import Console  # noqa: PLC0415  # costs time to load

    human(Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH), value)


def hint(text: str) -> None:
    """Something that helps a person and is no part of the result."""
    if not session().json:
        errors_console().print(text, style="dim", markup=False)


def complain(value: Mapping[str, Any], code: int) -> NoReturn:
    """Say an error, as JSON or as a sentence, and end."""
    error = value["error"]
    if session().json:
        print(as_line(value))
    else:
        console = errors_console()
        console.print(f"Error: {error['message']}", style="red", markup=False, soft_wrap=True)
        findings = error.get("findings", ())
        for finding in findings if findings != [error["message"]] else ():
            console.print(f"  - {finding}", markup=False, soft_wrap=True)
        if error["hint"]:
            console.print(error["hint"], style="dim", markup=False, soft_wrap=True)
    raise Exit(code)


def complain_of(error: CalsyncError) -> NoReturn:
    from calsync.web.failures import failure_of  # noqa: PLC0415  # costs time to load

    failure = failure_of(error)
    complain(failure.as_json(), failure.exit)


# --- logs -----------------------------------------------------------------------------------------------------------


class _Lines(logging.Formatter):
    """One line an event: when, how bad, what, and its facts."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        facts = [f"{name}={getattr(record, name)}" for name in ("action", "pair", "writes") if hasattr(record, name)]
        return " ".join([line, *facts])


def start_logging(level: int) -> None:
    """Logs go to standard error, without secrets and control characters."""
    from calsync.adapters.http.redact import RedactingFilter, Redactor  # noqa: PLC0415  # costs time to load

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter(Redactor()))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def needs_store(settings: Settings) -> Path:
    """The store's place, if something is there.

    Raises:
        OwnStateError: there is no store.
    """
    path = settings.store.path
    if not path.exists():
        raise OwnStateError(f"there is no store at {path}; `calsync init` makes one")
    return path
