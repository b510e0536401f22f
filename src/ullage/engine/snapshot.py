"""An immutable picture of all providers, as columns in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ullage.engine.block import BLOCK_SIZE, NO_KEY, PLACE_BITS, PLACE_MASK, Block, Integers, Mask
from ullage.engine.persistent import ShardedMap
from ullage.model.names import SHARING_TRAIT
from ullage.model.provider import Provider

NO_POSITION = -1
UUIDS_MAX = 65_536


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All providers at one moment. Made by `Snapshot.empty` and `patch` only.

    Masks over a snapshot have one row per block and one column per place; `position` is the index of an element of a
    flattened mask, so positions are in the order of keys too.
    """

    blocks: tuple[Block, ...] = ()
    """In order of number."""
    provider_keys: ShardedMap[str, int] = field(default_factory=ShardedMap)
    """By uuid."""
    named_keys: ShardedMap[str, int] = field(default_factory=ShardedMap)
    """By name."""
    descendants: ShardedMap[int, tuple[int, ...]] = field(default_factory=ShardedMap)
    """The sorted keys of a tree's providers without its root, by the root's key; trees of one have no entry."""
    class_names: ShardedMap[int, str] = field(default_factory=ShardedMap)
    class_keys: ShardedMap[str, int] = field(default_factory=ShardedMap)
    trait_names: ShardedMap[int, str] = field(default_factory=ShardedMap)
    trait_keys: ShardedMap[str, int] = field(default_factory=ShardedMap)
    aggregate_keys: ShardedMap[str, int] = field(default_factory=ShardedMap)

    @staticmethod
    def empty() -> Snapshot:
        """The snapshot of a world without providers."""
        return Snapshot()

    def __len__(self) -> int:
        return len(self.provider_keys)

    # Blocks and positions

    @cached_property
    def numbers(self) -> Integers:
        """The numbers of the blocks, sorted."""
        return np.array([block.number for block in self.blocks], np.int64)

    @cached_property
    def _block_indexes(self) -> dict[int, int]:
        return {block.number: index for index, block in enumerate(self.blocks)}

    def block(self, number: int) -> Block | None:
        """The block of a number; None if none of its keys has a provider."""
        index = self._block_indexes.get(number)
        return None if index is None else self.blocks[index]

    def existing_block(self, number: int) -> Block:
        """The block of a number that some provider's key has."""
        block = self.block(number)
        if block is None:
            raise LookupError(f"the snapshot has no block {number}")
        return block

    def position(self, key: int) -> int | None:
        """The position of a provider; None if its block does not exist."""
        index = self._block_indexes.get(key >> PLACE_BITS)
        return None if index is None else index << PLACE_BITS | key & PLACE_MASK

    def positions(self, keys: Integers) -> Integers:
        """The positions of some provider keys, NO_POSITION for those whose blocks do not exist."""
        if not self.blocks:
            return np.full(len(keys), NO_POSITION, np.int64)
        numbers = keys >> PLACE_BITS
        first = int(self.numbers[0])
        if int(self.numbers[-1]) - first + 1 == len(self.numbers):
            indexes = numbers - first  # without gaps, as usual, no search is needed
            known = (indexes >= 0) & (indexes < len(self.numbers))
        else:
            indexes = self.numbers.searchsorted(numbers)
            known = indexes < len(self.numbers)
            known[known] = self.numbers[indexes[known]] == numbers[known]
        return np.where(known, indexes << PLACE_BITS | keys & PLACE_MASK, NO_POSITION)

    def keys(self, positions: Integers) -> Integers:
        """The provider keys of some positions."""
        return np.asarray(self.numbers[positions >> PLACE_BITS] << PLACE_BITS | positions & PLACE_MASK)

    # Masks

    def nobody(self) -> Mask:
        """A new mask of no provider."""
        return np.zeros((len(self.blocks), BLOCK_SIZE), np.bool_)

    def everybody(self) -> Mask:
        """A new mask of all providers."""
        return _stacked([block.present for block in self.blocks])

    def branched(self) -> Mask:
        """A new mask of the roots that have descendants."""
        return _stacked([block.branched for block in self.blocks])

    # Single providers

    def row(self, key: int) -> tuple[Block, int] | None:
        """A provider's block and where its columns hold it; None if there is no such provider."""
        block = self.block(key >> PLACE_BITS)
        if block is None:
            return None
        row = block.row(key & PLACE_MASK)
        return None if row is None else (block, row)

    def uuid(self, key: int) -> str:
        """The uuid of a provider that exists."""
        block, row = self._existing(key)
        return str(block.uuids[row])

    def uuids(self, keys: Integers) -> list[str]:
        """The uuids of some providers that exist."""
        result = np.empty(len(keys), np.object_)
        numbers = keys >> PLACE_BITS
        for number in np.unique(numbers).tolist():
            block = self.existing_block(number)
            here = numbers == number
            result[here] = block.uuids[block.rows(keys[here] & PLACE_MASK)]
        return list(result)

    def root_key(self, key: int) -> int:
        """The key of the root of a provider that exists."""
        block, row = self._existing(key)
        return int(block.roots[row])

    def root_keys(self, keys: Integers) -> Integers:
        """The keys of the roots of some providers that exist."""
        result = np.empty(len(keys), np.int64)
        numbers = keys >> PLACE_BITS
        for number in np.unique(numbers).tolist():
            block, here = self.existing_block(number), numbers == number
            result[here] = block.roots[block.rows(keys[here] & PLACE_MASK)]
        return result

    def parent_key(self, key: int) -> int:
        """The key of the parent of a provider that exists; NO_KEY for a root."""
        block, row = self._existing(key)
        return int(block.parents[row])

    def aggregates_of(self, key: int) -> tuple[int, ...]:
        """The keys of the aggregates of a provider that exists, sorted."""
        block, row = self._existing(key)
        aggregates: tuple[int, ...] = block.aggregates[row]
        return aggregates

    def traits_of(self, key: int) -> tuple[int, ...]:
        """The keys of the traits of a provider that exists, sorted."""
        block, row = self._existing(key)
        traits: tuple[int, ...] = block.traits[row]
        return traits

    def provider(self, key: int) -> Provider:
        """A provider that exists, as a record."""
        block, row = self._existing(key)
        parent = int(block.parents[row])
        root = int(block.roots[row])
        uuid = block.uuids[row]
        return Provider(
            uuid=uuid,
            name=block.names[row],
            generation=int(block.generations[row]),
            parent_uuid=None if parent == NO_KEY else self.uuid(parent),
            root_uuid=uuid if root == key else self.uuid(root),
            updated_us=int(block.updated_us[row]),
        )

    def tree(self, root_key: int) -> tuple[int, ...]:
        """The keys of all providers of a root's tree, sorted."""
        below = self.descendants.get(root_key)
        return (root_key,) if below is None else tuple(sorted((root_key, *below)))

    def _existing(self, key: int) -> tuple[Block, int]:
        found = self.row(key)
        if found is None:
            raise LookupError(f"the snapshot has no provider of key {key}")
        return found

    # Names

    @cached_property
    def sharing_trait(self) -> int | None:
        """The key of the trait that makes a provider share; None while no such trait is known."""
        return self.trait_keys.get(SHARING_TRAIT)


class Uuids(dict[int, str]):
    """Uuids by provider key, looked up once, while there are not too many."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __missing__(self, key: int) -> str:
        if len(self) == UUIDS_MAX:
            self.clear()
        uuid = self[key] = self._snapshot.uuid(key)
        return uuid


def _stacked(masks: Sequence[Mask]) -> Mask:
    return np.stack(masks) if masks else np.zeros((0, BLOCK_SIZE), np.bool_)
