"""SELECTs that MariaDB answers with one JSON text: its driver takes a microsecond for each value of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select

from ullage.storage.packed import packed, unpacking
from ullage.storage.statements import NOTHING, Answer, Row, Statement

if TYPE_CHECKING:
    from ullage.storage.dialect import Dialect


class PackedStatement(Statement):
    """A SELECT without ORDER BY, whose rows come as tuples like those of the driver."""

    __slots__ = ("_plain", "_unpacked")

    def __init__(self, select: Select[Any], dialect: Dialect) -> None:
        super().__init__(packed(select, dialect), dialect)
        self._plain = Statement(select, dialect)
        self._unpacked = unpacking(select.selected_columns)

    def send(self, connection: Connection, parameters: Mapping[str, Any] = NOTHING) -> Answer:
        def unpacked(rows: Sequence[Any]) -> Sequence[Row]:
            found = self._unpacked(*rows[0])
            # the server cuts a text that is longer than its group_concat_max_len
            return self._plain.send(connection, parameters).rows() if found is None else found

        answer = super().send(connection, parameters)
        answer.unpack = unpacked
        return answer
