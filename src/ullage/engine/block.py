"""The columns of the providers whose keys share their upper bits.

A provider's *place* within its block is the lower `PLACE_BITS` bits of its key. Places are stable, so nothing that
refers to them moves when providers come and go, and the order of places is the order of keys. Columns about providers
hold one element per provider that exists, in order of place; indexes by class or label hold one element per
inventory, trait or aggregate link.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

PLACE_BITS = 14
BLOCK_SIZE = 1 << PLACE_BITS
PLACE_MASK = BLOCK_SIZE - 1

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Units = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Objects = npt.NDArray[np.object_]

NO_KEY = -1
"""In columns of keys: there is none (a root has no parent)."""

NO_ENTRIES: Integers = np.empty(0, np.int64)
NO_OBJECTS: Objects = np.empty(0, np.object_)


def entries_of(labels: Any, places: Any) -> Any:
    """Index entries: ordered by label, then by place. Integers or arrays of them."""
    return labels << PLACE_BITS | places


def span(entries: Integers, label: int) -> tuple[int, int]:
    """Which part of a sorted index belongs to a label: start and stop."""
    start, stop = entries.searchsorted((label << PLACE_BITS, (label + 1) << PLACE_BITS))
    return int(start), int(stop)


def put(mask: Mask, entries: Integers, values: Mask | bool) -> None:
    """Set a block's own mask (`BLOCK_SIZE` elements) at the places of some entries of one label."""
    if len(entries) == 0:
        return
    first, last = int(entries[0]) & PLACE_MASK, int(entries[-1]) & PLACE_MASK
    if last - first + 1 == len(entries):
        mask[first : last + 1] = values  # a run, as most labels of a fleet are, costs a tenth of single places
    else:
        mask[entries & PLACE_MASK] = values


def capacities(total: Integers, reserved: Integers, allocation_ratio: Floats) -> Floats:
    """`Inventory.capacity` for whole columns: the same doubles, so the same floor."""
    return np.floor((total - reserved) * allocation_ratio)


class ClassSpan(NamedTuple):
    """Where the inventories of one class stand in a block's stock, and the strictest unit rules among them."""

    start: int
    stop: int
    min_unit_max: int
    max_unit_min: int
    step_size_max: int


@dataclass(frozen=True, eq=False)
class Stock:
    """All inventories of a block, ordered by class, then by place. Capacity is a whole number held as a double."""

    entries: Integers
    capacity: Floats
    used: Integers
    min_unit: Units
    max_unit: Units
    step_size: Units

    @cached_property
    def free(self) -> Floats:
        """What is left of each inventory; negative where capacity shrank below usage."""
        return self.capacity - self.used

    @cached_property
    def _spans(self) -> dict[int, ClassSpan]:
        return {}

    def span(self, class_key: int) -> ClassSpan | None:
        """The inventories of a class, or None if no provider of the block has any."""
        known = self._spans.get(class_key)
        if known is not None:
            return known
        start, stop = span(self.entries, class_key)
        if start == stop:
            return None
        part = slice(start, stop)
        known = ClassSpan(
            start,
            stop,
            int(self.min_unit[part].max()),
            int(self.max_unit[part].min()),
            int(self.step_size[part].max()),
        )
        self._spans[class_key] = known
        return known

    def with_used(self, used: Integers) -> Stock:
        """The same inventories with another use of them."""
        changed = Stock(self.entries, self.capacity, used, self.min_unit, self.max_unit, self.step_size)
        changed.__dict__["_spans"] = self._spans  # it depends on none of the uses
        return changed


NO_STOCK = Stock(
    NO_ENTRIES,
    np.empty(0, np.float64),
    NO_ENTRIES,
    np.empty(0, np.int32),
    np.empty(0, np.int32),
    np.empty(0, np.int32),
)


@dataclass(frozen=True, eq=False)
class Block:
    """The providers with keys from `number << PLACE_BITS` on. Never edited; `places` is sorted."""

    number: int
    places: Integers
    parents: Integers
    roots: Integers
    generations: Integers
    updated_us: Integers
    uuids: Objects
    names: Objects
    classes: Objects
    """Per provider the sorted tuple of the class keys it has inventories of; so for traits and aggregates."""
    traits: Objects
    aggregates: Objects
    branched: Mask
    """By place (`BLOCK_SIZE` elements): whether it is a root with descendants."""
    trait_index: Integers
    aggregate_index: Integers
    stock: Stock

    @staticmethod
    def empty(number: int) -> Block:
        """A block without providers."""
        return Block(
            number=number,
            places=NO_ENTRIES,
            parents=NO_ENTRIES,
            roots=NO_ENTRIES,
            generations=NO_ENTRIES,
            updated_us=NO_ENTRIES,
            uuids=NO_OBJECTS,
            names=NO_OBJECTS,
            classes=NO_OBJECTS,
            traits=NO_OBJECTS,
            aggregates=NO_OBJECTS,
            branched=np.zeros(BLOCK_SIZE, np.bool_),
            trait_index=NO_ENTRIES,
            aggregate_index=NO_ENTRIES,
            stock=NO_STOCK,
        )

    @cached_property
    def present(self) -> Mask:
        """By place: whether there is a provider."""
        mask = np.zeros(BLOCK_SIZE, np.bool_)
        put(mask, self.places, True)
        return mask

    @cached_property
    def _below(self) -> Mask:
        return np.asarray(self.roots != self.places + (self.number << PLACE_BITS))

    @cached_property
    def descendant_places(self) -> Integers:
        """The places of the providers that are not roots."""
        return self.places[self._below]

    @cached_property
    def descendant_roots(self) -> Integers:
        """The root keys of the providers that are not roots."""
        return self.roots[self._below]

    def with_columns(self, **columns: Any) -> Block:
        """The same block with other columns; what was derived from columns that stay is kept."""
        changed = replace(self, **columns)
        if changed.places is self.places:
            _keep(self, changed, "present", "_first_of_run")
            if changed.roots is self.roots:
                _keep(self, changed, "_below", "descendant_places", "descendant_roots")
        return changed

    @cached_property
    def _first_of_run(self) -> int:
        """The first place if providers stand without gaps from there on, as they mostly do; else -1."""
        count = len(self.places)
        return int(self.places[0]) if count and int(self.places[-1]) - int(self.places[0]) + 1 == count else -1

    def row(self, place: int) -> int | None:
        """Where the columns hold the provider of a place; None if there is none."""
        if self._first_of_run >= 0:
            row = place - self._first_of_run
            return row if 0 <= row < len(self.places) else None
        row = int(self.places.searchsorted(place))
        return row if row < len(self.places) and self.places[row] == place else None

    def rows(self, places: Integers) -> Integers:
        """Where the columns hold the providers of some places, all of which must exist."""
        if self._first_of_run >= 0:
            return places - self._first_of_run
        return np.asarray(self.places.searchsorted(places))


def _keep(old: Block, new: Block, *names: str) -> None:
    for name in names:
        if name in old.__dict__:
            new.__dict__[name] = old.__dict__[name]
