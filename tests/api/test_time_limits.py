"""Statements that come to a limit of the database's time, on real servers: of a statement, of a lock, a deadlock."""

from __future__ import annotations

import contextlib
import logging
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Connection, func, literal, select, update
from sqlalchemy.exc import OperationalError

from api.client import CONSUMER, UUID, Client, claim_body
from api.stand import error, header
from ullage.api.app import App
from ullage.api.http import Response
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.storage import dialects
from ullage.storage.mariadb import Mariadb
from ullage.storage.tables import traits
from ullage.storage.trouble import ConnectionLost, StatementEnded
from ullage.storage.unit import Store, run
from ullage.wiring import build_service

NO_SQLITE = pytest.mark.databases("postgresql", "mariadb")
"""SQLite has no limit for a statement, and no locks of rows."""
TABLES = ("providers", "writers")
SQL = re.compile(r"SELECT|INSERT|UPDATE |FROM |LINE 1")
LONG = 60_000
NAMED = {
    "postgresql": {"statement": "due to statement timeout", "lock": "due to lock timeout"},
    "mariadb": {"statement": "max_statement_time exceeded", "lock": "Lock wait timeout exceeded"},
    "sqlite": {"lock": "database is locked"},
}
RENAME = ("PUT", f"/resource_providers/{UUID}", {"name": "other"})
EVERY = [
    ("GET", f"/resource_providers/{UUID}", None),
    ("GET", "/resource_providers", None),
    ("GET", "/allocation_candidates?resources=VCPU:1", None),
    RENAME,
    ("POST", "/resource_providers", {"name": "new"}),
    ("PUT", f"/allocations/{CONSUMER}", claim_body(None, UUID, VCPU=1)),
]


def shorten(monkeypatch: pytest.MonkeyPatch, url: str, limit: str) -> str:
    """Let the limit be short and the others long, in all sessions of the url that is given back."""
    if url.startswith("sqlite"):
        monkeypatch.setattr(dialects, "LOCK_SECONDS_MAX", 0.1)
        return url
    statement_ms, lock_ms = (200, LONG) if limit == "statement" else (LONG, 200)
    if url.startswith("postgresql"):
        return f"{url}?options=-c statement_timeout={statement_ms} -c lock_timeout={lock_ms}"
    own = (
        f"SET SESSION max_statement_time = {statement_ms / 1000}",
        f"SET SESSION lock_wait_timeout = {lock_ms // 1000}, innodb_lock_wait_timeout = {lock_ms // 1000}",
    )
    monkeypatch.setattr(Mariadb, "session", (*Mariadb.session, *own))
    return url


@pytest.fixture(name="client")
def _client(database_url: str) -> Iterator[Callable[[str], Client]]:
    """Makes a client of an App on a url; the first one has made a provider."""
    with contextlib.ExitStack() as stack:

        def make(url: str) -> Client:
            settings = Settings(database=url, auth="noauth2")
            service = build_service(settings)
            stack.callback(service.store.close)
            stack.callback(service.committer.stop)
            return Client(App(service, settings, ROUTES))

        first = make(database_url)
        first.provider(UUID, VCPU=8)
        first.app.service.store.close()
        first.app.service.committer.stop()
        yield make


