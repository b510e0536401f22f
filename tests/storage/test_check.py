"""The proof of sums finds every way in which they can be wrong, and nothing where they are right."""

from __future__ import annotations

import pytest
from ledger_rows import Rows
from sqlalchemy import Connection, update

from ullage.storage import check, tables
from ullage.storage.unit import Store

PROVIDER, OTHER, CONSUMER = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")

WITHOUT_CONSTRAINTS = {
    "sqlite": "PRAGMA ignore_check_constraints = ON",
    "postgresql": "ALTER TABLE allocations DROP CONSTRAINT ck_allocations_used, "
    "DROP CONSTRAINT fk_allocations_provider_id_resource_class_id",
    "mariadb": "SET SESSION check_constraint_checks = 0, SESSION foreign_key_checks = 0",
}


class World:
    """One provider that offers 10 VCPU and a child of it; one consumer that holds 4 of them."""

    def __init__(self, connection: Connection) -> None:
        self.rows = Rows(connection)
        self.provider = self.rows.provider(PROVIDER)
        self.other = self.rows.provider(OTHER, parent=self.provider)
        self.rows.inventory(self.provider, "VCPU", 10, used=4)
        self.rows.inventory(self.other, "DISK_GB", 10)
        self.consumer = self.rows.consumer(CONSUMER)
        self.allocation = self.rows.allocation(self.consumer, self.provider, "VCPU", 4)


def breaches_after(store: Store, *spoil: object) -> list[str]:
    """What is found after these statements."""
    with store.writing() as connection:
        World(connection)
        for statement in spoil:
            connection.execute(statement)  # type: ignore[call-overload] # statements of several kinds
    with store.reading() as connection:
        return check.breaches(connection)


@pytest.fixture
def unguarded(store: Store) -> Store:
    """A store on whose next connection the database itself checks nothing."""
    if store.dialect.name == "sqlite":
        with store.writing_engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql(WITHOUT_CONSTRAINTS["sqlite"])
    else:
        with store.writing() as connection:
            connection.exec_driver_sql(WITHOUT_CONSTRAINTS[store.dialect.name])
    return store


def test_nothing_is_found_where_all_is_well(store: Store) -> None:
    assert breaches_after(store) == []
    with store.reading() as connection:
        assert check.notes(connection) == []


def test_an_empty_ledger_is_well(store: Store) -> None:
    with store.reading() as connection:
        assert (check.breaches(connection), check.notes(connection)) == ([], [])


@pytest.mark.parametrize(("used", "held"), [(5, 4), (0, 4)])
def test_a_count_that_is_not_the_sum_is_found(store: Store, used: int, held: int) -> None:
    in_use = tables.inventories.c.used > 0
    assert breaches_after(store, update(tables.inventories).where(in_use).values(used=used)) == [
        f"Provider {PROVIDER} counts {used} VCPU as used, but its allocations sum to {held}."
    ]


def test_use_that_nobody_holds_is_found(store: Store) -> None:
    assert breaches_after(store, update(tables.inventories).where(tables.inventories.c.used == 0).values(used=3)) == [
        f"Provider {OTHER} counts 3 DISK_GB as used, but its allocations sum to 0."
    ]


def test_an_allocation_without_an_inventory_is_found(unguarded: Store) -> None:
    assert breaches_after(unguarded, tables.inventories.delete()) == [
        f"Consumer {CONSUMER} holds 4 VCPU of provider {PROVIDER}, which offers none."
    ]


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_that_is_not_positive_is_found(unguarded: Store, amount: int) -> None:
    found = breaches_after(unguarded, update(tables.allocations).values(used=amount))
    assert f"Consumer {CONSUMER} holds {amount} VCPU of provider {PROVIDER}: not a positive amount." in found


def test_a_consumer_that_holds_nothing_is_found(store: Store) -> None:
    spoil = (tables.allocations.delete(), update(tables.inventories).values(used=0))
    assert breaches_after(store, *spoil) == [f"Consumer {CONSUMER} holds nothing."]


def test_a_wrong_root_is_found(store: Store) -> None:
    child = tables.providers.c.uuid == OTHER
    assert breaches_after(store, update(tables.providers).where(child).values(root_id=tables.providers.c.id)) == [
        f"Provider {OTHER} names {OTHER} as its root, but its parents lead to {PROVIDER}."
    ]


def test_a_missing_root_is_found(store: Store) -> None:
    child = tables.providers.c.uuid == OTHER
    assert breaches_after(store, update(tables.providers).where(child).values(root_id=None)) == [
        f"Provider {OTHER} names nothing as its root, but its parents lead to {PROVIDER}."
    ]


def test_a_circle_of_parents_is_found(store: Store) -> None:
    with store.writing() as connection:
        world = World(connection)
        below = world.rows.provider("d" * 8 + "-0000-4000-8000-000000000000", parent=world.other)
        top = tables.providers.c.id == world.provider
        connection.execute(update(tables.providers).where(top).values(parent_id=below))
    with store.reading() as connection:
        found = check.breaches(connection)
    assert len(found) == 3
    assert all("has no root: its parents lead nowhere" in breach for breach in found)


def test_a_deep_tree_is_well(store: Store) -> None:
    with store.writing() as connection:
        rows = Rows(connection)
        parent = None
        for _ in range(300):
            parent = rows.provider(parent=parent)
    with store.reading() as connection:
        assert check.breaches(connection) == []


def test_use_above_a_shrunken_capacity_is_noted_but_no_breach(store: Store) -> None:
    assert breaches_after(store, update(tables.inventories).values(total=1, max_unit=1)) == []
    with store.reading() as connection:
        assert check.notes(connection) == [f"Provider {PROVIDER} has 4 VCPU in use, above its capacity of 1."]
