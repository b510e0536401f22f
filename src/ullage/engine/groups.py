"""What a request has to find a provider for, and which providers would do.

A *slot* is filled by one provider: a whole suffixed group, or one resource class of the unsuffixed group (a class is
never split over providers there).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from ullage.engine.asked import AskedGroup, Demand, Labels
from ullage.engine.block import Integers, Mask
from ullage.engine.constraints import PER_PROVIDER, PER_SHARING, PER_TREE, has_room, labelled, narrow, note
from ullage.engine.effort import SHARING_PER_UNIT, Effort
from ullage.engine.snapshot import Snapshot
from ullage.engine.trees import roots_of
from ullage.model.candidate import Step

UNSUFFIXED = ""


@dataclass(frozen=True)
class PackedMask:
    """A flattened mask, a bit per position: a request may have many slots, and a fleet many providers."""

    bits: npt.NDArray[np.uint8]

    @staticmethod
    def of(mask: Mask) -> PackedMask:
        return PackedMask(np.packbits(mask.reshape(-1)))

    def at(self, positions: Integers) -> Mask:
        """The elements at some positions."""
        return np.asarray(self.bits[positions >> 3] >> (7 - (positions & 7)).astype(np.uint8) & 1, np.bool_)


@dataclass(frozen=True)
class Sharing:
    """Sharing providers and whom they may serve."""

    by_aggregate: Mapping[int, tuple[int, ...]]
    """Aggregate key -> sharing providers in it, sorted: they serve every tree with any member in that aggregate."""
    size: int
    """How many providers by how many aggregates: what it takes to go through them."""
    keys: frozenset[int]
    """All of them. One that is in no aggregate serves its own tree only, as any provider does, and is not here."""

    @staticmethod
    def of(snapshot: Snapshot, mask: Mask) -> Sharing:
        """The providers of a mask, all of which have the sharing trait."""
        by_aggregate: defaultdict[int, list[int]] = defaultdict(list)
        for key in snapshot.keys(np.flatnonzero(mask)).tolist():
            for aggregate in snapshot.aggregates_of(key):
                by_aggregate[aggregate].append(key)
        return Sharing.by(by_aggregate)

    @staticmethod
    def by(by_aggregate: Mapping[int, Iterable[int]]) -> Sharing:
        """Providers by the aggregates that they share in; empty aggregates are left out."""
        listed = {aggregate: tuple(keys) for aggregate, keys in by_aggregate.items()}
        kept = {aggregate: keys for aggregate, keys in listed.items() if keys}
        return Sharing(kept, sum(map(len, kept.values())), frozenset(chain.from_iterable(kept.values())))

    def served(self, snapshot: Snapshot) -> Mask:
        """The roots of the trees that may be served."""
        if not self.by_aggregate:
            return snapshot.nobody()
        aggregates = Labels("", tuple(sorted(self.by_aggregate)))
        return roots_of(snapshot, labelled(snapshot, "aggregate_index", aggregates, snapshot.everybody()))

    def with_any(self, snapshot: Snapshot, traits: Labels) -> Sharing:
        """Those of them that have any of some traits."""
        wanted = frozenset(traits.keys)
        fitting = {key for key in self.keys if not wanted.isdisjoint(snapshot.traits_of(key))}
        return Sharing.by(
            {aggregate: [key for key in keys if key in fitting] for aggregate, keys in self.by_aggregate.items()}
        )


NOBODY = PackedMask(np.empty(0, np.uint8))
NOBODY_SHARES = Sharing.by({})


@dataclass(frozen=True)
class Slot:
    """One provider to find, and which would do: those of a tree itself, and those that share with it."""

    suffix: str
    demands: tuple[Demand, ...]
    """Empty for a group without resources: its provider is mapped to, but gives nothing."""
    own: PackedMask
    sharing: Sharing

    @property
    def is_suffixed(self) -> bool:
        return self.suffix != UNSUFFIXED


@dataclass(frozen=True)
class WideSlot:
    """A slot while the whole fleet is judged: `served` are the roots of the trees that sharing providers may serve."""

    slot: Slot
    own: Mask
    served: Mask | None

    def anchors(self, snapshot: Snapshot) -> Mask:
        """The roots under which the slot can be filled."""
        roots = roots_of(snapshot, self.own)
        return roots if self.served is None else roots | self.served

    def not_shared(self, snapshot: Snapshot) -> Mask:
        """The roots of the trees that have a provider for the slot which serves no other tree."""
        if self.served is None:
            return roots_of(snapshot, self.own)
        own = self.own.copy()
        own.reshape(-1)[snapshot.positions(np.array(sorted(self.slot.sharing.keys), np.int64))] = False
        return roots_of(snapshot, own)


@dataclass(frozen=True)
class Fleet:
    """What every group of one search is judged on."""

    snapshot: Snapshot
    everybody: Mask
    sharing: Mask | None
    """The providers that share; None if nobody does."""
    effort: Effort

    @staticmethod
    def of(snapshot: Snapshot, effort: Effort) -> Fleet:
        everybody = snapshot.everybody()
        if snapshot.sharing_trait is None:
            return Fleet(snapshot, everybody, None, effort)
        sharing = labelled(snapshot, "trait_index", Labels("", (snapshot.sharing_trait,)), everybody)
        return Fleet(snapshot, everybody, sharing if sharing.any() else None, effort)

    def slot(self, suffix: str, demands: tuple[Demand, ...], own: Mask, shared: Mask) -> WideSlot:
        """A slot that providers of `own` may fill in their trees, and those of `shared` that share in others."""
        packed = PackedMask.of(own) if self.has_choices else NOBODY
        if self.sharing is None:
            return WideSlot(Slot(suffix, demands, packed, NOBODY_SHARES), own, None)
        sharing = Sharing.of(self.snapshot, shared & self.sharing)
        self.effort.spend(sharing.size // SHARING_PER_UNIT)
        self.effort.judge(len(self.snapshot), len(sharing.by_aggregate) and 1, 3)
        served = sharing.served(self.snapshot) if sharing.by_aggregate else None
        return WideSlot(Slot(suffix, demands, packed, sharing), own, served)

    def judge(self, group: AskedGroup) -> None:
        """Count the work of judging everybody for a group."""
        filters = (group.traits, group.member_of)
        labels = sum(len(some.keys) for each in filters for some in (*each.required, *each.forbidden))
        conditions = sum(len(each.required) + len(each.forbidden) for each in filters) + len(group.demands) + 2
        self.effort.judge(len(self.snapshot), labels, conditions)

    @property
    def has_choices(self) -> bool:
        """Whether there are trees of several providers, or sharing ones: else every anchor fills all slots itself."""
        return self.sharing is not None or len(self.snapshot.descendants) > 0


def suffixed_slot(fleet: Fleet, suffix: str, group: AskedGroup, trail: list[Step]) -> WideSlot:
    """The slot of a suffixed group; its mask is empty if no provider satisfies it."""
    fleet.judge(group)
    own = narrow(PER_PROVIDER, fleet.snapshot, group, fleet.everybody, suffix, trail)
    return fleet.slot(suffix, group.demands, own, own)


def unsuffixed_slots(fleet: Fleet, group: AskedGroup, trail: list[Step]) -> Iterable[WideSlot]:
    """The slots of the unsuffixed group, class by class."""
    snapshot = fleet.snapshot
    fleet.judge(group)
    own = narrow(PER_TREE, snapshot, group, fleet.everybody, UNSUFFIXED, trail)
    shared = snapshot.nobody()
    if fleet.sharing is not None and not group.in_tree:
        shared = narrow(PER_SHARING, snapshot, group, fleet.sharing, UNSUFFIXED, [])
    for demand in group.demands:
        fits = has_room(snapshot, demand, own | shared)
        note(trail, UNSUFFIXED, "has_room", demand, fits)
        yield fleet.slot(UNSUFFIXED, (demand,), fits & own, fits & shared)
