"""How long a connection to a server may be silent: a host that vanishes says nothing, and nobody tells of it."""

from __future__ import annotations

import socket
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection

from ullage.storage.dialect import CONNECT_SECONDS_MAX, STATEMENT_SECONDS_MAX

ANSWER_SECONDS_MAX = STATEMENT_SECONDS_MAX + CONNECT_SECONDS_MAX
"""How long the answer to a statement may take: longer than the server lets the statement take."""
PROBE_SECONDS = 5
"""How long a connection is silent before the host is asked for a sign of life, and between two such questions."""
PROBES_MAX = 2

KEEPALIVE = {"keepalives_idle": PROBE_SECONDS, "keepalives_interval": PROBE_SECONDS, "keepalives_count": PROBES_MAX}
"""The same in libpq's words."""

T = TypeVar("T")


class Patient(psycopg.Connection[Any]):
    """A connection to PostgreSQL that is given up when an answer does not come."""

    answer_seconds_max: float | None = None
    """None: ANSWER_SECONDS_MAX."""

    @staticmethod
    def of(connection: Connection) -> Patient:
        """The driver's own connection of one to PostgreSQL. Raises TypeError for any that our engine did not make."""
        driver: Any = connection.connection.driver_connection
        if not isinstance(driver, Patient):
            raise TypeError(f"this is a {type(driver).__name__}, not a connection that is given up in time")
        return driver

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """What the server answers. Raises OperationalError, and is closed then, if that takes too long."""
        seconds = timeout or self.answer_seconds_max or ANSWER_SECONDS_MAX
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.errors._WaitTimeout:
            self.close()
            raise psycopg.OperationalError(f"the server has not answered for {seconds:g} s") from None


def watch_host(connection: socket.socket) -> None:
    """Let the system end a connection whose host is silent, as libpq does by KEEPALIVE and tcp_user_timeout."""
    if connection.family == socket.AF_UNIX:
        return
    options = {
        socket.TCP_KEEPIDLE: PROBE_SECONDS,
        socket.TCP_KEEPINTVL: PROBE_SECONDS,
        socket.TCP_KEEPCNT: PROBES_MAX,
        socket.TCP_USER_TIMEOUT: 1000 * CONNECT_SECONDS_MAX,
    }
    for option, value in options.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
