"""Several committers at once on one database, in one another's way on purpose; what each was told must add up.

Nobody knows in which order the commands took effect, so an auditor cannot replay them. But generations count what was
accepted, each of them can be the expected one only once, and capacity only grows here: so every answer can be held to
what is stored in the end, and to what a watcher sees meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random

import pytest
from stored import stored_state

from simulation.auditor import State
from simulation.workload import CONSUMERS, PROVIDERS, STANDARD_TRAITS
from ullage.model import commands as c
from ullage.model.allocation import NOT_SAID, Claim
from ullage.model.errors import Refusal
from ullage.model.inventory import Inventory
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

COMMITTERS, ROUNDS = 3, 40
HOSTS, KEEPERS, PASSERS = PROVIDERS[:4], CONSUMERS[:4], CONSUMERS[4:]
"""Keepers never release all they hold, so they live from their first claim on; passers come and go."""

Told = list[tuple[c.Command, object]]


@pytest.fixture
def committers(database_url: str) -> Iterator[list[Committer]]:
    """Each with a store of its own, as processes have them."""
    with ExitStack() as stack:
        made = []
        for _ in range(COMMITTERS):
            store = Store.open(database_url)
            stack.callback(store.close)
            made.append(Committer(store))
            stack.callback(made[-1].stop)
        yield made


def stock(committer: Committer) -> None:
    """Four hosts under one another, each with a little of everything."""
    offers = {"VCPU": Inventory(6), "MEMORY_MB": Inventory(4, allocation_ratio=1.5)}
    for number, (uuid, parent) in enumerate(zip(HOSTS, (None, *HOSTS), strict=False)):
        committer.run(c.CreateProvider(uuid, f"host {number}", parent))
        committer.run(c.SetInventories(uuid, 0, offers))


def a_claim(random: Random, consumer: str, seen: State) -> c.Command:
    """Claim something on one or two hosts, mostly as a consumer that was seen in this generation."""
    allocations = {
        host: {name: random.choice((1, 1, 2)) for name in random.sample(("VCPU", "MEMORY_MB"), random.choice((1, 2)))}
        for host in random.sample(HOSTS, random.choice((1, 1, 2)))
    }
    known = seen.consumers.get(consumer)
    expected = random.choice((NOT_SAID, known[0] if known else None, known[0] if known else None))
    return c.ReplaceAllocations((Claim(consumer, allocations, "project", "user", NOT_SAID, expected),))


def a_command(random: Random, seen: State) -> c.Command:
    """Mostly claims; sometimes a host changes or moves, or a passer releases everything."""
    host = random.choice(HOSTS)
    generation = seen.providers[host][1]
    capacity = seen.inventories[host, "VCPU"].total
    grown = {"VCPU": Inventory(capacity + 1), "MEMORY_MB": seen.inventories[host, "MEMORY_MB"]}
    kind = random.randrange(20)
    if kind == 0:
        return c.SetInventories(host, generation, grown)
    if kind == 1:
        return c.SetProviderTraits(host, generation, frozenset(random.sample(STANDARD_TRAITS, random.randrange(3))))
    if kind == 2:
        return c.UpdateProvider(host, seen.providers[host][0], random.choice((None, *HOSTS)))
    if kind in {3, 4}:
        return c.ReleaseConsumer(random.choice(PASSERS))
    return a_claim(random, random.choice((*KEEPERS, *PASSERS)), seen)


def work(store: Store, committer: Committer, seed: int) -> Told:
    """Many small batches, each thought out on what was stored when the one before it was answered."""
    random = Random(seed)
    told: Told = []
    for _ in range(ROUNDS):
        seen = stored_state(store)
        commands = [a_command(random, seen) for _ in range(random.choice((1, 2, 6)))]
        told += zip(commands, committer.run_all(commands), strict=True)
    return told


def watch(store: Store, enough: threading.Event) -> None:
    """Law 5 and law 1, in every state that a reader can meet."""
    before = stored_state(store)
    while not enough.wait(0.02):
        now = stored_state(store)
        for uuid, row in before.providers.items():
            assert now.providers[uuid][1] >= row[1]
        for uuid in set(KEEPERS) & set(before.consumers):
            assert now.consumers[uuid][0] >= before.consumers[uuid][0]
        for place, used in now.used.items():
            assert used <= now.inventories[place].capacity
        before = now


def raises_of(command: c.Command, answer: object) -> Counter[str]:
    """By how much an accepted command raised each host: claims whose sets are not empty count once on each host."""
    if isinstance(command, c.ReplaceAllocations):
        return Counter({host for claim in command.claims for host in claim.allocations})
    if isinstance(command, c.SetInventories):
        return Counter([command.provider_uuid])
    if isinstance(command, c.SetProviderTraits) and isinstance(answer, c.TraitsNow):
        return Counter({command.provider_uuid: answer.generation - command.generation})
    return Counter()


def check_consumers(accepted: Told, end: State) -> None:
    """What a keeper holds is one of the claims it was granted, each of which raised its generation by 1."""
    for keeper in KEEPERS:
        granted = [
            claim
            for command, _ in accepted
            if isinstance(command, c.ReplaceAllocations)
            for claim in command.claims
            if claim.consumer_uuid == keeper
        ]
        assert (end.consumers[keeper][0] if keeper in end.consumers else 0) == len(granted)
        expected = Counter(claim.expected_generation for claim in granted if claim.expected_generation is not NOT_SAID)
        assert all(count == 1 for count in expected.values())
        last = [claim for claim in granted if claim.expected_generation in {len(granted) - 1, NOT_SAID}]
        held = end.held.get(keeper, {})
        assert not granted or any(held == _places(claim) for claim in last)


def _places(claim: Claim) -> dict[tuple[str, str], int]:
    return {(host, name): amount for host, resources in claim.allocations.items() for name, amount in resources.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_what_committers_were_told_adds_up(store: Store, committers: list[Committer], seed: int) -> None:
    stock(committers[0])
    enough = threading.Event()
    with ThreadPoolExecutor(COMMITTERS + 1) as pool:
        watching = pool.submit(watch, store, enough)
        working = [
            pool.submit(work, store, committer, seed * 100 + number) for number, committer in enumerate(committers)
        ]
        try:
            told = [each for future in working for each in future.result()]
        finally:
            enough.set()
        watching.result()
    accepted = [(command, answer) for command, answer in told if not isinstance(answer, Refusal)]
    raised = sum((raises_of(*each) for each in accepted), Counter(dict.fromkeys(HOSTS, 1)))
    end = stored_state(store)
    assert {uuid: row[1] for uuid, row in end.providers.items()} == dict(raised)
    check_consumers(accepted, end)
    conflicts = Counter(type(answer).__name__ for _, answer in told if isinstance(answer, Refusal))
    assert conflicts["ConsumerGenerationConflict"]
    assert conflicts["AmountDoesNotFit"]
