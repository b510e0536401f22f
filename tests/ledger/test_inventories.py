"""Inventories: what may be set, when it is in use, and which generation it leaves."""

from __future__ import annotations

import pytest

from ledger.scenes import claim, generation, refusal, replace, used, uuid_of, world_with
from ullage.model.commands import (
    AddInventory,
    ClearInventories,
    Command,
    CreateProvider,
    DeleteInventory,
    InventoriesNow,
    SetInventories,
    UpdateInventory,
)
from ullage.model.errors import (
    InventoryExists,
    InventoryInUse,
    InventoryMissing,
    InventoryNotOffered,
    OneInventoryInUse,
    ProviderGenerationConflict,
    ProviderMissing,
    ReservedTooLarge,
    ResourceClassMissing,
    UnknownResourceClass,
)
from ullage.model.inventory import Inventory

A = uuid_of("a")
FOUR = Inventory(4)


def test_setting_inventories_replaces_them_all_and_raises_the_generation() -> None:
    world = world_with(a={"VCPU": 4, "DISK_GB": 9})
    answer = world.do(SetInventories(A, 1, {"VCPU": FOUR, "MEMORY_MB": Inventory(7)}))
    assert answer == InventoriesNow(2, {"VCPU": FOUR, "MEMORY_MB": Inventory(7)})
    assert {name: row.inventory for name, row in world.inventories[A].items()} == {
        "VCPU": FOUR,
        "MEMORY_MB": Inventory(7),
    }


def test_setting_the_same_inventories_again_raises_the_generation_too() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(SetInventories(A, 1, {"VCPU": FOUR}))
    assert generation(world, "a") == 2


def test_clearing_nothing_raises_the_generation_too() -> None:
    world = world_with(a={})
    world.do(ClearInventories(A))
    assert generation(world, "a") == 2


def test_setting_no_inventories_deletes_them() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(SetInventories(A, 1, {}))
    assert world.inventories[A] == {}


def test_use_survives_a_new_inventory_of_its_class() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 3}})))
    world.do(SetInventories(A, 2, {"VCPU": Inventory(10)}))
    assert used(world, "a", "VCPU") == 3
    world.do(UpdateInventory(A, "VCPU", 3, Inventory(20)))
    assert used(world, "a", "VCPU") == 3
    world.do(AddInventory(A, "DISK_GB", FOUR))
    assert used(world, "a", "VCPU") == 3


def test_capacity_may_shrink_below_use() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 3}})))
    world.do(UpdateInventory(A, "VCPU", 2, Inventory(2)))
    world.do(SetInventories(A, 3, {"VCPU": Inventory(1)}))
    assert used(world, "a", "VCPU") == 3


def test_an_inventory_in_use_stays() -> None:
    world = world_with(a={"VCPU": 4, "MEMORY_MB": 4, "DISK_GB": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1, "DISK_GB": 1}})))
    setting = refusal(world.ask(SetInventories(A, 2, {"MEMORY_MB": FOUR})))
    clearing = refusal(world.ask(ClearInventories(A)))
    for no in (setting, clearing):
        assert isinstance(no, InventoryInUse)
        assert no.resource_classes == ("VCPU", "DISK_GB")
    assert isinstance(world.ask(DeleteInventory(A, "VCPU")), OneInventoryInUse)
    assert generation(world, "a") == 2
    world.do(DeleteInventory(A, "MEMORY_MB"))
    assert set(world.inventories[A]) == {"VCPU", "DISK_GB"}
    assert generation(world, "a") == 3


def test_adding_an_inventory_asks_no_generation_but_a_free_class() -> None:
    world = world_with(a={"VCPU": 4})
    answer = world.do(AddInventory(A, "DISK_GB", FOUR))
    assert answer == InventoriesNow(2, {"DISK_GB": FOUR})
    assert isinstance(world.ask(AddInventory(A, "VCPU", FOUR)), InventoryExists)
    assert isinstance(world.ask(AddInventory(A, "CUSTOM_NONE", FOUR)), UnknownResourceClass)


def test_updating_tells_an_unknown_class_from_one_that_is_not_offered() -> None:
    world = world_with(a={"VCPU": 4})
    answer = world.do(UpdateInventory(A, "VCPU", 1, Inventory(9)))
    assert answer == InventoriesNow(2, {"VCPU": Inventory(9)})
    assert isinstance(world.ask(UpdateInventory(A, "DISK_GB", 2, FOUR)), InventoryNotOffered)
    assert isinstance(world.ask(UpdateInventory(A, "CUSTOM_NONE", 2, FOUR)), ResourceClassMissing)


