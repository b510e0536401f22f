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
from ledger.scenes import claim, replace, uuid_of
from stored import stored_state

from ullage.model.commands import (
    Command,
    CreateProvider,
    SetInventories,
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
