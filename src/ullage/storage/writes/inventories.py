"""Write what became of inventories and of what is used of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

from sqlalchemy import bindparam
from sqlalchemy import delete as delete_from

from ullage.ledger.book import Book, InventoryRow
from ullage.storage.dialects import Dialect
from ullage.storage.statements import Statement
from ullage.storage.tables import inventories
from ullage.storage.writes.transaction import Transaction, listing

Place = tuple[str, str]
"""Provider uuid and class name."""

InventoryChange = tuple[Place, InventoryRow | None, InventoryRow | None]

_OFFERED = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio", "used")


def changes_of(book: Book) -> list[InventoryChange]:
    """Every inventory that differs from what was read, as it was and as it shall be."""
    return list(_changes(book))


def _changes(book: Book) -> Iterator[InventoryChange]:
    for change in book.inventories.changes():
        before, after = change.before or {}, change.after or {}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                yield (change.key, name), before.get(name), after.get(name)


def delete(transaction: Transaction, changes: Sequence[InventoryChange]) -> None:
    """Delete inventories, on condition of the use that they were read with."""
    gone: dict[int, list[int]] = defaultdict(list)
    for place, before, after in changes:
        if before is not None and after is None:
            gone[before.used].append(transaction.keys.inventories[place])
    for used, keys in gone.items():
        transaction.update_all(inventories, _delete(transaction.dialect), keys, expected=used)


def write(transaction: Transaction, changes: Sequence[InventoryChange]) -> None:
    """Insert new inventories and update others; `used` is written on condition of its old value."""
    keys = transaction.keys
    new, taken, changed = [], [], []
    for place, before, after in changes:
        if after is None:
            continue
        if before is None:
            provider_uuid, name = place
            new.append((keys.providers[provider_uuid], keys.resource_classes[name], *_columns(after)))
        elif before.inventory == after.inventory:
            taken.append((keys.inventories[place], before.used, after.used))
        else:
            changed.append((keys.inventories[place], before.used, *_columns(after)))
    transaction.insert(inventories, ("provider_id", "resource_class_id", *_OFFERED), new)
    transaction.update(inventories, ("id", "used"), ("used",), taken, shows=False)
    transaction.update(inventories, ("id", "used"), _OFFERED, changed)


def _columns(row: InventoryRow) -> tuple[int | float, ...]:
    offered = row.inventory
    return (
        offered.total,
        offered.reserved,
        offered.min_unit,
        offered.max_unit,
        offered.step_size,
        float(offered.allocation_ratio),
        row.used,
    )


@cache
def _delete(dialect: Dialect) -> Statement:
    return listing(delete_from(inventories).where(inventories.c.used == bindparam("expected")), inventories, dialect)
