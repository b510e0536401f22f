"""Claims: law 1, generations (row 74), consumers that come, move, change hands and go."""

from __future__ import annotations

import pytest

from ledger.memory import MemoryWorld
from ledger.scenes import add_host, claim, generation, refusal, replace, used, uuid_of, world_with
from ullage.model.commands import ReleaseConsumer, SetInventories, UpdateInventory
from ullage.model.errors import (
    AllocationsMissing,
    AmountDoesNotFit,
    ConsumerGenerationConflict,
    NoInventoryToAllocate,
    UnknownProvider,
    UnknownResourceClass,
)
from ullage.model.inventory import Inventory, Misfit


def test_a_claim_takes_from_the_inventory_and_makes_the_consumer() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 3}}, consumer_type="INSTANCE")))
    assert used(world, "a", "VCPU") == 3
    consumer = world.consumers[uuid_of("c")]
    assert (consumer.generation, consumer.project, consumer.user, consumer.consumer_type) == (
        1,
        "project",
        "user",
        "INSTANCE",
    )
    assert world.holdings[uuid_of("c")] == {(uuid_of("a"), "VCPU"): 3}


def test_the_last_unit_can_be_claimed_once() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 3}})))
    no = refusal(world.ask(replace(claim("d", {"a": {"VCPU": 2}}))))
    assert isinstance(no, AmountDoesNotFit)
    assert (no.misfit, no.amount, no.used, no.inventory.capacity) == (Misfit.CAPACITY, 2, 3, 4)
    assert uuid_of("d") not in world.consumers
    world.do(replace(claim("d", {"a": {"VCPU": 1}})))
    assert used(world, "a", "VCPU") == 4


def test_capacity_is_what_is_left_after_reserved_times_the_ratio_rounded_down() -> None:
    world = world_with(a={"VCPU": Inventory(5, reserved=2, allocation_ratio=1.5)})
    assert isinstance(world.ask(replace(claim("c", {"a": {"VCPU": 5}}))), AmountDoesNotFit)
    world.do(replace(claim("c", {"a": {"VCPU": 4}})))


def test_the_sum_over_all_claims_of_a_request_must_fit() -> None:
    world = world_with(a={"VCPU": 4})
    no = refusal(world.ask(replace(claim("c", {"a": {"VCPU": 2}}), claim("d", {"a": {"VCPU": 3}}))))
    assert isinstance(no, AmountDoesNotFit)
    assert no.amount == 5
    assert not world.consumers
    assert used(world, "a", "VCPU") == 0
    assert generation(world, "a") == 1
    world.do(replace(claim("c", {"a": {"VCPU": 2}}), claim("d", {"a": {"VCPU": 2}})))


def test_what_one_consumer_releases_another_may_take_in_the_same_request() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 4}})))
    world.do(replace(claim("d", {"a": {"VCPU": 4}}), claim("c", {})))
    assert used(world, "a", "VCPU") == 4
    assert set(world.consumers) == {uuid_of("d")}


def over_capacity() -> MemoryWorld:
    """A host with 8 used of 4: its inventory shrank below the use."""
    world = world_with(a={"VCPU": 8}, b={"VCPU": 8})
    world.do(replace(claim("c", {"a": {"VCPU": 5}}), claim("d", {"a": {"VCPU": 3}})))
    world.do(SetInventories(uuid_of("a"), generation(world, "a"), {"VCPU": Inventory(4)}))
    return world


@pytest.mark.parametrize("amount", [5, 4, 1])
def test_over_capacity_a_claim_that_makes_it_no_worse_is_accepted(amount: int) -> None:
    world = over_capacity()
    world.do(replace(claim("c", {"a": {"VCPU": amount}})))
    assert used(world, "a", "VCPU") == 3 + amount


def test_over_capacity_a_claim_that_makes_it_worse_is_refused() -> None:
    world = over_capacity()
    no = refusal(world.ask(replace(claim("c", {"a": {"VCPU": 6}}))))
    assert isinstance(no, AmountDoesNotFit)
    assert (no.amount, no.used, no.inventory.capacity) == (6, 3, 4)
    assert isinstance(world.ask(replace(claim("e", {"a": {"VCPU": 1}}))), AmountDoesNotFit)
    assert used(world, "a", "VCPU") == 8


