"""All tables.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    _people()
    _pairs()
    _journal()


def _people() -> None:
    """Counters, tenants and what belongs to them alone."""
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("principal", sa.Integer(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "associates",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_associates_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_associates")),
    )
    op.create_table(
        "connections",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("associate", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failed_sign_ins", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_connections_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
    )
    op.create_index(op.f("ix_connections_tenant"), "connections", ["tenant"], unique=False)
    op.create_table(
        "feeds",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("swept_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_feeds_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_feeds")),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )


def _pairs() -> None:
    """Pairs and their state."""
    op.create_table(
        "pairs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("crm", sa.Text(), nullable=False),
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("crm_identity", sa.Text(), nullable=False),
        sa.Column("calendar_identity", sa.Text(), nullable=False),
        sa.Column("crm_cursor", sa.Text(), nullable=True),
        sa.Column("calendar_cursor", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Text(), nullable=True),
        sa.Column("fails", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Text(), nullable=True),
        sa.Column("last_converged", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("woken", sa.Boolean(), nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_pairs_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairs")),
    )
    op.create_index(op.f("ix_pairs_due_at"), "pairs", ["due_at"], unique=False)
    op.create_index(op.f("ix_pairs_lease_until"), "pairs", ["lease_until"], unique=False)
    op.create_index(op.f("ix_pairs_tenant"), "pairs", ["tenant"], unique=False)
    op.create_table(
        "calendars",
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("writes", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["pairs.id"], name=op.f("fk_calendars_pair"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair", "end", name=op.f("pk_calendars")),
    )
    op.create_index(op.f("ix_calendars_identity"), "calendars", ["identity"], unique=False)
    op.create_table(
        "links",
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("crm_ref", sa.Text(), nullable=True),
        sa.Column("crm_version", sa.Text(), nullable=True),
        sa.Column("crm_digest", sa.Text(), nullable=True),
        sa.Column("calendar_ref", sa.Text(), nullable=True),
        sa.Column("calendar_version", sa.Text(), nullable=True),
        sa.Column("calendar_digest", sa.Text(), nullable=True),
        sa.Column("crm_pending_ref", sa.Text(), nullable=True),
        sa.Column("calendar_pending_ref", sa.Text(), nullable=True),
        sa.Column("born", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("hold", sa.Text(), nullable=False),
        sa.Column("dormant", sa.Boolean(), nullable=False),
        sa.Column("restless", sa.Boolean(), nullable=False),
        sa.Column("writes", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["pairs.id"], name=op.f("fk_links_pair"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair", "id", name=op.f("pk_links")),
        sa.UniqueConstraint("pair", "calendar_ref", name=op.f("uq_links_pair_calendar_ref")),
        sa.UniqueConstraint("pair", "crm_ref", name=op.f("uq_links_pair_crm_ref")),
    )
    op.create_index(
        "ix_links_calendar_pending_ref",
        "links",
        ["pair", "calendar_pending_ref"],
        unique=False,
        sqlite_where=sa.text("calendar_pending_ref IS NOT NULL"),
        postgresql_where=sa.text("calendar_pending_ref IS NOT NULL"),
    )
    op.create_index(
        "ix_links_crm_pending_ref",
        "links",
        ["pair", "crm_pending_ref"],
        unique=False,
        sqlite_where=sa.text("crm_pending_ref IS NOT NULL"),
        postgresql_where=sa.text("crm_pending_ref IS NOT NULL"),
    )
    op.create_index(
        "ix_links_restless",
        "links",
        ["pair"],
        unique=False,
        sqlite_where=sa.text("restless = 1"),
        postgresql_where=sa.text("restless"),
    )
    op.create_table(
        "asides",
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("next_try", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["pair"], ["pairs.id"], name=op.f("fk_asides_pair"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair", "end", "ref", name=op.f("pk_asides")),
    )
    op.create_index(op.f("ix_asides_pair_next_try"), "asides", ["pair", "next_try"], unique=False)
    op.create_table(
        "touched",
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["pairs.id"], name=op.f("fk_touched_pair"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair", "end", "ref", name=op.f("pk_touched")),
    )
    op.create_table(
        "deletes",
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["pairs.id"], name=op.f("fk_deletes_pair"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pair", "end", "link", "at", name=op.f("pk_deletes")),
    )
    op.create_index(op.f("ix_deletes_pair_end_at"), "deletes", ["pair", "end", "at"], unique=False)


def _journal() -> None:
    """What people look up."""
    op.create_table(
        "held",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["pair"], ["pairs.id"], name=op.f("fk_held_pair"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_held_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held")),
    )
    op.create_index(op.f("ix_held_pair_state"), "held", ["pair", "state"], unique=False)
    op.create_table(
        "conflicts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("won", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_conflicts_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflicts")),
    )
    op.create_index(op.f("ix_conflicts_link"), "conflicts", ["link"], unique=False)
    op.create_index(op.f("ix_conflicts_pair_state"), "conflicts", ["pair", "state"], unique=False)
    op.create_index(op.f("ix_conflicts_tenant"), "conflicts", ["tenant"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("started", sa.Text(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("writes", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("set_aside", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_runs_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_pair_started"), "runs", ["pair", "started"], unique=False)
    op.create_index(op.f("ix_runs_started"), "runs", ["started"], unique=False)
    op.create_index(op.f("ix_runs_tenant"), "runs", ["tenant"], unique=False)
    op.create_table(
        "steps",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("pair", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_steps_tenant"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_steps")),
    )
    op.create_index(op.f("ix_steps_link"), "steps", ["link"], unique=False)
    op.create_index(op.f("ix_steps_tenant"), "steps", ["tenant"], unique=False)
