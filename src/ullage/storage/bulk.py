"""Many rows as the parameters of one statement whose text does not depend on their number."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    FromClause,
    String,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

Row = Sequence[Any]


def places(row: Collection[Any]) -> list[str]:
    """The names of the columns of parameter rows as long as this one: p0, p1, ..."""
    return [f"p{number}" for number in range(len(row))]


def update_where(
    table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]], sources: Sequence[ColumnElement[Any]]
) -> Update:
    """UPDATE of `changed` where `wanted` match; `sources` are what they must equal, then what shall be set."""
    return update(table).where(match(wanted, sources)).values(_settings(changed, sources[len(wanted) :]))


def update_joined(
    table: Table, wanted: Sequence[Column[Any]], changed: Sequence[Column[Any]], data: FromClause
) -> Update:
    """The same for MariaDB, whose planner may choose to scan (and lock) a small table, but not behind an outer join."""
    sources = list(data.c)
    joined = data.outerjoin(table, match(wanted, sources))
    return update(joined).values(_settings(changed, sources[len(wanted) :]))


def match(wanted: Sequence[Column[Any]], sources: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    """The condition that each column equals its source."""
    return and_(*(target == source for target, source in zip(wanted, sources, strict=False)))


def _settings(
    changed: Sequence[Column[Any]], sources: Sequence[ColumnElement[Any]]
) -> dict[Column[Any], ColumnElement[Any]]:
    return dict(zip(changed, sources, strict=True))


def bound(columns: Sequence[Column[Any]]) -> list[ColumnElement[Any]]:
    """Parameters p0, p1, ... of a statement that is executed once for each row."""
    return [bindparam(name, type_=each.type) for name, each in zip(places(columns), columns, strict=True)]


def array_table(columns: Sequence[Column[Any]]) -> FromClause:
    """PostgreSQL: parameter rows as a table with the columns p0, p1, ..., one array for each."""
    names = places(columns)
    arrays = [array_of(each, name) for name, each in zip(names, columns, strict=True)]
    typed = [column(name, each.type) for name, each in zip(names, columns, strict=True)]
    return func.unnest(*arrays).table_valued(*typed, name="data").render_derived()


def array_of(each: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """PostgreSQL: an array as a parameter, for items of a column's type."""
    return cast(bindparam(name, type_=Text()), ARRAY(_uncut(each)))


def array_parameters(rows: Sequence[Row]) -> dict[str, str]:
    """The parameters of `array_table`."""
    return {name: array(values) for name, values in zip(places(rows[0]), zip(*rows, strict=True), strict=True)}


def array(values: Iterable[Any]) -> str:
    """PostgreSQL's text form of an array of numbers, text and NULL; the driver's own way takes many times as long."""
    return "{" + ",".join([_quoted(each) if isinstance(each, str) else _bare(each) for each in values]) + "}"


def _quoted(item: str) -> str:
    return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bare(item: float | None) -> str:
    return "NULL" if item is None else repr(item)


def _uncut(each: ColumnElement[Any]) -> TypeEngine[Any]:
    # a cast to varchar(n)[] would cut what is too long without a word
    return Text() if isinstance(each.type, String) else each.type


def json_table(columns: Sequence[Column[Any]]) -> FromClause:
    """MariaDB: parameter rows as a table with the columns p0, p1, ..., all in one JSON text."""
    names = places(columns)
    dialect = mysql.dialect()
    dialect.name = "mariadb"
    # not a VARCHAR, which would cut what is too long for it without a word
    types = [re.sub(r"VARCHAR\(\d+\)", "TEXT", each.type.compile(dialect)) for each in columns]
    paths = ", ".join(
        f"{name} {type_} PATH '$[{position}]'" for position, (name, type_) in enumerate(zip(names, types, strict=True))
    )
    typed = [column(name, each.type) for name, each in zip(names, columns, strict=True)]
    # its text is made of names and types of the schema alone
    rows: ColumnElement[Any] = literal_column(f"'$[*]' COLUMNS ({paths})")
    return func.json_table(bindparam("data", type_=Text()), rows).table_valued(*typed, name="data")


def json_parameters(rows: Sequence[Row]) -> dict[str, Any]:
    """The parameters of `json_table`."""
    return {"data": json.dumps([[*row] for row in rows], ensure_ascii=False, allow_nan=False)}
