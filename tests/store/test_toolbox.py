from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from calsync.core.errors import OwnStateError
from calsync.ports import Changes
from calsync.store import StoreExistsError
from calsync.store.toolbox import QueryError, copy_store, export, query, stats
from tests.builders import event
from tests.contracts.store_values import PAIR, link, pair, seen, tenant
from tests.store.desk import Desk


@pytest.fixture
async def filled(desk: Desk) -> Desk:
    async with desk.open() as store:
        await store.people.put_tenant(tenant())
        await store.people.put_pair(pair())
        crm = seen("1", event("canary"))
        first = link()
        await store.records.commit(PAIR, Changes(links=(first.with_base(first.born, crm), link("link-2"))))
    return desk


async def test_a_query_gives_rows(filled: Desk) -> None:
    rows = query(filled.path, "SELECT id, generation FROM links WHERE pair = :pair ORDER BY id", {"pair": PAIR})

    assert rows == [{"id": "link-1", "generation": 1}, {"id": "link-2", "generation": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM links",
        "UPDATE links SET generation = 9 RETURNING id",
        "DROP TABLE links",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA query_only = OFF",
        "VACUUM INTO '{folder}/stolen'",
        "ATTACH '{folder}/stolen' AS other",
        "SELECT * FROM nowhere",
        "SELECT load_extension('x')",
        "nonsense",
        "SELECT 1; DELETE FROM links",
    ],
)
async def test_a_query_can_only_read(filled: Desk, sql: str) -> None:
    before = filled.path.read_bytes()

    with pytest.raises(QueryError):
        query(filled.path, sql.replace("{folder}", str(filled.folder)))

    assert filled.path.read_bytes() == before
    assert stats(filled.path).log_bytes == 0
    assert not (filled.folder / "stolen").exists()


async def test_an_export_can_be_written_as_json_and_shows_no_content(filled: Desk) -> None:
    rows = list(export(filled.path, "links"))

    text = json.dumps(rows)
    assert [row["id"] for row in rows] == ["link-1", "link-2"]
    assert "canary" not in text
    with pytest.raises(QueryError, match="links"):
        list(export(filled.path, "nowhere"))


async def test_statistics_count_rows_and_bytes(filled: Desk) -> None:
    found = stats(filled.path)

    assert found.tables["links"] == 2
    assert found.tables["conflicts"] == 0
    assert found.store_bytes == filled.path.stat().st_size


async def test_K25_a_copy_is_whole_also_while_the_store_is_in_use(filled: Desk, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    async with filled.open() as store:
        await store.records.commit(PAIR, Changes(links=(link("link-3"),)))
        copy_store(filled.path, target)

    assert target.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM links").fetchone() == (3,)


async def test_a_copy_overwrites_nothing(filled: Desk, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")

    with pytest.raises(StoreExistsError):
        copy_store(filled.path, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OwnStateError):
        stats(tmp_path / "calsync.db")
