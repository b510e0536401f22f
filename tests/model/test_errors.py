"""The sentences of refusals: every class says one, and the fragments that clients match are in them."""

from __future__ import annotations

import pytest

from ullage.model import errors as e
from ullage.model import refusal as kinds
from ullage.model.inventory import Inventory, Misfit

P, Q = "2290d4af-9e6e-400b-9d65-1ee01376f71a", "be8b9cba-e7db-4a12-a386-99b4242167fe"

SENTENCES: list[tuple[e.Refusal, tuple[str, ...]]] = [
    (e.ProviderMissing(P), (f"No resource provider with uuid {P} found",)),
    (e.ProviderMissing(P, "delete"), (f"No resource provider with uuid {P} found for delete",)),
    (e.InventoryMissing(P, "HOUSE"), (f"No inventory of class HOUSE for {P}",)),
    (e.InventoryMissing(P, "HOUSE", "delete"), ("No inventory of class HOUSE found for delete",)),
    (e.ResourceClassMissing("COWS"), ("No such resource class COWS",)),
    (e.TraitMissing("CUSTOM_A"), ("No such trait(s): CUSTOM_A",)),
    (e.AllocationsMissing(Q), (f"No allocations for consumer '{Q}'",)),
    (e.UnknownProvider(Q), (f"Allocation for resource provider '{Q}' that does not exist",)),
    (e.UnknownReshapedProvider(Q), (Q, "not found")),
    (e.UnknownParent(Q), ("parent provider UUID does not exist", Q)),
    (e.UnknownResourceClass("COWS"), ("No such resource class COWS",)),
    (e.UnknownResourceClass("COWS", "inventory"), ("Unknown resource class in inventory", "COWS")),
    (e.UnknownTraits(("BOGUS_TRAIT",)), ("No such trait(s): BOGUS_TRAIT.", "No such trait")),
    (e.InventoryNotOffered(P, "VCPU"), ("No inventory record with resource class", "VCPU", P)),
    (e.BadInput("{braces} stay"), ("{braces} stay",)),
    (e.RepeatedQuestion("twice"), ("twice",)),
    (e.BadQuestion("bad"), ("bad",)),
    (e.MissingQuestion("nothing"), ("nothing",)),
    (e.StandardNameFixed("trait", "HW_A", "delete"), ("Cannot delete standard trait",)),
    (e.StandardNameFixed("resource class", "VCPU", "delete"), ("Cannot delete standard resource class",)),
    (e.StandardNameFixed("resource class", "VCPU", "update"), ("Cannot update standard resource class VCPU",)),
    (e.ReservedTooLarge(P, "VCPU", True, Inventory(4, 5)), ("greater than total", "total 4, reserved 5", P, "VCPU")),
    (e.ReservedTooLarge(P, "VCPU", False, Inventory(4, 4)), ("greater than or equal to total",)),
    (e.ReservedTooLarge(P, "VCPU", True, Inventory(4, allocation_ratio=-1.0)), ("allocation_ratio -1", "-4")),
    (e.ProviderLoop(P, Q), ("creating loop in the provider tree is not allowed.", P, Q)),
    (e.ProviderOwnParent(P), ("parent provider UUID cannot be same as UUID", P)),
    (e.ReparentingNotAllowed(P, to_root=False), ("re-parenting a provider is not currently allowed",)),
    (e.ReparentingNotAllowed(P, to_root=True), ("un-parenting a provider is not currently allowed",)),
    (
        e.ProviderGenerationConflict(P, 5, 4),
        (
            "resource provider generation conflict",
            "actual: 5, given: 4",
            "Resource provider's generation already changed. Please update the generation and try again.",
        ),
    ),
    (e.ConsumerGenerationConflict(Q, 3, 1), ("consumer generation conflict - expected 3 but got 1",)),
    (e.ConsumerGenerationConflict(Q, None, 5), ("consumer generation conflict - expected null but got 5",)),
    (e.ConsumerGenerationConflict(Q, 0, None), ("expected 0 but got null",)),
    (e.ConcurrentUpdate(), ("Update conflict", "Please retry your update")),
    (e.InventoryInUse(P, ("VCPU", "DISK_GB")), (f"Inventory for 'VCPU, DISK_GB' on resource provider '{P}' in use",)),
    (e.OneInventoryInUse(P, "VCPU"), (f"Inventory for 'VCPU' on resource provider '{P}' in use",)),
    (e.ProviderHasAllocations(P), (f"Unable to delete resource provider {P}: Resource provider has allocations.",)),
    (
        e.ProviderHasChildren(P),
        (f"Unable to delete parent resource provider {P}: It has child resource providers.",),
    ),
    (e.ResourceClassInUse("CUSTOM_A"), ("Class is in use in inventory", "CUSTOM_A")),
    (e.TraitInUse("CUSTOM_A"), ("The trait CUSTOM_A is in use by a resource provider.",)),
    (e.ProviderExists("uuid", P), (f"Conflicting resource provider uuid: {P} already exists",)),
    (e.ProviderExists("name", "shared disk"), ("Conflicting resource provider name: shared disk already exists",)),
    (e.InventoryExists(P, "VCPU"), ("Update conflict", "VCPU", P)),
    (e.ResourceClassExists("CUSTOM_A"), ("Conflicting resource class already exists", "CUSTOM_A")),
    (e.ResourceClassExists("CUSTOM_A", renaming=True), ("Resource class already exists", "CUSTOM_A")),
    (e.NoInventoryToAllocate(P, "VCPU"), (f"Inventory for 'VCPU' on resource provider '{P}' invalid",)),
    (
        e.AmountDoesNotFit(P, "VCPU", 5, Misfit.CAPACITY, Inventory(8, 2), 3),
        (
            f"Unable to create allocation for 'VCPU' on resource provider '{P}'.",
            "The requested amount would exceed the capacity.",
            "asked 5; capacity 6, used 3",
        ),
    ),
    (
        e.AmountDoesNotFit(P, "VCPU", 5, Misfit.UNITS, Inventory(8, min_unit=2, max_unit=4, step_size=2), 3),
        (
            "The requested amount would violate inventory constraints.",
            "asked 5; min_unit 2, max_unit 4, step_size 2",
        ),
    ),
    (e.NotPermitted("placement:usages"), ("Policy does not allow placement:usages to be performed.",)),
    (e.QueueFull(), ("Too many writes are waiting",)),
    (e.DeadlineExceeded(2.5), ("2.5 s", "Read the current state")),
]


MEANINGS = {value for value in vars(e).values() if isinstance(value, type) and value.__module__ == e.__name__}


@pytest.mark.parametrize(("error", "fragments"), SENTENCES, ids=lambda value: type(value).__name__)
def test_the_sentence_holds_what_clients_match(error: e.Refusal, fragments: tuple[str, ...]) -> None:
    for fragment in fragments:
        assert fragment in error.message
    assert str(error) == error.message
    assert error.args == (error.message,)


def test_every_meaning_is_in_the_table() -> None:
    assert {type(error) for error, _ in SENTENCES} == MEANINGS


def test_every_meaning_is_of_one_kind() -> None:
    kind_classes = {value for value in vars(kinds).values() if isinstance(value, type)} - {e.Refusal}
    for meaning in MEANINGS:
        assert len(kind_classes & set(meaning.__mro__)) == 1
