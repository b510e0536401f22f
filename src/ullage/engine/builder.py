"""A whole snapshot from rows that come in portions, so that a million providers are never held as rows.

Each portion becomes columns at once (a row of nine numbers takes some 300 bytes, its columns take 50), and when all
are there, the columns become blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from ullage.engine.block import BLOCK_SIZE, PLACE_BITS, PLACE_MASK, Block, Integers, Mask, Stock
from ullage.engine.persistent import ShardedMap
from ullage.engine.rows import (
    Column,
    InventoryRow,
    LinkRow,
    Links,
    ProviderRow,
    link_columns,
    provider_columns,
    stock_columns,
)
from ullage.engine.snapshot import Snapshot

Columns = dict[str, Column]


class SnapshotBuilder:
    """Makes one snapshot. Every `add_*` takes one portion and keeps none of its rows; portions come in any order.

    Rows in the order of (provider key, label key) are quickest. Each provider key, and each pair of a provider key and
    a label key, may come once. Not safe for several threads.
    """

    def __init__(self) -> None:
        self._providers = _Portions(provider_columns(()))
        self._inventories = _Portions({**link_columns(()), **stock_columns(())})
        self._traits = _Portions(link_columns(()))
        self._aggregates = _Portions(link_columns(()))
        self._class_names: dict[int, str] = {}
        self._trait_names: dict[int, str] = {}
        self._aggregate_uuids: dict[int, str] = {}

    def add_names(
        self,
        class_names: Mapping[int, str] | None = None,
        trait_names: Mapping[int, str] | None = None,
        aggregate_uuids: Mapping[int, str] | None = None,
    ) -> None:
        """Names by key."""
        self._class_names.update(class_names or {})
        self._trait_names.update(trait_names or {})
        self._aggregate_uuids.update(aggregate_uuids or {})

    def add_providers(self, rows: Sequence[ProviderRow]) -> None:
        """Providers, each as a `ProviderRecord` or a tuple like it."""
        self._providers.add(provider_columns(rows))

    def add_inventories(self, rows: Sequence[InventoryRow]) -> None:
        """Inventories with their use, each as an `InventoryRecord` or a tuple like it."""
        self._inventories.add({**link_columns(rows), **stock_columns(rows)})

    def add_traits(self, rows: Sequence[LinkRow]) -> None:
        """Which provider has which trait: (provider key, trait key)."""
        self._traits.add(link_columns(rows))

    def add_aggregates(self, rows: Sequence[LinkRow]) -> None:
        """Which provider is in which aggregate: (provider key, aggregate key)."""
        self._aggregates.add(link_columns(rows))

    def finish(self) -> Snapshot:
        """The snapshot of all that was added. The builder may not be used afterwards.

        Raises ValueError if a row says something of a provider that was not added.
        """
        providers = _by_key(self._providers.joined())
        keys = providers["keys"]
        inventories = self._inventories.joined()
        stock = _links(inventories, keys)
        traits, aggregates = _links(self._traits.joined(), keys), _links(self._aggregates.joined(), keys)
        providers["classes"] = stock.tuples(keys, {})
        providers["traits"], providers["aggregates"] = traits.tuples(keys, {}), aggregates.tuples(keys, {})
        trees = _descendants(keys, providers["roots"])
        amounts = {name: inventories[name] for name in stock_columns(())}
        blocks = _blocks(providers, stock, amounts, traits, aggregates, np.array(sorted(trees), np.int64))
        listed = keys.tolist()
        return Snapshot(
            blocks=tuple(blocks),
            provider_keys=ShardedMap.of(dict(zip(providers["uuids"].tolist(), listed, strict=True))),
            named_keys=ShardedMap.of(dict(zip(providers["names"].tolist(), listed, strict=True))),
            descendants=ShardedMap.of(trees),
            class_names=ShardedMap.of(self._class_names),
            class_keys=ShardedMap.of(_turned(self._class_names)),
            trait_names=ShardedMap.of(self._trait_names),
            trait_keys=ShardedMap.of(_turned(self._trait_names)),
            aggregate_keys=ShardedMap.of(_turned(self._aggregate_uuids)),
        )


class _Portions:
    """Columns by name that grow by portions."""

    def __init__(self, nothing: Columns) -> None:
        self._portions = {name: [column] for name, column in nothing.items()}

    def add(self, columns: Columns) -> None:
        for name, column in columns.items():
            self._portions[name].append(column)

    def joined(self) -> Columns:
        """All portions together; each column's portions are given up before the next is joined, to save memory."""
        return {name: np.concatenate(self._portions.pop(name)) for name in list(self._portions)}


def _by_key(providers: Columns) -> Columns:
    keys = providers["keys"]
    if (np.diff(keys) > 0).all():
        return providers
    order = keys.argsort()
    return {name: column[order] for name, column in providers.items()}


def _links(columns: Columns, providers: Integers) -> Links:
    links = Links.of(columns["keys"], columns["labels"])
    if not np.isin(links.keys, providers).all():
        raise ValueError("a row says something of a provider that is not there")
    return links


def _descendants(keys: Integers, roots: Integers) -> dict[int, tuple[int, ...]]:
    """The sorted keys of each tree's providers without its root, by the root's key; only trees of several."""
    below = np.flatnonzero(keys != roots)
    below = below[roots[below].argsort(kind="stable")]  # the order of keys stays within a tree
    pairs = zip(roots[below].tolist(), keys[below].tolist(), strict=True)
    return {root: tuple(key for _, key in some) for root, some in groupby(pairs, lambda pair: pair[0])}


def _blocks(
    providers: Columns, stock: Links, amounts: Columns, traits: Links, aggregates: Links, branched: Integers
) -> Iterator[Block]:
    keys = providers.pop("keys")
    for number in np.unique(keys >> PLACE_BITS).tolist():
        some = _span(keys, number)
        entries, rows = stock.index(number)
        yield Block(
            number=number,
            places=keys[some] & PLACE_MASK,
            **{name: column[some].copy() for name, column in providers.items()},
            branched=_flags(branched[_span(branched, number)] & PLACE_MASK),
            trait_index=traits.index(number)[0],
            aggregate_index=aggregates.index(number)[0],
            stock=Stock(entries, **{name: column[rows] for name, column in amounts.items()}),
        )


def _span(keys: Integers, number: int) -> slice:
    return slice(*keys.searchsorted((number << PLACE_BITS, (number + 1) << PLACE_BITS)).tolist())


def _flags(places: Integers) -> Mask:
    flags = np.zeros(BLOCK_SIZE, np.bool_)
    flags[places] = True
    return flags


def _turned(names: Mapping[int, str]) -> dict[str, int]:
    return {name: key for key, name in names.items()}
