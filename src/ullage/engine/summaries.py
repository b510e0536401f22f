"""The background of candidates: what the providers concerned have and what is used of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

import numpy as np

from ullage.engine.block import NO_KEY, PLACE_BITS, PLACE_MASK, Block, Floats, Integers, Mask, Objects, entries_of
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import SummaryForm, SummaryRun

INTEGERS_MAX = float(2**62)
ROWS_MAX = 1024
"""How many summaries are written at a time."""

Keys = tuple[int, ...]


def summaries(snapshot: Snapshot, giving: Integers, whole_trees: bool) -> Iterator[SummaryRun]:
    """The providers of some sorted keys, or of all their trees, in the order of keys."""
    keys = giving
    if whole_trees and len(snapshot.descendants):
        roots = np.unique(snapshot.root_keys(giving)).tolist()
        keys = np.array(sorted(chain.from_iterable(map(snapshot.tree, roots))), np.int64)
    writer = _Writer(snapshot)
    numbers = keys >> PLACE_BITS
    for number in np.unique(numbers).tolist():
        block, here = snapshot.existing_block(number), keys[numbers == number]
        for start in range(0, len(here), ROWS_MAX):
            yield from writer.runs(block, here[start : start + ROWS_MAX])


class _Writer:
    """Writes summaries, a part of a block at a time."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._forms: dict[tuple[Keys, Keys, bool], SummaryForm] = {}

    def runs(self, block: Block, keys: Integers) -> Iterator[SummaryRun]:
        """The summaries of some providers of a block, in order."""
        rows = block.rows(keys & PLACE_MASK)
        classes, traits = block.classes[rows], block.traits[rows]
        is_root = block.parents[rows] == NO_KEY
        uuids = self._uuid_columns(block, rows, keys, is_root)
        numbers = _numbers(block, keys & PLACE_MASK, classes)
        differs = (classes[1:] != classes[:-1]) | (traits[1:] != traits[:-1]) | (is_root[1:] != is_root[:-1])
        borders = [0, *(np.flatnonzero(differs) + 1).tolist(), len(keys)]
        done = 0
        for start, stop in pairwise(borders):
            width = 2 * len(classes[start])
            begun, done = done, done + width * (stop - start)
            columns: list[list[Any]] = [column[start:stop] for column in uuids]
            columns += [numbers[begun + place : done : width] for place in range(width)]
            yield self._form(classes[start], traits[start], bool(is_root[start])), list(zip(*columns, strict=True))

    def _uuid_columns(self, block: Block, rows: Integers, keys: Integers, is_root: Mask) -> tuple[list[str], ...]:
        """Uuids of providers, of their roots and of their parents; a root is its own parent here."""
        own = block.uuids[rows].tolist()
        if is_root.all():
            return own, own, own
        parents = np.where(is_root, keys, block.parents[rows])
        return own, self._snapshot.uuids(block.roots[rows]), self._snapshot.uuids(parents)

    def _form(self, classes: Keys, traits: Keys, is_root: bool) -> SummaryForm:
        form = self._forms.get((classes, traits, is_root))
        if form is None:
            class_names, trait_names = self._snapshot.class_names, self._snapshot.trait_names
            form = self._forms[classes, traits, is_root] = SummaryForm(
                tuple(str(class_names.get(key)) for key in classes),
                tuple(sorted(str(trait_names.get(key)) for key in traits)),
                is_root,
            )
        return form


def _numbers(block: Block, places: Integers, classes: Objects) -> list[int]:
    """Capacity and use, class by class, provider by provider."""
    counts = np.fromiter(map(len, classes), np.int64, len(classes))
    labels = np.fromiter(chain.from_iterable(classes), np.int64, int(counts.sum()))
    at = block.stock.entries.searchsorted(entries_of(labels, np.repeat(places, counts)))
    numbers = [0] * (2 * len(at))
    numbers[::2] = _whole(block.stock.capacity[at])
    numbers[1::2] = block.stock.used[at].tolist()
    return numbers


def _whole(capacity: Floats) -> list[int]:
    if len(capacity) and float(np.abs(capacity).max()) > INTEGERS_MAX:
        return [int(value) for value in capacity.tolist()]
    return list(capacity.astype(np.int64).tolist())
