"""Whatever is done to the audit trail, or to tokens behind its back, `ullage audit verify` tells where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import Connection, Row, delete, insert, select, update
from typer.testing import CliRunner

from ullage.cli.main import app
from ullage.model.commands import Command, CreateProvider, EnsureTrait, SetInventories
from ullage.model.inventory import Inventory
from ullage.model.origin import Origin
from ullage.storage import tokens as api_tokens
from ullage.storage.audit.chain import hash_of
from ullage.storage.committer import Committer
from ullage.storage.tables import audit, tokens, writers
from ullage.storage.unit import Store

A = uuid_of("a")
ALICE = Origin("alice", "blue", frozenset({"member"}), "192.0.2.7", "req-1")
ROOT = Origin("root", remote="ullage token on host1")
COMMANDS: tuple[Command, ...] = (
    CreateProvider(A, "a"),
    SetInventories(A, 0, {"VCPU": Inventory(10)}),
    replace(claim("x", {"a": {"VCPU": 2}})),
    EnsureTrait("CUSTOM_T"),
)
LAST = len(COMMANDS)
"""The sequence of the chain's last row."""

Rows = list[Row[Any]]
Tamper = Callable[[Connection, Rows], object]


def verified(url: str, *heads: Row[Any]) -> tuple[int, list[str]]:
    """What `ullage audit verify` exits with and says, given these rows as the log told them."""
    given = [text for row in heads for text in ("--head", f"{row.writer}:{row.sequence}:{row.hash}")]
    done = CliRunner().invoke(app, ["audit", "verify", *given], env={"ULLAGE_DATABASE": url})
    return done.exit_code, done.stdout.splitlines()


def rows_of(connection: Connection, writer: int) -> Rows:
    return list(connection.execute(select(audit).where(audit.c.writer == writer).order_by(audit.c.sequence)))


def at(row: Row[Any]) -> Any:
    return (audit.c.writer == row.writer) & (audit.c.sequence == row.sequence)


def put(connection: Connection, row: Row[Any], **changed: Any) -> None:
    connection.execute(insert(audit).values({**row._mapping, **changed}))


def stand(connection: Connection, writer: int, sequence: int) -> None:
    """Make the writer's row say that it came so far."""
    connection.execute(update(writers).where(writers.c.id == writer).values(sequence=sequence))


def remade(connection: Connection, rows: Rows, old: str, new: str) -> None:
    """The whole chain anew with another text in it, as somebody who knows how it is made would make it."""
    previous = ""
    for row in rows:
        entries = row.entries.replace(old, new)
        previous = hash_of(previous, row.writer, row.sequence, row.recorded_us, entries.encode())
        connection.execute(update(audit).where(at(row)).values(entries=entries, hash=previous))


@pytest.fixture
def writer(store: Store, committer: Committer) -> int:
    """The writer of a chain with one row for each of COMMANDS after its first; two tokens were made, one revoked."""
    api_tokens.create(store, ROOT, "nova", "blue", frozenset({"service", "reader"}), 17)
    gone, _ = api_tokens.create(store, ROOT, "mallory", None, frozenset(), 18)
    api_tokens.revoke(store, ROOT, gone.id)
    for command in COMMANDS:
        committer.run(command, ALICE)
    committer.stop()
    with store.reading() as connection:
        return int(connection.scalars(select(audit.c.writer).order_by(audit.c.writer.desc()).limit(1)).one())


def tampered(store: Store, writer: int, tamper: Tamper) -> Rows:
    """Do it; answers the rows of the chain as they were before."""
    with store.writing() as connection:
        rows = rows_of(connection, writer)
        tamper(connection, rows)
    return rows


def test_what_nobody_touched_is_whole(store: Store, writer: int, database_url: str) -> None:
    with store.reading() as connection:
        rows = rows_of(connection, writer)
    assert len(rows) == LAST + 1
    assert verified(database_url, *rows) == (0, ["The audit trail is whole."])


EDITS: dict[str, Callable[[Row[Any]], Any]] = {
    "writer": lambda row: row.writer + 1000,
    "sequence": lambda row: row.sequence - 1000,
    "recorded_us": lambda row: row.recorded_us - 1,
    "hash": lambda row: "0" * 64,
    "entries": lambda row: row.entries.replace('"changes":[', '"changes":[ '),
}


def test_every_column_has_an_edit() -> None:
    assert EDITS.keys() == {column.name for column in audit.c}


