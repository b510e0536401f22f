"""What a provider, or the root of a tree, must be like: one function each, in two ordered tuples.

Each function narrows a mask to the elements that satisfy one part of a question, and never edits the mask that it is
given. `narrow` folds a tuple over a question and writes down how many were left after each part, so that an empty
answer can say what emptied it. Cheap and sharp constraints come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ullage.engine.asked import AskedGroup, AskedRoot, Demand, Labels, Tree
from ullage.engine.block import Block, Integers, Mask, put
from ullage.engine.snapshot import Snapshot
from ullage.engine.trees import trees_of
from ullage.model.candidate import Step
from ullage.model.inventory import INTEGER_MAX

Asked = TypeVar("Asked")


class Constraint(NamedTuple, Generic[Asked]):
    """One constraint: its name in the trail, the parts of a question that it judges, and the judgement of a part."""

    name: str
    parts: Callable[[Asked], Iterable[Any]]
    narrow: Callable[[Snapshot, Any, Mask], Mask]


def narrow(
    constraints: Sequence[Constraint[Asked]],
    snapshot: Snapshot,
    asked: Asked,
    mask: Mask,
    suffix: str | None,
    trail: list[Step],
) -> Mask:
    """What is left of a mask; stops at the part that leaves nothing."""
    for constraint in constraints:
        for part in constraint.parts(asked):
            mask = constraint.narrow(snapshot, part, mask)
            if note(trail, suffix, constraint.name, part, mask) == 0:
                return mask
    return mask


def note(trail: list[Step], suffix: str | None, name: str, part: Any, mask: Mask) -> int:
    """Write a step down; answers how many are left."""
    remaining = int(np.count_nonzero(mask))
    trail.append(Step(suffix, f"{name} {described(part)}".rstrip(), remaining))
    return remaining


def described(part: Any) -> str:
    """A part of a question as the trail shows it."""
    if isinstance(part, Labels):
        return part.names
    if isinstance(part, Demand):
        return f"{part.class_name}:{part.amount}"
    if isinstance(part, Tree):
        return part.uuid
    return " and ".join(described(element) for element in part)


# Judgements


def is_in_tree(snapshot: Snapshot, tree: Tree, mask: Mask) -> Mask:
    """Belongs to a tree."""
    result = snapshot.nobody()
    positions = snapshot.positions(np.array(snapshot.tree(tree.root_key), np.int64))
    result.reshape(-1)[positions[positions >= 0]] = True
    return result & mask


def is_member_of(snapshot: Snapshot, aggregates: Labels, mask: Mask) -> Mask:
    """Is in at least one of some aggregates."""
    return labelled(snapshot, "aggregate_index", aggregates, mask) & mask


def avoids_aggregates(snapshot: Snapshot, aggregates: Labels, mask: Mask) -> Mask:
    """Is in none of some aggregates."""
    return ~labelled(snapshot, "aggregate_index", aggregates, mask) & mask


def is_member_of_or_root_is(snapshot: Snapshot, aggregates: Sequence[Labels], mask: Mask) -> Mask:
    """Is itself in at least one of each of some aggregates, or the root of its tree is."""
    members = snapshot.everybody()
    for some in aggregates:
        members = is_member_of(snapshot, some, members)
    return (members | trees_of(snapshot, members)) & mask


def avoids_aggregates_and_root_does(snapshot: Snapshot, aggregates: Labels, mask: Mask) -> Mask:
    """Is in none of some aggregates, nor is the root of its tree."""
    members = labelled(snapshot, "aggregate_index", aggregates, snapshot.everybody())
    return ~(members | trees_of(snapshot, members)) & mask


def has_trait(snapshot: Snapshot, traits: Labels, mask: Mask) -> Mask:
    """Has at least one of some traits."""
    return labelled(snapshot, "trait_index", traits, mask) & mask


def lacks_traits(snapshot: Snapshot, traits: Labels, mask: Mask) -> Mask:
    """Has none of some traits."""
    return ~labelled(snapshot, "trait_index", traits, mask) & mask


def has_room(snapshot: Snapshot, demand: Demand, mask: Mask) -> Mask:
    """Has a class, has enough of it left, and may give that amount by its unit rules."""
    amount = demand.amount
    result = snapshot.nobody()
    if not 0 < amount <= INTEGER_MAX:
        return result
    for index, block in _busy(snapshot, mask):
        span = block.stock.span(demand.class_key)
        if span is None:
            continue
        stock, part = block.stock, slice(span.start, span.stop)
        fits = stock.free[part] >= amount
        # Most inventories of a class have lenient units, so one look at the strictest spares a look at all.
        if amount < span.min_unit_max:
            fits &= stock.min_unit[part] <= amount
        if amount > span.max_unit_min:
            fits &= stock.max_unit[part] >= amount
        if span.step_size_max > 1:
            fits &= amount % stock.step_size[part] == 0
        put(result[index], stock.entries[part], fits)
    return result & mask


def has_room_for_sum(snapshot: Snapshot, demand: Demand, mask: Mask) -> Mask:
    """Has room for amounts that several groups ask of a class, each judged before: only the sum's limits count."""
    amount = demand.amount
    result = snapshot.nobody()
    if amount > INTEGER_MAX:
        return result
    for index, block in _busy(snapshot, mask):
        span = block.stock.span(demand.class_key)
        if span is None:
            continue
        stock, part = block.stock, slice(span.start, span.stop)
        fits = stock.free[part] >= amount
        if amount > span.max_unit_min:
            fits &= stock.max_unit[part] >= amount
        put(result[index], stock.entries[part], fits)
    return result & mask


