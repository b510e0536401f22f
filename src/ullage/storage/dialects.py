"""One Dialect per database: how to connect, to begin and to lock, how to write many rows, which error means what.

All drivers run in autocommit mode and every transaction is begun by a statement of ours, so that what it isolates is
written here and not hidden in a driver.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    FromClause,
    Select,
    Table,
    Update,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from ullage.storage import bulk
from ullage.storage.bulk import Row
from ullage.storage.mariadb_locks import named_lock, table_lock
from ullage.storage.trouble import BadDatabaseUrl, CommitUnknown, ServerUnfit, StorageUnavailable

CONNECT_SECONDS_MAX = 10
LOCK_SECONDS_MAX = 10
"""How long a statement waits for a lock; then its transaction is tried again."""
STATEMENT_SECONDS_MAX = 120
IDLE_SECONDS_MAX = 120
"""How long a process may sit in a transaction (frozen, or its host gone) before the server takes its locks away."""
UPGRADE_SECONDS_MAX = 600
"""How long one host waits while another upgrades the database."""
UPGRADE_LOCK = 0x756C6C616765
POOL_OVERFLOW = 4
POOL_SECONDS_MAX = 10


class Dialect(ABC):
    """What differs from database to database. Instances hold no state."""

    name: ClassVar[str]
    driver: ClassVar[str]
    """SQLAlchemy's name of dialect and driver."""
    session: ClassVar[tuple[str, ...]] = ()
    """Statements for every new connection."""
    begin_reading: ClassVar[tuple[str, ...]]
    """Statements that begin a transaction whose every SELECT sees one snapshot."""
    begin_writing: ClassVar[tuple[str, ...]]
    """Statements that begin a transaction whose later SELECTs see what others committed before they started."""
    retryable: ClassVar[frozenset[int | str]]
    """Codes of deadlocks, lock timeouts, serialization and certification failures."""
    unavailable: ClassVar[frozenset[int | str]] = frozenset()
    """Codes of a server that answers, but takes no work at the moment."""

    def engine(self, url: URL, pool_size: int) -> Engine:
        """An engine for this url that has not connected yet."""
        engine = create_engine(
            url.set(drivername=self.driver),
            connect_args=self.connect_arguments(url),
            pool_size=pool_size,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_SECONDS_MAX,
            hide_parameters=True,
        )
        event.listen(engine, "connect", lambda connection, _record: self.set_up(connection))
        return engine

    @abstractmethod
    def check_url(self, url: URL) -> None:
        """Raise BadDatabaseUrl or StorageUnavailable where the url alone shows that it cannot work."""

    @abstractmethod
    def connect_arguments(self, url: URL) -> dict[str, Any]:
        """The driver's arguments, without those that the url itself gives."""

    def set_up(self, connection: Any) -> None:
        """Give a new driver connection its `session` settings."""
        cursor = connection.cursor()
        for statement in self.session:
            cursor.execute(statement)
        cursor.close()

    @abstractmethod
    def prepare(self, connection: Connection) -> None:
        """Make settings that last, outside a transaction. ServerUnfit if the database cannot keep Ullage's promises."""

    @abstractmethod
    def upgrade_lock(self, connection: Connection) -> AbstractContextManager[None]:
        """Inside a writing transaction: wait until no other process, on any host, upgrades this database."""

    @abstractmethod
    def code(self, error: BaseException) -> int | str | None:
        """The database's own code of a driver's error."""

    def is_retryable(self, error: BaseException) -> bool:
        """Whether the transaction failed only because of others, and may succeed when it is run again."""
        return isinstance(error, DBAPIError) and self.code(error.orig or error) in self.retryable

    def is_constraint_violation(self, error: BaseException) -> bool:
        """Whether a constraint of the schema (unique, foreign key, not null, check) refused a row."""
        return isinstance(error, IntegrityError)

    def is_disconnect(self, error: BaseException) -> bool:
        """Whether the connection is gone; only after CommitUnknown may anything have been changed."""
        if isinstance(error, DBAPIError):
            return error.connection_invalidated or self.code(error.orig or error) in self.unavailable
        return isinstance(error, StorageUnavailable | CommitUnknown)

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        """The same SELECT, locking the rows it finds until the transaction ends. Give it an ORDER BY of keys."""
        return statement.with_for_update()

    @abstractmethod
    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert those rows that break no unique constraint; leave out the others without an error."""

    def update_rows(
        self, connection: Connection, table: Table, keys: Sequence[str], values: Sequence[str], rows: Sequence[Row]
    ) -> int:
        """Update many rows at once; answers how many were found (also if their values were the same already).

        Each row holds, in this order, what the columns `keys` must have and what the columns `values` shall have. No
        two rows may name the same key. A column may be in both: then its old value is a condition.
        """
        if not rows:
            return 0
        columns = [table.c[name] for name in (*keys, *values)]
        statement = _update_statement(self, table, tuple(keys), tuple(values))
        return connection.execute(statement, self.parameters(columns, rows)).rowcount

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        """Rows given as parameters, as a table with columns p0, p1, ... typed like these. SQLite has no such table."""
        raise NotImplementedError(f"{self.name} has no tables of parameters")

    @abstractmethod
    def parameters(self, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> bulk.Parameters:
        """What to execute a statement with that uses `data` (SQLite: the bound parameters p0, p1, ...)."""

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        """The statement of `update_rows`."""
        return bulk.update_where(table, wanted, changed, list(self.data([*wanted, *changed]).c))


@cache
def _update_statement(dialect: Dialect, table: Table, keys: tuple[str, ...], values: tuple[str, ...]) -> Update:
    return dialect.update_statement(table, [table.c[name] for name in keys], [table.c[name] for name in values])


class Sqlite(Dialect):
    """A file. Writers queue for the one write lock; WAL lets readers go on meanwhile."""

    name = "sqlite"
    driver = "sqlite+pysqlite"
    session = (
        "PRAGMA foreign_keys = ON",
        "PRAGMA synchronous = FULL",  # every commit is on disk before it is answered
    )
    begin_reading = ("BEGIN",)
    begin_writing = ("BEGIN IMMEDIATE",)
    retryable = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

    def check_url(self, url: URL) -> None:
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise BadDatabaseUrl("A SQLite database needs a file, such as sqlite:////var/lib/ullage/ullage.db")
        folder = Path(url.database).absolute().parent
        if not folder.is_dir():
            raise StorageUnavailable(f"The folder {folder} of the database file does not exist")

    def connect_arguments(self, url: URL) -> dict[str, Any]:
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

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        return statement  # BEGIN IMMEDIATE has locked the whole file

    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)

    def parameters(self, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> bulk.Parameters:
        return [dict(zip(bulk.places(columns), row, strict=True)) for row in rows]

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        return bulk.update_where(table, wanted, changed, bulk.bound([*wanted, *changed]))


class Postgresql(Dialect):
    """PostgreSQL 15 or newer, through psycopg 3."""

    name = "postgresql"
    driver = "postgresql+psycopg"
    begin_reading = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    begin_writing = ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",)
    retryable = frozenset({"40001", "40P01", "55P03"})
    unavailable = frozenset({"53300", "57P01", "57P02", "57P03"})

    def check_url(self, url: URL) -> None:
        _need_database(url)

    def connect_arguments(self, url: URL) -> dict[str, Any]:
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
            # a prepared statement that was planned while a table was small would scan it whole long after it has grown
            "prepare_threshold": None,
        }
        return _unsaid(arguments, url) | {"autocommit": True}

    def prepare(self, connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < (15,):
            raise ServerUnfit(f"PostgreSQL 15 or newer is needed; the server is {_dotted(version)}")
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise ServerUnfit(f"The database's encoding must be UTF8; it is {encoding}")

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {1000 * UPGRADE_SECONDS_MAX}")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        yield

    def code(self, error: BaseException) -> str | None:
        return getattr(error, "sqlstate", None)

    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        return bulk.array_table(columns)

    def parameters(self, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> bulk.Parameters:
        return bulk.array_parameters(rows)


class Mariadb(Dialect):
    """MariaDB 10.11 or newer, single or a Galera cluster, through PyMySQL."""

    name = "mariadb"
    driver = "mariadb+pymysql"
    session = (
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
        "SET SESSION tx_isolation = 'REPEATABLE-READ'",
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS_MAX}",
        f"SET SESSION max_statement_time = {STATEMENT_SECONDS_MAX}",
        f"SET SESSION idle_transaction_timeout = {IDLE_SECONDS_MAX}",
    )
    begin_reading = ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)
    begin_writing = ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION READ WRITE")
    retryable = frozenset({1020, 1205, 1213})
    """Record changed since last read, lock wait timeout, deadlock (Galera says that of a failed certification, too)."""
    unavailable = frozenset({1040, 1047, 1053, 1203, 1927})

    def check_url(self, url: URL) -> None:
        _need_database(url)

    def connect_arguments(self, url: URL) -> dict[str, Any]:
        arguments = {
            "connect_timeout": CONNECT_SECONDS_MAX,
            "read_timeout": STATEMENT_SECONDS_MAX + CONNECT_SECONDS_MAX,
            "write_timeout": STATEMENT_SECONDS_MAX,
            "charset": "utf8mb4",
        }
        return _unsaid(arguments, url) | {"autocommit": True}

    def set_up(self, connection: Any) -> None:
        super().set_up(connection)
        with connection.cursor() as cursor:
            if cursor.execute("SHOW VARIABLES LIKE 'wsrep_sync_wait'"):
                # on a cluster, a transaction begins only when this node has applied what others answered before
                cursor.execute("SET SESSION wsrep_sync_wait = 1")

    def prepare(self, connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < (10, 11):
            raise ServerUnfit(f"MariaDB 10.11 or newer is needed; the server is {_dotted(version)}")

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql("SET SESSION max_statement_time = 0")
        is_cluster = connection.exec_driver_sql("SELECT @@wsrep_on").scalar_one()
        lock = table_lock if is_cluster else named_lock
        with lock(connection, UPGRADE_SECONDS_MAX):
            yield
        connection.exec_driver_sql(f"SET SESSION max_statement_time = {STATEMENT_SECONDS_MAX}")

    def code(self, error: BaseException) -> int | None:
        return error.args[0] if error.args and isinstance(error.args[0], int) else None

    def is_constraint_violation(self, error: BaseException) -> bool:
        if isinstance(error, DBAPIError) and self.code(error.orig or error) == 4025:  # CHECK, which PyMySQL mislabels
            return True
        return super().is_constraint_violation(error)

    def insert_missing(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            # not INSERT IGNORE, which also cuts long values and lets wrong foreign keys in
            same = {each.name: each for each in list(table.primary_key)[:1]}
            connection.execute(mysql.insert(table).on_duplicate_key_update(same), rows)

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        return bulk.json_table(columns)

    def parameters(self, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> bulk.Parameters:
        return bulk.json_parameters(rows)

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        return bulk.update_joined(table, wanted, changed, self.data([*wanted, *changed]))


def _need_database(url: URL) -> None:
    if not url.database:
        raise BadDatabaseUrl(
            f"The database url names no database; write {url.drivername}://USER:PASSWORD@HOST/DATABASE"
        )


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
