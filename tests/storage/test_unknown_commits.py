"""Commits of unknown outcome: the connection broke while they were on their way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from held import wait_until
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import Connection, Engine, delete, func, select
from stored import stored_state

from ullage.model.commands import Command, CreateProvider, SetInventories
from ullage.model.errors import DeadlineExceeded
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage import tables
from ullage.storage.committer import Committer
from ullage.storage.trouble import CommitUnknown, StorageUnavailable
from ullage.storage.unit import Store

A, B = uuid_of("a"), uuid_of("b")
TEN = {"VCPU": Inventory(10)}


def take(consumer: str, provider: str = "a") -> Command:
    return replace(claim(consumer, {provider: {"VCPU": 1}}, generation=None))


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


class BreakingStore(Store):
    """A store whose connection breaks during commits: before they take effect (False) or after (True)."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.dialect, store._url, pool_size=1)
        self.breaks: list[bool] = []
        self.unreachable = 0

    def _commit(self, connection: Connection) -> None:
        if not self.breaks:
            return super()._commit(connection)
        if self.breaks.pop():
            super()._commit(connection)
        raise CommitUnknown("the connection broke during a commit")

    def _connected(self, engine: Engine, begin: tuple[str, ...]) -> Connection:
        if self.unreachable and not self.breaks:
            self.unreachable -= 1
            raise StorageUnavailable("nobody is there")
        return super()._connected(engine, begin)


@pytest.fixture
def breaking(store: Store) -> Iterator[BreakingStore]:
    breaking = BreakingStore(store)
    yield breaking
    breaking.close()


@pytest.mark.parametrize("breaks", [[True], [False], [False, False], [True, False, False]])
def test_a_commit_that_broke_off_is_looked_up_and_takes_effect_exactly_once(
    breaking: BreakingStore, store: Store, breaks: list[bool]
) -> None:
    committer = Committer(breaking)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    breaking.breaks = breaks
    assert committer.run(take("x")) is None  # a second execution would be refused: x exists
    assert breaking.breaks == []
    assert stored_state(store).used == {(A, "VCPU"): 1}
    assert stored_state(store).providers[A][1] == 2
    committer.stop()


@pytest.mark.parametrize("broke_after", [True, False])
def test_a_database_that_is_away_after_a_broken_commit_is_waited_for(
    breaking: BreakingStore, store: Store, broke_after: bool
) -> None:
    committer = Committer(breaking)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    breaking.breaks, breaking.unreachable = [broke_after], 3
    committer.run(take("x"))
    assert breaking.unreachable == 0
    assert stored_state(store).used == {(A, "VCPU"): 1}
    committer.stop()


class CutStore(Store):
    """A store whose server ends its connection just before a commit arrives."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.dialect, store._url, pool_size=1)
        self.cuts = 0

    def _commit(self, connection: Connection) -> None:
        if self.cuts:
            self.cuts -= 1
            driver: Any = connection.connection.driver_connection
            with self.engine.begin() as other:
                other.execute(select(func.pg_terminate_backend(driver.info.backend_pid)))
        super()._commit(connection)


@pytest.mark.databases("postgresql")
def test_a_connection_that_is_cut_at_the_commit_leaves_its_outcome_to_be_looked_up(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    cut = CutStore(store)
    committer = Committer(cut)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    cut.cuts = 2
    assert committer.run(take("x")) is None
    assert "its outcome will be looked up" in caplog.text
    assert stored_state(store).used == {(A, "VCPU"): 1}
    committer.stop()
    cut.close()


def test_an_outcome_that_nobody_can_tell_is_told_as_unknown(breaking: BreakingStore, store: Store) -> None:
    committer = Committer(breaking)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    breaking.breaks, breaking.unreachable = [True], 1
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(committer.run, take("x"))
        wait_until(lambda: not breaking.breaks)
        with store.writing() as connection:
            connection.execute(delete(tables.writers))
        assert isinstance(waiting.exception(), DeadlineExceeded)
    committer.run(take("y"))
    assert stored_state(store).used == {(A, "VCPU"): 2}
    committer.stop()


def test_a_database_that_stays_away_ends_at_the_deadline(breaking: BreakingStore) -> None:
    committer = Committer(breaking, deadline_seconds=2.0)  # for the first one, too, on a disk that is slow just now
    committer.run(CreateProvider(A, "a"))
    breaking.breaks, breaking.unreachable = [True], 1_000_000
    with pytest.raises(DeadlineExceeded):
        committer.run(CreateProvider(B, "b"))
    breaking.unreachable = 0
    committer.stop()
