"""SELECTs whose rows the database packs into one JSON text.

A row as such costs more than its values: SQLite's driver gives Python's lock away and takes it back for each, and the
drivers of servers make each value an object by itself. The database packs all rows in about the time that it takes to
send them apart, and msgspec reads them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, Float, FromClause, Select, String, cast, func, select

if TYPE_CHECKING:
    from ullage.storage.dialect import Dialect


def packed_side_by_side(many: Iterable[FromClause], dialect: Dialect, *, may_cut: bool) -> Select[Any]:
    """The SELECT of one row that has, for each of these, a text: how many rows there are, a space, and all of them.

    `may_cut`: see `Dialect.packed`.
    """
    # a table of such texts is one that MariaDB makes on disk: no derived tables but scalars
    texts = []
    for each in many:
        rows = func.coalesce(dialect.packed(list(each.c), may_cut=may_cut), "[]")
        texts.append(select(cast(func.count(), String) + " " + rows).select_from(each))
    return select(*(text.scalar_subquery() for text in texts))


def unpacking(columns: Iterable[ColumnElement[Any]]) -> Callable[[int | str, str | None], Sequence[Any] | None]:
    """What reads the count and the text of rows with these columns; it gives None if the server cut the text."""
    decoder = msgspec.json.Decoder(list[tuple[tuple(_type_of(column) for column in columns)]])  # type: ignore[misc]  # a type made at run time

    def unpacked(count: int | str, text: str | None) -> Sequence[Any] | None:
        try:
            rows: Sequence[Any] = decoder.decode(text or "[]")
        except msgspec.DecodeError:
            return None
        return rows if len(rows) == int(count) else None

    return unpacked


def _type_of(column: ColumnElement[Any]) -> Any:
    """What its values are in JSON; any may be absent, from an outer join."""
    if isinstance(column.type, Float):
        return float | None  # JSON may have 16 for 16.0
    if isinstance(column.type, String):
        return str | None
    return int | None  # a boolean, too, as the driver gives it
