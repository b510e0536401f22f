"""MariaDB, single or a Galera cluster."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any

import pymysql
from pymysql.constants import CLIENT
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Insert,
    Select,
    Table,
    Update,
    bindparam,
    event,
    func,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolResetState

from ullage.storage import bulk, mariadb_ahead, patience
from ullage.storage.bulk import Row
from ullage.storage.dialect import (
    CONNECT_SECONDS_MAX,
    IDLE_SECONDS_MAX,
    LOCK_SECONDS_MAX,
    STATEMENT_SECONDS_MAX,
    UPGRADE_SECONDS_MAX,
    Dialect,
    dotted,
    need_database,
    unsaid,
)
from ullage.storage.encryption import Encryption
from ullage.storage.mariadb_locks import named_lock, table_lock
from ullage.storage.mariadb_packed import PackedStatement, in_memory
from ullage.storage.statements import Answer, Statement, raise_translated
from ullage.storage.trouble import ServerUnfit

_log = logging.getLogger(__name__)


class Mariadb(Dialect):
    """MariaDB 10.11 or newer, single or a Galera cluster, through PyMySQL."""

    name = "mariadb"
    driver = "mariadb+pymysql"
    driver_error = pymysql.Error
    sends_ahead = True
    engine_options = MappingProxyType({"pool_reset_on_return": None})  # see `engine`
    session = (
        # without backslashes, the driver makes a text a literal by doubling its quotes, and no JSON grows by that
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'",
        "SET SESSION tx_isolation = 'REPEATABLE-READ'",
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS_MAX}",
        f"SET SESSION lock_wait_timeout = {LOCK_SECONDS_MAX}",  # for tables
        f"SET SESSION max_statement_time = {STATEMENT_SECONDS_MAX}",
        f"SET SESSION idle_transaction_timeout = {IDLE_SECONDS_MAX}",
        "SET SESSION group_concat_max_len = 16777216",  # see `packed`
    )
    writing_session = ("SET SESSION tx_isolation = 'READ-COMMITTED'",)
    begin_reading = ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)
    begin_writing = ("START TRANSACTION READ WRITE",)
    retryable = frozenset({1020, 1205, 1213, 1412})
    """Record changed since last read, lock wait timeout, deadlock (Galera says that of a failed certification, too),
    table changed by an upgrade since the snapshot."""
    waited = frozenset({1205})
    ended = frozenset({1317, 1969})
    unavailable = frozenset({1040, 1047, 1053, 1203, 1927}) | {
        *(1021, 1030, 1037, 1041, 1114),  # no room left on its disk or in its memory
        *(1290, 1836),  # it only reads: a replica, or a primary that became one
    }
    forbidden = frozenset({1044, 1142, 1143, 1227})
    names_table = re.compile(r" denied to user .* for table (?:`\w+`\.)?[`'](\w+)[`']")

    def check_url(self, url: URL) -> None:
        need_database(url)

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
            "read_timeout": patience.ANSWER_SECONDS_MAX,
            "write_timeout": STATEMENT_SECONDS_MAX,
            "charset": "utf8mb4",
            **Encryption.of(url).for_mariadb(),
            "client_flag": CLIENT.FOUND_ROWS | (CLIENT.MULTI_STATEMENTS if writes else 0),
        }
        return unsaid(arguments, url) | {"autocommit": True}

    def set_up(self, connection: Any, *, writes: bool) -> None:
        patience.watch_host(connection._sock)
        super().set_up(connection, writes=writes)
        with connection.cursor() as cursor:
            if cursor.execute("SHOW VARIABLES LIKE 'wsrep_sync_wait'"):
                # on a cluster, a transaction begins only when this node has applied what others answered before
                cursor.execute("SET SESSION wsrep_sync_wait = 1")

    def prepare(self, connection: Connection) -> None:
        version = connection.dialect.server_version_info or ()
        if version < (10, 11):
            raise ServerUnfit(f"MariaDB 10.11 or newer is needed; the server is {dotted(version)}")
        flush = connection.exec_driver_sql("SELECT @@innodb_flush_log_at_trx_commit").scalar_one()
        if flush not in (1, 3) and not _is_cluster(connection):
            _log.warning("MariaDB runs with innodb_flush_log_at_trx_commit = %s: a crash can lose answers", flush)

    @contextmanager
    def upgrade_lock(self, connection: Connection) -> Iterator[None]:
        driver: Any = connection.connection.driver_connection
        connection.detach()  # so that these settings end with it
        driver._read_timeout = None
        connection.exec_driver_sql(f"SET SESSION max_statement_time = 0, lock_wait_timeout = {UPGRADE_SECONDS_MAX}")
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

    def reading(self, select: Select[Any]) -> Statement:
        return PackedStatement(select, self)

    def of_each(self, rows: Select[Any], column: ColumnElement[Any], keys: FromClause) -> Select[Any]:
        # in this order, whatever the planner thinks of the tables' sizes
        return rows.select_from(keys).where(column == keys.c.id).prefix_with("STRAIGHT_JOIN")

    def packed(self, columns: Sequence[ColumnElement[Any]], *, may_cut: bool) -> ColumnElement[Any]:
        return in_memory(columns) if may_cut else func.json_arrayagg(func.json_array(*columns))

    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column.bool_op("IN")(bindparam(name))  # the driver writes a tuple as a list in brackets

    def list_parameter(self, values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(values) or (None,)  # no brackets may be empty; NULL is equal to nothing

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        return bulk.json_table(columns)

    def parameters(self, rows: Sequence[Row]) -> dict[str, Any]:
        return bulk.json_parameters(rows)

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        return bulk.update_joined(table, wanted, changed, self.data([*wanted, *changed]))


def _is_cluster(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("SELECT @@wsrep_on").scalar_one())
