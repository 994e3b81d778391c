"""The files that an operator would write: settings with their secrets, and what the commands read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from calsync.sandbox.demo.stage import CUSTID, Person, Stage

SETTINGS_NAME: Final = "calsync.toml"

_SETTINGS: Final = """\
# Written by `calsync demo`. Everything is as an operator would write it; only the times are short, so that
# one can watch: see [sync].

[server]
listen = "{listen}"

[store]
url = "sqlite:///calsync.db"

[secrets]
key_file = "calsync.key"

[superoffice.sod]
login_url = "{login_url}"
client_id = "{client_id}"
client_secret_file = "superoffice-client-secret"
private_key_file = "superoffice-private-key.pem"
tenant_hosts = [{tenant_hosts}]
calls_per_s = 100.0

# Both servers of the demo listen on loopback, without https.
[outbound]
allow_hosts = [{allow_hosts}]

[sync]
poll_interval_s = {poll_s}
settle_s = {poll_s}
retry_base_s = {poll_s}
retry_max_s = 5
"""


def write_settings(stage: Stage, *, listen: str, poll_s: float) -> Path:
    """Settings and their secrets in the folder of the stage; gives the file for ``--config``."""
    credentials = stage.superoffice.credentials()
    write_secret(stage.folder / "superoffice-client-secret", credentials.client_secret)
    write_secret(stage.folder / "superoffice-private-key.pem", credentials.private_key_pem)
    hosts = [urlsplit(url).netloc for url in stage.superoffice.environment.origins.tenants]
    origins = [credentials.login_url, stage.radicale.url.rstrip("/"), *(f"http://{host}" for host in hosts)]
    file = stage.folder / SETTINGS_NAME
    file.write_text(
        _SETTINGS.format(
            listen=listen,
            login_url=credentials.login_url,
            client_id=credentials.client_id,
            tenant_hosts=_quoted(hosts),
            allow_hosts=_quoted(origins),
            poll_s=poll_s,
        ),
        encoding="utf-8",
    )
    return file


def _quoted(words: list[str]) -> str:
    return ", ".join(json.dumps(word) for word in words)


def write_secret(path: Path, text: str) -> Path:
    """A file that its owner alone can read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def tenant_paper(stage: Stage) -> Mapping[str, Any]:
    """What `calsync tenant add --from-file` reads."""
    credentials = stage.superoffice.credentials()
    return {
        "environment": "sod",
        "custid": credentials.custid,
        "serial": credentials.serial,
        "system_user_token": credentials.system_user_token,
    }


def connect_paper(stage: Stage, person: Person) -> Mapping[str, Any]:
    """What `calsync connect --from-file` reads."""
    return {
        "tenant": CUSTID,
        "associate_id": person.associate,
        "kind": "caldav",
        "url": stage.radicale.url,
        "username": person.program.user,
        "password": person.program.password,
    }


def pair_paper(person: Person, connection: str) -> Mapping[str, Any]:
    """What `calsync pair add --from-file` reads."""
    return {
        "tenant": CUSTID,
        "associate_id": person.associate,
        "connection": connection,
        "calendar": person.program.url,
        "direction": "both",
        "policy": {},
    }
