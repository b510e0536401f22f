"""What could fill each slot under some anchors, gathered for many anchors at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise

import numpy as np

from ullage.engine.block import PLACE_BITS, PLACE_MASK, Integers, Mask, entries_of
from ullage.engine.groups import PackedMask
from ullage.engine.rules import Anchor
from ullage.engine.snapshot import Snapshot
from ullage.engine.survey import Survey

ROOM_MAX = 2**53
"""Where doubles stop counting by one; no request asks for as much."""

PORTION_MAX = 100_000
"""After so many choices the anchors that have them are given before more are gathered: with everybody sharing with
everybody, one alone may have as many."""


Gathered = tuple[int, tuple[tuple[int, ...], ...], frozenset[int]]
"""A root key, the choices of each slot under it, and the aggregates in which others share with its tree."""


class Gatherer:
    """Makes anchors for one search."""

    def __init__(self, snapshot: Snapshot, survey: Survey, seed: int | None) -> None:
        self._snapshot = snapshot
        self._survey = survey
        self._seed = seed
        sharing = [slot.sharing.by_aggregate for slot in survey.slots]
        self._aggregates = frozenset[int]().union(*sharing)
        """Those by which anybody shares who could fill a slot."""
        self._shared: dict[frozenset[int], tuple[tuple[int, ...], ...]] = {}
        self._shared_through: dict[tuple[int, ...], frozenset[int]] = {}
        self._traits: dict[int, int] = {}
        self._crowds = _crowds(survey)
        self._wanted_by = {
            class_key: [slot for slot, demands in enumerate(survey.rules.demands) if class_key in dict(demands)]
            for class_key in survey.rules.contended
        }

    def anchors(self, keys: Sequence[int]) -> Iterator[Anchor]:
        """The anchors of some root keys, with their choices in the order of keys, or shuffled by the seed.

        One whose tree has fewer providers than slots which must be apart has no choices at all.
        """
        trees = [self._snapshot.tree(key) for key in keys]
        bounds = np.cumsum([0, *(len(tree) for tree in trees)])
        members = np.fromiter(chain.from_iterable(trees), np.int64, int(bounds[-1]))
        positions = self._snapshot.positions(members)
        by_tree: dict[int, list[list[int]]] = {}
        for slot in self._survey.slots:
            if id(slot.own) not in by_tree:  # slots of equal groups have one mask
                by_tree[id(slot.own)] = _by_tree(slot.own, members, positions, bounds)
        own = [by_tree[id(slot.own)] for slot in self._survey.slots]
        served = [self._served_by(tree) for tree in trees]
        has_seats = np.ones(len(keys), np.bool_)
        for mask, seats in self._crowds:
            has_seats &= _counts(mask.at(positions), bounds) >= seats
        portion: list[Gathered] = []
        width = 0
        for number, (key, by, is_roomy) in enumerate(zip(keys, served, has_seats.tolist(), strict=True)):
            choices = self._choices(key, by, [some[number] for some in own]) if is_roomy else ((),) * len(own)
            portion.append((key, choices, by))
            width += sum(map(len, choices))
            if width > PORTION_MAX:
                yield from self._filled(portion)
                portion, width = [], 0
        yield from self._filled(portion)

    def _filled(self, portion: Sequence[Gathered]) -> Iterator[Anchor]:
        """The anchors of some root keys, choices, and aggregates through which they are served."""
        choices = [some for _, some, _ in portion]
        room = {class_key: self._room(class_key, choices) for class_key in self._survey.rules.contended}
        for key, some, by in portion:
            yield self._anchor(key, some, by, room)

    def _choices(self, key: int, served_by: frozenset[int], own: Sequence[list[int]]) -> tuple[tuple[int, ...], ...]:
        """What could fill each slot under an anchor, by slot."""
        choices: Iterable[Iterable[int]] = own
        if served_by:
            choices = (
                sorted({*some, *shared}) if some and shared else some or shared
                for some, shared in zip(own, self._shared_with(served_by), strict=True)
            )
        if self._seed is not None:
            choices = self._shuffled(key, [list(some) for some in choices])
        alike: dict[tuple[int, ...], tuple[int, ...]] = {}  # slots are many, and their choices often the same
        return tuple(alike.setdefault(some, some) for some in map(tuple, choices))

    def _anchor(
        self,
        key: int,
        choices: tuple[tuple[int, ...], ...],
        served_by: frozenset[int],
        room: Mapping[int, Mapping[int, int]],
    ) -> Anchor:
        rules = self._survey.rules
        return Anchor(
            key,
            choices,
            served_by,
            room={class_key: {p: room[class_key][p] for p in self._wanting(class_key, choices)} for class_key in room},
            roots={p: self._snapshot.root_key(p) for p in chain(*choices)} if rules.one_provider_per_tree else {},
            traits=self._traits_of(choices) if rules.traits_together else {},
        )

    def _served_by(self, tree: Iterable[int]) -> frozenset[int]:
        """The aggregates of a tree's members in which anybody shares who could fill a slot."""
        if not self._aggregates:
            return frozenset()
        some = [self._shared_by(self._snapshot.aggregates_of(key)) for key in tree]
        return some[0] if len(some) == 1 else frozenset[int]().union(*some)

    def _shared_by(self, aggregates: tuple[int, ...]) -> frozenset[int]:
        """Those of a provider's aggregates in which anybody shares; whole racks are in the same ones."""
        shared = self._shared_through.get(aggregates)
        if shared is None:
            shared = self._shared_through[aggregates] = self._aggregates.intersection(aggregates)
        return shared

    def _shared_with(self, served_by: frozenset[int]) -> tuple[tuple[int, ...], ...]:
        """For every slot the providers that share in some aggregates, sorted."""
        shared = self._shared.get(served_by)
        if shared is None:
            shared = self._shared[served_by] = tuple(
                tuple(sorted({*chain.from_iterable(slot.sharing.by_aggregate.get(one, ()) for one in served_by)}))
                for slot in self._survey.slots
            )
        return shared

    def _shuffled(self, anchor: int, choices: Sequence[list[int]]) -> list[list[int]]:
        providers = sorted(set(chain.from_iterable(choices)))
        order = np.random.default_rng((self._seed or 0, anchor)).permutation(len(providers)).tolist()
        rank = dict(zip(providers, order, strict=True))
        return [sorted(some, key=rank.__getitem__) for some in choices]

    def _room(self, class_key: int, choices: Sequence[tuple[tuple[int, ...], ...]]) -> dict[int, int]:
        providers = set[int]().union(*(self._wanting(class_key, some) for some in choices))
        return room_left(self._snapshot, class_key, providers)

    def _wanting(self, class_key: int, choices: tuple[tuple[int, ...], ...]) -> set[int]:
        """All choices of the slots that want a class."""
        return set[int]().union(*{choices[slot] for slot in self._wanted_by[class_key]})

    def _traits_of(self, choices: Sequence[tuple[int, ...]]) -> dict[int, int]:
        for slot, some in zip(self._survey.slots, choices, strict=True):
            if not slot.is_suffixed:
                for provider in some:
                    if provider not in self._traits:
                        traits = frozenset(self._snapshot.traits_of(provider))
                        self._traits[provider] = sum(
                            1 << number
                            for number, wanted in enumerate(self._survey.trait_sets)
                            if not traits.isdisjoint(wanted.keys)
                        )
        return self._traits


