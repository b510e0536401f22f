"""A request in the keys of a snapshot instead of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ullage.engine.block import NO_KEY, PLACE_BITS, Integers
from ullage.engine.persistent import ShardedMap
from ullage.engine.snapshot import Snapshot
from ullage.model.errors import UnknownResourceClass, UnknownTraits
from ullage.model.request import LabelFilter, RequestGroup


class Demand(NamedTuple):
    """An amount of one class."""

    class_key: int
    class_name: str
    amount: int


class Tree(NamedTuple):
    """A tree by the uuid of any of its providers."""

    uuid: str
    root_key: int
    """NO_KEY if there is no such provider."""


@dataclass(frozen=True)
class Labels:
    """Some traits or aggregates, any of which is meant."""

    names: str
    """As the trail shows them."""
    keys: tuple[int, ...]

    @property
    def bounds(self) -> Integers:
        """Between which index entries the labels stand: first all starts, then all stops."""
        keys = np.array(self.keys, np.int64)
        return np.concatenate((keys << PLACE_BITS, (keys + 1) << PLACE_BITS))


@dataclass(frozen=True)
class AskedLabels:
    """A `LabelFilter`: of each of `required` one must be there, of `forbidden` (no element, or one) none."""

    required: tuple[Labels, ...] = ()
    forbidden: tuple[Labels, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.required or self.forbidden)


@dataclass(frozen=True)
class AskedGroup:
    """A `RequestGroup`. Equal ones are satisfied by the same providers."""

    demands: tuple[Demand, ...]
    traits: AskedLabels
    member_of: AskedLabels
    in_tree: tuple[Tree, ...] = ()
    """No element if any tree will do."""


@dataclass(frozen=True)
class AskedRoot:
    """What the root that a candidate hangs on must be like."""

    traits: AskedLabels
    avoided_aggregates: tuple[Labels, ...]
    """Those that the unsuffixed group forbids: they span from the root, over what is shared with its tree too."""


def asked_group(snapshot: Snapshot, group: RequestGroup) -> AskedGroup:
    """A group in keys. Raises UnknownResourceClass and UnknownTraits."""
    return AskedGroup(
        demands=asked_demands(snapshot, group.resources),
        traits=asked_traits(snapshot, group.traits),
        member_of=asked_aggregates(snapshot, group.member_of),
        in_tree=asked_tree(snapshot, group.in_tree),
    )


def asked_demands(snapshot: Snapshot, resources: Mapping[str, int]) -> tuple[Demand, ...]:
    """Amounts by class, in their order. Raises UnknownResourceClass."""

    def demand(name: str, amount: int) -> Demand:
        key = snapshot.class_keys.get(name)
        if key is None:
            raise UnknownResourceClass(name)
        return Demand(key, name, amount)

    return tuple(demand(name, amount) for name, amount in resources.items())


def asked_traits(snapshot: Snapshot, traits: LabelFilter) -> AskedLabels:
    """A filter by traits. Raises UnknownTraits, which names all that are."""
    names = frozenset[str]().union(*traits.required, traits.forbidden)
    unknown = sorted(name for name in names if name not in snapshot.trait_keys)
    if unknown:
        raise UnknownTraits(tuple(unknown))
    return _asked_labels(snapshot.trait_keys, traits)


def asked_aggregates(snapshot: Snapshot, aggregates: LabelFilter) -> AskedLabels:
    """A filter by aggregates; those that the snapshot does not know have no members."""
    return _asked_labels(snapshot.aggregate_keys, aggregates)


def asked_tree(snapshot: Snapshot, uuid: str | None) -> tuple[Tree, ...]:
    """The tree of a provider; no element if none is asked for."""
    if uuid is None:
        return ()
    key = snapshot.provider_keys.get(uuid)
    return (Tree(uuid, NO_KEY if key is None else snapshot.root_key(key)),)


def _asked_labels(keys: ShardedMap[str, int], labels: LabelFilter) -> AskedLabels:
    required = tuple(_labels(keys, names) for names in labels.required)
    return AskedLabels(required, (_labels(keys, labels.forbidden),) if labels.forbidden else ())


def _labels(keys: ShardedMap[str, int], names: Iterable[str]) -> Labels:
    in_order = sorted(names)
    return Labels(",".join(in_order), tuple(sorted(_known(keys, in_order))))


def _known(keys: ShardedMap[str, int], names: Iterable[str]) -> Iterator[int]:
    for name in names:
        key = keys.get(name)
        if key is not None:
            yield key
