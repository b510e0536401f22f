"""What a database stores, in the auditor's plain form, read by statements of its own."""

from __future__ import annotations

from collections import defaultdict

from simulation.auditor import State
from sqlalchemy import Connection, func, select

from ullage.model.inventory import Inventory
from ullage.storage import check, tables
from ullage.storage.unit import Store


def stored_state(store: Store) -> State:
    """All rows by public key; raises AssertionError if the sums of the database do not agree."""
    with store.reading() as connection:
        breaches = check.breaches(connection)
        if breaches:
            raise AssertionError("\n".join(breaches))
        return _state(connection)


def row_counts(store: Store) -> dict[str, int]:
    """How many rows each table has."""
    with store.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
        }


def _state(connection: Connection) -> State:
    providers = {row.id: row for row in connection.execute(select(tables.providers))}
    uuids = {None: None} | {key: row.uuid for key, row in providers.items()}
    classes = {row.id: row for row in connection.execute(select(tables.resource_classes))}
    traits = {row.id: row for row in connection.execute(select(tables.traits))}
    aggregates = {row.id: row.uuid for row in connection.execute(select(tables.aggregates))}
    state = State(
        providers={
            row.uuid: (row.name, row.generation, uuids[row.parent_id], uuids[row.root_id]) for row in providers.values()
        },
        custom_classes={row.name for row in classes.values() if not row.standard},
        custom_traits={row.name for row in traits.values() if not row.standard},
    )
    for row in connection.execute(select(tables.inventories)):
        place = (uuids[row.provider_id], classes[row.resource_class_id].name)
        state.inventories[place] = Inventory(
            row.total, row.reserved, row.min_unit, row.max_unit, row.step_size, row.allocation_ratio
        )
        state.used[place] = row.used
    _add_consumers(connection, state, uuids, {key: row.name for key, row in classes.items()})
    for link, column, names, found in (
        (tables.provider_traits, "trait_id", {key: row.name for key, row in traits.items()}, state.traits),
        (tables.provider_aggregates, "aggregate_id", aggregates, state.aggregates),
    ):
        having: dict[str, set[str]] = defaultdict(set)
        for row in connection.execute(select(link)):
            having[uuids[row.provider_id]].add(names[getattr(row, column)])
        found.update({uuid: frozenset(labels) for uuid, labels in having.items()})
    return state


def _add_consumers(
    connection: Connection, state: State, uuids: dict[int | None, str | None], classes: dict[int, str]
) -> None:
    projects = {row.id: row.external_id for row in connection.execute(select(tables.projects))}
    users = {row.id: row.external_id for row in connection.execute(select(tables.users))}
    types = {None: None} | {row.id: row.name for row in connection.execute(select(tables.consumer_types))}
    consumers = {row.id: row for row in connection.execute(select(tables.consumers))}
    for row in consumers.values():
        owner = (projects[row.project_id], users[row.user_id], types[row.consumer_type_id])
        state.consumers[row.uuid] = (row.generation, *owner)
        state.held[row.uuid] = {}
    for row in connection.execute(select(tables.allocations)):
        place = (str(uuids[row.provider_id]), classes[row.resource_class_id])
        state.held[consumers[row.consumer_id].uuid][place] = row.used
