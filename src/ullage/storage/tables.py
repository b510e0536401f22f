"""The schema, readable from top to bottom.

Integer keys are never reused (SQLite: AUTOINCREMENT). Uuids are text, lower-case and dashed; all text compares by code
point. Ratios are doubles. Times are microseconds since 1970, UTC. A row that search sees carries the stamp
(writer, sequence) of the transaction that last changed anything about it: see `feed`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

KEY = BigInteger().with_variant(Integer(), "sqlite")
"""An integer key; SQLite makes only INTEGER columns auto-incrementing."""


def text(length: int) -> String:
    """Text that compares by code point on every database; a trailing space counts."""
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(String(length, collation="utf8mb4_nopad_bin"), "mariadb")
    )


UUID = text(36)


def _table(name: str, *parts: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        *parts,
        sqlite_autoincrement=any(isinstance(part, Column) and part.autoincrement is True for part in parts),
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )


def _id() -> Column[int]:
    return Column("id", KEY, primary_key=True, autoincrement=True)


def _stamp() -> tuple[Column[int], Column[int]]:
    return (
        Column("stamp_writer", KEY, nullable=False),
        Column("stamp_sequence", BigInteger, nullable=False),
    )


def _times() -> tuple[Column[int], Column[int]]:
    return (
        Column("created_us", BigInteger, nullable=False),
        Column("updated_us", BigInteger, nullable=False),
    )


def _to(target: str, *, nullable: bool = False) -> Column[int]:
    singular = {"resource_classes": "resource_class"}.get(target, target.removesuffix("s"))
    return Column(f"{singular}_id", KEY, ForeignKey(f"{target}.id"), nullable=nullable)


writers = _table(
    "writers",
    _id(),
    Column("sequence", BigInteger, nullable=False),
    Column("host", text(255), nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
)
"""One row per committer; every writing transaction raises its own row's sequence first."""

horizon = _table(
    "horizon",
    Column("id", KEY, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)
"""One row: its epoch grows whenever old tombstones or writers are removed; a reader of an older epoch rebuilds."""

resource_classes = _table(
    "resource_classes",
    _id(),
    Column("name", text(255), nullable=False, unique=True),
    Column("standard", Boolean, nullable=False),
    *_stamp(),
    *_times(),
)

traits = _table(
    "traits",
    _id(),
    Column("name", text(255), nullable=False, unique=True),
    Column("standard", Boolean, nullable=False),
    *_stamp(),
    *_times(),
)

aggregates = _table(
    "aggregates",
    _id(),
    Column("uuid", UUID, nullable=False, unique=True),
    *_times(),
)

providers = _table(
    "providers",
    _id(),
    Column("uuid", UUID, nullable=False, unique=True),
    Column("name", text(200), nullable=False, unique=True),
    Column("generation", BigInteger, nullable=False),
    Column("parent_id", KEY, ForeignKey("providers.id"), nullable=True, index=True),
    Column("root_id", KEY, ForeignKey("providers.id"), nullable=True, index=True),
    *_stamp(),
    *_times(),
    Index(None, "stamp_writer", "stamp_sequence"),
)
"""A root's `root_id` is its own id; null only between the two statements that make a root."""

inventories = _table(
    "inventories",
    _id(),
    _to("providers"),
    _to("resource_classes"),
    Column("total", Integer, nullable=False),
    Column("reserved", Integer, nullable=False),
    Column("min_unit", Integer, nullable=False),
    Column("max_unit", Integer, nullable=False),
    Column("step_size", Integer, nullable=False),
    Column("allocation_ratio", Double, nullable=False),
    Column("used", BigInteger, nullable=False),
    *_times(),
    UniqueConstraint("provider_id", "resource_class_id"),
    CheckConstraint("used >= 0", name="used"),
    Index(None, "resource_class_id"),
)

provider_traits = _table(
    "provider_traits",
    _to("providers"),
    _to("traits"),
    *_times(),
    PrimaryKeyConstraint("provider_id", "trait_id"),
    Index(None, "trait_id"),
)

provider_aggregates = _table(
    "provider_aggregates",
    _to("providers"),
    _to("aggregates"),
    *_times(),
    PrimaryKeyConstraint("provider_id", "aggregate_id"),
    Index(None, "aggregate_id"),
)

projects = _table(
    "projects",
    _id(),
    Column("external_id", text(255), nullable=False, unique=True),
    *_times(),
)

users = _table(
    "users",
    _id(),
    Column("external_id", text(255), nullable=False, unique=True),
    *_times(),
)

consumer_types = _table(
    "consumer_types",
    _id(),
    Column("name", text(255), nullable=False, unique=True),
    *_times(),
)

consumers = _table(
    "consumers",
    _id(),
    Column("uuid", UUID, nullable=False, unique=True),
    _to("projects"),
    _to("users"),
    _to("consumer_types", nullable=True),
    Column("generation", BigInteger, nullable=False),
    *_times(),
    Index(None, "project_id", "user_id"),
    Index(None, "user_id"),
    Index(None, "consumer_type_id"),
)

allocations = _table(
    "allocations",
    _id(),
    _to("consumers"),
    Column("provider_id", KEY, nullable=False),
    Column("resource_class_id", KEY, nullable=False),
    Column("used", Integer, nullable=False),
    *_times(),
    UniqueConstraint("consumer_id", "provider_id", "resource_class_id"),
    ForeignKeyConstraint(
        ["provider_id", "resource_class_id"], ["inventories.provider_id", "inventories.resource_class_id"]
    ),
    CheckConstraint("used > 0", name="used"),
    Index(None, "provider_id", "resource_class_id"),
)
"""Rests on an inventory: that must be inserted before and deleted after its allocations."""

tombstones = _table(
    "tombstones",
    Column("kind", text(16), nullable=False),
    Column("key", KEY, nullable=False),
    *_stamp(),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "key"),
    Index(None, "stamp_writer", "stamp_sequence"),
)
"""What was deleted ("provider", "resource_class", "trait"), for readers that still have it."""

LONG_TEXT = (
    Text()
    .with_variant(Text(collation="C"), "postgresql")
    .with_variant(mysql.LONGTEXT(collation="utf8mb4_nopad_bin"), "mariadb")
)

audit = _table(
    "audit",
    Column("writer", KEY, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("recorded_us", BigInteger, nullable=False),
    Column("hash", text(64), nullable=False),
    Column("entries", LONG_TEXT, nullable=False),
    PrimaryKeyConstraint("writer", "sequence"),
    Index(None, "recorded_us"),
)
"""One row for each committed transaction; never changed, deleted by `ullage audit prune` alone. Outlives its writer."""

uses = _table(
    "uses",
    Column("writer", KEY, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("entries", LONG_TEXT, nullable=False),
    PrimaryKeyConstraint("writer", "slot"),
)
"""What the latest transactions of each writer changed, if that was no more than how much is used (`storage.uses`)."""

tokens = _table(
    "tokens",
    _id(),
    Column("digest", text(64), nullable=False, unique=True),
    Column("user", text(255), nullable=False),
    Column("project", text(255), nullable=True),
    Column("roles", text(1024), nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    *_times(),
)
"""API tokens. `digest` is the SHA-256 of the text, which is kept nowhere; `roles` are separated by commas."""
