"""A world in memory that fills Books exactly as their Needs say, and takes their changes.

It reads nothing that was not asked for, so a decision that looks further than its command's Needs fails with NotRead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ullage.ledger.book import Book, Holdings, InventoryRow, LabelRow, ProviderRow, Table
from ullage.ledger.decide import decide, needs
from ullage.ledger.needs import Needs
from ullage.model.allocation import Consumer
from ullage.model.commands import Command, Result
from ullage.model.errors import Refusal

Key = TypeVar("Key")
Row = TypeVar("Row")

STANDARD_CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
STANDARD_TRAITS = ("HW_CPU_X86_AVX", "STORAGE_DISK_SSD")


@dataclass
class MemoryWorld:
    """Rows by public key, as a database would keep them."""

    providers: dict[str, ProviderRow] = field(default_factory=dict)
    inventories: dict[str, Mapping[str, InventoryRow]] = field(default_factory=dict)
    provider_traits: dict[str, frozenset[str]] = field(default_factory=dict)
    provider_aggregates: dict[str, frozenset[str]] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    holdings: dict[str, Holdings] = field(default_factory=dict)
    resource_classes: dict[str, LabelRow] = field(
        default_factory=lambda: {name: LabelRow(standard=True) for name in STANDARD_CLASSES}
    )
    traits: dict[str, LabelRow] = field(
        default_factory=lambda: {name: LabelRow(standard=True) for name in STANDARD_TRAITS}
    )
    stamped: set[str] = field(default_factory=set)
    """What the last batch stamped beyond its own rows."""

    def run(self, *commands: Command) -> list[Result | Refusal]:
        """Decide a batch in turn on one Book and keep what came out."""
        wanted = Needs()
        for command in commands:
            wanted.add(needs(command))
        book = self.book(wanted)
        answers = [decide(book, command) for command in commands]
        self.apply(book)
        return answers

    def ask(self, command: Command) -> Result | Refusal:
        """Decide one command."""
        return self.run(command)[0]

    def do(self, *commands: Command) -> Result:
        """Decide commands one by one, each of which must be accepted; gives the last result."""
        answer: Result | Refusal = None
        for command in commands:
            answer = self.ask(command)
            if isinstance(answer, Refusal):
                raise answer
        return answer  # type: ignore[return-value] # no Refusal gets here

    def book(self, wanted: Needs) -> Book:
        """A Book of the rows that were asked for."""
        book = Book()
        for uuid in wanted.consumers:
            book.consumers.fill(uuid, self.consumers.get(uuid))
            book.holdings.fill(uuid, self.holdings.get(uuid))
        for uuid in self._providers_to_read(wanted):
            book.providers.fill(uuid, self.providers.get(uuid))
        for uuid in self._offering_providers(wanted):
            book.inventories.fill(uuid, self.inventories.get(uuid))
        self._fill_labels(book, wanted)
        return book

    def _offering_providers(self, wanted: Needs) -> set[str]:
        held = {provider_uuid for uuid in wanted.consumers for provider_uuid, _ in self.holdings.get(uuid, {})}
        return wanted.providers | held

    def _providers_to_read(self, wanted: Needs) -> set[str]:
        named = self._offering_providers(wanted) | wanted.parents | wanted.children_of | wanted.trees
        roots = {self.providers[uuid].root_uuid for uuid in named if uuid in self.providers}
        trees = {self.providers[uuid].root_uuid for uuid in wanted.trees if uuid in self.providers}
        return (
            named
            | roots
            | {row.uuid for row in self.providers.values() if row.parent_uuid in wanted.children_of}
            | {row.uuid for row in self.providers.values() if row.root_uuid in trees}
        )

    def _fill_labels(self, book: Book, wanted: Needs) -> None:
        owners = {row.name: row.uuid for row in self.providers.values()}
        for name in wanted.provider_names:
            book.provider_names.fill(name, owners.get(name))
        for uuid in wanted.traits_of:
            book.provider_traits.fill(uuid, self.provider_traits.get(uuid))
        for uuid in wanted.aggregates_of:
            book.provider_aggregates.fill(uuid, self.provider_aggregates.get(uuid))
        for name in wanted.resource_classes:
            book.resource_classes.fill(name, self.resource_classes.get(name))
        for name in wanted.traits:
            book.traits.fill(name, self.traits.get(name))
        book.classes_in_use |= wanted.use_of_classes & {name for offers in self.inventories.values() for name in offers}
        book.traits_in_use |= wanted.use_of_traits & {
            name for traits in self.provider_traits.values() for name in traits
        }

    def apply(self, book: Book) -> None:
        """Keep what a batch made of its Book; a row that is not as the Book read it is a lost update."""
        _take(self.providers, book.providers)
        _take(self.inventories, book.inventories)
        _take(self.provider_traits, book.provider_traits)
        _take(self.provider_aggregates, book.provider_aggregates)
        _take(self.consumers, book.consumers)
        _take(self.holdings, book.holdings)
        _take(self.resource_classes, book.resource_classes)
        _take(self.traits, book.traits)
        for old, new in book.renamed_classes.items():
            self.inventories = {
                uuid: {new if name == old else name: offer for name, offer in offers.items()}
                for uuid, offers in self.inventories.items()
            }
            self.holdings = {
                uuid: {(place[0], new if place[1] == old else place[1]): amount for place, amount in held.items()}
                for uuid, held in self.holdings.items()
            }
        self.stamped = set(book.stamped)


def _take(mine: dict[Key, Row], table: Table[Key, Row]) -> None:
    for change in table.changes():
        if mine.get(change.key) != change.before:
            raise AssertionError(
                f"{table.name} {change.key!r} is {mine.get(change.key)}, the Book read {change.before}"
            )
        if change.after is None:
            mine.pop(change.key, None)
        else:
            mine[change.key] = change.after
