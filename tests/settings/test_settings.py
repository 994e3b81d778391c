"""What an operator may write, and that everything wrong is said at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from calsync.settings import Address, Finding, SettingsError, load_settings, render_findings

SUPEROFFICE = """
[superoffice.sod]
login_url = "https://sod.superoffice.com"
client_id = "app"
client_secret_file = "secret"
private_key_file = "key.pem"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "calsync.toml"
    file.write_text(text, encoding="utf-8")
    return file


def findings_of(file: Path | None, environ: dict[str, str] | None = None) -> tuple[Finding, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, environ or {})
    return caught.value.findings


def keys_of(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.key for finding in findings]


def with_superoffice_files(folder: Path) -> Path:
    (folder / "secret").write_text("s3cret\n", encoding="utf-8")
    (folder / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n", encoding="utf-8")
    return written(folder, SUPEROFFICE)


def test_without_a_file_the_documented_defaults_hold() -> None:
    settings = load_settings(None, {})

    assert settings.server.listen == Address("127.0.0.1", 8080)
    assert settings.sync.poll_interval_s == 300.0
    assert settings.sync.held_share == 0.2
    assert settings.superoffice == {}
    assert settings.microsoft is None


def test_the_address_people_use_follows_from_a_loopback_address_to_listen_on(tmp_path: Path) -> None:
    file = written(tmp_path, '[server]\nlisten = "[::1]:9000"')

    assert load_settings(file, {}).server.public_url == "http://[::1]:9000"


def test_the_address_people_use_is_asked_for_where_it_cannot_be_known(tmp_path: Path) -> None:
    file = written(tmp_path, '[server]\nlisten = "0.0.0.0:8080"')

    (finding,) = findings_of(file)
    assert (finding.key, finding.found) == ("server.public_url", "nothing")


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[store]\nurl = "sqlite:///data/calsync.db"\n[secrets]\nkey_file = "key"')

    settings = load_settings(file, {})

    assert settings.store.path == tmp_path / "data/calsync.db"
    assert settings.store.url == f"sqlite:///{tmp_path}/data/calsync.db"
    assert settings.secrets.key_file == tmp_path / "key"


def test_absolute_paths_stay_as_they_are(tmp_path: Path) -> None:
    file = written(tmp_path, '[store]\nurl = "sqlite:////var/lib/calsync/calsync.db"')

    assert load_settings(file, {}).store.path == Path("/var/lib/calsync/calsync.db")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[sync]\npoll_interval_s = 60\nheld_min = 4")

    settings = load_settings(file, {"CALSYNC_SYNC__POLL_INTERVAL_S": "0.05"})

    assert (settings.sync.poll_interval_s, settings.sync.held_min) == (0.05, 4)


def test_lists_and_flags_can_be_set_in_the_environment(tmp_path: Path) -> None:
    environ = {
        "CALSYNC_OUTBOUND__ALLOW_HOSTS": "127.0.0.1:5232, http://LOCALHOST:5232",
        "CALSYNC_MICROSOFT__CLIENT_ID": "app",
        "CALSYNC_MICROSOFT__CLIENT_SECRET": "s3cret",
        "CALSYNC_MICROSOFT__VALIDATE_AUTHORITY": "false",
    }

    settings = load_settings(written(tmp_path, ""), environ)

    assert settings.outbound.allow_hosts == ("127.0.0.1:5232", "http://localhost:5232")
    assert settings.microsoft is not None
    assert settings.microsoft.validate_authority is False


def test_a_superoffice_environment_can_come_from_the_environment_alone() -> None:
    environ = {
        "CALSYNC_SUPEROFFICE__SOD__LOGIN_URL": "https://sod.superoffice.com/",
        "CALSYNC_SUPEROFFICE__SOD__CLIENT_ID": "app",
        "CALSYNC_SUPEROFFICE__SOD__CLIENT_SECRET": "s3cret",
        "CALSYNC_SUPEROFFICE__SOD__PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----",
    }

    sod = load_settings(None, environ).superoffice["sod"]

    assert sod.login_url == "https://sod.superoffice.com"
    assert sod.issuer == sod.login_url
    assert sod.client_secret.reveal() == "s3cret"


def test_several_superoffice_environments_stand_side_by_side(tmp_path: Path) -> None:
    with_superoffice_files(tmp_path)
    online = SUPEROFFICE.replace("superoffice.sod]", "superoffice.online]")
    file = written(tmp_path, SUPEROFFICE + online + 'issuer = "https://other.example"\n')

    offices = load_settings(file, {}).superoffice

    assert list(offices) == ["online", "sod"]
    assert offices["online"].issuer == "https://other.example"


def test_other_variables_of_the_prefix_are_no_settings() -> None:
    load_settings(None, {"CALSYNC_SCHEMAS": "/somewhere", "PATH": "/bin"})


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    text = """
    colour = "blue"
    [server]
    listen = "8080"
    public_url = "http://calsync.example"
    port = 80
    [sync]
    held_share = 1.5
    poll_interval_s = 0
    window_past_days = true
    [outbound]
    allow_hosts = ["https://x"]
    """

    findings = findings_of(written(tmp_path, text), {"CALSYNC_SYNC__SETTLE_S": "soon"})

    assert sorted(keys_of(findings)) == [
        "CALSYNC_SYNC__SETTLE_S",
        "colour",
        "outbound.allow_hosts",
        "server.listen",
        "server.port",
        "server.public_url",
        "sync.held_share",
        "sync.poll_interval_s",
        "sync.window_past_days",
    ]


def test_a_finding_says_where_what_was_found_and_what_belongs_there(tmp_path: Path) -> None:
    file = written(tmp_path, '[server]\nlisten = "8080"')

    (finding,) = findings_of(file)

    assert str(finding) == (
        f"{file}: server.listen: found '8080'; expected HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080"
    )


def test_the_error_itself_is_one_line_and_the_report_one_line_a_finding(tmp_path: Path) -> None:
    file = written(tmp_path, "[sync]\nheld_min = -1\nsettle_s = 0\nheld_share = 2")

    with pytest.raises(SettingsError, match="and 2 more") as caught:
        load_settings(file, {})

    assert "\n" not in str(caught.value)
    assert len(render_findings(caught.value.findings).splitlines()) == 3


def test_a_single_underscore_in_a_variable_is_not_overlooked() -> None:
    (finding,) = findings_of(None, {"CALSYNC_SERVER_LISTEN": "127.0.0.1:1"})

    assert finding.key == "CALSYNC_SERVER_LISTEN"
    assert "CALSYNC_SERVER__LISTEN" in finding.expected


@pytest.mark.parametrize(
    "line",
    [
        'listen = "8080"',
        'listen = ":8080"',
        'listen = "host"',
        'listen = "host:99999"',
        'listen = "user@host:80"',
        'listen = "host:80/path"',
        "listen = 8080",
        'trusted_proxies = ["nobody"]',
        'public_url = "ftp://calsync.example"',
        'public_url = "https://calsync.example/?q=1"',
        'public_url = "https://me:pass@calsync.example"',
        'public_url = "http://calsync.example"',
        'tls_cert_file = "no-such-file"\ntls_key_file = "no-such-file"',
    ],
)
def test_what_a_server_cannot_be_is_refused(tmp_path: Path, line: str) -> None:
    findings = findings_of(written(tmp_path, f"[server]\n{line}"))

    assert all(finding.key.startswith("server.") for finding in findings)


@pytest.mark.parametrize("value", ["inf", "nan", "true", '""', '"x"', "[]", "0.04", "-1"])
def test_a_time_is_a_finite_number_of_at_least_a_twentieth_of_a_second(tmp_path: Path, value: str) -> None:
    findings = findings_of(written(tmp_path, f"[sync]\nsettle_s = {value}"))

    assert keys_of(findings) == ["sync.settle_s"]


@pytest.mark.parametrize("value", ["1.5", "false", '"many"', "0"])
def test_a_count_is_a_whole_number(tmp_path: Path, value: str) -> None:
    findings = findings_of(written(tmp_path, f"[sync]\nbreaker_writes = {value}"))

    assert keys_of(findings) == ["sync.breaker_writes"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "postgresql://db/calsync", "calsync.db", ""])
