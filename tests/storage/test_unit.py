"""Transactions: what they see, what they leave behind, and what happens when they break."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ledger_rows import Rows
from sqlalchemy import Connection, func, literal, select, text, update
from sqlalchemy.exc import DBAPIError

from ullage.model.errors import ConcurrentUpdate
from ullage.storage.tables import providers, traits
from ullage.storage.trouble import (
    BadDatabaseUrl,
    CommitUnknown,
    ConnectionLost,
    Outdated,
    ServerUnfit,
    StatementEnded,
    StorageUnavailable,
)
from ullage.storage.unit import Store, run

A, B = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"


@pytest.fixture
def two_providers(store: Store) -> None:
    with store.writing() as connection:
        Rows(connection).provider(A)
        Rows(connection).provider(B)


def generation(connection: Connection, uuid: str) -> int:
    found: int = connection.execute(select(providers.c.generation).where(providers.c.uuid == uuid)).scalar_one()
    return found


def raise_generation(connection: Connection, uuid: str) -> None:
    connection.execute(update(providers).where(providers.c.uuid == uuid).values(generation=providers.c.generation + 1))


def cut(store: Store, connection: Connection) -> None:
    """End a connection at the server's side, as a fail-over or a firewall would."""
    if store.dialect.name == "postgresql":
        number = connection.execute(select(func.pg_backend_pid())).scalar_one()
        with store.reading() as other:
            other.execute(select(func.pg_terminate_backend(number)))
    else:
        number = connection.execute(select(func.connection_id())).scalar_one()
        with store.reading() as other:
            other.execute(text("KILL :number"), {"number": number})


def test_what_is_written_is_read_later(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(update(traits).values(updated_us=7))
    with store.reading() as connection:
        assert connection.scalar(select(func.min(traits.c.updated_us))) == 7


@pytest.mark.usefixtures("two_providers")
def test_an_exception_takes_everything_back(store: Store) -> None:
    def fail(connection: Connection) -> None:
        raise_generation(connection, A)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(store, fail)
    with store.reading() as connection:
        assert generation(connection, A) == 0


@pytest.mark.usefixtures("two_providers")
def test_a_reader_sees_one_snapshot_while_others_commit(store: Store) -> None:
    with store.reading() as reader:
        assert generation(reader, A) == 0
        with store.writing() as writer:
            raise_generation(writer, A)
            raise_generation(writer, B)
        assert (generation(reader, A), generation(reader, B)) == (0, 0)
    with store.reading() as reader:
        assert (generation(reader, A), generation(reader, B)) == (1, 1)


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("two_providers")
def test_a_writer_reads_after_its_lock_what_others_committed_before(store: Store) -> None:
    with store.writing() as first:
        assert generation(first, A) == 0
        with store.writing() as second:
            raise_generation(second, A)
        first.execute(store.dialect.for_update(select(providers.c.id).where(providers.c.uuid == A)))
        assert generation(first, A) == 1


@pytest.mark.databases("sqlite")
@pytest.mark.usefixtures("two_providers")
def test_a_writer_on_sqlite_is_alone_from_its_beginning(store: Store) -> None:
    seen: list[int] = []

    def look() -> None:
        with store.writing() as connection:
            seen.append(generation(connection, A))

    with store.writing() as first:
        second = threading.Thread(target=look)
        second.start()
        second.join(0.3)
        assert seen == []
        raise_generation(first, A)
    second.join()
    assert seen == [1]


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("two_providers")
def test_a_reader_cannot_write(store: Store) -> None:
    # PostgreSQL ends this as it ends a write to a server that only reads, which is a connection to give up.
    refused = pytest.raises((DBAPIError, ConnectionLost), match=r"(?i)read.only")
    with refused, store.reading() as connection:
        raise_generation(connection, A)
    with store.reading() as connection:
        assert generation(connection, A) == 0


@pytest.mark.usefixtures("two_providers")
def test_no_increment_is_lost_among_threads(store: Store) -> None:
    def increment(_number: int) -> None:
        run(store, lambda connection: raise_generation(connection, A))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(increment, range(40)))
    with store.reading() as connection:
        assert generation(connection, A) == 40


def increment_often(url: str) -> None:
    store = Store.open(url)
    for _ in range(20):
        run(store, lambda connection: raise_generation(connection, A))
    store.close()


