"""A diary of the simulated SuperOffice and a calendar, by commands: tenant, people, connection, pair, sync."""

from __future__ import annotations

import json
import subprocess
import sys
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

    def add_tenant(self) -> Any:
        return self.program.json("tenant", "add", "--from-file", self.tenant_paper())

    def connect(self, user: str, server: RadicaleProcess, *, expect: int = 0) -> Any:
        wanted = {"tenant": self.custid, "associate_id": self.kari, "kind": "caldav", "url": server.url}
        wanted |= {"username": user, "password": server.users[user]}
        return self.program.json("connect", "--from-file", self.program.paper("connect", wanted), expect=expect)

    def add_pair(self, server: RadicaleProcess) -> Any:
        self.add_tenant()
        connection = self.connect("kari", server)["connection"]
        wanted = {"tenant": self.custid, "associate_id": self.kari, "connection": connection, "calendar": self.book.url}
        return self.program.json("pair", "add", "--from-file", self.program.paper("pair", wanted), "--apply-any")


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


def test_a_tenant_proves_itself_and_its_serial_number_is_pinned(office: Office) -> None:
    added = office.add_tenant()
    other = office.program.json("tenant", "add", "--from-file", office.tenant_paper(serial="1"), expect=1)
    again = office.add_tenant()

    assert (added["tenant"], added["state"], added["people"]) == (office.custid, "Running", 3)
    assert added["serial"] == office.told["credentials"]["serial"]
    assert added["principal"] > 0
    assert "pinned" in other["error"]["message"]
    assert again == added


def test_a_refused_token_stores_nothing(office: Office) -> None:
    paper = office.tenant_paper(system_user_token="App-wrong")

    refused = office.program.json("tenant", "add", "--from-file", paper, expect=20)

    assert refused["error"]["code"] == "sign_in"
    assert office.program.json("tenant", "list") == []


def test_the_people_of_a_tenant_are_listed(office: Office) -> None:
    office.add_tenant()

    people = office.program.json("people", "list")

    assert [set(one) for one in people] == [{"tenant", "associate_id", "name", "email", "state"}] * 3
    assert office.kari in {one["associate_id"] for one in people}


def test_a_diary_and_a_calendar_come_together_and_stay_the_same(office: Office, radicale: RadicaleProcess) -> None:
    office.book.put("mine", "From my calendar")

    added = office.add_pair(radicale)
    quiet = office.program.json("sync", "--once")["pairs"][0]

    assert (added["create"]["crm"], added["run"]["state"]) == (1, "converged")
    assert len(office.book.titles()) == added["create"]["calendar"] + 1
    assert (quiet["writes"], quiet["state"]) == (0, "converged")


def test_a_person_is_not_connected_to_somebody_elses_account(office: Office, radicale: RadicaleProcess) -> None:
    radicale.make_calendar(f"office-{office.program.folder.name}", user="ola")
    office.add_tenant()
    first = office.connect("kari", radicale)

    refused = office.connect("ola", radicale, expect=1)
    again = office.connect("kari", radicale)

    assert refused["error"]["code"] == "other_subject"
    assert again["connection"] == first["connection"]


def test_a_removed_tenant_leaves_nothing_behind(office: Office, radicale: RadicaleProcess) -> None:
    office.add_pair(radicale)

    erased = office.program.json("tenant", "remove", office.custid, "--yes")

    assert erased["erased"]["pairs"] == 1
    status = office.program.json("status")
    assert (status["tenants"], status["pairs"], office.program.json("people", "list")) == ([], [], [])
