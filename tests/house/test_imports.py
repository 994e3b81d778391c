"""The import contracts bite: each is broken on purpose, in a copy of the packages that holds nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
PURE = {
    *("__future__", "abc", "base64", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal"),
    *("difflib", "enum", "fractions", "functools", "hashlib", "heapq", "html", "itertools", "json", "math"),
    *("numbers", "operator", "re", "statistics", "string", "textwrap", "types", "typing", "unicodedata"),
    *("zoneinfo", "calsync"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages without what is in them, so that a violation stands alone."""
    for module in (ROOT / "calsync").rglob("*.py"):
        empty = tmp_path / module.relative_to(ROOT)
        empty.parent.mkdir(parents=True, exist_ok=True)
        empty.touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def verdict(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def test_empty_packages_keep_the_contracts(copy: Path) -> None:
    done = verdict(copy)

    assert (done.returncode, "0 broken" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize(
    ("where", "line", "contract"),
    [
        ("core", "import sqlalchemy", "core knows no network"),
        ("core", "import time", "core knows no network"),
        ("core", "from asyncio import sleep", "core knows no network"),
        ("core", "import calsync.ports", "imports point down"),
        ("settings", "import calsync.ports", "imports point down"),
        ("engine", "import calsync.store", "imports point down"),
        ("sandbox", "import calsync.adapters", "imports point down"),
        ("adapters/caldav", "import calsync.sandbox", "imports point down"),
        ("store", "def late() -> None:\n    import calsync.cli", "imports point down"),
        ("adapters/caldav", "import httpx", "httpx and httpcore are imported"),
        ("sandbox", "from httpx import AsyncClient", "httpx and httpcore are imported"),
    ],
)
def test_a_deliberate_violation_is_caught(copy: Path, where: str, line: str, contract: str) -> None:
    (copy / "calsync" / where / "injected.py").write_text(f"{line}\n", encoding="utf-8")

    done = verdict(copy)

    broken = [each for each in done.stdout.splitlines() if each.endswith("BROKEN")]
    assert done.returncode == 1
    assert [each.startswith(contract) for each in broken] == [True], done.stdout


def test_the_one_client_may_import_httpx(copy: Path) -> None:
    (copy / "calsync/adapters/http/injected.py").write_text("import httpx\n", encoding="utf-8")

    assert verdict(copy).returncode == 0


def test_a_new_package_has_to_say_where_it_belongs(copy: Path) -> None:
    (copy / "calsync/utils.py").touch()

    done = verdict(copy)

    assert (done.returncode, "utils" in done.stdout) == (1, True)


def imported_by(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (each.name.split(".")[0] for each in names)
            case ast.ImportFrom(module=str(module)):
                yield module.split(".")[0]
            case _:
                pass


def test_core_imports_nothing_but_the_pure_part_of_the_standard_library() -> None:
    found = {name for source in (ROOT / "calsync/core").rglob("*.py") for name in imported_by(source)}

    assert found <= PURE