def test_a_store_this_version_cannot_open_is_refused(tmp_path: Path, url: str) -> None:
    findings = findings_of(written(tmp_path, f'[store]\nurl = "{url}"'))

    assert keys_of(findings) == ["store.url"]


def test_waiting_at_least_longer_than_waiting_at_most_is_refused(tmp_path: Path) -> None:
    findings = findings_of(written(tmp_path, "[sync]\nretry_base_s = 10\nretry_max_s = 5"))

    assert keys_of(findings) == ["sync.retry_max_s"]


def test_one_half_of_a_tls_pair_asks_for_the_other(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()

    findings = findings_of(written(tmp_path, '[server]\ntls_cert_file = "cert.pem"'))

    assert keys_of(findings) == ["server.tls_key_file"]


def test_notices_need_a_sender() -> None:
    findings = findings_of(None, {"CALSYNC_MAIL__SMTP_URL": "smtps://me:pass@mail.example"})

    assert keys_of(findings) == ["mail.sender"]


@pytest.mark.parametrize("section", ["server = 1", "[server.listen]\nx = 1", "[superoffice]\nclient_id = 'x'"])
def test_a_value_in_the_place_of_a_table_and_a_table_in_the_place_of_a_value_are_refused(
    tmp_path: Path, section: str
) -> None:
    assert len(findings_of(written(tmp_path, section))) == 1


def test_an_empty_section_is_fine_unless_it_needs_something(tmp_path: Path) -> None:
    findings = findings_of(written(tmp_path, "[server]\n[sync]\n[superoffice]\n[superoffice.sod]\n[microsoft]"))

    assert keys_of(findings) == [
        "superoffice.sod.login_url",
        "superoffice.sod.client_id",
        "superoffice.sod.client_secret_file",
        "superoffice.sod.private_key_file",
        "microsoft.client_id",
        "microsoft.client_secret_file",
    ]


@pytest.mark.parametrize("text", ["[server", "\x00", 'a = "\\q"'])
def test_a_file_that_is_no_toml_is_one_finding(tmp_path: Path, text: str) -> None:
    (finding,) = findings_of(written(tmp_path, text))

    assert finding.expected == "a TOML file in UTF-8"


def test_a_file_that_is_no_text_and_one_that_is_not_there_are_one_finding_each(tmp_path: Path) -> None:
    file = tmp_path / "calsync.toml"
    (missing,) = findings_of(file)
    file.write_bytes(b"\xff\xfe")
    (binary,) = findings_of(file)

    assert missing.found == "no such file or directory"
    assert binary.expected == "a TOML file in UTF-8"


@pytest.mark.parametrize("key", ["login_url"])
def test_a_remote_system_is_reached_over_https_unless_its_origin_is_listed(tmp_path: Path, key: str) -> None:
    with_superoffice_files(tmp_path)
    plain = SUPEROFFICE.replace("https://sod.superoffice.com", "http://127.0.0.1:4711")
    file = written(tmp_path, plain)

    assert keys_of(findings_of(file)) == [f"superoffice.sod.{key}"]
    assert keys_of(findings_of(file, {"CALSYNC_OUTBOUND__ALLOW_HOSTS": "127.0.0.1:4711"})) == [f"superoffice.sod.{key}"]
    load_settings(file, {"CALSYNC_OUTBOUND__ALLOW_HOSTS": "http://127.0.0.1:4711"})


def test_microsoft_is_reached_over_https_too() -> None:
    environ = {
        "CALSYNC_MICROSOFT__CLIENT_ID": "app",
        "CALSYNC_MICROSOFT__CLIENT_SECRET": "s3cret",
        "CALSYNC_MICROSOFT__AUTHORITY": "http://login.example",
        "CALSYNC_MICROSOFT__GRAPH_URL": "http://graph.example:81",
    }

    findings = findings_of(None, environ)

    assert keys_of(findings) == ["CALSYNC_MICROSOFT__AUTHORITY", "CALSYNC_MICROSOFT__GRAPH_URL"]
    load_settings(None, environ | {"CALSYNC_OUTBOUND__ALLOW_HOSTS": "http://login.example:80,http://graph.example:81"})


def test_importing_the_settings_brings_in_no_heavy_package() -> None:
    heavy = "{'pydantic', 'httpx', 'sqlalchemy', 'asyncio', 'litestar'}"
    code = (
        f"import sys, calsync.settings; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
