"""Traits and aggregates of providers, and the catalogue of classes and traits."""

from __future__ import annotations

import pytest

from ledger.memory import MemoryWorld
from ledger.scenes import claim, generation, refusal, replace, uuid_of, world_with
from ullage.ledger.decide import needs
from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    AggregatesNow,
    ClearProviderTraits,
    CreateResourceClass,
    DeleteResourceClass,
    DeleteTrait,
    Ensured,
    EnsureResourceClass,
    EnsureTrait,
    RenameResourceClass,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    TraitsNow,
)
from ullage.model.errors import (
    BadInput,
    ProviderGenerationConflict,
    ProviderMissing,
    ResourceClassExists,
    ResourceClassInUse,
    ResourceClassMissing,
    StandardNameFixed,
    TraitInUse,
    TraitMissing,
    UnknownTraits,
)
from ullage.model.inventory import Inventory

A = uuid_of("a")
AVX, SSD = "HW_CPU_X86_AVX", "STORAGE_DISK_SSD"


def test_changed_traits_raise_the_generation_and_unchanged_ones_do_not() -> None:
    world = world_with(a={})
    assert world.do(SetProviderTraits(A, 1, frozenset({SSD, AVX}))) == TraitsNow(2, (AVX, SSD))
    assert world.do(SetProviderTraits(A, 2, frozenset({SSD, AVX}))) == TraitsNow(2, (AVX, SSD))
    assert world.do(SetProviderTraits(A, 2, frozenset())) == TraitsNow(3, ())
    assert world.do(SetProviderTraits(A, 3, frozenset())) == TraitsNow(3, ())


def test_clearing_traits_raises_the_generation_only_if_there_were_some() -> None:
    world = world_with(a={})
    world.do(ClearProviderTraits(A))
    assert generation(world, "a") == 1
    world.do(SetProviderTraits(A, 1, frozenset({SSD})), ClearProviderTraits(A))
    assert generation(world, "a") == 3
    assert not world.provider_traits[A]


def test_all_unknown_traits_are_named() -> None:
    world = world_with(a={})
    no = refusal(world.ask(SetProviderTraits(A, 1, frozenset({"CUSTOM_B", SSD, "CUSTOM_A"}))))
    assert isinstance(no, UnknownTraits)
    assert no.names == ("CUSTOM_A", "CUSTOM_B")
    assert no.message == "No such trait(s): CUSTOM_A, CUSTOM_B."


def test_a_trait_made_in_the_same_batch_can_be_set() -> None:
    world = world_with(a={})
    answers = world.run(EnsureTrait("CUSTOM_A"), SetProviderTraits(A, 1, frozenset({"CUSTOM_A"})))
    assert answers == [Ensured(True), TraitsNow(2, ("CUSTOM_A",))]


def test_aggregates_with_a_generation_always_raise_it() -> None:
    world = world_with(a={})
    one, two = uuid_of("1"), uuid_of("2")
    assert world.do(SetProviderAggregates(A, 1, frozenset({two, one}))) == AggregatesNow(2, (one, two))
    assert world.do(SetProviderAggregates(A, 2, frozenset({two, one}))) == AggregatesNow(3, (one, two))
    assert world.do(SetProviderAggregates(A, 3, frozenset())) == AggregatesNow(4, ())
    assert isinstance(world.ask(SetProviderAggregates(A, 3, frozenset())), ProviderGenerationConflict)


def test_aggregates_without_a_generation_neither_check_nor_raise_it() -> None:
    world = world_with(a={})
    one = uuid_of("1")
    assert world.do(SetProviderAggregates(A, NOT_SAID, frozenset({one}))) == AggregatesNow(1, (one,))
    assert world.provider_aggregates[A] == {one}


def test_labels_need_their_provider_and_its_generation() -> None:
    world = world_with(a={})
    assert isinstance(world.ask(SetProviderTraits(A, 0, frozenset())), ProviderGenerationConflict)
    nowhere = uuid_of("z")
    for command in (
        SetProviderTraits(nowhere, 0, frozenset()),
        ClearProviderTraits(nowhere),
        SetProviderAggregates(nowhere, NOT_SAID, frozenset()),
    ):
        assert isinstance(world.ask(command), ProviderMissing)


