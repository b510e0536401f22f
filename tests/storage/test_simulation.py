"""The seeded workload of the simulation against real databases, audited row by row, with a reader beside it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from feed_reader import FeedReader
from simulation.auditor import Auditor, State
from simulation.workload import Workload
from stored import stored_state

from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.unit import Store


@pytest.mark.parametrize("seed", range(4))
def test_what_is_stored_is_what_the_accepted_commands_mean(store: Store, committer: Committer, seed: int) -> None:
    random = Random(seed)
    workload = Workload(random)
    auditor = Auditor()
    reader = FeedReader(store)
    for _ in range(90):
        commands = [workload.command(auditor.state) for _ in range(random.randrange(1, 13))]
        for command, answer in zip(commands, committer.run_all(commands), strict=True):
            auditor.witness(command, answer)
        auditor.compare(stored_state(store))
        reader.catch_up()
        assert reader.differences() == []
    assert sum(auditor.accepted.values()) > 100


def test_many_committers_at_once_leave_every_sum_right_and_every_reader_informed(
    store: Store, new_committer: Callable[[], Committer]
) -> None:
    """Nobody knows in which order they take effect; whatever it is, the laws hold, and only refusals are answered."""

    def work(seed: int) -> int:
        committer, random = new_committer(), Random(seed)
        workload, state = Workload(random), State()
        accepted = 0
        for round_ in range(50):
            if round_ % 5 == 0:
                state = stored_state(store)
            commands = [workload.command(state) for _ in range(random.randrange(1, 8))]
            accepted += sum(not isinstance(answer, Refusal) for answer in committer.run_all(commands))
        return accepted

    reader = FeedReader(store)
    with ThreadPoolExecutor() as pool:
        working = [pool.submit(work, seed) for seed in range(4)]
        while not all(each.done() for each in working):
            reader.catch_up()
        assert all(each.result() > 10 for each in working)
    stored_state(store)
    reader.catch_up()
    assert reader.differences() == []
