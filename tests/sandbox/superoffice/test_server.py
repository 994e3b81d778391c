from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from calsync.sandbox.superoffice.server import SuperOfficeSandbox, Tls
from calsync.sandbox.superoffice.switches import Fault, Harm
from tests.sandbox.superoffice.client import APPOINTMENT, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from calsync.sandbox.superoffice.acting import Acting
    from calsync.sandbox.superoffice.believable import Company
    from calsync.sandbox.superoffice.world import World


@pytest.fixture
async def served(world: World, company: Company) -> AsyncIterator[SuperOfficeSandbox]:
    async with SuperOfficeSandbox(world) as sandbox:
        yield sandbox


@pytest.fixture
async def remote(served: SuperOfficeSandbox) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield await Client(served, http).sign_in()


async def test_login_and_tenants_have_ports_of_their_own(remote: Client, served: SuperOfficeSandbox) -> None:
    old = served.tenant_url()
    assert old.startswith("http://127.0.0.1:")
    assert not old.startswith(served.login_url)
    new = served.move_tenant()

    wrong = await remote.http.get(f"{old}/api")

    assert (wrong.status_code, old != new) == (421, True)
    assert (await remote.get("/api"))["v1"] == f"{new}/api/v1"


async def test_the_date_of_answers_is_that_of_the_world(remote: Client) -> None:
    answer = await remote.send("GET", "/api/v1/TimeZone/base")

    assert answer.headers.get_list("date") == ["Mon, 02 Mar 2026 08:00:00 GMT"]


@pytest.mark.parametrize(("harm", "left"), [(Harm.CUT_BEFORE, 1), (Harm.CUT_AFTER, 0)])
async def test_a_connection_is_really_cut(
    remote: Client, served: SuperOfficeSandbox, lunch: int, act: Acting, harm: Harm, left: int
) -> None:
    served.switches.faults.append(Fault(harm=harm, method="DELETE"))

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await remote.send("DELETE", f"{APPOINTMENT}/{lunch}")

    assert len(act.records()) == left
    assert (await remote.send("GET", "/api/v1/TimeZone/base")).status_code == 200


async def test_everything_can_be_behind_one_port(world: World, company: Company) -> None:
    async with SuperOfficeSandbox(world, single_port=True) as sandbox, httpx.AsyncClient(trust_env=False) as http:
        client = await Client(sandbox, http).sign_in()

        assert sandbox.tenant_url() == f"{sandbox.login_url}/Cust12345"
        assert await client.listed() == []


async def test_it_speaks_tls(world: World, company: Company, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    tls = Tls(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))

    async with (
        SuperOfficeSandbox(world, tls=tls) as sandbox,
        httpx.AsyncClient(verify=context, trust_env=False) as http,
    ):
        client = await Client(sandbox, http).sign_in()

        assert sandbox.tenant_url().startswith("https://127.0.0.1:")
        assert await client.listed() == []


# -- a process of its own


@pytest.fixture
def process(tmp_path: Path) -> Iterator[dict[str, Any]]:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "calsync.sandbox.superoffice", "--port", "0", "--ready-file", str(ready)]
    child = subprocess.Popen([*command, "--world", "people"])
    try:
        until = time.monotonic() + 30
        while not ready.exists():
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        yield json.loads(ready.read_text())
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0


def test_as_a_process_it_is_told_everything_over_its_control_endpoint(process: dict[str, Any]) -> None:
    kari, ola = process["people"]["kari"], process["people"]["ola"]
    with httpx.Client(base_url=process["control_url"], trust_env=False) as control:

        def post(path: str, body: Any) -> Any:
            answer = control.post(path, json=body)
            assert answer.status_code in {200, 204}, answer.text
            return answer.json() if answer.content else None

        when = {"start": "2026-03-05T10:00:00", "end": "2026-03-05T11:00:00"}
        lunch = post("/act/create", {"args": [kari], "fields": {"title": "Lunch", **when}})
        post("/snapshot", {"name": "before"})
        post("/act/edit", {"args": [kari, lunch], "fields": {"place": "Roof", "private": True}})
        post("/act/create", {"args": [ola], "fields": {"title": "Fair", "start": "2026-03-05", "end": "2026-03-06"}})
        met = {"title": "All hands", **when, "participants": [ola], "send_mail": True}
        post("/act/book", {"args": [kari], "fields": met})

        records = control.get("/records").json()
        assert [(row["title"], row["place"], row["all_day"]) for row in records[:2]] == [
            ("Lunch", "Roof", False),
            ("Fair", "", True),
        ]
        assert records[0]["start"] == "2026-03-05T09:00:00Z"
        assert len(control.get("/mails").json()) == 1
        control.delete("/mails")
        assert control.get("").json()["mails"] == 0

        post("/restore", {"name": "before"})
        assert len(control.get("/records").json()) == 1
        assert control.post("/act/vanish", json={}).status_code == 404
        assert control.post("/act/edit", json={"args": [kari, 999], "fields": {}}).status_code == 400


def test_as_a_process_its_switches_faults_and_tenant_are_set_from_outside(process: dict[str, Any]) -> None:
    base = process["tenant_url"]
    with httpx.Client(trust_env=False) as http:
        control = process["control_url"]
        shown = http.post(f"{control}/switches", json={"after_time": "refused", "latency_s": 0.0}).json()
        assert (shown["after_time"], shown["title_wins"]) == ("refused", True)
        assert http.post(f"{control}/switches", json={"wrong": 1}).status_code == 400
        assert http.post(f"{control}/switches", json={"faults": []}).status_code == 400

        http.post(f"{control}/faults", json={"harm": "cut-after", "path": "/api"})
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            http.get(f"{base}/api")
        http.post(f"{control}/faults", json={"harm": "empty", "status": 502, "path": "/api"})
        http.delete(f"{control}/faults")
        assert http.get(f"{base}/api").status_code == 200

        http.post(f"{control}/tenant", json={"state": "Suspended"})
        assert http.get(f"{base}/api").status_code == 503
        http.post(f"{control}/tenant", json={"state": "Running", "host_index": 1})
        assert http.get(f"{base}/api").status_code == 421

        assert http.post(f"{control}/tickets/expire").status_code == 204
        assert http.get(f"{control}/credentials").json()["custid"] == "Cust12345"
        assert http.get(f"{control}/requests").json()[-1]["status"] == 421
        http.delete(f"{control}/requests")
        assert http.get(control).json()["requests"] == 0
