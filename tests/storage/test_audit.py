"""The audit trail: every committed transaction is in it, and whatever is done to it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import claiming
import pytest
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import select

from ullage.model.commands import Command, CreateProvider, EnsureTrait, ReleaseConsumer, SetInventories, UpdateProvider
from ullage.model.inventory import Inventory
from ullage.model.origin import Origin
from ullage.model.refusal import Refusal
from ullage.storage.audit.chain import Detail
from ullage.storage.audit.entries import decoded
from ullage.storage.audit.verify import faults
from ullage.storage.committer import Committer
from ullage.storage.tables import audit
from ullage.storage.unit import Store

A = uuid_of("a")
TEN = {"VCPU": Inventory(10)}
ALICE = Origin("alice", "blue", frozenset({"member", "admin"}), "192.0.2.7", "req-1")


def do(committer: Committer, *commands: Command) -> None:
    for command in commands:
        committer.run(command, ALICE)


def found(store: Store, *heads: tuple[int, int, str]) -> list[str]:
    with store.reading() as connection:
        return faults(connection, heads)


def trail(store: Store) -> list[Any]:
    """The rows of the writer that wrote last, without the first."""
    with store.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.writer, audit.c.sequence)).all()
    return [row for row in rows if row.writer == rows[-1].writer][1:]


@pytest.fixture
def written(committer: Committer) -> None:
    """Five transactions."""
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN), replace(claim("x", {"a": {"VCPU": 2}})))
    do(committer, UpdateProvider(A, "b"), ReleaseConsumer(uuid_of("x")))


@pytest.mark.usefixtures("written")
def test_every_change_is_told_with_its_asker_and_its_values(store: Store) -> None:
    entries = [each for row in trail(store) for each in decoded(row.entries)]
    commands = ["CreateProvider", "SetInventories", "ReplaceAllocations", "UpdateProvider", "ReleaseConsumer"]
    assert [each["command"] for each in entries] == commands
    assert {key: entries[2][key] for key in ("user", "project", "roles", "remote", "request")} == {
        "user": "alice",
        "project": "blue",
        "roles": ["admin", "member"],
        "remote": "192.0.2.7",
        "request": "req-1",
    }
    (claimed,), (released,) = entries[2]["changes"], entries[4]["changes"]
    assert (claimed["kind"], claimed["name"], claimed["before"]) == ("consumer", uuid_of("x"), None)
    assert claimed["after"]["allocations"] == {A: {"VCPU": 2}}
    assert (released["before"], released["after"]) == (claimed["after"], None)
    (renamed,) = entries[3]["changes"]
    assert (renamed["before"], renamed["after"]) == ({"name": "a"}, {"name": "b"})
    assert entries[1]["changes"][0]["after"]["VCPU"]["total"] == 10
    assert found(store) == []


def test_chains_of_several_processes_are_whole_and_one_that_keeps_none_is_named(
    store: Store, new_committer: Callable[..., Committer]
) -> None:
    one, other, silent = new_committer(), new_committer(), new_committer(audit=False)
    for number in range(3):
        do(one, EnsureTrait(f"CUSTOM_A{number}"))
        do(other, EnsureTrait(f"CUSTOM_B{number}"))
    assert found(store) == []
    do(silent, EnsureTrait("CUSTOM_C"))
    (fault,) = found(store)
    assert "made 1 transactions of which the trail has nothing" in fault


@pytest.mark.usefixtures("written")
def test_refusals_and_what_changes_nothing_are_not_in_the_trail(store: Store, committer: Committer) -> None:
    do(committer, EnsureTrait("CUSTOM_T"))
    before = trail(store)
    assert isinstance(committer.run_all([CreateProvider(A, "again")])[0], Refusal)
    do(committer, EnsureTrait("CUSTOM_T"))
    assert trail(store) == before


@pytest.mark.usefixtures("written")
def test_what_is_committed_is_told_to_the_log(
    store: Store, committer: Committer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ullage.audit")
    do(committer, EnsureTrait("CUSTOM_T"))
    committer.stop()
    last = trail(store)[-1]
    line = [each.getMessage() for each in caplog.records if each.name == "ullage.audit"][-1]
    told = json.loads(line)
    assert (told["writer"], told["sequence"], told["hash"]) == (last.writer, last.sequence, last.hash)
    (entry,) = told["entries"]
    assert entry["changes"] == [{"kind": "trait", "name": "CUSTOM_T"}]
    assert (entry["command"], entry["user"], entry["request"]) == ("EnsureTrait", ALICE.user, ALICE.request_id)


@pytest.mark.usefixtures("written")
def test_the_log_has_values_if_it_is_asked_to(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ullage.audit")
    telling = Committer(store, detail=Detail.VALUES)
    do(telling, EnsureTrait("CUSTOM_T"))
    telling.stop()
    last = trail(store)[-1]
    line = [each.getMessage() for each in caplog.records if each.name == "ullage.audit"][-1]
    assert f'"hash":"{last.hash}","entries":{last.entries}' in line


def test_a_killed_process_leaves_a_whole_trail(store: Store, committer: Committer, database_url: str) -> None:
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, {"VCPU": Inventory(1_000_000)}))
    lines: Iterator[int] = count(1)
    with subprocess.Popen(
        [sys.executable, claiming.__file__, database_url, "a", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in process.stdout or ():
            if next(lines) == 40:
                process.kill()
    do(committer, EnsureTrait("CUSTOM_T"))
    assert found(store) == []
    assert len(trail(store)) > 0
