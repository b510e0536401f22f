"""What the ledger holds, as model objects. Each function reads on a connection of `Store.reading`: one snapshot.

What is read often is compiled once (`_rows`): SQLAlchemy's own execution costs more than such a look-up.

`updated_us` of a collection is the newest of the rows shown (0: there are none). Where a thing is addressed and does
not exist, the `Missing` of its kind is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, func, select

from ullage.model.allocation import (
    Consumer,
    ConsumerAllocations,
    ConsumerHeld,
    NotSaid,
    ProviderAllocations,
    ProviderHeld,
    TypeUsage,
)
from ullage.model.errors import ProviderMissing, ResourceClassMissing, TraitMissing
from ullage.model.inventory import Inventory
from ullage.model.provider import Label, Provider, ProviderAggregates, ProviderInventories, ProviderTraits, Stock
from ullage.storage import tables
from ullage.storage.dialects import DIALECTS
from ullage.storage.many import ask, is_listed
from ullage.storage.statements import Statement

NAMES_MAX = 500
"""How many names one statement looks for."""


def provider(connection: Connection, uuid: str) -> Provider:
    """One provider."""
    return _found(connection, uuid)[1]


def provider_inventories(connection: Connection, uuid: str) -> ProviderInventories:
    """A provider with all it offers and what is used of it."""
    key, shown = _found(connection, uuid)
    rows = _rows(connection, _INVENTORIES, provider_id=key)
    stocks = {name: Stock(Inventory(*amounts), used, updated_us) for name, *amounts, used, updated_us in rows}
    return ProviderInventories(shown, stocks)


def provider_traits(connection: Connection, uuid: str) -> ProviderTraits:
    """A provider with its traits."""
    key, shown = _found(connection, uuid)
    return ProviderTraits(shown, *_labels_of(connection, _PROVIDER_TRAITS, key))


def provider_aggregates(connection: Connection, uuid: str) -> ProviderAggregates:
    """A provider with its aggregates."""
    key, shown = _found(connection, uuid)
    return ProviderAggregates(shown, *_labels_of(connection, _PROVIDER_AGGREGATES, key))


def inventories_of(connection: Connection, provider_uuids: Collection[str]) -> dict[str, dict[str, Inventory]]:
    """What some providers offer, by uuid; nothing of those that offer nothing or do not exist."""
    found: dict[str, dict[str, Inventory]] = {}
    for uuid, name, *amounts in _rows_of(connection, _INVENTORIES_OF, provider_uuids):
        found.setdefault(uuid, {})[name] = Inventory(*amounts)
    return found


def traits_of(connection: Connection, provider_uuids: Collection[str]) -> dict[str, frozenset[str]]:
    """The traits of some providers, by uuid; nothing of those that have none or do not exist."""
    return _gathered(_rows_of(connection, _TRAITS_OF, provider_uuids))


def aggregates_of(connection: Connection, provider_uuids: Collection[str]) -> dict[str, frozenset[str]]:
    """The aggregates of some providers, by uuid; nothing of those that have none or do not exist."""
    return _gathered(_rows_of(connection, _AGGREGATES_OF, provider_uuids))


def provider_allocations(connection: Connection, uuid: str) -> ProviderAllocations:
    """Everything held on a provider, by consumer in the order of their keys."""
    key, shown = _found(connection, uuid)
    held: dict[str, ConsumerHeld] = {}
    resources: dict[str, dict[str, int]] = {}
    rows = _rows(connection, _PROVIDER_ALLOCATIONS, provider_id=key)
    for consumer_uuid, generation, name, used, _ in rows:
        resources.setdefault(consumer_uuid, {})[name] = used
        held[consumer_uuid] = ConsumerHeld(generation, resources[consumer_uuid])
    return ProviderAllocations(shown.generation, held, _newest(rows))


def consumer_allocations(connection: Connection, consumer_uuid: str) -> ConsumerAllocations | None:
    """A consumer and everything it holds, by provider in the order of their keys; None if it holds nothing."""
    found = _rows(connection, _CONSUMER, uuid=consumer_uuid) if _may_exist(consumer_uuid) else ()
    if not found:
        return None
    key, *own = found[0]
    held: dict[str, ProviderHeld] = {}
    resources: dict[str, dict[str, int]] = {}
    rows = _rows(connection, _CONSUMER_ALLOCATIONS, consumer_id=key)
    for provider_uuid, generation, name, used, _ in rows:
        resources.setdefault(provider_uuid, {})[name] = used
        held[provider_uuid] = ProviderHeld(generation, resources[provider_uuid])
    return ConsumerAllocations(Consumer(*own), held, _newest(rows))


def owners_of(connection: Connection, consumer_uuids: Collection[str]) -> dict[str, tuple[str, str]]:
    """(project, user) of some consumers, by uuid; nothing of those that do not exist."""
    rows = _rows_of(connection, _OWNERS_OF, consumer_uuids, tables.consumers)
    return {uuid: (project, user) for uuid, project, user in rows}


def resource_classes(connection: Connection) -> tuple[Label, ...]:
    """All classes: the standard ones in the catalogue's order, then the others in the order of their making."""
    table = tables.resource_classes
    rows = connection.execute(_LABELS[table].order_by(table.c.standard.desc(), table.c.id))
    return tuple(Label(row.name, row.standard, row.updated_us) for row in rows)


