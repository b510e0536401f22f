"""A mapping that is never edited: a changed one shares all but the touched shards with the old."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

SHARDS = 1024
"""So many that a shard of a million keys is copied in microseconds, so few that their list is too."""


class ShardedMap(Generic[Key, Value]):
    """An immutable mapping by hash over `SHARDS` dictionaries. A change of one key copies one of them."""

    __slots__ = ("_shards", "_size")

    def __init__(self) -> None:
        empty: dict[Key, Value] = {}
        self._shards = [empty] * SHARDS
        self._size = 0

    @staticmethod
    def of(items: Mapping[Key, Value]) -> ShardedMap[Key, Value]:
        """A mapping of the same items."""
        empty: ShardedMap[Key, Value] = ShardedMap()
        return empty.changed(items) if items else empty

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: Key) -> bool:
        return key in self._shards[hash(key) & (SHARDS - 1)]

    def get(self, key: Key) -> Value | None:
        """The value of a key, or None if there is no such key."""
        return self._shards[hash(key) & (SHARDS - 1)].get(key)

    def items(self) -> Iterator[tuple[Key, Value]]:
        """All keys with their values, in no order that may be relied on."""
        for shard in self._shards:
            yield from shard.items()

    def changed(self, added: Mapping[Key, Value], removed: Iterable[Key] = ()) -> ShardedMap[Key, Value]:
        """This mapping without the keys of `removed` (unknown ones are no error), then with those of `added`."""
        shards = list(self._shards)
        own: set[int] = set()

        def writable(key: Key) -> dict[Key, Value]:
            place = hash(key) & (SHARDS - 1)
            if place not in own:
                own.add(place)
                shards[place] = dict(shards[place])
            return shards[place]

        for key in removed:
            if key in shards[hash(key) & (SHARDS - 1)]:
                del writable(key)[key]
        for key, value in added.items():
            writable(key)[key] = value
        result: ShardedMap[Key, Value] = ShardedMap.__new__(ShardedMap)
        result._shards = shards
        result._size = self._size + sum(len(shards[place]) - len(self._shards[place]) for place in own)
        return result
