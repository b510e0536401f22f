"""A snapshot built from portions is the one that a patch makes, and the builder keeps no rows."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from engine_fleets import Fleet
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import contents

from ullage.engine.block import BLOCK_SIZE
from ullage.engine.builder import SnapshotBuilder
from ullage.engine.patch import Delta, patch
from ullage.engine.snapshot import Snapshot
from ullage.model.inventory import Inventory


def a_fleet() -> Fleet:
    """Trees, gaps between keys, several blocks, and a child whose key is lower than its root's."""
    fleet = Fleet().add("late", {"A": 4}, key=BLOCK_SIZE + 7, traits=["T"], aggregates=["x"])
    fleet.add("early", {"A": (Inventory(9, 1, allocation_ratio=1.5), 2)}, parent="late", key=3, aggregates=["y", "x"])
    fleet.add("alone", {"B": 2, "A": 1}, key=5, traits=["U", "T"]).change("alone", updated_us=9, generation=4)
    return fleet.add("far", key=4 * BLOCK_SIZE)


def built(delta: Delta, portions_of: Callable[[Sequence[Any]], Sequence[Sequence[Any]]]) -> Snapshot:
    builder = SnapshotBuilder()
    builder.add_names(delta.class_names, delta.trait_names)
    builder.add_names(aggregate_uuids=delta.aggregate_uuids)
    for add, rows in (
        (builder.add_aggregates, delta.aggregates),
        (builder.add_inventories, delta.inventories),
        (builder.add_providers, delta.providers),
        (builder.add_traits, delta.traits),
    ):
        for portion in portions_of(rows):
            add(portion)
    return builder.finish()


@given(st.integers(1, 3), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_portions_of_any_size_in_any_order_make_the_snapshot_that_patches_make(size: int, seed: int) -> None:
    fleet = a_fleet()
    patched = Snapshot.empty()
    for name in fleet.members:
        patched = patch(patched, fleet.delta(name))

    def portions_of(rows: Sequence[Any]) -> Sequence[Sequence[Any]]:
        shuffled = random.Random(seed).sample(rows, len(rows))
        return [shuffled[start : start + size] for start in range(0, len(rows), size)]

    assert contents(built(fleet.delta(), portions_of)) == contents(patched)


def test_a_builder_of_nothing_gives_the_empty_snapshot() -> None:
    assert contents(SnapshotBuilder().finish()) == contents(Snapshot.empty())


@pytest.mark.parametrize("kind", ["add_traits", "add_aggregates"])
def test_what_is_said_of_an_unknown_provider_is_an_error(kind: str) -> None:
    builder = SnapshotBuilder()
    builder.add_providers([(1, "a", "a", 0, None, 1, 0)])
    getattr(builder, kind)([(2, 1)])
    with pytest.raises(ValueError, match="not there"):
        builder.finish()


def test_a_builder_keeps_no_rows() -> None:
    builder = SnapshotBuilder()
    row = (1, "a", "a", 0, None, 1, 0)
    stock = (1, 1, 4, 0, 1, 4, 1, 1.0, 0)
    before = sys.getrefcount(row), sys.getrefcount(stock)
    builder.add_providers([row])
    builder.add_inventories([stock])
    assert (sys.getrefcount(row), sys.getrefcount(stock)) == before
