"""Pytest fixtures for real CalDAV servers, fronts before them, and witnesses.

The root conftest names this module in ``pytest_plugins``. A test that uses a server bears the marker ``server``.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final, Protocol

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.servers.behaviour import Behaviour
from tests.servers.front import Front
from tests.servers.witness import RawWitness, Witness
from tests.servers.xandikos import XandikosProcess

_SERVERS: Final = frozenset({"radicale", "xandikos", "caldav_server"})
_numbers: Final = itertools.count(1)


class CalDavServer(Protocol):
    """What the real servers have in common."""

    @property
    def url(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> str: ...
    def home_url(self) -> str: ...
    def make_calendar(self, name: str) -> str: ...


MakeCalendar = Callable[[], str]
MakeFront = Callable[..., Front]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server process, so that `-m "not server"` leaves it out."""
    for item in items:
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadicaleProcess]:
    """One Radicale for the whole session, with two users: `kari` and `ola`."""
    users = {"kari": "kari-password", "ola": "ola-password"}
    with RadicaleProcess(tmp_path_factory.mktemp("radicale"), users=users) as server:
        yield server


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XandikosProcess]:
    """One Xandikos for the whole session; it has no login."""
    with XandikosProcess(tmp_path_factory.mktemp("xandikos")) as server:
        yield server


@pytest.fixture(params=["radicale", "xandikos"])
def caldav_server(request: pytest.FixtureRequest) -> CalDavServer:
    """Each real server in turn."""
    server: CalDavServer = request.getfixturevalue(request.param)
    return server


def _maker(server: CalDavServer) -> MakeCalendar:
    return lambda: server.make_calendar(f"cal-{next(_numbers)}")


@pytest.fixture
def new_calendar(caldav_server: CalDavServer) -> MakeCalendar:
    """Make a fresh empty calendar on the server of this test, and give its URL."""
    return _maker(caldav_server)


@pytest.fixture
def new_radicale_calendar(radicale: RadicaleProcess) -> MakeCalendar:
    return _maker(radicale)


@pytest.fixture
def new_xandikos_calendar(xandikos: XandikosProcess) -> MakeCalendar:
    return _maker(xandikos)


@pytest.fixture
def new_front() -> Iterator[MakeFront]:
    """Make a front before a server: ``new_front(server.url, sync_collection=False, …)``."""
    with ExitStack() as stack:

        def make(backend_url: str, **switches: object) -> Front:
            behaviour = Behaviour()
            for name, value in switches.items():
                setattr(behaviour, name, value)
            return stack.enter_context(Front(backend_url, behaviour))

        yield make


@pytest.fixture
def radicale_witness(radicale: RadicaleProcess) -> Iterator[Witness]:
    with Witness(radicale.user, radicale.password) as witness:
        yield witness


@pytest.fixture
def witness(caldav_server: CalDavServer) -> Iterator[Witness]:
    with Witness(caldav_server.user, caldav_server.password) as witness:
        yield witness


@pytest.fixture
def raw(radicale: RadicaleProcess) -> RawWitness:
    """Plain HTTP with Radicale's login; a login is not looked at by Xandikos."""
    return RawWitness(radicale.user, radicale.password)