def labelled(snapshot: Snapshot, index_name: str, labels: Labels, where: Mask) -> Mask:
    """Which providers have any of some labels; only blocks with something in `where` are looked at."""
    result = snapshot.nobody()
    bounds = labels.bounds
    count = len(labels.keys)
    if count == 0:
        return result
    for index, block in _busy(snapshot, where):
        entries: Integers = getattr(block, index_name)
        spans = entries.searchsorted(bounds).tolist()
        for start, stop in zip(spans[:count], spans[count:], strict=True):
            if start != stop:
                put(result[index], entries[start:stop], True)
    return result


def _busy(snapshot: Snapshot, mask: Mask) -> Iterator[tuple[int, Block]]:
    for index in np.flatnonzero(mask.any(axis=1)).tolist():
        yield index, snapshot.blocks[index]


# The order of judgement

PER_PROVIDER: tuple[Constraint[AskedGroup], ...] = (
    Constraint("in_tree", lambda group: group.in_tree, is_in_tree),
    Constraint("member_of", lambda group: group.member_of.required, is_member_of),
    Constraint("avoids_aggregates", lambda group: group.member_of.forbidden, avoids_aggregates),
    Constraint("has_trait", lambda group: group.traits.required, has_trait),
    Constraint("lacks_traits", lambda group: group.traits.forbidden, lacks_traits),
    Constraint("has_room", lambda group: group.demands, has_room),
)
"""What one provider must be by itself: for a suffixed group, or to be listed."""

PER_TREE: tuple[Constraint[AskedGroup], ...] = (
    Constraint("in_tree", lambda group: group.in_tree, is_in_tree),
    Constraint("lacks_traits", lambda group: group.traits.forbidden, lacks_traits),
    Constraint("member_of", lambda group: _all_at_once(group.member_of.required), is_member_of_or_root_is),
    Constraint("avoids_aggregates", lambda group: group.member_of.forbidden, avoids_aggregates_and_root_does),
)
"""What a provider must be to serve the unsuffixed group in its own tree, where the root's aggregates span."""

PER_SHARING: tuple[Constraint[AskedGroup], ...] = (
    Constraint("lacks_traits", lambda group: group.traits.forbidden, lacks_traits),
    Constraint("member_of", lambda group: group.member_of.required, is_member_of),
    Constraint("avoids_aggregates", lambda group: group.member_of.forbidden, avoids_aggregates),
)
"""What a sharing provider must be to serve the unsuffixed group of other trees."""

PER_ROOT: tuple[Constraint[AskedRoot], ...] = (
    Constraint("root_has_trait", lambda root: root.traits.required, has_trait),
    Constraint("root_lacks_traits", lambda root: root.traits.forbidden, lacks_traits),
    Constraint("root_avoids_aggregates", lambda root: root.avoided_aggregates, avoids_aggregates),
)
"""What the root that a candidate hangs on must be."""


def _all_at_once(parts: tuple[Labels, ...]) -> tuple[tuple[Labels, ...], ...]:
    return (parts,) if parts else ()
