"""What changed since a snapshot, and the snapshot that follows from it.

A patch costs what it touches: the columns that change, of the blocks of the changed providers, and a few shards of the
look-ups. It never rebuilds what depends on all providers, because nothing does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ullage.engine.block import NO_KEY, PLACE_BITS, PLACE_MASK, Block, Integers, Stock, capacities, entries_of
from ullage.engine.block_patch import BlockChange, block_after, object_column
from ullage.engine.persistent import ShardedMap
from ullage.engine.snapshot import Snapshot


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


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed since a snapshot.

    For every provider in `providers`, `inventories`, `traits` and `aggregates` hold all that it has now; they hold
    nothing of other providers.
    """

    providers: Sequence[ProviderRow] = ()
    inventories: Sequence[InventoryRow] = ()
    traits: Sequence[tuple[int, int]] = ()
    """(provider key, trait key)"""
    aggregates: Sequence[tuple[int, int]] = ()
    """(provider key, aggregate key)"""
    deleted_providers: Sequence[int] = ()
    class_names: Mapping[int, str] = field(default_factory=dict)
    trait_names: Mapping[int, str] = field(default_factory=dict)
    aggregate_uuids: Mapping[int, str] = field(default_factory=dict)
    """New or changed names by key; all of them when `complete`."""
    deleted_classes: Sequence[int] = ()
    deleted_traits: Sequence[int] = ()
    complete: bool = False
    """This is everything: start from nothing."""


def patch(snapshot: Snapshot, delta: Delta) -> Snapshot:
    """The snapshot after a change. Never edits its argument; copies the touched blocks only."""
    base = _with_names(Snapshot.empty() if delta.complete else snapshot, delta)
    if not delta.providers and not delta.deleted_providers:
        return base
    written = sorted(delta.providers, key=itemgetter(0))
    keys = _integers(written, 0)
    before = _Before.of(base, written, delta.deleted_providers)
    descendants, branched = _descendants_after(base, before, written)
    changes = _changes_by_block(delta, written, keys)
    for key in delta.deleted_providers:
        changes[key >> PLACE_BITS].deleted.append(key & PLACE_MASK)
    for key, is_branched in branched.items():
        changes[key >> PLACE_BITS].branched[key & PLACE_MASK] = is_branched
    return replace(
        base,
        blocks=_blocks_after(base, changes),
        provider_keys=_keys_after(base.provider_keys, before.uuids, {row[1]: row[0] for row in written}),
        named_keys=_keys_after(base.named_keys, before.names, {row[2]: row[0] for row in written}),
        descendants=descendants,
    )


# Names


def _with_names(snapshot: Snapshot, delta: Delta) -> Snapshot:
    changed: dict[str, Any] = {}
    if delta.class_names or delta.deleted_classes:
        changed["class_names"], changed["class_keys"] = _renamed(
            snapshot.class_names, snapshot.class_keys, delta.class_names, delta.deleted_classes
        )
    if delta.trait_names or delta.deleted_traits:
        changed["trait_names"], changed["trait_keys"] = _renamed(
            snapshot.trait_names, snapshot.trait_keys, delta.trait_names, delta.deleted_traits
        )
    if delta.aggregate_uuids:
        uuids = {uuid: key for key, uuid in delta.aggregate_uuids.items()}
        changed["aggregate_keys"] = snapshot.aggregate_keys.changed(uuids)
    return replace(snapshot, **changed)


def _renamed(
    names: ShardedMap[int, str], keys: ShardedMap[str, int], added: Mapping[int, str], deleted: Sequence[int]
) -> tuple[ShardedMap[int, str], ShardedMap[str, int]]:
    old = {key: name for key in (*added, *deleted) if (name := names.get(key)) is not None}
    new = {name: key for key, name in added.items()}
    return names.changed(added, deleted), _keys_after(keys, old, new)


def _keys_after(keys: ShardedMap[str, int], old: Mapping[int, str], new: Mapping[str, int]) -> ShardedMap[str, int]:
    """The look-up by a name or uuid after the things of some keys lost their `old` ones and `new` ones hold."""
    lost = [name for key, name in old.items() if new.get(name) != key and keys.get(name) == key]
    gained = {name: key for name, key in new.items() if old.get(key) != name}
    return keys.changed(gained, lost) if lost or gained else keys


# Trees


@dataclass(frozen=True)
class _Before:
    """What the providers that a change concerns were like: by key, only those that existed."""

    uuids: dict[int, str]
    names: dict[int, str]
    roots: dict[int, int]

    @staticmethod
    def of(snapshot: Snapshot, written: Sequence[ProviderRow], deleted: Sequence[int]) -> _Before:
        before = _Before({}, {}, {})
        if not snapshot.blocks:
            return before
        for key in (*(row[0] for row in written), *deleted):
            found = snapshot.row(key)
            if found is not None:
                block, row = found
                before.uuids[key] = block.uuids[row]
                before.names[key] = block.names[row]
                before.roots[key] = int(block.roots[row])
        return before


