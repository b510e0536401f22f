"""What servers are sent before they answer: executed in order, and not past the first that fails."""

from __future__ import annotations

from contextlib import suppress
from select import select as select_ready
from typing import Any

import pymysql
import pytest
from ledger_rows import Rows
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Float,
    Text,
    bindparam,
    cast,
    create_engine,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from statements import recorded

from ullage.model.commands import EnsureTrait
from ullage.storage import mariadb_ahead
from ullage.storage.committer import Committer
from ullage.storage.patience import Patient
from ullage.storage.statements import Statement
from ullage.storage.tables import traits
from ullage.storage.trouble import CommitUnknown, ConnectionLost
from ullage.storage.unit import Store

pytestmark = pytest.mark.databases("mariadb", "postgresql")
on_mariadb = pytest.mark.databases("mariadb")
on_postgresql = pytest.mark.databases("postgresql")


def adding(store: Store) -> Statement:
    rows = {"name": bindparam("trait"), "standard": False, "stamp_writer": 0, "stamp_sequence": 0}
    return Statement(insert(traits).values(**rows, created_us=1, updated_us=1), store.dialect)


def add(store: Store, *names: str, trouble: Exception | None = None) -> None:
    statement = adding(store)
    with store.writing_ahead() as connection:
        for name in names:
            statement.send(connection, {"trait": name})
        if trouble is not None:
            raise trouble


def listing(store: Store) -> Statement:
    return Statement(select(traits.c.name).where(traits.c.standard.is_(False)), store.dialect)


def names(store: Store) -> set[str]:
    with store.looking() as connection:
        return set(connection.scalars(select(traits.c.name).where(traits.c.standard.is_(False))))


def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    driver: Any = pymysql.connections.Connection
    send = driver._execute_command

    def counted(connection: Any, command: int, text: Any) -> None:
        sent.append(text.decode() if isinstance(text, bytes) else text)
        send(connection, command, text)

    monkeypatch.setattr(driver, "_execute_command", counted)
    return sent


@on_mariadb
def test_what_is_sent_waits_until_somebody_asks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    insertion, asked = (
        adding(store),
        Statement(select(traits.c.name).where(traits.c.standard.is_(False)), store.dialect),
    )
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


@on_mariadb
def test_what_was_not_sent_when_something_went_wrong_never_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = requests(monkeypatch)
    with pytest.raises(LookupError):
        add(store, "CUSTOM_A", trouble=LookupError())
    assert [text for text in sent if "INSERT" in text] == []
    assert names(store) == set()


@on_mariadb
def test_many_statements_are_several_requests(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb_ahead, "REQUEST_CHARACTERS_MAX", 300)
    with store.writing_ahead() as connection:
        sent = requests(monkeypatch)
        for number in range(20):
            adding(store).send(connection, {"trait": f"CUSTOM_{number}"})
    assert len(sent) > 4
    assert len(names(store)) == 20


@on_mariadb
def test_who_only_reads_may_not_send_several_statements(store: Store) -> None:
    with store.looking() as connection, pytest.raises(DBAPIError, match="syntax"):
        connection.exec_driver_sql("SELECT 1; SELECT 2")


@on_mariadb
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
    assert [text.split()[0] for text in seen if text != "COMMIT"] == [
        store.dialect.begin_writing[0].split()[0],
        "INSERT",
    ]


@on_postgresql
def test_the_answer_to_any_statement_tells_of_the_first_that_failed(store: Store) -> None:
    with pytest.raises(IntegrityError):  # the commit was not done, either
        add_one_twice(store)
    assert names(store) == set()


def add_one_twice(store: Store) -> None:
    with store.writing_ahead() as connection:
        for _ in range(2):
            adding(store).send(connection, {"trait": "CUSTOM_A"})
        for _ in range(2):
            found = listing(store).send(connection)
            with pytest.raises(IntegrityError):
                found.rows()


@on_postgresql
def test_what_was_not_prepared_for_an_error_before_it_is_prepared_later(store: Store) -> None:
    insertion, asked = (
        adding(store),
        Statement(select(traits.c.name).where(traits.c.standard.is_(False)), store.dialect),
    )
    for trait in ("CUSTOM_A", "CUSTOM_A", "CUSTOM_B"):
        with suppress(IntegrityError), store.writing_ahead() as connection:
            insertion.send(connection, {"trait": trait})
            insertion.send(connection, {"trait": f"{trait}_2"})
            found = asked.send(connection)
    assert {name for (name,) in found.rows()} == {"CUSTOM_A", "CUSTOM_A_2", "CUSTOM_B", "CUSTOM_B_2"}


