"""Statements over many keys or rows at once, whatever their number.

The text of such a statement does not change with that number, so that it is written once and the database can keep it
prepared: a list or table of parameters is one parameter, or one for each column (see `Dialect.listed` and `data`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, insert, select, tuple_

from ullage.storage import bulk
from ullage.storage.bulk import Row
from ullage.storage.dialects import Dialect
from ullage.storage.statements import Answer, Statement

CHUNK = 10_000
"""The longest list given to one statement; MariaDB takes 16 MiB."""

LIST = "listed"
"""The name of the parameter, where there is one list."""

Item = TypeVar("Item")


def is_listed(column: ColumnElement[Any], dialect: Dialect, name: str = LIST) -> ColumnElement[bool]:
    """The condition that a column (of keys or of text) is one of the list that is given when executing."""
    return dialect.listed(column, name)


class Answers:
    """What was said to a statement that was sent in parts."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Answer]) -> None:
        self._parts = parts

    def rows(self) -> Iterable[Any]:
        """The rows of all parts; to be called once."""
        if len(self._parts) == 1:
            return self._parts[0].rows()
        return chain.from_iterable(part.rows() for part in self._parts)

    def count(self) -> int:
        """How many rows were found."""
        return sum(part.count() for part in self._parts)


NO_ANSWERS = Answers(())


def ask(
    connection: Connection, dialect: Dialect, statement: Statement, values: Collection[Any], **more: Any
) -> Answers:
    """Send a statement with a list, for all these values; nothing is sent for none."""
    if not values:
        return NO_ANSWERS
    return Answers(
        [statement.send(connection, {LIST: dialect.list_parameter(chunk), **more}) for chunk in chunks(sorted(values))]
    )


def rows_of(connection: Connection, dialect: Dialect, statement: Statement, values: Collection[Any]) -> Iterable[Any]:
    """The rows of a statement with a list, for all these values."""
    return ask(connection, dialect, statement, values).rows()


def insert_rows(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert rows that hold, in this order, the columns `names`."""
    if not rows:
        return
    statement = _insert(dialect, table, tuple(names))
    for chunk in chunks(rows):
        _send_rows(connection, dialect, statement, chunk)


def insert_found(
    connection: Connection,
    dialect: Dialect,
    table: Table,
    names: Sequence[str],
    rows: Sequence[Row],
    unique: Column[Any],
) -> None:
    """The same, but that the first of these columns is a key, for which rows hold what `unique`, text, is there.

    So rows can follow those that they rest on without waiting for their keys.
    """
    if not rows:
        return
    statement = _insert_found(dialect, table, tuple(names), unique)
    for chunk in chunks(rows):
        if dialect.takes_one_row:
            statement.send_rows(connection, chunk)
        else:
            statement.send(connection, dialect.parameters(chunk))


def insert_keyed(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> dict[str, int]:
    """The same; answers the new integer keys by the first of these columns, which must be unique text."""
    if not rows:
        return {}
    if dialect.takes_one_row:
        insert_rows(connection, dialect, table, names, rows)
        return dict(rows_of(connection, dialect, _keys(dialect, table, names[0]), [row[0] for row in rows]))
    statement = _insert(dialect, table, tuple(names), keyed=True)
    answers = [_send_rows(connection, dialect, statement, chunk) for chunk in chunks(rows)]
    return {name: key for answer in answers for name, key in answer.rows()}


def insert_missing(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert those rows that break no unique constraint; leave out the others without an error."""
    statement = _insert(dialect, table, tuple(names), skips=True)
    for chunk in chunks(rows):
        _send_rows(connection, dialect, statement, chunk)


def update_rows(
    connection: Connection,
    dialect: Dialect,
    table: Table,
    keys: Sequence[str],
    values: Sequence[str],
    rows: Sequence[Row],
) -> Answers:
    """Update many rows at once; counts how many were found (also if their values were the same already).

    Each row holds, in this order, what the columns `keys` must have and what the columns `values` shall have. No two
    rows may name the same key. A column may be in both: then its old value is a condition.
    """
    if not rows:
        return NO_ANSWERS
    statement = _update(dialect, table, tuple(keys), tuple(values))
    return Answers([_send_rows(connection, dialect, statement, chunk) for chunk in chunks(rows)])


def delete_rows(
    connection: Connection, dialect: Dialect, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """Delete the rows that have one of these combinations in the columns `names`."""
    if not rows:
        return
    statement = _delete(dialect, table, tuple(names))
    for chunk in chunks(rows):
        _send_rows(connection, dialect, statement, chunk)


def chunks(values: Iterable[Item]) -> Iterator[list[Item]]:
    """The values in lists of at most CHUNK; nothing for none."""
    iterator = iter(values)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _send_rows(connection: Connection, dialect: Dialect, statement: Statement, rows: list[Row]) -> Answer:
    if dialect.takes_one_row:
        return statement.send_rows(connection, rows)
    return statement.send(connection, dialect.parameters(rows))


@cache
def _insert(
    dialect: Dialect, table: Table, names: tuple[str, ...], *, keyed: bool = False, skips: bool = False
) -> Statement:
    statement: Any = dialect.skipping_insert(table) if skips else insert(table)
    if dialect.takes_one_row:
        return Statement(statement, dialect, names)
    statement = statement.from_select(list(names), select(dialect.data([table.c[name] for name in names])))
    return Statement(statement.returning(table.c[names[0]], table.c.id) if keyed else statement, dialect)


@cache
def _insert_found(dialect: Dialect, table: Table, names: tuple[str, ...], unique: Column[Any]) -> Statement:
    columns = [unique, *(table.c[name] for name in names[1:])]
    if dialect.takes_one_row:
        wanted, *others = bulk.bound(columns)
        key = select(unique.table.c.id).where(unique == wanted).scalar_subquery()  # NULL, and so refused, for no row
        rows = select(key, *others)
        return Statement(insert(table).from_select(list(names), rows), dialect, bulk.places(names))
    data = dialect.data(columns)
    found, *rest = data.c
    # an outer join, for MariaDB's planner might begin with the table otherwise
    rows = select(unique.table.c.id, *rest).select_from(data.outerjoin(unique.table, unique == found))
    return Statement(insert(table).from_select(list(names), rows), dialect)


@cache
def _update(dialect: Dialect, table: Table, keys: tuple[str, ...], values: tuple[str, ...]) -> Statement:
    wanted, changed = [table.c[name] for name in keys], [table.c[name] for name in values]
    places = bulk.places([*keys, *values]) if dialect.takes_one_row else ()
    return Statement(dialect.counted(dialect.update_statement(table, wanted, changed)), dialect, places)


@cache
def _delete(dialect: Dialect, table: Table, names: tuple[str, ...]) -> Statement:
    columns = [table.c[name] for name in names]
    if dialect.takes_one_row:
        return Statement(delete(table).where(bulk.match(columns, bulk.bound(columns))), dialect, bulk.places(names))
    return Statement(delete(table).where(tuple_(*columns).in_(select(dialect.data(columns)))), dialect)


@cache
def _keys(dialect: Dialect, table: Table, name: str) -> Statement:
    return Statement(select(table.c[name], table.c.id).where(is_listed(table.c[name], dialect)), dialect)
