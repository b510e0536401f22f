"""Locks on a whole MariaDB database, for upgrades."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ullage.storage.trouble import StorageUnavailable

TABLE_EXISTS = 1050
ABANDONED_SECONDS = 900
"""A table lock this old was left behind by an upgrade that died."""
PAUSE_SECONDS = 0.5


@contextmanager
def named_lock(connection: Connection, seconds_max: int) -> Iterator[None]:
    """A lock that goes with its session. It holds on one server, not on a cluster, where each node knows its own."""
    name = "CONCAT('ullage upgrade ', SHA1(DATABASE()))"
    if connection.exec_driver_sql(f"SELECT GET_LOCK({name}, {seconds_max})").scalar_one() != 1:
        raise StorageUnavailable("Another upgrade of this database does not end")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")


@contextmanager
def table_lock(connection: Connection, seconds_max: int) -> Iterator[None]:
    """A lock that holds on a Galera cluster, which orders the creation of tables over all its nodes."""
    deadline = time.monotonic() + seconds_max
    while not _is_made(connection):
        if time.monotonic() > deadline:
            raise StorageUnavailable("Another upgrade of this database does not end")
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        connection.exec_driver_sql("DROP TABLE IF EXISTS ullage_upgrade_lock")


def _is_made(connection: Connection) -> bool:
    try:
        connection.exec_driver_sql("CREATE TABLE ullage_upgrade_lock (id INTEGER PRIMARY KEY)")
    except DBAPIError as error:
        if error.orig is None or error.orig.args[0] != TABLE_EXISTS:
            raise
        _remove_abandoned(connection)
        return False
    return True


def _remove_abandoned(connection: Connection) -> None:
    age = connection.exec_driver_sql(
        "SELECT TIMESTAMPDIFF(SECOND, create_time, NOW()) FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = 'ullage_upgrade_lock'"
    ).scalar()
    if age is not None and age > ABANDONED_SECONDS:
        connection.exec_driver_sql("DROP TABLE IF EXISTS ullage_upgrade_lock")
