"""The tables. Ids, refs, versions, digests, states, times and counts are plain; ``sealed`` is content.

`HEAD` is the revision these tables belong to; ``migrations/`` makes them so, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from calsync.store.codec import moment_from_text, text_from_moment

HEAD: Final = "0001"
APPLICATION_ID: Final = 0x43414C53
"""``CALS`` in the header of the file: another program's file is told from ours."""


class Moment(TypeDecorator[datetime]):
    """An instant, as text that sorts by time."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's signature
        return None if value is None else text_from_moment(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's signature
        return None if value is None else moment_from_text(value)


METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _id(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=nullable)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _moment(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, Moment, nullable=nullable)


def _sealed(*, nullable: bool = False) -> Column[Any]:
    return Column("sealed", LargeBinary, nullable=nullable)


def _of_tenant(*, primary_key: bool = False) -> Column[str]:
    return Column("tenant", Text, ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


def _of_pair(*, primary_key: bool = False) -> Column[str]:
    return Column("pair", Text, ForeignKey("pairs.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


COUNTERS: Final = Table("counters", METADATA, _id("name"), _count("value"))
"""``epoch`` tells an old copy from the store itself; ``mark`` numbers the touched rows."""

TENANTS: Final = Table(
    "tenants",
    METADATA,
    _id(),
    _text("environment"),
    _text("serial"),
    _text("url"),
    _count("principal"),
    _text("zone"),
    _text("state"),
    _count("epoch"),
    _sealed(),
)
ASSOCIATES: Final = Table(
    "associates",
    METADATA,
    _of_tenant(primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("state"),
    _sealed(),
)
CONNECTIONS: Final = Table(
    "connections",
    METADATA,
    _id(),
    _of_tenant(),
    Column("associate", Integer),
    _text("kind"),
    _text("state"),
    _text("failed_sign_ins"),
    _sealed(),
    Index(None, "tenant"),
)
PAIRS: Final = Table(
    "pairs",
    METADATA,
    _id(),
    _of_tenant(),
    _text("crm"),
    _text("calendar"),
    _text("policy"),
    _text("zone"),
    _text("crm_identity"),
    _text("calendar_identity"),
    _text("crm_cursor", nullable=True),
    _text("calendar_cursor", nullable=True),
    _text("state"),
    _text("reason"),
    _moment("due_at"),
    _count("fails"),
    _moment("last_run"),
    _moment("last_converged"),
    _text("owner"),
    _moment("lease_until"),
    _flag("woken"),
    _flag("changed"),
    Index(None, "tenant"),
    Index(None, "due_at"),
    Index(None, "lease_until"),
)
"""``owner`` is whose runs exclude each other. ``woken`` and ``changed`` happened while a run had the lease."""

CALENDARS: Final = Table(
    "calendars",
    METADATA,
    _of_pair(primary_key=True),
    _id("end"),
    _text("identity"),
    _flag("writes"),
    Index(None, "identity"),
)
"""The calendars that pairs use, so that no second pair takes one."""

LINKS: Final = Table(
    "links",
    METADATA,
    _of_pair(primary_key=True),
    _id(),
    _text("crm_ref", nullable=True),
    _text("crm_version", nullable=True),
    _text("crm_digest", nullable=True),
    _text("calendar_ref", nullable=True),
    _text("calendar_version", nullable=True),
    _text("calendar_digest", nullable=True),
    _text("crm_pending_ref", nullable=True),
    _text("calendar_pending_ref", nullable=True),
    _text("born"),
    _count("generation"),
    _text("hold"),
    _flag("dormant"),
    _flag("restless"),
    _text("writes"),
    _sealed(),
    UniqueConstraint("pair", "crm_ref"),
    UniqueConstraint("pair", "calendar_ref"),
)
# The condition of another dialect would load all of it at every start; where it belongs, the migration says it too.
Index(
    "ix_links_restless",
    LINKS.c.pair,
    sqlite_where=text("restless = 1"),  # as the dialect writes the question
)
for _end in ("crm", "calendar"):
    _waiting = text(f"{_end}_pending_ref IS NOT NULL")
    Index(
        f"ix_links_{_end}_pending_ref",
        LINKS.c.pair,
        LINKS.c[f"{_end}_pending_ref"],
        sqlite_where=_waiting,
    )

ASIDES: Final = Table(
    "asides",
    METADATA,
    _of_pair(primary_key=True),
    _id("end"),
    _id("ref"),
    _text("version"),
    _text("reason"),
    _moment("since", nullable=False),
    _moment("next_try"),
    _count("tries"),
    _text("link", nullable=True),
    _sealed(nullable=True),
    Index(None, "pair", "next_try"),
)
TOUCHED: Final = Table("touched", METADATA, _of_pair(primary_key=True), _id("end"), _id("ref"), _count("mark"))
DELETES: Final = Table(
    "deletes",
    METADATA,
    _of_pair(primary_key=True),
    _id("end"),
    _id("link"),
    Column("at", Moment, primary_key=True),
    Index(None, "pair", "end", "at"),
)
HELD: Final = Table(
    "held", METADATA, _id(), _of_tenant(), _of_pair(), _text("end"), _text("state"), _moment("at", nullable=False),
    _count("events"), _sealed(), Index(None, "pair", "state"),
)  # fmt: skip

# History stays when its pair is removed, so it belongs to the tenant alone.
CONFLICTS: Final = Table(
    "conflicts",
    METADATA,
    _id(),
    _of_tenant(),
    _text("pair"),
    _text("link"),
    _text("field", nullable=True),
    _text("won", nullable=True),
    _text("policy"),
    _text("state"),
    _moment("at", nullable=False),
    _sealed(),
    Index(None, "tenant"),
    Index(None, "pair", "state"),
    Index(None, "link"),
)
RUNS: Final = Table(
    "runs",
    METADATA,
    _id(),
    _of_tenant(),
    _text("pair"),
    _moment("started", nullable=False),
    _moment("ended"),
    _text("state", nullable=True),
    *(_count(name) for name in ("reads", "writes", "requests", "conflicts", "held", "set_aside")),
    _sealed(nullable=True),
    Index(None, "tenant"),
    Index(None, "pair", "started"),
    Index(None, "started"),
)
STEPS: Final = Table(
    "steps",
    METADATA,
    Column("number", Integer, primary_key=True),
    _of_tenant(),
    _text("pair"),
    _text("link"),
    _moment("at", nullable=False),
    _sealed(),
    Index(None, "tenant"),
    Index(None, "link"),
)
FEEDS: Final = Table(
    "feeds", METADATA, _of_tenant(primary_key=True), _text("cursor", nullable=True), _moment("swept_at")
)


def upsert(table: Table) -> Insert:
    """Insert a row, or replace all of it but its primary key."""
    keys = [column.name for column in table.primary_key.columns]
    statement = insert(table)
    replaced = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=replaced)


def insert_if_new(table: Table) -> Insert:
    return insert(table).on_conflict_do_nothing()


def in_groups(values: Sequence[str], size: int = 500) -> Sequence[Sequence[str]]:
    """Bound the parameters of one statement."""
    return [values[start : start + size] for start in range(0, len(values), size)]
