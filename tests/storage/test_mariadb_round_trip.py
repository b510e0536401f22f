"""MariaDB's answers are read as the driver reads them, and what cannot be one ends the connection."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest

from ullage.storage import mariadb_round_trip
from ullage.storage.mariadb_round_trip import RoundTrip
from ullage.storage.unit import Store

on_mariadb = pytest.mark.databases("mariadb")

PART = 0xFFFFFF
MORE, LAST = 0x08, 0x00

VALUES = (
    "1, -1, 9223372036854775807, -9223372036854775808, 18446744073709551615, TRUE, CAST(7 AS UNSIGNED)",
    "1.5e0, 1e300, 0.1e0, -0e0, CAST(1.25 AS FLOAT)",
    "1.50, CAST(3 AS DECIMAL(30, 10)), 99999999999999999999999999.5",
    "'', 'a', 'a''b\\\\', 'grüße 🐘', NULL, CONVERT('é' USING latin1)",
    "JSON_ARRAY(1, 'a', NULL), JSON_OBJECT('a', 1), CAST('x' AS CHAR(512)), COALESCE(NULL, 'text')",
    "BINARY 'a', x'00ff', CAST('ab' AS BINARY(4)), b'101'",
    "DATE '2026-01-31', TIMESTAMP '2026-01-31 01:02:03.25', TIME '01:02:03'",
    "NULL, NULL",
)
LENGTHS = (0, 1, 250, 251, 252, 65_535, 65_536, 70_000, PART - 5, PART - 4, PART - 3)
"""Up to 250 a length is one byte, up to 65,535 three, then four; after a packet that is full comes an empty one."""


@contextmanager
def connected(store: Store) -> Iterator[Any]:
    with store.writing() as connection:
        yield connection.connection.driver_connection


def taken(driver: Any, *statements: str) -> list[Any]:
    trip = RoundTrip(driver, ";".join(statements))
    found = [trip.take() for _ in statements]
    trip.end()
    return found


def by_driver(driver: Any, statement: str) -> list[Any]:
    with driver.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def typed(rows: Any) -> list[list[tuple[type, Any]]]:
    return [[(type(each), each) for each in row] for row in rows]


@on_mariadb
@pytest.mark.parametrize("values", VALUES)
def test_values_are_what_the_driver_makes_of_them(store: Store, values: str) -> None:
    with connected(store) as driver:
        ((rows, count, _),) = taken(driver, f"SELECT {values}")
        assert typed(rows) == typed(by_driver(driver, f"SELECT {values}"))
        assert count == len(rows) == 1


@on_mariadb
@pytest.mark.parametrize("length", LENGTHS)
def test_texts_of_any_length_are_whole(store: Store, length: int) -> None:
    with connected(store) as driver:
        answers = taken(driver, f"SELECT REPEAT('x', {length}), 'after'", "SELECT 7")
        assert [rows for rows, _, _ in answers] == [[("x" * length, "after")], [(7,)]]


@on_mariadb
@pytest.mark.parametrize("length", [PART - 4, PART - 3])
def test_a_row_that_fills_its_packets_is_whole(store: Store, length: int) -> None:
    with connected(store) as driver:
        answers = taken(driver, f"SELECT REPEAT('x', {length})", "SELECT 7")
        assert [rows for rows, _, _ in answers] == [[("x" * length,)], [(7,)]]


@on_mariadb
def test_a_row_may_take_several_packets(store: Store) -> None:
    with connected(store) as driver:
        ((rows, _, _),) = taken(driver, "SELECT REPEAT('x', 16000000), REPEAT('y', 16000000), REPEAT('z', 16000000)")
        assert [(len(each), set(each)) for each in rows[0]] == [(16_000_000, {letter}) for letter in "xyz"]


@on_mariadb
def test_packets_are_counted_beyond_255(store: Store) -> None:
    with connected(store) as driver:
        answers = taken(driver, *["SELECT seq, -seq FROM seq_1_to_1000", "SELECT 1 FROM DUAL WHERE FALSE"] * 3)
        assert [rows for rows, _, _ in answers] == [[(each, -each) for each in range(1, 1001)], []] * 3


@on_mariadb
def test_what_was_found_and_made_is_told(store: Store) -> None:
    with connected(store) as driver:
        traits = "INSERT INTO traits (name, standard, stamp_writer, stamp_sequence, created_us, updated_us) VALUES"
        made, changed, key, none = taken(
            driver,
            f"{traits} ('CUSTOM_A', 0, 0, 0, 1, 1), ('CUSTOM_B', 0, 0, 0, 1, 1)",
            "UPDATE traits SET updated_us = 1 WHERE name LIKE 'CUSTOM%'",
            "SELECT LAST_INSERT_ID()",
            "DELETE FROM traits WHERE name = 'CUSTOM_C'",
        )
        assert made == ((), 2, key[0][0][0])
        assert (changed[1], none[1]) == (2, 0)  # those that were found, though nothing changed
        assert driver.server_status & pymysql.constants.SERVER_STATUS.SERVER_STATUS_IN_TRANS
        driver.rollback()
        assert taken(driver, "DO 1") == [((), 0, 0)]
        assert not driver.server_status & pymysql.constants.SERVER_STATUS.SERVER_STATUS_IN_TRANS


@on_mariadb
@pytest.mark.parametrize(
    ("failing", "code"),
    [
        ("SELECT nothing FROM traits", 1054),
        ("SELECT seq, 9223372036854775807 + (seq > 5000) FROM seq_1_to_10000", 1690),
        ("SELEC", 1064),
    ],
)
def test_what_the_server_says_of_a_statement_that_fails_is_raised(store: Store, failing: str, code: int) -> None:
    with connected(store) as driver:
        trip = RoundTrip(driver, f"SELECT 1; {failing}; SELECT 2")
        assert trip.take()[0] == [(1,)]
        with pytest.raises(pymysql.Error) as caught:
            trip.take()
        assert caught.value.args[0] == code
        assert taken(driver, "SELECT 3")[0][0] == [(3,)]  # and the connection is as good as before


@on_mariadb
def test_texts_are_quoted_as_the_server_reads_them_after_any_answer(store: Store) -> None:
    with connected(store) as driver:
        for statement in ("DO 1", "SELECT 1", "SELECT 1 FROM DUAL WHERE FALSE"):
            taken(driver, statement)
            assert driver.escape("\\'; DO 2") == "'\\''; DO 2'"  # no backslash hides a quote
            assert taken(driver, f"SELECT {driver.escape(chr(92) + chr(39))}")[0][0] == [("\\'",)]


class Spoken:
    """A connection of the driver on which the server has said this, and is gone then."""

    encoding = "utf8"
    _read_timeout = _current_timeout = None

    def __init__(self, said: bytes, read_bytes: int, next_number: int = 1) -> None:
        self._next_seq_id = next_number
        self._rfile: Any = io.BufferedReader(io.BytesIO(said), buffer_size=read_bytes)
        self.is_closed = False
        self.server_status = 0

    def _execute_command(self, command: int, text: bytes) -> None:
        assert (command, text) == (3, b"SELECT 1")

    def _force_close(self) -> None:
        self.is_closed = True


def packets(*contents: bytes, first: int = 1) -> bytes:
    numbered = enumerate(contents, first)
    return b"".join(len(each).to_bytes(3, "little") + bytes([number & 0xFF]) + each for number, each in numbered)


def column(kind: int) -> bytes:
    return b"\x03def\0\0\0\x01a\0\x0c" + (33).to_bytes(2, "little") + b"\0\0\0\0" + bytes([kind]) + b"\0\0\0\0\0"


def end(status: int) -> bytes:
    return b"\xfe\0\0" + bytes([status, 0])


INTEGER, DECIMAL, TEXT = 3, 246, 253
ONE = (b"\x01", column(INTEGER), end(LAST), b"\x011")
DONE = b"\0\0\0" + bytes([LAST, 0]) + b"\0\0"
GOING_ON = b"\0\0\0" + bytes([MORE, 0]) + b"\0\0"

UNREADABLE = {
    "another number": (packets(DONE, first=2), "packet 2 came instead of 1"),
    "an empty packet": (packets(b""), "a packet is empty"),
    "a file is asked for": (packets(b"\xfb/etc/passwd"), "a file was asked for"),
    "more answers": (packets(GOING_ON, DONE), "more answers than statements"),
    "words after the last": (packets(DONE, DONE), "more answers than statements"),
    "no end of columns": (packets(b"\x01", column(INTEGER), b"\x011"), "columns have no end"),
    "a number of letters": (packets(b"\x01", column(INTEGER), end(LAST), b"\x01a", end(LAST)), "ValueError"),
    "a decimal of letters": (packets(b"\x01", column(DECIMAL), end(LAST), b"\x01a", end(LAST)), "InvalidOperation"),
    "no UTF-8": (packets(b"\x01", column(TEXT), end(LAST), b"\x01\xff", end(LAST)), "UnicodeDecodeError"),
    "a value beyond its row": (packets(b"\x01", column(INTEGER), end(LAST), b"\x031", end(LAST)), "ValueError"),
    "words after a row": (packets(b"\x01", column(INTEGER), end(LAST), b"\x011\x011", end(LAST)), "ValueError"),
    "half an answer": (packets(b"\0"), "IndexError"),
    "half a row": (packets(b"\x02", column(INTEGER), column(INTEGER), end(LAST), b"\x011"), "IndexError"),
    "half an error": (packets(b"\xff\x01"), "error"),
}


@pytest.mark.parametrize("read_bytes", [1, 3, 8192])
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_closes_the_connection(name: str, read_bytes: int) -> None:
    said, reason = UNREADABLE[name]
    driver = Spoken(said, read_bytes)
    with pytest.raises(pymysql.OperationalError, match=reason):
        taken(driver, "SELECT 1")
    assert driver.is_closed


def test_fewer_answers_than_statements_are_not_waited_for() -> None:
    driver = Spoken(packets(DONE), 8192)
    trip = RoundTrip(driver, "SELECT 1")
    trip.take()
    with pytest.raises(pymysql.OperationalError, match="fewer answers"):
        trip.take()
    assert driver.is_closed


@pytest.mark.parametrize("length", range(len(packets(*ONE, end(LAST)))))
def test_a_connection_that_is_gone_within_an_answer_is_lost(length: int) -> None:
    driver = Spoken(packets(*ONE, end(LAST))[:length], 8192)
    with pytest.raises(pymysql.OperationalError) as caught:
        taken(driver, "SELECT 1")
    assert caught.value.args[0] == 2013
    assert driver.is_closed


def test_a_server_that_ends_says_so_out_of_turn() -> None:
    driver = Spoken(packets(b"\xff\x1d\x04#08S01Server shutdown in progress", first=0), 8192)
    with pytest.raises(pymysql.OperationalError) as caught:
        taken(driver, "SELECT 1")
    assert caught.value.args[0] == 2013
    assert driver.is_closed


def test_answers_are_counted_on_from_a_request_of_several_packets() -> None:
    driver = Spoken(packets(*ONE, end(LAST), first=3), 8192, next_number=3)
    assert taken(driver, "SELECT 1") == [([(1,)], 1, 0)]


def test_a_row_that_begins_like_an_end_is_a_row() -> None:
    longest = b"\xfe" + (5).to_bytes(8, "little") + b"12345"
    driver = Spoken(packets(b"\x01", column(INTEGER), end(LAST), longest, end(LAST)), 8192)
    assert taken(driver, "SELECT 1") == [([(12345,)], 1, 0)]


@pytest.mark.parametrize("read_bytes", [1, 2, 5, 8192])
def test_an_answer_may_come_in_pieces(read_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb_round_trip, "_READ_BYTES", read_bytes)
    driver = Spoken(packets(*ONE, b"\xfb", b"\xfc\x02\x0017", end(LAST)), read_bytes)
    assert taken(driver, "SELECT 1") == [([(1,), (None,), (17,)], 3, 0)]
