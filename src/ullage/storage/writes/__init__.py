"""Write what a batch made of its Book: a handful of statements over many rows, whatever the number of commands.

Deletions come first, so that what they free (a name, a class) can be taken by what follows; then providers, which all
the rest refers to. Rows are updated on condition that they are as they were read, so that even a database that let
somebody else in between could not make a sum wrong: it makes the batch begin again.
"""

from __future__ import annotations

from sqlalchemy import Connection

from ullage.ledger.book import Book
from ullage.storage.book import Keys
from ullage.storage.dialects import Dialect
from ullage.storage.uses import tell
from ullage.storage.writes import consumers, inventories, labels, links, providers
from ullage.storage.writes.transaction import Transaction
from ullage.storage.writes.uses import uses_of


def apply(
    connection: Connection, dialect: Dialect, book: Book, keys: Keys, writer: int, sequence: int, now_us: int
) -> Transaction | None:
    """Write all changes of a Book, stamped with (writer, sequence); `now_us` is in microseconds since 1970, UTC.

    Answers None if there was nothing to write, or what is to be confirmed before the commit. Raises the database's own
    error if a constraint is broken: by what others did meanwhile, or by a name that went from one provider to another
    within the batch.
    """
    if not book.stamped and not any(table.changes() for table in book.tables()):
        return None
    consumer_changes, holding_changes = book.consumers.changes(), consumers.holding_changes(book)
    provider_changes, inventory_changes = book.providers.changes(), inventories.changes_of(book)
    uses = uses_of(book, keys, now_us, provider_changes, inventory_changes)
    transaction = Transaction(connection, dialect, keys, writer, sequence, now_us)

    labels.create(transaction, book)
    consumers.delete(transaction, consumer_changes, holding_changes)
    links.delete(transaction, book)
    inventories.delete(transaction, inventory_changes)
    providers.delete(transaction, provider_changes)
    labels.delete(transaction, book)

    providers.create(transaction, provider_changes)
    providers.update(transaction, provider_changes)
    providers.stamp(transaction, book, provider_changes)
    inventories.write(transaction, inventory_changes)
    links.create(transaction, book)
    consumers.write(transaction, consumer_changes, holding_changes)
    if uses is not None:
        tell(connection, dialect, writer, sequence, now_us, uses)
    return transaction
