"""An installation of its own for each test, and a pair of two calendars on a real server."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from calsync.sandbox.radicale import RadicaleProcess
from tests.cli.program import Book, Program

_numbers: Final = itertools.count(1)


@dataclass(slots=True, kw_only=True)
class Duo:
    """Two calendars of two accounts, connected and not yet a pair. `crm` is Kari's, `calendar` Ola's."""

    program: Program
    crm: Book
    calendar: Book
    paper: str
    connections: tuple[str, str]

    def add(self) -> str:
        added = self.program.json("pair", "add", "--from-file", self.paper, "--apply-any")
        return str(added["pair"])

    def sync(self, *, expect: int = 0) -> Any:
        return self.program.json("sync", "--once", expect=expect)["pairs"][0]


@pytest.fixture
def bare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """Settings and nothing else."""
    program = Program(folder=tmp_path, capture=capsys)
    program.configure()
    return program


@pytest.fixture
def program(bare: Program, radicale: RadicaleProcess) -> Program:
    """An installation that was initialised and may talk to the server."""
    bare.allow = (radicale.url,)
    bare.configure()
    bare.json("init")
    return bare


@pytest.fixture
def duo(program: Program, radicale: RadicaleProcess) -> Duo:
    number = next(_numbers)
    books = [
        Book(url=radicale.make_calendar(f"duo-{number}", user=user), user=user, password=radicale.users[user])
        for user in ("kari", "ola")
    ]
    connections = [program.connect(radicale, book.user)["connection"] for book in books]
    ends = [{"connection": one, "calendar": book.url} for one, book in zip(connections, books, strict=True)]
    return Duo(
        program=program,
        crm=books[0],
        calendar=books[1],
        paper=program.pair_paper(ends[0], ends[1]),
        connections=(connections[0], connections[1]),
    )
