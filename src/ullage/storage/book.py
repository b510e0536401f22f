"""Fill a Book: lock the rows that a batch concerns, then read them in later statements.

A transaction of `Store.writing` sees in each statement what was committed before that statement began, so what is read
here is as new as the locks. Names of classes, traits and owners are read unlocked: their constraints guard them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, exists, select

from ullage.ledger.book import Book, InventoryRow, LabelRow, ProviderRow
from ullage.ledger.needs import Needs
from ullage.model.allocation import Consumer
from ullage.model.inventory import Inventory
from ullage.storage.dialects import Dialect
from ullage.storage.locks import Locked, confirm, lock, named_providers, tree_changing
from ullage.storage.many import is_listed, rows_of
from ullage.storage.tables import (
    aggregates,
    consumer_types,
    consumers,
    inventories,
    projects,
    provider_aggregates,
    provider_traits,
    providers,
    resource_classes,
    traits,
    users,
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


def read_book(connection: Connection, dialect: Dialect, needs: Needs) -> tuple[Book, Keys]:
    """Lock and read all that `needs` names; what does not exist is filled in as absent.

    Raises Outdated (the transaction must be begun again) if a tree was moved or a class renamed in between.
    """
    locked = lock(connection, dialect, needs)
    reading = _Reading(connection, _statements(dialect), needs, locked)
    reading.read_providers()
    confirm(connection, dialect, locked, reading.roots, reading.trees)
    reading.read_inventories()
    reading.read_provider_labels()
    reading.read_consumers()
    reading.read_catalogue()
    reading.confirm_classes()
    reading.fill_absent()
    return reading.book, reading.keys


class _Reading:
    """One Book being filled."""

    def __init__(self, connection: Connection, statements: _Statements, needs: Needs, locked: Locked) -> None:
        self.connection = connection
        self.statements = statements
        self.needs = needs
        self.locked = locked
        self.book = Book()
        self.keys = Keys()
        self.roots: set[int] = set()
        self.trees: set[int] = set()
        self._uuids: dict[int, str] = {}

    def read_providers(self) -> None:
        """Rows of all that is locked, of their roots, and of the children that were asked for."""
        changing = tree_changing(self.needs)
        parent_keys = []
        for row in rows_of(self.connection, self.statements.providers, self.locked.providers):
            uuid, root_key = self._fill_provider(*row)
            if uuid in changing:
                self.roots.add(root_key)
            if uuid in self.needs.trees:
                self.trees.add(root_key)
            if uuid in self.needs.children_of:
                parent_keys.append(self.keys.providers[uuid])
        for row in rows_of(self.connection, self.statements.children, parent_keys):
            self._fill_provider(*row)
        for name, uuid in rows_of(self.connection, self.statements.provider_names, self.needs.provider_names):
            self.book.provider_names.fill(name, uuid)

    def _fill_provider(
        self, key: int, uuid: str, name: str, generation: int, parent_uuid: str | None, *root: Any
    ) -> tuple[str, int]:
        root_key, root_uuid, root_name, root_generation = root
        self._uuids[key] = uuid
        self.keys.providers[uuid] = key
        self.book.providers.fill(uuid, ProviderRow(uuid, name, generation, parent_uuid, root_uuid))
        if not self.book.providers.has_read(root_uuid):
            self.keys.providers[root_uuid] = root_key
            self.book.providers.fill(root_uuid, ProviderRow(root_uuid, root_name, root_generation, None, root_uuid))
        return uuid, root_key

    def read_inventories(self) -> None:
        """All inventories of the providers that were named or are held on."""
        keys, classes = self.keys, self.book.resource_classes
        offers: dict[int, dict[str, InventoryRow]] = {key: {} for key in self.locked.supplied}
        for key, provider_key, class_key, name, is_standard, used, *offered in rows_of(
            self.connection, self.statements.inventories, self.locked.supplied
        ):
            offers[provider_key][name] = InventoryRow(Inventory(*offered), used)
            keys.inventories[self._uuids[provider_key], name] = key
            if keys.resource_classes.get(name) != class_key:
                self._note_class(name, class_key)
                classes.fill(name, LabelRow(is_standard))
        for key, offered_classes in offers.items():
            self.book.inventories.fill(self._uuids[key], offered_classes)

    def read_provider_labels(self) -> None:
        """Traits and aggregates of the providers of which they were asked for."""
        for table, statement, asked, keys in (
            (self.book.provider_traits, self.statements.provider_traits, self.needs.traits_of, self.keys.traits),
            (
                self.book.provider_aggregates,
                self.statements.provider_aggregates,
                self.needs.aggregates_of,
                self.keys.aggregates,
            ),
        ):
            having = {self.keys.providers[uuid]: set[str]() for uuid in asked if uuid in self.keys.providers}
            for provider_key, key, name in rows_of(self.connection, statement, having):
                having[provider_key].add(name)
                keys[name] = key
            for provider_key, names in having.items():
                table.fill(self._uuids[provider_key], frozenset(names))

    def read_consumers(self) -> None:
        """The consumers, and what they hold as it was read when they were locked."""
        for row in rows_of(self.connection, self.statements.consumers, self.locked.consumers):
            self.keys.consumers[row.uuid] = row.id
            self.book.consumers.fill(
                row.uuid, Consumer(row.uuid, row.project_name, row.user_name, row.type_name, row.generation)
            )
            holdings = {}
            for key, _, provider_key, class_key, name, used in self.locked.holdings[row.id]:
                provider_uuid = self._uuids[provider_key]
                holdings[provider_uuid, name] = used
                self.keys.allocations[row.uuid, provider_uuid, name] = key
                if self.keys.resource_classes.get(name) != class_key:
                    self._note_class(name, class_key)
            self.book.holdings.fill(row.uuid, holdings)

    def read_catalogue(self) -> None:
        """The resource classes and traits named, and whether those are used of which that was asked."""
        needs, statements, book = self.needs, self.statements, self.book
        classes = {
            name for name in needs.resource_classes | needs.use_of_classes if not book.resource_classes.has_read(name)
        }
        for row in rows_of(self.connection, statements.classes, classes):
            self._note_class(row.name, row.id)
            book.resource_classes.fill(row.name, LabelRow(row.standard))
        for row in rows_of(self.connection, statements.traits, needs.traits | needs.use_of_traits):
            self.keys.traits[row.name] = row.id
            book.traits.fill(row.name, LabelRow(row.standard))
        book.classes_in_use = {
            row.name for row in rows_of(self.connection, statements.used_classes, needs.use_of_classes)
        }
        book.traits_in_use = {row.name for row in rows_of(self.connection, statements.used_traits, needs.use_of_traits)}

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
    providers: Select[Any]
    children: Select[Any]
    provider_names: Select[Any]
    inventories: Select[Any]
    provider_traits: Select[Any]
    provider_aggregates: Select[Any]
    consumers: Select[Any]
    classes: Select[Any]
    traits: Select[Any]
    used_classes: Select[Any]
    used_traits: Select[Any]


@cache
def _statements(dialect: Dialect) -> _Statements:
    provider_rows = _provider_rows()
    classes = select(resource_classes.c.id, resource_classes.c.name, resource_classes.c.standard)
    trait_rows = select(traits.c.id, traits.c.name, traits.c.standard)
    return _Statements(
        providers=provider_rows.where(is_listed(providers.c.id, dialect)),
        children=provider_rows.where(is_listed(providers.c.parent_id, dialect)),
        provider_names=select(providers.c.name, providers.c.uuid).where(is_listed(providers.c.name, dialect)),
        inventories=select(
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
        )
        .join(resource_classes)
        .where(is_listed(inventories.c.provider_id, dialect)),
        provider_traits=select(provider_traits.c.provider_id, traits.c.id, traits.c.name)
        .join(traits)
        .where(is_listed(provider_traits.c.provider_id, dialect)),
        provider_aggregates=select(provider_aggregates.c.provider_id, aggregates.c.id, aggregates.c.uuid)
        .join(aggregates)
        .where(is_listed(provider_aggregates.c.provider_id, dialect)),
        consumers=_consumer_rows().where(is_listed(consumers.c.id, dialect)),
        classes=classes.where(is_listed(resource_classes.c.name, dialect)),
        traits=trait_rows.where(is_listed(traits.c.name, dialect)),
        used_classes=classes.where(
            is_listed(resource_classes.c.name, dialect),
            exists().where(inventories.c.resource_class_id == resource_classes.c.id),
        ),
        used_traits=trait_rows.where(
            is_listed(traits.c.name, dialect), exists().where(provider_traits.c.trait_id == traits.c.id)
        ),
    )


def _provider_rows() -> Select[Any]:
    """Providers with the uuid of the parent and the row of the root."""
    parent, root = providers.alias("parent"), providers.alias("root")
    return select(
        providers.c.id,
        providers.c.uuid,
        providers.c.name,
        providers.c.generation,
        parent.c.uuid.label("parent_uuid"),
        root.c.id.label("root_id"),
        root.c.uuid.label("root_uuid"),
        root.c.name.label("root_name"),
        root.c.generation.label("root_generation"),
    ).select_from(
        providers.outerjoin(parent, providers.c.parent_id == parent.c.id).join(root, providers.c.root_id == root.c.id)
    )


def _consumer_rows() -> Select[Any]:
    return select(
        consumers.c.id,
        consumers.c.uuid,
        projects.c.external_id.label("project_name"),
        users.c.external_id.label("user_name"),
        consumer_types.c.name.label("type_name"),
        consumers.c.generation,
    ).select_from(consumers.join(projects).join(users).outerjoin(consumer_types))
