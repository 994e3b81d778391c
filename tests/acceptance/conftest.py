"""A Radicale with an account for each person of the company."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import USERS

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of its own is made in it


@pytest.fixture(scope="session")
def calendars() -> Iterator[RadicaleProcess]:
    """Its files lie in memory where that is possible: it waits for the disk several times for each object."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="calsync-", dir=place) as folder,
        RadicaleProcess(Path(folder), users=USERS) as server,
    ):
        yield server
