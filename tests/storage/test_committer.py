"""The committer: commands are decided in order, stored together and each answered, whatever happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from held import held, wait_until
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import select, update
from statements import recorded
from stored import stored_state

from ullage.ledger import decide as ledger
from ullage.ledger.book import Book
from ullage.model.commands import (
    Command,
    CreateProvider,
    Ensured,
    EnsureTrait,
    InventoriesNow,
    ReplaceAllocations,
    SetInventories,
)
from ullage.model.errors import (
    AmountDoesNotFit,
    DeadlineExceeded,
    ProviderExists,
    ProviderMissing,
    QueueFull,
    Refusal,
)
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider
from ullage.storage import batch, tables
from ullage.storage.committer import Committer
from ullage.storage.trouble import StorageUnavailable
from ullage.storage.unit import Store
from ullage.storage.waiting import Outcome

A, B, C = (uuid_of(name) for name in "abc")
TEN = {"VCPU": Inventory(10)}
NewCommitter = Callable[..., Committer]


def take(consumer: str, amount: int = 1) -> ReplaceAllocations:
    return replace(claim(consumer, {"a": {"VCPU": amount}}))


def sequences(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(connection.scalars(select(tables.writers.c.sequence).order_by(tables.writers.c.id)))


@pytest.fixture
def host(committer: Committer) -> None:
    """Provider a with ten VCPU."""
    committer.run_all([CreateProvider(A, "a"), SetInventories(A, 0, TEN)])


# Answers


def test_each_command_gets_its_own_answer_in_order(committer: Committer) -> None:
    outcomes = committer.run_all(
        [
            CreateProvider(A, "a"),
            CreateProvider(B, "a"),
            SetInventories(A, 0, TEN),
            take("x", 7),
            take("y", 7),
            take("z", 3),
            SetInventories(B, 0, TEN),
            EnsureTrait("CUSTOM_FAST"),
            EnsureTrait("CUSTOM_FAST"),
        ]
    )
    assert outcomes[0] == Provider(A, "a", 0, None, A)
    assert isinstance(outcomes[1], ProviderExists)
    assert outcomes[2] == InventoriesNow(1, TEN)
    assert outcomes[3] is None
    assert isinstance(outcomes[4], AmountDoesNotFit)
    assert outcomes[5] is None
    assert isinstance(outcomes[6], ProviderMissing)
    assert outcomes[7:] == [Ensured(created=True), Ensured(created=False)]


@pytest.mark.usefixtures("host")
def test_a_refusal_is_raised_to_whoever_asked(committer: Committer) -> None:
    assert committer.run(take("x", 10)) is None
    with pytest.raises(AmountDoesNotFit):
        committer.run(take("y"))


def test_many_commands_run_in_order_through_a_short_line(new_committer: NewCommitter, store: Store) -> None:
    committer = new_committer(queue_max=4, batch_max=3)
    outcomes = committer.run_all(
        [CreateProvider(uuid_of(f"{number:03}"), f"{number % 20}") for number in range(30)],
    )
    assert [isinstance(each, Refusal) for each in outcomes] == [number >= 20 for number in range(30)]
    assert len(stored_state(store).providers) == 20


# One transaction for all that wait


def behind_a_held_one(committer: Committer, store: Store, *commands: Command) -> list[Future[Any]]:
    """Let these commands wait together while the committer is busy with another; their futures, once all is done."""
    with ThreadPoolExecutor(len(commands) + 1) as pool, held(store, "UPDATE writers") as hold:
        pool.submit(committer.run, EnsureTrait("CUSTOM_FIRST"))
        hold.wait()
        waiting = []
        for number, command in enumerate(commands, start=1):
            waiting.append(pool.submit(committer.run, command))
            wait_until(lambda: committer.waiting == number)  # noqa: B023 - it is done with before the next round
        hold.release()
    return waiting


@pytest.mark.usefixtures("host")
def test_commands_that_wait_together_share_a_transaction(store: Store, committer: Committer) -> None:
    [before] = sequences(store)[-1:]
    waiting = behind_a_held_one(committer, store, *(take(f"{number:02}", 3) for number in range(12)))
    outcomes = [each.exception() for each in waiting]
    assert [type(each) for each in outcomes] == [type(None)] * 3 + [AmountDoesNotFit] * 9
    assert sequences(store)[-1:] == [before + 2]
    assert stored_state(store).used == {(A, "VCPU"): 9}


@pytest.mark.usefixtures("host")
def test_a_batch_of_claims_costs_as_many_statements_as_one_claim(store: Store, committer: Committer) -> None:
    committer.run_all([CreateProvider(B, "b"), SetInventories(B, 0, TEN)])
    with recorded(store) as of_one:
        committer.run(replace(claim("first", {"a": {"VCPU": 1}})))
    with recorded(store) as of_two:
        committer.run(replace(claim("second", {"b": {"VCPU": 1}})))
    with recorded(store) as of_many:
        behind_a_held_one(
            committer,
            store,
            *(replace(claim(f"{number:02}", {"ab"[number % 2]: {"VCPU": 1}})) for number in range(14)),
        )
    heads = [statement.split(" ")[0] for statement in of_two]
    assert len(of_two) <= 14
    assert heads.count("UPDATE") == 4  # the sequence, the providers, the inventories, what is told of them
    assert heads.count("INSERT") == 3  # the consumers, the allocations, the audit trail
    start = max(number for number, statement in enumerate(of_many) if statement.startswith("UPDATE writers"))
    assert len(of_many) - start <= len(of_two) - of_two.index(next(s for s in of_two if s.startswith("UPDATE writers")))
    assert len(of_one) >= len(of_two)  # the first one makes the project and the user


@pytest.mark.usefixtures("host")
def test_nothing_is_committed_when_nothing_changes(store: Store, committer: Committer) -> None:
    committer.run(EnsureTrait("CUSTOM_FAST"))
    before = sequences(store)
    assert committer.run(EnsureTrait("CUSTOM_FAST")) == Ensured(created=False)
    with pytest.raises(AmountDoesNotFit):
        committer.run(take("x", 11))
    assert sequences(store) == before


def test_the_sequence_is_never_taken_from_memory(store: Store, committer: Committer) -> None:
    committer.run(CreateProvider(A, "a"))
    with store.writing() as connection:
        connection.execute(update(tables.writers).values(sequence=100))
    committer.run(CreateProvider(B, "b"))
    with store.reading() as connection:
        stamp = connection.scalar(select(tables.providers.c.stamp_sequence).where(tables.providers.c.uuid == B))
    assert stamp == 101


# Limits


def test_a_full_queue_refuses_and_loses_nothing_that_it_took(new_committer: NewCommitter, store: Store) -> None:
    committer = new_committer(queue_max=2)
    own_store = committer._store
    with ThreadPoolExecutor() as pool, held(own_store, "UPDATE writers") as hold:
        taken = [pool.submit(committer.run, CreateProvider(A, "a"))]
        hold.wait()
        taken += [pool.submit(committer.run, CreateProvider(uuid, uuid)) for uuid in (B, C)]
        wait_until(lambda: committer.waiting == 2)
        with pytest.raises(QueueFull):
            committer.run(CreateProvider(uuid_of("d"), "d"))
    assert not any(each.exception() for each in taken)
    assert stored_state(store).providers.keys() == {A, B, C}


def test_whoever_waited_too_long_is_told_and_not_executed(new_committer: NewCommitter, store: Store) -> None:
    committer = new_committer(deadline_seconds=0.3)
    with ThreadPoolExecutor() as pool, held(committer._store, "UPDATE writers") as hold:
        begun = pool.submit(committer.run, CreateProvider(A, "a"))
        hold.wait()
        with pytest.raises(DeadlineExceeded):
            committer.run(CreateProvider(B, "b"))
        assert isinstance(begun.exception(), DeadlineExceeded)  # nobody can tell it more by now
    committer.stop()
    assert stored_state(store).providers.keys() == {A}


def test_an_outcome_can_be_told_instead_of_waited_for(new_committer: NewCommitter, store: Store) -> None:
    committer = new_committer(queue_max=2)
    told: dict[str, Outcome] = {}
    with held(committer._store, "UPDATE writers") as hold:
        committer.submit(CreateProvider(A, "a"), partial(told.__setitem__, "a"))
        hold.wait()
        committer.submit(CreateProvider(B, "b"), partial(told.__setitem__, "b"))
        committer.submit(CreateProvider(C, "a"), partial(told.__setitem__, "c"))
        with pytest.raises(QueueFull):
            committer.submit(CreateProvider(uuid_of("d"), "d"), partial(told.__setitem__, "d"))
        assert not told
    wait_until(lambda: len(told) == 3)
    assert [isinstance(told[name], Provider) for name in "ab"] == [True, True]
    assert isinstance(told["c"], ProviderExists)
    assert stored_state(store).providers.keys() == {A, B}


def test_whoever_would_be_told_too_late_is_told_so_and_not_executed(new_committer: NewCommitter, store: Store) -> None:
    committer = new_committer(deadline_seconds=0.2)
    told: list[Outcome] = []
    with held(committer._store, "UPDATE writers") as hold:
        committer.submit(CreateProvider(A, "a"), told.append)
        hold.wait()
        committer.submit(CreateProvider(B, "b"), told.append)
        time.sleep(0.3)
    wait_until(lambda: len(told) == 2)
    assert isinstance(told[1], DeadlineExceeded)
    assert stored_state(store).providers.keys() == {A}


# Bugs and absent databases


def failing_for(failing: Command) -> Callable[..., Any]:
    def decide(book: Book, command: Command, note: Any = None) -> Any:
        if command == failing:
            raise ZeroDivisionError("a bug")
        return ledger.decide(book, command, note)

    return decide


@pytest.mark.usefixtures("host")
def test_a_bug_in_one_decision_fails_that_command_alone(
    store: Store, committer: Committer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(batch, "decide", failing_for(take("x")))
    [before] = sequences(store)[-1:]
    waiting = behind_a_held_one(committer, store, take("w"), take("x"), take("y"))
    assert [type(each.exception()) for each in waiting] == [type(None), ZeroDivisionError, type(None)]
    assert stored_state(store).held.keys() == {uuid_of("w"), uuid_of("y")}
    assert sequences(store)[-1:] == [before + 2]  # the others still share their transaction
    assert "ReplaceAllocations" in caplog.text
    committer.run(take("z"))


@pytest.mark.usefixtures("host")
def test_a_command_that_breaks_the_writing_of_its_batch_fails_alone(
    store: Store, committer: Committer, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(claim("x", {"a": {"VCPU": 1}}, project=["no text"]))  # type: ignore[arg-type] # meant to break
    waiting = behind_a_held_one(committer, store, take("w"), broken, take("y"))
    assert [each.exception() is None for each in waiting] == [True, False, True]
    assert stored_state(store).held.keys() == {uuid_of("w"), uuid_of("y")}
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def test_the_thread_outlives_whatever_happens_to_a_batch(
    committer: Committer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise SystemExit("of all things")

    with monkeypatch.context() as patched:
        patched.setattr(batch, "read_book", explode)
        with pytest.raises(RuntimeError, match="SystemExit"):
            committer.run(CreateProvider(A, "a"))
    assert committer.run(CreateProvider(A, "a")) == Provider(A, "a", 0, None, A)
    assert "a batch of 1 commands failed" in caplog.text


@pytest.mark.databases("postgresql", "mariadb")
def test_a_database_that_cannot_be_reached_is_told_as_such(database_name: str) -> None:
    store = Store.open(f"{database_name}://ullage@127.0.0.1:9/nothing")
    committer = Committer(store)
    with pytest.raises(StorageUnavailable):
        committer.run(CreateProvider(A, "a"))
    committer.stop()
    store.close()


# Beginning and end


def test_stopping_serves_who_waits_and_the_next_command_begins_anew(store: Store, committer: Committer) -> None:
    with ThreadPoolExecutor() as pool, held(store, "UPDATE writers") as hold:
        waiting = [pool.submit(committer.run, CreateProvider(A, "a"))]
        hold.wait()
        waiting.append(pool.submit(committer.run, CreateProvider(B, "b")))
        wait_until(lambda: committer.waiting == 1)
        stopping = pool.submit(committer.stop)
        hold.release()
        stopping.result()
    assert not any(each.exception() for each in waiting)
    assert committer.waiting == 0
    committer.run(CreateProvider(C, "c"))
    assert stored_state(store).providers.keys() == {A, B, C}
    committer.stop()
    committer.stop()
