"""Statements as the write path gives them to the driver: written by SQLAlchemy, compiled once, sent on a bare cursor.

SQLAlchemy's own execution costs more than many of these statements cost the database. And on servers a batch is sent
ahead (`Dialect.ahead`): a statement does not wait for the answer to the one before it, but for what it depends on, so
that a batch takes a handful of round trips instead of one for each statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, itemgetter, methodcaller
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import ClauseElement, Connection, Insert
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from ullage.storage.dialect import Dialect

Row = Sequence[Any]

NOTHING: Mapping[str, Any] = {}


class Answer:
    """What the database says to a statement; it may still be on its way. Asking for it raises what went wrong."""

    __slots__ = ("_connection", "_cursor", "_dialect", "_rows", "unpack")

    def __init__(self, connection: Connection, cursor: Any, dialect: Dialect) -> None:
        self._connection = connection
        self._cursor = cursor
        self._dialect = dialect
        self.unpack: Callable[[Sequence[Any]], Sequence[Any]] | None = None
        """Makes of the rows that came those that were meant."""
        # a SQLite cursor that was not read to its end would see what later statements change
        self._rows = None if dialect.sends_ahead or cursor.description is None else cursor.fetchall()

    def rows(self) -> Sequence[Any]:
        """All rows, each a plain tuple; to be called once."""
        if self._rows is not None:
            return self._rows  # type: ignore[no-any-return]  # what the driver gives
        rows: Sequence[Any] = self._asked(_ROWS)
        return rows if self.unpack is None else self.unpack(rows)

    def count(self) -> int:
        """How many rows were found by an UPDATE or DELETE that `Dialect.counted` has seen."""
        return self._dialect.count(self)

    def row_count(self) -> int:
        """What the driver says of that."""
        return int(self._asked(_ROW_COUNT))

    def new_key(self) -> int:
        """What MariaDB's LAST_INSERT_ID was set to."""
        return int(self._asked(_NEW_KEY))

    def _asked(self, what: Callable[[Any], Any]) -> Any:
        try:
            return what(self._cursor)
        except self._dialect.driver_error as error:
            raise_translated(self._connection, error)


_ROWS = methodcaller("fetchall")
_ROW_COUNT = attrgetter("rowcount")
_NEW_KEY = attrgetter("lastrowid")


class Statement:
    """A statement of SQLAlchemy Core, compiled when it is first sent."""

    __slots__ = ("_clause", "_defaults", "_dialect", "_names", "_order", "_pick", "_text")

    def __init__(self, clause: ClauseElement, dialect: Dialect, names: Sequence[str] = ()) -> None:
        """`names`: what the columns of the rows are called that `send_rows` takes."""
        self._clause = clause
        self._dialect = dialect
        self._names = list(names)
        self._text = ""

    def send(self, connection: Connection, parameters: Mapping[str, Any] = NOTHING) -> Answer:
        """Send it with these parameters."""
        text = self._text or self._compile(connection)
        given: Any = {**self._defaults, **parameters} if self._defaults else parameters
        if self._order is not None:
            given = [given[name] for name in self._order]
        return _sent(connection, self._dialect, text, given)

    def send_rows(self, connection: Connection, rows: Sequence[Row]) -> Answer:
        """Send it once for each row of parameters, where the driver takes them by position (SQLite)."""
        text = self._text or self._compile(connection)
        return _sent(connection, self._dialect, text, list(map(self._pick, rows)), many=True)

    def _compile(self, connection: Connection) -> str:
        # an INSERT of VALUES has no parameters but its columns
        has_values = isinstance(self._clause, Insert) and self._clause.select is None
        keys = self._names if self._names and has_values else None
        compiled: Any = self._clause.compile(dialect=self._dialect.compiling(connection), column_keys=keys)
        self._order = compiled.positiontup
        required = set(self._names)
        self._defaults = {
            name: value for name, value in compiled.params.items() if value is not None and name not in required
        }
        if self._names and self._order is not None:
            self._pick = itemgetter(*(self._names.index(name) for name in self._order))
        self._text = str(compiled)
        return self._text


def send_text(connection: Connection, dialect: Dialect, text: str) -> Answer:
    """Send a statement that has no parameters, such as BEGIN."""
    return _sent(connection, dialect, text, ())


def _sent(connection: Connection, dialect: Dialect, text: str, parameters: Any, *, many: bool = False) -> Answer:
    cursor = dialect.cursor(connection)
    try:
        execute(connection, cursor, text, parameters, many=many)
        return Answer(connection, cursor, dialect)
    except dialect.driver_error as error:
        raise_translated(connection, error)


def execute(connection: Connection, cursor: Any, text: str, parameters: Any, *, many: bool) -> None:
    """The one place where a statement of this module meets the driver."""
    if many:
        cursor.executemany(text, parameters)
    else:
        cursor.execute(text, parameters)


def raise_translated(connection: Connection, error: Exception) -> NoReturn:
    """Raise a driver's error as SQLAlchemy would, who also forgets a connection that is gone; shows no parameters."""
    base = connection.dialect.dbapi.Error  # type: ignore[union-attr]  # every engine of ours has a driver
    is_gone = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]  # ours are real connections
    if is_gone:
        connection.invalidate(error)
    raise DBAPIError.instance(
        None, None, error, base, hide_parameters=True, connection_invalidated=is_gone, dialect=connection.dialect
    ) from error
