"""What setting up providers costs the database: a handful of statements, for one provider as for many at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ledger.scenes import uuid_of
from statements import recorded

from ullage.model.commands import (
    Command,
    CreateProvider,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

OFFERED = {"VCPU": Inventory(8), "MEMORY_MB": Inventory(1024), "DISK_GB": Inventory(100)}
TRAITS = frozenset({"HW_CPU_X86_AVX2", "STORAGE_DISK_SSD"})
AGGREGATES = frozenset(uuid_of(name) for name in ("rack", "row", "all"))

STEPS: dict[str, Callable[[str], Command]] = {
    "create": lambda uuid: CreateProvider(uuid, uuid),
    "inventories": lambda uuid: SetInventories(uuid, 0, OFFERED),
    "traits": lambda uuid: SetProviderTraits(uuid, 1, TRAITS),
    "aggregates": lambda uuid: SetProviderAggregates(uuid, 2, AGGREGATES),
}
STATEMENTS_MAX = 11
WHOLE_STATEMENTS_MAX = 16
"""One of each tells the audit trail."""
FEW, MANY = [uuid_of("first")], [uuid_of(f"h{number}") for number in range(64)]


def counted(store: Store, committer: Committer, commands: list[Command]) -> int:
    """How many statements it takes to run commands that are all accepted."""
    with recorded(store) as statements:
        outcomes = committer.run_all(commands)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    return len(statements)


def test_setting_up_many_providers_takes_no_more_statements_than_one(store: Store, committer: Committer) -> None:
    committer.run(CreateProvider(uuid_of("before"), "before"))  # registers the writer
    committer.run(SetProviderAggregates(uuid_of("before"), 0, AGGREGATES))
    for step, command in STEPS.items():
        one, many = (counted(store, committer, [command(uuid) for uuid in uuids]) for uuids in (FEW, MANY))
        assert many <= one <= STATEMENTS_MAX, step


@pytest.mark.parametrize("uuids", [FEW, MANY], ids=["one", "many"])
def test_whole_providers_take_hardly_more_statements_than_one_step(
    store: Store, committer: Committer, uuids: list[str]
) -> None:
    committer.run(CreateProvider(uuid_of("before"), "before"))
    commands: list[Command] = [CreateProvider(uuid, uuid, None, OFFERED, TRAITS, AGGREGATES) for uuid in uuids]
    assert counted(store, committer, commands) <= WHOLE_STATEMENTS_MAX
