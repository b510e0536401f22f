"""Statements over many keys or rows at once, whatever their number.

The text of such a statement must not change with that number where it can be had, or neither driver nor database could
keep it prepared: PostgreSQL takes lists and rows as arrays. Elsewhere a list is an expanding IN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Insert,
    Table,
    Text,
    any_,
    bindparam,
    insert,
    select,
    tuple_,
)
from sqlalchemy.types import String

from ullage.storage import bulk
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
        yield from connection.execute(statement, {LIST: chunk})


def execute_of(connection: Connection, statement: Executable, values: Collection[Any], **more: Any) -> int:
    """Execute a changing statement with a list for all these values; how many rows it matched."""
    return sum(connection.execute(statement, {LIST: chunk, **more}).rowcount for chunk in chunks(sorted(values)))


def insert_rows(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows that hold, in this order, the columns `names`."""
    for chunk in chunks(rows):
        connection.execute(_insert(dialect, table, tuple(names)), _parameters(dialect, names, chunk))


def insert_keyed(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> dict[str, int]:
    """The same; answers the new integer keys by the first of these columns, which must be unique text."""
    statement = _insert(dialect, table, tuple(names)).returning(table.c[names[0]], table.c.id)
    keys: dict[str, int] = {}
    for chunk in chunks(rows):
        found = connection.execute(statement, _parameters(dialect, names, chunk))
        keys.update((name, key) for name, key in found)
    return keys


def chunks(values: Iterable[Item]) -> Iterator[list[Item]]:
    """The values in lists of at most CHUNK; nothing for none."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


@cache
def _insert(dialect: Dialect, table: Table, names: tuple[str, ...]) -> Insert:
    if dialect.name != "postgresql":
        return insert(table)  # the names of the parameters say which columns
    return insert(table).from_select(list(names), select(bulk.array_table([table.c[name] for name in names])))


def _parameters(
    dialect: Dialect, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> dict[str, Any] | list[dict[str, Any]]:
    if dialect.name != "postgresql":
        return [dict(zip(names, row, strict=True)) for row in rows]
    return bulk.array_parameters(rows)
