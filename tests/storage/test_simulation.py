"""The seeded workload of the simulation against real databases, audited row by row, with a reader beside it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from feed_reader import FeedReader
from simulation.auditor import Auditor
from simulation.workload import Workload
from stored import stored_state

from ullage.storage.committer import Committer
from ullage.storage.unit import Store


@pytest.fixture
def committer(store: Store) -> Iterator[Committer]:
    committer = Committer(store)
    yield committer
    committer.stop()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_stored_is_what_the_accepted_commands_mean(store: Store, committer: Committer, seed: int) -> None:
    random = Random(seed)
    workload = Workload(random)
    auditor = Auditor()
    reader = FeedReader(store)
    for _ in range(60):
        commands = [workload.command(auditor.state) for _ in range(random.randrange(1, 13))]
        for command, answer in zip(commands, committer.run_all(commands), strict=True):
            auditor.witness(command, answer)
        auditor.compare(stored_state(store))
        reader.catch_up()
        assert reader.differences() == []
    assert sum(auditor.accepted.values()) > 100