def test_deleting_an_inventory_that_is_not_there_is_refused() -> None:
    world = world_with(a={"VCPU": 4})
    for name in ("DISK_GB", "CUSTOM_NONE"):
        assert isinstance(world.ask(DeleteInventory(A, name)), InventoryMissing)


def test_setting_an_unknown_class_says_where_it_was_named() -> None:
    world = world_with(a={"VCPU": 4})
    no = refusal(world.ask(SetInventories(A, 1, {"CUSTOM_NONE": FOUR})))
    assert isinstance(no, UnknownResourceClass)
    assert "Unknown resource class in inventory" in no.message


@pytest.mark.parametrize("given", [0, 2])
@pytest.mark.parametrize("change", ["set", "update"])
def test_a_stale_generation_is_refused(change: str, given: int) -> None:
    world = world_with(a={"VCPU": 4})
    command: Command = SetInventories(A, given, {}) if change == "set" else UpdateInventory(A, "VCPU", given, FOUR)
    no = refusal(world.ask(command))
    assert isinstance(no, ProviderGenerationConflict)
    assert (no.actual, no.given) == (1, given)


def test_of_two_with_the_same_generation_in_one_batch_only_the_first_is_accepted() -> None:
    world = world_with(a={"VCPU": 4})
    first, second = world.run(SetInventories(A, 1, {}), SetInventories(A, 1, {"VCPU": FOUR}))
    assert first == InventoriesNow(2, {})
    assert isinstance(second, ProviderGenerationConflict)


EMPTYING = [
    (Inventory(4, reserved=3), True, True),
    (Inventory(4, reserved=4), False, True),
    (Inventory(4, reserved=5), False, False),
    (Inventory(4, allocation_ratio=0.0), False, True),
    (Inventory(4, allocation_ratio=-1.0), False, False),
    (Inventory(4, reserved=5, allocation_ratio=-1.0), False, False),
    (Inventory(4, reserved=5, allocation_ratio=0.1), False, False),
    (Inventory(1, allocation_ratio=0.5), False, True),
]


@pytest.mark.parametrize(("inventory", "before", "since"), EMPTYING)
def test_reserved_may_equal_total_only_where_it_is_said(inventory: Inventory, before: bool, since: bool) -> None:
    for may_equal, accepted in ((False, before), (True, since)):
        for command in (
            SetInventories(A, 1, {"VCPU": inventory}, may_equal),
            UpdateInventory(A, "VCPU", 1, inventory, may_equal),
            AddInventory(A, "DISK_GB", inventory, may_equal),
        ):
            answer = world_with(a={"VCPU": 4}).ask(command)
            assert isinstance(answer, InventoriesNow if accepted else ReservedTooLarge)


def test_the_reserved_rule_names_the_numbers() -> None:
    no = refusal(world_with(a={"VCPU": 4}).ask(SetInventories(A, 1, {"VCPU": Inventory(4, reserved=5)})))
    assert "The reserved value is greater than total." in no.message
    assert "total 4, reserved 5" in no.message
    no = refusal(world_with(a={"VCPU": 4}).ask(SetInventories(A, 1, {"VCPU": Inventory(4, reserved=4)}, False)))
    assert "greater than or equal to total" in no.message


def test_every_inventory_command_needs_its_provider() -> None:
    world = world_with(a={"VCPU": 4})
    nowhere = uuid_of("z")
    for command in (
        SetInventories(nowhere, 0, {}),
        AddInventory(nowhere, "VCPU", FOUR),
        UpdateInventory(nowhere, "VCPU", 0, FOUR),
        DeleteInventory(nowhere, "VCPU"),
        ClearInventories(nowhere),
    ):
        assert isinstance(world.ask(command), ProviderMissing)


def test_a_provider_made_in_the_same_batch_can_be_stocked_and_claimed_from() -> None:
    world = world_with()
    answers = world.run(
        CreateProvider(A, "a"), SetInventories(A, 0, {"VCPU": FOUR}), replace(claim("c", {"a": {"VCPU": 4}}))
    )
    assert answers[1:] == [InventoriesNow(1, {"VCPU": FOUR}), None]
    assert used(world, "a", "VCPU") == 4
    assert generation(world, "a") == 2
