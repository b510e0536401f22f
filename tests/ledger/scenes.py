"""Short ways to write commands: hosts, inventories and claims by one-letter names."""

from __future__ import annotations

from ledger.memory import MemoryWorld
from ullage.model.allocation import NOT_SAID, Claim, NotSaid
from ullage.model.commands import CreateProvider, ReplaceAllocations, SetInventories
from ullage.model.errors import Refusal
from ullage.model.inventory import Inventory


def uuid_of(name: str) -> str:
    """A uuid that can be recognised in a failure: the name's letters, in hexadecimal, at its end."""
    return f"00000000-0000-4000-8000-{name.encode().hex():0>12}"


def world_with(**hosts: dict[str, int | Inventory]) -> MemoryWorld:
    """A world of root providers; an inventory that is a number stands for its total."""
    world = MemoryWorld()
    for name, totals in hosts.items():
        add_host(world, name, totals)
    return world


def add_host(world: MemoryWorld, name: str, totals: dict[str, int | Inventory], parent: str | None = None) -> None:
    """One more provider, at generation 1."""
    offers = {
        resource_class: total if isinstance(total, Inventory) else Inventory(total)
        for resource_class, total in totals.items()
    }
    world.do(
        CreateProvider(uuid_of(name), name, None if parent is None else uuid_of(parent)),
        SetInventories(uuid_of(name), 0, offers),
    )


def claim(
    consumer: str,
    held: dict[str, dict[str, int]],
    *,
    generation: int | NotSaid | None = NOT_SAID,
    project: str = "project",
    user: str = "user",
    consumer_type: str | NotSaid = NOT_SAID,
) -> Claim:
    """What a consumer shall hold, by one-letter names of providers."""
    allocations = {uuid_of(provider): resources for provider, resources in held.items()}
    return Claim(uuid_of(consumer), allocations, project, user, consumer_type, generation)


def replace(*claims: Claim) -> ReplaceAllocations:
    """The command of these claims."""
    return ReplaceAllocations(claims)


def used(world: MemoryWorld, provider: str, resource_class: str) -> int:
    """How much of an inventory is used."""
    return world.inventories[uuid_of(provider)][resource_class].used


def generation(world: MemoryWorld, provider: str) -> int:
    """A provider's generation."""
    return world.providers[uuid_of(provider)].generation


def refusal(answer: object) -> Refusal:
    """The answer, which must be a refusal."""
    if not isinstance(answer, Refusal):
        raise AssertionError(f"accepted: {answer!r}")
    return answer
