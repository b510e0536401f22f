"""The database servers of a run: those of the tests, durable, with the memory they take when installed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pymysql
import servers

MEMORY = "128M"
"""The buffers of both servers as installed; the tests give them less."""


class Postgresql(servers.Postgresql):
    """Durable, and otherwise as installed."""

    def command(self) -> list[str]:
        return [*super().command(), "-c", f"shared_buffers={MEMORY}B"]

    @property
    def programs(self) -> Path:
        """The folder of its programs; pgbench is one."""
        return self._programs


class Mariadb(servers.Mariadb):
    """Durable, and otherwise as installed."""

    def command(self) -> list[str]:
        return [*super().command(), f"--innodb-buffer-pool-size={MEMORY}", "--innodb-log-file-size=96M"]


@contextmanager
def running(name: str, parent: Path) -> Iterator[servers.Server]:
    """A server of this name with its data below `parent`, which has to be on a disk."""
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=parent) as text:
        folder = Path(text)
        if name == "sqlite":
            yield servers.Sqlite(folder)
            return
        kind = {"postgresql": Postgresql, "mariadb": Mariadb}[name]
        with servers.tended(kind(folder, durable=True)) as server:
            yield server


def port(url: str) -> str:
    """The port in the url of a database on a server."""
    return url.rpartition("/")[0].rpartition(":")[2]


def flush(url: str) -> None:
    """Bring on the disk what PostgreSQL and the system still hold: the commits of what comes next would wait for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    os.sync()


def cut(url: str) -> None:
    """End all connections to a database, and with them what the server is doing for clients that are gone."""
    name = url.rpartition("/")[2]
    if url.startswith("mysql"):
        connection = pymysql.connect(host="127.0.0.1", port=int(port(url)), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
            for (number,) in cursor.fetchall():
                with contextlib.suppress(pymysql.MySQLError):  # it has ended by itself
                    cursor.execute("KILL %s", (number,))
    elif url.startswith("postgresql"):
        with psycopg.connect(f"{url.rpartition('/')[0]}/postgres", autocommit=True) as postgres:
            postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
