"""The judge of the engine: every allocation candidate, found by trying everything.

Written from the published behaviour of the Placement API and its documentation, without a look at the engine. It is
slow and plain on purpose: for every root that may anchor a candidate it takes each provider in reach for each group,
and keeps the combinations that break no rule. Names are those of a `worlds.World`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

from worlds import Place, World, uuid_of

from ullage.model.names import SHARING_TRAIT
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, ProviderFilter, RequestGroup

Allocations = frozenset[tuple[str, str, int]]
"""(provider uuid, class, amount)"""
Mappings = frozenset[tuple[str, frozenset[str]]]
"""(suffix, provider uuids)"""
Choice = dict[str, str]
"""Which provider gives which class of a group; a group without resources has its one provider under ""."""


def candidates(world: World, request: CandidateRequest) -> set[tuple[Allocations, Mappings]]:
    """All candidates, each with its mappings."""
    return {
        found
        for place in world.places
        if place.parent is None and _admits(request.root_traits, place.traits)
        for found in _under(world, place.name, request)
    }


def _under(world: World, anchor: str, request: CandidateRequest) -> Iterator[tuple[Allocations, Mappings]]:
    """The candidates of one anchor."""
    choices = [list(_choices(world, anchor, group)) for group in request.groups]
    for combination in product(*choices):
        amounts: Counter[tuple[str, str]] = Counter()
        for group, choice in zip(request.groups, combination, strict=True):
            for resource_class, amount in group.resources.items():
                amounts[choice[resource_class], resource_class] += amount
        chosen = {group.suffix: set(choice.values()) for group, choice in zip(request.groups, combination, strict=True)}
        if _may_combine(world, request, chosen) and all(_has_room(world, *each) for each in amounts.items()):
            yield (
                frozenset((uuid_of(name), resource_class, n) for (name, resource_class), n in amounts.items()),
                frozenset((suffix, frozenset(map(uuid_of, names))) for suffix, names in chosen.items()),
            )


def _may_combine(world: World, request: CandidateRequest, chosen: dict[str, set[str]]) -> bool:
    """The rules between groups: isolation, common subtrees, and one provider a tree for old askers."""
    suffixed = [name for suffix, names in chosen.items() if suffix for name in names]
    if request.group_policy is GroupPolicy.ISOLATE and len(set(suffixed)) < len(suffixed):
        return False
    for suffixes in request.same_subtrees:
        names = {name for suffix in suffixes for name in chosen[suffix]}
        if not any(all(top in world.lineage(name) for name in names) for top in names):
            return False
    giving = {name for group in request.groups if group.resources for name in chosen[group.suffix]}
    return request.nested or len({world.root(name) for name in giving}) == len(giving)


def _has_room(world: World, where: tuple[str, str], amount: int) -> bool:
    """Whether the sum over all groups fits; step and min_unit were asked of each group alone."""
    inventory, used = world.place(where[0]).stocks[where[1]]
    return used + amount <= inventory.capacity and amount <= inventory.max_unit


def _choices(world: World, anchor: str, group: RequestGroup) -> Iterator[Choice]:
    """Every way in which a group alone can be satisfied under an anchor."""
    reach = [place for place in world.places if _in_reach(world, anchor, place)]
    if group.suffix:
        for place in reach:
            if _suits_alone(world, group, place) and all(
                _fits(place, resource_class, amount) for resource_class, amount in group.resources.items()
            ):
                yield dict.fromkeys(group.resources or ("",), place.name)
        return
    givers = [place for place in reach if _suits_spread(world, anchor, group, place)]
    for combination in product(
        *([place for place in givers if _fits(place, *asked)] for asked in group.resources.items())
    ):
        together = frozenset[str]().union(*(place.traits for place in combination))
        if _admits(group.traits, together):
            yield {
                resource_class: place.name for resource_class, place in zip(group.resources, combination, strict=True)
            }


def _in_reach(world: World, anchor: str, place: Place) -> bool:
    """Members of the anchor's tree, and providers that share with any member of it through an aggregate."""
    if world.root(place.name) == anchor:
        return True
    members = [other for other in world.places if world.root(other.name) == anchor]
    return SHARING_TRAIT in place.traits and any(place.aggregates & other.aggregates for other in members)


def _suits_alone(world: World, group: RequestGroup, place: Place) -> bool:
    """A suffixed group asks everything of its one provider."""
    return (
        _admits(group.traits, place.traits)
        and _admits(group.member_of, _aggregates(place))
        and _is_in_tree(world, group, place)
    )


def _suits_spread(world: World, anchor: str, group: RequestGroup, place: Place) -> bool:
    """The unsuffixed group's aggregates count for the anchor's whole tree; its tree leaves nobody else in."""
    root, foreign = world.place(anchor), world.root(place.name) != anchor
    required = LabelFilter(group.member_of.required)
    forbidden = LabelFilter((), group.member_of.forbidden)
    in_aggregates = _admits(required, _aggregates(place)) or (not foreign and _admits(required, _aggregates(root)))
    out_of_aggregates = _admits(forbidden, _aggregates(place)) and _admits(forbidden, _aggregates(root))
    return (
        in_aggregates
        and out_of_aggregates
        and (group.in_tree is None or (not foreign and _is_in_tree(world, group, place)))
    )


def _is_in_tree(world: World, group: RequestGroup, place: Place) -> bool:
    root = world.root(place.name)
    return group.in_tree is None or any(
        uuid_of(other.name) == group.in_tree and world.root(other.name) == root for other in world.places
    )


def _aggregates(place: Place) -> frozenset[str]:
    return frozenset(map(uuid_of, place.aggregates))


def _admits(labels: LabelFilter, has: frozenset[str]) -> bool:
    return all(required & has for required in labels.required) and not labels.forbidden & has


def _fits(place: Place, resource_class: str, amount: int) -> bool:
    if resource_class not in place.stocks:
        return False
    inventory, used = place.stocks[resource_class]
    return used + amount <= inventory.capacity and inventory.admits_amount(amount)


Summary = tuple[dict[str, tuple[int, int]], frozenset[str]]
"""Class -> (capacity, used), and the traits of one provider."""


def summaries(world: World, found: set[tuple[Allocations, Mappings]], whole_trees: bool) -> dict[str, Summary]:
    """The background of these candidates: the providers that give, or all of their trees."""
    giving = {uuid for allocations, _ in found for uuid, _, _ in allocations}
    roots = {world.root(place.name) for place in world.places if uuid_of(place.name) in giving}
    return {
        uuid_of(place.name): (
            {name: (offered.capacity, used) for name, (offered, used) in place.stocks.items()},
            place.traits,
        )
        for place in world.places
        if (world.root(place.name) in roots if whole_trees else uuid_of(place.name) in giving)
    }


def providers(world: World, asked: ProviderFilter) -> list[str]:
    """The uuids of the providers that have all that is asked themselves, in order of key."""
    group = RequestGroup("alone", asked.resources, asked.traits, asked.member_of, asked.in_tree)
    return [
        uuid_of(place.name)
        for place in world.places
        if asked.name in {None, place.name}
        and asked.uuid in {None, uuid_of(place.name)}
        and _suits_alone(world, group, place)
        and all(_fits(place, *each) for each in asked.resources.items())
    ]
