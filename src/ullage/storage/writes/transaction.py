"""One writing transaction as the writes see it: everything they insert or update carries its stamp and its time.

How many rows an UPDATE or DELETE found is looked at in the end (`confirm`), so that nothing waits for it before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Delete, Table, Update, delete

from ullage.storage import many
from ullage.storage.book import Keys
from ullage.storage.dialects import Dialect
from ullage.storage.statements import Statement
from ullage.storage.tables import tombstones
from ullage.storage.trouble import Outdated


@dataclass(frozen=True, slots=True)
class Transaction:
    """`keys` are those of the Book's rows; new rows add theirs. `now_us`: microseconds since 1970, UTC."""

    connection: Connection
    dialect: Dialect
    keys: Keys
    writer: int
    sequence: int
    now_us: int
    _expected: list[tuple[many.Answers, int, Table]] = field(default_factory=list)

    def confirm(self) -> None:
        """Raises Outdated if any row was not found as it was read."""
        for answers, count, table in self._expected:
            found = answers.count()
            if found != count:
                raise Outdated(f"{count - found} of {count} rows of {table.name} were changed or deleted by others")

    def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows that hold these columns."""
        rows = list(rows)
        if not rows:
            return
        more = self._more(table, new=True)
        rows = [(*row, *more.values()) for row in rows]
        many.insert_rows(self.connection, self.dialect, table, [*names, *more], rows)

    def insert_found(
        self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]], unique: Column[Any]
    ) -> None:
        """The same, but that the first of these columns is a key, for which rows hold what `unique`, text, is there."""
        rows = list(rows)
        if not rows:
            return
        more = self._more(table, new=True)
        rows = [(*row, *more.values()) for row in rows]
        many.insert_found(self.connection, self.dialect, table, [*names, *more], rows, unique)

    def insert_keyed(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, int]:
        """The same; answers the new keys by the first of these columns, which must be unique text."""
        rows = list(rows)
        if not rows:
            return {}
        more = self._more(table, new=True)
        rows = [(*row, *more.values()) for row in rows]
        return many.insert_keyed(self.connection, self.dialect, table, [*names, *more], rows)

    def update(
        self,
        table: Table,
        keys: Sequence[str],
        values: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        shows: bool = True,
    ) -> None:
        """Update rows that hold what `keys` must have and `values` shall have.

        A column in both is decided on its old value; if any row is not as it was read, `confirm` will tell. Unless it
        `shows`, the time of the last change stays.
        """
        rows = list(rows)
        if not rows:
            return
        more = self._more(table, new=False)
        if not shows:
            more.pop("updated_us", None)
        rows = [(*row, *more.values()) for row in rows]
        found = many.update_rows(self.connection, self.dialect, table, keys, [*values, *more], rows)
        self._expected.append((found, len(rows), table))

    def update_all(self, table: Table, statement: Statement, keys: Collection[int], **values: Any) -> None:
        """Send an UPDATE or DELETE of the rows with these integer keys; if one is gone already, `confirm` will tell."""
        if not keys:
            return
        found = many.ask(self.connection, self.dialect, statement, keys, **values)
        self._expected.append((found, len(keys), table))

    def delete(self, table: Table, keys: Collection[int]) -> None:
        """Delete rows by integer key; if one is gone already, `confirm` will tell."""
        self.update_all(table, _delete(table, self.dialect), keys)

    def delete_pairs(self, table: Table, names: Sequence[str], rows: Sequence[tuple[int, int]]) -> None:
        """Delete the rows that have one of these combinations in the columns `names`."""
        many.delete_rows(self.connection, self.dialect, table, names, rows)

    def bury(self, kind: str, keys: Collection[int]) -> None:
        """Leave a tombstone for each, for readers that still have it."""
        self.insert(tombstones, ("kind", "key"), ((kind, key) for key in sorted(keys)))

    def insert_missing(self, table: Table, name: str, values: Collection[str]) -> None:
        """Insert rows by a unique column of text, but for those that are there."""
        more = self._more(table, new=True)
        rows = [(value, *more.values()) for value in sorted(values)]
        many.insert_missing(self.connection, self.dialect, table, [name, *more], rows)

    def rows_of(self, statement: Statement, values: Collection[Any]) -> Iterable[Any]:
        """The rows of a statement with a list, for all these values."""
        return many.rows_of(self.connection, self.dialect, statement, values)

    def _more(self, table: Table, *, new: bool) -> dict[str, int]:
        values = {"stamp_writer": self.writer, "stamp_sequence": self.sequence}
        values |= {"updated_us": self.now_us, "created_us": self.now_us}
        return {name: values[name] for name in _added_columns(table, new=new)}


@cache
def _added_columns(table: Table, *, new: bool) -> tuple[str, ...]:
    names = ("stamp_writer", "stamp_sequence", "updated_us", *(("created_us",) if new else ()))
    return tuple(name for name in names if name in table.c)


@cache
def _delete(table: Table, dialect: Dialect) -> Statement:
    return listing(delete(table), table, dialect)


def listing(statement: Any, table: Table, dialect: Dialect) -> Statement:
    """An UPDATE or DELETE of the rows of a table whose integer keys are listed."""
    listed: Update | Delete = statement.where(many.is_listed(table.c.id, dialect))
    return Statement(dialect.counted(listed), dialect)