def room_left(snapshot: Snapshot, class_key: int, providers: Iterable[int]) -> dict[int, int]:
    """The most that one claim may take of a class from each of some providers that all offer it."""
    keys = np.array(sorted(providers), np.int64)
    numbers = keys >> PLACE_BITS
    result: dict[int, int] = {}
    for number in np.unique(numbers).tolist():
        block = snapshot.existing_block(number)
        some = keys[numbers == number]
        at = block.stock.entries.searchsorted(entries_of(class_key, some & PLACE_MASK))
        most = np.clip(block.stock.free[at], 0, ROOM_MAX).astype(np.int64)
        result.update(zip(some.tolist(), np.minimum(most, block.stock.max_unit[at]).tolist(), strict=True))
    return result


def _crowds(survey: Survey) -> list[tuple[PackedMask, int]]:
    """Some providers, and how many slots there are which only they can fill, each another one."""
    if not survey.rules.isolate:
        return []
    masks = [slot.own for slot in survey.slots if slot.is_suffixed and not slot.sharing.keys]
    alike = Counter(map(id, masks))  # slots of equal groups have one mask
    distinct = list({id(mask): mask for mask in masks}.values())
    crowds = [(mask, alike[id(mask)]) for mask in distinct if alike[id(mask)] > 1]
    if len(distinct) > 1:
        crowds.append((PackedMask(np.bitwise_or.reduce([mask.bits for mask in distinct])), len(masks)))
    return crowds


def _counts(fits: Mask, bounds: Integers) -> Integers:
    """How many members of each tree fit."""
    return np.diff(np.concatenate(([0], np.cumsum(fits)))[bounds])


def _by_tree(own: PackedMask, members: Integers, positions: Integers, bounds: Integers) -> list[list[int]]:
    """The members of each tree that are in a mask."""
    fits = own.at(positions)
    found = members[fits].tolist()
    ends = np.concatenate(([0], np.cumsum(fits)))[bounds].tolist()
    return [found[start:stop] for start, stop in pairwise(ends)]