@pytest.mark.parametrize("column", EDITS)
@pytest.mark.parametrize("sequence", [0, 2, LAST])
def test_an_edited_column_shows(store: Store, writer: int, database_url: str, column: str, sequence: int) -> None:
    def edit(connection: Connection, rows: Rows) -> None:
        row = rows[sequence]
        connection.execute(update(audit).where(at(row)).values({column: EDITS[column](row)}))

    tampered(store, writer, edit)
    status, said = verified(database_url)
    assert status == 1
    assert any(f"{writer}:{sequence}" in line or f"Writer {writer} " in line for line in said)


def remove(connection: Connection, rows: Rows) -> None:
    connection.execute(delete(audit).where(at(rows[2])))


def remove_first(connection: Connection, rows: Rows) -> None:
    connection.execute(delete(audit).where(at(rows[0])))


def cut_off(connection: Connection, rows: Rows) -> None:
    connection.execute(delete(audit).where(audit.c.writer == rows[0].writer, audit.c.sequence > 2))


def remove_all(connection: Connection, rows: Rows) -> None:
    connection.execute(delete(audit).where(audit.c.writer == rows[0].writer))


def swap(connection: Connection, rows: Rows) -> None:
    remove(connection, rows)
    connection.execute(delete(audit).where(at(rows[3])))
    put(connection, rows[2], sequence=rows[3].sequence)
    put(connection, rows[3], sequence=rows[2].sequence)


def swap_all_but_places(connection: Connection, rows: Rows) -> None:
    for row, other in ((rows[2], rows[3]), (rows[3], rows[2])):
        values = {"entries": other.entries, "recorded_us": other.recorded_us, "hash": other.hash}
        connection.execute(update(audit).where(at(row)).values(values))


def replay(connection: Connection, rows: Rows) -> None:
    put(connection, rows[2], sequence=LAST + 1)
    stand(connection, rows[0].writer, LAST + 1)


def add_with_some_hash(connection: Connection, rows: Rows) -> None:
    put(connection, rows[-1], sequence=LAST + 1, hash="0123456789abcdef" * 4)
    stand(connection, rows[0].writer, LAST + 1)


def add_with_its_hash(connection: Connection, rows: Rows) -> None:
    """Only that the writer says otherwise gives it away."""
    last = rows[-1]
    made = hash_of(last.hash, last.writer, LAST + 1, last.recorded_us, last.entries.encode())
    put(connection, last, sequence=LAST + 1, hash=made)


def edit_with_its_hash(connection: Connection, rows: Rows) -> None:
    row = rows[2]
    entries = row.entries.replace("alice", "bobby")
    made = hash_of(rows[1].hash, row.writer, row.sequence, row.recorded_us, entries.encode())
    connection.execute(update(audit).where(at(row)).values(entries=entries, hash=made))


def spoil(connection: Connection, rows: Rows) -> None:
    """Its hash fits, but it cannot be read."""
    row = rows[-1]
    made = hash_of(rows[-2].hash, row.writer, row.sequence, row.recorded_us, b'[{"changes":[7]}]')
    connection.execute(update(audit).where(at(row)).values(entries='[{"changes":[7]}]', hash=made))


SAID: dict[Tamper, str] = {
    remove: "Row {0}:2 is missing; {0}:3 comes next.",
    remove_first: "Row {0}:0 is missing; {0}:1 comes next.",
    cut_off: "Writer {0} is at sequence 4, but its trail ends at 2.",
    remove_all: "made 4 transactions of which the trail has nothing.",
    swap: "Row {0}:2 is not what was written after the row before it: its hash does not fit.",
    swap_all_but_places: "Row {0}:2 is not what was written after the row before it: its hash does not fit.",
    replay: "Row {0}:5 is not what was written after the row before it: its hash does not fit.",
    add_with_some_hash: "Row {0}:5 is not what was written after the row before it: its hash does not fit.",
    add_with_its_hash: "Writer {0} is at sequence 4, but its trail ends at 5.",
    edit_with_its_hash: "Row {0}:3 is not what was written after the row before it: its hash does not fit.",
    spoil: "Row {0}:4 cannot be read.",
}


@pytest.mark.parametrize("tamper", SAID)
def test_what_is_done_to_rows_shows_by_the_trail_alone(
    store: Store, writer: int, database_url: str, tamper: Tamper
) -> None:
    tampered(store, writer, tamper)
    status, said = verified(database_url)
    assert status == 1
    assert any(line.endswith(SAID[tamper].format(writer)) for line in said), said


