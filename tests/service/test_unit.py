"""The systemd unit: hardened, watched, and its secrets are the ones the settings know."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from calsync.settings import load_settings

UNIT = Path(__file__).parents[2] / "systemd/calsync.service"
EXPOSURE_MAX = 1.5
SECTIONS_OF_SECRETS = {
    "superoffice.sod": {"LOGIN_URL": "https://sod.superoffice.com", "CLIENT_ID": "app"},
    "microsoft": {"CLIENT_ID": "app"},
    "mail": {"SENDER": "calsync@example.com"},
}


def values_of(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


def systemd_analyze(*arguments: str) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        reason = "systemd-analyze is not installed (Debian and Ubuntu: apt install systemd)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([program, *arguments], check=False, stdout=subprocess.PIPE, text=True, timeout=30)
    return done.stdout


def test_the_unit_exposes_hardly_anything() -> None:
    said = systemd_analyze("security", "--offline=true", "--no-pager", str(UNIT))

    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(exposure) <= EXPOSURE_MAX


def test_the_service_reports_itself_and_is_watched() -> None:
    assert (values_of("Type"), values_of("WatchdogSec")) == (["notify"], ["30"])


def test_it_runs_as_a_user_of_its_own_with_a_folder_of_its_own() -> None:
    assert (values_of("DynamicUser"), values_of("StateDirectory")) == (["yes"], ["calsync"])


def test_it_is_stopped_later_than_it_promises_to_end() -> None:
    assert float(values_of("TimeoutStopSec")[0]) > 10


def test_trying_again_is_left_out_where_only_a_person_can_help() -> None:
    assert values_of("RestartPreventExitStatus") == ["75 78"]


def test_every_credential_is_a_secret_that_the_settings_take(tmp_path: Path) -> None:
    names = [value.split(":")[0] for value in values_of("#?LoadCredential")]
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    for name in names:
        (tmp_path / name).write_text(f"secret of {name}", encoding="utf-8")
    for section, keys in SECTIONS_OF_SECRETS.items():
        prefix = f"CALSYNC_{section.replace('.', '__')}".upper()
        environ |= {f"{prefix}__{key}": value for key, value in keys.items()}

    settings = load_settings(None, environ)

    assert settings.microsoft is not None
    taken = [
        settings.secrets.key,
        settings.superoffice["sod"].client_secret,
        settings.superoffice["sod"].private_key,
        settings.microsoft.client_secret,
        settings.microsoft.certificate,
        settings.mail.smtp_url,
    ]
    assert [secret.reveal() for secret in taken if secret] == [f"secret of {name}" for name in names]


def test_the_store_lies_in_the_folder_of_the_service() -> None:
    (environment,) = values_of("Environment")
    name, _, url = environment.replace("%S", "/var/lib").partition("=")

    assert load_settings(None, {name: url}).store.path == Path("/var/lib/calsync/calsync.db")
