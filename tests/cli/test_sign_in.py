"""Passwords that are wrong, change, or are refused by a sick server."""

from __future__ import annotations

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.fixtures import Duo
from tests.cli.program import Program
from tests.servers.behaviour import Asked, Given
from tests.servers.fixtures import MakeFront
from tests.servers.front import Front


class Refusing:
    """Answers 401 to the next so many requests, or to all of them."""

    def __init__(self) -> None:
        self.left = 0
        self.times = 0

    def __call__(self, asked: Asked) -> Given | None:
        del asked
        if self.left == 0:
            return None
        self.left -= 1
        self.times += 1
        return Given(status=401, headers={"www-authenticate": 'Basic realm="x"'})


@pytest.fixture
def refusing() -> Refusing:
    return Refusing()


@pytest.fixture
def front(radicale: RadicaleProcess, new_front: MakeFront, refusing: Refusing) -> Front:
    return new_front(radicale.url, canned=refusing)


@pytest.fixture
def fronted(duo: Duo, front: Front, radicale: RadicaleProcess) -> Duo:
    """As `duo`, with the front before Kari's account."""
    duo.program.allow = (radicale.url, front.url)
    duo.program.configure()
    made = duo.program.connect(radicale, "kari", url=front.url)
    calendar = front.through(duo.crm.url)
    ola = {"connection": duo.connections[1], "calendar": duo.calendar.url}
    duo.paper = duo.program.pair_paper({"connection": made["connection"], "calendar": calendar}, ola)
    duo.crm.put("one", "One")
    duo.add()
    return duo


def test_A09_a_changed_password_is_tried_twice_and_then_waits_for_its_user(fronted: Duo, refusing: Refusing) -> None:
    refusing.left = 1_000

    first, second = fronted.sync(expect=20), fronted.sync(expect=20)

    assert (first["state"], second["state"]) == ("action", "action")
    assert refusing.times == 2
    status = fronted.program.json("status")["pairs"][0]
    assert (status["state"], status["reason"]) == ("sign_in", "sign_in")
    assert "sign_in" in {one["state"] for one in fronted.program.json("connection", "list")}


def test_connecting_again_with_the_right_password_goes_on(
    fronted: Duo, refusing: Refusing, radicale: RadicaleProcess, front: Front
) -> None:
    refusing.left = 1_000
    fronted.sync(expect=20)
    fronted.crm.put("two", "Two")
    refusing.left = 0
    before = {one["connection"] for one in fronted.program.json("connection", "list")}

    again = fronted.program.connect(radicale, "kari", url=front.url)
    done = fronted.sync()

    assert again["connection"] in before
    assert (done["state"], fronted.calendar.titles()) == ("converged", ["One", "Two"])


def test_A10_a_sick_server_that_refuses_once_stops_nobody(fronted: Duo, refusing: Refusing) -> None:
    refusing.left = 1

    first, second = fronted.sync(expect=10), fronted.sync()

    assert (first["state"], second["state"], refusing.times) == ("more", "converged", 1)


def test_a_wrong_password_connects_nothing(program: Program, radicale: RadicaleProcess) -> None:
    refused = program.connect(radicale, "kari", password="wrong", expect=20)

    assert refused["error"]["code"] == "sign_in"
    assert program.json("connection", "list") == []


def test_A09_a_person_may_not_lock_the_account_either(
    fronted: Duo, front: Front, radicale: RadicaleProcess, refusing: Refusing
) -> None:
    refusing.left = 1_000
    for _ in range(3):
        fronted.program.connect(radicale, "kari", url=front.url, password="wrong", expect=20)

    refused = fronted.program.connect(radicale, "kari", url=front.url, password="wrong", expect=1)

    assert "next try is possible" in refused["error"]["message"]
    assert refusing.times == 3


def test_a_server_that_asks_to_wait_is_left_alone(fronted: Duo, front: Front, refusing: Refusing) -> None:
    asked = front.count().total()

    def throttled(request: Asked) -> Given:
        del request
        return Given(status=429, headers={"retry-after": "120"})

    front.behaviour.canned = throttled
    first = fronted.sync(expect=10)
    front.behaviour.canned = refusing
    during = front.count().total()
    second = fronted.sync(expect=10)

    assert (first["state"], second["state"]) == ("more", "more")
    assert during > asked
    assert front.count().total() == during
    assert fronted.program.json("status")["pairs"][0]["reason"] == "throttled"


def test_A09_an_account_that_was_never_connected_is_not_locked_either(
    program: Program, front: Front, radicale: RadicaleProcess, refusing: Refusing
) -> None:
    program.allow = (radicale.url, front.url)
    program.configure()
    refusing.left = 1_000
    for url in (front.url, f"{front.url}kari/", front.url):
        program.connect(radicale, "kari", url=url, password="wrong", expect=20)

    refused = program.connect(radicale, "kari", url=front.url, expect=1)

    assert "next try is possible" in refused["error"]["message"]
    assert refusing.times == 3
    assert program.json("connection", "list") == []


def test_a_right_password_after_wrong_ones_connects(
    program: Program, front: Front, radicale: RadicaleProcess, refusing: Refusing
) -> None:
    program.allow = (radicale.url, front.url)
    program.configure()
    refusing.left = 2
    for _ in range(2):
        program.connect(radicale, "kari", url=front.url, password="wrong", expect=20)

    made = program.connect(radicale, "kari", url=front.url)

    listed = program.json("connection", "list")
    assert [(one["connection"], one["state"]) for one in listed] == [(made["connection"], "ok")]
    assert all(check["ok"] for check in program.json("doctor"))
