"""What a run costs when nothing happened, counted by the servers themselves."""

from __future__ import annotations

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.office import Office
from tests.servers.fixtures import MakeFront


@pytest.mark.server
def test_a_quiet_sync_asks_for_changes_sweeps_once_and_asks_the_calendar_once(
    office: Office, radicale: RadicaleProcess, new_front: MakeFront
) -> None:
    front = new_front(radicale.url)
    office.program.allow = (*office.program.allow, front.url)
    office.program.configure()
    office.add_pair(radicale, url=front.url, calendar=front.through(office.book.url))
    office.program.json("sync", "--once")
    office.control("DELETE", "/requests")
    before = front.count().total()

    quiet = office.program.json("sync", "--once")["pairs"][0]

    asked = [f"{one['method']} {one['path']}" for one in office.control("GET", "/requests") if one["custid"]]
    assert (quiet["state"], quiet["reads"], quiet["writes"]) == ("converged", 0, 0)
    assert quiet["set_aside"] > 0
    # Stamps of changes and of first entries are asked for separately; whole entities and set-aside rows are not read.
    assert sorted(asked) == ["GET /api/v1/Appointment"] * 2 + ["POST /api/v1/Agents/Appointment/GetAssociatesDiary"]
    assert front.count().total() - before == 1