@on_postgresql
def test_a_statement_is_prepared_once_for_a_connection(store: Store) -> None:
    insertion = adding(store)
    for number in range(3):
        with store.writing_ahead() as connection:
            insertion.send(connection, {"trait": f"CUSTOM_{number}"})
    with store.writing() as connection:
        prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    assert len([text for text in prepared if text.startswith("INSERT")]) == 1
    assert len(prepared) == len(set(prepared))


@on_postgresql
def test_a_connection_that_a_pooler_emptied_is_made_anew(store: Store, committer: Committer) -> None:
    committer.run(EnsureTrait("CUSTOM_A"))
    with store.writing() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")
    committer.run(EnsureTrait("CUSTOM_B"))
    assert names(store) == {"CUSTOM_A", "CUSTOM_B"}


@on_postgresql
def test_values_come_and_go_as_they_are(store: Store) -> None:
    given = ["", "\\", "'\"%s $1 {}", "Ünï\u2028\U0001f600", 0, -(2**63), 1.5, 1e300, None, True]
    columns = [cast(bindparam(f"v{place}", value), type_of(value)) for place, value in enumerate(given)]
    asked = Statement(select(*columns), store.dialect)
    with store.writing_ahead() as connection:
        (row,) = asked.send(connection, {f"v{place}": value for place, value in enumerate(given)}).rows()
    assert list(row) == given


def type_of(value: object) -> Any:
    return {str: Text, int: BigInteger, float: Float(53), bool: Boolean}.get(type(value), Text)


@on_postgresql
def test_a_text_is_not_cut_at_a_nul_character(store: Store) -> None:
    with pytest.raises(DataError):
        add(store, "CUSTOM_A\0B")
    assert names(store) == set()
    add(store, "CUSTOM_A")


@on_postgresql
def test_much_that_goes_out_and_much_that_comes_back_do_not_wait_for_each_other(store: Store) -> None:
    much = "x" * 1_000_000
    asked = Statement(select(bindparam("much", type_=Text), literal(1)), store.dialect)
    with store.writing_ahead() as connection:
        answers = [asked.send(connection, {"much": much}) for _ in range(60)]
        assert len(answers[-1].rows()[0][0]) == len(much)
        assert all(len(answer.rows()[0][0]) == len(much) for answer in answers[:-1])


@on_postgresql
@pytest.mark.parametrize("asks", [True, False])
def test_a_connection_that_is_cut_is_told_as_such(store: Store, asks: bool) -> None:
    with pytest.raises(ConnectionLost if asks else CommitUnknown):
        add_and_be_cut(store, asks=asks)
    assert names(store) == set()
    add(store, "CUSTOM_A")


@on_postgresql
def test_a_connection_that_is_cut_when_nothing_more_is_wanted_is_not_used_again(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is noticed in the end alone, which must leave no pipeline on a connection of the pool."""
    for trouble in (LookupError(), None):
        with suppress(LookupError, CommitUnknown), store.writing_ahead() as connection:
            cut(store, connection)
            driver: Any = connection.connection.driver_connection
            select_ready([driver.pgconn.socket], [], [], 10)  # what the server says of it is there, and unread
            if trouble is not None:
                raise trouble
        add(store, "CUSTOM_A" if trouble else "CUSTOM_B")
    assert names(store) == {"CUSTOM_A", "CUSTOM_B"}
    assert not [record for record in caplog.records if record.name.startswith("sqlalchemy")]


def end_backend(store: Store, number: int) -> None:
    with store.looking() as connection:
        connection.execute(select(func.pg_terminate_backend(number)))


def cut(store: Store, connection: Connection) -> None:
    own = Statement(select(func.pg_backend_pid()), store.dialect).send(connection).rows()[0][0]
    end_backend(store, own)


def add_and_be_cut(store: Store, *, asks: bool) -> None:
    with store.writing_ahead() as connection:
        cut(store, connection)
        answer = adding(store).send(connection, {"trait": "CUSTOM_A"})
        if asks:
            answer.rows()


@pytest.mark.databases("postgresql")
def test_a_connection_that_would_wait_for_ever_is_not_sent_to(store: Store) -> None:
    engine = create_engine(store.engine.url)
    with engine.connect() as connection, pytest.raises(TypeError, match="given up in time"):
        Patient.of(connection)
    engine.dispose()
