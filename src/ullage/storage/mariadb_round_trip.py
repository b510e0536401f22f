"""A request of several statements to MariaDB, and its answers, read from the driver's connection without its objects.

The driver makes an object of each packet, and every row and every column is one: that was two fifths of the committer's
time (docs/decisions/0060). A value becomes what the driver would make of it. The packets are those of the MySQL client
protocol, with text results and an end after the columns and after the rows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from operator import methodcaller
from typing import Any, NoReturn

import pymysql
from pymysql.connections import TEXT_TYPES
from pymysql.constants import COMMAND, CR, FIELD_TYPE
from pymysql.constants.SERVER_STATUS import SERVER_MORE_RESULTS_EXISTS
from pymysql.converters import decoders, through
from pymysql.err import raise_mysql_exception

_HEADER = 4
"""Bytes before each packet: its length in three of them, its number in one."""
_PART = 0xFFFFFF
"""A packet of this length goes on with the next one."""
_OK, _NULL, _END, _ERROR = 0x00, 0xFB, 0xFE, 0xFF
_END_BYTES_MAX = 8
"""A longer packet that begins like an end is a row with a text of more than 16 MiB."""
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes an integer takes that does not fit into the one before them."""
_COLUMN_TYPE, _COLUMN_CHARACTERS = 6, 12
"""How far from the end of its packet the type of a column is, and the number of its character set, in two bytes."""
_BINARY = 63
_READ_BYTES, _READ_BYTES_MAX = 64 * 1024, 1024 * 1024
_INTEGERS = frozenset(
    {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.INT24, FIELD_TYPE.YEAR}
)

_UNREADABLE = (LookupError, ValueError, ArithmeticError, struct.error)
"""What is raised for bytes that are no packet, row or value of their type."""

Convert = Callable[[bytes], Any]


