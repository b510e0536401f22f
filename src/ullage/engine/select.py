"""Providers that satisfy a filter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ullage.engine.asked import AskedGroup, asked_aggregates, asked_demands, asked_traits, asked_tree
from ullage.engine.block import NO_KEY, PLACE_BITS, Block, Integers, Mask
from ullage.engine.constraints import PER_PROVIDER, narrow
from ullage.engine.snapshot import Snapshot, Uuids
from ullage.model.candidate import Step
from ullage.model.provider import Provider
from ullage.model.request import ProviderFilter


class Selection:
    """Some providers of a snapshot, in order of key; each is made when it is come to."""

    def __init__(self, snapshot: Snapshot, mask: Mask) -> None:
        self._snapshot = snapshot
        self._mask = mask

    def __len__(self) -> int:
        return int(np.count_nonzero(self._mask))

    @property
    def updated_us(self) -> int:
        """When the row of one of them last changed, in microseconds since 1970 (UTC); 0 if there are none."""
        return max((int(block.updated_us[rows].max()) for block, rows in self._rows()), default=0)

    def __iter__(self) -> Iterator[Provider]:
        uuids = Uuids(self._snapshot)
        for block, rows in self._rows():
            columns = (block.places, block.generations, block.parents, block.roots, block.updated_us)
            numbers = zip(*(column[rows].tolist() for column in columns), strict=True)
            texts = zip(block.uuids[rows].tolist(), block.names[rows].tolist(), strict=True)
            first = block.number << PLACE_BITS
            for (uuid, name), (place, generation, parent, root, updated_us) in zip(texts, numbers, strict=True):
                parent_uuid = None if parent == NO_KEY else uuids[parent]
                root_uuid = uuid if root == first + place else uuids[root]
                yield Provider(uuid, name, generation, parent_uuid, root_uuid, updated_us)

    def _rows(self) -> Iterator[tuple[Block, Integers]]:
        for block, mask in zip(self._snapshot.blocks, self._mask, strict=True):
            places = np.flatnonzero(mask)
            if len(places):
                yield block, block.rows(places)


def selected(snapshot: Snapshot, provider_filter: ProviderFilter) -> Selection:
    """The providers that satisfy a filter, each by itself.

    Raises UnknownResourceClass and UnknownTraits; an unknown name, uuid, aggregate or tree is nobody's.
    """
    asked = AskedGroup(
        demands=asked_demands(snapshot, provider_filter.resources),
        traits=asked_traits(snapshot, provider_filter.traits),
        member_of=asked_aggregates(snapshot, provider_filter.member_of),
        in_tree=asked_tree(snapshot, provider_filter.in_tree),
    )
    trail: list[Step] = []
    return Selection(snapshot, narrow(PER_PROVIDER, snapshot, asked, _named(snapshot, provider_filter), None, trail))


def select(snapshot: Snapshot, provider_filter: ProviderFilter) -> tuple[Provider, ...]:
    """The same, all at once."""
    return tuple(selected(snapshot, provider_filter))


def _named(snapshot: Snapshot, provider_filter: ProviderFilter) -> Mask:
    """The one provider that uuid and name say, everybody if neither is said."""
    said = ((snapshot.provider_keys, provider_filter.uuid), (snapshot.named_keys, provider_filter.name))
    keys = {known.get(value) for known, value in said if value is not None}
    if not keys:
        return snapshot.everybody()
    mask = snapshot.nobody()
    for key in keys if len(keys) == 1 else ():
        position = None if key is None else snapshot.position(key)
        if position is not None:
            mask.reshape(-1)[position] = True
    return mask
