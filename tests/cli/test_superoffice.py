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


def test_a_diary_is_not_paired_with_somebody_elses_calendar(office: Office, radicale: RadicaleProcess) -> None:
    office.add_tenant()
    connection = office.connect("kari", radicale)["connection"]
    paper = office.pair_paper(connection, associate_id=int(office.told["people"]["ola"]))

    refused = office.program.json("pair", "add", "--from-file", paper, "--preview", expect=1)

    assert refused["error"]["code"] == "not_possible"
    assert "own user's calendar" in refused["error"]["message"]


def test_a_stale_checksum_is_answered_by_the_whole_preview_of_now(office: Office, radicale: RadicaleProcess) -> None:
    office.add_tenant()
    paper = office.pair_paper(office.connect("kari", radicale)["connection"])

    stale = office.program.json("pair", "add", "--from-file", paper, "--apply", "of-yesterday", expect=20)
    error = stale.pop("error")

    assert error["code"] == "preview_changed"
    assert stale == office.program.json("pair", "add", "--from-file", paper, "--preview")
    assert set(stale) >= {"pair", "checksum", "link", "create", "unsure"}
    assert office.program.json("pair", "list") == []


def test_why_takes_a_pasted_link_of_superoffice(office: Office, radicale: RadicaleProcess) -> None:
    office.add_pair(radicale)
    known = office.program.json("why", "Tannlege")

    number = known["crm"]["ref"]
    links = [
        number,
        f"https://online.example/{office.custid}/?appointment_id={number}",
        f"soprotocol:activity_id={number}",
    ]

    assert [office.program.json("why", one)["event"] for one in links] == [known["event"]] * 3


def test_doctor_knows_no_quirks_of_a_server_without_any(office: Office, radicale: RadicaleProcess) -> None:
    office.add_pair(radicale)
    office.book.put("mine", "Mine")
    for _ in range(2):
        office.program.json("sync", "--once")

    checks = office.program.json("doctor")

    assert all(check["ok"] for check in checks)
    assert [check["found"].split("; ")[1] for check in checks if check["check"].startswith("connection")] == [
        "quirks: none"
    ]
