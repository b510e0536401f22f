"""How long search and patch take, without a service around them: `python bench/engine.py [providers ...]`.

Prints the median of several runs of each, in milliseconds of processor time (other work on the machine then counts
less), and what the process holds in memory.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator

from ullage.engine.patch import Delta, patch
from ullage.engine.rows import InventoryRow, ProviderRow
from ullage.engine.search import find, search
from ullage.engine.select import select
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Findings
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, ProviderFilter, RequestGroup, Strategy

CLASSES = {1: "VCPU", 2: "MEMORY_MB", 3: "DISK_GB", 4: "VGPU"}
TRAITS = {1: "HW_CPU_X86_AVX2", 2: "STORAGE_DISK_SSD", 3: "MISC_SHARES_VIA_AGGREGATE", 4: "HW_NUMA_ROOT"}
COMMON = LabelFilter((frozenset({"HW_CPU_X86_AVX2"}),))


def uuids(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        yield str(uuid.UUID(int=chance.getrandbits(128)))


AGGREGATES = dict(zip(range(1, 401), uuids(7), strict=False))


def named(**parts: object) -> Delta:
    return Delta(class_names=CLASSES, trait_names=TRAITS, aggregate_uuids=AGGREGATES, complete=True, **parts)  # type: ignore[arg-type]  # keyword parts of Delta


def flat(count: int) -> Delta:
    """Providers without children: three inventories, three aggregates, two traits each."""
    names = uuids(1)
    providers: list[ProviderRow] = [(key, next(names), f"host-{key}", 3, None, key, key) for key in range(1, count + 1)]
    inventories: list[InventoryRow] = []
    for key in range(1, count + 1):
        inventories.append((key, 1, 64, 0, 1, 64, 1, 16.0, key % 700))
        inventories.append((key, 2, 262_144, 512, 1, 262_144, 1, 1.0, key % 200_000))
        inventories.append((key, 3, 2_000, 100, 1, 2_000, 1, 1.0, key % 1_800))
    traits = [(key, trait) for key in range(1, count + 1) for trait in (1, 2)]
    aggregates = [
        (key, aggregate) for key in range(1, count + 1) for aggregate in (1 + key % 3, 10 + key % 50, 100 + key % 300)
    ]
    return named(providers=providers, inventories=inventories, traits=traits, aggregates=aggregates)


def trees(count: int, children: int, classes: dict[int, int], root_classes: dict[int, int]) -> Delta:
    """Roots with so many children each."""
    names = uuids(2)
    providers: list[ProviderRow] = []
    inventories: list[InventoryRow] = []
    for tree in range(count):
        root = 1 + tree * (children + 1)
        providers.append((root, next(names), f"root-{root}", 0, None, root, 0))
        inventories += [(root, key, total, 0, 1, total, 1, 1.0, 0) for key, total in root_classes.items()]
        for key in range(root + 1, root + children + 1):
            providers.append((key, next(names), f"child-{key}", 0, root, root, 0))
            inventories += [(key, of, total, 0, 1, total, 1, 1.0, 0) for of, total in classes.items()]
    traits = [(row[0], 1) for row in providers]
    return named(providers=providers, inventories=inventories, traits=traits)


def shown(name: str, work: Callable[[], object], runs: int = 15) -> None:
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
        if sum(times) > 5_000:
            break
    print(f"{name:72} {statistics.median(times):10.3f} ms", flush=True)


def rows_of(found: Findings) -> int:
    """Go through all that is written of an answer, as its sender does."""
    return sum(len(rows) for _, rows in found.candidates()) + sum(len(rows) for _, rows in found.summaries())


def groups(count: int, resources: dict[str, int]) -> tuple[RequestGroup, ...]:
    return tuple(RequestGroup(f"_{number}", resources) for number in range(count))


def bench_flat(count: int) -> None:
    delta = flat(count)
    start = time.process_time()
    snapshot = patch(Snapshot.empty(), delta)
    print(f"{f'{count} flat providers: load':72} {(time.process_time() - start) * 1000:10.1f} ms")
    asked = RequestGroup(
        "",
        {"VCPU": 1, "DISK_GB": 10, "MEMORY_MB": 256},
        traits=COMMON,
        member_of=LabelFilter((frozenset({AGGREGATES[1]}),)),
    )
    shown(f"{count} flat: limit 10", lambda: search(snapshot, CandidateRequest((asked,), limit=10)))
    shown(f"{count} flat: limit 10, shuffled", lambda: search(snapshot, CandidateRequest((asked,), limit=10, seed=1)))
    everybody = RequestGroup("", {"VCPU": 1, "DISK_GB": 10, "MEMORY_MB": 256})
    found = find(snapshot, CandidateRequest((everybody,)))
    shown(f"{count} flat: all {found.count} found", lambda: find(snapshot, CandidateRequest((everybody,))))
    shown(f"{count} flat: all {found.count} in rows", lambda: rows_of(found))
    uuid_asked = delta.providers[count // 2][1]
    shown(f"{count} flat: list one by uuid", lambda: select(snapshot, ProviderFilter(uuid=uuid_asked)))
    bench_patch(snapshot, delta, count)


def bench_patch(snapshot: Snapshot, delta: Delta, count: int) -> None:
    at = count // 2
    row, key = delta.providers[at], delta.providers[at][0]
    stock = delta.inventories[at * 3 : at * 3 + 3]
    claimed = Delta(
        [(*row[:3], row[3] + 1, *row[4:])],
        [(*one[:8], one[8] + 1) for one in stock],
        delta.traits[at * 2 : at * 2 + 2],
        delta.aggregates[at * 3 : at * 3 + 3],
    )
    shown(f"{count} flat: patch after a claim", lambda: patch(snapshot, claimed))
    created = Delta([(count + 1, "new", "new", 0, None, count + 1, 0)])
    shown(f"{count} flat: patch after a creation", lambda: patch(snapshot, created))
    shown(f"{count} flat: patch after a deletion", lambda: patch(snapshot, Delta(deleted_providers=[key])))
    answer_after = patch(snapshot, claimed)
    asked = CandidateRequest((RequestGroup("", {"VCPU": 1}),), limit=1)
    shown(f"{count} flat: patch and search, limit 1", lambda: search(patch(answer_after, claimed), asked))


def bench_trees() -> None:
    numa = patch(Snapshot.empty(), trees(1_000, 6, {1: 8, 2: 4096}, {3: 100}))
    split = CandidateRequest((RequestGroup("", {"VCPU": 1, "MEMORY_MB": 256, "DISK_GB": 5}),), limit=10)
    shown("1000 trees of 7: split over children, limit 10", lambda: search(numa, split))
    granular = CandidateRequest(
        (RequestGroup("", {"DISK_GB": 5}), *groups(2, {"VCPU": 1, "MEMORY_MB": 256})), GroupPolicy.ISOLATE, limit=10
    )
    shown("1000 trees of 7: two groups isolated, limit 10", lambda: search(numa, granular))
    broad = CandidateRequest(granular.groups, GroupPolicy.ISOLATE, limit=1000, strategy=Strategy.BREADTH_FIRST)
    shown("1000 trees of 7: the same breadth-first, limit 1000", lambda: search(numa, broad))
    unlimited = CandidateRequest(granular.groups, GroupPolicy.ISOLATE)
    answer = search(numa, unlimited)
    shown(f"1000 trees of 7: the same, all {len(answer.candidates)}", lambda: search(numa, unlimited), 3)


def bench_wide() -> None:
    eight = patch(Snapshot.empty(), trees(1, 8, {4: 1}, {1: 8}))
    wide = patch(Snapshot.empty(), trees(1, 64, {4: 1}, {1: 8}))
    for limit in (1, 10, None):
        asked = CandidateRequest(groups(6, {"VGPU": 1}), GroupPolicy.NONE, limit=limit)
        answer = search(eight, asked)
        name = f"8 one-unit children, 6 groups, limit {limit}: {len(answer.candidates)}"
        shown(name, lambda asked=asked: search(eight, asked), 5)  # type: ignore[misc]  # bound now
    asked = CandidateRequest(groups(64, {"VGPU": 1}), GroupPolicy.NONE, limit=1000)
    shown("64 one-unit children, 64 groups, limit 1000", lambda: search(wide, asked))
    for count, world, policy in ((9, eight, GroupPolicy.ISOLATE), (65, wide, GroupPolicy.NONE)):
        hopeless = CandidateRequest(groups(count, {"VGPU": 1}), policy)
        shown(f"one group more than children: {count}, {policy.value}", lambda h=hopeless, w=world: search(w, h), 5)  # type: ignore[misc]  # bound now


def main() -> None:
    bench_wide()
    bench_trees()
    for count in [int(text) for text in sys.argv[1:]] or [1_000, 10_000, 100_000]:
        bench_flat(count)
    print(f"most memory held: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
