"""Write what became of providers: their rows, and the stamps of all of which a reader has to hear."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import bindparam, null
from sqlalchemy import update as update_of

from ullage.ledger.book import Book, Change, ProviderRow
from ullage.storage.dialects import Dialect
from ullage.storage.statements import Statement
from ullage.storage.tables import providers
from ullage.storage.writes.transaction import Transaction, listing

ProviderChange = Change[str, ProviderRow]

_NEW = ("uuid", "name", "generation", "parent_id", "root_id")


def delete(transaction: Transaction, changes: Sequence[ProviderChange]) -> None:
    """Delete providers that have nothing left, and leave a tombstone for each."""
    gone = [transaction.keys.providers[change.key] for change in changes if change.after is None]
    if gone:
        # MariaDB looks at each row by itself: a root refers to itself, and a parent may go together with its child.
        transaction.update_all(providers, _unlink(transaction.dialect), gone)
    transaction.delete(providers, gone)
    transaction.bury("provider", gone)


def create(transaction: Transaction, changes: Sequence[ProviderChange]) -> None:
    """Insert new providers, those first that others rest on."""
    waiting = [change.after for change in changes if change.before is None and change.after is not None]
    while waiting:
        ready = [row for row in waiting if row.parent_uuid is None or row.parent_uuid in transaction.keys.providers]
        if not ready:
            raise ValueError(f"the parents of {[row.uuid for row in waiting]} are neither known nor new")
        _insert(transaction, ready)
        waiting = [row for row in waiting if row.uuid not in transaction.keys.providers]


def update(transaction: Transaction, changes: Sequence[ProviderChange]) -> None:
    """Update rows on condition of their generation; most often it is all that changes."""
    keys = transaction.keys.providers
    raised, renamed, moved = [], [], []
    for change in changes:
        before, after = change.before, change.after
        if before is None or after is None:
            continue
        row = (keys[after.uuid], before.generation, after.generation)
        if (before.parent_uuid, before.root_uuid) != (after.parent_uuid, after.root_uuid):
            parent = None if after.parent_uuid is None else keys[after.parent_uuid]
            moved.append((*row, after.name, parent, keys[after.root_uuid]))
        elif before.name != after.name:  # its parent may not have been read
            renamed.append((*row, after.name))
        else:
            raised.append(row)
    transaction.update(providers, ("id", "generation"), ("generation",), raised)
    transaction.update(providers, ("id", "generation"), ("generation", "name"), renamed)
    transaction.update(providers, ("id", "generation"), ("generation", "name", "parent_id", "root_id"), moved)


def stamp(transaction: Transaction, book: Book, changes: Iterable[ProviderChange]) -> None:
    """Stamp the providers of whose own row nothing changes, but something that search sees of them."""
    changed: set[str] = set(book.stamped)
    for table in (book.inventories, book.provider_traits, book.provider_aggregates):
        changed.update(change.key for change in table.changes())
    changed -= {change.key for change in changes}
    keys = [transaction.keys.providers[uuid] for uuid in changed if book.providers.get(uuid) is not None]
    transaction.update_all(
        providers, _stamp(transaction.dialect), keys, writer=transaction.writer, sequence=transaction.sequence
    )


def _insert(transaction: Transaction, rows: Collection[ProviderRow]) -> None:
    keys = transaction.keys.providers
    made = transaction.insert_keyed(
        providers,
        _NEW,
        [
            (row.uuid, row.name, row.generation)
            + ((None, None) if row.parent_uuid is None else (keys[row.parent_uuid], keys[row.root_uuid]))
            for row in rows
        ],
    )
    keys.update(made)
    roots = [made[row.uuid] for row in rows if row.parent_uuid is None]
    transaction.update_all(providers, _root(transaction.dialect), roots)


@cache
def _unlink(dialect: Dialect) -> Statement:
    return listing(update_of(providers).values(parent_id=null(), root_id=null()), providers, dialect)


@cache
def _root(dialect: Dialect) -> Statement:
    return listing(update_of(providers).values(root_id=providers.c.id), providers, dialect)


@cache
def _stamp(dialect: Dialect) -> Statement:
    stamped: dict[str, Any] = {"stamp_writer": bindparam("writer"), "stamp_sequence": bindparam("sequence")}
    return listing(update_of(providers).values(stamped), providers, dialect)
