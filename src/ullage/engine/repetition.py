"""Anchors that are alike because only sharing providers serve them, and the same ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ullage.engine.asked import Labels
from ullage.engine.block import PLACE_BITS, PLACE_MASK, Integers
from ullage.engine.snapshot import Snapshot

Hashes = npt.NDArray[np.uint64]


def first_of_each_kind(snapshot: Snapshot, anchors: Integers, aggregates: Iterable[int]) -> Integers:
    """Of anchors (positions) whose trees have members in the same of some aggregates, the first.

    Sets of aggregates are told apart by 104 bits of hashes: with a million anchors all of different kinds, that two
    are taken for one is less likely than a fault of the machine.
    """
    keys = np.array(sorted(aggregates), np.int64)
    roots, labels = _memberships(snapshot, keys)
    first, second = (_sums(snapshot, roots, _hashes(labels, salt))[anchors] for salt in (1, 2))
    kinds = np.unique(first, return_inverse=True)[1].astype(np.uint64)
    return anchors[np.sort(np.unique(kinds << np.uint64(40) | second >> np.uint64(24), return_index=True)[1])]


def _memberships(snapshot: Snapshot, keys: Integers) -> tuple[Integers, Integers]:
    """(position of a root, aggregate) for every tree with any member in an aggregate, each pair once."""
    bounds = Labels("", tuple(keys.tolist())).bounds
    positions, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for index, block in enumerate(snapshot.blocks):
        spans = block.aggregate_index.searchsorted(bounds).tolist()
        parts = [slice(start, stop) for start, stop in zip(spans[: len(keys)], spans[len(keys) :], strict=True)]
        entries = np.concatenate([block.aggregate_index[part] for part in parts])
        roots = np.arange(index << PLACE_BITS, (index + 1) << PLACE_BITS)
        roots[block.descendant_places] = snapshot.positions(block.descendant_roots)
        positions.append(roots[entries & PLACE_MASK])
        labels.append(entries >> PLACE_BITS)
    pairs = np.unique(np.concatenate(positions) * len(keys) + keys.searchsorted(np.concatenate(labels)))
    pairs = pairs[pairs >= 0]
    return pairs // len(keys), keys[pairs % len(keys)]


def _hashes(values: Integers, salt: int) -> Hashes:
    """Well mixed 64 bits for each value (the finaliser of splitmix64)."""
    mixed = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ mixed >> np.uint64(31))


def _sums(snapshot: Snapshot, positions: Integers, hashes: Hashes) -> Hashes:
    """By position the sum of the hashes that stand there, modulo 2**64."""
    sums = np.zeros(len(snapshot.blocks) << PLACE_BITS, np.uint64)
    np.add.at(sums, positions, hashes)
    return sums
