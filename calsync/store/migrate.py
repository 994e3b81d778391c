"""Bringing an older store to this version's schema, in one transaction and with the previous file kept."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from calsync.core.errors import OwnStateError
from calsync.store.checks import check_is_store, check_pages, read_revision
from calsync.store.database import connect_file, own_state
from calsync.store.layout import StoreFiles
from calsync.store.lock import InstanceLock
from calsync.store.toolbox import copy_store

MIGRATIONS: Final = Path(__file__).with_name("migrations")


def upgrade(connection: Connection, *, migrations: Path = MIGRATIONS) -> None:
    """Run what is missing, in the caller's transaction."""
    config = _config(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate_store(path: Path, *, migrations: Path = MIGRATIONS) -> str | None:
    """Upgrade the store; the revision it had, or None where there was nothing to do.

    The file as it was stays as ``<store>.before-<new revision>``. If a migration fails, nothing has changed.

    Raises:
        InstanceLockedError: another instance runs on it.
        OwnStateError: it is no store, it is damaged, or a newer version made it.
    """
    check_is_store(path)
    lock = InstanceLock(StoreFiles(path).lock)
    engine = connect_file(path)
    try:
        with own_state(), engine.connect() as connection:
            return _migrate(connection, path, migrations)
    finally:
        engine.dispose()
        lock.release()


def _migrate(connection: Connection, path: Path, migrations: Path) -> str | None:
    scripts = ScriptDirectory.from_config(_config(migrations))
    revision, head = read_revision(connection), scripts.get_current_head()
    if revision == head:
        return None
    if revision not in {script.revision for script in scripts.walk_revisions()}:
        raise OwnStateError(f"a newer version made this store (schema {revision}); upgrade calsync")
    if findings := check_pages(connection):
        raise OwnStateError(f"the store is damaged ({findings[0]}); run `calsync restore` to bring a backup back")
    before = path.with_name(f"{path.name}.before-{head}")
    before.unlink(missing_ok=True)
    copy_store(path, before)
    with connection.begin():
        upgrade(connection, migrations=migrations)
    return revision
