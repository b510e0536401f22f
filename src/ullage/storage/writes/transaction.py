"""One writing transaction as the writes see it: everything they insert or update carries its stamp and its time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Delete, Table, delete

from ullage.storage.book import Keys
from ullage.storage.dialects import Dialect
from ullage.storage.many import execute_of, insert_keyed, insert_rows, is_listed, update_rows
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

    def insert(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows that hold these columns."""
        more = self._more(table, new=True)
        rows = [[*row, *more.values()] for row in rows]
        insert_rows(self.connection, self.dialect, table, [*names, *more], rows)

    def insert_keyed(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, int]:
        """The same; answers the new keys by the first of these columns, which must be unique text."""
        more = self._more(table, new=True)
        rows = [[*row, *more.values()] for row in rows]
        return insert_keyed(self.connection, self.dialect, table, [*names, *more], rows)

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

        A column in both is decided on its old value; raises Outdated if any row is not as it was read. Unless it
        `shows`, the time of the last change stays.
        """
        more = self._more(table, new=False)
        if not shows:
            more.pop("updated_us", None)
        rows = [[*row, *more.values()] for row in rows]
        found = update_rows(self.connection, self.dialect, table, keys, [*values, *more], rows)
        if found != len(rows):
            raise Outdated(f"{len(rows) - found} of {len(rows)} rows of {table.name} were changed by others")

    def delete(self, table: Table, keys: Collection[int]) -> None:
        """Delete rows by integer key; raises Outdated if one is gone already."""
        found = execute_of(self.connection, _delete(table, self.dialect), keys)
        if found != len(keys):
            raise Outdated(f"{len(keys) - found} of {len(keys)} rows of {table.name} were deleted by others")

    def bury(self, kind: str, keys: Collection[int]) -> None:
        """Leave a tombstone for each, for readers that still have it."""
        self.insert(tombstones, ("kind", "key"), ((kind, key) for key in sorted(keys)))

    def insert_missing(self, table: Table, name: str, values: Collection[str]) -> None:
        """Insert rows by a unique column of text, but for those that are there."""
        more = self._more(table, new=True)
        self.dialect.insert_missing(self.connection, table, [{name: value, **more} for value in sorted(values)])

    def _more(self, table: Table, *, new: bool) -> dict[str, int]:
        values = {"stamp_writer": self.writer, "stamp_sequence": self.sequence, "updated_us": self.now_us}
        if new:
            values["created_us"] = self.now_us
        return {name: value for name, value in values.items() if name in table.c}


@cache
def _delete(table: Table, dialect: Dialect) -> Delete:
    return delete(table).where(is_listed(table.c.id, dialect))
