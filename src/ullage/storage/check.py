"""Proof, on a live database, that its sums agree (laws 1 and 4). Read on a connection of `Store.reading`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from ullage.model.inventory import Inventory
from ullage.storage import tables


def breaches(connection: Connection) -> list[str]:
    """Everything that can never be so, each in a sentence; empty if all is well."""
    return [
        *_wrong_sums(connection),
        *_allocations_without_inventory(connection),
        *_wrong_amounts(connection),
        *_consumers_without_allocations(connection),
        *_wrong_trees(connection),
    ]


def notes(connection: Connection) -> list[str]:
    """Inventories used beyond their capacity, each in a sentence. That is no breach: capacity may shrink below use."""
    return list(_overfull(connection))


def _wrong_sums(connection: Connection) -> Iterator[str]:
    sums = (
        select(tables.allocations.c.provider_id, tables.allocations.c.resource_class_id)
        .add_columns(func.sum(tables.allocations.c.used).label("held"))
        .group_by(tables.allocations.c.provider_id, tables.allocations.c.resource_class_id)
        .subquery()
    )
    held = func.coalesce(sums.c.held, 0)
    statement = (
        select(tables.providers.c.uuid, tables.resource_classes.c.name, tables.inventories.c.used, held.label("held"))
        .join_from(tables.inventories, tables.providers)
        .join(tables.resource_classes, tables.resource_classes.c.id == tables.inventories.c.resource_class_id)
        .outerjoin(
            sums,
            (sums.c.provider_id == tables.inventories.c.provider_id)
            & (sums.c.resource_class_id == tables.inventories.c.resource_class_id),
        )
        .where(tables.inventories.c.used != held)
        .order_by(tables.inventories.c.id)
    )
    for row in connection.execute(statement):
        yield f"Provider {row.uuid} counts {row.used} {row.name} as used, but its allocations sum to {row.held}."


def _allocations() -> Select[Any]:
    """What sentences about allocations need."""
    return (
        select(tables.consumers.c.uuid.label("consumer"), tables.allocations.c.used)
        .add_columns(tables.providers.c.uuid.label("provider"), tables.resource_classes.c.name)
        .join_from(tables.allocations, tables.consumers)
        .join(tables.providers, tables.providers.c.id == tables.allocations.c.provider_id)
        .join(tables.resource_classes, tables.resource_classes.c.id == tables.allocations.c.resource_class_id)
        .order_by(tables.allocations.c.id)
    )


def _allocations_without_inventory(connection: Connection) -> Iterator[str]:
    statement = (
        _allocations()
        .outerjoin(
            tables.inventories,
            (tables.inventories.c.provider_id == tables.allocations.c.provider_id)
            & (tables.inventories.c.resource_class_id == tables.allocations.c.resource_class_id),
        )
        .where(tables.inventories.c.id.is_(None))
    )
    for row in connection.execute(statement):
        yield f"Consumer {row.consumer} holds {row.used} {row.name} of provider {row.provider}, which offers none."


def _wrong_amounts(connection: Connection) -> Iterator[str]:
    for row in connection.execute(_allocations().where(tables.allocations.c.used < 1)):
        yield f"Consumer {row.consumer} holds {row.used} {row.name} of provider {row.provider}: not a positive amount."


def _consumers_without_allocations(connection: Connection) -> Iterator[str]:
    holds = select(tables.allocations.c.id).where(tables.allocations.c.consumer_id == tables.consumers.c.id).exists()
    for uuid in connection.scalars(select(tables.consumers.c.uuid).where(~holds).order_by(tables.consumers.c.id)):
        yield f"Consumer {uuid} holds nothing."


class _Node(NamedTuple):
    uuid: str
    parent_id: int | None
    root_id: int | None


def _wrong_trees(connection: Connection) -> Iterator[str]:
    columns = tables.providers.c["id", "uuid", "parent_id", "root_id"]
    nodes = {key: _Node(*rest) for key, *rest in connection.execute(select(*columns).order_by(tables.providers.c.id))}
    roots: dict[int, int | None] = {}
    for key, node in nodes.items():
        root = _root(key, nodes, roots)
        if root is None:
            yield f"Provider {node.uuid} has no root: its parents lead nowhere."
        elif node.root_id != root:
            said = nodes[node.root_id].uuid if node.root_id in nodes else "nothing"
            yield f"Provider {node.uuid} names {said} as its root, but its parents lead to {nodes[root].uuid}."


def _root(key: int, nodes: Mapping[int, _Node], roots: dict[int, int | None]) -> int | None:
    """Where the parents of a provider lead; None: nowhere. `roots` keeps what was found on the way."""
    path = []
    at = key
    while at not in roots:
        path.append(at)
        roots[at] = None  # whoever meets it while this stands is going in a circle
        parent = nodes[at].parent_id if at in nodes else None
        if parent is not None:
            at = parent
        elif at in nodes:
            roots[at] = at
    roots.update(dict.fromkeys(path, roots[at]))
    return roots[at]


def _overfull(connection: Connection) -> Iterator[str]:
    columns = tables.inventories.c["total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio"]
    statement = (
        select(tables.providers.c.uuid, tables.resource_classes.c.name, tables.inventories.c.used, *columns)
        .join_from(tables.inventories, tables.providers)
        .join(tables.resource_classes, tables.resource_classes.c.id == tables.inventories.c.resource_class_id)
        .where(tables.inventories.c.used > 0)
        .order_by(tables.inventories.c.id)
    )
    for uuid, name, used, *amounts in connection.execute(statement):
        capacity = Inventory(*amounts).capacity
        if used > capacity:
            yield f"Provider {uuid} has {used} {name} in use, above its capacity of {capacity}."
