"""Of several faults in one command, the one that stands first in its list is answered.

For each command there is one part per refusal that brings that fault and no other about; every pair of faults is
brought about together, and the earlier one must be answered.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest

from ledger.memory import MemoryWorld
from ledger.scenes import add_host, claim, refusal, uuid_of, world_with
from ullage.ledger.decide import DECISIONS
from ullage.model import commands as c
from ullage.model.allocation import Claim
from ullage.model.errors import AmountDoesNotFit, Refusal
from ullage.model.inventory import Inventory, Misfit

A, B, CHILD, NOWHERE = uuid_of("a"), uuid_of("b"), uuid_of("child"), uuid_of("z")
TOO_MUCH_RESERVED = Inventory(4, reserved=5)


def crowded_world() -> MemoryWorld:
    """A host a with a child, half used by c (VCPU); a host b; DISK_GB of a goes in twos; everything at generation 2."""
    world = world_with(a={"VCPU": 8, "MEMORY_MB": 8, "DISK_GB": Inventory(8, step_size=2)}, b={"VCPU": 8})
    add_host(world, "child", {}, parent="a")
    world.do(c.ReplaceAllocations((claim("c", {"a": {"VCPU": 4}, "b": {"VCPU": 1}}),)))
    world.do(c.CreateResourceClass("CUSTOM_GOLD"), c.CreateResourceClass("CUSTOM_SILVER"))
    return world


Faults = frozenset[str]
Make = Callable[[Faults], c.Command]


def create_provider(faults: Faults) -> c.Command:
    own, unknown = "ProviderOwnParent" in faults, "UnknownParent" in faults
    taken = "ProviderExists" in faults
    uuid = A if taken and not own else uuid_of("new")
    parent = uuid if own else NOWHERE if unknown else B
    inventories = {"MEMORY_MB": TOO_MUCH_RESERVED} if "ReservedTooLarge" in faults else {"VCPU": Inventory(8)}
    if "UnknownResourceClass" in faults:
        inventories["CUSTOM_NONE"] = Inventory(1)
    traits = frozenset({"CUSTOM_NONE"} if "UnknownTraits" in faults else ())
    return c.CreateProvider(uuid, "a" if taken else "new", parent, inventories, traits)


def update_provider(faults: Faults) -> c.Command:
    uuid = NOWHERE if "ProviderMissing" in faults else CHILD if "ReparentingNotAllowed" in faults else A
    parent = uuid if "ProviderLoop" in faults else B
    parent = uuid_of("y") if "UnknownParent" in faults else parent
    name = "b" if "ProviderExists" in faults else "new"
    return c.UpdateProvider(uuid, name, parent, may_reparent=False)


def delete_provider(faults: Faults) -> c.Command:
    if "ProviderMissing" in faults:
        return c.DeleteProvider(NOWHERE)
    return c.DeleteProvider(A if "ProviderHasChildren" in faults else B)


def set_inventories(faults: Faults) -> c.Command:
    inventories = {} if "InventoryInUse" in faults else {"VCPU": Inventory(8)}
    if "UnknownResourceClass" in faults:
        inventories["CUSTOM_NONE"] = Inventory(1)
    if "ReservedTooLarge" in faults:
        inventories["MEMORY_MB"] = TOO_MUCH_RESERVED
    return c.SetInventories(_uuid(faults), _generation(faults), inventories)


def add_inventory(faults: Faults) -> c.Command:
    name = "VCPU" if "InventoryExists" in faults else "MEMORY_MB"
    name = "CUSTOM_NONE" if "UnknownResourceClass" in faults else name
    return c.AddInventory(NOWHERE if "ProviderMissing" in faults else B, name, _inventory(faults))


def update_inventory(faults: Faults) -> c.Command:
    name = "CUSTOM_GOLD" if "InventoryNotOffered" in faults else "VCPU"
    name = "CUSTOM_NONE" if "ResourceClassMissing" in faults else name
    return c.UpdateInventory(_uuid(faults), name, _generation(faults), _inventory(faults))


def set_traits(faults: Faults) -> c.Command:
    traits = frozenset({"CUSTOM_NONE"} if "UnknownTraits" in faults else ())
    return c.SetProviderTraits(_uuid(faults), _generation(faults), traits)


def set_aggregates(faults: Faults) -> c.Command:
    return c.SetProviderAggregates(_uuid(faults), _generation(faults), frozenset())


def rename_class(faults: Faults) -> c.Command:
    name = "VCPU" if "StandardNameFixed" in faults else "CUSTOM_GOLD"
    name = "CUSTOM_NONE" if "ResourceClassMissing" in faults else name
    new_name = "CUSTOM_SILVER" if "ResourceClassExists" in faults else "CUSTOM_NEW"
    return c.RenameResourceClass(name, "bad name" if "BadInput" in faults else new_name)


def delete_inventory(faults: Faults) -> c.Command:
    name = "MEMORY_MB" if "InventoryMissing" in faults else "VCPU"
    return c.DeleteInventory(NOWHERE if "ProviderMissing" in faults else B, name)


def replace_allocations(faults: Faults) -> c.Command:
    return c.ReplaceAllocations(_claims(faults), _seen(faults))


def reshape(faults: Faults) -> c.Command:
    b = {} if "InventoryInUse" in faults else {"VCPU": Inventory(8)}
    if "ReservedTooLarge" in faults:
        b["MEMORY_MB"] = TOO_MUCH_RESERVED
    if "UnknownResourceClass" in faults:
        b["CUSTOM_NONE"] = Inventory(1)
    inventories = {B: c.NewInventories(1 if "ProviderGenerationConflict" in faults else 2, b)}
    if "UnknownReshapedProvider" in faults:
        inventories = {NOWHERE: c.NewInventories(0, {}), **inventories}
    return c.Reshape(inventories, _claims(faults), _seen(faults))


def _seen(faults: Faults) -> c.OwnersSeen:
    return {uuid_of("d"): ("project", "user") if "ConcurrentUpdate" in faults else None}


def _uuid(faults: Faults) -> str:
    return NOWHERE if "ProviderMissing" in faults else A


def _generation(faults: Faults) -> int:
    return 1 if "ProviderGenerationConflict" in faults else 2


def _inventory(faults: Faults) -> Inventory:
    return TOO_MUCH_RESERVED if "ReservedTooLarge" in faults else Inventory(4)


def _claims(faults: Faults) -> tuple[Claim, ...]:
    """Claims with these faults, the latest in precedence named first."""
    resources = {}
    if "capacity" in faults:
        resources["VCPU"] = 9
    if "units" in faults:
        resources["DISK_GB"] = 3
    if "NoInventoryToAllocate" in faults:
        resources["CUSTOM_GOLD"] = 1
    if "UnknownResourceClass" in faults:
        resources["CUSTOM_NONE"] = 1
    held = {"a": resources, **({"z": {"VCPU": 1}} if "UnknownProvider" in faults else {})}
    return (claim("d", held), claim("e", {}, generation=3 if "ConsumerGenerationConflict" in faults else None))


MAKERS: dict[type[c.Command], Make] = {
    c.CreateProvider: create_provider,
    c.UpdateProvider: update_provider,
    c.DeleteProvider: delete_provider,
    c.SetInventories: set_inventories,
    c.AddInventory: add_inventory,
    c.UpdateInventory: update_inventory,
    c.DeleteInventory: delete_inventory,
    c.SetProviderTraits: set_traits,
    c.SetProviderAggregates: set_aggregates,
    c.RenameResourceClass: rename_class,
    c.ReplaceAllocations: replace_allocations,
    c.Reshape: reshape,
}
IMPOSSIBLE_TOGETHER = {
    frozenset({"ProviderOwnParent", "UnknownParent"}),
    frozenset({"InventoryMissing", "OneInventoryInUse"}),
}


def faults_of(command: type[c.Command]) -> list[str]:
    """The command's list, with the two halves of AmountDoesNotFit apart."""
    names = [refusal.__name__ for refusal in DECISIONS[command].refusals]
    if AmountDoesNotFit.__name__ in names:
        position = names.index(AmountDoesNotFit.__name__)
        names[position : position + 1] = ["units", "capacity"]
    return names


