"""Statements for MariaDB that wait for each other and go out together, as one request.

The driver waits for the answer to each request, and each wait costs a batch a turn at the interpreter beside the
network's time. MariaDB takes several statements in one request, executes them one after the other, and executes none
after one that failed: so a transaction that was rolled back in the middle is not gone on with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql.cursors
from pymysql.connections import Connection as DriverConnection
from pymysql.constants import CLIENT
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from sqlalchemy import Connection

from ullage.storage.mariadb_round_trip import RoundTrip

_AHEAD = "ullage_ahead"
REQUEST_CHARACTERS_MAX = 1024 * 1024
"""Longer ones are sent at once; MariaDB takes 16 MiB."""


@contextmanager
def ahead(connection: Connection) -> Iterator[None]:
    """While it lasts, `cursor` has one to give. What was not sent by its end, because something failed, never is.

    Nothing waits on connections that read: they are not allowed several statements in one request.
    """
    driver: DriverConnection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # MariaDB's
    if driver.client_flag & CLIENT.MULTI_STATEMENTS:
        connection.info[_AHEAD] = Ahead(driver)
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.info.pop(_AHEAD, None)


def cursor(connection: Connection) -> Later | None:
    """What stands for a cursor within `ahead`; None elsewhere."""
    queue = connection.info.get(_AHEAD)
    return None if queue is None else Later(queue)


def is_in_transaction(connection: DriverConnection[Any]) -> bool:
    """Whether, by the server's last word, a transaction is under way."""
    return bool(connection.server_status & SERVER_STATUS_IN_TRANS)  # type: ignore[attr-defined]  # its types lack it


class Ahead:
    """The statements of one connection that were not sent yet."""

    def __init__(self, connection: DriverConnection[Any]) -> None:
        self._connection = connection
        self._cursor = pymysql.cursors.Cursor(connection)
        self._waiting: list[tuple[str, Later]] = []
        self._characters = 0

    def add(self, text: str, parameters: Mapping[str, Any], later: Later) -> None:
        """Let a statement wait for those that follow."""
        bound = self._cursor.mogrify(text, parameters)  # the driver's own way to write parameters as literals
        self._waiting.append((bound, later))
        self._characters += len(bound)
        if self._characters > REQUEST_CHARACTERS_MAX:
            self.send()

    def send(self) -> None:
        """Send all that waits, and take the answers; raises the driver's error for the first one that fails."""
        waiting, self._waiting, self._characters = self._waiting, [], 0
        if not waiting:
            return
        trip = RoundTrip(self._connection, ";\n".join(text for text, _ in waiting))
        for _, later in waiting:
            later.take(*trip.take())
        trip.end()


class Later:
    """What stands for a driver's cursor: it sends when it is first asked."""

    def __init__(self, ahead: Ahead) -> None:
        self._ahead = ahead
        self._rows: Sequence[Any] | None = None
        self._row_count = -1
        self._new_key: int | None = None

    def execute(self, text: str, parameters: Mapping[str, Any]) -> None:
        """See Ahead.add."""
        self._ahead.add(text, parameters, self)

    def fetchall(self) -> Sequence[Any]:
        """All rows; none if there were none to give."""
        if self._rows is None:
            self._ahead.send()
        return self._rows or ()

    @property
    def rowcount(self) -> int:
        """How many rows were found."""
        self.fetchall()
        return self._row_count

    @property
    def lastrowid(self) -> int | None:
        """What LAST_INSERT_ID was set to."""
        self.fetchall()
        return self._new_key

    def take(self, rows: Sequence[Any], row_count: int, new_key: int | None) -> None:
        """Keep what the server answered."""
        self._rows, self._row_count, self._new_key = rows, row_count, new_key
