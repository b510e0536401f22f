"""What a whole fleet says to a request: the slots to fill, and the roots (anchors) under which each can be filled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ullage.engine.asked import AskedGroup, AskedRoot, Labels, asked_group, asked_traits
from ullage.engine.block import Integers, Mask
from ullage.engine.constraints import PER_ROOT, has_room_for_sum, labelled, narrow, note
from ullage.engine.effort import SHARING_PER_UNIT, Effort
from ullage.engine.groups import UNSUFFIXED, Fleet, Slot, WideSlot, suffixed_slot, unsuffixed_slots
from ullage.engine.repetition import first_of_each_kind
from ullage.engine.rules import Rules
from ullage.engine.snapshot import Snapshot
from ullage.engine.trees import roots, roots_of
from ullage.model.candidate import Step
from ullage.model.request import CandidateRequest, GroupPolicy


@dataclass(frozen=True)
class Survey:
    """The slots of a request and the anchors worth a visit."""

    slots: tuple[Slot, ...]
    rules: Rules
    trait_sets: tuple[Labels, ...]
    """What the unsuffixed slots' providers must have between them; bit by bit, `Rules.traits_together`."""
    positions: Integers
    """The anchors, in order of key."""
    plain: Mask
    """Whether an anchor is a tree of one that nobody shares with: it fills every slot itself, and all together."""


NOTHING = Survey((), Rules((), ()), (), np.empty(0, np.int64), np.empty(0, np.bool_))


@dataclass(frozen=True)
class _Asked:
    groups: tuple[tuple[str, AskedGroup], ...]
    root: AskedRoot
    trait_sets: tuple[Labels, ...] = ()

    @staticmethod
    def of(snapshot: Snapshot, request: CandidateRequest) -> _Asked:
        root_traits = asked_traits(snapshot, request.root_traits)
        groups = tuple((group.suffix, asked_group(snapshot, group)) for group in request.groups)
        for suffix, group in groups:
            if suffix == UNSUFFIXED:
                return _Asked(groups, AskedRoot(root_traits, group.member_of.forbidden), group.traits.required)
        return _Asked(groups, AskedRoot(root_traits, ()))


@dataclass
class _Ground:
    """What is known of the fleet while slot after slot is judged."""

    snapshot: Snapshot
    anchors: Mask
    """The roots under which every slot so far can be filled by itself."""
    served: Mask
    """The roots of the trees that somebody may share with, for any slot."""
    own: Mask
    """The roots of the trees that have a provider for any slot which serves no other tree."""
    unsuffixed: Mask
    """The providers for any unsuffixed slot in their own trees."""
    slots: list[Slot] = field(default_factory=list)

    def add(self, wide: WideSlot, trail: list[Step]) -> bool:
        """Take one more slot into account; whether any anchor is left."""
        self.slots.append(wide.slot)
        self.anchors = wide.anchors(self.snapshot) & self.anchors
        self.own |= wide.not_shared(self.snapshot)
        if wide.served is not None:
            self.served |= wide.served
        if not wide.slot.is_suffixed:
            self.unsuffixed |= wide.own
        return note(trail, wide.slot.suffix, "tree_offers", wide.slot.demands, self.anchors) > 0


def survey(snapshot: Snapshot, request: CandidateRequest, trail: list[Step], effort: Effort) -> Survey:
    """Judge all providers. Raises UnknownResourceClass and UnknownTraits. Writes every step into `trail`.

    Finds nothing, and says so in `effort`, if that is spent on the way.
    """
    asked = _Asked.of(snapshot, request)
    anchors = narrow(PER_ROOT, snapshot, asked.root, roots(snapshot), None, trail)
    ground = _Ground(snapshot, anchors, snapshot.nobody(), snapshot.nobody(), snapshot.nobody())
    if not anchors.any() or not _fill(ground, asked, trail, effort):
        return NOTHING
    if not _have_traits_together(ground, asked.trait_sets, trail, effort):
        return NOTHING
    rules = _rules(request, ground.slots, len(asked.trait_sets))
    if not any(rules.demands):
        return NOTHING
    plain = _drop_unfit_trees_of_one(ground, rules, trail)
    _drop_repetitions(ground)
    positions = np.flatnonzero(ground.anchors)
    return Survey(tuple(ground.slots), rules, asked.trait_sets, positions, plain.reshape(-1)[positions])


