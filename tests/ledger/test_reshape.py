"""Reshape: inventories and claims as one decision, with the generations that clients know (row 75)."""

from __future__ import annotations

import pytest

from ledger.memory import MemoryWorld
from ledger.scenes import add_host, claim, generation, refusal, replace, used, uuid_of, world_with
from ullage.model.allocation import Claim
from ullage.model.commands import NewInventories, Reshape
from ullage.model.errors import (
    AmountDoesNotFit,
    ConsumerGenerationConflict,
    InventoryInUse,
    NoInventoryToAllocate,
    ProviderGenerationConflict,
    ReservedTooLarge,
    UnknownProvider,
    UnknownReshapedProvider,
    UnknownResourceClass,
)
from ullage.model.inventory import Inventory

A, N = uuid_of("a"), uuid_of("n")


def flat_host() -> MemoryWorld:
    """A host with an empty child, and a consumer that holds on the host."""
    world = world_with(a={"VCPU": 8, "MEMORY_MB": 100})
    add_host(world, "n", {}, parent="a")
    world.do(replace(claim("c", {"a": {"VCPU": 4, "MEMORY_MB": 10}})))
    return world


def reshape(world: MemoryWorld, *claims: Claim, **offers: dict[str, int | Inventory]) -> Reshape:
    """New inventories for some hosts, at the generations that they have."""
    return Reshape(
        {
            uuid_of(name): NewInventories(
                generation(world, name),
                {
                    resource_class: total if isinstance(total, Inventory) else Inventory(total)
                    for resource_class, total in totals.items()
                },
            )
            for name, totals in offers.items()
        },
        claims,
    )


def test_inventory_and_what_is_held_of_it_move_to_a_child_together() -> None:
    world = flat_host()
    moved = claim("c", {"a": {"MEMORY_MB": 10}, "n": {"VCPU": 4}}, generation=1)
    world.do(reshape(world, moved, a={"MEMORY_MB": 100}, n={"VCPU": 8}))
    assert (used(world, "n", "VCPU"), used(world, "a", "MEMORY_MB")) == (4, 10)
    assert "VCPU" not in world.inventories[A]
    assert world.consumers[uuid_of("c")].generation == 2


def test_a_provider_is_raised_for_inventories_for_claims_and_at_the_end() -> None:
    world = flat_host()
    assert (generation(world, "a"), generation(world, "n")) == (2, 1)
    moved = claim("c", {"a": {"MEMORY_MB": 10}, "n": {"VCPU": 4}})
    world.do(reshape(world, moved, a={"MEMORY_MB": 100}, n={"VCPU": 8}))
    assert (generation(world, "a"), generation(world, "n")) == (5, 4)


def test_a_provider_without_new_inventories_is_raised_at_the_end_alone() -> None:
    world = world_with(a={"VCPU": 8}, b={"VCPU": 8})
    world.do(reshape(world, a={}))
    assert generation(world, "a") == 2
    world.do(reshape(world, b={"VCPU": 4}))
    assert generation(world, "b") == 3


def test_a_provider_named_in_claims_alone_is_raised_once() -> None:
    world = world_with(a={"VCPU": 8}, b={"VCPU": 8})
    world.do(reshape(world, claim("c", {"b": {"VCPU": 1}}), a={"VCPU": 8}))
    assert (generation(world, "a"), generation(world, "b")) == (3, 2)


def test_a_class_that_others_hold_may_not_go() -> None:
    world = flat_host()
    no = refusal(world.ask(reshape(world, a={"MEMORY_MB": 100}, n={"VCPU": 8})))
    assert isinstance(no, InventoryInUse)
    assert (no.provider_uuid, no.resource_classes) == (A, ("VCPU",))
    assert (generation(world, "a"), generation(world, "n")) == (2, 1)


def test_a_claim_on_a_class_that_goes_in_the_same_reshape_is_refused_as_in_use() -> None:
    world = world_with(a={"VCPU": 8, "MEMORY_MB": 8})
    no = refusal(world.ask(reshape(world, claim("c", {"a": {"VCPU": 1}}), a={"MEMORY_MB": 8})))
    assert isinstance(no, InventoryInUse)
    assert not world.consumers


def test_claims_are_judged_on_the_new_inventories() -> None:
    world = flat_host()
    too_much = claim("c", {"a": {"MEMORY_MB": 10}, "n": {"VCPU": 4}})
    no = refusal(world.ask(reshape(world, too_much, a={"MEMORY_MB": 100}, n={"VCPU": 3})))
    assert isinstance(no, AmountDoesNotFit)
    assert no.inventory == Inventory(3)
    units = reshape(world, too_much, a={"MEMORY_MB": 100}, n={"VCPU": Inventory(8, max_unit=3)})
    assert isinstance(world.ask(units), AmountDoesNotFit)
    nowhere = claim("c", {"n": {"DISK_GB": 4}})
    assert isinstance(world.ask(reshape(world, nowhere, a={}, n={"VCPU": 3})), NoInventoryToAllocate)


def test_capacity_may_shrink_below_what_others_hold() -> None:
    world = flat_host()
    world.do(reshape(world, a={"VCPU": 2, "MEMORY_MB": 100}))
    assert used(world, "a", "VCPU") == 4


def test_more_reserved_than_there_is_is_refused() -> None:
    world = flat_host()
    assert isinstance(world.ask(reshape(world, n={"VCPU": Inventory(4, reserved=5)})), ReservedTooLarge)
    world.do(reshape(world, n={"VCPU": Inventory(4, reserved=4)}))


def test_unknown_names_and_stale_generations_are_refused() -> None:
    world = flat_host()
    nowhere = Reshape({uuid_of("z"): NewInventories(0, {})}, ())
    assert isinstance(world.ask(nowhere), UnknownReshapedProvider)
    stale = refusal(world.ask(Reshape({A: NewInventories(1, {})}, ())))
    assert isinstance(stale, ProviderGenerationConflict)
    assert "actual: 2, given: 1" in stale.message
    assert isinstance(world.ask(reshape(world, n={"CUSTOM_NONE": 1})), UnknownResourceClass)
    assert isinstance(world.ask(reshape(world, claim("c", {"z": {"VCPU": 1}}), n={})), UnknownProvider)
    assert isinstance(world.ask(reshape(world, claim("c", {}, generation=7), n={})), ConsumerGenerationConflict)


@pytest.mark.parametrize("first", ["a", "z"])
def test_its_providers_are_looked_at_one_after_another(first: str) -> None:
    world = flat_host()
    parts = {"a": NewInventories(0, {}), "z": NewInventories(0, {})}
    order = [first, *(name for name in parts if name != first)]
    no = world.ask(Reshape({uuid_of(name): parts[name] for name in order}, ()))
    assert isinstance(no, ProviderGenerationConflict if first == "a" else UnknownReshapedProvider)
