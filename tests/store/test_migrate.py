from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from calsync.core.errors import OwnStateError
from calsync.store.database import connect_memory
from calsync.store.errors import InstanceLockedError
from calsync.store.migrate import MIGRATIONS, migrate_store, upgrade
from calsync.store.schema import HEAD, METADATA
from tests.contracts.store_values import tenant
from tests.store.desk import Desk

NEXT = '''
"""The next one."""
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE TABLE half (id INTEGER)")
    op.execute("INSERT INTO half VALUES (1)")
    op.execute("{last}")
'''


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def add(migrations: Path, *, last: str) -> None:
    (migrations / "versions" / "r0002_next.py").write_text(NEXT.replace("{last}", last))


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as driver:
        return {name for (name,) in driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def revision(path: Path) -> str:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as driver:
        return str(driver.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_the_migrations_make_exactly_the_tables_of_the_schema() -> None:
    with connect_memory().connect() as connection:
        with connection.begin():
            upgrade(connection)
        with connection.begin():
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, METADATA) == []


def test_the_last_migration_is_the_schema_of_this_version() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))

    assert scripts.get_current_head() == HEAD
    assert all(len(script.revision) == 4 and script.revision.isdigit() for script in scripts.walk_revisions())


async def test_a_store_of_this_version_has_nothing_to_migrate(desk: Desk) -> None:
    assert migrate_store(desk.path) is None

    async with desk.open():
        pass


async def test_K13_an_older_store_is_brought_up_and_kept_as_it_was(desk: Desk, migrations: Path) -> None:
    async with desk.open() as store:
        await store.people.put_tenant(tenant())
    add(migrations, last="SELECT 1")

    assert migrate_store(desk.path, migrations=migrations) == "0001"

    assert revision(desk.path) == "0002"
    assert "half" in tables(desk.path)
    before = desk.folder / "calsync.db.before-0002"
    assert revision(before) == "0001"
    assert "half" not in tables(before)
    assert before.stat().st_mode & 0o077 == 0


async def test_K13_a_migration_that_dies_half_way_changes_nothing_and_is_resumed(desk: Desk, migrations: Path) -> None:
    async with desk.open() as store:
        await store.people.put_tenant(tenant())
    add(migrations, last="INSERT INTO nowhere VALUES (1)")
    with pytest.raises(OwnStateError, match="nowhere"):
        migrate_store(desk.path, migrations=migrations)

    assert revision(desk.path) == "0001"
    assert "half" not in tables(desk.path)
    async with desk.open() as store:
        assert await store.people.tenants() == [tenant()]

    add(migrations, last="SELECT 1")
    assert migrate_store(desk.path, migrations=migrations) == "0001"
    assert "half" in tables(desk.path)


async def test_K12_a_newer_store_is_not_migrated(desk: Desk, migrations: Path) -> None:
    add(migrations, last="SELECT 1")
    migrate_store(desk.path, migrations=migrations)

    with pytest.raises(OwnStateError, match="upgrade calsync"):
        migrate_store(desk.path)


async def test_K11_a_store_in_use_is_not_migrated(desk: Desk) -> None:
    async with desk.open():
        with pytest.raises(InstanceLockedError):
            migrate_store(desk.path)


async def test_a_missing_or_foreign_file_is_not_migrated(desk: Desk) -> None:
    desk.path.write_bytes(b"hello")

    with pytest.raises(OwnStateError):
        migrate_store(desk.path)
