"""Which anchors come to the same, because the same sharing providers serve them."""

from __future__ import annotations

import numpy as np
from engine_fleets import Fleet
from hypothesis import given, settings
from hypothesis import strategies as st

from ullage.engine.block import BLOCK_SIZE
from ullage.engine.repetition import first_of_each_kind

AGGREGATES = ("a", "b", "c", "d")
TREES = st.lists(st.lists(st.frozensets(st.sampled_from(AGGREGATES)), min_size=1, max_size=3), min_size=1, max_size=8)
"""For every tree, the aggregates of each of its members; the first is the root."""


@given(TREES, st.frozensets(st.sampled_from(AGGREGATES[:3]), min_size=1))
@settings(deadline=None)
def test_of_trees_with_members_in_the_same_aggregates_the_first_stands_for_all(
    trees: list[list[frozenset[str]]], relevant: frozenset[str]
) -> None:
    fleet = Fleet(aggregates={name: 10 * number for number, name in enumerate(AGGREGATES, 1)})
    for number, members in enumerate(trees):
        for place, aggregates in enumerate(members):
            parent = f"t{number}" if place else None
            key = 1 + number + place * (BLOCK_SIZE + 50)
            fleet.add(f"t{number}" + f"c{place}" * bool(place), parent=parent, aggregates=aggregates, key=key)
    snapshot = fleet.snapshot()
    roots = np.arange(1, len(trees) + 1)
    kinds = [frozenset[str]().union(*members) & relevant for members in trees]
    expected = [1 + number for number, kind in enumerate(kinds) if kind not in kinds[:number]]
    keys = [fleet.aggregates[name] for name in relevant]
    assert first_of_each_kind(snapshot, roots, keys).tolist() == expected
