"""Each constraint by itself: whom it keeps of a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engine_fleets import Fleet, wanted

from ullage.engine.asked import Demand, asked_aggregates, asked_demands, asked_traits, asked_tree
from ullage.engine.block import BLOCK_SIZE, Mask
from ullage.engine.constraints import (
    PER_PROVIDER,
    PER_ROOT,
    PER_SHARING,
    PER_TREE,
    avoids_aggregates,
    avoids_aggregates_and_root_does,
    has_room,
    has_room_for_sum,
    has_trait,
    is_in_tree,
    is_member_of,
    is_member_of_or_root_is,
    lacks_traits,
)
from ullage.engine.snapshot import Snapshot
from ullage.engine.trees import roots, roots_of, trees_of
from ullage.model.inventory import INTEGER_MAX, Inventory


def kept(snapshot: Snapshot, mask: Mask) -> set[str]:
    return set(snapshot.uuids(snapshot.keys(np.flatnonzero(mask))))


def mask_of(snapshot: Snapshot, *uuids: str) -> Mask:
    mask = snapshot.nobody()
    for uuid in uuids:
        key = snapshot.provider_keys.get(uuid)
        position = None if key is None else snapshot.position(key)
        assert position is not None
        mask.reshape(-1)[position] = True
    return mask


@pytest.fixture
def fleet() -> Fleet:
    """Two trees, of which one reaches over three blocks, and a provider by itself."""
    fleet = Fleet()
    fleet.add("cn1", traits=["T"], aggregates=["x"])
    fleet.add("numa1", parent="cn1", traits=["T", "U"], aggregates=["y"], key=BLOCK_SIZE + 1)
    fleet.add("gpu1", parent="numa1", traits=["V"], key=7 * BLOCK_SIZE)
    fleet.add("cn2", aggregates=["y"], key=2)
    fleet.add("numa2", parent="cn2", traits=["U"], aggregates=["x", "y"], key=3)
    fleet.add("lone", traits=["V"], key=4)
    return fleet


def test_is_in_tree(fleet: Fleet) -> None:
    snapshot = fleet.snapshot()
    everybody = snapshot.everybody()
    for member in ("cn1", "numa1", "gpu1"):
        (tree,) = asked_tree(snapshot, member)
        assert kept(snapshot, is_in_tree(snapshot, tree, everybody)) == {"cn1", "numa1", "gpu1"}
    (nowhere,) = asked_tree(snapshot, "nowhere")
    assert not is_in_tree(snapshot, nowhere, everybody).any()


def test_traits(fleet: Fleet) -> None:
    snapshot = fleet.snapshot()
    everybody = snapshot.everybody()
    asked = asked_traits(snapshot, wanted("T", ("U", "V"), forbidden=["T", "V"]))
    assert kept(snapshot, has_trait(snapshot, asked.required[0], everybody)) == {"cn1", "numa1"}
    assert kept(snapshot, has_trait(snapshot, asked.required[1], everybody)) == {"numa1", "gpu1", "numa2", "lone"}
    assert kept(snapshot, lacks_traits(snapshot, asked.forbidden[0], everybody)) == {"cn2", "numa2"}


def test_aggregates_of_the_provider_itself(fleet: Fleet) -> None:
    snapshot = fleet.snapshot()
    everybody = snapshot.everybody()
    asked = asked_aggregates(snapshot, wanted("x", ("x", "y"), "unknown", forbidden=["x", "unknown"]))
    assert kept(snapshot, is_member_of(snapshot, asked.required[0], everybody)) == {"cn1", "numa2"}
    assert kept(snapshot, is_member_of(snapshot, asked.required[1], everybody)) == {"cn1", "numa1", "cn2", "numa2"}
    assert not is_member_of(snapshot, asked.required[2], everybody).any()
    assert kept(snapshot, avoids_aggregates(snapshot, asked.forbidden[0], everybody)) == {
        "numa1",
        "gpu1",
        "cn2",
        "lone",
    }


def test_aggregates_of_the_provider_or_its_root(fleet: Fleet) -> None:
    snapshot = fleet.snapshot()
    everybody = snapshot.everybody()
    asked = asked_aggregates(snapshot, wanted("x", "y", forbidden=["x"]))
    either = is_member_of_or_root_is(snapshot, asked.required[:1], everybody)
    assert kept(snapshot, either) == {"cn1", "numa1", "gpu1", "numa2"}
    both = is_member_of_or_root_is(snapshot, asked.required, everybody)
    assert kept(snapshot, both) == {"numa2"}, "the provider or the root must be in all, not each in some"
    outside = avoids_aggregates_and_root_does(snapshot, asked.forbidden[0], everybody)
    assert kept(snapshot, outside) == {"cn2", "lone"}


def test_the_roots_aggregates_count_even_if_the_root_is_out_of_the_question(fleet: Fleet) -> None:
    snapshot = fleet.snapshot()
    asked = asked_aggregates(snapshot, wanted("x", forbidden=["x"]))
    gpu = mask_of(snapshot, "gpu1")
    assert kept(snapshot, is_member_of_or_root_is(snapshot, asked.required, gpu)) == {"gpu1"}
    assert not avoids_aggregates_and_root_does(snapshot, asked.forbidden[0], gpu).any()


@pytest.mark.parametrize(
    ("inventory", "used", "fitting"),
    [
        (Inventory(4), 0, {1, 2, 3, 4}),
        (Inventory(4), 2, {1, 2}),
        (Inventory(4), 9, set()),
        (Inventory(4, reserved=1), 0, {1, 2, 3}),
        (Inventory(4, allocation_ratio=1.5), 0, {1, 2, 3, 4, 5, 6}),
        (Inventory(3, allocation_ratio=0.5), 0, {1}),
        (Inventory(4, min_unit=3), 0, {3, 4}),
        (Inventory(4, max_unit=2), 0, {1, 2}),
        (Inventory(6, step_size=2), 0, {2, 4, 6}),
        (Inventory(2, 2), 0, set()),
        (Inventory(4, min_unit=3, max_unit=2), 0, set()),
    ],
)
def test_has_room(inventory: Inventory, used: int, fitting: set[int]) -> None:
    fleet = Fleet().add("lenient", {"A": Inventory(9)}).add("judged", {"A": (inventory, used)}).add("other", {"B": 9})
    snapshot = fleet.snapshot()
    for amount in range(1, 9):
        (demand,) = asked_demands(snapshot, {"A": amount})
        found = kept(snapshot, has_room(snapshot, demand, snapshot.everybody()))
        assert found == {"lenient", *(["judged"] if amount in fitting else [])}, amount


def test_room_for_a_sum_asks_neither_for_steps_nor_for_the_least_unit() -> None:
    fleet = Fleet()
    fleet.add("steps", {"A": (Inventory(9, min_unit=8, step_size=8), 1)}).add("small", {"A": Inventory(9, max_unit=3)})
    snapshot = fleet.snapshot()
    found = [
        kept(snapshot, has_room_for_sum(snapshot, Demand(fleet.classes["A"], "A", n), snapshot.everybody()))
        for n in (3, 4, 8, 9)
    ]
    assert found == [{"steps", "small"}, {"steps"}, {"steps"}, set()]


@pytest.mark.parametrize("amount", [INTEGER_MAX, INTEGER_MAX + 1, 2**63, 2**200, 0, -1])
def test_any_amount_can_be_asked(amount: int) -> None:
    snapshot = Fleet().add("cn", {"A": Inventory(INTEGER_MAX, step_size=1, allocation_ratio=1e30)}).snapshot()
    (demand,) = asked_demands(snapshot, {"A": amount})
    assert has_room(snapshot, demand, snapshot.everybody()).any() == (amount == INTEGER_MAX)


def test_no_constraint_edits_the_mask_it_is_given_or_adds_to_it(fleet: Fleet) -> None:
    snapshot = fleet.change("cn1", offers={"A": 4}).snapshot()
    demands = asked_demands(snapshot, {"A": 1})
    traits = asked_traits(snapshot, wanted("T", forbidden=["V"]))
    aggregates = asked_aggregates(snapshot, wanted("x", forbidden=["y"]))
    parts: dict[Callable[..., Mask], Any] = {
        is_in_tree: asked_tree(snapshot, "cn1")[0],
        is_member_of: aggregates.required[0],
        avoids_aggregates: aggregates.forbidden[0],
        is_member_of_or_root_is: aggregates.required,
        avoids_aggregates_and_root_does: aggregates.forbidden[0],
        has_trait: traits.required[0],
        lacks_traits: traits.forbidden[0],
        has_room: demands[0],
    }
    per_group = (*PER_PROVIDER, *PER_TREE, *PER_SHARING)
    listed = {one.narrow for one in per_group} | {one.narrow for one in PER_ROOT}
    assert listed == parts.keys()
    for narrow, part in parts.items():
        for mask in (snapshot.everybody(), mask_of(snapshot, "cn1", "lone"), snapshot.nobody()):
            before = mask.copy()
            result = narrow(snapshot, part, mask)
            assert np.array_equal(mask, before)
            assert not (result & ~mask).any()


def test_from_providers_to_roots_and_back(fleet: Fleet) -> None:
    snapshot = fleet.snapshot()
    assert kept(snapshot, roots(snapshot)) == {"cn1", "cn2", "lone"}
    assert kept(snapshot, roots_of(snapshot, mask_of(snapshot, "gpu1", "lone"))) == {"cn1", "lone"}
    assert kept(snapshot, trees_of(snapshot, mask_of(snapshot, "cn1", "lone"))) == {"cn1", "numa1", "gpu1", "lone"}
    assert kept(snapshot, trees_of(snapshot, mask_of(snapshot, "numa2"))) == set(), "only roots speak for a tree"


def test_a_world_without_providers_has_nobody() -> None:
    snapshot = Snapshot.empty()
    assert not roots(snapshot).any()
    assert not roots_of(snapshot, snapshot.nobody()).any()
    assert snapshot.positions(np.array([1, 2])).tolist() == [-1, -1]
