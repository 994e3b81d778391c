"""The real servers of the tests and the witnesses who look at them."""

import subprocess
import sys
from pathlib import Path

import pytest

from calsync.sandbox.child import ServerStartError
from calsync.sandbox.radicale import RadicaleProcess
from tests.servers.desk import event
from tests.servers.fixtures import CalDavServer, MakeCalendar
from tests.servers.witness import RawWitness, Witness


def test_a_witness_stores_lists_edits_and_deletes_on_every_server(witness: Witness, new_calendar: MakeCalendar) -> None:
    calendar = new_calendar()

    url = witness.put_event(calendar, event("lunch"))
    witness.edit(url, lambda text: text.replace("Lunch", "Middag"))

    assert ["SUMMARY:Middag" in text for text in witness.list_objects(calendar).values()] == [True]
    witness.delete(url)
    assert witness.list_objects(calendar) == {}


async def test_a_witness_works_while_an_event_loop_runs(witness: Witness, new_calendar: MakeCalendar) -> None:
    assert witness.list_objects(new_calendar()) == {}


def test_the_raw_witness_reads_the_bytes_that_are_stored(
    caldav_server: CalDavServer, new_calendar: MakeCalendar
) -> None:
    raw, calendar = RawWitness(caldav_server.user, caldav_server.password), new_calendar()

    raw.put(f"{calendar}lunch.ics", event("lunch", "Lønsj 🍕").encode())

    assert "SUMMARY:Lønsj 🍕\r\n".encode() in raw.objects(calendar)[f"{calendar}lunch.ics"]
    assert all(b"SUMMARY:L" in body for body in raw.texts(calendar).values())


def test_each_calendar_is_fresh(new_calendar: MakeCalendar) -> None:
    assert new_calendar() != new_calendar()


def test_radicale_keeps_its_calendars_over_a_restart(tmp_path: Path) -> None:
    with RadicaleProcess(tmp_path, users={"per": "secret"}) as server:
        path = server.make_calendar("work").removeprefix(server.url)

    with RadicaleProcess(tmp_path, users={"per": "secret"}) as server:
        assert RawWitness("per", "secret").etags(server.url + path) == {}
        assert RawWitness("per", "wrong").send("PROPFIND", server.url + path).status == 401


def test_a_server_that_cannot_start_says_what_it_wrote(tmp_path: Path) -> None:
    with RadicaleProcess(tmp_path / "first") as server:
        port = int(server.url.rstrip("/").rsplit(":", 1)[1])

        with pytest.raises(ServerStartError, match="radicale did not start"):
            RadicaleProcess(tmp_path / "second", users={"per": "secret"}, port=port).start()


def test_the_sandbox_names_its_extra_when_radicale_is_not_installed(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; sys.modules['radicale'] = None\n"
        "from calsync.sandbox.radicale import RadicaleProcess, SandboxMissingError\n"
        "try:\n    RadicaleProcess(pathlib.Path(sys.argv[1])).start()\n"
        "except SandboxMissingError as error:\n    print(error)"
    )

    said = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)

    assert "calsync[sandbox]" in said.stdout
