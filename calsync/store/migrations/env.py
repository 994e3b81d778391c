"""Alembic's entry: it migrates the connection that the caller gives, in the caller's transaction."""

from __future__ import annotations

from alembic import context

from calsync.store.schema import METADATA


def migrate() -> None:
    context.configure(
        connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True
    )
    context.run_migrations()


migrate()
