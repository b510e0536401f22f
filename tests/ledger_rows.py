"""Rows put straight into a database, for tests of what reads them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from ullage.storage import tables

NOW_US = 1_700_000_000_000_000
STAMP = {"stamp_writer": 1, "stamp_sequence": 1}


def new_uuid() -> str:
    """A random uuid, lower-case and dashed."""
    return str(uuid.uuid4())


class Rows:
    """Inserts rows on a connection; methods answer the new row's key. Nothing here checks any law."""

    def __init__(self, connection: Connection, now_us: int = NOW_US) -> None:
        self.connection = connection
        self.now_us = now_us

    def provider(self, uuid: str = "", name: str = "", parent: int | None = None, generation: int = 0) -> int:
        """A provider; the root of a tree unless it has a parent."""
        uuid = uuid or new_uuid()
        values = {"uuid": uuid, "name": name or uuid, "generation": generation, "parent_id": parent, **STAMP}
        key = self._insert(tables.providers, values)
        root = key if parent is None else self._root(parent)
        self.connection.execute(update(tables.providers).where(tables.providers.c.id == key).values(root_id=root))
        return key

    def inventory(self, provider: int, resource_class: str, total: int = 100, used: int = 0, **more: Any) -> int:
        """An inventory of an existing class."""
        fields = {"reserved": 0, "min_unit": 1, "max_unit": total, "step_size": 1, "allocation_ratio": 1.0, **more}
        values = {"provider_id": provider, "resource_class_id": self.resource_class(resource_class)}
        return self._insert(tables.inventories, {**values, "total": total, "used": used, **fields})

    def trait_of(self, provider: int, name: str) -> None:
        """Give an existing trait to a provider."""
        trait = self._key(tables.traits, "name", name)
        self._insert(tables.provider_traits, {"provider_id": provider, "trait_id": trait}, keyed=False)

    def aggregate_of(self, provider: int, uuid: str) -> None:
        """Put a provider into an aggregate."""
        values = {"provider_id": provider, "aggregate_id": self._ensured(tables.aggregates, "uuid", uuid)}
        self._insert(tables.provider_aggregates, values, keyed=False)

    def consumer(
        self, uuid: str = "", project: str = "p", user: str = "u", type_name: str | None = None, generation: int = 1
    ) -> int:
        """A consumer, with its project, user and type."""
        values = {
            "uuid": uuid or new_uuid(),
            "project_id": self._ensured(tables.projects, "external_id", project),
            "user_id": self._ensured(tables.users, "external_id", user),
            "consumer_type_id": type_name and self._ensured(tables.consumer_types, "name", type_name),
            "generation": generation,
        }
        return self._insert(tables.consumers, values)

    def allocation(self, consumer: int, provider: int, resource_class: str, used: int) -> int:
        """An allocation; the inventory's `used` is left as it is."""
        values = {"consumer_id": consumer, "provider_id": provider, "used": used}
        return self._insert(tables.allocations, {**values, "resource_class_id": self.resource_class(resource_class)})

    def custom(self, table: Table, name: str) -> int:
        """A resource class or trait that is not a standard one."""
        return self._insert(table, {"name": name, "standard": False, **STAMP})

    def resource_class(self, name: str) -> int:
        """The key of an existing class."""
        return self._key(tables.resource_classes, "name", name)

    def _root(self, key: int) -> int:
        found = self.connection.scalar(select(tables.providers.c.root_id).where(tables.providers.c.id == key))
        return int(found or 0)

    def _key(self, table: Table, label: str, value: str) -> int:
        key: int = self.connection.execute(select(table.c.id).where(table.c[label] == value)).scalar_one()
        return key

    def _ensured(self, table: Table, label: str, value: str) -> int:
        found: int | None = self.connection.scalar(select(table.c.id).where(table.c[label] == value))
        return self._insert(table, {label: value}) if found is None else found

    def _insert(self, table: Table, values: Mapping[str, Any], *, keyed: bool = True) -> int:
        statement = insert(table).values(created_us=self.now_us, updated_us=self.now_us, **values)
        if not keyed:
            self.connection.execute(statement)
            return 0
        key: int = self.connection.execute(statement.returning(table.c.id)).scalar_one()
        return key
