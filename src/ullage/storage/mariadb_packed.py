"""SELECTs that MariaDB answers with one JSON text.

The driver is written in Python and takes a microsecond for each value of a row, in which no other thread can run. The
server packs all rows in about the time that it takes to send them apart, and they are read by msgspec at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Float, Select, String, func

from ullage.storage.statements import NOTHING, Answer, Row, Statement

if TYPE_CHECKING:
    from ullage.storage.dialect import Dialect


class PackedStatement(Statement):
    """A SELECT without ORDER BY, whose rows come as tuples like those of the driver."""

    __slots__ = ("_decoder", "_plain")

    def __init__(self, select: Select[Any], dialect: Dialect) -> None:
        columns = list(select.selected_columns)
        packed = select.with_only_columns(
            func.count(), func.json_arrayagg(func.json_array(*columns)), maintain_column_froms=True
        )
        super().__init__(packed, dialect)
        self._plain = Statement(select, dialect)
        self._decoder = msgspec.json.Decoder(list[tuple[tuple(_type_of(column) for column in columns)]])  # type: ignore[misc]  # a type made at run time

    def send(self, connection: Connection, parameters: Mapping[str, Any] = NOTHING) -> Answer:
        def unpacked(rows: Sequence[Any]) -> Sequence[Row]:
            count, text = rows[0]
            found = self._unpacked(text)
            # the server cuts a text that is longer than its group_concat_max_len
            return found if len(found) == count else self._plain.send(connection, parameters).rows()

        answer = super().send(connection, parameters)
        answer.unpack = unpacked
        return answer

    def _unpacked(self, text: str | None) -> Sequence[Row]:
        try:
            return self._decoder.decode(text or "[]")  # type: ignore[no-any-return]  # as its type says
        except msgspec.DecodeError:
            return ()


def _type_of(column: ColumnElement[Any]) -> Any:
    """What its values are in JSON; any may be absent, from an outer join."""
    if isinstance(column.type, Float):
        return float | None  # JSON may have 16 for 16.0
    if isinstance(column.type, String):
        return str | None
    return int | None  # a boolean, too, as the driver gives it