class RoundTrip:
    """A request, and the answers to it in the order of its statements."""

    __slots__ = ("_at", "_data", "_driver", "_has_more", "_number")

    def __init__(self, driver: Any, request: str) -> None:
        """Send the request on a connection of pymysql. Raises pymysql.Error."""
        self._driver = driver
        self._data = b""
        self._at = 0
        self._has_more = True  # an answer that was not taken yet
        self._driver._execute_command(COMMAND.COM_QUERY, request.encode(self._driver.encoding, "surrogateescape"))
        self._number = self._driver._next_seq_id  # packets of the answers are counted on from those of the request
        seconds = self._driver._read_timeout
        if self._driver._current_timeout != seconds:
            self._driver._sock.settimeout(seconds)
            self._driver._current_timeout = seconds

    def take(self) -> tuple[Sequence[Any], int, int]:
        """The next answer: its rows, how many rows there are or were found, and LAST_INSERT_ID if it was set.

        Raises pymysql.Error: what the server says of a statement that failed, after which no answer comes; or that the
        connection is lost (2013), also if there is no telling what was answered.
        """
        if not self._has_more:
            self._give_up("there are fewer answers than statements")
        try:
            return self._taken()
        except _UNREADABLE as error:
            self._give_up(type(error).__name__)  # its words may hold a value

    def end(self) -> None:
        """Raises pymysql.OperationalError (2013) if there is more than was taken."""
        if self._has_more or self._at != len(self._data):
            self._give_up("there are more answers than statements")

    def _taken(self) -> tuple[Sequence[Any], int, int]:
        data, at, _ = self._packet()
        if data[at] == _OK:
            found, at = _integer(data, at + 1)
            new_key, at = _integer(data, at)
            self._note(data, at)
            return (), found, new_key
        if data[at] == _NULL:
            self._give_up("a file was asked for")
        count, _ = _integer(data, at)
        converts = [self._convert() for _ in range(count)]
        data, at, end = self._packet()
        if data[at] != _END or end - at > _END_BYTES_MAX:
            self._give_up("columns have no end")
        rows = self._rows(converts)
        return rows, len(rows), 0

    def _rows(self, converts: Sequence[Convert]) -> Sequence[Any]:
        rows: list[Any] = []
        while True:
            data, at, end = self._packet()
            if data[at] == _END and end - at <= _END_BYTES_MAX:
                self._note(data, at + 3)  # after the number of warnings
                return rows
            row: list[Any] = []
            for convert in converts:
                length = data[at]
                at += 1
                if length == _NULL:
                    row.append(None)
                    continue
                if length > _NULL:
                    length, at = _integer(data, at - 1)
                row.append(convert(data[at : at + length]))
                at += length
            if at != end:
                raise ValueError("a row does not fill its packet")
            rows.append(tuple(row))

    def _convert(self) -> Convert:
        """What makes a value of the next column's bytes."""
        data, _, end = self._packet()
        kind = data[end - _COLUMN_TYPE]
        if kind in _INTEGERS:
            return int
        at = end - _COLUMN_CHARACTERS
        characters = data[at] | data[at + 1] << 8
        return _converting(kind, characters == _BINARY, self._driver.encoding)

    def _note(self, data: bytes, at: int) -> None:
        status = int.from_bytes(data[at : at + 2], "little")
        self._driver.server_status = status
        self._has_more = bool(status & SERVER_MORE_RESULTS_EXISTS)

    def _packet(self) -> tuple[bytes, int, int]:
        """Where the next packet is: bytes, and its beginning and end in them. Raises what it says if it is an error."""
        data, start, number = self._data, self._at + _HEADER, self._number
        if start < len(data):  # as nearly always, all of it is there, and it is nothing special
            end = start + (data[start - 4] | data[start - 3] << 8 | data[start - 2] << 16)
            if start < end <= len(data) and end - start < _PART and data[start - 1] == number and data[start] != _ERROR:
                self._at, self._number = end, (number + 1) & 0xFF
                return data, start, end
        return self._awaited_packet()

    def _awaited_packet(self) -> tuple[bytes, int, int]:
        length = self._next_length()
        data, at = self._data, self._at
        self._at = end = at + length
        if length == _PART:
            data, at = self._joined(data[at:end]), 0
            end = len(data)
        if at == end:
            self._give_up("a packet is empty")
        if data[at] == _ERROR:
            self._has_more = False
            raise_mysql_exception(data[at:end])
        return data, at, end

    def _joined(self, first: bytes) -> bytes:
        parts = [first]
        while len(parts[-1]) == _PART:
            length = self._next_length()
            parts.append(self._data[self._at : self._at + length])
            self._at += length
        return b"".join(parts)

    def _next_length(self) -> int:
        """The length of the packet that comes next, once all of it is there."""
        self._need(_HEADER)
        header = self._data[self._at : self._at + _HEADER]
        self._at += _HEADER
        if header[3] != self._number:
            if header[3] == 0:  # MariaDB ends: the packet says so, and that is no answer
                self._lost()
            self._give_up(f"packet {header[3]} came instead of {self._number}")
        self._number = (self._number + 1) & 0xFF
        length = int.from_bytes(header[:3], "little")
        self._need(length)
        return length

    def _need(self, length: int) -> None:
        """Read until so many bytes more are there."""
        missing = self._at + length - len(self._data)
        if missing <= 0:
            return
        parts = [self._data[self._at :]]
        self._at = 0
        while missing > 0:
            parts.append(self._read(min(max(missing, _READ_BYTES), _READ_BYTES_MAX)))
            missing -= len(parts[-1])
        self._data = b"".join(parts)

    def _read(self, most: int) -> bytes:
        try:
            data: bytes = self._driver._rfile.read1(most)
        except OSError as error:
            self._lost(error)
        except BaseException:
            self._driver._force_close()
            raise
        if not data:
            self._lost()
        return data

    def _lost(self, error: OSError | None = None) -> NoReturn:
        self._end_connection(f"the connection is lost ({error})" if error else "the connection is lost")

    def _give_up(self, reason: str) -> NoReturn:
        self._end_connection(f"its answer cannot be read: {reason}")

    def _end_connection(self, reason: str) -> NoReturn:
        """What comes next on it, nobody could tell what it is an answer to; nor what became of the statements."""
        self._driver._force_close()
        raise pymysql.OperationalError(CR.CR_SERVER_LOST, f"MariaDB did not answer: {reason}") from None


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """An integer of the length that its first byte says, and where it ends."""
    first = data[at]
    width = _WIDTHS.get(first)
    if width is None:
        return first, at + 1
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width


@cache
def _converting(kind: int, is_binary: bool, encoding: str) -> Convert:
    """What the driver makes of the values of a type of columns."""
    decoded: Convert = methodcaller("decode", encoding if kind in TEXT_TYPES else "ascii")
    if kind in TEXT_TYPES and is_binary:
        decoded = bytes
    further = decoders.get(kind)
    if further is None or further is through:
        return decoded
    return lambda value: further(decoded(value))
