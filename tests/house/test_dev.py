"""The two commands: what they ask of a machine and what they say when it is not there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STANDARD = ("sh", "bash", "dirname", "sed", "cat", "mktemp", "rm", "tee", "grep", "tail", "env")
NEW_PYTHON = 'case "$*" in *sys.version_info*) exit 0 ;; esac\n'


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A project without .venv, and a bin folder that holds the standard tools alone."""
    (tmp_path / "bin").mkdir()
    for name in STANDARD:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    for name in ("config", ".ci"):
        (tmp_path / "project with space" / name).mkdir(parents=True)
    shutil.copy(ROOT / "config/dev", tmp_path / "project with space/config/dev")
    shutil.copy(ROOT / ".ci/run", tmp_path / "project with space/.ci/run")
    return tmp_path


def program(bare: Path, name: str, text: str) -> None:
    file = bare / "bin" / name
    file.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    file.chmod(0o755)


def run(bare: Path, *command: str) -> subprocess.CompletedProcess[str]:
    first, *others = command
    return subprocess.run(
        [str(bare / "project with space" / first), *others],
        cwd=bare,
        env={"PATH": str(bare / "bin")},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_both_scripts_are_executable_and_well_formed() -> None:
    for shell, file in (("sh", "config/dev"), ("bash", ".ci/run")):
        assert (ROOT / file).stat().st_mode & 0o111
        assert subprocess.run([shell, "-n", str(ROOT / file)], check=False).returncode == 0


def test_without_a_python_it_says_which_one_is_needed(bare: Path) -> None:
    done = run(bare, "config/dev", "demo")

    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_a_python_that_is_too_old_is_none(bare: Path) -> None:
    program(bare, "python3", "exit 1")

    assert "needs Python 3.11 or newer" in run(bare, "config/dev", "demo").stderr


def test_without_pip_it_names_the_package_of_debian(bare: Path) -> None:
    program(bare, "python3.12", f"{NEW_PYTHON}exit 1")

    done = run(bare, "config/dev", "demo")

    assert done.returncode == 1
    assert "python3.12 has no pip (Debian and Ubuntu: apt install python3-pip)" in done.stderr


def test_a_python_without_pip_is_passed_over_for_one_with_it(bare: Path) -> None:
    program(bare, "python3.11", f"{NEW_PYTHON}exit 1")
    program(bare, "python3", f'{NEW_PYTHON}case "$*" in *--version) exit 0 ;; esac\necho "python3 $*"; exit 1')

    assert run(bare, "config/dev", "demo").stdout == f"python3 -m venv --without-pip {bare}/project with space/.venv\n"


def test_a_uv_at_hand_is_used_and_gets_the_arguments_unchanged(bare: Path) -> None:
    program(bare, "uv", '[ "$1" = --version ] && echo "uv 0.13.9" && exit\nprintf "%s\\n" "$@" "$PWD"')

    done = run(bare, "config/dev", "run", "why", "two words", "--json")

    project = str(bare / "project with space")
    options = ["run", "--quiet", "--locked", "--project", project, "--"]
    assert done.stdout.splitlines() == [*options, "calsync", "why", "two words", "--json", str(bare)]


@pytest.mark.parametrize("version", ["uv 0.12.4", "uv 0.9.30 (abc 2026-01-01)", "no version"])
def test_a_uv_that_is_too_old_is_not_used(bare: Path, version: str) -> None:
    program(bare, "uv", f'[ "$1" = --version ] && echo "{version}" && exit\necho used')

    done = run(bare, "config/dev", "demo")

    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("version", ["uv 0.13.10", "uv 0.14.0 (abc 2027-01-01)", "uv 1.0.0"])
def test_a_newer_uv_is_used(bare: Path, version: str) -> None:
    program(bare, "uv", f'[ "$1" = --version ] && echo "{version}" && exit\necho used')

    assert run(bare, "config/dev", "demo").stdout == "used\n"


@pytest.mark.parametrize("arguments", [[], ["dmeo"], ["exec"]])
def test_a_command_that_does_not_exist_is_refused(bare: Path, arguments: list[str]) -> None:
    assert run(bare, "config/dev", *arguments).returncode == (0 if not arguments else 2 - arguments.count("exec"))
