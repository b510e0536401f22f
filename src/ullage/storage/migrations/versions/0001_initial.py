"""Everything that the ledger and the Placement API need."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
    column,
    exists,
    insert,
    literal,
    select,
    table,
)
from sqlalchemy.schema import SchemaItem

revision = "0001"
down_revision = None

KEY = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    writers_and_horizon()
    names()
    providers_with_what_they_offer()
    consumers_with_what_they_hold()
    tombstones()


def writers_and_horizon() -> None:
    make(
        "writers",
        key(),
        number("sequence"),
        Column("host", text(255), nullable=False),
        number("started_us"),
        number("seen_us"),
    )
    make(
        "horizon",
        Column("id", KEY, autoincrement=False, nullable=False),
        number("epoch"),
        primary_key("horizon", "id"),
        counts=False,
    )
    horizon = table("horizon", column("id"), column("epoch"))
    first = select(literal(1), literal(0)).where(~exists(select(horizon.c.id)))
    op.execute(insert(horizon).from_select(["id", "epoch"], first))


def names() -> None:
    for name in ("resource_classes", "traits"):
        make(
            name,
            key(),
            Column("name", text(255), nullable=False),
            Column("standard", Boolean(), nullable=False),
            *stamp(),
            *times(),
            unique(name, "name"),
        )
    make("aggregates", key(), Column("uuid", text(36), nullable=False), *times(), unique("aggregates", "uuid"))
    for name, label in (("projects", "external_id"), ("users", "external_id"), ("consumer_types", "name")):
        make(name, key(), Column(label, text(255), nullable=False), *times(), unique(name, label))


def providers_with_what_they_offer() -> None:
    make(
        "providers",
        key(),
        Column("uuid", text(36), nullable=False),
        Column("name", text(200), nullable=False),
        number("generation"),
        Column("parent_id", KEY, nullable=True),
        Column("root_id", KEY, nullable=True),
        *stamp(),
        *times(),
        unique("providers", "uuid"),
        unique("providers", "name"),
        foreign("providers", "parent_id", to="providers.id"),
        foreign("providers", "root_id", to="providers.id"),
    )
    index("providers", "parent_id")
    index("providers", "root_id")
    index("providers", "stamp_writer", "stamp_sequence")
    make(
        "inventories",
        key(),
        Column("provider_id", KEY, nullable=False),
        Column("resource_class_id", KEY, nullable=False),
        *(
            Column(name, Integer(), nullable=False)
            for name in ("total", "reserved", "min_unit", "max_unit", "step_size")
        ),
        Column("allocation_ratio", Double(), nullable=False),
        number("used"),
        *times(),
        unique("inventories", "provider_id", "resource_class_id"),
        foreign("inventories", "provider_id", to="providers.id"),
        foreign("inventories", "resource_class_id", to="resource_classes.id"),
        CheckConstraint("used >= 0", name=op.f("ck_inventories_used")),
    )
    index("inventories", "resource_class_id")
    for name, label, target in (
        ("provider_traits", "trait_id", "traits"),
        ("provider_aggregates", "aggregate_id", "aggregates"),
    ):
        make(
            name,
            Column("provider_id", KEY, nullable=False),
            Column(label, KEY, nullable=False),
            *times(),
            foreign(name, "provider_id", to="providers.id"),
            foreign(name, label, to=f"{target}.id"),
            primary_key(name, "provider_id", label),
            counts=False,
        )
        index(name, label)


def consumers_with_what_they_hold() -> None:
    make(
        "consumers",
        key(),
        Column("uuid", text(36), nullable=False),
        Column("project_id", KEY, nullable=False),
        Column("user_id", KEY, nullable=False),
        Column("consumer_type_id", KEY, nullable=True),
        number("generation"),
        *times(),
        unique("consumers", "uuid"),
        foreign("consumers", "project_id", to="projects.id"),
        foreign("consumers", "user_id", to="users.id"),
        foreign("consumers", "consumer_type_id", to="consumer_types.id"),
    )
    index("consumers", "project_id", "user_id")
    index("consumers", "user_id")
    index("consumers", "consumer_type_id")
    make(
        "allocations",
        key(),
        Column("consumer_id", KEY, nullable=False),
        Column("provider_id", KEY, nullable=False),
        Column("resource_class_id", KEY, nullable=False),
        Column("used", Integer(), nullable=False),
        *times(),
        unique("allocations", "consumer_id", "provider_id", "resource_class_id"),
        foreign("allocations", "consumer_id", to="consumers.id"),
        ForeignKeyConstraint(
            ["provider_id", "resource_class_id"],
            ["inventories.provider_id", "inventories.resource_class_id"],
            name=op.f("fk_allocations_provider_id_resource_class_id"),
        ),
        CheckConstraint("used > 0", name=op.f("ck_allocations_used")),
    )
    index("allocations", "provider_id", "resource_class_id")


def tombstones() -> None:
    make(
        "tombstones",
        Column("kind", text(16), nullable=False),
        Column("key", KEY, nullable=False),
        *stamp(),
        number("created_us"),
        primary_key("tombstones", "kind", "key"),
        counts=False,
    )
    index("tombstones", "stamp_writer", "stamp_sequence")


def make(name: str, *parts: SchemaItem, counts: bool = True) -> None:
    """A table; `counts`: its key `id` is made by the database and never reused."""
    op.create_table(
        name,
        *parts,
        *([primary_key(name, "id")] if counts else []),
        if_not_exists=True,
        sqlite_autoincrement=counts,
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )


def key() -> Column[int]:
    return Column("id", KEY, autoincrement=True, nullable=False)


def number(name: str) -> Column[int]:
    return Column(name, BigInteger(), nullable=False)


def text(length: int) -> String:
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(String(length, collation="utf8mb4_nopad_bin"), "mariadb")
    )


def stamp() -> tuple[Column[int], Column[int]]:
    return Column("stamp_writer", KEY, nullable=False), number("stamp_sequence")


def times() -> tuple[Column[int], Column[int]]:
    return number("created_us"), number("updated_us")


def primary_key(name: str, *columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*columns, name=op.f(f"pk_{name}"))


def unique(name: str, *columns: str) -> UniqueConstraint:
    return UniqueConstraint(*columns, name=op.f("_".join(("uq", name, *columns))))


def foreign(name: str, column_name: str, *, to: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint([column_name], [to], name=op.f(f"fk_{name}_{column_name}"))


def index(name: str, *columns: str) -> None:
    op.create_index(op.f("_".join(("ix", name, *columns))), name, [*columns], if_not_exists=True)
