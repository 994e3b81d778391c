"""A Radicale with an account for each person of the company."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.acceptance.company import USERS

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of its own is made in it


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where that is possible: what is written there waits for no disk."""
    with tempfile.TemporaryDirectory(prefix="calsync-", dir=_MEMORY if _MEMORY.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture(scope="session")
def calendars() -> Iterator[RadicaleProcess]:
    """Its files lie in memory, too: it waits for the disk several times for each object."""
    with (
        tempfile.TemporaryDirectory(prefix="calsync-", dir=_MEMORY if _MEMORY.is_dir() else None) as made,
        RadicaleProcess(Path(made), users=USERS) as server,
    ):
        yield server
