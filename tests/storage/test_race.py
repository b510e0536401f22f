"""Exactly as many claims are accepted as there are units, whoever claims: threads, committers, processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import racing
from ledger.scenes import uuid_of
from racing import CLAIMS, THREADS, UNITS, consumer, race
from stored import stored_state

from ullage.model.commands import CreateProvider, SetInventories
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

TRIALS = "abcde"
PROCESSES = 2


def offer_units(committer: Committer, provider: str) -> None:
    outcomes = committer.run_all(
        [
            CreateProvider(uuid_of(provider), provider),
            SetInventories(uuid_of(provider), 0, {"VCPU": Inventory(UNITS)}),
        ]
    )
    assert not any(isinstance(each, Refusal) for each in outcomes)


def check(store: Store, provider: str, won: list[int]) -> None:
    """Exactly the units are taken, by exactly the winners, and every sum agrees."""
    state = stored_state(store)
    holders = {uuid for uuid, held in state.held.items() if (uuid_of(provider), "VCPU") in held}
    assert len(won) == UNITS
    assert holders == {uuid_of(consumer(provider, number)) for number in won}
    assert state.used[uuid_of(provider), "VCPU"] == UNITS


@pytest.mark.parametrize("count", [1, 4])
def test_committers_hand_out_exactly_the_units(
    store: Store, new_committer: Callable[[], Committer], count: int
) -> None:
    committers = [new_committer() for _ in range(count)]
    for provider in TRIALS:
        offer_units(committers[0], provider)
        check(store, provider, race(committers, provider, range(CLAIMS), THREADS))


def test_processes_hand_out_exactly_the_units(store: Store, committer: Committer, database_url: str) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, racing.__file__, database_url, str(part), str(PROCESSES)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for part in range(PROCESSES)
        ]
        for provider in TRIALS:
            offer_units(committer, provider)
            for process in processes:
                print(provider, file=process.stdin, flush=True)
            won = [number for process in processes for number in json.loads(process.stdout.readline())]  # type: ignore[union-attr] # piped
            check(store, provider, won)
        for process in processes:
            process.stdin.close() if process.stdin else None
    assert [process.returncode for process in processes] == [0] * PROCESSES
