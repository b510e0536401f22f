"""Small worlds of providers: a text form to write and print them, and makers of them and of questions.

One provider a line, indented below its parent; then what it offers, its traits and its aggregates:

    cn     VCPU=8,used=2 MEMORY_MB=64 +HW_CPU_X86_AVX @a
      numa VCPU=4,max_unit=2
    disk   DISK_GB=1000 +MISC_SHARES_VIA_AGGREGATE @a
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, count
from typing import Any, Protocol, TypeVar
from uuid import NAMESPACE_OID, uuid5

from hypothesis import strategies as st

from ullage.engine.patch import Delta
from ullage.engine.rows import InventoryRecord, ProviderRecord
from ullage.model.inventory import Inventory
from ullage.model.names import SHARING_TRAIT
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, ProviderFilter, RequestGroup, Strategy

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


# Making worlds and questions. Every choice is one from a short list, so that a Random makes many of them fast, and
# Hypothesis (which chooses likewise) shrinks those that fail.

STOCKS = (
    *(Inventory(6),) * 16,
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
OFFERS = ((), *((name,) for name in CLASSES), *combinations(CLASSES, 2), CLASSES, CLASSES)
SOMETIMES = (False, False, True)

Item = TypeVar("Item")


class Choose(Protocol):
    """Picks one of several, such as `Random.choice`."""

    def __call__(self, options: Sequence[Item], /) -> Item: ...


def subsets(names: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """No name (most often), each name and each pair."""
    pairs = [frozenset(pair) for pair in combinations(names, 2)]
    return (frozenset(),) * len(names) + tuple(frozenset({name}) for name in names) + tuple(pairs)


def make_world(choose: Choose, most: int = 6, nested_sharing: bool = True) -> World:
    """Up to `most` providers in trees; some share, and not only roots do unless `nested_sharing` is denied.

    A third of the worlds are rich; in another third those that share have all the disks and are in one aggregate with
    most others.
    """
    places: list[Place] = []
    kind = choose(("any", "rich", "shared disks"))
    for number in range(choose((1, 2, 3, *range(3, most + 1), *range(3, most + 1)))):
        parent = choose((None, *(place.name for place in places)))
        shares = (nested_sharing or parent is None) and choose(SOMETIMES)
        offers: Sequence[tuple[str, ...]] = OFFERS[4:] if kind == "rich" else OFFERS
        aggregates = subsets(AGGREGATES)
        if kind == "shared disks":
            offers = (("DISK_GB",),) if shares else ((), ("VCPU",), ("VCPU", "MEMORY_MB"), ("VCPU", "MEMORY_MB"))
            aggregates = (*aggregates, *(frozenset({AGGREGATES[0]}),) * len(aggregates))
        stocks = {name: (choose(STOCKS), choose(USES)) for name in choose(offers)}
        traits = choose(subsets(TRAITS)) | (frozenset({SHARING_TRAIT}) if shares else frozenset())
        places.append(Place(f"p{number}", parent, stocks, traits, choose(aggregates)))
    return World(tuple(places))


def label_filters(names: tuple[str, ...], any_of: bool = True) -> tuple[LabelFilter, ...]:
    """Filters that can be met: nothing required is wholly forbidden."""
    one = [LabelFilter((frozenset({name}),)) for name in names]
    two = [LabelFilter((frozenset({name}), frozenset({other}))) for name, other in combinations(names, 2)]
    not_one = [LabelFilter((), frozenset({name})) for name in names]
    both = [LabelFilter((frozenset({name}),), frozenset({other})) for name, other in combinations(names, 2)]
    if not any_of:
        return (*one, *not_one, *two, *both)
    either = [frozenset(pair) for pair in combinations(names, 2)]
    of_any = [LabelFilter((pair,)) for pair in either]
    more = (LabelFilter((either[0], either[-1])), LabelFilter((either[0],), frozenset({names[0]})))
    return (*one, *not_one, *two, *both, *of_any, *more)


NO_FILTER = LabelFilter()
TRAIT_FILTERS = label_filters(TRAITS)
ROOT_FILTERS = label_filters(TRAITS, any_of=False)
AGGREGATE_FILTERS = label_filters(tuple(uuid_of(name) for name in (*AGGREGATES, NOWHERE)))
ASPECTS = ("", "", "", "", "", "traits", "traits", "member_of", "tree", "all")
"""What a group asks for beside resources; mostly one thing, so that each is often the one that matters."""


def make_group(choose: Choose, suffix: str, world: World, with_resources: bool = True) -> RequestGroup:
    """One request group; without resources it asks for something else."""
    aspect = choose(ASPECTS if with_resources else ASPECTS[5:])
    several = OFFERS[4:]
    names = choose((*OFFERS[1:4] * (3 if suffix else 1), *several)) if with_resources else ()
    traits = choose(TRAIT_FILTERS) if aspect in {"traits", "all"} else NO_FILTER
    member_of = choose(AGGREGATE_FILTERS) if aspect in {"member_of", "all"} else NO_FILTER
    tree = choose((NOWHERE, *(place.name for place in (*world.places, *world.places)))) if aspect == "tree" else None
    resources = {name: choose((1, 1, 2)) for name in names}
    return RequestGroup(suffix, resources, traits, member_of, tree and uuid_of(tree))


def make_request(choose: Choose, world: World) -> CandidateRequest:
    """A question that the wire would let through."""
    suffixes = ["_A", "_B", "_C"][: choose((0, 0, 0, 1, 1, 2, 3))]
    resourceless: set[str] = set()
    if choose(SOMETIMES) and suffixes:
        resourceless.add(choose(suffixes))
    asked = [make_group(choose, suffix, world, suffix not in resourceless) for suffix in suffixes]
    if len(suffixes) == len(resourceless) or choose((False, True)):
        asked.insert(0, make_group(choose, "", world))
    subtree = choose(subsets(tuple(suffixes))) if len(suffixes) > 1 else frozenset()
    policy = choose((GroupPolicy.NONE, GroupPolicy.NONE, GroupPolicy.ISOLATE))
    return CandidateRequest(
        tuple(asked),
        group_policy=policy if len(suffixes) > 1 else None,
        root_traits=choose(ROOT_FILTERS) if choose((*(False,) * 5, True)) else NO_FILTER,
        same_subtrees=(subtree | resourceless,) if subtree or resourceless else (),
        limit=choose((None, None, 1, 3)),
        nested=choose((True, True, True, False)),
        permutations=choose((False, True)),
        strategy=choose(tuple(Strategy)),
    )


def make_provider_filter(choose: Choose, world: World) -> ProviderFilter:
    """A question for providers."""
    group = make_group(choose, "", world, choose((True, True, False)))
    names = (*(place.name for place in world.places), NOWHERE)
    name, uuid = (choose((*(None,) * (4 * len(names)), *names)) for _ in range(2))
    return ProviderFilter(name, uuid and uuid_of(uuid), group.resources, group.traits, group.member_of, group.in_tree)


@st.composite
def worlds(draw: st.DrawFn, nested_sharing: bool = True) -> World:
    """Worlds of up to six providers."""
    return make_world(lambda options: draw(st.sampled_from(options)), nested_sharing=nested_sharing)


@st.composite
def requests(draw: st.DrawFn, world: World) -> CandidateRequest:
    """Questions to a world."""
    return make_request(lambda options: draw(st.sampled_from(options)), world)