def _fill(ground: _Ground, asked: _Asked, trail: list[Step], effort: Effort) -> bool:
    """Judge the slots of all groups, in their order; whether any anchor is left. Stops when none is."""
    fleet = Fleet.of(ground.snapshot, effort)
    known: dict[AskedGroup, tuple[Slot, list[Step]]] = {}
    for suffix, group in asked.groups:
        if effort.gave_up():
            return False
        if suffix == UNSUFFIXED:
            if not all(ground.add(wide, trail) for wide in unsuffixed_slots(fleet, group, trail)):
                return False
        elif group in known:  # what one group does to the anchors, an equal one does not do again
            slot, steps = known[group]
            ground.slots.append(replace(slot, suffix=suffix))
            trail.extend(replace(step, group=suffix) for step in steps)
        else:
            before = len(trail)
            if not ground.add(suffixed_slot(fleet, suffix, group, trail), trail):
                return False
            known[group] = ground.slots[-1], trail[before:]
    return True


def _have_traits_together(ground: _Ground, trait_sets: Sequence[Labels], trail: list[Step], effort: Effort) -> bool:
    """Keep the roots under which somebody for the unsuffixed group has each of the traits; whether any is left."""
    snapshot = ground.snapshot
    effort.judge(len(snapshot), sum(len(traits.keys) for traits in trait_sets), 3 * len(trait_sets))
    for traits in trait_sets:
        if effort.gave_up():
            return False
        own = labelled(snapshot, "trait_index", traits, ground.unsuffixed) & ground.unsuffixed
        found = roots_of(snapshot, own)
        for slot in ground.slots:
            if not slot.is_suffixed and slot.sharing.by_aggregate:
                found = found | slot.sharing.with_any(snapshot, traits).served(snapshot)
                effort.spend(slot.sharing.size // SHARING_PER_UNIT)
        ground.anchors = ground.anchors & found
        if note(trail, UNSUFFIXED, "has_trait", traits, ground.anchors) == 0:
            return False
    return True


def _rules(request: CandidateRequest, slots: Sequence[Slot], trait_sets: int) -> Rules:
    numbers = {slot.suffix: number for number, slot in enumerate(slots)}
    subtrees = (tuple(sorted(numbers[suffix] for suffix in suffixes)) for suffixes in request.same_subtrees)
    wanted = Counter(demand.class_key for slot in slots for demand in slot.demands)
    return Rules(
        is_suffixed=tuple(slot.is_suffixed for slot in slots),
        demands=tuple(tuple((demand.class_key, demand.amount) for demand in slot.demands) for slot in slots),
        contended=frozenset(key for key, count in wanted.items() if count > 1),
        isolate=request.group_policy is GroupPolicy.ISOLATE and sum(slot.is_suffixed for slot in slots) > 1,
        subtrees=tuple(dict.fromkeys(some for some in subtrees if len(some) > 1)),
        one_provider_per_tree=not request.nested,
        traits_together=(1 << trait_sets) - 1,
    )


def _drop_unfit_trees_of_one(ground: _Ground, rules: Rules, trail: list[Step]) -> Mask:
    """Drop the trees of one, served by nobody, that cannot fill all slots together; which of them are left.

    The trail counts all anchors that are left, whether they were judged here or are yet to be walked.
    """
    snapshot = ground.snapshot
    plain = ground.anchors & ~snapshot.branched() & ~ground.served
    others = ground.anchors & ~plain
    if rules.isolate:
        plain = snapshot.nobody()
        note(trail, None, "isolates", (), others)
    for class_key in sorted(rules.contended):
        demands = [demand for slot in ground.slots for demand in slot.demands if demand.class_key == class_key]
        total = demands[0]._replace(amount=sum(demand.amount for demand in demands))
        plain = has_room_for_sum(snapshot, total, plain)
        note(trail, None, "has_room_for_all", total, others | plain)
    ground.anchors = others | plain
    return plain


def _drop_repetitions(ground: _Ground) -> None:
    """Of the anchors that have nothing but the same sharing providers, keep the first."""
    served = np.flatnonzero(ground.anchors & ~ground.own)
    if len(served) < 2:
        return
    aggregates = frozenset[int]().union(*(slot.sharing.by_aggregate for slot in ground.slots))
    anchors = ground.anchors & ground.own
    anchors.reshape(-1)[first_of_each_kind(ground.snapshot, served, aggregates)] = True
    ground.anchors = anchors
