"""The program as its users meet it: words in, an exit code and two streams out."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from calsync.cli.main import run
from calsync.sandbox.radicale import RadicaleProcess

PROGRAM: Final = Path(sys.executable).with_name("calsync")
_QUICK: Final = {"poll_interval_s": 0.5, "settle_s": 0.2, "retry_base_s": 0.1}
_OBJECT: Final = """\
BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//somebody//else//EN\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20260101T000000Z\r
DTSTART:{day}T100000Z\r
DTEND:{day}T110000Z\r
SUMMARY:{title}\r
END:VEVENT\r
END:VCALENDAR\r
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one command said."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True, kw_only=True)
class Program:
    """Runs commands in this process, on an installation of their own."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    allow: tuple[str, ...] = ()
    sync: dict[str, float] = field(
        default_factory=lambda: {"poll_interval_s": 0.5, "settle_s": 0.2, "retry_base_s": 0.1}
    )
    more: str = ""

    @property
    def config(self) -> Path:
        return self.folder / "calsync.toml"

    @property
    def store(self) -> Path:
        return self.folder / "calsync.db"

    def configure(self) -> None:
        allowed = ", ".join(json.dumps(origin.rstrip("/")) for origin in self.allow)
        timings = "".join(f"{name} = {value}\n" for name, value in self.sync.items())
        self.config.write_text(
            f'[secrets]\nkey_file = "key"\n[outbound]\nallow_hosts = [{allowed}]\n[sync]\n{timings}{self.more}'
        )

    def run(self, *words: str) -> Said:
        self.capture.readouterr()
        code = run(["--config", str(self.config), *words])
        out, err = self.capture.readouterr()
        return Said(exit=code, out=out, err=err)

    def json(self, *words: str, expect: int = 0) -> Any:
        said = self.run("--json", *words)
        assert said.exit == expect, (said.exit, said.out, said.err)
        return said.json

    def paper(self, name: str, value: object) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(value))
        return str(path)

    # --- accounts and pairs of two calendars

    def connect(self, server: RadicaleProcess, user: str, *, url: str = "", password: str = "", expect: int = 0) -> Any:
        wanted = {
            "tenant": "local",
            "kind": "caldav",
            "url": url or server.url,
            "username": user,
            "password": password or server.users[user],
        }
        return self.json("connect", "--from-file", self.paper("connect", wanted), expect=expect)

    def pair_paper(self, crm: dict[str, str], calendar: dict[str, str], **policy: object) -> str:
        return self.paper("pair", {"tenant": "local", "crm": crm, **calendar, "policy": policy})

    # --- as a process

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CALSYNC_")}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([str(PROGRAM), "--config", str(self.config), *words], env=environment, stderr=log)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def wait_for(path: Path, process: subprocess.Popen[bytes], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not path.exists():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it did not get ready"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A calendar on a server, filled by something that shares no code with calsync."""

    url: str
    user: str
    password: str

    def put(self, uid: str, title: str, *, day: str = "20261201") -> None:
        self._send("PUT", f"{self.url}{uid}.ics", _OBJECT.format(uid=uid, title=title, day=day).encode())

    def delete(self, uid: str) -> None:
        self._send("DELETE", f"{self.url}{uid}.ics", None)

    def text(self) -> str:
        """All of it, with folded lines put together."""
        return self._send("GET", self.url, None).decode().replace("\r\n ", "")

    def titles(self) -> list[str]:
        text = self._send("GET", self.url, None).decode()
        return sorted(line.removeprefix("SUMMARY:") for line in text.splitlines() if line.startswith("SUMMARY:"))

    def rename(self, title: str, new: str) -> None:
        """Give the event of this title another one, in its own text."""
        for href in self._hrefs():
            text = self._send("GET", href, None).decode()
            if f"SUMMARY:{title}\r\n" in text:
                self._send("PUT", href, text.replace(f"SUMMARY:{title}", f"SUMMARY:{new}").encode())
                return
        raise LookupError(title)

    def _hrefs(self) -> list[str]:
        listing = self._send("PROPFIND", self.url, b"").decode()
        origin = "/".join(self.url.split("/")[:3])
        return [origin + part.split("<")[0] for part in listing.split("href>") if part.split("<")[0].endswith(".ics")]

    def _send(self, method: str, url: str, body: bytes | None) -> bytes:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Depth": "1", "Content-Type": "text/calendar"}
        request = urllib.request.Request(url, data=body, method=method, headers=headers)  # noqa: S310  # our own server
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same
            data: bytes = answer.read()
            return data


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own daemon
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
