"""Transactions, on every database."""

from __future__ import annotations

from sqlalchemy import func, select, update

from ullage.storage.tables import traits
from ullage.storage.unit import Store, run


def test_what_is_written_is_read_later(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(update(traits).values(updated_us=7))
    with store.reading() as connection:
        assert connection.scalar(select(func.min(traits.c.updated_us))) == 7
