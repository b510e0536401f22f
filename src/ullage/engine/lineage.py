"""Ancestors of providers, for groups that must be in one subtree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ullage.engine.block import NO_KEY
from ullage.engine.snapshot import Snapshot


class Lineage:
    """Parents and depths of providers, remembered for one search."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._parents: dict[int, int] = {}
        self._depths: dict[int, int] = {NO_KEY: -1}
        self.steps = 0
        """How many parents were visited: trees may be deep, and this work has a bound too."""

    def parent(self, key: int) -> int:
        """The parent's key; NO_KEY above a root."""
        self.steps += 1
        parent = self._parents.get(key)
        if parent is None:
            parent = self._parents[key] = self._snapshot.parent_key(key)
        return parent

    def upwards(self, key: int) -> Iterator[int]:
        """A provider, its parent, and so on up to its root."""
        while key != NO_KEY:
            yield key
            key = self.parent(key)

    def depth(self, key: int) -> int:
        """0 for a root."""
        path = []
        while key not in self._depths:
            path.append(key)
            key = self.parent(key)
        depth = self._depths[key]
        for below in reversed(path):
            depth += 1
            self._depths[below] = depth
        return depth

    def common(self, one: int, other: int) -> int:
        """The lowest provider that is an ancestor of both, or one of them; NO_KEY if they are of different trees."""
        one_depth, other_depth = self.depth(one), self.depth(other)
        while one != other:
            if one_depth >= other_depth:
                one, one_depth = self.parent(one), one_depth - 1
            else:
                other, other_depth = self.parent(other), other_depth - 1
        return one


def in_one_subtree(
    lineage: Lineage, choices: Sequence[tuple[int, ...]]
) -> tuple[tuple[tuple[int, ...], ...], frozenset[int]]:
    """Which choices of some slots can be part of one subtree with a chosen provider on top, and which can be that top.

    Each top is a choice of some slot and has choices of every slot at or below it. No top: nothing fits.
    """
    covers = []
    for some in choices:
        cover: set[int] = set()
        for key in some:
            for node in lineage.upwards(key):
                if node in cover:
                    break
                cover.add(node)
        covers.append(cover)
    tops = frozenset(set.intersection(*covers).intersection(*[frozenset[int]().union(*choices)]))
    below: dict[int, bool] = {NO_KEY: False}
    return tuple(tuple(key for key in some if _is_below(lineage, tops, below, key)) for some in choices), tops


def _is_below(lineage: Lineage, tops: frozenset[int], known: dict[int, bool], key: int) -> bool:
    path = []
    while key not in known and key not in tops:
        path.append(key)
        key = lineage.parent(key)
    answer = key in tops or known[key]
    for node in path:
        known[node] = answer
    return answer