def resource_class(connection: Connection, name: str) -> Label:
    """One class."""
    label = _label(connection, tables.resource_classes, name)
    if label is None:
        raise ResourceClassMissing(name)
    return label


def traits(
    connection: Connection, names: frozenset[str] | None, prefix: str | None, associated: bool | None
) -> tuple[Label, ...]:
    """Traits of which all that is said is true, sorted by name.

    `names`: it is one of these; `prefix`: its name begins so; `associated`: some provider has it, or none has.
    """
    table = tables.traits
    statement = _LABELS[table]
    if prefix is not None:
        if not _may_exist(prefix):
            return ()
        statement = statement.where(func.substr(table.c.name, 1, len(prefix)) == prefix)
    if associated is not None:
        has_any = (
            select(tables.provider_traits.c.trait_id).where(tables.provider_traits.c.trait_id == table.c.id).exists()
        )
        statement = statement.where(has_any if associated else ~has_any)
    if names is None:
        found: Iterable[Any] = connection.execute(statement)
    else:
        found = _named(connection, statement, table, names)
    return tuple(sorted((Label(row.name, row.standard, row.updated_us) for row in found), key=lambda label: label.name))


def trait(connection: Connection, name: str) -> Label:
    """One trait."""
    label = _label(connection, tables.traits, name)
    if label is None:
        raise TraitMissing(name)
    return label


def usages(
    connection: Connection, project: str, user: str | None, consumer_type: str | NotSaid | None
) -> tuple[TypeUsage, ...]:
    """What the consumers of a project (and of a user, if one is said) hold: one sum for each type of consumer.

    `consumer_type`: only this one, or only consumers without a type (None). In order of the types' names, None last.
    """
    if not all(_may_exist(each) for each in (project, user, consumer_type) if isinstance(each, str)):
        return ()
    given = {"project": project, "user": user, "consumer_type": consumer_type}
    said = {name: value for name, value in given.items() if isinstance(value, str)}
    counts, sums = _usage_statements(frozenset(said), untyped=consumer_type is None)
    resources: dict[str | None, dict[str, int]] = {}
    for type_name, class_name, used in _rows(connection, sums, **said):
        resources.setdefault(type_name, {})[class_name] = int(used)
    found = [TypeUsage(name, count, resources.get(name, {})) for name, count in _rows(connection, counts, **said)]
    return tuple(sorted(found, key=lambda usage: (usage.consumer_type is None, usage.consumer_type or "")))


def _rows(connection: Connection, statement: Select[Any], **parameters: Any) -> Sequence[Any]:
    """The rows of one of the statements below, as plain tuples."""
    return _compiled(statement, connection.dialect.name).send(connection, parameters).rows()


