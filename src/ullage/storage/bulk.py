"""Many rows as the parameters of one statement whose text does not depend on their number."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    FromClause,
    String,
    Text,
    bindparam,
    column,
    func,
    text,
)
from sqlalchemy.dialects import mysql, postgresql

Row = Sequence[Any]


Parameters = dict[str, Any] | list[dict[str, Any]]
"""Of one execution, or of many."""


def places(row: Collection[Any]) -> list[str]:
    """The names of the columns of parameter rows as long as this one: p0, p1, ..."""
    return [f"p{number}" for number in range(len(row))]


def array_table(columns: Sequence[Column[Any]]) -> FromClause:
    """PostgreSQL: parameter rows as a table with the columns p0, p1, ..., one array for each."""
    names = places(columns)
    arrays = [bindparam(name, type_=_array(each)) for name, each in zip(names, columns, strict=True)]
    typed = [column(name, each.type) for name, each in zip(names, columns, strict=True)]
    return func.unnest(*arrays).table_valued(*typed, name="data").render_derived()


def array_parameters(rows: Sequence[Row]) -> dict[str, Any]:
    """The parameters of `array_table`."""
    return {name: list(values) for name, values in zip(places(rows[0]), zip(*rows, strict=True), strict=True)}


def _array(each: Column[Any]) -> postgresql.ARRAY[Any]:
    # a cast to varchar(n)[] would cut what is too long without a word
    return postgresql.ARRAY(Text() if isinstance(each.type, String) else each.type)


def json_table(columns: Sequence[Column[Any]]) -> FromClause:
    """MariaDB: parameter rows as a table with the columns p0, p1, ..., all in one JSON text."""
    names = places(columns)
    dialect = mysql.dialect()
    dialect.name = "mariadb"
    types = [each.type.compile(dialect) for each in columns]
    paths = ", ".join(
        f"{name} {type_} PATH '$[{position}]'" for position, (name, type_) in enumerate(zip(names, types, strict=True))
    )
    typed = [column(name, each.type) for name, each in zip(names, columns, strict=True)]
    statement = text(f"SELECT * FROM JSON_TABLE(:data, '$[*]' COLUMNS ({paths})) AS given").columns(*typed)  # noqa: S608 - names and types of the schema alone
    return statement.subquery("data")


def json_parameters(rows: Sequence[Row]) -> dict[str, Any]:
    """The parameters of `json_table`."""
    return {"data": json.dumps([[*row] for row in rows], ensure_ascii=False, allow_nan=False)}
