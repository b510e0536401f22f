"""The background of candidates: what the providers concerned have and what is used of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain, repeat

import numpy as np

from ullage.engine.block import NO_KEY, PLACE_BITS, PLACE_MASK, Block, Floats, Integers, entries_of
from ullage.engine.persistent import ShardedMap
from ullage.engine.snapshot import Snapshot, Uuids
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
        result |= writer.block(snapshot.existing_block(number), keys[numbers == number])
    return result


class _Resources(dict[tuple[int, int], ResourceSummary]):
    """What many inventories have in common is made once."""

    def __missing__(self, pair: tuple[int, int]) -> ResourceSummary:
        made = self[pair] = ResourceSummary(*pair)
        return made


class _Names(dict[tuple[int, ...], tuple[str, ...]]):
    """The names of some keys, looked up once."""

    def __init__(self, names: ShardedMap[int, str]) -> None:
        self._names = names

    def __missing__(self, keys: tuple[int, ...]) -> tuple[str, ...]:
        made = self[keys] = tuple(str(self._names.get(key)) for key in keys)
        return made


class _SortedNames(_Names):
    def __missing__(self, keys: tuple[int, ...]) -> tuple[str, ...]:
        made = self[keys] = tuple(sorted(super().__missing__(keys)))
        return made


class _Writer:
    """Writes summaries, a block's at a time."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._uuids = Uuids(snapshot)
        self._class_names = _Names(snapshot.class_names)
        self._trait_names = _SortedNames(snapshot.trait_names)
        self._resources = _Resources()

    def block(self, block: Block, keys: Integers) -> dict[str, ProviderSummary]:
        places = keys & PLACE_MASK
        rows = block.rows(places)
        uuids = block.uuids[rows].tolist()
        parents, roots = block.parents[rows], block.roots[rows]
        return dict(
            zip(
                uuids,
                map(
                    ProviderSummary,
                    uuids,
                    map(self._parent_uuid, parents.tolist()) if parents.max() != NO_KEY else repeat(None),
                    map(self._uuids.__getitem__, roots.tolist()) if (roots != keys).any() else uuids,
                    self._offers(block, places, block.classes[rows].tolist()),
                    map(self._trait_names.__getitem__, block.traits[rows].tolist()),
                ),
                strict=True,
            )
        )

    def _parent_uuid(self, key: int) -> str | None:
        return None if key == NO_KEY else self._uuids[key]

    def _offers(
        self, block: Block, places: Integers, classes: list[tuple[int, ...]]
    ) -> Iterator[dict[str, ResourceSummary]]:
        """Capacity and use by class, provider by provider."""
        counts = np.fromiter(map(len, classes), np.int64, len(classes))
        labels = np.fromiter(chain.from_iterable(classes), np.int64, int(counts.sum()))
        at = block.stock.entries.searchsorted(entries_of(labels, np.repeat(places, counts)))
        pairs = zip(_whole(block.stock.capacity[at]), block.stock.used[at].tolist(), strict=True)
        amounts = list(map(self._resources.__getitem__, pairs))
        stop = 0
        for names in map(self._class_names.__getitem__, classes):
            start, stop = stop, stop + len(names)
            yield dict(zip(names, amounts[start:stop], strict=True))


def _whole(capacity: Floats) -> list[int]:
    if len(capacity) and float(np.abs(capacity).max()) > INTEGERS_MAX:
        return [int(value) for value in capacity.tolist()]
    return list(capacity.astype(np.int64).tolist())
