"""What each Dialect promises of many rows at once, of text and numbers, and of errors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from ledger_rows import NOW_US, STAMP, Rows, new_uuid
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from ullage.storage import many, tables
from ullage.storage.bulk import Row
from ullage.storage.unit import Store

TIMES = {"created_us": NOW_US, "updated_us": NOW_US}

NAMES = ["a", "A", "á", "a ", " a", "ä", "Ä", "ae", "ß", "ss", "Z", "_", "%", "'", '"', "\\", "\n", "é", "e\u0301"]
NAMES += ["\uff21", "中文", "🦆", "🦆 ", "\U0010ffff", "\uffff", "NULL", "1", "1.0", ":name", "%(name)s", "x" * 200]

RATIOS = [0.1, 1 / 3, 1.0, 16.0, 1e22, 1.7e-300, 5e-324, 3.40282e38, 123456789.12345679, 0.30000000000000004]


def update_rows(
    store: Store, connection: Connection, table: Table, keys: Sequence[str], values: Sequence[str], rows: Sequence[Row]
) -> int:
    return many.update_rows(connection, store.dialect, table, keys, values, rows).count()


def column(connection: Connection, table: Table, name: str) -> list[Any]:
    return list(connection.scalars(select(table.c[name]).order_by(table.c.id)))


def test_many_rows_are_updated_where_all_their_keys_match(store: Store) -> None:
    with store.writing() as connection:
        keys = [Rows(connection).provider(generation=number % 2) for number in range(6)]
        rows = [(key, 0, 7, f"name of {key}") for key in [*keys, 999_999]]
        found = update_rows(store, connection, tables.providers, ("id", "generation"), ("generation", "name"), rows)
        assert found == 3
        assert column(connection, tables.providers, "generation") == [7, 1, 7, 1, 7, 1]
        names = column(connection, tables.providers, "name")
        assert [name for name in names if name.startswith("name")] == [f"name of {key}" for key in keys[::2]]


def test_rows_count_as_found_if_their_values_were_the_same_already(store: Store) -> None:
    with store.writing() as connection:
        keys = [Rows(connection).provider(generation=5) for _ in range(3)]
        rows = [(key, 5) for key in keys]
        assert update_rows(store, connection, tables.providers, ("id",), ("generation",), rows) == 3
        assert update_rows(store, connection, tables.providers, ("id",), ("generation",), []) == 0


def test_thousands_of_rows_are_updated_at_once(store: Store) -> None:
    with store.writing() as connection:
        names = [f"CUSTOM_{number}" for number in range(10_000)]
        connection.execute(
            insert(tables.traits), [{"name": name, "standard": False, **STAMP, **TIMES} for name in names]
        )
        rows = [(name, number) for number, name in enumerate(names)]
        assert update_rows(store, connection, tables.traits, ("name",), ("updated_us",), rows) == 10_000
        found = dict(connection.execute(select(tables.traits.c.name, tables.traits.c.updated_us)).all())
        assert all(found[name] == number for name, number in rows)


def test_a_row_may_be_set_to_null(store: Store) -> None:
    with store.writing() as connection:
        rows = Rows(connection)
        parent = rows.provider()
        child = rows.provider(parent=parent)
        updated = [(child, None, child), (parent, None, parent)]
        assert update_rows(store, connection, tables.providers, ("id",), ("parent_id", "root_id"), updated) == 2
        assert column(connection, tables.providers, "parent_id") == [None, None]
        assert column(connection, tables.providers, "root_id") == [parent, child]


@pytest.mark.parametrize("in_bulk", [False, True])
def test_ratios_are_kept_to_the_last_bit(store: Store, in_bulk: bool) -> None:
    with store.writing() as connection:
        rows = Rows(connection)
        given = [1.0] * len(RATIOS) if in_bulk else RATIOS
        keys = [rows.inventory(rows.provider(), "VCPU", allocation_ratio=ratio) for ratio in given]
        if in_bulk:
            updates = list(zip(keys, RATIOS, strict=True))
            update_rows(store, connection, tables.inventories, ("id",), ("allocation_ratio",), updates)
    with store.reading() as connection:
        assert column(connection, tables.inventories, "allocation_ratio") == RATIOS


@pytest.mark.parametrize("in_bulk", [False, True])
def test_text_is_kept_and_compared_by_code_point(store: Store, in_bulk: bool) -> None:
    with store.writing() as connection:
        rows = Rows(connection)
        keys = [rows.provider(name="" if in_bulk else name) for name in NAMES]  # unique, or it would fail here
        if in_bulk:
            updates = list(zip(keys, NAMES, strict=True))
            assert update_rows(store, connection, tables.providers, ("id",), ("name",), updates) == len(NAMES)
    name = tables.providers.c.name
    with store.reading() as connection:
        assert list(connection.scalars(select(name).order_by(name))) == sorted(NAMES)
        for each in NAMES:
            assert list(connection.scalars(select(name).where(name == each))) == [each]
        assert set(connection.scalars(select(name).where(name.in_(NAMES[:4])))) == set(NAMES[:4])
        assert list(connection.scalars(select(name).where(name == "A "))) == []


def test_keys_of_bulk_updates_compare_by_code_point_too(store: Store) -> None:
    with store.writing() as connection:
        for name in NAMES:
            Rows(connection).provider(name=name)
        updates = [(name, number) for number, name in enumerate(NAMES)] + [("A ", 99), ("Á", 99)]
        found = update_rows(store, connection, tables.providers, ("name",), ("generation",), updates)
        assert found == len(NAMES)
        assert column(connection, tables.providers, "generation") == list(range(len(NAMES)))


@pytest.mark.databases("postgresql", "mariadb")  # SQLite keeps no lengths; the wire does
@pytest.mark.parametrize("in_bulk", [False, True])
def test_text_that_is_too_long_is_refused_and_not_cut(store: Store, in_bulk: bool) -> None:
    def write(connection: Connection) -> None:
        key = Rows(connection).provider(name="short")
        if in_bulk:
            update_rows(store, connection, tables.providers, ("id",), ("name",), [(key, "x" * 201)])
        else:
            Rows(connection).provider(name="x" * 201)

    with pytest.raises(DBAPIError), store.writing() as connection:
        write(connection)


def test_a_key_is_never_given_twice(store: Store, database_url: str) -> None:
    with store.writing() as connection:
        keys = [Rows(connection).provider() for _ in range(3)]
        connection.execute(update(tables.providers).values(root_id=None))
        connection.execute(delete(tables.providers))
    store.close()
    again = Store.open(database_url)
    with again.writing() as connection:
        assert Rows(connection).provider() > max(keys)
    again.close()


def test_only_missing_rows_are_inserted(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(insert(tables.projects).values(external_id="b", created_us=1, updated_us=1))
        columns = ("external_id", "created_us", "updated_us")
        rows = [(name, NOW_US, NOW_US) for name in ("a", "b", "B")]
        many.insert_missing(connection, store.dialect, tables.projects, columns, rows)
        many.insert_missing(connection, store.dialect, tables.projects, columns, rows)
        many.insert_missing(connection, store.dialect, tables.projects, columns, [])
        found = connection.execute(select(tables.projects.c.external_id, tables.projects.c.created_us))
        assert sorted(found) == [("B", NOW_US), ("a", NOW_US), ("b", 1)]


def test_a_row_that_rests_on_none_is_refused(store: Store) -> None:
    """Its key is found by what the other row is called, so nobody has looked whether that is there."""
    with store.writing() as connection:
        provider = Rows(connection).provider()
        Rows(connection).inventory(provider, "DISK_GB")
        class_key = connection.execute(select(tables.inventories.c.resource_class_id)).scalar_one()
    names = ("consumer_id", "provider_id", "resource_class_id", "used", "created_us", "updated_us")
    rows = [(new_uuid(), provider, class_key, 1, NOW_US, NOW_US)]
    with pytest.raises(DBAPIError) as caught, store.writing() as connection:
        many.insert_found(connection, store.dialect, tables.allocations, names, rows, tables.consumers.c.uuid)
    assert store.dialect.is_constraint_violation(caught.value)


def violations() -> dict[str, Any]:
    provider = {"name": "n", "generation": 0, **STAMP, **TIMES}
    inventory: dict[str, Any] = {
        "provider_id": 1,
        "resource_class_id": 1,
        "total": 1,
        "reserved": 0,
        "min_unit": 1,
        "max_unit": 1,
    }
    inventory |= {"step_size": 1, "allocation_ratio": 1.0, **TIMES}
    return {
        "unique": insert(tables.traits).values(name="HW_CPU_X86_AVX", standard=True, **STAMP, **TIMES),
        "foreign key": insert(tables.providers).values(uuid=new_uuid(), parent_id=4711, **provider),
        "not null": insert(tables.providers).values(uuid=None, **provider),
        "check": insert(tables.inventories).values(used=-1, **inventory),
        "negative": update(tables.allocations).values(used=0),
    }


@pytest.mark.parametrize("kind", list(violations()))
def test_a_constraint_violation_is_known_as_such(store: Store, kind: str) -> None:
    with store.writing() as connection:
        rows = Rows(connection)
        provider = rows.provider()
        rows.inventory(provider, "DISK_GB")
        rows.allocation(rows.consumer(), provider, "DISK_GB", 1)
    with pytest.raises(DBAPIError) as caught, store.writing() as connection:
        connection.execute(violations()[kind])
    assert store.dialect.is_constraint_violation(caught.value)
    assert not store.dialect.is_retryable(caught.value)
    assert not store.dialect.is_disconnect(caught.value)


def test_inserting_what_is_missing_lets_no_wrong_foreign_key_in(store: Store) -> None:
    columns = ("provider_id", "trait_id", "created_us", "updated_us")
    with pytest.raises(DBAPIError) as caught, store.writing() as connection:
        many.insert_missing(connection, store.dialect, tables.provider_traits, columns, [(4711, 1, NOW_US, NOW_US)])
    assert store.dialect.is_constraint_violation(caught.value)


@pytest.mark.databases("postgresql", "mariadb")
def test_an_update_of_many_rows_waits_for_no_other_row(store: Store) -> None:
    with store.writing() as connection:
        first, second = (Rows(connection).provider() for _ in range(2))
    done = threading.Event()

    def update_second() -> None:
        with store.writing() as connection:
            rows = [(second, 0, 1)]
            update_rows(store, connection, tables.providers, ("id", "generation"), ("generation",), rows)
        done.set()

    with store.writing() as connection:
        locked = select(tables.providers.c.id).where(tables.providers.c.id == first)
        connection.execute(store.dialect.for_update(locked))
        thread = threading.Thread(target=update_second)
        thread.start()
        assert done.wait(5)
    thread.join()


@pytest.mark.databases("postgresql", "mariadb")
def test_a_lock_that_is_waited_for_too_long_is_worth_another_try(store: Store) -> None:
    with store.writing() as connection:
        key = Rows(connection).provider()
    statement = store.dialect.for_update(select(tables.providers.c.id).where(tables.providers.c.id == key))
    settings = {"postgresql": "SET LOCAL lock_timeout = 50", "mariadb": "SET SESSION innodb_lock_wait_timeout = 1"}

    def wait() -> None:
        with store.writing() as waiter:
            waiter.exec_driver_sql(settings[store.dialect.name])
            waiter.execute(statement)

    with store.writing() as holder:
        holder.execute(statement)
        with pytest.raises(DBAPIError) as caught:
            wait()
    assert store.dialect.is_retryable(caught.value)
