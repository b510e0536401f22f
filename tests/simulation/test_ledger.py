"""A seeded workload over the pure ledger: batches of random commands, every answer and every row audited."""

from __future__ import annotations

from copy import deepcopy
from random import Random

import pytest
from ledger.memory import MemoryWorld

from simulation.auditor import Auditor, State
from simulation.workload import Workload
from ullage.ledger.decide import DECISIONS, decide, needs
from ullage.ledger.needs import Needs
from ullage.model.commands import Command


def state_of(world: MemoryWorld) -> State:
    """What a world in memory stores, in the auditor's form."""
    offers = {(uuid, name): row for uuid, rows in world.inventories.items() for name, row in rows.items()}
    return State(
        providers={
            uuid: (row.name, row.generation, row.parent_uuid, row.root_uuid) for uuid, row in world.providers.items()
        },
        inventories={place: row.inventory for place, row in offers.items()},
        used={place: row.used for place, row in offers.items()},
        held={uuid: dict(held) for uuid, held in world.holdings.items()},
        consumers={
            uuid: (each.generation, each.project, each.user, each.consumer_type)
            for uuid, each in world.consumers.items()
        },
        traits={uuid: traits for uuid, traits in world.provider_traits.items() if traits},
        aggregates={uuid: aggregates for uuid, aggregates in world.provider_aggregates.items() if aggregates},
        custom_classes={name for name, label in world.resource_classes.items() if not label.standard},
        custom_traits={name for name, label in world.traits.items() if not label.standard},
    )


def batches_of(commands: list[Command]) -> list[list[Command]]:
    """The same commands in order, split where one must be alone."""
    batches: list[list[Command]] = [[]]
    for command in commands:
        if needs(command).alone:
            batches += [[command], []]
        else:
            batches[-1].append(command)
    return [batch for batch in batches if batch]


def decide_and_forget(world: MemoryWorld, batch: list[Command]) -> None:
    """A transaction that fails before its commit: everything is decided and nothing of it is kept."""
    wanted = Needs()
    for command in batch:
        wanted.add(needs(command))
    book = world.book(wanted)
    for command in batch:
        decide(book, command)


def simulate(seed: int, rounds: int, auditor: Auditor, *, conflicts: int = 0) -> None:
    """Decide `rounds` batches of 1 to 12 commands, auditing after each.

    In `conflicts` of a hundred rounds the commands are thought out on a state that is long past, or a batch fails and
    is decided again, or fails and is decided again one by one.
    """
    random = Random(seed)
    workload = Workload(random)
    world = MemoryWorld()
    past = deepcopy(auditor.state)
    for _ in range(rounds):
        conflict = random.choice(("stale", "again", "alone")) if random.randrange(100) < conflicts else ""
        seen = past if conflict == "stale" else auditor.state
        batches = batches_of([workload.command(seen) for _ in range(random.randrange(1, 13))])
        if conflict in {"again", "alone"}:
            for batch in batches:
                decide_and_forget(world, batch)
            auditor.compare(state_of(world))
        if conflict == "alone":
            batches = [[command] for batch in batches for command in batch]
        if random.randrange(10) == 0:
            past = deepcopy(auditor.state)
        for batch in batches:
            for command, answer in zip(batch, world.run(*batch), strict=True):
                auditor.witness(command, answer)
            auditor.compare(state_of(world))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("conflicts", [0, 50])
def test_the_auditor_finds_no_breach(seed: int, conflicts: int) -> None:
    simulate(seed, 100, Auditor(), conflicts=conflicts)


def test_the_workload_reaches_every_command_and_every_refusal() -> None:
    auditors = []
    for seed in range(100, 130):
        auditors.append(Auditor())
        simulate(seed, 100, auditors[-1])
    accepted = {name for auditor in auditors for name in auditor.accepted}
    refused = {name for auditor in auditors for name in auditor.refused}
    assert accepted == {command.__name__ for command in DECISIONS}
    assert refused == {refusal.__name__ for decision in DECISIONS.values() for refusal in decision.refusals}
