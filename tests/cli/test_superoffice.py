"""A diary of the simulated SuperOffice and a calendar, by commands: tenant, people, connection, pair, sync."""

from __future__ import annotations

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.office import Office


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
