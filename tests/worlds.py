"""Small worlds of providers: a text form to write and print them, and Hypothesis strategies for them and questions.

One provider a line, indented below its parent; then what it offers, its traits and its aggregates:

    cn     VCPU=8,used=2 MEMORY_MB=64 +HW_CPU_X86_AVX @a
      numa VCPU=4,max_unit=2
    disk   DISK_GB=1000 +MISC_SHARES_VIA_AGGREGATE @a
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from hypothesis import strategies as st

from ullage.engine.patch import Delta, InventoryRecord, ProviderRecord
from ullage.model.inventory import Inventory
from ullage.model.names import SHARING_TRAIT
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, RequestGroup, Strategy

CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
TRAITS = ("CUSTOM_RED", "CUSTOM_BLUE", "CUSTOM_ROUND")
AGGREGATES = ("a", "b")
NOWHERE = "nowhere"
"""A name that no provider and no aggregate has."""


def uuid_of(name: str) -> str:
    """The uuid of the provider or the aggregate of that name."""
    return str(uuid5(NAMESPACE_OID, name))


@dataclass(frozen=True)
class Place:
    """One provider with everything it has."""

    name: str
    parent: str | None = None
    stocks: Mapping[str, tuple[Inventory, int]] = field(default_factory=dict)
    """Resource class -> inventory and use."""
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()
    """Names, see `uuid_of`."""

    def line(self, depth: int) -> str:
        """The provider in the text form."""
        words = ["  " * depth + self.name]
        for resource_class, (inventory, used) in self.stocks.items():
            words.append(f"{resource_class}={inventory.total}" + _options(inventory, used))
        words += [f"+{trait}" for trait in sorted(self.traits)]
        words += [f"@{aggregate}" for aggregate in sorted(self.aggregates)]
        return " ".join(words)


@dataclass(frozen=True)
class World:
    """Providers, each after its parent; their order is that of their keys."""

    places: tuple[Place, ...]

    def __repr__(self) -> str:
        return f'world("""\n{self.text()}\n""")'

    def text(self) -> str:
        """The text form, as a tree."""
        lines: list[str] = []

        def add(parent: str | None, depth: int) -> None:
            for place in self.places:
                if place.parent == parent:
                    lines.append(place.line(depth))
                    add(place.name, depth + 1)

        add(None, 0)
        return "\n".join(lines)

    def place(self, name: str) -> Place:
        """The provider of that name."""
        return next(place for place in self.places if place.name == name)

    def lineage(self, name: str) -> list[str]:
        """A provider and its ancestors, the root last."""
        path = [name]
        while (parent := self.place(path[-1]).parent) is not None:
            path.append(parent)
        return path

    def root(self, name: str) -> str:
        """The root of the provider's tree."""
        return self.lineage(name)[-1]

    def delta(self) -> Delta:
        """The whole world, as the engine takes it in; keys count from 1 in the order of the places."""
        keys = {place.name: key for key, place in enumerate(self.places, 1)}
        classes, traits, aggregates = _keys(CLASSES), _keys((*TRAITS, SHARING_TRAIT)), _keys(AGGREGATES)
        return Delta(
            providers=[
                ProviderRecord(
                    keys[place.name],
                    uuid_of(place.name),
                    place.name,
                    0,
                    None if place.parent is None else keys[place.parent],
                    keys[self.root(place.name)],
                    0,
                )
                for place in self.places
            ],
            inventories=[
                _inventory_record(keys[place.name], classes[resource_class], inventory, used)
                for place in self.places
                for resource_class, (inventory, used) in place.stocks.items()
            ],
            traits=[(keys[place.name], traits[trait]) for place in self.places for trait in place.traits],
            aggregates=[(keys[place.name], aggregates[each]) for place in self.places for each in place.aggregates],
            class_names={key: name for name, key in classes.items()},
            trait_names={key: name for name, key in traits.items()},
            aggregate_uuids={key: uuid_of(name) for name, key in aggregates.items()},
            complete=True,
        )


def world(text: str) -> World:
    """The world that a text tells of."""
    places: list[Place] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        name, *words = line.split()
        while path and path[-1][0] >= indent:
            path.pop()
        places.append(_place(name, path[-1][1] if path else None, words))
        path.append((indent, name))
    return World(tuple(places))


def _place(name: str, parent: str | None, words: Iterable[str]) -> Place:
    stocks: dict[str, tuple[Inventory, int]] = {}
    labels: dict[str, set[str]] = {"+": set(), "@": set()}
    for word in words:
        if word[0] in labels:
            labels[word[0]].add(word[1:])
            continue
        (resource_class, total), *options = (part.split("=") for part in word.split(","))
        numbers: dict[str, Any] = {key: float(value) if "." in value else int(value) for key, value in options}
        used = numbers.pop("used", 0)
        stocks[resource_class] = (Inventory(int(total), **numbers), used)
    return Place(name, parent, stocks, frozenset(labels["+"]), frozenset(labels["@"]))


