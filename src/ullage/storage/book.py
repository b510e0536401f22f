"""Fill a Book: lock the rows that a batch concerns, then read them in later statements.

A transaction of `Store.writing` sees in each statement what was committed before that statement began, so what is read
here is as new as the locks. Names of classes, traits and owners are read unlocked: their constraints guard them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, select

from ullage.ledger.book import Book, InventoryRow, LabelRow, ProviderRow
from ullage.ledger.needs import Needs
from ullage.model.allocation import Consumer
from ullage.model.inventory import Inventory
from ullage.storage.dialects import Dialect
from ullage.storage.find import Found, Owners, find, named_by, named_providers
from ullage.storage.locks import Locked, confirm, lock, provider_rows
from ullage.storage.many import Answers, ask, is_listed
from ullage.storage.statements import Statement
from ullage.storage.tables import (
    aggregates,
    inventories,
    provider_aggregates,
    provider_traits,
    providers,
    resource_classes,
    traits,
)
from ullage.storage.trouble import Outdated


@dataclass(slots=True)
class Keys:
    """Integer keys by public name, of every row that a Book holds."""

    providers: dict[str, int] = field(default_factory=dict)
    resource_classes: dict[str, int] = field(default_factory=dict)
    traits: dict[str, int] = field(default_factory=dict)
    aggregates: dict[str, int] = field(default_factory=dict)
    consumers: dict[str, int] = field(default_factory=dict)
    inventories: dict[tuple[str, str], int] = field(default_factory=dict)
    """(provider uuid, class name) -> key"""
    allocations: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """(consumer uuid, provider uuid, class name) -> key"""
    owners: Owners = field(default_factory=dict)


def read_book(connection: Connection, dialect: Dialect, needs: Needs, found: Found | None = None) -> tuple[Book, Keys]:
    """Lock and read all that `needs` names; what does not exist is filled in as absent.

    `found`: where it was looked up already. Raises Outdated (the transaction must be begun again) if a tree was moved
    or a class renamed in between.
    """
    if found is None:
        found = find(connection, dialect, named_by(needs, {}))()
    locked = lock(connection, dialect, needs, found)
    reading = _Reading(connection, dialect, needs, found, locked)
    reading.read_providers()
    confirm(connection, dialect, locked, reading.held, reading.roots, reading.trees)
    reading.read_inventories()
    reading.read_provider_labels()
    reading.read_consumers()
    reading.read_catalogue()
    reading.confirm_classes()
    reading.fill_absent()
    reading.keys.owners = found.owners
    return reading.book, reading.keys


class _Reading:
    """One Book being filled. All that can be asked at once is asked in the beginning."""

    def __init__(self, connection: Connection, dialect: Dialect, needs: Needs, found: Found, locked: Locked) -> None:
        self.connection = connection
        self.dialect = dialect
        self.statements = statements = _statements(dialect)
        self.needs = needs
        self.locked = locked
        self.book = Book()
        self.keys = Keys()
        self.held: set[int] = set()
        self.roots: set[int] = set()
        self.trees: set[int] = set()
        self._uuids: dict[int, str] = {}
        keys = {uuid: key for uuid, (key, _) in found.providers.items()}
        self._inventories = self._ask(statements.inventories, locked.supplied)
        self._children = self._ask(statements.children, [keys[uuid] for uuid in needs.children_of if uuid in keys])
        self._names = self._ask(statements.provider_names, needs.provider_names)
        self._traits = self._ask(statements.provider_traits, [keys[uuid] for uuid in needs.traits_of if uuid in keys])
        self._aggregates = self._ask(
            statements.provider_aggregates, [keys[uuid] for uuid in needs.aggregates_of if uuid in keys]
        )

    def _ask(self, statement: Statement, values: Collection[Any]) -> Answers:
        return ask(self.connection, self.dialect, statement, values)

    def read_providers(self) -> None:
        """Rows of all that is locked, of their roots, and of the children that were asked for."""
        rows = {row[0]: row for row in self.locked.providers.rows()}
        self.held = set(rows)
        for row in self._children.rows():
            rows.setdefault(row[0], row)
        named = {key for row in rows.values() for key in row[4:6] if key is not None}
        relatives = {row[0]: row for row in self._ask(self.statements.providers, named - rows.keys()).rows()}
        uuids = self._uuids = {key: row[1] for key, row in (relatives | rows).items()}
        for key, uuid, name, generation, parent_key, root_key in rows.values():
            self.keys.providers[uuid] = key
            parent_uuid = None if parent_key is None else uuids[parent_key]
            self.book.providers.fill(uuid, ProviderRow(uuid, name, generation, parent_uuid, uuids[root_key]))
            if root_key in relatives:
                self._fill_root(*relatives[root_key])
            if key in self.held:
                self._note_tree(uuid, root_key)
        for name, uuid in self._names.rows():
            self.book.provider_names.fill(name, uuid)

    def _fill_root(self, key: int, uuid: str, name: str, generation: int, *_: Any) -> None:
        self.keys.providers[uuid] = key
        self.book.providers.fill(uuid, ProviderRow(uuid, name, generation, None, uuid))

    def _note_tree(self, uuid: str, root_key: int) -> None:
        needs = self.needs
        if uuid in needs.parents or uuid in needs.children_of or uuid in needs.trees:
            self.roots.add(root_key)
        if uuid in needs.trees:
            self.trees.add(root_key)

    def read_inventories(self) -> None:
        """All inventories of the providers that were named or are held on."""
        keys, classes = self.keys, self.book.resource_classes
        offers: dict[int, dict[str, InventoryRow]] = {key: {} for key in self.locked.supplied & self.held}
        rows = sorted(self._inventories.rows(), key=_CLASS_KEY)  # refusals name classes in this order everywhere
        for key, provider_key, class_key, name, is_standard, used, *offered in rows:
            if provider_key not in offers:
                continue  # deleted while it was being locked
            offers[provider_key][name] = InventoryRow(Inventory(*offered), used)
            keys.inventories[self._uuids[provider_key], name] = key
            if keys.resource_classes.get(name) != class_key:
                self._note_class(name, class_key)
                classes.fill(name, LabelRow(bool(is_standard)))
        for key, offered_classes in offers.items():
            self.book.inventories.fill(self._uuids[key], offered_classes)

    def read_provider_labels(self) -> None:
        """Traits and aggregates of the providers of which they were asked for."""
        for table, answers, asked, keys in (
            (self.book.provider_traits, self._traits, self.needs.traits_of, self.keys.traits),
            (self.book.provider_aggregates, self._aggregates, self.needs.aggregates_of, self.keys.aggregates),
        ):
            having = {self.keys.providers[uuid]: set[str]() for uuid in asked if uuid in self.keys.providers}
            for provider_key, key, name in answers.rows():
                if provider_key in having:
                    having[provider_key].add(name)
                    keys[name] = key
            for provider_key, names in having.items():
                table.fill(self._uuids[provider_key], frozenset(names))

    def read_consumers(self) -> None:
        """The consumers, and what they hold as it was read when they were locked."""
        for key, *consumer in self.locked.consumers:
            uuid = consumer[0]
            self.keys.consumers[uuid] = key
            self.book.consumers.fill(uuid, Consumer(*consumer))
            holdings = {}
            for allocation_key, _, provider_key, class_key, name, used in self.locked.holdings[key]:
                provider_uuid = self._uuids[provider_key]
                holdings[provider_uuid, name] = used
                self.keys.allocations[uuid, provider_uuid, name] = allocation_key
                if self.keys.resource_classes.get(name) != class_key:
                    self._note_class(name, class_key)
            self.book.holdings.fill(uuid, holdings)

    def read_catalogue(self) -> None:
        """The resource classes and traits named, and whether those are used of which that was asked."""
        needs, statements, book = self.needs, self.statements, self.book
        classes = {
            name for name in needs.resource_classes | needs.use_of_classes if not book.resource_classes.has_read(name)
        }
        answers = (
            self._ask(statements.classes, classes),
            self._ask(statements.traits, needs.traits | needs.use_of_traits),
            self._ask(statements.used_classes, needs.use_of_classes),
            self._ask(statements.used_traits, needs.use_of_traits),
        )
        for key, name, is_standard in answers[0].rows():
            self._note_class(name, key)
            book.resource_classes.fill(name, LabelRow(bool(is_standard)))
        for key, name, is_standard in answers[1].rows():
            self.keys.traits[name] = key
            book.traits.fill(name, LabelRow(bool(is_standard)))
        book.classes_in_use = {name for _, name, _ in answers[2].rows()}
        book.traits_in_use = {name for _, name, _ in answers[3].rows()}

    def _note_class(self, name: str, key: int) -> None:
        """Names are read by several statements; one that was given to another class in between spoils the Book."""
        if self.keys.resource_classes.setdefault(name, key) != key:
            raise Outdated(f"resource class {name} was renamed meanwhile")

    def confirm_classes(self) -> None:
        """Raises Outdated if one class was read under two names."""
        keys = self.keys.resource_classes
        if len(set(keys.values())) != len(keys):
            raise Outdated("a resource class was renamed meanwhile")

    def fill_absent(self) -> None:
        """Record as absent whatever was asked for and not found."""
        needs, book = self.needs, self.book
        named = named_providers(needs)
        for table, asked in (
            (book.providers, named),
            (book.inventories, named),
            (book.provider_names, needs.provider_names),
            (book.provider_traits, needs.traits_of),
            (book.provider_aggregates, needs.aggregates_of),
            (book.consumers, needs.consumers),
            (book.holdings, needs.consumers),
            (book.resource_classes, needs.resource_classes | needs.use_of_classes),
            (book.traits, needs.traits | needs.use_of_traits),
        ):
            for key in asked:
                if not table.has_read(key):
                    table.fill(key, None)


@dataclass(frozen=True, slots=True)
class _Statements:
    providers: Statement
    children: Statement
    provider_names: Statement
    inventories: Statement
    provider_traits: Statement
    provider_aggregates: Statement
    classes: Statement
    traits: Statement
    used_classes: Statement
    used_traits: Statement


@cache
def _statements(dialect: Dialect) -> _Statements:
    def listing(statement: Select[Any], column: ColumnElement[Any], *more: ColumnElement[bool]) -> Statement:
        return Statement(statement.where(is_listed(column, dialect), *more), dialect)

    classes = select(resource_classes.c.id, resource_classes.c.name, resource_classes.c.standard)
    trait_rows = select(traits.c.id, traits.c.name, traits.c.standard)
    # outer joins: see `_inventory_rows`
    having_traits = select(provider_traits.c.provider_id, traits.c.id, traits.c.name).outerjoin(traits)
    aggregate_rows = select(provider_aggregates.c.provider_id, aggregates.c.id, aggregates.c.uuid)
    having_aggregates = aggregate_rows.outerjoin(aggregates)
    return _Statements(
        providers=listing(provider_rows(), providers.c.id),
        children=listing(provider_rows(), providers.c.parent_id),
        provider_names=listing(select(providers.c.name, providers.c.uuid), providers.c.name),
        inventories=dialect.reading(_inventory_rows().where(is_listed(inventories.c.provider_id, dialect))),
        provider_traits=listing(having_traits, provider_traits.c.provider_id),
        provider_aggregates=listing(having_aggregates, provider_aggregates.c.provider_id),
        classes=listing(classes, resource_classes.c.name),
        traits=listing(trait_rows, traits.c.name),
        used_classes=listing(
            classes,
            resource_classes.c.name,
            exists().where(inventories.c.resource_class_id == resource_classes.c.id),
        ),
        used_traits=listing(trait_rows, traits.c.name, exists().where(provider_traits.c.trait_id == traits.c.id)),
    )


_CLASS_KEY = itemgetter(2)


def _inventory_rows() -> Select[Any]:
    """An outer join, though every class is there: MariaDB's planner might begin with the classes otherwise, and read
    what any provider has of them."""
    return select(
        inventories.c.id,
        inventories.c.provider_id,
        inventories.c.resource_class_id,
        resource_classes.c.name,
        resource_classes.c.standard,
        inventories.c.used,
        inventories.c.total,
        inventories.c.reserved,
        inventories.c.min_unit,
        inventories.c.max_unit,
        inventories.c.step_size,
        inventories.c.allocation_ratio,
    ).outerjoin(resource_classes)
