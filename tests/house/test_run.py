"""`.ci/run` adds up, goes on where it should, and never takes a silent step for a good one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PASSES = 'echo "==== 7 passed, 1 skipped, 2 warnings in 61.20s (0:01:01) ===="'
FAILS = 'echo "==== 2 failed, 5 passed, 1 error in 0.31s ===="; exit 1'
EMPTY = 'echo "==== no tests ran in 0.01s ===="; exit 5'


def run(
    folder: Path, programs: Mapping[str, str], *steps: str, environ: Mapping[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run it in ``folder`` with an environment whose programs do what the texts say (all others succeed)."""
    for name in (".ci", "config"):
        (folder / name).mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    cases = "".join(f"*'{name}'*) {text} ;;\n" for name, text in programs.items())
    environment = folder / "config/dev"
    environment.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}*) true ;;\nesac\n', encoding="utf-8")
    environment.chmod(0o755)
    done = subprocess.run(
        [str(folder / ".ci/run"), *steps], check=False, stdout=subprocess.PIPE, text=True, env=environ, timeout=60
    )
    return done.returncode, done.stdout.splitlines()


def test_the_last_line_is_the_sum_of_all_steps(tmp_path: Path) -> None:
    status, lines = run(tmp_path, {"pytest": PASSES})

    assert (status, lines[-1]) == (0, "28 passed, 0 failed, 4 skipped")


def test_a_failing_test_step_lets_the_others_run_and_fails_the_whole(tmp_path: Path) -> None:
    status, lines = run(tmp_path, {"pytest tests/docs": FAILS, "pytest": PASSES}, "docs", "unit", "kill")

    assert (status, lines[-2:]) == (1, ["failed steps: docs", "19 passed, 3 failed, 2 skipped"])


def test_a_step_that_finds_no_tests_is_a_failure(tmp_path: Path) -> None:
    status, lines = run(tmp_path, {"pytest": EMPTY}, "kill")

    assert (status, lines[-1]) == (1, "0 passed, 1 failed")


@pytest.mark.parametrize("text", ["exit 4", "kill -9 $$", "echo '3 passed in 0.1s'; exit 3"])
def test_a_run_that_breaks_off_is_a_failure(tmp_path: Path, text: str) -> None:
    status, lines = run(tmp_path, {"pytest": text}, "unit")

    assert status == 1
    assert lines[-1].endswith(" 1 failed")


def test_after_a_failing_check_the_other_checks_are_left_out_and_the_tests_still_run(tmp_path: Path) -> None:
    status, lines = run(tmp_path, {"ruff check": "echo E501; exit 1", "pytest": PASSES})

    assert status == 1
    assert [line for line in lines if line.endswith("left out")] == [
        "step types: left out",
        "step imports: left out",
    ]
    assert lines[-2:] == ["failed steps: lint", "28 passed, 0 failed, 4 skipped"]


def test_each_step_ends_with_its_seconds(tmp_path: Path) -> None:
    status, lines = run(tmp_path, {}, "format")

    assert status == 0
    assert lines[0] == "step format"
    assert lines[-1].startswith("step format: ")
    assert lines[-1].endswith(" s")


def test_a_step_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, {}, "formt")[0] == 2


def test_what_is_missing_is_installed_by_root_and_named_to_everybody_else(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "sh", "cat", "dirname", "mktemp", "rm", "python3", "git"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "apt-get").write_text('#!/bin/sh\necho "apt-get $*" >>"$APT_LOG"\n', encoding="utf-8")
    (tools / "uv").write_text("#!/bin/sh\n", encoding="utf-8")
    for name in ("apt-get", "uv"):
        (tools / name).chmod(0o755)
    project, log = tmp_path / "project", tmp_path / "apt.log"
    project.mkdir()
    log.touch()

    status, lines = run(project, {}, "format", environ={"PATH": str(tools), "APT_LOG": str(log)})

    asked = ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends systemd"]
    if os.geteuid() == 0:
        assert (lines[0], log.read_text(encoding="utf-8").splitlines()) == (
            "installing from Debian: systemd",
            asked,
        )
    else:
        assert (lines[0], log.read_text(encoding="utf-8")) == (
            "not installed, and not root on Debian: systemd",
            "",
        )
    assert status == 0