def fault_of(answer: Refusal) -> str:
    if isinstance(answer, AmountDoesNotFit):
        return {Misfit.UNITS: "units", Misfit.CAPACITY: "capacity"}[answer.misfit]
    return type(answer).__name__


PAIRS = [
    pytest.param(command, first, second, id=f"{command.__name__}-{first}-{second}")
    for command in MAKERS
    for first, second in combinations(faults_of(command), 2)
    if frozenset({first, second}) not in IMPOSSIBLE_TOGETHER
]


@pytest.mark.parametrize(("command", "first", "second"), PAIRS)
def test_the_fault_that_stands_first_is_answered(command: type[c.Command], first: str, second: str) -> None:
    make = MAKERS[command]
    for fault in (first, second):
        assert fault_of(refusal(crowded_world().ask(make(frozenset({fault}))))) == fault
    assert fault_of(refusal(crowded_world().ask(make(frozenset({first, second}))))) == first


def test_commands_with_several_refusals_are_all_tried() -> None:
    several = {command for command, decision in DECISIONS.items() if len(decision.refusals) > 1}
    by_subject = {  # their faults are of one name each: it is missing, or standard, or in use; or bad, or there
        c.ClearInventories,
        c.CreateResourceClass,
        c.DeleteResourceClass,
        c.DeleteTrait,
    }
    assert several == set(MAKERS) | by_subject
