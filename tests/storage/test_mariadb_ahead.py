"""What MariaDB is sent in one request: executed in order, and not past the first that fails."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest
from ledger_rows import Rows
from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from statements import recorded

from ullage.storage import mariadb_ahead
from ullage.storage.statements import Statement
from ullage.storage.tables import traits
from ullage.storage.unit import Store

pytestmark = pytest.mark.databases("mariadb")


def adding(store: Store) -> Statement:
    rows = {"name": bindparam("trait"), "standard": 0, "stamp_writer": 0, "stamp_sequence": 0}
    return Statement(insert(traits).values(**rows, created_us=1, updated_us=1), store.dialect)


def add(store: Store, *names: str, trouble: Exception | None = None) -> None:
    statement = adding(store)
    with store.writing_ahead() as connection:
        for name in names:
            statement.send(connection, {"trait": name})
        if trouble is not None:
            raise trouble


def names(store: Store) -> set[str]:
    with store.looking() as connection:
        return set(connection.scalars(select(traits.c.name).where(traits.c.standard == 0)))


def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    driver: Any = pymysql.connections.Connection
    send = driver._execute_command

    def counted(connection: Any, command: int, text: Any) -> None:
        sent.append(text.decode() if isinstance(text, bytes) else text)
        send(connection, command, text)

    monkeypatch.setattr(driver, "_execute_command", counted)
    return sent


def test_what_is_sent_waits_until_somebody_asks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    insertion, asked = adding(store), Statement(select(traits.c.name).where(traits.c.standard == 0), store.dialect)
    with store.writing_ahead() as connection:
        sent = requests(monkeypatch)
        answers = [insertion.send(connection, {"trait": f"CUSTOM_{number}%"}) for number in range(3)]
        found = asked.send(connection)
        assert sent == []
        assert {name for (name,) in found.rows()} == {"CUSTOM_0%", "CUSTOM_1%", "CUSTOM_2%"}
        assert [answer.count() for answer in answers] == [1, 1, 1]
        assert len(sent) == 1
    assert len(sent) == 2  # and the commit
    assert names(store) == {"CUSTOM_0%", "CUSTOM_1%", "CUSTOM_2%"}


def test_nothing_is_executed_after_what_failed(store: Store) -> None:
    with pytest.raises(IntegrityError):
        add(store, "CUSTOM_A", "CUSTOM_A", "CUSTOM_B")
    assert names(store) == set()
    add(store, "CUSTOM_A")  # the connection is as good as before
    assert names(store) == {"CUSTOM_A"}


def test_what_was_not_sent_when_something_went_wrong_never_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = requests(monkeypatch)
    with pytest.raises(LookupError):
        add(store, "CUSTOM_A", trouble=LookupError())
    assert [text for text in sent if "INSERT" in text] == []
    assert names(store) == set()


def test_many_statements_are_several_requests(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb_ahead, "REQUEST_CHARACTERS_MAX", 300)
    with store.writing_ahead() as connection:
        sent = requests(monkeypatch)
        for number in range(20):
            adding(store).send(connection, {"trait": f"CUSTOM_{number}"})
    assert len(sent) > 4
    assert len(names(store)) == 20


def test_who_only_reads_may_not_send_several_statements(store: Store) -> None:
    with store.looking() as connection, pytest.raises(DBAPIError, match="syntax"):
        connection.exec_driver_sql("SELECT 1; SELECT 2")


def test_what_was_committed_is_not_rolled_back_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store)
    sent = requests(monkeypatch)
    add(store, "CUSTOM_A")
    with store.writing() as connection:
        Rows(connection).provider()
    assert "ROLLBACK" not in sent
    with pytest.raises(LookupError), store.writing() as connection:
        fail(connection)
    assert sent[-1] == "ROLLBACK"


def fail(connection: Connection) -> None:
    Rows(connection).provider()
    raise LookupError


def test_each_statement_is_seen_by_itself(store: Store) -> None:
    with recorded(store) as seen:
        add(store, "CUSTOM_A")
    assert [text.split()[0] for text in seen] == ["START", "INSERT"]
