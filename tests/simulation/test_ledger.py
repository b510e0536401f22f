"""A seeded workload over the pure ledger: batches of random commands, every answer and every row audited."""

from __future__ import annotations

from random import Random

import pytest
from ledger.memory import MemoryWorld

from simulation.auditor import Auditor, State
from simulation.workload import Workload
from ullage.ledger.decide import DECISIONS, needs
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


def simulate(seed: int, rounds: int, auditor: Auditor) -> None:
    """Decide `rounds` batches of 1 to 12 commands, auditing after each."""
    random = Random(seed)
    workload = Workload(random)
    world = MemoryWorld()
    for _ in range(rounds):
        commands = [workload.command(auditor.state) for _ in range(random.randrange(1, 13))]
        for batch in batches_of(commands):
            for command, answer in zip(batch, world.run(*batch), strict=True):
                auditor.witness(command, answer)
            auditor.compare(state_of(world))


@pytest.mark.parametrize("seed", range(20))
def test_the_auditor_finds_no_breach(seed: int) -> None:
    simulate(seed, 120, Auditor())


def test_the_workload_reaches_every_command_and_every_refusal() -> None:
    auditors = []
    for seed in range(100, 130):
        auditors.append(Auditor())
        simulate(seed, 100, auditors[-1])
    accepted = {name for auditor in auditors for name in auditor.accepted}
    refused = {name for auditor in auditors for name in auditor.refused}
    assert accepted == {command.__name__ for command in DECISIONS}
    assert refused == {refusal.__name__ for decision in DECISIONS.values() for refusal in decision.refusals}