@cache
def _compiled(statement: Select[Any], database: str) -> Statement:
    return Statement(statement, DIALECTS[database])


def _rows_of(
    connection: Connection, statement: Select[Any], uuids: Collection[str], table: Table = tables.providers
) -> Iterable[Any]:
    """The rows of one of the statements about providers, or another table that has uuids, for all of these."""
    database = connection.dialect.name
    return ask(connection, DIALECTS[database], _compiled_list(statement, table, database), uuids).rows()


@cache
def _compiled_list(statement: Select[Any], table: Table, database: str) -> Statement:
    dialect = DIALECTS[database]
    return Statement(statement.where(is_listed(table.c.uuid, dialect)), dialect)


def _gathered(rows: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for uuid, name in rows:
        found.setdefault(uuid, set()).add(name)
    return {uuid: frozenset(names) for uuid, names in found.items()}


def _found(connection: Connection, uuid: str) -> tuple[int, Provider]:
    """A provider's key, and the provider."""
    for key, *own in _rows(connection, _PROVIDER, uuid=uuid) if _may_exist(uuid) else ():
        return key, Provider(*own)
    raise ProviderMissing(uuid)


def _labels_of(connection: Connection, statement: Select[Any], provider_id: int) -> tuple[tuple[str, ...], int]:
    rows = _rows(connection, statement, provider_id=provider_id)
    return tuple(name for name, _ in rows), _newest(rows)


def _newest(rows: Iterable[Any]) -> int:
    """The latest time of rows that end with the time of their change."""
    return max((row[-1] for row in rows), default=0)


def _label(connection: Connection, table: Table, name: str) -> Label | None:
    rows = _named(connection, _LABELS[table], table, frozenset((name,)))
    return next((Label(row.name, row.standard, row.updated_us) for row in rows), None)


def _named(connection: Connection, statement: Select[Any], table: Table, names: frozenset[str]) -> Iterable[Any]:
    wanted = sorted(filter(_may_exist, names))
    for start in range(0, len(wanted), NAMES_MAX):
        yield from connection.execute(statement.where(table.c.name.in_(wanted[start : start + NAMES_MAX])))


def _may_exist(text: str) -> bool:
    return "\0" not in text  # PostgreSQL would refuse the question, not answer it with nothing


_parents = tables.providers.alias("parents")
_roots = tables.providers.alias("roots")

_PROVIDER = (
    select(
        *tables.providers.c["id", "uuid", "name", "generation"],
        _parents.c.uuid.label("parent_uuid"),
        _roots.c.uuid.label("root_uuid"),
        tables.providers.c.updated_us,
    )
    .join_from(tables.providers, _roots, _roots.c.id == tables.providers.c.root_id)
    .outerjoin(_parents, _parents.c.id == tables.providers.c.parent_id)
    .where(tables.providers.c.uuid == bindparam("uuid"))
)

_INVENTORIES = (
    select(
        tables.resource_classes.c.name,
        *tables.inventories.c["total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio"],
        *tables.inventories.c["used", "updated_us"],
    )
    .join_from(tables.inventories, tables.resource_classes)
    .where(tables.inventories.c.provider_id == bindparam("provider_id"))
    .order_by(tables.resource_classes.c.name)
)

_PROVIDER_TRAITS = (
    select(tables.traits.c.name, tables.provider_traits.c.updated_us)
    .join_from(tables.provider_traits, tables.traits)
    .where(tables.provider_traits.c.provider_id == bindparam("provider_id"))
    .order_by(tables.traits.c.name)
)

_PROVIDER_AGGREGATES = (
    select(tables.aggregates.c.uuid, tables.provider_aggregates.c.updated_us)
    .join_from(tables.provider_aggregates, tables.aggregates)
    .where(tables.provider_aggregates.c.provider_id == bindparam("provider_id"))
    .order_by(tables.aggregates.c.uuid)
)

_INVENTORIES_OF = (
    select(
        tables.providers.c.uuid,
        tables.resource_classes.c.name,
        *tables.inventories.c["total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio"],
    )
    .join_from(tables.providers, tables.inventories)
    .join(tables.resource_classes)
)

_TRAITS_OF = (
    select(tables.providers.c.uuid, tables.traits.c.name)
    .join_from(tables.providers, tables.provider_traits)
    .join(tables.traits)
)

_AGGREGATES_OF = (
    select(tables.providers.c.uuid, tables.aggregates.c.uuid)
    .join_from(tables.providers, tables.provider_aggregates)
    .join(tables.aggregates)
)

_is_class_of_allocation = tables.resource_classes.c.id == tables.allocations.c.resource_class_id

_PROVIDER_ALLOCATIONS = (
    select(
        *tables.consumers.c["uuid", "generation"],
        tables.resource_classes.c.name,
        *tables.allocations.c["used", "updated_us"],
    )
    .join_from(tables.allocations, tables.consumers)
    .join(tables.resource_classes, _is_class_of_allocation)
    .where(tables.allocations.c.provider_id == bindparam("provider_id"))
    .order_by(tables.consumers.c.id, tables.resource_classes.c.id)
)

_CONSUMER = (
    select(
        *tables.consumers.c["id", "uuid"],
        tables.projects.c.external_id.label("project"),
        tables.users.c.external_id.label("user"),
        tables.consumer_types.c.name.label("consumer_type"),
        tables.consumers.c.generation,
    )
    .join_from(tables.consumers, tables.projects)
    .join(tables.users)
    .outerjoin(tables.consumer_types)
    .where(tables.consumers.c.uuid == bindparam("uuid"))
)

_OWNERS_OF = (
    select(tables.consumers.c.uuid, tables.projects.c.external_id, tables.users.c.external_id)
    .join_from(tables.consumers, tables.projects)
    .join(tables.users)
)

_CONSUMER_ALLOCATIONS = (
    select(
        *tables.providers.c["uuid", "generation"],
        tables.resource_classes.c.name,
        *tables.allocations.c["used", "updated_us"],
    )
    .join_from(tables.allocations, tables.providers, tables.providers.c.id == tables.allocations.c.provider_id)
    .join(tables.resource_classes, _is_class_of_allocation)
    .where(tables.allocations.c.consumer_id == bindparam("consumer_id"))
    .order_by(tables.providers.c.id, tables.resource_classes.c.id)
)

_LABELS = {
    table: select(*table.c["name", "standard", "updated_us"]) for table in (tables.resource_classes, tables.traits)
}

_owned_consumers = (
    tables.consumers.join(tables.projects, tables.projects.c.id == tables.consumers.c.project_id)
    .join(tables.users, tables.users.c.id == tables.consumers.c.user_id)
    .outerjoin(tables.consumer_types, tables.consumer_types.c.id == tables.consumers.c.consumer_type_id)
)

_CONSUMER_COUNTS = (
    select(tables.consumer_types.c.name, func.count())
    .select_from(_owned_consumers)
    .group_by(tables.consumer_types.c.name)
)

_USAGES = (
    select(tables.consumer_types.c.name, tables.resource_classes.c.name, func.sum(tables.allocations.c.used))
    .select_from(
        _owned_consumers.join(tables.allocations, tables.allocations.c.consumer_id == tables.consumers.c.id).join(
            tables.resource_classes, _is_class_of_allocation
        )
    )
    .group_by(tables.consumer_types.c.name, tables.resource_classes.c.name)
)


@cache
def _usage_statements(said: frozenset[str], *, untyped: bool) -> tuple[Select[Any], Select[Any]]:
    """Counts of consumers by type and sums by type and class, of the consumers that match what is said."""
    owners = {
        "project": tables.projects.c.external_id,
        "user": tables.users.c.external_id,
        "consumer_type": tables.consumer_types.c.name,
    }
    conditions = [column == bindparam(name) for name, column in owners.items() if name in said]
    if untyped:
        conditions.append(tables.consumer_types.c.name.is_(None))
    return _CONSUMER_COUNTS.where(*conditions), _USAGES.where(*conditions)
