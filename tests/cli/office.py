"""A simulated SuperOffice of its own for each test, and an installation that knows it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.program import Book, Program, wait_for


@dataclass(slots=True, kw_only=True)
class Office:
    """A simulated SuperOffice, an installation that knows its environment, and Kari's calendar."""

    program: Program
    told: dict[str, Any]
    book: Book

    @property
    def custid(self) -> str:
        return str(self.told["credentials"]["custid"])

    @property
    def kari(self) -> int:
        return int(self.told["people"]["kari"])

    def tenant_paper(self, **other: str) -> str:
        credentials = self.told["credentials"]
        wanted = {
            "environment": "sod",
            "custid": credentials["custid"],
            "system_user_token": credentials["system_user_token"],
        }
        return self.program.paper("tenant", wanted | other)

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the simulator itself, beside its API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.told["control_url"] + path, data=data, method=method)  # noqa: S310  # our own simulator
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same
            said = answer.read()
        return json.loads(said) if said else None

    def add_tenant(self) -> Any:
        return self.program.json("tenant", "add", "--from-file", self.tenant_paper())

    def connect(self, user: str, server: RadicaleProcess, *, url: str = "", expect: int = 0) -> Any:
        wanted = {"tenant": self.custid, "associate_id": self.kari, "kind": "caldav", "url": url or server.url}
        wanted |= {"username": user, "password": server.users[user]}
        return self.program.json("connect", "--from-file", self.program.paper("connect", wanted), expect=expect)

    def pair_paper(self, connection: str, *, calendar: str = "", **other: object) -> str:
        wanted = {"tenant": self.custid, "associate_id": self.kari, "connection": connection}
        return self.program.paper("pair", wanted | {"calendar": calendar or self.book.url} | other)

    def add_pair(self, server: RadicaleProcess, *, url: str = "", calendar: str = "") -> Any:
        self.add_tenant()
        paper = self.pair_paper(self.connect("kari", server, url=url)["connection"], calendar=calendar)
        return self.program.json("pair", "add", "--from-file", paper, "--apply-any")


@pytest.fixture
def office(bare: Program, radicale: RadicaleProcess) -> Iterator[Office]:
    ready = bare.folder / "superoffice.json"
    command = [sys.executable, "-m", "calsync.sandbox.superoffice", "--ready-file", str(ready), "--single-port"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        wait_for(ready, process)
        told = json.loads(ready.read_text())
        _settle_in(bare, told, radicale)
        url = radicale.make_calendar(f"office-{bare.folder.name}", user="kari")
        yield Office(program=bare, told=told, book=Book(url=url, user="kari", password=radicale.users["kari"]))
    finally:
        process.terminate()
        process.wait(10)


def _settle_in(program: Program, told: dict[str, Any], radicale: RadicaleProcess) -> None:
    credentials = told["credentials"]
    (program.folder / "secret").write_text(credentials["client_secret"])
    (program.folder / "key.pem").write_text(credentials["private_key_pem"])
    host = urlsplit(told["tenant_url"]).netloc
    program.allow = (radicale.url, f"http://{host}")
    program.more = (
        f'[superoffice.sod]\nlogin_url = "{told["login_url"]}"\nclient_id = "{credentials["client_id"]}"\n'
        f'client_secret_file = "secret"\nprivate_key_file = "key.pem"\ntenant_hosts = ["{host}"]\ncalls_per_s = 1000\n'
    )
    program.configure()
    program.json("init")