def test_over_capacity_no_worse_is_judged_on_the_sum_of_the_request() -> None:
    world = over_capacity()
    worse = replace(claim("c", {"a": {"VCPU": 4}}), claim("d", {"a": {"VCPU": 5}}))
    assert isinstance(world.ask(worse), AmountDoesNotFit)
    world.do(replace(claim("c", {"a": {"VCPU": 4}}), claim("d", {"a": {"VCPU": 4}})))


@pytest.mark.parametrize("amount", [1, 10, 3])
def test_an_amount_must_keep_to_min_unit_max_unit_and_step_size(amount: int) -> None:
    world = world_with(a={"VCPU": Inventory(100, min_unit=2, max_unit=8, step_size=2)})
    no = refusal(world.ask(replace(claim("c", {"a": {"VCPU": amount}}))))
    assert isinstance(no, AmountDoesNotFit)
    assert no.misfit is Misfit.UNITS


def test_units_are_judged_on_an_unchanged_row_too() -> None:
    world = world_with(a={"VCPU": 10, "DISK_GB": 10})
    world.do(replace(claim("c", {"a": {"VCPU": 3}})))
    world.do(UpdateInventory(uuid_of("a"), "VCPU", generation(world, "a"), Inventory(10, max_unit=2)))
    no = refusal(world.ask(replace(claim("c", {"a": {"VCPU": 3, "DISK_GB": 1}}))))
    assert isinstance(no, AmountDoesNotFit)
    assert no.misfit is Misfit.UNITS


def test_unknown_names_and_classes_not_offered_are_told_apart() -> None:
    world = world_with(a={"VCPU": 4})
    assert isinstance(world.ask(replace(claim("c", {"z": {"VCPU": 1}}))), UnknownProvider)
    assert isinstance(world.ask(replace(claim("c", {"a": {"CUSTOM_NONE": 1}}))), UnknownResourceClass)
    assert isinstance(world.ask(replace(claim("c", {"a": {"DISK_GB": 1}}))), NoInventoryToAllocate)
    assert not world.consumers


def test_an_expected_generation_must_be_the_one_that_is() -> None:
    world = world_with(a={"VCPU": 4})
    new = refusal(world.ask(replace(claim("c", {"a": {"VCPU": 1}}, generation=1))))
    assert isinstance(new, ConsumerGenerationConflict)
    assert (new.expected, new.given) == (None, 1)
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, generation=None)))
    again = refusal(world.ask(replace(claim("c", {"a": {"VCPU": 1}}, generation=None))))
    assert isinstance(again, ConsumerGenerationConflict)
    assert (again.expected, again.given) == (1, None)
    world.do(replace(claim("c", {"a": {"VCPU": 2}}, generation=1)))
    assert world.consumers[uuid_of("c")].generation == 2


def test_a_refused_first_claim_leaves_no_consumer_so_null_is_right_again() -> None:
    world = world_with(a={"VCPU": 4})
    refusal(world.ask(replace(claim("c", {"a": {"VCPU": 9}}, generation=None))))
    refusal(world.ask(replace(claim("c", {"z": {"VCPU": 1}}, generation=None))))
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, generation=None)))
    assert world.consumers[uuid_of("c")].generation == 1


def test_an_empty_claim_of_an_unknown_consumer_leaves_nothing() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {}, generation=None)))
    assert not world.consumers
    assert not world.holdings
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, generation=None)))


@pytest.mark.parametrize("nothing", [{}, {"a": {}}])
def test_an_empty_claim_releases_everything_and_the_consumer_goes(nothing: dict[str, dict[str, int]]) -> None:
    world = world_with(a={"VCPU": 4}, b={"DISK_GB": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}, "b": {"DISK_GB": 2}})))
    world.do(replace(claim("c", nothing, generation=1)))
    assert (used(world, "a", "VCPU"), used(world, "b", "DISK_GB")) == (0, 0)
    assert not world.consumers
    assert not world.holdings
    assert (generation(world, "a"), generation(world, "b")) == (3, 3)
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, generation=None)))
    assert world.consumers[uuid_of("c")].generation == 1


