"""A Radicale with an account for each person of the company."""

from collections.abc import Iterator

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import USERS


@pytest.fixture(scope="session")
def calendars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadicaleProcess]:
    with RadicaleProcess(tmp_path_factory.mktemp("calendars"), users=USERS) as server:
        yield server
