"""What claims used lately, for readers in other processes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

KEY = BigInteger().with_variant(Integer(), "sqlite")
LONG_TEXT = (
    Text()
    .with_variant(Text(collation="C"), "postgresql")
    .with_variant(mysql.LONGTEXT(collation="utf8mb4_nopad_bin"), "mariadb")
)


def upgrade() -> None:
    op.create_table(
        "uses",
        Column("writer", KEY, nullable=False),
        Column("slot", Integer(), nullable=False),
        Column("sequence", BigInteger(), nullable=False),
        Column("entries", LONG_TEXT, nullable=False),
        PrimaryKeyConstraint("writer", "slot", name=op.f("pk_uses")),
        if_not_exists=True,
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
