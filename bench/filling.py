"""A world straight into the reference's tables: its API would take hours for the larger ones.

The reference has made its tables, standard classes and standard traits before; they are read back from the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, func, insert, select

from ullage.cli.expand import Plan

ROWS_AT_ONCE = 20_000
DRIVERS = {"mysql://": "mysql+pymysql://", "postgresql://": "postgresql+psycopg://"}


def fill(url: str, plan: Plan) -> None:
    """Write everything the plan says; raises RuntimeError if there are not as many providers afterwards."""
    for scheme, driver in DRIVERS.items():
        url = url.replace(scheme, driver)
    engine = create_engine(url)
    with engine.begin() as connection:
        _Filling(connection, plan).fill()
    with engine.connect() as connection:
        providers = _tables(connection)["resource_providers"]
        there = connection.scalar(select(func.count()).select_from(providers))
    engine.dispose()
    if there != len(plan.providers):
        raise RuntimeError(f"the reference has {there} providers instead of {len(plan.providers)}")


def _tables(connection: Connection) -> Mapping[str, Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return metadata.tables


class _Filling:
    """Keys are the numbers of things in the plan."""

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self._tables = _tables(connection)
        self._keys = {each.name: key for key, each in enumerate(plan.providers, 1)}

    def fill(self) -> None:
        aggregates = sorted({uuid for each in self._plan.providers for uuid in each.aggregates})
        aggregate_keys = {uuid: key for key, uuid in enumerate(aggregates, 1)}
        self._write("placement_aggregates", ({"id": key, "uuid": uuid} for uuid, key in aggregate_keys.items()))
        self._write("resource_providers", self._providers())
        self._write("inventories", self._inventories(self._known("resource_classes")))
        pairs = self._pairs("trait_id", self._known("traits"), "traits")
        self._write("resource_provider_traits", pairs)
        self._write("resource_provider_aggregates", self._pairs("aggregate_id", aggregate_keys, "aggregates"))
        if self._plan.consumers:
            self._consumers()

    def _providers(self) -> Iterable[dict[str, Any]]:
        roots: dict[str, int] = {}
        for each in self._plan.providers:  # parents come before children
            key = self._keys[each.name]
            parent_key = None if each.parent_name is None else self._keys[each.parent_name]
            roots[each.name] = key if each.parent_name is None else roots[each.parent_name]
            yield {
                "id": key,
                "uuid": each.uuid,
                "name": each.name,
                "generation": 1,
                "root_provider_id": roots[each.name],
                "parent_provider_id": parent_key,
            }

    def _inventories(self, class_keys: Mapping[str, int]) -> Iterable[dict[str, Any]]:
        for each in self._plan.providers:
            for name, inventory in each.inventories.items():
                yield {
                    "resource_provider_id": self._keys[each.name],
                    "resource_class_id": class_keys[name],
                    "total": inventory.total,
                    "reserved": inventory.reserved,
                    "min_unit": inventory.min_unit,
                    "max_unit": inventory.max_unit,
                    "step_size": inventory.step_size,
                    "allocation_ratio": inventory.allocation_ratio,
                }

    def _pairs(self, column: str, keys: Mapping[str, int], attribute: str) -> Iterable[dict[str, Any]]:
        for each in self._plan.providers:
            for name in sorted(getattr(each, attribute)):
                yield {"resource_provider_id": self._keys[each.name], column: keys[name]}

    def _consumers(self) -> None:
        class_keys = self._known("resource_classes")
        self._write("projects", [{"id": 1, "external_id": self._plan.consumers[0].project}])
        self._write("users", [{"id": 1, "external_id": self._plan.consumers[0].user}])
        kinds = sorted({each.consumer_type for each in self._plan.consumers})
        self._write("consumer_types", ({"id": key, "name": name} for key, name in enumerate(kinds, 1)))
        self._write(
            "consumers",
            (
                {
                    "uuid": each.uuid,
                    "project_id": 1,
                    "user_id": 1,
                    "generation": 1,
                    "consumer_type_id": kinds.index(each.consumer_type) + 1,
                }
                for each in self._plan.consumers
            ),
        )
        self._write(
            "allocations",
            (
                {
                    "resource_provider_id": self._keys[provider],
                    "consumer_id": each.uuid,
                    "resource_class_id": class_keys[name],
                    "used": amount,
                }
                for each in self._plan.consumers
                for provider, held in each.holds.items()
                for name, amount in held.items()
            ),
        )

    def _known(self, table_name: str) -> dict[str, int]:
        table = self._tables[table_name]
        return {row.name: row.id for row in self._connection.execute(select(table.c.name, table.c.id))}

    def _write(self, table_name: str, rows: Iterable[dict[str, Any]]) -> None:
        statement = insert(self._tables[table_name])
        remaining = iter(rows)
        while chunk := list(islice(remaining, ROWS_AT_ONCE)):
            self._connection.execute(statement, chunk)
