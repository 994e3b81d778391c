"""A pair that is set to a stricter privacy strips the copies that exist already."""

from __future__ import annotations

import re

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.office import Office


@pytest.fixture
def paired(office: Office, radicale: RadicaleProcess) -> tuple[Office, str]:
    pair = office.add_pair(radicale)["pair"]
    office.program.json("sync", "--once")
    office.control("DELETE", "/requests")
    return office, str(pair)


def set_privacy(office: Office, pair: str, privacy: str) -> None:
    paper = office.program.paper("set", {"policy": {"privacy": privacy}})
    office.program.json("pair", "set", pair, "--from-file", paper)
    office.program.json("sync", "--once")


def writes(office: Office) -> int:
    return sum(1 for one in office.control("GET", "/requests") if one["writes"])


def test_busy_only_strips_every_copy_and_leaves_the_diary_alone(paired: tuple[Office, str]) -> None:
    office, pair = paired
    assert "Tannlege" in office.book.titles()
    assert "LOCATION:" in office.book.text()

    set_privacy(office, pair, "busy")
    quiet = office.program.json("sync", "--once")["pairs"][0]

    assert set(office.book.titles()) == {"Busy"}
    texts = re.findall("^(?:LOCATION|DESCRIPTION)[:;].*", office.book.text(), re.MULTILINE)
    assert {text.strip() for text in texts} <= {"DESCRIPTION:Reminder"}
    assert (quiet["state"], quiet["writes"], writes(office)) == ("converged", 0, 0)


def test_skipping_private_events_strips_the_private_copies_alone(paired: tuple[Office, str]) -> None:
    office, pair = paired
    before = office.book.titles()

    set_privacy(office, pair, "skip-private")
    quiet = office.program.json("sync", "--once")["pairs"][0]

    after = office.book.titles()
    assert "Tannlege" in before
    assert "Tannlege" not in after
    assert set(after) - {"Busy"} < set(before)
    assert (len(after), "Busy" in after) == (len(before), True)
    assert (quiet["state"], quiet["writes"], writes(office)) == ("converged", 0, 0)


def test_what_was_stripped_comes_back_in_full(paired: tuple[Office, str]) -> None:
    office, pair = paired
    before = office.book.titles()
    set_privacy(office, pair, "busy")

    set_privacy(office, pair, "full")

    assert office.book.titles() == before
    assert writes(office) == 0
