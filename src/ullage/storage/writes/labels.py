"""Write what became of resource classes and traits."""

from __future__ import annotations

from sqlalchemy import Table

from ullage.ledger.book import Book, LabelRow
from ullage.ledger.book import Table as BookTable
from ullage.storage.tables import resource_classes, traits
from ullage.storage.writes.transaction import Transaction


def create(transaction: Transaction, book: Book) -> None:
    """Make new classes and traits, and rename classes."""
    _rename(transaction, book.renamed_classes)
    keys = transaction.keys
    for table, rows, known, renamed in (
        (resource_classes, book.resource_classes, keys.resource_classes, set(book.renamed_classes.values())),
        (traits, book.traits, keys.traits, set[str]()),
    ):
        new = [
            (change.key, change.after.standard)
            for change in rows.changes()
            if change.before is None and change.after is not None and change.key not in renamed
        ]
        known.update(transaction.insert_keyed(table, ("name", "standard"), new))


def delete(transaction: Transaction, book: Book) -> None:
    """Delete classes and traits; inventories and providers that still had them must be gone."""
    keys = transaction.keys
    _delete(transaction, resource_classes, "resource_class", _gone(book.resource_classes, keys.resource_classes))
    _delete(transaction, traits, "trait", _gone(book.traits, keys.traits))


def _rename(transaction: Transaction, renamed: dict[str, str]) -> None:
    known = transaction.keys.resource_classes
    rows = [(known[old], old, new) for old, new in sorted(renamed.items())]
    transaction.update(resource_classes, ("id", "name"), ("name",), rows)
    for old, new in renamed.items():
        known[new] = known.pop(old)


def _gone(rows: BookTable[str, LabelRow], known: dict[str, int]) -> list[int]:
    """Keys of what was deleted; a renamed class has none under its old name any more."""
    return [known[change.key] for change in rows.changes() if change.after is None and change.key in known]


def _delete(transaction: Transaction, table: Table, kind: str, keys: list[int]) -> None:
    transaction.delete(table, keys)
    transaction.bury(kind, keys)
