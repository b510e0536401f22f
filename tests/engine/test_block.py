"""Columns: capacity, and who stands where."""

from __future__ import annotations

import numpy as np
from engine_fleets import Fleet
from hypothesis import example, given
from hypothesis import strategies as st

from ullage.engine.block import BLOCK_SIZE, Block, capacities, put
from ullage.model.inventory import INTEGER_MAX, RATIO_MAX, Inventory

AMOUNTS = st.integers(0, INTEGER_MAX)


@given(AMOUNTS, AMOUNTS, st.floats(0, RATIO_MAX))
@example(INTEGER_MAX, 0, RATIO_MAX)
@example(0, INTEGER_MAX, RATIO_MAX)
@example(3, 0, 0.1)
@example(10, 0, 1.1)
@example(INTEGER_MAX, 1, 4194304.1)
def test_a_column_of_capacities_is_that_of_the_inventories(total: int, reserved: int, ratio: float) -> None:
    column = capacities(np.array([total], np.int64), np.array([reserved], np.int64), np.array([ratio]))
    assert int(column[0]) == Inventory(total, reserved, allocation_ratio=ratio).capacity


@given(st.sets(st.integers(0, BLOCK_SIZE - 1)), st.booleans())
def test_values_are_put_at_the_places_of_entries_whether_they_are_a_run_or_not(places: set[int], value: bool) -> None:
    mask = np.full(BLOCK_SIZE, not value)
    put(mask, np.array(sorted(places), np.int64) + (7 << 14), value)
    assert set(np.flatnonzero(mask == value).tolist()) == places


def block_of(*keys: int) -> Block:
    fleet = Fleet()
    for key in keys:
        fleet.add(f"p{key}", key=key)
    return fleet.snapshot().blocks[0]


def test_a_provider_is_found_by_its_place_in_a_run_and_among_gaps() -> None:
    for keys in ((3, 4, 5), (3, 5, 9)):
        block = block_of(*keys)
        assert [block.row(key) for key in keys] == [0, 1, 2]
        assert block.rows(np.array(keys[1:])).tolist() == [1, 2]
        assert [block.row(place) for place in (0, 2, 8, 10, BLOCK_SIZE - 1)] == [None] * 5


def test_an_empty_block_has_nobody() -> None:
    block = Block.empty(0)
    assert block.row(0) is None
    assert not block.present.any()


def test_the_strictest_unit_rules_of_a_class_are_known() -> None:
    fleet = Fleet()
    fleet.add("a", {"VCPU": Inventory(8, min_unit=2, max_unit=8)})
    fleet.add("b", {"VCPU": Inventory(8, max_unit=4, step_size=2)})
    stock = fleet.snapshot().blocks[0].stock
    assert stock.span(fleet.classes["VCPU"]) == (0, 2, 2, 4, 2)
    assert stock.span(99) is None