def cut_off_with_its_writer(connection: Connection, rows: Rows) -> None:
    cut_off(connection, rows)
    stand(connection, rows[0].writer, 2)


def remake(connection: Connection, rows: Rows) -> None:
    remade(connection, rows, "alice", "mallory")


def remove_with_its_writer(connection: Connection, rows: Rows) -> None:
    remove_all(connection, rows)
    connection.execute(delete(writers).where(writers.c.id == rows[0].writer))


SAID_BY_HEAD: dict[Tamper, str] = {
    cut_off_with_its_writer: "Row {0}:4 is missing, though its hash was told.",
    remake: "Row {0}:4 is another than the one whose hash was told.",
    remove_with_its_writer: "Row {0}:4 is missing, though its hash was told.",
}


@pytest.mark.parametrize("tamper", SAID_BY_HEAD)
def test_what_the_trail_cannot_show_a_head_of_the_log_shows(
    store: Store, writer: int, database_url: str, tamper: Tamper
) -> None:
    rows = tampered(store, writer, tamper)
    assert verified(database_url)[0] == 0
    assert verified(database_url, rows[-1]) == (1, [SAID_BY_HEAD[tamper].format(writer)])


@pytest.mark.parametrize("tamper", SAID_BY_HEAD)
def test_the_next_writer_vouches_for_those_before_it(
    store: Store, writer: int, database_url: str, tamper: Tamper
) -> None:
    api_tokens.create(store, ROOT, "later", None, frozenset(), 19)
    tampered(store, writer, tamper)
    assert verified(database_url) == (1, [SAID_BY_HEAD[tamper].format(writer)])


TOKEN_EDITS: dict[str, Any] = {
    "id": 1000,
    "digest": "0" * 64,
    "user": "admin",
    "project": None,
    "roles": "admin,reader,service",
    "expires_us": 9_000_000_000_000_000,
    "created_us": 1,
    "updated_us": 1,
}


def test_every_column_of_a_token_has_an_edit() -> None:
    assert TOKEN_EDITS.keys() == {column.name for column in tokens.c}


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("column", TOKEN_EDITS)
def test_an_edited_token_shows(store: Store, database_url: str, column: str) -> None:
    with store.writing() as connection:
        number = connection.scalars(select(tokens.c.id)).one()
        connection.execute(update(tokens).values({column: TOKEN_EDITS[column]}))
    status, said = verified(database_url)
    assert status == 1
    if column == "id":
        assert said == [
            "Token 1000 is there, but the trail does not tell that it was made.",
            f"Token {number} is missing, but the trail does not tell that it was revoked.",
        ]
    else:
        assert said == [f"Token {number} is not as the trail tells: {'fingerprint' if column == 'digest' else column}."]


@pytest.mark.usefixtures("writer")
def test_a_token_put_in_taken_out_or_brought_back_shows(store: Store, database_url: str) -> None:
    with store.writing() as connection:
        (row,) = connection.execute(select(tokens))
        connection.execute(delete(tokens))
    gone = f"Token {row.id} is missing, but the trail does not tell that it was revoked."
    assert verified(database_url) == (1, [gone])
    with store.writing() as connection:
        for number in (row.id, row.id + 1, 1000):
            connection.execute(insert(tokens).values({**row._mapping, "id": number, "digest": f"{number:064}"}))
    status, said = verified(database_url)
    assert status == 1
    assert said[1:] == [
        f"Token {row.id + 1} was revoked, as the trail tells, but is there.",
        "Token 1000 is there, but the trail does not tell that it was made.",
    ]


def test_a_token_whose_fingerprint_an_earlier_version_did_not_tell_is_whole(store: Store, database_url: str) -> None:
    """As it was written before fingerprints were; its other values are compared all the same."""
    api_tokens.create(store, ROOT, "nova", "blue", frozenset({"service"}), 17)
    with store.writing() as connection:
        (writer,) = connection.scalars(select(audit.c.writer).where(audit.c.entries.like("%CreateToken%")))
        rows = rows_of(connection, writer)
        mark = rows[1].entries.index(',"fingerprint"')
        remade(connection, rows, rows[1].entries[mark : mark + 81], "")
    assert verified(database_url) == (0, ["The audit trail is whole."])
    with store.writing() as connection:
        connection.execute(update(tokens).values(roles="admin"))
    assert verified(database_url)[0] == 1
