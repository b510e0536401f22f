"""What differs from database to database: how to connect, to begin and to lock, to write many rows; what errors mean.

All drivers run in autocommit mode and every transaction is begun by a statement of ours, so that what it isolates is
written in `dialects` and not hidden in a driver.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, ClassVar

from sqlalchemy import URL, Column, Connection, Engine, FromClause, Select, Table, Update, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError

from ullage.storage import bulk
from ullage.storage.bulk import Row
from ullage.storage.trouble import CommitUnknown, StorageUnavailable

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

    def turns(self, url: URL) -> Callable[[], AbstractContextManager[None]]:
        """What a process waits for before it begins to write, so that all get their turn."""
        return nullcontext  # a server's locks are given in order of arrival

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
