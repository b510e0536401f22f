"""Write which traits and aggregates providers have."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

from sqlalchemy import select

from ullage.ledger.book import Book, Table
from ullage.storage.dialects import Dialect
from ullage.storage.many import is_listed
from ullage.storage.statements import Statement
from ullage.storage.tables import aggregates, provider_aggregates, provider_traits
from ullage.storage.writes.transaction import Transaction

Names = frozenset[str]


def delete(transaction: Transaction, book: Book) -> None:
    """Take away what providers no longer have."""
    keys = transaction.keys
    for table, column, rows, known in (
        (provider_traits, "trait_id", book.provider_traits, keys.traits),
        (provider_aggregates, "aggregate_id", book.provider_aggregates, keys.aggregates),
    ):
        pairs = [(keys.providers[uuid], known[name]) for uuid, name in _removed(rows)]
        transaction.delete_pairs(table, ("provider_id", column), pairs)


def create(transaction: Transaction, book: Book) -> None:
    """Give providers what they have now; an aggregate is made when it is first named."""
    keys = transaction.keys
    added = list(_added(book.provider_aggregates))
    _ensure_aggregates(transaction, {uuid for _, uuid in added})
    for table, column, pairs, known in (
        (provider_traits, "trait_id", list(_added(book.provider_traits)), keys.traits),
        (provider_aggregates, "aggregate_id", added, keys.aggregates),
    ):
        rows = [(keys.providers[provider], known[name]) for provider, name in pairs]
        transaction.insert(table, ("provider_id", column), rows)


def _removed(rows: Table[str, Names]) -> Iterator[tuple[str, str]]:
    for change in rows.changes():
        for name in sorted((change.before or Names()) - (change.after or Names())):
            yield change.key, name


def _added(rows: Table[str, Names]) -> Iterator[tuple[str, str]]:
    for change in rows.changes():
        for name in sorted((change.after or Names()) - (change.before or Names())):
            yield change.key, name


def _ensure_aggregates(transaction: Transaction, uuids: Collection[str]) -> None:
    """Find or make these aggregates; they are never deleted."""
    known = transaction.keys.aggregates
    find = _find_aggregates(transaction.dialect)
    known.update(transaction.rows_of(find, [uuid for uuid in uuids if uuid not in known]))
    missing = [uuid for uuid in uuids if uuid not in known]
    transaction.insert_missing(aggregates, "uuid", missing)
    known.update(transaction.rows_of(find, missing))


@cache
def _find_aggregates(dialect: Dialect) -> Statement:
    return Statement(select(aggregates.c.uuid, aggregates.c.id).where(is_listed(aggregates.c.uuid, dialect)), dialect)
