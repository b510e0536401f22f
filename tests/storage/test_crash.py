"""Laws 2 and 3 through every crash: an answered write is stored, and of any other write nothing or all is."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import claiming
import pytest
import servers
from feed_reader import FeedReader
from ledger.scenes import claim, replace, uuid_of
from statements import before_each
from stored import row_counts, stored_state

from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    Command,
    CreateProvider,
    CreateResourceClass,
    DeleteProvider,
    DeleteTrait,
    EnsureTrait,
    NewInventories,
    ReleaseConsumer,
    RenameResourceClass,
    Reshape,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateProvider,
)
from ullage.model.errors import ConcurrentUpdate, DeadlineExceeded
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.trouble import StorageUnavailable
from ullage.storage.unit import Store

A, B, C, D = (uuid_of(name) for name in "abcd")
TEN = {"VCPU": Inventory(10)}
MANY = {"VCPU": Inventory(1_000_000)}


class Crash(BaseException):
    """Not an error that anybody handles: the process is as good as gone."""


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


# Between any two statements

WRITES: dict[str, Command] = {
    "first claim": replace(claim("new", {"a": {"VCPU": 1}, "c": {"VCPU": 1}}, project="new", consumer_type="NEW")),
    "claim again": replace(claim("x", {"a": {"VCPU": 1}, "c": {"VCPU": 3}})),
    "release": ReleaseConsumer(uuid_of("x")),
    "reshape": Reshape(
        {A: NewInventories(3, {"DISK_GB": Inventory(9)}), B: NewInventories(0, TEN)},
        (claim("x", {"b": {"VCPU": 2}, "a": {"DISK_GB": 1}}), claim("y", {})),
    ),
    "create a child": CreateProvider(D, "d", B),
    "move a subtree": UpdateProvider(A, "a", C),
    "delete": DeleteProvider(B),
    "aggregates": SetProviderAggregates(A, 3, frozenset({uuid_of("agg2")})),
    "traits": SetProviderTraits(A, 3, frozenset({"HW_CPU_X86_AVX"})),
    "rename a class": RenameResourceClass("CUSTOM_GOLD", "CUSTOM_SILVER"),
    "delete a trait": DeleteTrait("CUSTOM_IDLE"),
}


@pytest.fixture
def world(committer: Committer) -> None:
    do(
        committer,
        CreateResourceClass("CUSTOM_GOLD"),
        EnsureTrait("CUSTOM_FAST"),
        EnsureTrait("CUSTOM_IDLE"),
        *(CreateProvider(uuid, name, parent) for uuid, name, parent in ((A, "a", None), (B, "b", A), (C, "c", None))),
        SetInventories(A, 0, TEN),
        SetInventories(C, 0, TEN),
        SetProviderTraits(A, 1, frozenset({"CUSTOM_FAST"})),
        SetProviderAggregates(A, NOT_SAID, frozenset({uuid_of("agg")})),
        replace(claim("x", {"a": {"VCPU": 2}}), claim("y", {"a": {"VCPU": 1}})),
    )


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("case", WRITES)
def test_a_write_that_breaks_off_at_any_statement_leaves_nothing(store: Store, committer: Committer, case: str) -> None:
    reader = FeedReader(store)
    reader.catch_up()
    before = stored_state(store), row_counts(store)
    for place in count():
        if _runs_through(store, committer, WRITES[case], place):
            break
        assert (stored_state(store), row_counts(store)) == before
        assert reader.catch_up() is None
    assert place > 3
    assert stored_state(store) != before[0]
    reader.catch_up()
    assert reader.differences() == []


def _runs_through(store: Store, committer: Committer, command: Command, place: int) -> bool:
    """Run a command that breaks off before the statement at this place; False if it did."""
    places = count()

    def step(_: str) -> None:
        if threading.current_thread().name == "committer" and next(places) == place:
            raise Crash

    with before_each(store, step):
        try:
            committer.run(command)
        except RuntimeError:
            return False
    return True


# A killed process


def test_what_a_killed_process_was_answered_is_stored(store: Store, committer: Committer, database_url: str) -> None:
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, MANY))
    answered: set[str] = set()
    for part in range(2):
        program = [sys.executable, claiming.__file__, database_url, "a", str(part)]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                answered.add(line.strip())
                if len(answered) == 40 * (part + 1):
                    process.kill()
    state = stored_state(store)
    assert answered <= state.held.keys()
    assert len(state.held) <= len(answered) + 2 * claiming.THREADS


# A crashed server


@pytest.fixture
def durable_server(database_name: str) -> Iterator[servers.Daemon]:
    """A server that loses nothing in a crash."""
    with servers.running(database_name, durable=True) as server:
        assert isinstance(server, servers.Daemon)
        yield server


@pytest.mark.databases("postgresql", "mariadb")
def test_what_was_answered_before_a_server_crashed_is_stored_and_what_was_refused_is_not(
    durable_server: servers.Daemon,
) -> None:
    store = Store.open(durable_server.new_ledger_database())
    committer = Committer(store, deadline_seconds=60)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, MANY))
    answered: set[str] = set()
    refused: set[str] = set()
    is_up_again = threading.Event()

    def claim_on(thread: int) -> None:
        for number in count():
            name = f"{thread}{number:04}"
            try:
                committer.run(replace(claim(name, {"a": {"VCPU": 1}}, generation=None)))
            except (StorageUnavailable, ConcurrentUpdate):
                refused.add(uuid_of(name))
                if is_up_again.wait(0.05):
                    return
            except DeadlineExceeded:
                return
            else:
                answered.add(uuid_of(name))
                if is_up_again.is_set():
                    return

    with ThreadPoolExecutor(4) as pool:
        claiming_threads = [pool.submit(claim_on, thread) for thread in range(4)]
        while len(answered) < 50:
            assert not any(each.done() for each in claiming_threads)
        durable_server.crash()
        durable_server.start()
        is_up_again.set()
        for each in claiming_threads:
            each.result()
    do(committer, replace(claim("last", {"a": {"VCPU": 1}})))
    held = stored_state(store).held.keys()
    assert answered <= held
    assert not refused & held
    committer.stop()
    store.close()
