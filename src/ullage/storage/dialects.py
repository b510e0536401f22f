"""The databases that Ullage runs on, and the urls that name them. A further database is a further class here."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Float,
    FromClause,
    Insert,
    Select,
    Table,
    Text,
    Update,
    any_,
    bindparam,
    cast,
    event,
    func,
    literal,
    make_url,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect as SqlalchemyDialect
from sqlalchemy.exc import ArgumentError, DBAPIError

from ullage.storage import bulk, postgresql_ahead
from ullage.storage.bulk import Row
from ullage.storage.dialect import (
    CONNECT_SECONDS_MAX,
    IDLE_SECONDS_MAX,
    LOCK_SECONDS_MAX,
    STATEMENT_SECONDS_MAX,
    UPGRADE_SECONDS_MAX,
    dotted,
    need_database,
    unsaid,
)
from ullage.storage.dialect import Dialect as Dialect
from ullage.storage.encryption import Encryption
from ullage.storage.mariadb import Mariadb
from ullage.storage.patience import KEEPALIVE, Patient
from ullage.storage.statements import Answer, raise_translated
from ullage.storage.trouble import BadDatabaseUrl, ServerUnfit, StorageUnavailable
from ullage.storage.turns import Turns

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
    waited = frozenset({sqlite3.SQLITE_BUSY})
    unavailable = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
    forbidden = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})

    def check_url(self, url: URL) -> None:
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise BadDatabaseUrl("A SQLite database needs a file, such as sqlite:////var/lib/ullage/ullage.db")
        folder = Path(url.database).absolute().parent
        if not folder.is_dir():
            raise StorageUnavailable(f"The folder {folder} of the database file does not exist")

    def engine(self, url: URL, pool_size: int, *, writes: bool = False) -> Engine:
        engine = super().engine(url, pool_size, writes=writes)
        event.listen(engine, "do_connect", lambda *_: _make_private(str(url.database)))
        return engine

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

    def denied(self, error: DBAPIError) -> str:
        return "it may only be read"

    def turns(self, url: URL) -> Callable[[], AbstractContextManager[None]]:
        return Turns(str(url.database), LOCK_SECONDS_MAX).taken

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        return statement  # BEGIN IMMEDIATE has locked the whole file

    def skipping_insert(self, table: Table) -> Insert:
        return sqlite.insert(table).on_conflict_do_nothing()

    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column.in_(select(func.json_each(bindparam(name, type_=Text())).table_valued("value").c.value))

    def packed(self, columns: Sequence[ColumnElement[Any]], *, may_cut: bool) -> ColumnElement[Any]:
        # by itself it would write 15 digits of a number
        exact = (func.json(func.printf("%!.17g", each)) if isinstance(each.type, Float) else each for each in columns)
        return func.json_group_array(func.json_array(*exact))

    def first(self, rows: Select[Any], most: int) -> Select[Any]:
        return select(*rows.limit(most).subquery().c)  # no part of its UNION may have a LIMIT

    def list_parameter(self, values: Sequence[Any]) -> str:
        return json.dumps(values)

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        return bulk.update_where(table, wanted, changed, bulk.bound([*wanted, *changed]))


def _make_private(file: str) -> None:
    """Make a database file that is not there yet, for its owner alone; SQLite gives the files beside it the same mode.

    It is not opened for that: to close it would take away the locks that other connections of this process have on it.
    """
    with suppress(OSError):  # it is there, or SQLite tells what hinders it
        os.mknod(os.path.realpath(file), 0o600)


_psycopg_dialect: Any = postgresql.psycopg.dialect  # SQLAlchemy has not annotated how to make one
_NUMBERED: SqlalchemyDialect = _psycopg_dialect(paramstyle="numeric_dollar")
"""Writes parameters as the server itself takes them: $1, $2, ..."""


class Postgresql(Dialect):
    """PostgreSQL 15 or newer, through psycopg 3."""

    name = "postgresql"
    driver = "postgresql+psycopg"
    driver_error = psycopg.Error
    sends_ahead = True
    session = (
        # an answered write is on disk, whatever the server does for others
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        "SELECT set_config('jit', 'off', false)",  # no statement is worth a compilation, and some may be taken to be
    )
    writing_session = (
        # Statements that write are prepared, with one plan for any parameters. All of them look up by an index; while a
        # table is small another plan would seem cheaper, and be kept when it has grown.
        "SELECT set_config('plan_cache_mode', 'force_generic_plan', false), "
        "set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false), "
        "set_config('enable_mergejoin', 'off', false)",
    )
    begin_reading = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    begin_writing = ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",)
    retryable = frozenset({"40001", "40P01", "55P03"})
    waited = frozenset({"55P03"})
    ended = frozenset({"57014"})
    unavailable = frozenset({"53300", "57P01", "57P02", "57P03"}) | {
        *("53100", "53200", "53400"),  # no room left on its disk, in its memory, or by its settings
        *("25006", "0A000"),  # it only reads: a standby, or a primary that became one
        "26000",  # it has not prepared what this connection prepared: a pooler gave it to somebody else
    }
    forbidden = frozenset({"42501"})
    names_table = re.compile(r"^permission denied for table (\w+)")

    def check_url(self, url: URL) -> None:
        need_database(url)

    def engine(self, url: URL, pool_size: int, *, writes: bool = False) -> Engine:
        engine = super().engine(url, pool_size, writes=writes)
        event.listen(engine, "do_connect", lambda _dialect, _record, args, given: Patient.connect(*args, **given))
        return engine

    def connect_arguments(self, url: URL, *, writes: bool) -> dict[str, Any]:
        limits = {
            "statement_timeout": STATEMENT_SECONDS_MAX,
            "lock_timeout": LOCK_SECONDS_MAX,
            "idle_in_transaction_session_timeout": IDLE_SECONDS_MAX,
        }
        arguments = {
            "connect_timeout": CONNECT_SECONDS_MAX,
            "tcp_user_timeout": 1000 * CONNECT_SECONDS_MAX,
            **KEEPALIVE,
            "application_name": "ullage",
            "client_encoding": "utf8",
            "options": " ".join(f"-c {name}={1000 * seconds}" for name, seconds in limits.items()),
            # the driver prepares nothing: what reads is planned each time, what writes is `postgresql_ahead`'s
            "prepare_threshold": None,
            **Encryption.of(url).for_postgresql(),
        }
        return unsaid(arguments, url) | {"autocommit": True}

    def prepare(self, connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < (15,):
            raise ServerUnfit(f"PostgreSQL 15 or newer is needed; the server is {dotted(version)}")
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise ServerUnfit(f"The database's encoding must be UTF8; it is {encoding}")
        if connection.exec_driver_sql("SHOW fsync").scalar_one() != "on":
            _log.warning("PostgreSQL runs with fsync off: a crash of its host can lose or spoil what was answered")

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {1000 * UPGRADE_SECONDS_MAX}")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        driver = Patient.of(connection)
        driver.answer_seconds_max = math.inf
        try:
            connection.execute(select(func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            yield
        finally:
            driver.answer_seconds_max = None

    def code(self, error: BaseException) -> str | None:
        return getattr(error, "sqlstate", None)

    def said(self, error: BaseException) -> str:
        cause = error.orig if isinstance(error, DBAPIError) else error
        # the rest of what the server says may quote the statement
        primary = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
        return primary or super().said(error)

    def is_commit_unknown(self, error: BaseException) -> bool:
        return self.is_disconnect(error)  # a commit that is ended was rolled back

    def skipping_insert(self, table: Table) -> Insert:
        return postgresql.insert(table).on_conflict_do_nothing()

    @contextmanager
    def ahead(self, connection: Connection) -> Iterator[None]:
        try:
            with postgresql_ahead.ahead(connection):
                yield
        except psycopg.Error as error:
            raise_translated(connection, error)
        finally:
            if not connection.invalidated and Patient.of(connection).closed:
                connection.invalidate()  # there is nothing to roll back on it

    def cursor(self, connection: Connection) -> Any:
        return postgresql_ahead.cursor(connection) or psycopg.RawCursor(Patient.of(connection))

    def compiling(self, connection: Connection) -> SqlalchemyDialect:
        return _NUMBERED

    def commit(self, connection: Connection) -> None:
        pipelined = postgresql_ahead.cursor(connection)
        if pipelined is None:
            super().commit(connection)
        else:
            pipelined.execute("COMMIT", ())

    def counted(self, statement: Update | Delete) -> Update | Delete:
        return statement.returning(literal(1))  # a row can be waited for, the number of rows only to the end of `ahead`

    def count(self, answer: Answer) -> int:
        return len(answer.rows())

    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column == any_(bulk.array_of(column, name))

    def of_each(self, rows: Select[Any], column: ColumnElement[Any], keys: FromClause) -> Select[Any]:
        # It does not know how few keys there are, nor before a table's first ANALYZE how many rows a key has; left
        # free, it scans all inventories for 16 keys. An OFFSET keeps the inner SELECT whole: it is asked for each key.
        found = rows.where(column == keys.c.id).offset(0).lateral("found")
        return select(*found.c).select_from(keys.join(found, true()))

    def packed(self, columns: Sequence[ColumnElement[Any]], *, may_cut: bool) -> ColumnElement[Any]:
        return cast(func.json_agg(func.json_build_array(*columns)), Text)

    def list_parameter(self, values: Sequence[Any]) -> str:
        return bulk.array(values)

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        return bulk.array_table(columns)

    def parameters(self, rows: Sequence[Row]) -> dict[str, Any]:
        return bulk.array_parameters(rows)


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
