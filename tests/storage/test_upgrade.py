"""Bringing databases up to this code."""

from __future__ import annotations

import multiprocessing
import re
import threading
from multiprocessing.synchronize import Barrier
from typing import Any

import os_resource_classes  # type: ignore[import-untyped] # has no type hints
import os_traits  # type: ignore[import-untyped] # has no type hints
import pytest
import servers
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from feed_reader import Everything
from ledger_rows import Rows
from sqlalchemy import Connection, delete, func, inspect, select, text, update

from ullage.engine.patch import Delta
from ullage.storage import mariadb_locks, tables
from ullage.storage.feed import changes_since, read_marks
from ullage.storage.reads import resource_classes
from ullage.storage.trouble import SchemaMissing, SchemaTooNew
from ullage.storage.unit import Store
from ullage.storage.upgrade import require_current

DESCRIPTIONS = {
    "sqlite": ["SELECT type, tbl_name, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"],
    "postgresql": [
        "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, data_type, "
        "character_maximum_length, collation_name FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    ],
    "mariadb": [],
}
"""How each database itself tells its schema (MariaDB: SHOW CREATE TABLE)."""


def description(store: Store) -> list[Any]:
    with store.reading() as connection:
        rows = [row for query in DESCRIPTIONS[store.dialect.name] for row in connection.exec_driver_sql(query)]
        if store.dialect.name == "mariadb":
            names = [row[0] for row in connection.exec_driver_sql("SHOW TABLES")]
            rows = [connection.exec_driver_sql(f"SHOW CREATE TABLE {name}").one() for name in names]
    return sorted((normalised(row) for row in rows), key=repr)


def normalised(row: Any) -> list[Any]:
    """Of a table's text the lines, in any order, for that of columns and constraints says nothing."""
    lines = str(row[-1]).splitlines()
    return [*row[:-1], sorted(re.sub(r" AUTO_INCREMENT=\d+", "", line).strip(" \t,") for line in lines)]


@pytest.fixture
def blank_store(blank_database_url: str) -> Any:
    store = Store.open(blank_database_url)
    yield store
    store.close()


def test_the_steps_add_up_to_the_tables(blank_store: Store, database_server: servers.Server) -> None:
    blank_store.upgrade()
    with blank_store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    with blank_store.writing() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    made = Store.open(database_server.new_database())
    with made.writing() as connection:
        tables.metadata.create_all(connection)
    assert description(blank_store) == description(made)
    made.close()


def test_an_upgrade_of_what_is_up_to_date_writes_nothing(store: Store) -> None:
    with store.reading() as connection:
        before = connection.execute(select(tables.writers)).all()
    store.upgrade()
    with store.reading() as connection:
        require_current(connection)
        assert connection.execute(select(tables.writers)).all() == before
        assert connection.execute(select(tables.horizon)).all() == [(1, 0)]


def test_standard_names_are_there_in_the_catalogues_order(store: Store) -> None:
    with store.writing() as connection:
        Rows(connection).custom(tables.resource_classes, "CUSTOM_A")
    with store.reading() as connection:
        names = [label.name for label in resource_classes(connection)]
        assert names == [*os_resource_classes.STANDARDS, "CUSTOM_A"]
        assert set(connection.scalars(select(tables.traits.c.name))) == set(os_traits.get_traits())


def test_names_that_are_missing_are_added_where_searches_see_them(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(delete(tables.traits).where(tables.traits.c.name == "HW_CPU_X86_AVX"))
        Rows(connection).custom(tables.traits, "CUSTOM_T")
    with store.reading() as connection:
        marks = read_marks(connection, store.dialect)
    store.upgrade(now_us=17)
    with store.reading() as connection:
        delta, _ = changes_since(connection, store.dialect, marks, Everything)
        assert isinstance(delta, Delta)
        assert list(delta.trait_names.values()) == ["HW_CPU_X86_AVX"]
        times = select(tables.traits.c.created_us).where(tables.traits.c.name == "HW_CPU_X86_AVX")
        assert connection.scalar(times) == 17


def upgrade_at_the_barrier(url: str, begin: Barrier) -> None:
    store = Store.open(url)
    begin.wait()
    store.upgrade()
    store.close()


def test_processes_that_upgrade_one_database_at_once_all_succeed(blank_store: Store, blank_database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(3)
    arguments = (blank_database_url, begin)
    processes = [context.Process(target=upgrade_at_the_barrier, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with blank_store.reading() as connection:
        require_current(connection)
        assert connection.scalar(select(func.count()).select_from(tables.traits)) == len(os_traits.get_traits())
        assert connection.execute(select(tables.horizon)).all() == [(1, 0)]


def test_a_database_of_a_newer_ullage_is_left_alone(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match="9999"):
        store.upgrade()


def test_a_database_without_a_ledger_is_named_as_such(blank_store: Store) -> None:
    with blank_store.reading() as connection, pytest.raises(SchemaMissing):
        require_current(connection)


@pytest.mark.databases("mariadb")  # elsewhere all of an upgrade is one transaction
@pytest.mark.parametrize("made", range(1, 18, 4))
def test_an_upgrade_that_died_half_way_is_finished_by_the_next(blank_store: Store, made: int) -> None:
    with blank_store.writing() as connection:
        tables.metadata.create_all(connection, tables.metadata.sorted_tables[:made])
    blank_store.upgrade()
    with blank_store.reading() as connection:
        require_current(connection)
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


@pytest.mark.databases("sqlite", "postgresql")
def test_an_upgrade_that_fails_leaves_nothing_behind(blank_store: Store) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE tombstones (nothing_like_it INTEGER)"))
        connection.execute(text("CREATE INDEX ix_providers_root_id ON tombstones (nothing_like_it)"))

    with blank_store.writing() as connection:
        fail(connection)
    with pytest.raises(Exception, match="stamp_writer"):
        blank_store.upgrade()
    with blank_store.reading() as connection:
        assert inspect(connection).get_table_names() == ["tombstones"]


@pytest.mark.databases("mariadb")
@pytest.mark.parametrize("lock", [mariadb_locks.named_lock, mariadb_locks.table_lock])
def test_an_upgrade_lock_lets_one_in_at_a_time(store: Store, lock: Any) -> None:
    inside: list[int] = []

    def enter(number: int) -> None:
        with store.writing() as connection, lock(connection, 20):
            inside.append(number)
            assert inside[-1] == number
            threading.Event().wait(0.05)
            assert inside.pop() == number

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == []


@pytest.mark.databases("mariadb")
def test_a_table_lock_whose_holder_died_is_removed_in_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE ullage_upgrade_lock (id INTEGER)")
    with store.writing() as connection, pytest.raises(Exception, match="does not end"):
        mariadb_locks.table_lock(connection, 0).__enter__()
    monkeypatch.setattr(mariadb_locks, "ABANDONED_SECONDS", -1)
    with store.writing() as connection, mariadb_locks.table_lock(connection, 5):
        pass
    with store.reading() as connection:
        assert "ullage_upgrade_lock" not in inspect(connection).get_table_names()


def test_a_pool_of_two_is_enough_for_an_upgrade(blank_database_url: str) -> None:
    store = Store.open(blank_database_url, pool_size=2)
    store.upgrade()
    with store.writing() as connection:
        connection.execute(update(tables.traits).values(updated_us=1))
    store.close()
