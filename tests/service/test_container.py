"""The container file and the compose file agree with the rest of the project."""

from __future__ import annotations

import re
from pathlib import Path

from calsync.settings import load_settings

ROOT = Path(__file__).parents[2]
CONTAINER = (ROOT / "config/Containerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "config/compose.yaml").read_text(encoding="utf-8")


def test_what_is_copied_exists() -> None:
    sources = [
        source for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, re.MULTILINE) for source in line.split()[:-1]
    ]

    assert "uv.lock" in sources
    assert all((ROOT / source).exists() for source in sources)


def test_it_installs_the_locked_packages_with_the_uv_of_the_set_up_script() -> None:
    (version,) = re.findall(r"^uv_version=(.+)$", (ROOT / "config/dev").read_text(encoding="utf-8"), re.MULTILINE)

    assert f"uv=={version}" in CONTAINER
    assert all("--locked --no-dev" in line for line in re.findall(r"uv sync.*", CONTAINER))


def test_it_does_not_run_as_root_and_says_how_it_is() -> None:
    assert re.search(r"^USER calsync$", CONTAINER, re.MULTILINE)
    assert "/healthz" in CONTAINER.split("HEALTHCHECK")[1]


def test_what_it_sets_in_the_environment_is_accepted() -> None:
    environ = dict(re.findall(r"(CALSYNC_\w+)=(\S+)", CONTAINER))

    settings = load_settings(ROOT / "config/calsync.toml", environ)

    assert settings.store.path.parent == settings.secrets.key_file.parent == Path("/var/lib/calsync")


def test_the_key_of_the_compose_file_is_found_as_a_credential(tmp_path: Path) -> None:
    (target,) = re.findall(r"^        target: (.+)$", COMPOSE, re.MULTILINE)
    (tmp_path / target).write_text("the key", encoding="utf-8")

    settings = load_settings(ROOT / "config/calsync.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert settings.secrets.key is not None
    assert settings.secrets.key.reveal() == "the key"
