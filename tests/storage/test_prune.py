"""The beginning of the audit trail is cut off, what is left is whole, and nobody else can cut it unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from database_roles import two_roles
from ledger.scenes import uuid_of
from servers import Server
from sqlalchemy import delete, select, update
from statements import before_each

from ullage.model.commands import CreateProvider, EnsureTrait
from ullage.model.origin import Origin
from ullage.storage import tables, tokens
from ullage.storage.audit import prune as pruning
from ullage.storage.audit.chain import hash_of
from ullage.storage.audit.cuts_told import CutsTold
from ullage.storage.audit.entries import PRUNE, decoded
from ullage.storage.audit.prune import prune
from ullage.storage.audit.verify import faults, judged
from ullage.storage.committer import Committer
from ullage.storage.tables import audit, writers
from ullage.storage.trouble import NotAllowed, NotWhole
from ullage.storage.unit import Store

ROOT = Origin("root", remote="ullage audit prune on host1")
EVER = 2**62
Head = tuple[int, int, str]


class Interrupted(Exception):
    """What ends a cut half way; a signal would leave a connection for the garbage collection to complain of."""


@pytest.fixture
def committer(store: Store) -> Any:
    """A committer whose clock is at 1, 2, 3 and so on: row 0 of its chain is of 1, row 1 of 2."""
    ticks = count(1)
    made = Committer(store, clock=lambda: next(ticks))
    for number in range(9):
        made.run(EnsureTrait(f"CUSTOM_{number}"), ROOT)
    yield made
    made.stop()


@pytest.fixture
def writer(store: Store, committer: Committer) -> int:
    """The committer's."""
    del committer
    return int(rows(store)[-1].writer)


def rows(store: Store, writer: int | None = None) -> list[Any]:
    statement = select(audit).order_by(audit.c.writer, audit.c.sequence)
    with store.reading() as connection:
        return list(connection.execute(statement if writer is None else statement.where(audit.c.writer == writer)))


def heads(found: list[Any]) -> list[Head]:
    return [(row.writer, row.sequence, row.hash) for row in found]


def found(store: Store, *told: Head) -> list[str]:
    with store.reading() as connection:
        return faults(connection, told)


