"""Questions thought up to hurt, and the fleets that make them hurt most: `python bench/hostile.py [NAME ...]`.

Each question is asked in a process of its own, of a picture that is there already. Printed are its processor time, the
memory that it took at the most, the work that was counted, and what was answered. `tests/engine/test_hostile.py` asks
the same questions of smaller fleets, and counts.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

from ullage.engine.effort import Effort
from ullage.engine.patch import Delta, patch
from ullage.engine.rows import InventoryRow, ProviderRow
from ullage.engine.search import find
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Findings
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, RequestGroup, Strategy

CLASSES = {1: "VGPU", 2: "VCPU", 3: "DISK_GB", 4: "MEMORY_MB"}
SHARES = 1
TRAITS = {SHARES: "MISC_SHARES_VIA_AGGREGATE", **{number: f"CUSTOM_T{number}" for number in range(2, 402)}}
UUIDS = [str(uuid.UUID(int=number)) for number in range(1, 200_001)]
AGGREGATES = dict(enumerate((str(uuid.UUID(int=1 << 100 | number)) for number in range(4_000)), 1))

ANY = LabelFilter()
NONE, ISOLATE = GroupPolicy.NONE, GroupPolicy.ISOLATE


@dataclass(frozen=True)
class Question:
    """A hostile question: the fleet it is asked of, by size (1 is the size of a large site), and the request."""

    name: str
    fleet: Callable[[float], Delta]
    request: Callable[[Delta], CandidateRequest]


# Fleets


def world(
    parents: Sequence[int | None],
    stock: dict[int, dict[int, int]],
    traits: Sequence[tuple[int, int]] = (),
    aggregates: Sequence[tuple[int, int]] = (),
) -> Delta:
    """Providers 1, 2, ... by their parents' keys, with what each has in stock by class."""
    roots: dict[int, int] = {}
    providers: list[ProviderRow] = []
    for key, parent in enumerate(parents, 1):
        roots[key] = key if parent is None else roots[parent]
        providers.append((key, UUIDS[key - 1], f"p{key}", 0, parent, roots[key], 0))
    inventories: list[InventoryRow] = [
        (key, of, total, 0, 1, total, 1, 1.0, 0) for key, some in stock.items() for of, total in some.items()
    ]
    return Delta(
        providers=providers,
        inventories=inventories,
        traits=sorted(set(traits)),
        aggregates=sorted(set(aggregates)),
        class_names=CLASSES,
        trait_names=TRAITS,
        aggregate_uuids=AGGREGATES,
        complete=True,
    )


def trees(count: int, children: int, units: int) -> Delta:
    """Roots with children that have so many units each; every child has traits of its own number's bits."""
    parents: list[int | None] = []
    stock: dict[int, dict[int, int]] = {}
    traits: list[tuple[int, int]] = []
    for _ in range(count):
        parents.append(None)
        root = len(parents)
        stock[root] = {3: 1000}
        for number in range(children):
            parents.append(root)
            stock[len(parents)] = {1: units, 2: units}
            traits += [(len(parents), 2 + bit) for bit in range(300) if (number + bit) % 3 or bit == number]
    return world(parents, stock, traits if count * children <= 3000 else ())


def chain(length: int, chains: int = 1) -> Delta:
    """Trees as deep as they are large."""
    parents = [None if place == 0 else number * length + place for number in range(chains) for place in range(length)]
    return world(parents, {key: {1: 4, 2: 4} for key in range(1, len(parents) + 1)})


def bush(depth: int, fan: int) -> Delta:
    """One tree of many levels."""
    parents: list[int | None] = [None]
    level = [1]
    for _ in range(depth):
        below = []
        for parent in level:
            for _ in range(fan):
                parents.append(parent)
                below.append(len(parents))
        level = below
    return world(parents, {key: {1: 2, 2: 2} for key in range(1, len(parents) + 1)})


def sharing(count: int, aggregates_each: int, aggregates: int, sharers: int | None = None) -> Delta:
    """Roots of which all, or some, share with others, in aggregates drawn by chance."""
    chance = random.Random(5)
    sharers = count if sharers is None else sharers
    members = [(key, chance.randint(1, aggregates)) for key in range(1, count + 1) for _ in range(aggregates_each)]
    stock = {key: {1: 8000, 2: 8000, 3: 10000, 4: 10000} for key in range(1, count + 1)}
    return world([None] * count, stock, [(key, SHARES) for key in range(1, sharers + 1)], members)


