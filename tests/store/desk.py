"""A store in a folder of its own, and hands to break it with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from calsync.store import Store, init_store, open_reader, open_store
from calsync.store.layout import StoreFiles
from calsync.store.vault import Master, master_from_text
from tests.contracts.store_values import SetClock

ROOT: Final = Path(__file__).parents[2]


@dataclass(slots=True)
class Desk:
    """``key`` is the text of the key file."""

    folder: Path
    key: str = field(default_factory=lambda: Fernet.generate_key().decode())
    clock: SetClock = field(default_factory=SetClock)

    @property
    def path(self) -> Path:
        return self.folder / "calsync.db"

    @property
    def files(self) -> StoreFiles:
        return StoreFiles(self.path)

    @property
    def master(self) -> Master:
        return master_from_text(self.key)

    def init(self) -> None:
        init_store(self.path, self.master)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Store]:
        store = await open_store(self.path, self.master, self.clock)
        try:
            yield store
        finally:
            await store.aclose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Store]:
        store = await open_reader(self.path, self.master, self.clock)
        try:
            yield store
        finally:
            await store.aclose()

    @contextmanager
    def process(self, script: str) -> Iterator[subprocess.Popen[str]]:
        """A process that runs ``script`` of this folder on the store; it is killed at the end."""
        command = [sys.executable, str(Path(__file__).with_name(script)), str(self.path), self.key]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def bytes_beside(folder: Path) -> bytes:
    """Everything that was written in the folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
