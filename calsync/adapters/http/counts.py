"""Counting the requests of one run, also those of tasks that the run starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True, kw_only=True)
class Counts:
    """Requests that left (each try and each redirect is one)."""

    total: int = 0
    by_account: Counter[str] = field(default_factory=Counter)
    by_host: Counter[str] = field(default_factory=Counter)

    def add(self, account: str, host: str) -> None:
        self.total += 1
        self.by_account[account] += 1
        self.by_host[host] += 1


_COUNTING: Final[ContextVar[tuple[Counts, ...]]] = ContextVar("calsync_http_counting", default=())


@contextmanager
def count_into(counts: Counts) -> Iterator[Counts]:
    """Count what is sent inside, as well as into the counts around it."""
    token = _COUNTING.set((*_COUNTING.get(), counts))
    try:
        yield counts
    finally:
        _COUNTING.reset(token)


def count(account: str, host: str) -> None:
    for counts in _COUNTING.get():
        counts.add(account, host)
