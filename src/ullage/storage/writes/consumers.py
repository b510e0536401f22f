"""Write what became of consumers and of what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ullage.ledger.book import Book, Change
from ullage.model.allocation import Consumer
from ullage.storage.find import OWNERS, find
from ullage.storage.tables import allocations, consumers
from ullage.storage.writes.transaction import Transaction

ConsumerChange = Change[str, Consumer]

HeldPlace = tuple[str, str, str]
"""Consumer uuid, provider uuid and class name."""

HoldingChange = tuple[HeldPlace, int | None, int | None]


def holding_changes(book: Book) -> list[HoldingChange]:
    """Every amount held that differs from what was read, as it was and as it shall be (None: nothing is held)."""
    return list(_holding_changes(book))


def _holding_changes(book: Book) -> Iterator[HoldingChange]:
    for change in book.holdings.changes():
        before, after = change.before or {}, change.after or {}
        for provider_uuid, name in sorted(before.keys() | after.keys()):
            held, holds = before.get((provider_uuid, name)), after.get((provider_uuid, name))
            if held != holds:
                yield (change.key, provider_uuid, name), held, holds


def delete(transaction: Transaction, changes: Sequence[ConsumerChange], holdings: Sequence[HoldingChange]) -> None:
    """Delete what is no longer held, and consumers that hold nothing."""
    keys = transaction.keys
    transaction.delete(allocations, [keys.allocations[place] for place, _, after in holdings if after is None])
    transaction.delete(consumers, [keys.consumers[change.key] for change in changes if change.after is None])


def write(transaction: Transaction, changes: Sequence[ConsumerChange], holdings: Sequence[HoldingChange]) -> None:
    """Insert and update consumers, on condition of their generation, and what they hold."""
    _write_consumers(transaction, [change for change in changes if change.after is not None])
    keys = transaction.keys
    new, changed = [], []
    for place, before, after in holdings:
        if after is None:
            continue
        if before is None:
            consumer_uuid, provider_uuid, name = place
            new.append((consumer_uuid, keys.providers[provider_uuid], keys.resource_classes[name], after))
        else:
            changed.append((keys.allocations[place], before, after))
    columns = ("consumer_id", "provider_id", "resource_class_id", "used")
    transaction.insert_found(allocations, columns, new, consumers.c.uuid)
    transaction.update(allocations, ("id", "used"), ("used",), changed)


def _write_consumers(transaction: Transaction, changes: Sequence[ConsumerChange]) -> None:
    keys = transaction.keys.consumers
    _ensure_owners(transaction, [change.after for change in changes if change.after is not None])
    new, changed = [], []
    for change in changes:
        after = change.after
        if after is None:
            continue
        row = (*_owners_of(transaction, after), after.generation)
        if change.before is None:
            new.append((after.uuid, *row))
        else:
            changed.append((keys[after.uuid], change.before.generation, *row))
    columns = ("project_id", "user_id", "consumer_type_id", "generation")
    transaction.insert(consumers, ("uuid", *columns), new)
    transaction.update(consumers, ("id", "generation"), columns, changed)


def _ensure_owners(transaction: Transaction, rows: Sequence[Consumer]) -> None:
    """Make the projects, users and types that are named for the first time; nobody ever deletes one."""
    names = {
        "projects": {row.project for row in rows},
        "users": {row.user for row in rows},
        "consumer_types": {row.consumer_type for row in rows if row.consumer_type is not None},
    }
    known = transaction.keys.owners
    missing = {kind: {name for name in named if (kind, name) not in known} for kind, named in names.items()}
    if any(missing.values()):
        for kind, (table, column) in OWNERS.items():
            transaction.insert_missing(table, column, missing[kind])
        known.update(find(transaction.connection, transaction.dialect, missing)().owners)


def _owners_of(transaction: Transaction, row: Consumer) -> tuple[int, int, int | None]:
    """Keys of a consumer's project, user and type."""
    keys = transaction.keys.owners
    consumer_type = None if row.consumer_type is None else keys["consumer_types", row.consumer_type]
    return keys["projects", row.project], keys["users", row.user], consumer_type
