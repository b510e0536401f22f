"""What differs from database to database: how to connect, to begin and to lock, to write many rows; what errors mean.

All drivers run in autocommit mode and every transaction is begun by a statement of ours, so that what it isolates is
written in `dialects` and not hidden in a driver.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any, ClassVar

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
    Update,
    create_engine,
    event,
)
from sqlalchemy.engine import Dialect as SqlalchemyDialect
from sqlalchemy.exc import DBAPIError, IntegrityError

from ullage.storage import bulk
from ullage.storage.bulk import Row
from ullage.storage.encryption import Encryption, stripped
from ullage.storage.statements import Answer, Statement, send_text
from ullage.storage.trouble import BadDatabaseUrl, CommitUnknown, StorageUnavailable

CONNECT_SECONDS_MAX = 10
LOCK_SECONDS_MAX = 10
"""How long a statement waits for a lock; then its transaction is tried again."""
STATEMENT_SECONDS_MAX = 120
IDLE_SECONDS_MAX = 120
"""How long a process may sit in a transaction (frozen, or its host gone) before the server takes its locks away."""
UPGRADE_SECONDS_MAX = 600
"""How long one host waits while another upgrades the database."""
POOL_OVERFLOW = 4
POOL_SECONDS_MAX = 10


class Dialect(ABC):
    """What differs from database to database. Instances hold no state."""

    name: ClassVar[str]
    driver: ClassVar[str]
    """SQLAlchemy's name of dialect and driver."""
    driver_error: ClassVar[type[Exception]]
    """The base of all that the driver raises."""
    session: ClassVar[tuple[str, ...]] = ()
    """Statements for every new connection."""
    writing_session: ClassVar[tuple[str, ...]] = ()
    """Further ones for a connection that writes."""
    sends_ahead: ClassVar[bool] = False
    """Whether, within `ahead`, statements are sent before earlier ones were answered."""
    engine_options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Further arguments of `create_engine`."""
    takes_one_row: ClassVar[bool] = False
    """Whether a statement takes the parameters of one row, and is executed again for the next."""
    begin_reading: ClassVar[tuple[str, ...]]
    """Statements that begin a transaction whose every SELECT sees one snapshot."""
    begin_writing: ClassVar[tuple[str, ...]]
    """Statements that begin a transaction whose later SELECTs see what others committed before they started."""
    retryable: ClassVar[frozenset[int | str]]
    """Codes of deadlocks, lock timeouts, serialization and certification failures."""
    waited: ClassVar[frozenset[int | str]]
    """Those of them that say that a lock was waited for in vain, as long as a statement may."""
    ended: ClassVar[frozenset[int | str]] = frozenset()
    """Codes of a statement that was ended at its time limit, or by an operator."""
    unavailable: ClassVar[frozenset[int | str]] = frozenset()
    """Codes of a server that answers, but takes no work at the moment."""
    forbidden: ClassVar[frozenset[int | str]]
    """Codes of a statement that the role in use may not run."""
    names_table: ClassVar[re.Pattern[str] | None] = None
    """Finds the table in what the database says to such a statement."""

    def engine(self, url: URL, pool_size: int, *, writes: bool = False) -> Engine:
        """An engine for this url that has not connected yet, for transactions that write or for those that read."""
        engine = create_engine(
            stripped(url).set(drivername=self.driver),
            connect_args=self.connect_arguments(url, writes=writes),
            pool_size=pool_size,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_SECONDS_MAX,
            hide_parameters=True,
            **self.engine_options,
        )
        event.listen(engine, "connect", lambda connection, _record: self.set_up(connection, writes=writes))
        return engine

    @abstractmethod
    def check_url(self, url: URL) -> None:
        """Raise BadDatabaseUrl or StorageUnavailable where the url alone shows that it cannot work."""

    @abstractmethod
    def connect_arguments(self, url: URL, *, writes: bool) -> dict[str, Any]:
        """The driver's arguments, without those that the url itself gives."""

    def set_up(self, connection: Any, *, writes: bool) -> None:
        """Give a new driver connection its `session` settings."""
        cursor = connection.cursor()
        for statement in (*self.session, *(self.writing_session if writes else ())):
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

    def has_waited(self, error: BaseException) -> bool:
        """Whether a lock was not to be had in the time that a statement may wait for one."""
        return isinstance(error, DBAPIError) and self.code(error.orig or error) in self.waited

    def is_ended(self, error: BaseException) -> bool:
        """Whether a statement was ended for the time it took; the connection is still good."""
        return isinstance(error, DBAPIError) and self.code(error.orig or error) in self.ended

    def is_forbidden(self, error: BaseException) -> bool:
        """Whether the role in use may not do what was asked."""
        return isinstance(error, DBAPIError) and self.code(error.orig or error) in self.forbidden

    def denied(self, error: DBAPIError) -> str:
        """What the role in use may not do, in words that hold nothing of the statement."""
        match = self.names_table.search(str(error.orig)) if self.names_table else None
        return f"its role may not do what is needed with the table {match[1]}" if match else "its role may not do that"

    def said(self, error: BaseException) -> str:
        """What the database said of an error, on one line."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        words = " ".join(str(part) for part in (cause.args[1:] if len(cause.args) > 1 else cause.args))
        return " ".join(words.split()) or type(cause).__name__

    def is_constraint_violation(self, error: BaseException) -> bool:
        """Whether a constraint of the schema (unique, foreign key, not null, check) refused a row."""
        return isinstance(error, IntegrityError)

    def is_disconnect(self, error: BaseException) -> bool:
        """Whether the connection is gone; only after CommitUnknown may anything have been changed."""
        if isinstance(error, DBAPIError):
            return error.connection_invalidated or self.code(error.orig or error) in self.unavailable
        return isinstance(error, StorageUnavailable | CommitUnknown)

    def is_commit_unknown(self, error: BaseException) -> bool:
        """Whether a commit that failed like this may have taken effect."""
        return self.is_disconnect(error) or self.is_ended(error)

    def turns(self, url: URL) -> Callable[[], AbstractContextManager[None]]:
        """What a process waits for before it begins to write, so that all get their turn."""
        return nullcontext  # a server's locks are given in order of arrival

    def for_update(self, statement: Select[Any]) -> Select[Any]:
        """The same SELECT, locking the rows it finds until the transaction ends. Give it an ORDER BY of keys."""
        return statement.with_for_update()

    @abstractmethod
    def skipping_insert(self, table: Table) -> Insert:
        """An INSERT that leaves out, without an error, rows that would break a unique constraint."""

    def count_up(self, statement: Update, column: Column[int]) -> Update:
        """The same UPDATE of one row, which also raises a column by 1 and answers to `counter` what it is then."""
        return statement.values({column: column + 1}).returning(column)

    def counter(self, answer: Answer) -> int | None:
        """What `count_up` raised the column to, or None if there was no such row."""
        rows = answer.rows()
        return rows[0][0] if rows else None

    def ahead(self, connection: Connection) -> AbstractContextManager[None]:
        """While it lasts, a `Statement` may be sent before earlier ones were answered; nothing else may be executed."""
        return nullcontext()

    def begin_ahead(self, connection: Connection) -> None:
        """Begin a transaction that writes, within `ahead`."""
        for text in self.begin_writing:
            if self.sends_ahead:
                send_text(connection, self, text)
            else:
                connection.exec_driver_sql(text)

    def cursor(self, connection: Connection) -> Any:
        """The driver's cursor for a `Statement`, or what stands for it."""
        return connection.connection.cursor()

    def compiling(self, connection: Connection) -> SqlalchemyDialect:
        """What writes the text of a `Statement`."""
        return connection.dialect

    def commit(self, connection: Connection) -> None:
        """End the transaction and keep what it did (within `ahead`: once that has been answered at its end)."""
        connection.commit()

    def reading(self, select: Select[Any]) -> Statement:
        """A statement for a SELECT without ORDER BY that may give many rows of many columns."""
        return Statement(select, self)

    def counted(self, statement: Update | Delete) -> Update | Delete:
        """The same statement, of which an Answer can tell how many rows were found."""
        return statement

    def count(self, answer: Answer) -> int:
        """How many rows a statement of `counted` found."""
        return answer.row_count()

    @abstractmethod
    def listed(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """The condition that a column (of keys or of text) is one of the list in the parameter `name`."""

    def of_each(self, rows: Select[Any], column: ColumnElement[Any], keys: FromClause) -> Select[Any]:
        """Those of `rows` whose `column` is a key of `keys`, to be found key by key, be they few or most of all."""
        return rows.where(column == keys.c.id)

    @abstractmethod
    def packed(self, columns: Sequence[ColumnElement[Any]], *, may_cut: bool) -> ColumnElement[Any]:
        """The aggregate that is a JSON text: the list of all rows, each a list of these columns; null if of none.

        `may_cut`: long rows may be cut, whereby the text is no JSON any more, where that spares the database much.
        """

    def first(self, rows: Select[Any], most: int) -> Select[Any]:
        """So many of these rows at the most, as a part of a UNION."""
        return rows.limit(most)

    @abstractmethod
    def list_parameter(self, values: Sequence[Any]) -> Any:
        """What to give for that parameter."""

    def data(self, columns: Sequence[Column[Any]]) -> FromClause:
        """Rows given as parameters, as a table with columns p0, p1, ... typed like these. SQLite has no such table."""
        # complete as it is: where `takes_one_row` says so, `many` sends row by row and never comes here
        raise NotImplementedError(f"{self.name} has no tables of parameters")

    def parameters(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What to send a statement with that uses `data`."""
        # complete as it is: where `takes_one_row` says so, `many` sends row by row and never comes here
        raise NotImplementedError(f"{self.name} has no tables of parameters")

    def update_statement(self, table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]]) -> Update:
        """The UPDATE of `many.update_rows`; its parameters are `data`, or those of one row."""
        return bulk.update_where(table, wanted, changed, list(self.data([*wanted, *changed]).c))


def need_database(url: URL) -> None:
    """Raise BadDatabaseUrl unless it names a database, and its encryption can be."""
    if not url.database:
        raise BadDatabaseUrl(
            f"The database url names no database; write {url.drivername}://USER:PASSWORD@HOST/DATABASE"
        )
    Encryption.of(url)


def unsaid(arguments: dict[str, Any], url: URL) -> dict[str, Any]:
    """The arguments that the url does not give itself."""
    return {name: value for name, value in arguments.items() if name not in url.query}


def dotted(version: tuple[Any, ...]) -> str:
    """A version as it is written: 10.11.6."""
    return ".".join(str(part) for part in version)
