"""API tokens."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, String, UniqueConstraint

revision = "0003"
down_revision = "0002"

KEY = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "tokens",
        Column("id", KEY, autoincrement=True, nullable=False),
        Column("digest", text(64), nullable=False),
        Column("user", text(255), nullable=False),
        Column("project", text(255), nullable=True),
        Column("roles", text(1024), nullable=False),
        Column("expires_us", BigInteger(), nullable=False),
        Column("created_us", BigInteger(), nullable=False),
        Column("updated_us", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        if_not_exists=True,
        sqlite_autoincrement=True,
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )


def text(length: int) -> String:
    return (
        String(length)
        .with_variant(String(length, collation="C"), "postgresql")
        .with_variant(String(length, collation="utf8mb4_nopad_bin"), "mariadb")
    )
