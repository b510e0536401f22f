"""Statements over many keys or rows at once, whatever their number.

The text of such a statement must not change with that number where it can be had, or neither driver nor database could
keep it prepared: PostgreSQL takes lists and rows as arrays. Elsewhere a list is an expanding IN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Insert,
    Select,
    Table,
    Text,
    Update,
    any_,
    bindparam,
    insert,
    select,
    tuple_,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import String

from ullage.storage import bulk
from ullage.storage.bulk import Row
from ullage.storage.dialects import Dialect

CHUNK = 10_000
"""The longest list given to one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535, MariaDB 16 MiB."""

LIST = "listed"
"""The name of the parameter, where there is one list."""

Item = TypeVar("Item")


def is_listed(column: ColumnElement[Any], dialect: Dialect, name: str = LIST) -> ColumnElement[bool]:
    """The condition that a column (of keys or of text) is one of the list that is given when executing."""
    if dialect.name == "postgresql":
        item_type = Text() if isinstance(column.type, String) else BigInteger()
        return column == any_(bindparam(name, type_=ARRAY(item_type)))
    return column.in_(bindparam(name, expanding=True))


def are_listed(first: ColumnElement[Any], second: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that a pair of columns is one of the list of pairs that is given when executing."""
    return tuple_(first, second).in_(bindparam(LIST, expanding=True))


def rows_of(connection: Connection, statement: Executable, values: Collection[Any]) -> Iterator[Any]:
    """The rows of a statement with a list, for all these values; nothing is asked for none."""
    for chunk in chunks(sorted(values)):
        yield from connection.execute(statement, {LIST: chunk}).all()


def execute_of(connection: Connection, statement: Executable, values: Collection[Any], **more: Any) -> int:
    """Execute a changing statement with a list for all these values; how many rows it matched."""
    return sum(connection.execute(statement, {LIST: chunk, **more}).rowcount for chunk in chunks(sorted(values)))


def insert_rows(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert rows that hold, in this order, the columns `names`."""
    for chunk in chunks(rows):
        if dialect.name == "sqlite":
            _driver_insert(table, tuple(names)).execute(connection, chunk)
        else:
            columns = [table.c[name] for name in names]
            connection.execute(_insert(dialect, table, tuple(names)), dialect.parameters(columns, chunk))


def insert_keyed(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> dict[str, int]:
    """The same; answers the new integer keys by the first of these columns, which must be unique text."""
    keys: dict[str, int] = {}
    for chunk in chunks(rows):
        if dialect.name == "sqlite":
            _driver_insert(table, tuple(names)).execute(connection, chunk)
            found = connection.execute(_keys(dialect, table, names[0]), {LIST: [row[0] for row in chunk]})
        else:
            columns = [table.c[name] for name in names]
            statement = _returning(dialect, table, tuple(names))
            found = connection.execute(statement, dialect.parameters(columns, chunk))
        keys.update((name, key) for name, key in found.all())
    return keys


def update_rows(
    connection: Connection,
    dialect: Dialect,
    table: Table,
    keys: Sequence[str],
    values: Sequence[str],
    rows: Sequence[Row],
) -> int:
    """What `Dialect.update_rows` does, for any number of rows."""
    if dialect.name == "sqlite":
        statement = _driver_update(dialect, table, tuple(keys), tuple(values))
        return sum(statement.execute(connection, chunk) for chunk in chunks(rows))
    return sum(dialect.update_rows(connection, table, keys, values, chunk) for chunk in chunks(rows))


def chunks(values: Iterable[Item]) -> Iterator[list[Item]]:
    """The values in lists of at most CHUNK; nothing for none."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


class DriverStatement:
    """A statement as SQLAlchemy writes it, given to the driver with one tuple for each row.

    SQLAlchemy's own way prepares the parameters of each row by themselves, which costs SQLite more than their writing.
    """

    def __init__(self, statement: Insert | Update, names: Sequence[str], *, by_column: bool) -> None:
        """`names` of the parameters; `by_column`: they are the names of the columns to insert."""
        compiled = statement.compile(dialect=sqlite.dialect(), column_keys=list(names) if by_column else None)
        self._text = compiled.string
        self._pick = itemgetter(*(list(names).index(name) for name in compiled.positiontup or ()))

    def execute(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Execute it for each row, which holds the parameters `names`; how many rows it matched."""
        return connection.exec_driver_sql(self._text, list(map(self._pick, rows))).rowcount


@cache
def _driver_insert(table: Table, names: tuple[str, ...]) -> DriverStatement:
    return DriverStatement(insert(table), names, by_column=True)


@cache
def _driver_update(dialect: Dialect, table: Table, keys: tuple[str, ...], values: tuple[str, ...]) -> DriverStatement:
    columns = [table.c[name] for name in keys], [table.c[name] for name in values]
    return DriverStatement(dialect.update_statement(table, *columns), bulk.places([*keys, *values]), by_column=False)


@cache
def _keys(dialect: Dialect, table: Table, name: str) -> Select[Any]:
    return select(table.c[name], table.c.id).where(is_listed(table.c[name], dialect))


@cache
def _insert(dialect: Dialect, table: Table, names: tuple[str, ...]) -> Insert:
    return insert(table).from_select(list(names), select(dialect.data([table.c[name] for name in names])))


@cache
def _returning(dialect: Dialect, table: Table, names: tuple[str, ...]) -> ReturningInsert[Any]:
    return _insert(dialect, table, names).returning(table.c[names[0]], table.c.id)
