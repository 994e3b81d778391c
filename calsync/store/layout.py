"""The files of a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """The store and what stands beside it."""

    store: Path

    @property
    def lock(self) -> Path:
        return self._beside("lock")

    @property
    def epoch(self) -> Path:
        return self._beside("epoch")

    @property
    def keys(self) -> Path:
        return self._beside("keys")

    @property
    def wal(self) -> Path:
        return self.store.with_name(self.store.name + "-wal")

    @property
    def shm(self) -> Path:
        return self.store.with_name(self.store.name + "-shm")

    def _beside(self, what: str) -> Path:
        return self.store.with_name(f"{self.store.name}.{what}")