def test_a_claim_replaces_all_that_a_consumer_holds() -> None:
    world = world_with(a={"VCPU": 4, "DISK_GB": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1, "DISK_GB": 2}})))
    world.do(replace(claim("c", {"a": {"DISK_GB": 3}})))
    assert (used(world, "a", "VCPU"), used(world, "a", "DISK_GB")) == (0, 3)
    assert world.holdings[uuid_of("c")] == {(uuid_of("a"), "DISK_GB"): 3}


def test_a_provider_is_raised_once_per_request_for_all_that_is_claimed_on_it() -> None:
    world = world_with(a={"VCPU": 4, "DISK_GB": 4}, b={"VCPU": 4})
    both = replace(claim("c", {"a": {"VCPU": 1, "DISK_GB": 1}}), claim("d", {"a": {"VCPU": 1}, "b": {"VCPU": 1}}))
    world.do(both)
    assert (generation(world, "a"), generation(world, "b")) == (2, 2)
    world.do(both)
    assert (generation(world, "a"), generation(world, "b")) == (3, 3)


def test_a_provider_that_a_consumer_moved_away_from_is_not_raised() -> None:
    world = world_with(a={"VCPU": 4}, b={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}})))
    world.do(replace(claim("c", {"b": {"VCPU": 1}})))
    assert (generation(world, "a"), generation(world, "b")) == (2, 2)
    assert (used(world, "a", "VCPU"), used(world, "b", "VCPU")) == (0, 1)


def test_a_rewrite_with_other_owner_and_type_moves_the_consumer_to_them() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, consumer_type="INSTANCE")))
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, project="p2", user="u2", consumer_type="MIGRATION")))
    consumer = world.consumers[uuid_of("c")]
    assert (consumer.project, consumer.user, consumer.consumer_type) == ("p2", "u2", "MIGRATION")
    world.do(replace(claim("c", {"a": {"VCPU": 1}}, project="p2", user="u2")))
    assert world.consumers[uuid_of("c")].consumer_type == "MIGRATION"
    assert world.consumers[uuid_of("c")].generation == 3


def test_of_two_claims_of_one_consumer_the_last_counts() -> None:
    world = world_with(a={"VCPU": 4}, b={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 9}}), claim("c", {"b": {"VCPU": 1}})))
    assert (used(world, "a", "VCPU"), used(world, "b", "VCPU")) == (0, 1)
    assert world.consumers[uuid_of("c")].generation == 1


def test_release_takes_everything_back_and_raises_no_generation() -> None:
    world = world_with(a={"VCPU": 4}, b={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}, "b": {"VCPU": 2}})))
    world.do(ReleaseConsumer(uuid_of("c")))
    assert (used(world, "a", "VCPU"), used(world, "b", "VCPU")) == (0, 0)
    assert (generation(world, "a"), generation(world, "b")) == (2, 2)
    assert not world.consumers
    assert not world.holdings


def test_release_of_a_consumer_that_holds_nothing_is_refused() -> None:
    world = world_with(a={"VCPU": 4})
    assert isinstance(world.ask(ReleaseConsumer(uuid_of("c"))), AllocationsMissing)
    world.do(replace(claim("c", {"a": {"VCPU": 1}})))
    assert [type(answer) for answer in world.run(ReleaseConsumer(uuid_of("c")), ReleaseConsumer(uuid_of("c")))] == [
        type(None),
        AllocationsMissing,
    ]


def test_commands_of_one_batch_see_one_another() -> None:
    world = world_with(a={"VCPU": 5})
    answers = world.run(*(replace(claim(f"c{number}", {"a": {"VCPU": 1}}, generation=None)) for number in range(24)))
    assert [answer for answer in answers if answer is None] == [None] * 5
    assert all(isinstance(answer, AmountDoesNotFit) for answer in answers if answer is not None)
    assert used(world, "a", "VCPU") == 5
    assert generation(world, "a") == 6


def test_a_claim_works_on_a_child_provider() -> None:
    world = world_with(a={"VCPU": 4})
    add_host(world, "n", {"VCPU": 2}, parent="a")
    world.do(replace(claim("c", {"n": {"VCPU": 2}})))
    assert (used(world, "a", "VCPU"), used(world, "n", "VCPU")) == (0, 2)