def _options(inventory: Inventory, used: int) -> str:
    plain = Inventory(inventory.total)
    fields = ("reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
    said = {name: getattr(inventory, name) for name in fields if getattr(inventory, name) != getattr(plain, name)}
    return "".join(f",{name}={value}" for name, value in ({**said, "used": used} if used else said).items())


def _keys(names: Iterable[str]) -> dict[str, int]:
    return {name: key for key, name in zip(count(1), names, strict=False)}


def _inventory_record(provider_key: int, class_key: int, inventory: Inventory, used: int) -> InventoryRecord:
    return InventoryRecord(
        provider_key,
        class_key,
        inventory.total,
        inventory.reserved,
        inventory.min_unit,
        inventory.max_unit,
        inventory.step_size,
        inventory.allocation_ratio,
        used,
    )


# Strategies. Few draws from small lists: fast to make, quick to shrink, and many questions have an answer.

STOCKS = (
    *(Inventory(6),) * 8,
    Inventory(2),
    Inventory(3, reserved=1),
    Inventory(4, min_unit=2),
    Inventory(4, max_unit=1),
    Inventory(4, max_unit=2),
    Inventory(4, step_size=2),
    Inventory(2, allocation_ratio=1.5),
    Inventory(4, allocation_ratio=0.5),
)
USES = (0, 0, 0, 0, 0, 1, 2, 4)


def subsets(names: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """No name (most often), each name and each pair."""
    pairs = [frozenset(pair) for pair in combinations(names, 2)]
    return (frozenset(),) * len(names) + tuple(frozenset({name}) for name in names) + tuple(pairs)


@st.composite
def worlds(draw: st.DrawFn, most: int = 6, nested_sharing: bool = True) -> World:
    """Up to `most` providers in trees; some share, and not only roots do unless `nested_sharing` is denied."""
    places: list[Place] = []
    for number in range(draw(st.sampled_from((1, 2, 3, *range(3, most + 1), *range(3, most + 1))))):
        parent = draw(st.sampled_from((None, *(place.name for place in places))))
        offered = draw(st.sampled_from(OFFERS))
        traits = draw(st.sampled_from(subsets(TRAITS)))
        if (nested_sharing or parent is None) and draw(st.sampled_from((False, False, True))):
            traits |= {SHARING_TRAIT}
        places.append(
            Place(
                f"p{number}",
                parent,
                {name: (draw(st.sampled_from(STOCKS)), draw(st.sampled_from(USES))) for name in offered},
                traits,
                draw(st.sampled_from(subsets(AGGREGATES))),
            )
        )
    return World(tuple(places))


OFFERS = ((), *((name,) for name in CLASSES), *combinations(CLASSES, 2), CLASSES, CLASSES)


def label_filters(names: tuple[str, ...], any_of: bool = True) -> tuple[LabelFilter, ...]:
    """Filters that can be met (nothing required is wholly forbidden), most of them empty."""
    one = [LabelFilter((frozenset({name}),)) for name in names]
    two = [LabelFilter((frozenset({name}), frozenset({other}))) for name, other in combinations(names, 2)]
    not_one = [LabelFilter((), frozenset({name})) for name in names]
    both = [LabelFilter((frozenset({name}),), frozenset({other})) for name, other in combinations(names, 2)]
    some = [*one, *not_one, *two, *both]
    if any_of:
        either = [frozenset(pair) for pair in combinations(names, 2)]
        some += [LabelFilter((pair,)) for pair in either]
        some += [LabelFilter((either[0], either[-1])), LabelFilter((either[0],), frozenset({names[0]}))]
    return (*some, *(LabelFilter(),) * (4 * len(some)))


@st.composite
def groups(draw: st.DrawFn, suffix: str, world: World, with_resources: bool = True) -> RequestGroup:
    """One request group; without resources it asks for something else."""
    aggregates = tuple(uuid_of(name) for name in (*AGGREGATES, NOWHERE))
    names = draw(st.sampled_from((*OFFERS[1:4] * 3, *OFFERS[4:]))) if with_resources else ()
    traits = draw(st.sampled_from(label_filters(TRAITS)))
    member_of = draw(st.sampled_from(label_filters(aggregates)))
    trees = (*(place.name for place in world.places), NOWHERE)
    tree = draw(st.sampled_from((*(None,) * (4 * len(trees)), *trees)))
    if not (with_resources or traits or member_of or tree):
        traits = LabelFilter((), frozenset({TRAITS[0]}))
    resources = {name: draw(st.sampled_from((1, 1, 2))) for name in names}
    return RequestGroup(suffix, resources, traits, member_of, tree and uuid_of(tree))


@st.composite
def requests(draw: st.DrawFn, world: World, suffixes_most: int = 3) -> CandidateRequest:
    """A question that the wire would let through."""
    suffixes = ["_A", "_B", "_C"][: draw(st.sampled_from(range(suffixes_most + 1)))]
    resourceless = (
        {draw(st.sampled_from(suffixes))} if suffixes and draw(st.sampled_from((False, False, True))) else set()
    )
    asked = [draw(groups(suffix, world, suffix not in resourceless)) for suffix in suffixes]
    if len(suffixes) == len(resourceless) or draw(st.booleans()):
        asked.insert(0, draw(groups("", world)))
    subtree = draw(st.sampled_from(subsets(tuple(suffixes)))) if len(suffixes) > 1 else frozenset()
    policy = draw(st.sampled_from((GroupPolicy.NONE, GroupPolicy.NONE, GroupPolicy.ISOLATE)))
    return CandidateRequest(
        tuple(asked),
        group_policy=policy if len(suffixes) > 1 else None,
        root_traits=draw(st.sampled_from((*(LabelFilter(),) * 20, *label_filters(TRAITS, any_of=False)))),
        same_subtrees=(subtree | resourceless,) if subtree or resourceless else (),
        limit=draw(st.sampled_from((None, None, 1, 3))),
        nested=draw(st.sampled_from((True, True, True, False))),
        permutations=draw(st.booleans()),
        strategy=draw(st.sampled_from(Strategy)),
    )
