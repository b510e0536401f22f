"""What changed since a snapshot, and the snapshot that follows from it.

A patch costs what it touches: the columns that change, of the blocks of the changed providers, and a few shards of the
look-ups. It never rebuilds what depends on all providers, because nothing does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import numpy as np

from ullage.engine.block import PLACE_BITS, PLACE_MASK, Block, Stock
from ullage.engine.block_patch import BlockChange, block_after
from ullage.engine.builder import SnapshotBuilder
from ullage.engine.persistent import ShardedMap
from ullage.engine.rows import InventoryRow, LinkRow, Links, ProviderRow, link_columns, provider_columns, stock_columns
from ullage.engine.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed since a snapshot.

    For every provider in `providers`, `inventories`, `traits` and `aggregates` hold all that it has now; they hold
    nothing of other providers.
    """

    providers: Sequence[ProviderRow] = ()
    inventories: Sequence[InventoryRow] = ()
    traits: Sequence[LinkRow] = ()
    """(provider key, trait key)"""
    aggregates: Sequence[LinkRow] = ()
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
    if delta.complete:
        return _built(delta)
    base = _with_names(snapshot, delta)
    if not delta.providers and not delta.deleted_providers:
        return base
    written = sorted(delta.providers, key=itemgetter(0))
    before = _Before.of(base, written, delta.deleted_providers)
    descendants, branched = _descendants_after(base, before, written)
    changes = _changes_by_block(delta, written)
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


def _built(delta: Delta) -> Snapshot:
    builder = SnapshotBuilder()
    builder.add_names(delta.class_names, delta.trait_names, delta.aggregate_uuids)
    builder.add_providers(delta.providers)
    builder.add_inventories(delta.inventories)
    builder.add_traits(delta.traits)
    builder.add_aggregates(delta.aggregates)
    return builder.finish()


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


def _changes_by_block(delta: Delta, written: Sequence[ProviderRow]) -> defaultdict[int, BlockChange]:
    """The written providers and all that they have, block by block."""
    changes: defaultdict[int, BlockChange] = defaultdict(BlockChange)
    columns = provider_columns(written)
    keys = columns.pop("keys")
    stock, traits, aggregates = (
        Links.of(**link_columns(rows)) for rows in (delta.inventories, delta.traits, delta.aggregates)
    )
    for name, links in (("classes", stock), ("traits", traits), ("aggregates", aggregates)):
        columns[name] = links.tuples(keys, {})
    amounts = stock_columns(delta.inventories)
    for number in np.unique(keys >> PLACE_BITS).tolist():
        first, stop = keys.searchsorted((number << PLACE_BITS, (number + 1) << PLACE_BITS))
        change = changes[number]
        change.written = keys[first:stop] & PLACE_MASK
        change.columns = {name: column[first:stop] for name, column in columns.items()}
        change.trait_index = traits.index(number)[0]
        change.aggregate_index = aggregates.index(number)[0]
        entries, rows = stock.index(number)
        change.stock = Stock(entries, **{name: column[rows] for name, column in amounts.items()})
    return changes
