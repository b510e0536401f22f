"""Law 6: a read that starts after a write was answered sees that write, through any replica."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from held import held, wait_until
from ledger.scenes import uuid_of
from sqlalchemy import func, text
from sqlalchemy import select as select_rows
from statements import recorded

from ullage.engine.select import select
from ullage.engine.snapshot import Snapshot
from ullage.model.commands import Command, CreateProvider, InventoriesNow, SetInventories
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider
from ullage.model.refusal import Refusal
from ullage.model.request import ProviderFilter
from ullage.operations import mirror as mirror_module
from ullage.operations.mirror import Mirror
from ullage.storage import feed
from ullage.storage.committer import Committer
from ullage.storage.trouble import ConnectionLost
from ullage.storage.unit import Store
from ullage.storage.writers import retire

A, B, C = (uuid_of(name) for name in "abc")
NewCommitter = Callable[..., Committer]
MARKS, CHANGES, ROWS = "SELECT horizon.epoch", "WITH changed", "SELECT providers.id, providers.uuid, providers.name"


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


def providers(snapshot: Snapshot) -> tuple[Provider, ...]:
    return select(snapshot, ProviderFilter())


def names(snapshot: Snapshot) -> list[str]:
    return [provider.name for provider in providers(snapshot)]


@pytest.fixture
def mirror(store: Store) -> Mirror:
    return Mirror(store)


def test_a_mirror_shows_what_was_written_before_it_was_asked(mirror: Mirror, committer: Committer) -> None:
    assert names(mirror.fresh()) == []
    do(committer, CreateProvider(A, "a"))
    first = mirror.fresh()
    do(committer, CreateProvider(B, "b", A))
    assert names(mirror.fresh()) == ["a", "b"]
    assert names(first) == ["a"]  # what was handed out never changes


def test_a_mirror_to_which_nothing_is_new_gives_the_same_snapshot(mirror: Mirror, committer: Committer) -> None:
    do(committer, CreateProvider(A, "a"))
    assert mirror.fresh() is mirror.fresh()


def test_a_mirror_to_which_nothing_is_new_asks_one_tiny_question_without_a_transaction(
    store: Store, mirror: Mirror, committer: Committer
) -> None:
    do(committer, CreateProvider(A, "a"))
    mirror.fresh()
    with recorded(store) as statements:
        mirror.fresh()
    assert [each[: len(MARKS)] for each in statements] == [MARKS]


def test_beside_one_who_writes_a_mirror_asks_one_question_without_a_transaction(
    store: Store, mirror: Mirror, committer: Committer
) -> None:
    asked = []
    for name in ("a", "b", "c", None, None):
        if name is not None:
            do(committer, CreateProvider(uuid_of(name), name))
        with recorded(store) as statements:
            mirror.fresh()
        asked.append([each.split()[0] for each in statements])
    assert names(mirror.fresh()) == ["a", "b", "c"]
    assert asked[2:] == [["SELECT", "WITH"], ["SELECT"], ["SELECT"]]


def test_a_mirror_that_knows_who_writes_hears_others_too(
    mirror: Mirror, committer: Committer, new_committer: Callable[..., Committer], store: Store
) -> None:
    known = [mirror.fresh()]
    for number, writer in enumerate((committer, committer, new_committer(), committer, new_committer())):
        do(writer, CreateProvider(uuid_of(f"p{number}"), f"p{number}"))
        known.append(mirror.fresh())
        assert names(known[-1]) == [f"p{each}" for each in range(number + 1)]
    retire(store, 10**18, writers_min=1)
    do(committer, CreateProvider(A, "q"))
    assert len(names(mirror.fresh())) == 6


def test_a_mirror_that_fell_behind_the_horizon_is_built_anew(
    mirror: Mirror, committer: Committer, store: Store
) -> None:
    do(committer, CreateProvider(A, "a"))
    mirror.fresh()
    do(committer, CreateProvider(B, "b"))
    retire(store, 10**18, writers_min=1)
    assert names(mirror.fresh()) == ["a", "b"]


def test_callers_share_a_catch_up_only_if_it_begins_after_they_arrived(
    store: Store, mirror: Mirror, committer: Committer
) -> None:
    do(committer, CreateProvider(A, "a"))
    mirror.fresh()
    do(committer, CreateProvider(B, "b"))
    with recorded(store) as statements, ThreadPoolExecutor() as pool, held(store, CHANGES) as hold:
        early = pool.submit(mirror.fresh)
        hold.wait()  # it has read where the writers stand
        do(committer, CreateProvider(C, "c"))
        late = [pool.submit(mirror.fresh) for _ in range(5)]
        wait_until(lambda: len(mirror._turn._waiters) == 5)  # type: ignore[attr-defined] # a Condition's own
        hold.release()
        assert names(early.result()) == ["a", "b"]
        assert [names(each.result()) for each in late] == [["a", "b", "c"]] * 5
    assert len([each for each in statements if each.startswith(CHANGES)]) == 2


def test_those_who_wait_share_what_was_read_after_they_arrived(
    store: Store, mirror: Mirror, committer: Committer
) -> None:
    do(committer, CreateProvider(A, "a"))
    arrivals = [mirror.arrive() for _ in range(3)]
    with recorded(store) as statements:
        assert [names(mirror.fresh(each)) for each in arrivals] == [["a"]] * 3
    assert len([each for each in statements if each.startswith(MARKS)]) == 1
    do(committer, CreateProvider(B, "b"))
    late = mirror.arrive()
    assert names(mirror.fresh(arrivals[0])) == ["a"]  # as it was when that one was due
    assert names(mirror.fresh(late)) == ["a", "b"]


def test_an_error_reaches_all_who_shared_the_catch_up_and_nobody_else(
    store: Store, mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(committer, CreateProvider(A, "a"))
    mirror.fresh()
    do(committer, CreateProvider(B, "b"))
    with ThreadPoolExecutor() as pool, held(store, CHANGES) as hold, monkeypatch.context() as patched:
        early = pool.submit(mirror.fresh)
        hold.wait()
        patched.setattr(mirror_module, "ask_told", fail)
        late = [pool.submit(mirror.fresh) for _ in range(3)]
        wait_until(lambda: len(mirror._turn._waiters) == 3)  # type: ignore[attr-defined] # a Condition's own
        hold.release()
        assert names(early.result()) == ["a", "b"]
        assert [type(each.exception()) for each in late] == [ZeroDivisionError] * 3
    assert names(mirror.fresh()) == ["a", "b"]


def fail(*_: object) -> Any:
    raise ZeroDivisionError("a bug")


def test_a_warmed_mirror_has_read_everything_before_it_is_asked(
    store: Store, mirror: Mirror, committer: Committer
) -> None:
    do(committer, CreateProvider(A, "a"))
    with recorded(store) as statements:
        mirror.warm()
        wait_until(lambda: mirror._state[1] is not None)
        assert [each for each in statements if each.startswith(ROWS)]
        statements.clear()
        assert names(mirror.fresh()) == ["a"]
        assert [each[: len(MARKS)] for each in statements if each.startswith("SELECT")] == [MARKS]


def test_a_mirror_that_cannot_be_warmed_says_so_and_is_asked_again_later(
    store: Store, mirror: Mirror, committer: Committer, caplog: pytest.LogCaptureFixture
) -> None:
    do(committer, CreateProvider(A, "a"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mirror_module, "changes_since", fail)
        mirror.warm()
        wait_until(lambda: "could not be read in advance: a bug" in caplog.text)
    assert names(mirror.fresh()) == ["a"]


def test_a_lost_connection_is_made_again(mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
    do(committer, CreateProvider(A, "a"))
    losses = [ConnectionLost("gone")]
    original = feed.changes_since

    def lose(*arguments: Any) -> Any:
        if losses:
            raise losses.pop()
        return original(*arguments)

    monkeypatch.setattr(mirror_module, "changes_since", lose)
    assert names(mirror.fresh()) == ["a"]


@pytest.mark.databases("postgresql", "mariadb")
def test_connections_that_were_all_cut_while_idle_are_replaced_unnoticed(
    store: Store, mirror: Mirror, committer: Committer, database_url: str
) -> None:
    do(committer, CreateProvider(A, "a"))
    mirror.fresh()
    own, end = {
        "postgresql": (func.pg_backend_pid(), "SELECT pg_terminate_backend(:number)"),
        "mariadb": (func.connection_id(), "KILL :number"),
    }[store.dialect.name]
    with ExitStack() as stack:
        connections = [stack.enter_context(store.reading()) for _ in range(8)]
        numbers = [connection.scalar(select_rows(own)) for connection in connections]
    other = Store.open(database_url)
    for number in numbers:
        with other.reading() as connection:
            connection.execute(text(end), {"number": number})
    other.close()
    assert names(mirror.fresh()) == ["a"]


def test_a_forked_process_waits_for_no_thread_of_its_parent(
    store: Store, mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(committer, CreateProvider(A, "a"))
    with ThreadPoolExecutor() as pool, held(store, MARKS) as hold:
        parent = pool.submit(mirror.fresh)
        hold.wait()
        own = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: own + 1)
        assert names(mirror.fresh()) == ["a"]
        monkeypatch.undo()
        hold.release()
        parent.result()


# Under stress


HOSTS = tuple(uuid_of(f"h{number}") for number in range(6))
WRITES = 25


class Answered:
    """The generation of each host that was answered to whoever wrote it; writers and readers share it."""

    def __init__(self, committer: Committer) -> None:
        do(committer, *(CreateProvider(uuid, uuid) for uuid in HOSTS))
        self.generations = dict.fromkeys(HOSTS, 0)

    @property
    def is_complete(self) -> bool:
        """Whether every host has been written for the last time."""
        return all(generation == WRITES for generation in self.generations.values())

    def write(self, committer: Committer, uuid: str) -> None:
        """Change one host again and again; only this thread does."""
        for generation in range(WRITES):
            outcome = committer.run(SetInventories(uuid, generation, {"VCPU": Inventory(1 + generation)}))
            assert isinstance(outcome, InventoriesNow)
            self.generations[uuid] = outcome.generation

    def read(self, mirror: Mirror, until: Callable[[], bool]) -> None:
        """Look again and again; every answered generation must be there."""
        is_last = False
        while not is_last:
            is_last = until()
            expected = dict(self.generations)
            found = {provider.uuid: provider.generation for provider in providers(mirror.fresh())}
            lacking = {uuid: (found[uuid], expected[uuid]) for uuid in HOSTS if found[uuid] < expected[uuid]}
            assert not lacking


def test_every_answered_write_of_many_committers_is_seen_by_every_later_read_of_many_mirrors(
    new_committer: NewCommitter, database_url: str
) -> None:
    committers = [new_committer() for _ in range(3)]
    answered = Answered(committers[0])
    stores = [Store.open(database_url) for _ in range(2)]
    mirrors = [Mirror(store) for store in stores]
    with ThreadPoolExecutor(len(HOSTS) + 4) as pool:
        writing = [pool.submit(answered.write, committers[number % 3], uuid) for number, uuid in enumerate(HOSTS)]

        def is_over() -> bool:
            return all(each.done() for each in writing)

        reading = [pool.submit(answered.read, mirrors[number % 2], is_over) for number in range(4)]
        for each in writing + reading:
            each.result()
    assert answered.is_complete
    for store in stores:
        store.close()


WRITING = """
    import sys
    from ullage.model.commands import SetInventories
    from ullage.model.inventory import Inventory
    from ullage.storage.committer import Committer
    from ullage.storage.unit import Store

    url, writes, *uuids = sys.argv[1:]
    committer = Committer(Store.open(url))
    for generation in range(int(writes)):
        for uuid in uuids:
            answer = committer.run(SetInventories(uuid, generation, {"VCPU": Inventory(1 + generation)}))
            print(uuid, answer.generation, flush=True)
    committer.stop()
"""


def test_what_another_process_was_answered_is_seen_by_every_later_read(
    committer: Committer, database_url: str, mirror: Mirror
) -> None:
    answered = Answered(committer)
    program = [sys.executable, "-c", textwrap.dedent(WRITING), database_url, str(WRITES)]

    def hear(*uuids: str) -> int:
        with subprocess.Popen([*program, *uuids], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                uuid, generation = line.split()
                answered.generations[uuid] = int(generation)
        return process.returncode

    with ThreadPoolExecutor() as pool:
        hearing = [pool.submit(hear, *half) for half in (HOSTS[:3], HOSTS[3:])]
        answered.read(mirror, lambda: all(each.done() for each in hearing))
        assert [each.result() for each in hearing] == [0, 0]
    assert answered.is_complete
