"""The Book: the rows that a batch of commands concerns, and what the batch has made of them so far.

Everything is keyed by public names (uuids, class and trait names), so decisions never see an integer key. The storage
fills a Book with the rows as they were read under their locks; each command is decided on a `Draft`, which is merged
into the Book if the command is accepted and dropped if it is refused. In the end `Book.changes()` compares what was
read with what came out, so that a provider claimed from by fifty commands of one batch is written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from ullage.model.allocation import Consumer
from ullage.model.inventory import Inventory

Key = TypeVar("Key")
Row = TypeVar("Row")


class ProviderRow(NamedTuple):
    """A provider as the ledger sees it."""

    uuid: str
    name: str
    generation: int
    parent_uuid: str | None
    root_uuid: str


class InventoryRow(NamedTuple):
    """One inventory with its use; keyed by (provider uuid, class name)."""

    inventory: Inventory
    used: int


class LabelRow(NamedTuple):
    """A resource class or trait by name."""

    standard: bool


Holdings = Mapping[tuple[str, str], int]
"""What one consumer holds: (provider uuid, class name) -> amount; never 0, and no row when it holds nothing."""


class NotRead(LookupError):
    """A decision looked at a row that its command's Needs did not name: a programmer's error."""


class Change(NamedTuple, Generic[Key, Row]):
    """One row as it was (None: new) and as it shall be (None: deleted)."""

    key: Key
    before: Row | None
    after: Row | None


class Table(Generic[Key, Row]):
    """Rows by key. A key that was asked for and not found is known to be absent; any other is NotRead."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._before: dict[Key, Row | None] = {}
        """What was read, of rows that were updated since."""
        self._now: dict[Key, Row | None] = {}

    def fill(self, key: Key, row: Row | None) -> None:
        """Record what was read for a key (None: there is no such row)."""
        self._now[key] = row

    def has_read(self, key: Key) -> bool:
        """Whether this key was read or written (also as absent)."""
        return key in self._now

    def get(self, key: Key) -> Row | None:
        """The row as it is now, or None if there is none; NotRead if nobody asked for it."""
        try:
            return self._now[key]
        except KeyError:
            raise NotRead(f"{self.name} {key!r} was not read") from None

    def known(self, key: Key) -> Row | None:
        """The same; None also if nobody asked for it."""
        return self._now.get(key)

    def items(self) -> Iterator[tuple[Key, Row]]:
        """All rows that exist now."""
        return ((key, row) for key, row in self._now.items() if row is not None)

    def update(self, rows: Mapping[Key, Row | None]) -> None:
        """Set rows (None deletes). Keys that were never read count as absent before: they are new."""
        for key, row in rows.items():
            self._before.setdefault(key, self._now.get(key))
            self._now[key] = row

    def changes(self) -> list[Change[Key, Row]]:
        """Every row that differs from what was read, in order of key."""
        changed = [
            Change(key, before, self._now[key]) for key, before in self._before.items() if before != self._now[key]
        ]
        return sorted(changed, key=lambda change: change.key)  # type: ignore[arg-type,return-value] # keys are text


class Book:
    """All tables of one batch. `inventories`, `traits` and `aggregates` hold one row per provider: all it has."""

    def __init__(self) -> None:
        self.providers: Table[str, ProviderRow] = Table("provider")
        self.provider_names: Table[str, str] = Table("provider name")
        """Name -> uuid of the provider that has it."""
        self.inventories: Table[str, Mapping[str, InventoryRow]] = Table("inventories of provider")
        self.provider_traits: Table[str, frozenset[str]] = Table("traits of provider")
        self.provider_aggregates: Table[str, frozenset[str]] = Table("aggregates of provider")
        self.consumers: Table[str, Consumer] = Table("consumer")
        self.holdings: Table[str, Holdings] = Table("holdings of consumer")
        self.resource_classes: Table[str, LabelRow] = Table("resource class")
        self.traits: Table[str, LabelRow] = Table("trait")
        self.classes_in_use: set[str] = set()
        """Of the classes that some Needs asked about: those that any inventory is of."""
        self.traits_in_use: set[str] = set()
        self.stamped: set[str] = set()
        """Providers to stamp although no row of theirs changes (roots of changed trees, moved descendants).

        One that a later command of the batch deleted may still be named here.
        """
        self.renamed_classes: dict[str, str] = {}
        """Old name -> new name of resource classes that keep their key. Their two rows in `changes()`, one gone and
        one new, are that rename and no deletion and creation; inventories follow by key."""

    def tables(self) -> tuple[Table[str, Any], ...]:
        """Every table, in the order in which rows must be inserted (and, reversed, deleted)."""
        return (
            self.resource_classes,
            self.traits,
            self.providers,
            self.provider_names,
            self.inventories,
            self.provider_traits,
            self.provider_aggregates,
            self.consumers,
            self.holdings,
        )


class DraftTable(Generic[Row]):
    """A table as one command sees and changes it."""

    def __init__(self, table: Table[str, Row]) -> None:
        self._table = table
        self._written: dict[str, Row | None] = {}

    def get(self, key: str) -> Row | None:
        """The row as this command has made it, else as the Book has it."""
        if key in self._written:
            return self._written[key]
        return self._table.get(key)

    def put(self, key: str, row: Row) -> None:
        """Insert or replace."""
        self._written[key] = row

    def drop(self, key: str) -> None:
        """Delete."""
        self._written[key] = None

    def rows(self) -> Iterator[Row]:
        """All rows that exist for this command; costs a walk over the whole Book's table."""
        for key, row in self._table.items():
            if key not in self._written:
                yield row
        for written in self._written.values():
            if written is not None:
                yield written

    def written(self) -> Iterator[tuple[str, Row | None, Row | None]]:
        """Key, row in the Book and row of this command, for every row that it wrote."""
        for key, row in self._written.items():
            yield key, self._table.known(key), row

    def accept(self) -> None:
        """Merge into the Book."""
        if self._written:
            self._table.update(self._written)


class Draft:
    """What one command does to a Book; nothing of it shows until `accept`."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.providers = DraftTable(book.providers)
        self.provider_names = DraftTable(book.provider_names)
        self.inventories = DraftTable(book.inventories)
        self.provider_traits = DraftTable(book.provider_traits)
        self.provider_aggregates = DraftTable(book.provider_aggregates)
        self.consumers = DraftTable(book.consumers)
        self.holdings = DraftTable(book.holdings)
        self.resource_classes = DraftTable(book.resource_classes)
        self.traits = DraftTable(book.traits)
        self.stamped: set[str] = set()
        self.renamed_classes: dict[str, str] = {}

    def accept(self) -> None:
        """Merge everything into the Book."""
        for table in (
            self.providers,
            self.provider_names,
            self.inventories,
            self.provider_traits,
            self.provider_aggregates,
            self.consumers,
            self.holdings,
            self.resource_classes,
            self.traits,
        ):
            table.accept()
        self.book.stamped |= self.stamped
        self.book.renamed_classes.update(self.renamed_classes)
