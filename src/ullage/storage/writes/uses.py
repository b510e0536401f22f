"""What search sees of a batch, if that is no more than how much is used: then it need not be read (`storage.uses`)."""

from __future__ import annotations

from collections.abc import Sequence

from ullage.engine.uses import Uses
from ullage.ledger.book import Book
from ullage.storage.book import Keys
from ullage.storage.writes.inventories import InventoryChange
from ullage.storage.writes.providers import ProviderChange


def uses_of(
    book: Book, keys: Keys, now_us: int, providers: Sequence[ProviderChange], inventories: Sequence[InventoryChange]
) -> Uses | None:
    """What search sees of a Book with these changes, written at this time; None if there is more than uses."""
    labels = (book.resource_classes, book.traits, book.provider_names, book.provider_traits, book.provider_aggregates)
    if book.stamped or book.renamed_classes or any(table.changes() for table in labels):
        return None
    rows: dict[int, tuple[int, int]] = {}
    for _, before, after in providers:
        if before is None or after is None or before._replace(generation=after.generation) != after:
            return None
        rows[keys.providers[after.uuid]] = (after.generation, now_us)
    used: dict[tuple[int, int], int] = {}
    for (uuid, name), was, now in inventories:
        if was is None or now is None or was.inventory != now.inventory:
            return None
        used[keys.providers[uuid], keys.resource_classes[name]] = now.used
    return Uses(rows, used)
