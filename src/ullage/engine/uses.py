"""What claims change of a snapshot, and the snapshot that follows: the most frequent change, and the smallest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ullage.engine.block import PLACE_BITS, PLACE_MASK, Block, Integers, Stock, entries_of
from ullage.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Uses:
    """How much of some inventories is used now, and how their providers' rows changed by that."""

    providers: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """Provider key -> generation, time of the last change in microseconds since 1970."""
    used: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(provider key, class key) -> what is used of that inventory."""

    def __len__(self) -> int:
        """How many values there are."""
        return len(self.providers) + len(self.used)

    @property
    def touched(self) -> set[int]:
        """The keys of all providers concerned."""
        return self.providers.keys() | {key for key, _ in self.used}


def with_uses(snapshot: Snapshot, uses: Uses) -> Snapshot | None:
    """The snapshot with these uses; None if it lacks any of those providers or inventories.

    Never edits its argument; copies three columns of the blocks concerned at most.
    """
    providers: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for key, (generation, updated_us) in uses.providers.items():
        providers[key >> PLACE_BITS].append((key & PLACE_MASK, generation, updated_us))
    stock: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for (key, class_key), used in uses.used.items():
        stock[key >> PLACE_BITS].append((entries_of(class_key, key & PLACE_MASK), used))
    changed: dict[int, Block] = {}
    for block in snapshot.blocks:
        if block.number in providers or block.number in stock:
            after = _block_after(block, providers.pop(block.number, []), stock.pop(block.number, []))
            if after is None:
                return None
            changed[block.number] = after
    if providers or stock:
        return None
    return replace(snapshot, blocks=tuple(changed.get(block.number, block) for block in snapshot.blocks))


def _block_after(block: Block, providers: list[tuple[int, int, int]], stock: list[tuple[int, int]]) -> Block | None:
    columns: dict[str, Any] = {}
    if providers:
        places, generations, updated_us = np.array(providers, np.int64).T
        rows = _found(block.places, places)
        if rows is None:
            return None
        for name, values in (("generations", generations), ("updated_us", updated_us)):
            columns[name] = getattr(block, name).copy()
            columns[name][rows] = values
    if stock:
        columns["stock"] = after = _stock_after(block.stock, stock)
        if after is None:
            return None
    return block.with_columns(**columns)


def _stock_after(stock: Stock, changes: list[tuple[int, int]]) -> Stock | None:
    entries, values = np.array(changes, np.int64).T
    rows = _found(stock.entries, entries)
    if rows is None:
        return None
    used = stock.used.copy()
    used[rows] = values
    return stock.with_used(used)


def _found(column: Integers, wanted: Integers) -> Integers | None:
    """Where a sorted column holds what is wanted; None unless it holds all of it."""
    rows = column.searchsorted(wanted)
    if not len(column) or rows.max() >= len(column) or not np.array_equal(column[rows], wanted):
        return None
    return np.asarray(rows)
