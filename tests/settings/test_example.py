"""The commented example is accepted, shows every key, and states the defaults truly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from calsync.settings import Settings, SettingsError, load_settings
from calsync.settings.sections import SECTIONS
from calsync.settings.values import SecretReader

EXAMPLE = Path(__file__).parents[2] / "config/calsync.toml"
COMMENTED_OUT = re.compile(r"^# (?=\[[a-z.]+\]$|[a-z_]+ = )", re.MULTILINE)


def uncommented() -> str:
    return COMMENTED_OUT.sub("", EXAMPLE.read_text(encoding="utf-8"))


def test_the_example_is_accepted_as_it_is() -> None:
    settings = load_settings(EXAMPLE, {})

    assert settings.microsoft is None
    assert not settings.superoffice


def test_the_example_states_the_defaults() -> None:
    settings, defaults = load_settings(EXAMPLE, {}), load_settings(None, {})

    for name in ("server", "caldav", "outbound", "sync", "mail"):
        assert getattr(settings, name) == getattr(defaults, name)


def test_with_its_sections_filled_in_each_missing_file_is_one_finding(tmp_path: Path) -> None:
    file = tmp_path / "calsync.toml"
    file.write_text(uncommented(), encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})

    assert [(finding.key, "no such file" in finding.found) for finding in caught.value.findings] == [
        ("superoffice.sod.client_secret_file", True),
        ("superoffice.sod.private_key_file", True),
        ("microsoft.client_secret_file", True),
        ("microsoft.certificate_file", True),
    ]


def test_with_the_files_in_place_the_whole_example_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "calsync.toml"
    file.write_text(uncommented(), encoding="utf-8")
    for name in re.findall(r'_file = "([^"]+)"', uncommented()):
        (tmp_path / name).write_text("made up", encoding="utf-8")

    settings = load_settings(file, {})

    assert is_dataclass(settings)
    assert settings.server.public_url == "https://calsync.example"
    assert settings.microsoft == load_settings(file, {}).microsoft


def keys_of(kind: type[Any]) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        is_secret = isinstance(hints[each.name].__metadata__[0], SecretReader)
        yield f"{each.name}_file" if is_secret else each.name


@pytest.mark.parametrize("section", SECTIONS)
def test_the_example_shows_every_key(section: str) -> None:
    title = "superoffice.sod" if section == "superoffice" else section
    body = uncommented().split(f"\n[{title}]\n")[1].split("\n[")[0]

    shown = set(re.findall(r"^([a-z_]+) = ", body, re.MULTILINE))
    assert shown == set(keys_of(SECTIONS[section]))


def test_every_section_is_a_field_of_the_settings() -> None:
    assert {each.name for each in fields(Settings)} == {*SECTIONS, "file"}