def test_what_is_left_is_whole_and_goes_on(
    store: Store, committer: Committer, writer: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ullage.audit")
    before = rows(store)
    (cut,) = prune(store, ROOT, 5)  # rows 0 to 3 are of 1 to 4
    assert (cut.writer, cut.first, cut.sequence, cut.hash) == (writer, 0, 3, rows_at(before, writer, 3).hash)
    assert [row.sequence for row in rows(store, writer)] == [4, 5, 6, 7, 8, 9]
    told = rows(store)[-1]
    (entry,) = decoded(told.entries)
    (change,) = entry["changes"]
    assert (entry["command"], entry["user"], entry["remote"]) == ("PruneTrail", "root", ROOT.remote)
    assert (change["name"], change["after"]) == (str(writer), {"first": 4, "hash_before": cut.hash})
    line = json.loads(caplog.records[-1].getMessage())
    assert (line["hash"], line["entries"]) == (told.hash, [entry])
    committer.run(EnsureTrait("CUSTOM_MORE"), ROOT)
    with store.reading() as connection:
        trouble, (note,) = judged(connection, [*heads(before), *heads(rows(store))])
    assert trouble == []
    assert f"{told.writer}:{told.sequence}:{told.hash}" in note


def rows_at(found: list[Any], writer: int, sequence: int) -> Any:
    return next(row for row in found if (row.writer, row.sequence) == (writer, sequence))


@pytest.mark.usefixtures("writer")
def test_the_newest_row_of_a_chain_stays_and_with_it_what_is_told_of_tokens(store: Store) -> None:
    tokens.create(store, ROOT, "nova", None, frozenset({"service"}), 17)
    gone, _ = tokens.create(store, ROOT, "nova", None, frozenset(), 17)
    tokens.revoke(store, ROOT, gone.id)
    before = rows(store)
    newest = {row.writer: row for row in before}
    for _ in range(3):
        prune(store, ROOT, EVER)
        assert found(store, *heads(before)) == []
    left = {row.writer: row for row in rows(store) if row.writer in newest}
    assert left == newest
    assert len([row for row in rows(store) if row.writer in newest]) == len(newest)
    with store.writing() as connection:
        connection.execute(update(tables.tokens).values(roles="admin"))
    assert found(store) != []


def test_a_cut_names_the_ends_of_all_chains_for_those_that_did_may_go(store: Store, writer: int) -> None:
    tokens.create(store, ROOT, "nova", None, frozenset(), 17)  # its first row names the committer's end
    with store.writing() as connection:
        connection.execute(delete(writers).where(writers.c.id == writer))  # as when it is retired
    prune(store, ROOT, EVER)
    assert found(store) == []
    drop(store, writer, 9)
    assert found(store) == [f"Row {writer}:9 is missing, though its hash was told."]


def test_nothing_that_is_young_goes_and_then_nothing_is_told(store: Store, writer: int) -> None:
    before = rows(store)
    assert prune(store, ROOT, 1) == []
    assert rows(store) == before
    assert rows(store, writer) != []


def test_a_clock_that_went_back_keeps_all_rows_after_the_first_young_one(store: Store) -> None:
    ticks = iter([1, 2, 99, 3, 4])
    made = Committer(store, clock=lambda: next(ticks))
    for number in range(4):
        made.run(EnsureTrait(f"CUSTOM_{number}"), ROOT)
    made.stop()
    (cut,) = prune(store, ROOT, 50)
    assert cut.sequence == 1
    assert [row.recorded_us for row in rows(store, cut.writer)] == [99, 3, 4]
    assert found(store) == []


def test_an_interrupted_cut_is_whole_and_is_finished_by_the_next(
    store: Store, writer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 2)
    before = rows(store)
    portions = count(1)

    def interrupt(statement: str) -> None:
        if statement.startswith("DELETE FROM audit") and next(portions) == 3:
            raise Interrupted

    with before_each(store, interrupt), pytest.raises(Interrupted):
        prune(store, ROOT, 9)
    assert [row.sequence for row in rows(store, writer)] == [4, 5, 6, 7, 8, 9]
    assert found(store, *heads(before)) == []
    (cut,) = prune(store, ROOT, 9)
    assert (cut.first, cut.sequence) == (4, 7)
    assert [row.sequence for row in rows(store, writer)] == [8, 9]
    assert found(store, *heads(before)) == []


def drop(store: Store, writer: int, *sequences: int) -> None:
    with store.writing() as connection:
        connection.execute(delete(audit).where(audit.c.writer == writer, audit.c.sequence.in_(sequences)))


def beginning(store: Store, writer: int) -> None:
    drop(store, writer, 4, 5)


def first_kept(store: Store, writer: int) -> None:
    edit(store, writer, 4, "CUSTOM_3", "CUSTOM_X")


def first_kept_with_its_chain(store: Store, writer: int) -> None:
    """All from the cut on made anew."""
    previous = "0" * 64
    with store.writing() as connection:
        for row in connection.execute(select(audit).where(audit.c.writer == writer).order_by(audit.c.sequence)).all():
            made = hash_of(previous, row.writer, row.sequence, row.recorded_us, row.entries.encode())
            where = (audit.c.writer == writer) & (audit.c.sequence == row.sequence)
            connection.execute(update(audit).where(where).values(hash=made))
            previous = made


def told_elsewhere(store: Store, writer: int) -> None:
    edit(store, writer + 1, 1, '"first":4', '"first":6')


def untold(store: Store, writer: int) -> None:
    drop(store, writer + 1, 0, 1)
    with store.writing() as connection:
        connection.execute(delete(writers).where(writers.c.id == writer + 1))


def edit(store: Store, writer: int, sequence: int, old: str, new: str) -> None:
    row = rows_at(rows(store), writer, sequence)
    where = (audit.c.writer == writer) & (audit.c.sequence == sequence)
    assert old in row.entries
    with store.writing() as connection:
        connection.execute(update(audit).where(where).values(entries=row.entries.replace(old, new)))


SAID: dict[Callable[[Store, int], None], str] = {
    beginning: "Row {0}:4 is missing; {0}:6 comes next.",
    first_kept: "Row {0}:4 is not what was written after the row at which its chain was cut.",
    first_kept_with_its_chain: "Row {0}:4 is not what was written after the row at which its chain was cut.",
    told_elsewhere: "Row {1}:1 is not what was written after the row before it: its hash does not fit.",
    untold: "Row {0}:0 is missing; {0}:4 comes next.",
}


@pytest.mark.parametrize("tamper", SAID)
def test_whatever_is_done_to_a_cut_shows(store: Store, writer: int, tamper: Callable[[Store, int], None]) -> None:
    prune(store, ROOT, 5)
    assert rows(store)[-1].writer == writer + 1
    assert found(store) == []
    tamper(store, writer)
    assert SAID[tamper].format(writer, writer + 1) in found(store)


def test_rows_that_a_cut_let_go_and_that_are_still_there_must_be_those(store: Store, writer: int) -> None:
    kept = rows(store, writer)
    prune(store, ROOT, 5)
    with store.writing() as connection:
        for row in kept[:4]:
            connection.execute(audit.insert().values({**row._mapping, "hash": "0" * 64}))
    assert f"Row {writer}:3 is another than the one whose hash was told." in found(store)


def test_a_trail_that_is_not_whole_is_left_alone(store: Store, writer: int) -> None:
    drop(store, writer, 6)
    before = rows(store)
    with pytest.raises(NotWhole, match="nothing was removed"):
        prune(store, ROOT, 5)
    assert rows(store) == before


@pytest.mark.databases("postgresql", "mariadb")
def test_the_role_of_the_service_cuts_nothing_and_the_one_that_upgrades_does(database_server: Server) -> None:
    with two_roles(database_server) as roles:
        owner, server = Store.open(roles.upgrade_url), Store.open(roles.serve_url)
        served = Committer(server)
        served.run(CreateProvider(uuid_of("a"), "a"), ROOT)
        before = rows(owner)
        with pytest.raises(NotAllowed, match="owns the tables"):
            prune(server, ROOT, EVER)
        assert rows(owner) == before
        assert prune(owner, ROOT, EVER)
        served.run(CreateProvider(uuid_of("b"), "b"), ROOT)
        served.stop()
        assert found(server, *heads(before)) == []
        owner.close()
        server.close()


def test_of_two_cuts_of_a_chain_the_later_one_counts_in_whatever_order_they_are_read() -> None:
    early, late = (
        {"command": PRUNE, "changes": [{"name": "7", "after": {"first": first, "hash_before": f"{first}" * 64}}]}
        for first in (3, 6)
    )
    row: Any = SimpleNamespace(writer=8, sequence=1, hash="0" * 64, recorded_us=0)
    for entries in ((early, late), (late, early)):
        told = CutsTold()
        for entry in entries:
            told.note(row, entry)
        assert told.heads() == {(7, 5, "6" * 64)}
        assert told.covers(7, 5)
        assert not told.covers(7, 6)