def crowded(count: int, aggregates: int) -> Delta:
    """Everybody in every aggregate, with hundreds of traits."""
    members = [(key, number) for key in range(1, count + 1) for number in range(1, aggregates + 1)]
    stock = {key: {1: 8000, 2: 8000, 3: 10000, 4: 10000} for key in range(1, count + 1)}
    return world([None] * count, stock, [(key, 2 + key % 400) for key in range(1, count + 1)], members)


# Requests


def wanted(*names: str) -> LabelFilter:
    return LabelFilter(tuple(frozenset({name}) for name in names))


def member_of(*keys: int) -> LabelFilter:
    return LabelFilter((frozenset(AGGREGATES[key] for key in keys),))


def groups(count: int, amounts: Sequence[int] = (1,), classes: Sequence[str] = ("VGPU",)) -> tuple[RequestGroup, ...]:
    """Groups with amounts in turn, of classes in turn."""
    return tuple(
        RequestGroup(f"_{number}", {classes[number % len(classes)]: amounts[number % len(amounts)]})
        for number in range(count)
    )


def unlike(count: int, **parts: object) -> tuple[RequestGroup, ...]:
    """Groups none of which is like another."""
    return tuple(
        RequestGroup(f"_{number}", {"VGPU": 1 + number % 3}, traits=wanted(f"CUSTOM_T{2 + number % 300}"), **parts)  # type: ignore[arg-type] # parts of a group
        for number in range(count)
    )


def some_in_subtrees(count: int, subtrees: int, size: int = 2) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(f"_{n}" for n in some) for some in islice(combinations(range(count), size), subtrees))


def scaled(size: float, number: int) -> int:
    return max(1, int(size * number))


ALL_FOUR = RequestGroup("", {"VGPU": 1, "VCPU": 1, "DISK_GB": 1, "MEMORY_MB": 1})
AMOUNTS = (3, 5, 7, 4, 6)

