"""The audit trail."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, String, Text
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

KEY = BigInteger().with_variant(Integer(), "sqlite")
HASH = (
    String(64)
    .with_variant(String(64, collation="C"), "postgresql")
    .with_variant(String(64, collation="utf8mb4_nopad_bin"), "mariadb")
)
LONG_TEXT = (
    Text()
    .with_variant(Text(collation="C"), "postgresql")
    .with_variant(mysql.LONGTEXT(collation="utf8mb4_nopad_bin"), "mariadb")
)


def upgrade() -> None:
    op.create_table(
        "audit",
        Column("writer", KEY, nullable=False),
        Column("sequence", BigInteger(), nullable=False),
        Column("recorded_us", BigInteger(), nullable=False),
        Column("hash", HASH, nullable=False),
        Column("entries", LONG_TEXT, nullable=False),
        PrimaryKeyConstraint("writer", "sequence", name=op.f("pk_audit")),
        if_not_exists=True,
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_audit_recorded_us"), "audit", ["recorded_us"], if_not_exists=True)