@contextlib.contextmanager
def tables_locked(url: str) -> Iterator[None]:
    """Nobody else may read or write the tables, as while a table is altered."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("UPDATE traits SET updated_us = 1")
            yield
        return
    locking = {
        "postgresql": [f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE"],
        "mysql": [f"LOCK TABLES {', '.join(f'{name} WRITE' for name in TABLES)}"],
    }
    with holding(url, *locking[url.partition(":")[0]]):
        yield


@contextlib.contextmanager
def holding(url: str, *statements: str) -> Iterator[Connection]:
    """A transaction that has executed these."""
    store = Store.open(url)
    with contextlib.closing(store), store.writing_engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for statement in statements:
            connection.exec_driver_sql(statement)
        yield connection
        connection.exec_driver_sql("ROLLBACK")


def require_told(response: Response, log: pytest.LogCaptureFixture, named: str) -> None:
    """An asker is told to come back, the log what it was, and neither sees a statement."""
    assert response.status == 503, response.body
    assert header(response, "retry-after") == "1"
    assert "did not come to an end with this in time" in error(response)["detail"]
    lines = [line for line in log.messages if "not served: " in line]
    assert len(lines) == 1
    assert named in lines[0]
    assert not SQL.search(response.body.decode() + log.text.replace("UPDATE /", ""))


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    return caplog


@pytest.mark.parametrize("limit", ["lock", pytest.param("statement", marks=NO_SQLITE)])
def test_reads_and_writes_that_come_to_a_limit_are_asked_to_come_back(
    database_url: str,
    database_name: str,
    client: Callable[[str], Client],
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    named = NAMED[database_name][limit]
    asking = client(shorten(monkeypatch, database_url, limit))
    asking.app.service.committer._attempts = 2
    with tables_locked(database_url):
        for method, target, body in EVERY:
            log.clear()
            require_told(asking.ask(method, target, body), log, named)
    for method, target, body in EVERY:
        assert asking.ask(method, target, body).status in {200, 201, 204}


@NO_SQLITE
def test_a_row_that_others_hold_is_waited_for_and_the_log_says_so_each_time(
    database_url: str,
    database_name: str,
    client: Callable[[str], Client],
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking = client(shorten(monkeypatch, database_url, "lock"))
    asking.app.service.committer._attempts = 3
    with holding(database_url, "SELECT id FROM providers FOR UPDATE"):
        require_told(asking.ask(*RENAME), log, NAMED[database_name]["lock"])
        assert sum("let a write wait in vain" in line for line in log.messages) == 3
        assert asking.get(f"/resource_providers/{UUID}")["name"] == "host"
    assert asking.ask(*RENAME).status == 200


SLOW_WRITES = {
    "postgresql": [
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION slow()",
    ],
    "mariadb": ["CREATE TRIGGER slow BEFORE UPDATE ON providers FOR EACH ROW SET @slow = SLEEP(30)"],
}


@NO_SQLITE
def test_a_write_whose_own_statement_is_ended_is_answered_and_changes_nothing(
    database_url: str,
    database_name: str,
    client: Callable[[str], Client],
    log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with contextlib.closing(Store.open(database_url)) as store, store.writing_engine.connect() as connection:
        for statement in SLOW_WRITES[database_name]:
            connection.exec_driver_sql(statement)
    asking = client(shorten(monkeypatch, database_url, "statement"))
    asking.app.service.committer._deadline_seconds = 2.0
    response = asking.ask(*RENAME)
    assert response.status == 503
    assert header(response, "retry-after") == "1"
    assert not SQL.search(response.body.decode())
    assert NAMED[database_name]["statement"] in log.text
    assert asking.get(f"/resource_providers/{UUID}")["name"] == "host"
    assert asking.ask("PUT", "/traits/CUSTOM_QUICK").status == 201


DEADLOCKS: dict[str, Callable[[], Exception]] = {
    "postgresql": lambda: psycopg.errors.DeadlockDetected("deadlock detected"),
    "mariadb": lambda: pymysql.OperationalError(1213, "Deadlock found when trying to get lock"),
    "sqlite": lambda: _locked(),
}


def _locked() -> Exception:
    error = sqlite3.OperationalError("database table is locked: deadlock")
    error.sqlite_errorcode = sqlite3.SQLITE_LOCKED
    return error


def test_a_deadlock_that_comes_again_and_again_is_told_as_such(store: Store, database_name: str) -> None:
    attempts: list[int] = []

    def meet(_connection: Any) -> None:
        attempts.append(1)
        raise OperationalError("UPDATE secrets", {}, DEADLOCKS[database_name]())

    with pytest.raises(StatementEnded, match=rf"(?i)in the {database_name} database 3 times: .*deadlock") as caught:
        run(store, meet, attempts=3)
    assert len(attempts) == 3
    assert "secrets" not in str(caught.value)
    assert caught.value.__cause__ is None


IDLE = {
    "postgresql": ("SHOW idle_in_transaction_session_timeout", "2min", "SET idle_in_transaction_session_timeout = 200"),
    "mariadb": ("SELECT @@idle_transaction_timeout", 120, "SET SESSION idle_transaction_timeout = 1"),
}


@NO_SQLITE
def test_a_transaction_that_does_nothing_is_ended_by_the_database(store: Store, database_name: str) -> None:
    show, usual, shorten_it = IDLE[database_name]

    def sit(connection: Connection) -> None:
        assert connection.exec_driver_sql(show).scalar_one() == usual
        connection.exec_driver_sql(shorten_it)
        connection.execute(update(traits).values(updated_us=7))
        time.sleep(1.5)
        connection.execute(select(literal(1)))

    with pytest.raises(ConnectionLost):
        run(store, sit, attempts=1)
    with store.reading() as connection:
        assert connection.execute(select(func.min(traits.c.updated_us))).scalar_one() != 7
