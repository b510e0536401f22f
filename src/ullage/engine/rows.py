"""Rows about providers as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ullage.engine.block import NO_KEY, PLACE_BITS, PLACE_MASK, Integers, Objects, capacities, entries_of

Column = npt.NDArray[Any]


class ProviderRecord(NamedTuple):
    """A provider's own columns; keys are the integers that storage knows it by."""

    key: int
    uuid: str
    name: str
    generation: int
    parent_key: int | None
    root_key: int
    updated_us: int


class InventoryRecord(NamedTuple):
    """What one provider offers of one class, with what is used of it."""

    provider_key: int
    class_key: int
    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float
    used: int


ProviderRow = tuple[int, str, str, int, int | None, int, int]
"""A `ProviderRecord` or a plain tuple like it."""
InventoryRow = tuple[int, int, int, int, int, int, int, float, int]
"""An `InventoryRecord` or a plain tuple like it."""
LinkRow = tuple[int, int]
"""(provider key, label key)"""


def provider_columns(rows: Sequence[ProviderRow]) -> dict[str, Column]:
    """The columns of a `Block` that its providers' own rows say, and their keys."""
    count = len(rows)
    parents = (NO_KEY if row[4] is None else row[4] for row in rows)
    return {
        "keys": integers(rows, 0),
        "parents": np.fromiter(parents, np.int64, count),
        "roots": integers(rows, 5),
        "generations": integers(rows, 3),
        "updated_us": integers(rows, 6),
        "uuids": object_column(map(itemgetter(1), rows), count),
        "names": object_column(map(itemgetter(2), rows), count),
    }


def stock_columns(rows: Sequence[InventoryRow]) -> dict[str, Column]:
    """The columns of a `Stock` after its entries."""
    ratio = np.fromiter(map(itemgetter(7), rows), np.float64, len(rows))
    return {
        "capacity": capacities(integers(rows, 2), integers(rows, 3), ratio),
        "used": integers(rows, 8),
        **{name: integers(rows, place, np.int32) for name, place in _UNITS},
    }


_UNITS = (("min_unit", 4), ("max_unit", 5), ("step_size", 6))


def integers(rows: Sequence[tuple[Any, ...]], place: int, kind: type[np.integer[Any]] = np.int64) -> npt.NDArray[Any]:
    """One element of each row."""
    return np.fromiter(map(itemgetter(place), rows), kind, len(rows))


def object_column(values: Iterable[object], count: int) -> Objects:
    """Values as a column; tuples stay elements, where plain assignment would make further dimensions of them."""
    return np.fromiter(values, np.object_, count)


def link_columns(rows: Sequence[tuple[Any, ...]]) -> dict[str, Column]:
    """The keys and the labels of rows that begin with both."""
    return {"keys": integers(rows, 0), "labels": integers(rows, 1)}


@dataclass(frozen=True)
class Links:
    """What has which class, trait or aggregate, in order of provider key, then of label key."""

    keys: Integers
    labels: Integers
    order: Integers
    """Which row stands there, to bring other columns into the same order."""

    @staticmethod
    def of(keys: Integers, labels: Integers) -> Links:
        """The links of two columns in any order."""
        if _are_ordered(keys, labels):
            return Links(keys, labels, np.arange(len(keys)))
        order = np.lexsort((labels, keys))
        return Links(keys[order], labels[order], order)

    def tuples(self, providers: Integers, interned: dict[tuple[int, ...], tuple[int, ...]]) -> Objects:
        """For each of some sorted provider keys the sorted tuple of its labels; equal ones are one object."""
        starts = self.keys.searchsorted(providers).tolist()
        stops = self.keys.searchsorted(providers, "right").tolist()
        values = self.labels.tolist()
        found = (tuple(values[start:stop]) for start, stop in zip(starts, stops, strict=True))
        return object_column((interned.setdefault(labels, labels) for labels in found), len(providers))

    def index(self, number: int) -> tuple[Integers, Integers]:
        """The sorted index entries of one block, and the row behind each."""
        start, stop = self.keys.searchsorted((number << PLACE_BITS, (number + 1) << PLACE_BITS))
        entries = entries_of(self.labels[start:stop], self.keys[start:stop] & PLACE_MASK)
        by_label = entries.argsort(kind="stable")
        return entries[by_label], self.order[start:stop][by_label]


def _are_ordered(keys: Integers, labels: Integers) -> bool:
    """Whether links stand in order already, as rows mostly come: a look is cheaper than sorting."""
    steps = np.diff(keys)
    return bool((steps >= 0).all() and (np.diff(labels)[steps == 0] >= 0).all())
