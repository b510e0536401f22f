"""Turns: nobody writes twice running while somebody else waits, and nobody waits for ever."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from held import wait_until
from ledger.scenes import uuid_of

from ullage.model.commands import CreateProvider, SetInventories
from ullage.model.inventory import Inventory
from ullage.storage.committer import Committer
from ullage.storage.turns import Turns


def waits(turns: Turns) -> bool:
    """Whether somebody holds the place of the next turn."""
    with Path(f"{turns._database}-next").open("rb") as place:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_whoever_has_had_a_turn_lets_those_who_wait_go_first(tmp_path: Path) -> None:
    database = str(tmp_path / "a.db")
    one, other = Turns(database, 60), Turns(database, 60)
    order = []

    def take(turns: Turns, name: str) -> None:
        with turns.taken():
            order.append(name)

    with ThreadPoolExecutor() as pool:
        with one.taken():
            waiting = pool.submit(take, other, "other")
            wait_until(lambda: waits(one))
        take(one, "one")
        waiting.result()
    assert order == ["other", "one"]


def test_a_turn_that_cannot_be_had_is_gone_without(tmp_path: Path) -> None:
    database = str(tmp_path / "a.db")
    patient, impatient = Turns(database, 60), Turns(database, 0.01)
    with patient.taken():
        with impatient.taken():
            pass
        with impatient.taken():
            pass
    with impatient.taken():  # and it has given nothing away that it did not have
        assert not waits(patient)


@pytest.mark.databases("sqlite")
def test_two_that_never_pause_write_one_after_the_other(
    new_committer: Callable[[], Committer], database_name: str
) -> None:
    greedy, modest = new_committer(), new_committer()
    host, other = uuid_of("a"), uuid_of("b")
    for uuid in (host, other):
        greedy.run(CreateProvider(uuid, uuid))
    is_over = threading.Event()

    def write_on() -> int:
        generation = 0
        while not is_over.is_set():
            greedy.run(SetInventories(host, generation, {"VCPU": Inventory(1 + generation)}))
            generation += 1
        return generation

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write_on)
        for generation in range(20):
            modest.run(SetInventories(other, generation, {"VCPU": Inventory(1 + generation)}))
        is_over.set()
        assert 15 <= writing.result() <= 30  # one by one, but for the beginning and the end