@pytest.mark.usefixtures("two_providers")
def test_no_increment_is_lost_among_processes(store: Store, database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=increment_often, args=(database_url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with store.reading() as connection:
        assert generation(connection, A) == 40


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("two_providers")
def test_both_sides_of_a_deadlock_succeed_in_the_end(store: Store) -> None:
    both_hold_one = threading.Barrier(2)
    attempts: list[str] = []

    def cross(order: tuple[str, str]) -> None:
        def operation(connection: Connection) -> None:
            attempts.append(order[0])
            raise_generation(connection, order[0])
            if attempts.count(order[0]) == 1:
                both_hold_one.wait(10)
            raise_generation(connection, order[1])

        run(store, operation)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(cross, [(A, B), (B, A)]))
    assert len(attempts) == 3
    with store.reading() as connection:
        assert (generation(connection, A), generation(connection, B)) == (2, 2)


def test_what_is_outdated_is_run_again_and_at_last_refused(store: Store) -> None:
    calls: list[int] = []

    def operation(_connection: Connection) -> str:
        calls.append(len(calls))
        if len(calls) < 3:
            raise Outdated
        return "done"

    assert run(store, operation) == "done"
    calls.clear()
    with pytest.raises(ConcurrentUpdate):
        run(store, operation, attempts=2)


def test_a_fault_of_the_operation_is_not_repeated(store: Store) -> None:
    calls: list[int] = []

    def operation(connection: Connection) -> None:
        calls.append(1)
        connection.execute(select(literal(1)).where(text("nonsense")))

    with pytest.raises(DBAPIError):
        run(store, operation)
    assert len(calls) == 1


@pytest.mark.databases("postgresql", "mariadb")
def test_a_connection_that_was_cut_while_idle_is_replaced_unnoticed(store: Store) -> None:
    with store.reading() as connection:
        pooled = connection
        cut(store, connection)
    del pooled
    with store.reading() as connection:
        assert connection.scalar(select(literal(1))) == 1


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("two_providers")
def test_a_transaction_that_was_cut_changes_nothing_and_is_run_again(store: Store) -> None:
    calls: list[int] = []

    def operation(connection: Connection) -> None:
        calls.append(1)
        raise_generation(connection, A)
        if len(calls) == 1:
            cut(store, connection)
        raise_generation(connection, B)

    with pytest.raises(ConnectionLost):
        run(store, operation, attempts=1)
    calls.clear()
    run(store, operation)
    with store.reading() as connection:
        assert (generation(connection, A), generation(connection, B)) == (1, 1)


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("two_providers")
def test_a_commit_that_was_cut_is_never_repeated(store: Store) -> None:
    calls: list[int] = []

    def operation(connection: Connection) -> None:
        calls.append(1)
        raise_generation(connection, A)
        cut(store, connection)

    with pytest.raises(CommitUnknown):
        run(store, operation)
    assert len(calls) == 1


@pytest.mark.databases("sqlite")
def test_sqlite_syncs_every_commit_and_checks_foreign_keys(store: Store) -> None:
    with store.reading() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "foreign_keys")]
        assert (connection.exec_driver_sql("PRAGMA journal_mode").scalar(), settings) == ("wal", [2, 1])


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "cannot be read"),
        ("nonsense", "cannot be read"),
        ("postgresql://host:port/x", "cannot be read"),
        ("oracle://host/x", "no database called 'oracle'"),
        ("postgresql+psycopg2://host/x", "does not use the driver 'psycopg2'"),
        ("mysql+mysqldb://host/x", "does not use the driver 'mysqldb'"),
        ("postgresql://host", "names no database"),
        ("mysql://host/", "names no database"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_a_bad_url_is_refused_at_once(url: str, part: str) -> None:
    with pytest.raises(BadDatabaseUrl, match=part):
        Store.open(url)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match=f"folder {tmp_path}/nowhere .* does not exist"):
        Store.open(f"sqlite:///{tmp_path}/nowhere/x.db")


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_unreachable_server_is_named_without_the_password(kind: str) -> None:
    store = Store.open(f"{kind}://me:refused@127.0.0.1:1/ledger")
    with pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1, ledger.* \*\*\*") as caught:
        store.upgrade()
    assert "refused" not in str(caught.value)
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.databases("postgresql", "mariadb")
def test_a_database_that_does_not_exist_is_named(database_url: str) -> None:
    store = Store.open(f"{database_url}_missing")
    with pytest.raises(StorageUnavailable, match="_missing"):
        store.upgrade()
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is not a database, but it is longer than its header would be: " * 9)
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises((StorageUnavailable, ServerUnfit), match="not a database"):
        store.upgrade()
    store.close()


@pytest.mark.databases("sqlite")
@pytest.mark.usefixtures("two_providers")
def test_a_full_disk_is_the_operators_to_see_to(store: Store) -> None:
    def fill(connection: Connection) -> None:
        connection.exec_driver_sql(
            f"PRAGMA max_page_count = {connection.exec_driver_sql('PRAGMA page_count').scalar()}"
        )
        for _ in range(1000):
            Rows(connection).provider()

    with pytest.raises(StorageUnavailable, match="full"):
        run(store, fill, attempts=1)
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(providers)) == 2


SLOW = {
    "postgresql": ("SET LOCAL statement_timeout = 50", "SELECT pg_sleep(30)"),
    "mariadb": (
        "SELECT 1",
        "SET STATEMENT max_statement_time = 0.05 FOR "
        "SELECT COUNT(*) FROM traits a, traits b, traits c, traits d WHERE a.name <> d.name",
    ),
}


@pytest.mark.databases("postgresql", "mariadb")
def test_a_statement_that_is_cut_off_at_its_time_limit_is_no_mistake_of_ours(store: Store) -> None:
    def last_long(connection: Connection) -> None:
        for statement in SLOW[store.dialect.name]:
            connection.exec_driver_sql(statement)

    with pytest.raises(StatementEnded, match="statement") as caught, store.reading() as connection:
        last_long(connection)
    assert "traits" not in str(caught.value)
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(providers)) == 0


@pytest.mark.databases("postgresql")
def test_commits_are_synchronous_though_the_server_says_otherwise(store: Store) -> None:
    with store.reading() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        (said,) = connection.exec_driver_sql(
            "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'"
        ).one()
        assert said == "off"


@pytest.mark.databases("postgresql", "mariadb")
def test_a_server_that_forgets_what_it_answered_is_warned_of(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.prepare()
    assert any("a crash" in record.message for record in caplog.records)


@pytest.mark.databases("postgresql", "mariadb")
def test_a_server_that_is_too_old_is_refused(store: Store) -> None:
    with store.writing() as connection:
        connection.dialect.server_version_info = (9, 6)
    with pytest.raises(ServerUnfit, match=r"or newer is needed; the server is 9\.6"):
        store.prepare()
