"""Ancestors, and what can be one subtree."""

from __future__ import annotations

from engine_fleets import Fleet

from ullage.engine.block import NO_KEY
from ullage.engine.lineage import Lineage, in_one_subtree
from ullage.engine.patch import Delta, patch
from ullage.engine.snapshot import Snapshot

A, B, C, D, E, X, Y = range(1, 8)


def lineage() -> Lineage:
    """a above b and c, d and e below b; and another tree, x above y."""
    fleet = Fleet().add("a").add("b", parent="a").add("c", parent="a").add("d", parent="b").add("e", parent="b")
    return Lineage(fleet.add("x").add("y", parent="x").snapshot())


def subtree(*choices: tuple[int, ...]) -> tuple[list[set[int]], set[int]]:
    """What is left of each slot's choices, and the tops."""
    kept, tops = in_one_subtree(lineage(), choices)
    return [set(some) for some in kept], set(tops)


def test_upwards_depth_and_common() -> None:
    found = lineage()
    assert list(found.upwards(D)) == [D, B, A]
    assert [found.depth(key) for key in (D, B, A, X)] == [2, 1, 0, 0]
    assert found.common(D, E) == B
    assert found.common(D, C) == A
    assert found.common(B, D) == found.common(D, B) == B
    assert found.common(D, D) == D
    assert found.common(D, Y) == found.common(A, X) == NO_KEY


def test_a_subtree_needs_a_choice_on_top_with_all_slots_below() -> None:
    assert subtree((B, C), (D, E)) == ([{B}, {D, E}], {B})


def test_the_top_may_be_chosen_for_any_slot_and_be_far_above() -> None:
    assert subtree((D, E), (A,)) == ([{D, E}, {A}], {A})


def test_one_provider_can_be_all_of_a_subtree() -> None:
    assert subtree((D, C), (D, E), (D,)) == ([{D}, {D}, {D}], {D})


def test_siblings_and_other_trees_are_no_subtree() -> None:
    assert subtree((D,), (E,)) == subtree((A, B), (X, Y)) == ([set(), set()], set())


def test_a_deep_tree_is_climbed_without_recursion() -> None:
    depth = 3000
    rows = [(key, f"p{key}", f"p{key}", 0, key - 1 or None, 1, 0) for key in range(1, depth + 1)]
    found = Lineage(patch(Snapshot.empty(), Delta(rows)))
    assert found.depth(depth) == depth - 1
    assert found.common(depth, 10) == 10
    assert in_one_subtree(found, [(depth,), (10, 2)])[1] == frozenset((2, 10))
