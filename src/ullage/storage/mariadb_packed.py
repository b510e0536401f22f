"""SELECTs that MariaDB answers with one JSON text: its driver takes a microsecond for each value of a row.

An aggregate of texts that may be longer than 512 characters takes MariaDB a table on disk, which costs more than all
else about the SELECT. So each row is a text of that length at the most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, String, cast, func

from ullage.storage.packed import unpacking
from ullage.storage.statements import NOTHING, Answer, Row, Statement

if TYPE_CHECKING:
    from ullage.storage.dialect import Dialect


ROW_CHARACTERS_MAX = 512
"""Of a row as JSON; one that is longer is cut, and all rows are asked for plainly."""


class PackedStatement(Statement):
    """A SELECT without ORDER BY, whose rows come as tuples like those of the driver."""

    __slots__ = ("_plain", "_unpacked")

    def __init__(self, select: Select[Any], dialect: Dialect) -> None:
        super().__init__(_packed(select), dialect)
        self._plain = Statement(select, dialect)
        self._unpacked = unpacking(select.selected_columns)

    def send(self, connection: Connection, parameters: Mapping[str, Any] = NOTHING) -> Answer:
        def unpacked(rows: Sequence[Any]) -> Sequence[Row]:
            found = self._unpacked(*rows[0])
            # the server cuts a row that is longer than ROW_CHARACTERS_MAX, and a text than its group_concat_max_len
            return self._plain.send(connection, parameters).rows() if found is None else found

        answer = super().send(connection, parameters)
        answer.unpack = unpacked
        return answer


def in_memory(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The aggregate that is a JSON text of all rows, null if of none; no JSON if a row is cut."""
    return func.concat("[", func.group_concat(cast(func.json_array(*columns), String(ROW_CHARACTERS_MAX))), "]")


def _packed(rows: Select[Any]) -> Select[Any]:
    """The SELECT of one row that has how many rows there are, and all of them as a text."""
    count_and_text: list[Any] = [func.count(), in_memory(list(rows.selected_columns))]
    return rows.with_only_columns(*count_and_text, maintain_column_froms=True)
