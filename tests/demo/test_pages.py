"""What the quickstart and the how-to pages tell people to type is understood by the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click

from calsync.cli.main import program
from calsync.cli.shell import Session

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "quickstart.md", *sorted((DOCS / "how-to").glob("*.md"))]
PREFIXES = {"config/dev demo": ["demo"], "config/dev run": [], "calsync": []}


def commands() -> Iterator[str]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            yield from block.splitlines()
        yield from re.findall(r"^\$ (.+)$", text, re.MULTILINE)


def words_of(line: str) -> list[str] | None:
    """What follows the name of the program; None for a command of somebody else."""
    for prefix, words in PREFIXES.items():
        if line == prefix or line.startswith(f"{prefix} "):
            return [*words, *shlex.split(line.removeprefix(prefix))]
    return None


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Parse every part of a command line; nothing is run."""
    with command.make_context(command.name, words, parent=parent, obj=Session()) as context:
        if isinstance(command, click.Group):
            _, found, left = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None
            parse(found, left, context)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_every_command_on_the_pages_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_of(line)
    if words is None:
        assert line.startswith("curl ")
        return
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"--from-file (\S+)", line):
        Path(name).write_text("{}")

    parse(program, words)


def test_an_option_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse(program, ["demo", "--twice"])
