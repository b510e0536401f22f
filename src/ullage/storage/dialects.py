"""The databases that Ullage runs on, and the urls that name them. A further database is a further class here."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pymysql
from pymysql.constants import CLIENT
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Engine,
    FromClause,
    Insert,
    Select,
    Table,
    Text,
    Update,
    any_,
    bindparam,
    event,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import PoolResetState

from ullage.storage import bulk, mariadb_ahead, statements
from ullage.storage.bulk import Row
from ullage.storage.dialect import Dialect as Dialect
from ullage.storage.encryption import Encryption
from ullage.storage.mariadb_locks import named_lock, table_lock
from ullage.storage.statements import Answer, raise_translated
from ullage.storage.trouble import BadDatabaseUrl, ServerUnfit, StorageUnavailable
from ullage.storage.turns import Turns

CONNECT_SECONDS_MAX = 10
LOCK_SECONDS_MAX = 10
"""How long a statement waits for a lock; then its transaction is tried again."""
STATEMENT_SECONDS_MAX = 120
IDLE_SECONDS_MAX = 120
"""How long a process may sit in a transaction (frozen, or its host gone) before the server takes its locks away."""
UPGRADE_SECONDS_MAX = 600
"""How long one host waits while another upgrades the database."""
UPGRADE_LOCK = 0x756C6C616765
_log = logging.getLogger(__name__)


class Sqlite(Dialect):
    """A file. Writers queue for the one write lock; WAL lets readers go on meanwhile."""

    name = "sqlite"
    driver = "sqlite+pysqlite"
    driver_error = sqlite3.Error
    takes_one_row = True
    session = (
        "PRAGMA foreign_keys = ON",
        "PRAGMA synchronous = FULL",  # every commit is on disk before it is answered
    )
    begin_reading = ("BEGIN",)
    begin_writing = ("BEGIN IMMEDIATE",)
    retryable = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
    unavailable = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
    forbidden = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})

    def check_url(self, url: URL) -> None:
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise BadDatabaseUrl("A SQLite database needs a file, such as sqlite:////var/lib/ullage/ullage.db")
        folder = Path(url.database).absolute().parent
        if not folder.is_dir():
            raise StorageUnavailable(f"The folder {folder} of the database file does not exist")

    def connect_arguments(self, url: URL, *, writes: bool) -> dict[str, Any]:
        return {"isolation_level": None, "timeout": LOCK_SECONDS_MAX, "check_same_thread": False}

    def prepare(self, connection: Connection) -> None:
        if sqlite3.sqlite_version_info < (3, 35):
            raise ServerUnfit(f"SQLite 3.35 or newer is needed; Python came with {sqlite3.sqlite_version}")
        if connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar_one() != "wal":
            raise ServerUnfit("The database file is on a file system that has no shared memory for SQLite's WAL")

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        yield  # every writing transaction is alone

    def code(self, error: BaseException) -> int | None:
        extended = getattr(error, "sqlite_errorcode", None)
        return None if extended is None else extended & 0xFF

    def turns(self, url: URL) -> Callable[[], AbstractContextManager[None]]:
        return Turns(str(url.database), LOCK_SECONDS_MAX).taken

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        return statement  # BEGIN IMMEDIATE has locked the whole file

    def skipping_insert(self, table: Table) -> Insert:
        return sqlite.insert(table).on_conflict_do_nothing()

    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column.in_(select(func.json_each(bindparam(name, type_=Text())).table_valued("value").c.value))

    def list_parameter(self, values: Sequence[Any]) -> str:
        return json.dumps(values)

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        return bulk.update_where(table, wanted, changed, bulk.bound([*wanted, *changed]))


class Postgresql(Dialect):
    """PostgreSQL 15 or newer, through psycopg 3."""

    name = "postgresql"
    driver = "postgresql+psycopg"
    driver_error = psycopg.Error
    sends_ahead = True
    session = (
        # an answered write is on disk, whatever the server does for others
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    )
    writing_session = (
        # Statements that write are prepared, with one plan for any parameters. All of them look up by an index; while a
        # table is small another plan would seem cheaper, and be kept when it has grown.
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false), "
        "set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false), "
        "set_config('enable_mergejoin', 'off', false)",
    )
    begin_reading = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    begin_writing = ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",)
    retryable = frozenset({"40001", "40P01", "55P03"})
    unavailable = frozenset({"53300", "57014", "57P01", "57P02", "57P03"})
    """57014: a statement was cut off at its time limit."""
    forbidden = frozenset({"42501"})

    def check_url(self, url: URL) -> None:
        _need_database(url)

    def connect_arguments(self, url: URL, *, writes: bool) -> dict[str, Any]:
        limits = {
            "statement_timeout": STATEMENT_SECONDS_MAX,
            "lock_timeout": LOCK_SECONDS_MAX,
            "idle_in_transaction_session_timeout": IDLE_SECONDS_MAX,
        }
        arguments = {
            "connect_timeout": CONNECT_SECONDS_MAX,
            "tcp_user_timeout": 1000 * CONNECT_SECONDS_MAX,
            "application_name": "ullage",
            "client_encoding": "utf8",
            "options": " ".join(f"-c {name}={1000 * seconds}" for name, seconds in limits.items()),
            # see `writing_session`: what reads is planned each time
            "prepare_threshold": 0 if writes else None,
            **Encryption.of(url).for_postgresql(),
        }
        return _unsaid(arguments, url) | {"autocommit": True}

    def prepare(self, connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < (15,):
            raise ServerUnfit(f"PostgreSQL 15 or newer is needed; the server is {_dotted(version)}")
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise ServerUnfit(f"The database's encoding must be UTF8; it is {encoding}")
        if connection.exec_driver_sql("SHOW fsync").scalar_one() != "on":
            _log.warning("PostgreSQL runs with fsync off: a crash of its host can lose or spoil what was answered")

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {1000 * UPGRADE_SECONDS_MAX}")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        yield

    def code(self, error: BaseException) -> str | None:
        return getattr(error, "sqlstate", None)

    def skipping_insert(self, table: Table) -> Insert:
        return postgresql.insert(table).on_conflict_do_nothing()

    @contextmanager
    def ahead(self, connection: Connection) -> Iterator[None]:
        try:
            with _psycopg(connection).pipeline():
                yield
        except psycopg.Error as error:
            raise_translated(connection, error)

    def commit(self, connection: Connection) -> None:
        driver = _psycopg(connection)
        if driver.pgconn.pipeline_status:
            driver.execute("COMMIT")
        else:
            super().commit(connection)

    def counted(self, statement: Update | Delete) -> Update | Delete:
        return statement.returning(literal(1))  # a row can be waited for, the number of rows only to the end of `ahead`

    def count(self, answer: Answer) -> int:
        return len(answer.rows())

    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column == any_(bulk.array_of(column, name))

    def list_parameter(self, values: Sequence[Any]) -> str:
        return bulk.array(values)

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        return bulk.array_table(columns)

    def parameters(self, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> dict[str, Any]:
        return bulk.array_parameters(rows)


class Mariadb(Dialect):
    """MariaDB 10.11 or newer, single or a Galera cluster, through PyMySQL."""

    name = "mariadb"
    driver = "mariadb+pymysql"
    driver_error = pymysql.Error
    sends_ahead = True
    engine_options = MappingProxyType({"pool_reset_on_return": None})  # see `engine`
    session = (
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "SET SESSION tx_isolation = 'REPEATABLE-READ'",
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS_MAX}",
        f"SET SESSION max_statement_time = {STATEMENT_SECONDS_MAX}",
        f"SET SESSION idle_transaction_timeout = {IDLE_SECONDS_MAX}",
    )
    writing_session = ("SET SESSION tx_isolation = 'READ-COMMITTED'",)
    begin_reading = ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)
    begin_writing = ("START TRANSACTION READ WRITE",)
    retryable = frozenset({1020, 1205, 1213, 1412})
    """Record changed since last read, lock wait timeout, deadlock (Galera says that of a failed certification, too),
    table changed by an upgrade since the snapshot."""
    unavailable = frozenset({1040, 1047, 1053, 1203, 1927, 1969})
    """1969: a statement was cut off at its time limit."""
    forbidden = frozenset({1044, 1142, 1143, 1227})

    def check_url(self, url: URL) -> None:
        _need_database(url)

    def engine(self, url: URL, pool_size: int, *, writes: bool = False) -> Engine:
        engine = super().engine(url, pool_size, writes=writes)

        def end(connection: Any, _record: Any, state: PoolResetState) -> None:
            # the driver would ask the server to roll back what has ended already
            if not state.transaction_was_reset and mariadb_ahead.is_in_transaction(connection):
                connection.rollback()

        event.listen(engine, "reset", end)
        return engine

    def connect_arguments(self, url: URL, *, writes: bool) -> dict[str, Any]:
        arguments = {
            "connect_timeout": CONNECT_SECONDS_MAX,
            "read_timeout": STATEMENT_SECONDS_MAX + CONNECT_SECONDS_MAX,
            "write_timeout": STATEMENT_SECONDS_MAX,
            "charset": "utf8mb4",
            **Encryption.of(url).for_mariadb(),
            "client_flag": CLIENT.FOUND_ROWS | (CLIENT.MULTI_STATEMENTS if writes else 0),
        }
        return _unsaid(arguments, url) | {"autocommit": True}

    def set_up(self, connection: Any, *, writes: bool) -> None:
        super().set_up(connection, writes=writes)
        with connection.cursor() as cursor:
            if cursor.execute("SHOW VARIABLES LIKE 'wsrep_sync_wait'"):
                # on a cluster, a transaction begins only when this node has applied what others answered before
                cursor.execute("SET SESSION wsrep_sync_wait = 1")

    def prepare(self, connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < (10, 11):
            raise ServerUnfit(f"MariaDB 10.11 or newer is needed; the server is {_dotted(version)}")
        flush = connection.exec_driver_sql("SELECT @@innodb_flush_log_at_trx_commit").scalar_one()
        if flush not in (1, 3) and not _is_cluster(connection):
            _log.warning("MariaDB runs with innodb_flush_log_at_trx_commit = %s: a crash can lose answers", flush)

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        connection.detach()  # so that this setting ends with it
        connection.exec_driver_sql("SET SESSION max_statement_time = 0")
        lock = table_lock if _is_cluster(connection) else named_lock
        with lock(connection, UPGRADE_SECONDS_MAX):
            yield

    def code(self, error: BaseException) -> int | None:
        return error.args[0] if error.args and isinstance(error.args[0], int) else None

    def is_constraint_violation(self, error: BaseException) -> bool:
        if isinstance(error, DBAPIError) and self.code(error.orig or error) == 4025:  # CHECK, which PyMySQL mislabels
            return True
        return super().is_constraint_violation(error)

    def skipping_insert(self, table: Table) -> Insert:
        # not INSERT IGNORE, which also cuts long values and lets wrong foreign keys in
        same = {each.name: each for each in list(table.primary_key)[:1]}
        return mysql.insert(table).on_duplicate_key_update(same)

    def count_up(self, statement: Update, column: Column[int]) -> Update:
        return statement.values({column: func.last_insert_id(column + 1)})  # MariaDB has no UPDATE ... RETURNING

    def counter(self, answer: Answer) -> int | None:
        return answer.new_key() if answer.count() else None

    def ahead(self, connection: Connection) -> AbstractContextManager[None]:
        return mariadb_ahead.ahead(connection)

    def begin_ahead(self, connection: Connection) -> None:
        for statement in self.begin_writing:
            statements.execute(connection, self.cursor(connection), statement, {}, many=False)

    def cursor(self, connection: Connection) -> Any:
        return mariadb_ahead.cursor(connection) or super().cursor(connection)

    def commit(self, connection: Connection) -> None:
        waiting = mariadb_ahead.cursor(connection)
        if waiting is None:
            super().commit(connection)
            return
        try:
            waiting.execute("COMMIT", {})
            waiting.fetchall()
        except pymysql.Error as error:
            raise_translated(connection, error)

    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column.bool_op("IN")(bindparam(name))  # the driver writes a tuple as a list in brackets

    def list_parameter(self, values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(values) or (None,)  # no brackets may be empty; NULL is equal to nothing

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        return bulk.json_table(columns)

    def parameters(self, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> dict[str, Any]:
        return bulk.json_parameters(rows)

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        return bulk.update_joined(table, wanted, changed, self.data([*wanted, *changed]))


def _psycopg(connection: Connection) -> psycopg.Connection[Any]:
    return connection.connection.driver_connection  # type: ignore[return-value]  # that is what the driver makes


def _is_cluster(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("SELECT @@wsrep_on").scalar_one())


def _need_database(url: URL) -> None:
    if not url.database:
        raise BadDatabaseUrl(
            f"The database url names no database; write {url.drivername}://USER:PASSWORD@HOST/DATABASE"
        )
    Encryption.of(url)


def _unsaid(arguments: dict[str, Any], url: URL) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in url.query}


def _dotted(version: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in version)


DIALECTS: Mapping[str, Dialect] = {
    "sqlite": Sqlite(),
    "postgresql": Postgresql(),
    "mysql": Mariadb(),
    "mariadb": Mariadb(),
}
"""By the name that a url begins with."""


def read_url(text: str) -> tuple[Dialect, URL]:
    """The dialect and the parsed url, or BadDatabaseUrl."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl(
            "The database url cannot be read; write sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE "
            "or mysql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    dialect = DIALECTS.get(url.drivername.partition("+")[0])
    if dialect is None:
        raise BadDatabaseUrl(f"Ullage has no database called {url.drivername!r}, only {', '.join(DIALECTS)}")
    driver = url.drivername.partition("+")[2]
    if driver and driver != dialect.driver.partition("+")[2]:
        raise BadDatabaseUrl(f"Ullage does not use the driver {driver!r}; leave it out: {dialect.name}://...")
    dialect.check_url(url)
    return dialect, url
