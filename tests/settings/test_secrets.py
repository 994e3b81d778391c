"""Where a secret may come from, and that it shows itself nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from calsync.settings import Settings, SettingsError, load_settings

CANARY = "c4nary-in-a-coal-mine"
TABLE = """
[superoffice.sod]
login_url = "https://sod.superoffice.com"
client_id = "app"
"""


def loaded(
    folder: Path, text: str, *, credentials: Path | None = None, environ: dict[str, str] | None = None
) -> Settings:
    file = folder / "calsync.toml"
    file.write_text(text, encoding="utf-8")
    systemd = {"CREDENTIALS_DIRECTORY": str(credentials)} if credentials else {}
    return load_settings(file, systemd | (environ or {}))


def refused(folder: Path, text: str, environ: dict[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text, environ=environ)
    return caught.value


def test_environment_then_credential_then_file(tmp_path: Path) -> None:
    text = TABLE + 'client_secret_file = "file"\nprivate_key_file = "file"\n'
    (tmp_path / "file").write_text("from the file\n", encoding="utf-8")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    by_file = loaded(tmp_path, text, credentials=credentials)
    (credentials / "superoffice.sod.client_secret").write_text("from systemd\n", encoding="utf-8")
    by_credential = loaded(tmp_path, text, credentials=credentials)
    environ = {"CALSYNC_SUPEROFFICE__SOD__CLIENT_SECRET": "from the environment"}
    by_environment = loaded(tmp_path, text, credentials=credentials, environ=environ)

    found = [s.superoffice["sod"].client_secret.reveal() for s in (by_file, by_credential, by_environment)]
    assert found == ["from the file", "from systemd", "from the environment"]
    assert by_environment.superoffice["sod"].private_key.reveal() == "from the file"


def test_a_credential_makes_its_file_unnecessary(tmp_path: Path) -> None:
    for name in ("client_secret", "private_key"):
        (tmp_path / f"superoffice.sod.{name}").write_text(CANARY, encoding="utf-8")
    text = TABLE + 'client_secret_file = "no-such-file"\nprivate_key_file = "no-such-file"\n'

    settings = loaded(tmp_path, text, credentials=tmp_path)

    assert settings.superoffice["sod"].private_key.reveal() == CANARY


def test_each_missing_file_is_one_finding(tmp_path: Path) -> None:
    error = refused(tmp_path, TABLE + 'client_secret_file = "a"\nprivate_key_file = "b"\n')

    assert [finding.found for finding in error.findings] == [
        f"'{tmp_path}/a' (no such file or directory)",
        f"'{tmp_path}/b' (no such file or directory)",
    ]


def test_a_secret_in_the_configuration_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = TABLE + f'client_secret = "{CANARY}"\nprivate_key_file = "calsync.toml"\n'

    error = refused(tmp_path, text)

    assert [finding.key for finding in error.findings] == ["superoffice.sod.client_secret"]
    assert CANARY not in str(error)


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    error = refused(tmp_path, f'[outbound]\nproxy = "http://me:{CANARY}@proxy.example:3128"')

    assert [finding.key for finding in error.findings] == ["outbound.proxy"]
    assert CANARY not in str(error)


def test_an_unknown_variable_is_reported_without_its_value(tmp_path: Path) -> None:
    error = refused(tmp_path, "", {"CALSYNC_MAIL__PASSWORD": CANARY})

    assert [finding.key for finding in error.findings] == ["CALSYNC_MAIL__PASSWORD"]
    assert CANARY not in str(error)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_an_empty_secret_and_one_that_is_no_text_are_findings(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)

    error = refused(tmp_path, TABLE + 'client_secret_file = "file"\nprivate_key_file = "calsync.toml"\n')

    assert [finding.key for finding in error.findings] == ["superoffice.sod.client_secret_file"]


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    error = refused(tmp_path, TABLE + 'client_secret_file = "."\nprivate_key_file = 5\n')

    assert [finding.found for finding in error.findings] == [f"'{tmp_path}' (is a directory)", "5"]


def test_the_settings_do_not_show_a_secret(tmp_path: Path) -> None:
    environ = {
        "CALSYNC_SUPEROFFICE__SOD__CLIENT_SECRET": CANARY,
        "CALSYNC_SUPEROFFICE__SOD__PRIVATE_KEY": CANARY,
        "CALSYNC_SECRETS__KEY": CANARY,
    }

    settings = loaded(tmp_path, TABLE, environ=environ)

    assert CANARY not in f"{settings!r} {settings}"
    assert settings.secrets.key is not None
    assert settings.secrets.key.reveal() == CANARY


def test_the_master_key_may_be_made_later(tmp_path: Path) -> None:
    text = '[secrets]\nkey_file = "calsync.key"'
    before = loaded(tmp_path, text)
    (tmp_path / "calsync.key").write_text("new\nold\n", encoding="utf-8")
    after = loaded(tmp_path, text)

    assert before.secrets.key is None
    assert after.secrets.key is not None
    assert after.secrets.key.reveal() == "new\nold"


def test_an_empty_master_key_is_not_taken_for_one_to_be_made(tmp_path: Path) -> None:
    (tmp_path / "calsync.key").touch()

    error = refused(tmp_path, '[secrets]\nkey_file = "calsync.key"')

    assert [finding.key for finding in error.findings] == ["secrets.key_file"]


def test_microsoft_needs_a_secret_or_a_certificate(tmp_path: Path) -> None:
    neither = refused(tmp_path, '[microsoft]\nclient_id = "app"')
    (tmp_path / "cert.pem").write_text("-----BEGIN", encoding="utf-8")
    one = loaded(tmp_path, '[microsoft]\nclient_id = "app"\ncertificate_file = "cert.pem"')

    assert [finding.key for finding in neither.findings] == ["microsoft.client_secret_file"]
    assert one.microsoft is not None
    assert one.microsoft.client_secret is None


def test_a_place_where_nobody_may_look_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    error = refused(
        tmp_path, '[secrets]\nkey_file = "' + "x" * 300 + '"\n[mail]\nsmtp_url_file = "file/url"\nsender = "x"'
    )

    assert [finding.key for finding in error.findings] == ["secrets.key_file", "mail.smtp_url_file"]
