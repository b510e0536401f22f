"""The only capacity arithmetic of the project."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ullage.model.inventory import INTEGER_MAX, RATIO_MAX, Inventory, Misfit

amounts = st.integers(0, 40)
inventories = st.builds(
    Inventory,
    total=st.integers(1, 40),
    reserved=st.integers(0, 40),
    min_unit=st.integers(1, 5),
    max_unit=st.integers(1, 40),
    step_size=st.integers(1, 4),
    allocation_ratio=st.sampled_from((0.0, 0.5, 0.7, 1.0, 1.1, 16.0)),
)


@pytest.mark.parametrize(
    ("inventory", "capacity"),
    [
        (Inventory(8), 8),
        (Inventory(8, reserved=3), 5),
        (Inventory(8, reserved=3, allocation_ratio=1.5), 7),
        (Inventory(10, allocation_ratio=0.7), 7),
        (Inventory(3, reserved=5), -2),
        (Inventory(3, reserved=4, allocation_ratio=0.5), -1),
        (Inventory(3, allocation_ratio=0.0), 0),
        (Inventory(INTEGER_MAX, allocation_ratio=16.0), INTEGER_MAX * 16),
    ],
)
def test_capacity_is_the_unreserved_part_times_the_ratio_rounded_down(inventory: Inventory, capacity: int) -> None:
    assert inventory.capacity == capacity


def test_the_largest_ratio_gives_a_capacity() -> None:
    assert Inventory(INTEGER_MAX, allocation_ratio=RATIO_MAX).capacity > INTEGER_MAX


def test_an_amount_keeps_to_the_units() -> None:
    inventory = Inventory(100, min_unit=2, max_unit=6, step_size=2)
    assert [amount for amount in range(9) if inventory.admits_amount(amount)] == [2, 4, 6]


def test_more_at_least_than_at_most_admits_nothing() -> None:
    assert not any(Inventory(100, min_unit=5, max_unit=4).admits_amount(amount) for amount in range(100))


@given(inventories, amounts, amounts)
def test_a_total_is_admitted_within_capacity_or_when_it_gets_no_worse(
    inventory: Inventory, before: int, after: int
) -> None:
    assert inventory.admits_total(before, after) == (after <= max(inventory.capacity, before))


@given(inventories, amounts, amounts)
def test_a_misfit_says_which_rule_forbids_an_amount(inventory: Inventory, used: int, amount: int) -> None:
    misfit = inventory.why_unfit(used, amount)
    if misfit is Misfit.UNITS:
        assert not inventory.admits_amount(amount)
    elif misfit is Misfit.CAPACITY:
        assert inventory.admits_amount(amount)
        assert used + amount > inventory.capacity
    else:
        assert inventory.admits_amount(amount)
        assert used + amount <= inventory.capacity
