from __future__ import annotations

import click
import pytest

from calsync.cli.main import COMMANDS, program
from calsync.core.reason import Reason
from calsync.engine.policies import CHOOSABLE
from calsync.engine.rhythm import PairReason
from calsync.settings.sections import SECTIONS
from calsync.web.failures import EXIT_CODES
from tests.docs.reference_pages import COMMANDS_PAGE, REFERENCE, SETTINGS_PAGE, commands_page, settings_page

PRINT = "print it anew: python -m tests.docs.reference_pages"


def test_the_page_of_the_commands_is_what_the_program_says() -> None:
    assert COMMANDS_PAGE.read_text(encoding="utf-8") == commands_page(), PRINT


def test_the_page_of_the_settings_is_what_the_code_reads() -> None:
    assert SETTINGS_PAGE.read_text(encoding="utf-8") == settings_page(), PRINT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    parts = list(command.commands) if isinstance(command, click.Group) else [""]

    page = COMMANDS_PAGE.read_text(encoding="utf-8")

    assert all(f"### `calsync {name} {part}".rstrip() in page for part in parts)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_documented(name: str) -> None:
    assert f"## `[{name}" in SETTINGS_PAGE.read_text(encoding="utf-8")


def test_every_exit_code_and_choosable_field_is_documented() -> None:
    page = COMMANDS_PAGE.read_text(encoding="utf-8")

    assert all(f"| {code} |" in page for code in EXIT_CODES)
    assert all(f"`{field.value}`" in page for field in CHOOSABLE)


def test_every_reason_is_documented() -> None:
    page = (REFERENCE / "reasons.md").read_text(encoding="utf-8")

    assert all(f"| `{reason.value}` |" in page for reason in Reason)
    assert all(f"| `{reason.value}` |" in page for reason in PairReason if reason is not PairReason.NONE)
