"""`calsync demo`: a company, two users, both servers and the daemon, on this machine alone."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import rich_click as click

from calsync.cli.shell import Exit, complain, session, shared

_NEEDED: Final = ("radicale",)
_ERROR: Final = 1
_USAGE: Final = 2
_SIGNALLED: Final = 128
_SLOWEST, _FASTEST = 0.1, 100.0


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the story, with exit code 0 if all of it was seen.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="F",
    help="Keep settings, store, calendars and logs here: a new or empty folder (default: removed at the end).",
)
@click.option(
    "--speed",
    type=click.FloatRange(_SLOWEST, _FASTEST),
    default=1.0,
    show_default=True,
    help="How much faster than a comfortable reading pace.",
)
@click.option("--listen", default="", metavar="HOST:PORT", help="Where the daemon listens (default: a free port).")
@shared
def demo(*, once: bool, folder: Path | None, speed: float, listen: str) -> None:
    """Show it at work: two SuperOffice users, a real CalDAV server, and a minute of edits on both sides.

    Needs no account anywhere. Afterwards it keeps running to play with, until Ctrl-C.
    """
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        message = "The demo needs calsync with its `sandbox` extra: install calsync[sandbox]."
        complain({"error": {"code": "sandbox_missing", "message": message, "hint": ""}}, _USAGE)
    from calsync.cli.demo_story import Wanted  # noqa: PLC0415  # costs time to load

    with _folder(folder) as place:
        wanted = Wanted(
            folder=place, is_kept=folder is not None, once=once, speed=speed, seed=session().seed, listen=listen
        )
        code = asyncio.run(_run(wanted, as_json=session().json))
    if code:
        raise Exit(code)


@contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    """The folder that was named, which stays, or one that is removed."""
    if named is not None:
        _check_empty(named)
        yield named.absolute()
        return
    made = Path(tempfile.mkdtemp(prefix="calsync-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _check_empty(folder: Path) -> None:
    """Make the folder if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise click.BadParameter(f"{folder} cannot be used: {error.strerror}", param_hint="--folder") from error
    if not is_empty:
        text = f"{folder} is not empty; the demo starts anew, in a new or an empty folder"
        raise click.BadParameter(text, param_hint="--folder")


async def _run(wanted: Any, *, as_json: bool) -> int:
    """Show it, and end everything that was started, whatever ends it; gives the exit code."""
    from calsync.cli.demo_story import Demo  # noqa: PLC0415  # costs time to load
    from calsync.cli.demo_tellers import teller_for  # noqa: PLC0415  # costs time to load

    teller = teller_for(as_json=as_json)
    showing = Demo(wanted=wanted, teller=teller)
    task = asyncio.create_task(showing.run())
    signals: list[int] = []

    def stop(number: int) -> None:
        if not signals:  # a second one must not disturb the cleaning up
            task.cancel()
        signals.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    await asyncio.wait([task])
    teller.close()
    if task.cancelled():
        return 0 if showing.is_open_end else _SIGNALLED + signals[0]
    try:
        task.result()
    except BrokenPipeError:  # nobody reads it any more, and there is nobody to tell
        return _ERROR
    return 0
