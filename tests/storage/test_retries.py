"""What stands in a batch's way: others, constraints, connections that break in the middle of a commit."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from held import held, wait_until
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import IntegrityError
from statements import before_each, once_before
from stored import row_counts, stored_state

from ullage.model.commands import (
    AddInventory,
    Command,
    CreateProvider,
    CreateResourceClass,
    DeleteResourceClass,
    Ensured,
    EnsureTrait,
    SetInventories,
)
from ullage.model.errors import (
    ConcurrentUpdate,
    ConsumerGenerationConflict,
    DeadlineExceeded,
    ProviderExists,
    ResourceClassInUse,
)
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider
from ullage.model.refusal import Refusal
from ullage.storage import tables, writes
from ullage.storage.committer import Committer
from ullage.storage.trouble import Outdated
from ullage.storage.unit import Store

A, B, C = (uuid_of(name) for name in "abc")
TEN = {"VCPU": Inventory(10)}
NewCommitter = Callable[..., Committer]


def take(consumer: str, provider: str = "a") -> Command:
    return replace(claim(consumer, {provider: {"VCPU": 1}}, generation=None))


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


def together(committer: Committer, store: Store, *commands: Command) -> list[Any]:
    """The outcomes of commands that form one batch."""
    with ThreadPoolExecutor() as pool, held(store, "UPDATE writers") as hold:
        pool.submit(committer.run, EnsureTrait("CUSTOM_FIRST"))
        hold.wait()
        waiting = pool.submit(committer.run_all, commands)
        wait_until(lambda: committer.waiting == len(commands))
        hold.release()
        return waiting.result()


# Others


@pytest.mark.parametrize("times", [1, 3])
def test_a_batch_that_others_overtook_is_executed_again(store: Store, committer: Committer, times: int) -> None:
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    attempts = []

    def overtake(statement: str) -> None:
        if statement.startswith("INSERT INTO allocations"):
            attempts.append(statement)
            if len(attempts) <= times:
                raise Outdated("overtaken")

    with before_each(store, overtake):
        committer.run(take("x"))
    assert len(attempts) == times + 1
    assert stored_state(store).used == {(A, "VCPU"): 1}


def test_a_batch_that_others_always_overtake_is_given_up(store: Store, new_committer: NewCommitter) -> None:
    committer = new_committer(attempts=3)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    before = stored_state(store), row_counts(store)
    attempts = []

    def overtake(statement: str) -> None:
        if statement.startswith("INSERT INTO allocations"):
            attempts.append(statement)
            raise Outdated("overtaken")

    with before_each(committer._store, overtake), pytest.raises(ConcurrentUpdate):
        committer.run(take("x"))
    assert len(attempts) == 3
    assert (stored_state(store), row_counts(store)) == before
    committer.run(take("x"))


def test_a_batch_that_nobody_waits_for_any_longer_is_not_tried_again(new_committer: NewCommitter, store: Store) -> None:
    committer = new_committer(deadline_seconds=0.3)
    committer.run(CreateProvider(A, "a"))
    waited_for = threading.Event()

    def overtake(statement: str) -> None:
        if statement.startswith("INSERT INTO providers"):
            waited_for.wait()
            raise Outdated("overtaken")

    with before_each(committer._store, overtake), pytest.raises(DeadlineExceeded):
        committer.run(CreateProvider(B, "b"))
    waited_for.set()
    committer.stop()
    assert stored_state(store).providers.keys() == {A}


@pytest.mark.databases("postgresql", "mariadb")
def test_a_deadlock_with_somebody_else_is_survived(store: Store, committer: Committer, database_name: str) -> None:
    do(committer, *(CreateProvider(uuid, uuid) for uuid in (A, B)), *(SetInventories(uuid, 0, TEN) for uuid in (A, B)))
    with store.reading() as connection:
        first, second = connection.scalars(select(tables.providers.c.id).order_by(tables.providers.c.id))

    def lock(connection: Connection, key: int) -> None:
        connection.execute(select(tables.providers.c.id).where(tables.providers.c.id == key).with_for_update())

    both = replace(claim("x", {"a": {"VCPU": 1}, "b": {"VCPU": 1}}))
    with ThreadPoolExecutor() as pool, store.writing() as other:
        # More changes than the committer's, so that MariaDB takes the committer for the victim.
        other.execute(update(tables.traits).values(updated_us=1))
        lock(other, second)
        waiting = pool.submit(committer.run, both)
        wait_until(lambda: not _is_free(store, first))
        lock(other, first)
        other.rollback()
        waiting.result()
    assert stored_state(store).used == {(A, "VCPU"): 1, (B, "VCPU"): 1}


def _is_free(store: Store, key: int) -> bool:
    statement = select(tables.providers.c.id).where(tables.providers.c.id == key).with_for_update(skip_locked=True)
    with store.writing() as connection:
        return bool(connection.execute(statement).all())


# Constraints


@pytest.mark.databases("postgresql", "mariadb")  # SQLite lets nobody in between
def test_a_name_taken_meanwhile_by_another_process_is_refused_and_the_rest_of_the_batch_goes_on(
    store: Store, committer: Committer, new_committer: NewCommitter, database_name: str
) -> None:
    other = new_committer()

    def overtake() -> None:
        other.run(CreateProvider(B, "a"))

    with once_before(store, "INSERT INTO providers", overtake):
        outcomes = together(
            committer, store, CreateProvider(A, "a"), CreateProvider(C, "c"), EnsureTrait("CUSTOM_FAST")
        )
    assert isinstance(outcomes[0], ProviderExists)
    assert outcomes[0].field == "name"
    assert outcomes[1:] == [Provider(C, "c", 0, None, C), Ensured(created=True)]
    assert {uuid: row[0] for uuid, row in stored_state(store).providers.items()} == {B: "a", C: "c"}


@pytest.mark.databases("postgresql", "mariadb")
def test_a_consumer_made_meanwhile_by_another_process_is_decided_on_anew(
    store: Store, committer: Committer, new_committer: NewCommitter, database_name: str
) -> None:
    other = new_committer()
    do(committer, *(CreateProvider(uuid, uuid) for uuid in (A, B)), *(SetInventories(uuid, 0, TEN) for uuid in (A, B)))
    do(committer, take("w"))  # the project and the user are there

    def overtake() -> None:
        other.run(take("x", "b"))

    with once_before(store, "INSERT INTO consumers", overtake), pytest.raises(ConsumerGenerationConflict):
        committer.run(take("x", "a"))
    assert stored_state(store).held[uuid_of("x")] == {(B, "VCPU"): 1}


@pytest.mark.databases("postgresql", "mariadb")
def test_a_class_that_comes_into_use_meanwhile_is_not_deleted(
    store: Store, committer: Committer, new_committer: NewCommitter, database_name: str
) -> None:
    other = new_committer()
    do(committer, CreateProvider(A, "a"), CreateResourceClass("CUSTOM_GOLD"))

    def overtake() -> None:
        other.run(AddInventory(A, "CUSTOM_GOLD", Inventory(1)))

    with once_before(store, "DELETE FROM resource_classes", overtake), pytest.raises(ResourceClassInUse):
        committer.run(DeleteResourceClass("CUSTOM_GOLD"))


def test_a_constraint_that_always_stands_against_a_command_ends_as_a_conflict(
    new_committer: NewCommitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer = new_committer(attempts=3)
    attempts = []

    def violate(*_: object) -> bool:
        attempts.append(1)
        raise IntegrityError("INSERT", {}, Exception("always"))

    monkeypatch.setattr(writes, "apply", violate)
    with pytest.raises(ConcurrentUpdate):
        committer.run(CreateProvider(A, "a"))
    assert len(attempts) == 3


# The committer's own row


def test_a_writer_whose_row_is_gone_begins_a_new_one(store: Store, committer: Committer) -> None:
    committer.run(CreateProvider(A, "a"))
    with store.writing() as connection:
        connection.execute(delete(tables.writers))
    committer.run(CreateProvider(B, "b"))
    with store.reading() as connection:
        [writer] = connection.execute(select(tables.writers)).all()
        stamps = {
            row.uuid: (row.stamp_writer, row.stamp_sequence) for row in connection.execute(select(tables.providers))
        }
    assert stamps[B] == (writer.id, writer.sequence)
    assert stamps[A][0] < writer.id


def test_a_row_that_has_become_somebody_elses_is_left_alone(store: Store, committer: Committer) -> None:
    """As after a restore, when another process has been given the same number."""
    committer.run(CreateProvider(A, "a"))
    with store.writing() as connection:
        connection.execute(update(tables.writers).values(host="another process"))
        before = connection.execute(select(tables.writers)).all()
    committer.run(CreateProvider(B, "b"))
    with store.reading() as connection:
        after = connection.execute(select(tables.writers).order_by(tables.writers.c.id)).all()
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1


FORKING = """
    import os, sys
    from ullage.model.commands import CreateProvider
    from ullage.storage.committer import Committer
    from ullage.storage.unit import Store

    store = Store.open(sys.argv[1])
    committer = Committer(store)
    children = []
    for number in range(2):
        child = os.fork()
        if child == 0:
            for provider in range(5):
                uuid = f"00000000-0000-4000-8000-{number:06}{provider:06}"
                committer.run(CreateProvider(uuid, f"{number} {provider}"))
            os._exit(0)
        children.append(child)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_each_forked_process_has_a_committer_of_its_own(database_url: str, store: Store) -> None:
    before = row_counts(store)["writers"]
    subprocess.run([sys.executable, "-c", textwrap.dedent(FORKING), database_url], check=True, timeout=120)
    assert len(stored_state(store).providers) == 10
    assert row_counts(store)["writers"] == before + 2


def test_a_lane_of_another_process_is_not_joined(committer: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
    committer.run(CreateProvider(A, "a"))
    lane = committer._lane
    assert lane is not None
    own = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: own + 1)
    assert committer.waiting == 0
    committer.run(CreateProvider(B, "b"))
    assert committer._lane is not lane
    monkeypatch.undo()
    lane.stop()
    assert threading.active_count() >= 1