def _descendants_after(
    snapshot: Snapshot, before: _Before, written: Sequence[ProviderRow]
) -> tuple[ShardedMap[int, tuple[int, ...]], dict[int, bool]]:
    """The descendants by root after a change, and which keys are now roots with descendants, or no longer."""
    old = before.roots
    leaves: defaultdict[int, set[int]] = defaultdict(set)
    joins: defaultdict[int, set[int]] = defaultdict(set)
    remaining = {row[0]: row[5] for row in written}
    for key, root in old.items():
        if root != key and remaining.get(key) != root:
            leaves[root].add(key)
    for key, root in remaining.items():
        if root != key and old.get(key) != root:
            joins[root].add(key)
    trees: dict[int, tuple[int, ...]] = {}
    emptied: list[int] = []
    branched = {key: key in snapshot.descendants for key in remaining if key not in old and len(snapshot.descendants)}
    for root in leaves.keys() | joins.keys():
        members = (set(snapshot.descendants.get(root) or ()) - leaves[root]) | joins[root]
        branched[root] = bool(members)
        if members:
            trees[root] = tuple(sorted(members))
        else:
            emptied.append(root)
    if not branched:
        return snapshot.descendants, branched
    return snapshot.descendants.changed(trees, emptied), branched


# Blocks


def _blocks_after(snapshot: Snapshot, changes: Mapping[int, BlockChange]) -> tuple[Block, ...]:
    blocks = {block.number: block for block in snapshot.blocks}
    for number, change in changes.items():
        block = block_after(blocks.get(number) or Block.empty(number), change)
        if len(block.places):
            blocks[number] = block
        else:
            blocks.pop(number, None)
    return tuple(blocks[number] for number in sorted(blocks))


def _changes_by_block(delta: Delta, written: Sequence[ProviderRow], keys: Integers) -> defaultdict[int, BlockChange]:
    """The written providers and all that they have, block by block."""
    changes: defaultdict[int, BlockChange] = defaultdict(BlockChange)
    stock = _Links.of(delta.inventories, keys)
    traits = _Links.of(delta.traits, keys)
    aggregates = _Links.of(delta.aggregates, keys)
    columns = _provider_columns(written, keys)
    columns |= {"classes": stock.tuples, "traits": traits.tuples, "aggregates": aggregates.tuples}
    stock_columns = _stock_columns(delta.inventories)
    for number in np.unique(keys >> PLACE_BITS).tolist():
        first, stop = keys.searchsorted((number << PLACE_BITS, (number + 1) << PLACE_BITS))
        change = changes[number]
        change.written = keys[first:stop] & PLACE_MASK
        change.columns = {name: column[first:stop] for name, column in columns.items()}
        change.trait_index = traits.index(number)[0]
        change.aggregate_index = aggregates.index(number)[0]
        entries, rows = stock.index(number)
        change.stock = Stock(entries, *(column[rows] for column in stock_columns))
    return changes


def _provider_columns(written: Sequence[ProviderRow], keys: Integers) -> dict[str, npt.NDArray[Any]]:
    count = len(written)
    parents = (NO_KEY if row[4] is None else row[4] for row in written)
    return {
        "parents": np.fromiter(parents, np.int64, count),
        "roots": _integers(written, 5),
        "generations": _integers(written, 3),
        "updated_us": _integers(written, 6),
        "uuids": object_column(map(itemgetter(1), written), count),
        "names": object_column(map(itemgetter(2), written), count),
    }


def _stock_columns(rows: Sequence[InventoryRow]) -> tuple[npt.NDArray[Any], ...]:
    """The columns of a `Stock` after its entries."""
    ratio = np.fromiter(map(itemgetter(7), rows), np.float64, len(rows))
    units = (np.fromiter(map(itemgetter(place), rows), np.int32, len(rows)) for place in (4, 5, 6))
    return capacities(_integers(rows, 2), _integers(rows, 3), ratio), _integers(rows, 8), *units


@dataclass(frozen=True)
class _Links:
    """Rows that begin with a provider key and a label key (a class, a trait or an aggregate), in order."""

    keys: Integers
    labels: Integers
    order: Integers
    """By provider key, then by label: which row stands there."""
    tuples: npt.NDArray[np.object_]
    """Per written provider the sorted tuple of its labels; equal ones are one object."""

    @staticmethod
    def of(rows: Sequence[tuple[Any, ...]], written: Integers) -> _Links:
        keys, labels = _integers(rows, 0), _integers(rows, 1)
        order = np.lexsort((labels, keys))
        keys, labels = keys[order], labels[order]
        starts = keys.searchsorted(written).tolist()
        stops = keys.searchsorted(written, "right").tolist()
        values = labels.tolist()
        interned: dict[tuple[int, ...], tuple[int, ...]] = {}
        tuples = (
            interned.setdefault(found, found)
            for found in (tuple(values[start:stop]) for start, stop in zip(starts, stops, strict=True))
        )
        return _Links(keys, labels, order, object_column(tuples, len(written)))

    def index(self, number: int) -> tuple[Integers, Integers]:
        """The sorted index entries of one block, and the row behind each."""
        start, stop = self.keys.searchsorted((number << PLACE_BITS, (number + 1) << PLACE_BITS))
        entries = entries_of(self.labels[start:stop], self.keys[start:stop] & PLACE_MASK)
        by_label = entries.argsort()
        return entries[by_label], self.order[start:stop][by_label]


def _integers(rows: Sequence[tuple[Any, ...]], place: int) -> Integers:
    get: Callable[[tuple[Any, ...]], Any] = itemgetter(place)
    values: Iterable[Any] = map(get, rows)
    return np.fromiter(values, np.int64, len(rows))
