"""The background of candidates: what the providers concerned have and what is used of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

import numpy as np

from ullage.engine.block import NO_KEY, PLACE_BITS, PLACE_MASK, Block, Integers, entries_of
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import ProviderSummary, ResourceSummary

INTEGERS_MAX = float(2**62)


def summaries(snapshot: Snapshot, giving: Collection[int], whole_trees: bool) -> dict[str, ProviderSummary]:
    """By uuid the providers of some keys, or of all their trees, in the order of keys."""
    concerned: Iterable[int] = giving
    if whole_trees and len(snapshot.descendants):
        roots = {snapshot.root_key(key) for key in giving}
        concerned = chain.from_iterable(map(snapshot.tree, roots))
    keys = np.array(sorted(concerned), np.int64)
    writer = _Writer(snapshot)
    numbers = keys >> PLACE_BITS
    result: dict[str, ProviderSummary] = {}
    for number in np.unique(numbers).tolist():
        block = snapshot.block(number)
        if block is None:
            raise LookupError(f"the snapshot has no block {number}")
        for summary in writer.block(block, keys[numbers == number]):
            result[summary.uuid] = summary
    return result


class _Writer:
    """Remembers what many providers have in common, so that it is made once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._traits: dict[tuple[int, ...], tuple[str, ...]] = {}
        self._classes: dict[tuple[int, ...], tuple[str, ...]] = {}
        self._resources: dict[tuple[int, int], ResourceSummary] = {}

    def block(self, block: Block, keys: Integers) -> Iterator[ProviderSummary]:
        places = keys & PLACE_MASK
        rows = block.rows(places)
        classes = block.classes[rows].tolist()
        amounts = self._amounts(block, places, classes)
        for key, uuid, parent, root, offered, traits in zip(
            keys.tolist(),
            block.uuids[rows].tolist(),
            block.parents[rows].tolist(),
            block.roots[rows].tolist(),
            classes,
            block.traits[rows].tolist(),
            strict=True,
        ):
            yield ProviderSummary(
                uuid,
                None if parent == NO_KEY else self._snapshot.uuid(parent),
                uuid if root == key else self._snapshot.uuid(root),
                dict(zip(self._class_names(offered), amounts, strict=False)),
                self._trait_names(traits),
            )

    def _amounts(self, block: Block, places: Integers, classes: list[tuple[int, ...]]) -> Iterator[ResourceSummary]:
        """Capacity and use, provider by provider, in the order of their classes."""
        counts = np.fromiter(map(len, classes), np.int64, len(classes))
        labels = np.fromiter(chain.from_iterable(classes), np.int64, int(counts.sum()))
        at = block.stock.entries.searchsorted(entries_of(labels, np.repeat(places, counts)))
        used = block.stock.used[at].tolist()
        for pair in zip(_whole(block.stock.capacity[at]), used, strict=True):
            known = self._resources.get(pair)
            if known is None:
                known = self._resources[pair] = ResourceSummary(*pair)
            yield known

    def _class_names(self, keys: tuple[int, ...]) -> tuple[str, ...]:
        names = self._classes.get(keys)
        if names is None:
            names = self._classes[keys] = tuple(str(self._snapshot.class_names.get(key)) for key in keys)
        return names

    def _trait_names(self, keys: tuple[int, ...]) -> tuple[str, ...]:
        names = self._traits.get(keys)
        if names is None:
            names = self._traits[keys] = tuple(sorted(str(self._snapshot.trait_names.get(key)) for key in keys))
        return names


def _whole(capacity: np.typing.NDArray[np.float64]) -> list[int]:
    if len(capacity) and float(np.abs(capacity).max()) > INTEGERS_MAX:
        return [int(value) for value in capacity.tolist()]
    return capacity.astype(np.int64).tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any
