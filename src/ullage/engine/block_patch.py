"""One block after a change of some of its providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ullage.engine.block import (
    BLOCK_SIZE,
    NO_ENTRIES,
    NO_STOCK,
    PLACE_MASK,
    Block,
    Integers,
    Mask,
    Stock,
)

PROVIDER_COLUMNS = (
    "parents",
    "roots",
    "generations",
    "updated_us",
    "uuids",
    "names",
    "classes",
    "traits",
    "aggregates",
)
FEW = 64
"""Up to so many elements, joining slices is faster than a mask over the column."""
STOCK_COLUMNS = ("capacity", "used", "min_unit", "max_unit", "step_size")


@dataclass
class BlockChange:
    """What happens to one block. Places are sorted; every index part holds all that the written providers have."""

    written: Integers = field(default_factory=lambda: NO_ENTRIES)
    """The places of the providers that are new or changed."""
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    """PROVIDER_COLUMNS of the written providers."""
    trait_index: Integers = field(default_factory=lambda: NO_ENTRIES)
    aggregate_index: Integers = field(default_factory=lambda: NO_ENTRIES)
    stock: Stock = NO_STOCK
    deleted: list[int] = field(default_factory=list)
    """The places of the providers that go; unknown ones are no error."""
    branched: dict[int, bool] = field(default_factory=dict)
    """Which places are now roots with descendants, or no longer."""


def block_after(block: Block, change: BlockChange) -> Block:
    """The block after a change; columns that stay the same are shared with the old block."""
    changed: dict[str, Any] = {}
    if len(change.written) or change.deleted:
        rows = None if change.deleted else _rows_if_all_exist(block, change.written)
        changed = _with_other_providers(block, change) if rows is None else _with_other_values(block, rows, change)
    if change.branched:
        changed["branched"] = block.branched.copy()
        changed["branched"][list(change.branched)] = list(change.branched.values())
    return block.with_columns(**changed)


def _rows_if_all_exist(block: Block, places: Integers) -> Integers | None:
    rows = block.places.searchsorted(places)
    if len(block.places) == 0 or rows[-1] >= len(block.places) or not np.array_equal(block.places[rows], places):
        return None
    return np.asarray(rows)


def _with_other_values(block: Block, rows: Integers, change: BlockChange) -> dict[str, Any]:
    """The usual change: the same providers, some of their values other. Copies only the columns that differ."""
    changed: dict[str, Any] = {}
    for name in PROVIDER_COLUMNS:
        old, new = getattr(block, name), change.columns[name]
        if not np.array_equal(old[rows], new):
            changed[name] = old.copy()
            changed[name][rows] = new
    gone = _flags(change.written)
    for name, index in (("traits", "trait_index"), ("aggregates", "aggregate_index")):
        if name in changed:
            changed[index] = _index_after(getattr(block, index), gone, getattr(change, index))
    if "classes" in changed:
        changed["stock"] = _stock_after(block.stock, gone, change.stock)
    else:
        stock = _stock_with_values(block.stock, change.stock)
        if stock is not block.stock:
            changed["stock"] = stock
    return changed


def _stock_with_values(stock: Stock, new: Stock) -> Stock:
    """The stock with new values for inventories that it already has."""
    at = stock.entries.searchsorted(new.entries)
    columns: dict[str, Any] = {}
    for name in STOCK_COLUMNS:
        old, values = getattr(stock, name), getattr(new, name)
        if not np.array_equal(old[at], values):
            columns[name] = old.copy()
            columns[name][at] = values
    if not columns:
        return stock
    if list(columns) == ["used"]:
        return stock.with_used(columns["used"])
    return Stock(stock.entries, *(columns.get(name, getattr(stock, name)) for name in STOCK_COLUMNS))


def _with_other_providers(block: Block, change: BlockChange) -> dict[str, Any]:
    """Providers come or go: every column about providers is made anew."""
    gone = _flags(change.written, change.deleted)
    cut = np.flatnonzero(gone[block.places])
    kept = _without(block.places, cut)
    at = kept.searchsorted(change.written)
    changed: dict[str, Any] = {"places": _with(kept, at, change.written)}
    for name in PROVIDER_COLUMNS:
        column = _without(getattr(block, name), cut)
        changed[name] = _with(column, at, change.columns[name]) if len(at) else column
    changed["trait_index"] = _index_after(block.trait_index, gone, change.trait_index)
    changed["aggregate_index"] = _index_after(block.aggregate_index, gone, change.aggregate_index)
    changed["stock"] = _stock_after(block.stock, gone, change.stock)
    return changed


def _flags(*places: Integers | Sequence[int]) -> Mask:
    flags = np.zeros(BLOCK_SIZE, np.bool_)
    for some in places:
        flags[some] = True
    return flags


def _index_after(index: Integers, gone: Mask, new: Integers) -> Integers:
    kept = _without(index, np.flatnonzero(gone[index & PLACE_MASK]))
    return _with(kept, kept.searchsorted(new), new)


def _stock_after(stock: Stock, gone: Mask, new: Stock) -> Stock:
    cut = np.flatnonzero(gone[stock.entries & PLACE_MASK])
    kept = _without(stock.entries, cut)
    at = kept.searchsorted(new.entries)
    return Stock(
        _with(kept, at, new.entries),
        *(_with(_without(getattr(stock, name), cut), at, getattr(new, name)) for name in STOCK_COLUMNS),
    )


def _without(column: npt.NDArray[Any], cut: Integers) -> npt.NDArray[Any]:
    if len(cut) == 0:
        return column
    if len(cut) > FEW:
        return np.delete(column, cut)
    starts, stops = [0, *(cut + 1).tolist()], [*cut.tolist(), len(column)]
    return np.concatenate([column[start:stop] for start, stop in zip(starts, stops, strict=True)])


def _with(column: npt.NDArray[Any], at: Integers, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if len(at) == 0:
        return column
    if len(at) > FEW:
        return np.insert(column, at, values)
    pieces: list[npt.NDArray[Any]] = []
    start = 0
    for number, stop in enumerate(at.tolist()):
        pieces += (column[start:stop], values[number : number + 1])
        start = stop
    return np.concatenate([*pieces, column[start:]])
