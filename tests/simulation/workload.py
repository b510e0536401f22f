"""Random commands over a small world: mostly sensible, often contended, sometimes wrong.

Everything comes from the Random that is handed in, so a seed replays a run, and Hypothesis can shrink one. Generations
and what exists are taken from a State, which may be older than what the command meets (that is how conflicts come).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar
from uuid import UUID

from simulation.auditor import State
from ullage.model import commands as c
from ullage.model.allocation import NOT_SAID, Claim, NotSaid
from ullage.model.inventory import Inventory

T = TypeVar("T")

PROVIDERS = tuple(str(UUID(int=0xA0 + number)) for number in range(8))
CONSUMERS = tuple(str(UUID(int=0xC0 + number)) for number in range(8))
AGGREGATES = tuple(str(UUID(int=0xE0 + number)) for number in range(3))
NAMES = tuple(f"host {number}" for number in range(9))
STANDARD_CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
CUSTOM_CLASSES = ("CUSTOM_GOLD", "CUSTOM_SILVER")
STANDARD_TRAITS = ("HW_CPU_X86_AVX", "STORAGE_DISK_SSD")
CUSTOM_TRAITS = ("CUSTOM_FAST", "CUSTOM_LOUD")
CLASSES = (*STANDARD_CLASSES, *CUSTOM_CLASSES)
TRAITS = (*STANDARD_TRAITS, *CUSTOM_TRAITS)


class Workload:
    """Makes one command after another."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def command(self, state: State) -> c.Command:
        """The next command, for a world that looked like this not long ago."""
        make: Callable[[State], c.Command] = self.random.choices(
            [make for make, _ in self._makers()], [weight for _, weight in self._makers()]
        )[0]
        return make(state)

    def _makers(self) -> Sequence[tuple[Callable[[State], c.Command], int]]:
        return (
            (self._replace, 40),
            (self._release, 6),
            (self._create_provider, 10),
            (self._update_provider, 6),
            (self._delete_provider, 4),
            (self._set_inventories, 10),
            (self._one_inventory, 8),
            (self._set_traits, 5),
            (self._set_aggregates, 4),
            (self._catalogue, 6),
            (self._reshape, 6),
        )

    # Small choices

    def _chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def _some(self, pool: Sequence[T], most: int) -> list[T]:
        return self.random.sample(pool, self.random.randrange(min(most, len(pool)) + 1))

    def _provider(self, state: State) -> str:
        there = sorted(state.providers)
        return self.random.choice(there if there and not self._chance(5) else PROVIDERS)

    def _generation(self, state: State, uuid: str) -> int:
        known = state.providers[uuid][1] if uuid in state.providers else 0
        return known if not self._chance(10) else known + self.random.choice((-1, 1))

    def _inventory(self) -> Inventory:
        random = self.random
        total = random.choice((1, 2, 4, 8, 16))
        return Inventory(
            total,
            reserved=random.choice((0, 0, 0, 1, total, total + 1)),
            min_unit=random.choice((1, 1, 1, 2)),
            max_unit=random.choice((100, 100, 4, 1)),
            step_size=random.choice((1, 1, 1, 2)),
            allocation_ratio=random.choice((1.0, 1.0, 1.5, 0.7, 16.0)),
        )

    def _inventories(self) -> dict[str, Inventory]:
        return {name: self._inventory() for name in self._some(CLASSES, 3)}

    def _claim(self, state: State, consumer: str) -> Claim:
        places = sorted(state.inventories)
        allocations: dict[str, dict[str, int]] = {}
        for _ in range(self.random.randrange(4)):
            provider, name = self.random.choice(places) if places else (PROVIDERS[0], "VCPU")
            if self._chance(3):
                provider = self._provider(state)
            if self._chance(3):
                name = self.random.choice((*CLASSES, "CUSTOM_NONE"))
            allocations.setdefault(provider, {})[name] = self.random.choice((1, 1, 1, 2, 2, 3, 4, 8))
        known = state.consumers.get(consumer)
        generation: int | None = known[0] if known else None
        expected: int | NotSaid | None = generation if self._chance(90) else self.random.choice((None, 1, 2))
        return Claim(
            consumer,
            allocations,
            self.random.choice(("p1", "p2")),
            self.random.choice(("u1", "u2")),
            self.random.choice((NOT_SAID, "INSTANCE", "MIGRATION")),
            NOT_SAID if self._chance(20) else expected,
        )

    def _claims(self, state: State) -> tuple[Claim, ...]:
        count = self.random.choice((1, 1, 1, 2, 3))
        return tuple(self._claim(state, consumer) for consumer in self.random.sample(CONSUMERS, count))

    def _owners_seen(self, state: State, claims: tuple[Claim, ...]) -> c.OwnersSeen:
        """What an asker who is held to a project has seen; others do not look."""
        return self._owners_of(state, [claim.consumer_uuid for claim in claims]) if self._chance(20) else {}

    def _owners_of(self, state: State, consumers: Sequence[str]) -> c.OwnersSeen:
        found = {uuid: state.consumers.get(uuid) for uuid in consumers}
        changed = ("p3", "u1") if self._chance(20) else None
        return {uuid: changed or (row and (row[1], row[2])) for uuid, row in found.items()}

    # Commands

    def _replace(self, state: State) -> c.Command:
        claims = self._claims(state)
        return c.ReplaceAllocations(claims, self._owners_seen(state, claims))

    def _release(self, state: State) -> c.Command:
        consumer = self.random.choice(CONSUMERS)
        return c.ReleaseConsumer(consumer, self._owners_of(state, [consumer]) if self._chance(20) else {})

    def _create_provider(self, state: State) -> c.Command:
        parent = self._provider(state) if self._chance(50) else None
        create = c.CreateProvider(self.random.choice(PROVIDERS), self.random.choice(NAMES), parent)
        if self._chance(50):
            return create
        return replace(
            create,
            inventories=self._inventories(),
            traits=frozenset(self._some(TRAITS, 2)),
            aggregates=frozenset(self._some(AGGREGATES, 2)),
        )

    def _update_provider(self, state: State) -> c.Command:
        uuid = self._provider(state)
        name = state.providers[uuid][0] if uuid in state.providers and self._chance(60) else self.random.choice(NAMES)
        parents: tuple[str | NotSaid | None, ...] = (NOT_SAID, None, self._provider(state), self._provider(state))
        return c.UpdateProvider(uuid, name, self.random.choice(parents), self._chance(80))

    def _delete_provider(self, state: State) -> c.Command:
        return c.DeleteProvider(self._provider(state))

    def _set_inventories(self, state: State) -> c.Command:
        uuid = self._provider(state)
        return c.SetInventories(uuid, self._generation(state, uuid), self._inventories(), self._chance(80))

    def _one_inventory(self, state: State) -> c.Command:
        uuid, name = self._provider(state), self.random.choice(CLASSES)
        update = c.UpdateInventory(uuid, name, self._generation(state, uuid), self._inventory())
        return self.random.choice(
            (
                c.AddInventory(uuid, name, self._inventory()),
                update,
                update,
                c.DeleteInventory(uuid, name),
                c.ClearInventories(uuid),
            )
        )

    def _set_traits(self, state: State) -> c.Command:
        uuid = self._provider(state)
        if self._chance(20):
            return c.ClearProviderTraits(uuid)
        return c.SetProviderTraits(uuid, self._generation(state, uuid), frozenset(self._some(TRAITS, 2)))

    def _set_aggregates(self, state: State) -> c.Command:
        uuid = self._provider(state)
        generation = NOT_SAID if self._chance(30) else self._generation(state, uuid)
        return c.SetProviderAggregates(uuid, generation, frozenset(self._some(AGGREGATES, 2)))

    def _catalogue(self, state: State) -> c.Command:
        resource_class = self.random.choice((*CUSTOM_CLASSES, "VCPU"))
        trait = self.random.choice((*CUSTOM_TRAITS, "STORAGE_DISK_SSD"))
        return self.random.choice(
            (
                c.CreateResourceClass(resource_class),
                c.EnsureResourceClass(resource_class),
                c.EnsureResourceClass(resource_class),
                c.RenameResourceClass(resource_class, self.random.choice(CUSTOM_CLASSES)),
                c.DeleteResourceClass(resource_class),
                c.EnsureTrait(trait),
                c.EnsureTrait(trait),
                c.DeleteTrait(trait),
            )
        )

    def _reshape(self, state: State) -> c.Command:
        uuids = sorted(state.providers) or PROVIDERS
        chosen = self.random.sample(uuids, self.random.randrange(1, min(2, len(uuids)) + 1))
        inventories = {
            uuid: c.NewInventories(self._generation(state, uuid), self._kept_and_new(state, uuid)) for uuid in chosen
        }
        claims = self._claims(state) if self._chance(60) else ()
        return c.Reshape(inventories, claims, self._owners_seen(state, claims))

    def _kept_and_new(self, state: State, uuid: str) -> dict[str, Inventory]:
        """New inventories, mostly beside those that are there: what is used could not go."""
        kept = {place[1]: inventory for place, inventory in state.inventories.items() if place[0] == uuid}
        return {**(kept if self._chance(70) else {}), **self._inventories()}