def test_a_class_can_be_created_once_and_ensured_twice() -> None:
    world = MemoryWorld()
    world.do(CreateResourceClass("CUSTOM_A"))
    no = refusal(world.ask(CreateResourceClass("CUSTOM_A")))
    assert isinstance(no, ResourceClassExists)
    assert "Conflicting resource class already exists" in no.message
    assert world.do(EnsureResourceClass("CUSTOM_A")) == Ensured(created=False)
    assert world.do(EnsureResourceClass("CUSTOM_B")) == Ensured(created=True)
    assert not world.resource_classes["CUSTOM_B"].standard


def test_a_trait_can_be_ensured_twice() -> None:
    world = MemoryWorld()
    assert world.do(EnsureTrait("CUSTOM_A")) == Ensured(created=True)
    assert world.do(EnsureTrait("CUSTOM_A")) == Ensured(created=False)


@pytest.mark.parametrize(
    "name", ["VCPU", "CUSTOM_a", "CUSTOM_A\n", "CUSTOM_", 'CUSTOM_A", "name": "CUSTOM_Y', "CUSTOM_" + "A" * 249]
)
def test_only_custom_names_can_be_made(name: str) -> None:
    world = MemoryWorld()
    world.do(CreateResourceClass("CUSTOM_OLD"))
    for command in (
        CreateResourceClass(name),
        EnsureResourceClass(name),
        EnsureTrait(name),
        RenameResourceClass("CUSTOM_OLD", name),
    ):
        assert isinstance(world.ask(command), BadInput)


def test_a_renamed_class_keeps_its_inventories_and_allocations() -> None:
    world = world_with(a={})
    world.do(CreateResourceClass("CUSTOM_A"), SetInventories(A, 1, {"CUSTOM_A": Inventory(4)}))
    world.do(replace(claim("c", {"a": {"CUSTOM_A": 3}})))
    world.do(RenameResourceClass("CUSTOM_A", "CUSTOM_B"))
    assert set(world.inventories[A]) == {"CUSTOM_B"}
    assert "CUSTOM_A" not in world.resource_classes
    world.do(replace(claim("d", {"a": {"CUSTOM_B": 1}})))


def test_a_class_can_only_be_renamed_to_a_free_name() -> None:
    world = MemoryWorld()
    world.do(CreateResourceClass("CUSTOM_A"), CreateResourceClass("CUSTOM_B"))
    no = refusal(world.ask(RenameResourceClass("CUSTOM_A", "CUSTOM_B")))
    assert isinstance(no, ResourceClassExists)
    assert no.message.startswith("Resource class already exists")
    world.do(RenameResourceClass("CUSTOM_A", "CUSTOM_A"))
    assert isinstance(world.ask(RenameResourceClass("CUSTOM_NONE", "CUSTOM_C")), ResourceClassMissing)
    assert isinstance(world.ask(RenameResourceClass("VCPU", "CUSTOM_C")), StandardNameFixed)


def test_a_class_with_inventory_stays() -> None:
    world = world_with(a={})
    world.do(CreateResourceClass("CUSTOM_A"), SetInventories(A, 1, {"CUSTOM_A": Inventory(4)}))
    assert isinstance(world.ask(DeleteResourceClass("CUSTOM_A")), ResourceClassInUse)
    world.do(SetInventories(A, 2, {}), DeleteResourceClass("CUSTOM_A"))
    assert isinstance(world.ask(DeleteResourceClass("CUSTOM_A")), ResourceClassMissing)
    assert isinstance(world.ask(DeleteResourceClass("VCPU")), StandardNameFixed)


def test_a_trait_that_a_provider_has_stays() -> None:
    world = world_with(a={})
    world.do(EnsureTrait("CUSTOM_A"), SetProviderTraits(A, 1, frozenset({"CUSTOM_A"})))
    assert isinstance(world.ask(DeleteTrait("CUSTOM_A")), TraitInUse)
    world.do(ClearProviderTraits(A), DeleteTrait("CUSTOM_A"))
    assert isinstance(world.ask(DeleteTrait("CUSTOM_A")), TraitMissing)
    assert isinstance(world.ask(DeleteTrait(SSD)), StandardNameFixed)


def test_commands_that_ask_who_uses_a_name_share_no_batch() -> None:
    assert needs(DeleteTrait("CUSTOM_A")).alone
    assert needs(DeleteResourceClass("CUSTOM_A")).alone
    assert needs(RenameResourceClass("CUSTOM_A", "CUSTOM_B")).alone
    assert not needs(EnsureTrait("CUSTOM_A")).alone