QUESTIONS: tuple[Question, ...] = (
    Question(
        "wide: 64 groups of 64 children, no limit",
        lambda size: trees(1, scaled(size, 64), 1),
        lambda _: CandidateRequest(groups(64), NONE),
    ),
    Question(
        "wide: 256 groups of 1000 children, no limit",
        lambda size: trees(1, scaled(size, 1000), 1),
        lambda _: CandidateRequest(groups(256), ISOLATE),
    ),
    Question(
        "wide: 200 groups that are not alike",
        lambda size: trees(1, scaled(size, 300), 3),
        lambda _: CandidateRequest(unlike(200), ISOLATE),
    ),
    Question(
        "wide: 200 groups that are not alike, without permutations",
        lambda size: trees(1, scaled(size, 300), 3),
        lambda _: CandidateRequest(unlike(200), NONE, permutations=False),
    ),
    Question(
        "packing: unequal amounts that do not fit, one tree",
        lambda size: trees(1, scaled(size, 40), 10),
        lambda _: CandidateRequest(groups(63, AMOUNTS), NONE),
    ),
    Question(
        "packing: unequal amounts that do not fit, 10,000 trees",
        lambda size: trees(scaled(size, 10_000), 6, 10),
        lambda _: CandidateRequest(groups(12, AMOUNTS), NONE, limit=10),
    ),
    Question(
        "packing: the same, breadth first",
        lambda size: trees(scaled(size, 10_000), 6, 10),
        lambda _: CandidateRequest(groups(12, AMOUNTS), NONE, strategy=Strategy.BREADTH_FIRST),
    ),
    Question(
        "one group more than children, 10,000 trees",
        lambda size: trees(scaled(size, 10_000), 8, 1),
        lambda _: CandidateRequest((*groups(8), RequestGroup("_last", {"VCPU": 1})), ISOLATE),
    ),
    Question(
        "many candidates: 16 groups of 16 children, 1000 trees",
        lambda size: trees(scaled(size, 1000), 16, 4),
        lambda _: CandidateRequest(groups(16), NONE),
    ),
    Question(
        "many candidates: breadth first",
        lambda size: trees(scaled(size, 2000), 16, 4),
        lambda _: CandidateRequest(groups(8), NONE, strategy=Strategy.BREADTH_FIRST),
    ),
    Question(
        "subtrees: 64 groups, 64 pairs, 200 deep",
        lambda size: chain(scaled(size, 200)),
        lambda _: CandidateRequest(groups(64), NONE, same_subtrees=some_in_subtrees(64, 64), limit=1000),
    ),
    Question(
        "subtrees: 32 groups isolated in a bush of 5000, 64 triples",
        lambda size: bush(3, scaled(size, 16)),
        lambda _: CandidateRequest(groups(32), ISOLATE, same_subtrees=some_in_subtrees(32, 64, 3), limit=1000),
    ),
    Question(
        "subtrees: 8 groups in chains 1000 deep",
        lambda size: chain(scaled(size, 1000), 10),
        lambda _: CandidateRequest(groups(8, (4,)), ISOLATE, same_subtrees=some_in_subtrees(8, 28), limit=1000),
    ),
    Question(
        "sharing: 10,000 that all share in one aggregate",
        lambda size: sharing(scaled(size, 10_000), 1, 1),
        lambda _: CandidateRequest((ALL_FOUR,)),
    ),
    Question(
        "sharing: the same, limit 10 of the last",
        lambda size: sharing(scaled(size, 10_000), 1, 1),
        lambda delta: CandidateRequest(
            (ALL_FOUR, RequestGroup("_1", {"VGPU": 8}), RequestGroup("_2", {"VGPU": 8})), ISOLATE, limit=10
        ),
    ),
    Question(
        "sharing: 10,000 that all share in 20 of 1000 aggregates, 200 groups",
        lambda size: sharing(scaled(size, 10_000), 20, 1000),
        lambda _: CandidateRequest(
            tuple(
                RequestGroup(f"_{n}", {"VGPU": 1 + n % 8, "VCPU": 1 + n // 8 % 8, "DISK_GB": 1 + n}) for n in range(99)
            ),
            NONE,
            limit=10,
        ),
    ),
    Question(
        "sharing: one that all 100,000 are served by, one trait too few",
        lambda size: sharing(scaled(size, 100_000), 3, 300, sharers=scaled(size, 1000)),
        lambda _: CandidateRequest((replace(ALL_FOUR, traits=wanted("MISC_SHARES_VIA_AGGREGATE")),), limit=100_000),
    ),
    Question(
        "aggregates: any of 100 that everybody is in, 40 groups",
        lambda size: crowded(scaled(size, 10_000), 100),
        lambda _: CandidateRequest(
            tuple(
                RequestGroup(f"_{n}", {"VCPU": 1 + n % 8}, member_of=member_of(*range(1, 101 - n))) for n in range(40)
            ),
            NONE,
            limit=10,
        ),
    ),
    Question(
        "traits: any of 400 in 256 groups",
        lambda size: crowded(scaled(size, 100_000), 1),
        lambda _: CandidateRequest(
            tuple(
                RequestGroup(f"_{n}", {"VCPU": 1}, traits=LabelFilter(forbidden=frozenset({f"CUSTOM_T{2 + n}"})))
                for n in range(256)
            ),
            ISOLATE,
            limit=10,
        ),
    ),
    Question(
        "everything: 100,000 without a limit",
        lambda size: crowded(scaled(size, 100_000), 1),
        lambda _: CandidateRequest((ALL_FOUR,)),
    ),
)


def written(found: Findings) -> int:
    """Go through all that is written of an answer, as its sender does, without the JSON."""
    return sum(len(rows) for _, rows in found.candidates()) + sum(len(rows) for _, rows in found.summaries())


def ask(snapshot: Snapshot, question: CandidateRequest) -> Iterator[str]:
    """What a search took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    effort = Effort()
    start = time.process_time()
    found = find(snapshot, question, effort=effort)
    searched = time.process_time() - start
    written(found)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    yield f"{searched * 1000:7.0f} ms {(time.process_time() - start - searched) * 1000:6.0f} ms {memory:5.0f} MiB"
    yield f"{effort.done:10d} {found.count:7d}{' truncated' if found.truncated else ''}"


def main() -> None:
    print(f"{'':72}   search    writing   memory      work  answers")
    for question in QUESTIONS:
        if sys.argv[1:] and not any(name in question.name for name in sys.argv[1:]):
            continue
        delta = question.fleet(1)
        snapshot = patch(Snapshot.empty(), delta)
        find(snapshot, CandidateRequest((RequestGroup("", {"VGPU": 1}),), limit=1))
        child = os.fork()
        if child == 0:
            print(f"{question.name:72}", *ask(snapshot, question.request(delta)), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
