"""From nothing to two calendars that stay the same, by commands alone, against a real CalDAV server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.fixtures import Duo
from tests.cli.program import Book, Program


def test_a_preview_counts_and_writes_nothing_anywhere(duo: Duo) -> None:
    duo.crm.put("one", "One")
    duo.crm.put("both", "Both")
    duo.calendar.put("elsewhere", "Both")

    seen = duo.program.json("pair", "add", "--from-file", duo.paper, "--preview")

    assert (seen["link"], seen["create"], seen["unsure"]) == (1, {"crm": 0, "calendar": 1}, [])
    assert (duo.calendar.titles(), duo.program.json("pair", "list")) == (["Both"], [])


def test_a_preview_is_the_same_twice_and_applies_by_its_checksum(duo: Duo) -> None:
    duo.crm.put("one", "One")
    duo.calendar.put("two", "Two")
    first, second = (duo.program.json("pair", "add", "--from-file", duo.paper, "--preview") for _ in range(2))

    added = duo.program.json("pair", "add", "--from-file", duo.paper, "--apply", first["checksum"])

    assert first == second
    assert {key: added[key] for key in ("pair", "checksum", "link", "create", "unsure")} == {
        "pair": first["pair"],
        "checksum": first["checksum"],
        "link": 0,
        "create": {"crm": 1, "calendar": 1},
        "unsure": [],
    }
    assert duo.crm.titles() == duo.calendar.titles() == ["One", "Two"]


def test_a_plan_that_changed_since_the_preview_is_refused_and_shown_anew(duo: Duo) -> None:
    duo.crm.put("one", "One")
    old = duo.program.json("pair", "add", "--from-file", duo.paper, "--preview")
    duo.crm.put("two", "Two")

    new = duo.program.json("pair", "add", "--from-file", duo.paper, "--apply", old["checksum"], expect=20)

    assert (new["create"]["calendar"], new["error"]["code"]) == (2, "preview_changed")
    assert (duo.calendar.titles(), duo.program.json("pair", "list")) == ([], [])
    assert duo.program.run("pair", "add", "--from-file", duo.paper, "--apply", new["checksum"]).exit == 0


def test_edits_and_deletions_go_both_ways_and_then_nothing_is_written(duo: Duo) -> None:
    duo.crm.put("one", "One")
    duo.calendar.put("two", "Two")
    pair = duo.add()
    duo.calendar.rename("One", "One renamed")
    duo.crm.rename("Two", "Two renamed")
    duo.crm.put("three", "Three")

    first, second = duo.sync(), duo.sync()

    assert duo.crm.titles() == duo.calendar.titles() == ["One renamed", "Three", "Two renamed"]
    assert set(first) == {"pair", "reads", "writes", "conflicts", "held", "set_aside", "state"}
    assert (first["pair"], first["writes"], first["state"]) == (pair, 3, "converged")
    assert (second["writes"], second["state"]) == (0, "converged")


def test_status_runs_and_why_tell_what_happened(duo: Duo) -> None:
    duo.crm.put("one", "One")
    pair = duo.add()

    status, runs = duo.program.json("status"), duo.program.json("runs")
    by_uid, by_href = duo.program.json("why", "one"), duo.program.json("why", f"{duo.crm.url}one.ics")

    shown = status["pairs"][0]
    assert (shown["pair"], shown["state"], shown["linked"], shown["conflicts_open"]) == (pair, "ok", 1, 0)
    assert set(status) == {"version", "store", "tenants", "pairs"}
    assert set(runs[0]) == {
        *("id", "pair", "started", "ended", "state", "reads", "writes", "requests"),
        *("conflicts", "held", "set_aside", "error"),
    }
    assert (runs[0]["state"], runs[0]["writes"], runs[0]["requests"] > 0) == ("converged", 1, True)
    assert by_uid == by_href
    assert (by_uid["crm"]["seen"]["title"], by_uid["rule"]) == ("One", "copy_to_calendar")
    assert by_uid["history"][0]["why"] == "copy_to_calendar"


def test_a_conflict_is_listed_and_the_other_value_syncs_out(duo: Duo) -> None:
    duo.crm.put("one", "One")
    duo.add()
    duo.crm.rename("One", "By Kari")
    duo.calendar.rename("One", "By Ola")
    duo.sync()
    row = duo.program.json("conflicts", "list")[0]

    used = duo.program.json("conflicts", "use", row["id"], "calendar")
    duo.sync()

    assert (row["field"], row["crm"], row["calendar"], row["won"]) == ("title", "By Kari", "By Ola", "crm")
    assert (used["id"], used["won"], used["state"]) == (row["id"], "calendar", "settled")
    assert duo.crm.titles() == duo.calendar.titles() == ["By Ola"]


def test_using_the_other_value_is_refused_when_somebody_edited_since(duo: Duo) -> None:
    duo.crm.put("one", "One")
    duo.add()
    duo.crm.rename("One", "By Kari")
    duo.calendar.rename("One", "By Ola")
    duo.sync()
    duo.calendar.rename("By Kari", "Later")
    row = duo.program.json("conflicts", "list")[0]

    refused = duo.program.json("conflicts", "use", row["id"], "calendar", expect=20)

    assert (refused["error"]["code"], refused["state"], refused["calendar"]) == ("superseded", "superseded", "Later")


def test_an_ask_conflict_waits_for_somebody(duo: Duo) -> None:
    wanted = json.loads(Path(duo.paper).read_text()) | {"policy": {"wins": {"*": "ask"}}}
    duo.paper = duo.program.paper("ask", wanted)
    duo.crm.put("one", "One")
    duo.add()
    duo.crm.rename("One", "By Kari")
    duo.calendar.rename("One", "By Ola")

    waiting = duo.sync(expect=20)

    assert waiting["state"] == "action"
    assert duo.program.json("status")["pairs"][0]["reason"] == "decision"
    assert duo.program.json("conflicts", "list", "--open")[0]["won"] is None


def test_many_deletions_are_held_until_approved_and_then_exactly_they_go(duo: Duo) -> None:
    for number in range(14):
        duo.crm.put(f"e{number}", f"Event {number}", day=f"202612{number + 1:02}")
    duo.add()
    for number in range(12):
        duo.crm.delete(f"e{number}")

    state = duo.sync(expect=20)
    group = duo.program.json("held", "list", "--open")[0]
    kept = len(duo.calendar.titles())
    approved = duo.program.json("held", "approve", group["id"])
    duo.sync()

    assert (state["held"], group["count"], group["side"], kept) == (12, 12, "calendar", 14)
    assert (approved["id"], approved["state"]) == (group["id"], "approved")
    assert duo.calendar.titles() == ["Event 12", "Event 13"]


def test_discarded_deletions_come_back_where_they_vanished(duo: Duo) -> None:
    for number in range(4):
        duo.crm.put(f"e{number}", f"Event {number}", day=f"202612{number + 1:02}")
    duo.add()
    for number in range(4):
        duo.crm.delete(f"e{number}")
    duo.sync(expect=20)

    duo.program.json("held", "discard", duo.program.json("held", "list")[0]["id"])
    duo.sync()

    assert duo.crm.titles() == duo.calendar.titles() == [f"Event {number}" for number in range(4)]


def test_two_pairs_on_one_calendar_are_refused(duo: Duo, radicale: RadicaleProcess) -> None:
    duo.add()
    other = radicale.make_calendar(f"other-of-{duo.crm.url.split('/')[-2]}", user="kari")
    paper = duo.program.pair_paper(
        {"connection": duo.connections[0], "calendar": other},
        {"connection": duo.connections[1], "calendar": duo.calendar.url},
    )

    refused = duo.program.json("pair", "add", "--from-file", paper, "--apply-any", expect=1)

    assert "belongs to pair" in refused["error"]["message"]


def test_a_paused_pair_rests_until_it_is_resumed(duo: Duo) -> None:
    pair = duo.add()
    duo.crm.put("later", "Later")

    paused = duo.program.json("pair", "pause", pair)
    nothing = duo.program.json("sync", "--once")
    refused = duo.program.json("sync", "--once", "--pair", pair, expect=1)
    duo.program.json("pair", "resume", pair)
    duo.sync()

    assert (paused["state"], paused["reason"], nothing) == ("paused", "paused", {"pairs": []})
    assert "pair resume" in refused["error"]["message"]
    assert duo.calendar.titles() == ["Later"]


def test_a_one_way_pair_writes_one_side_only(duo: Duo) -> None:
    pair = duo.add()
    duo.crm.put("down", "Down")
    duo.calendar.put("up", "Up")
    paper = duo.program.paper("set", {"direction": "to-calendar", "policy": {"privacy": "full"}})

    changed = duo.program.json("pair", "set", pair, "--from-file", paper)
    duo.sync()

    assert (changed["direction"], duo.crm.titles(), duo.calendar.titles()) == ("to-calendar", ["Down"], ["Down", "Up"])
    assert [row["reason"] for row in duo.program.json("set-aside", "list")] == ["direction"]


def test_a_removed_pair_leaves_what_it_made_and_is_linked_again_without_a_copy(duo: Duo) -> None:
    duo.crm.put("one", "One")
    pair = duo.add()

    looked = duo.program.json("pair", "remove", pair, "--keep", "--preview")
    removed = duo.program.json("pair", "remove", pair, "--keep")
    again = duo.program.json("pair", "add", "--from-file", duo.paper, "--apply-any")

    assert (looked["removed"], removed["removed"], removed["linked"]) == (False, True, 1)
    assert (again["link"], again["create"]) == (1, {"crm": 0, "calendar": 0})
    assert duo.calendar.titles() == ["One"]


def test_a_lost_store_is_made_anew_and_links_again_without_a_write(duo: Duo, radicale: RadicaleProcess) -> None:
    duo.crm.put("one", "One")
    duo.calendar.put("two", "Two")
    duo.add()
    for file in duo.program.folder.glob("calsync.db*"):
        if file.suffix != ".epoch":
            file.unlink()

    duo.program.json("init")
    ends = [
        {"connection": duo.program.connect(radicale, book.user)["connection"], "calendar": book.url}
        for book in (duo.crm, duo.calendar)
    ]
    paper = duo.program.pair_paper(ends[0], ends[1])
    again = duo.program.json("pair", "add", "--from-file", paper, "--apply-any")

    assert (again["link"], again["create"], again["run"]["writes"]) == (2, {"crm": 0, "calendar": 0}, 0)
    assert duo.crm.titles() == duo.calendar.titles() == ["One", "Two"]


def test_a_set_aside_event_is_listed_with_its_reason_and_can_be_tried_again(duo: Duo) -> None:
    duo.add()
    duo.crm.put("daily", "Daily\r\nRRULE:FREQ=DAILY")
    duo.sync()

    rows = duo.program.json("set-aside", "list")
    tried = duo.program.json("set-aside", "retry", rows[0]["pair"], rows[0]["ref"])

    assert [(row["reason"], row["side"]) for row in rows] == [("series", "crm")]
    assert tried[0]["ref"] == rows[0]["ref"]
    assert duo.sync()["state"] == "converged"


def test_people_read_tables_and_sentences(duo: Duo) -> None:
    duo.crm.put("one", "One")
    duo.add()

    said = [duo.program.run(*words).out for words in (("status",), ("runs",), ("pair", "list"), ("why", "one"))]

    assert all("{" not in text for text in said)
    assert "“One”" in said[3]
    assert "kept the same on both sides" in said[3]


@pytest.mark.parametrize("command", [("status",), ("sync", "--once"), ("pair", "list"), ("doctor",)])
def test_json_stands_alone_on_standard_output(duo: Duo, command: tuple[str, ...]) -> None:
    duo.add()

    before, after = duo.program.run("--json", *command), duo.program.run(*command, "--json")

    assert (before.exit, after.exit) == (0, 0)
    assert type(before.json) is type(after.json)


def test_books_see_what_they_put(duo: Duo) -> None:
    book: Book = duo.crm
    book.put("one", "One")

    assert book.titles() == ["One"]


def test_the_same_seed_gives_other_ids_each_time(program: Program, radicale: RadicaleProcess) -> None:
    paper = {"kind": "caldav", "url": radicale.url, "username": "kari", "password": radicale.users["kari"]}
    first = program.run("--json", "--seed", "7", "connect", "--from-file", program.paper("c", paper))
    second = program.run(
        "connect",
        "--from-file",
        program.paper("d", paper | {"username": "ola", "password": radicale.users["ola"]}),
        "--json",
        "--seed",
        "7",
    )

    assert first.json["connection"] != second.json["connection"]


def test_the_echo_of_our_own_writes_is_no_quirk_of_the_server(duo: Duo) -> None:
    duo.crm.put("one", "One")
    for number in range(3):
        duo.calendar.put(f"e{number}", f"Event {number}", day=f"202612{number + 2:02}")
    duo.add()
    duo.sync()
    duo.sync()

    found = [check["found"] for check in duo.program.json("doctor") if check["check"].startswith("connection")]

    assert len(found) == 2
    assert all(text.endswith("quirks: none") for text in found)
