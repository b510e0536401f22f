"""An independent keeper of the books: it believes nothing that the ledger says.

The auditor is told every command with its answer, in order. It keeps its own plain model of what accepted commands
mean, written from the laws and from the published behaviour of the Placement API and sharing no code with the ledger;
it raises Breach when an accepted command breaks a law, when a claim was refused for room that was there, and when what
is stored is not what its model says.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ullage.model import commands as c
from ullage.model import errors
from ullage.model.allocation import NOT_SAID, Claim
from ullage.model.inventory import Inventory, Misfit

Place = tuple[str, str]


class Breach(AssertionError):
    """A law was broken, or an answer was not true."""


@dataclass
class State:
    """All that is stored, in the plainest form; two states are equal if nothing differs."""

    providers: dict[str, tuple[str, int, str | None, str]] = field(default_factory=dict)
    """uuid -> name, generation, parent, root"""
    inventories: dict[Place, Inventory] = field(default_factory=dict)
    used: dict[Place, int] = field(default_factory=dict)
    held: dict[str, dict[Place, int]] = field(default_factory=dict)
    consumers: dict[str, tuple[int, str, str, str | None]] = field(default_factory=dict)
    """uuid -> generation, project, user, type"""
    traits: dict[str, frozenset[str]] = field(default_factory=dict)
    aggregates: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of the providers that have some."""
    custom_classes: set[str] = field(default_factory=set)
    custom_traits: set[str] = field(default_factory=set)


@dataclass
class Auditor:
    """Keeps a State of its own and judges every answer by it."""

    state: State = field(default_factory=State)
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def witness(self, command: c.Command, answer: object) -> None:
        """Hear of one command and its answer, in the order in which they took effect."""
        if isinstance(answer, errors.Refusal):
            self.refused[type(answer).__name__] += 1
            self._doubt(command, answer)
            return
        self.accepted[type(command).__name__] += 1
        generations = {uuid: row[1] for uuid, row in self.state.providers.items()}
        given = getattr(command, "generation", NOT_SAID)
        if given is not NOT_SAID and given != generations[command.provider_uuid]:  # type: ignore[union-attr] # so named
            raise Breach(f"law 5: a stale generation was accepted: {command}")
        for consumer, owner in getattr(command, "owners_seen", {}).items():
            row = self.state.consumers.get(consumer)
            if owner != (row and row[1:3]):
                raise Breach(f"{consumer} is not any more whose it was when the asker was let at it: {command}")
        self._take(command)
        for uuid, generation in generations.items():
            if uuid in self.state.providers and self.state.providers[uuid][1] < generation:
                raise Breach(f"law 5: the generation of {uuid} went back")

    def compare(self, stored: State) -> None:
        """Laws 3 and 4 and the truth of everything: what is stored must be what the accepted commands mean."""
        for place, used in stored.used.items():
            held = sum(holdings.get(place, 0) for holdings in stored.held.values())
            if used != held:
                raise Breach(f"law 4: {place} says {used} used, and {held} is held of it")
        for consumer, holdings in stored.held.items():
            if not holdings or consumer not in stored.consumers:
                raise Breach(f"law 3: {consumer} and what it holds do not belong together")
            if set(holdings) - set(stored.inventories):
                raise Breach(f"law 4: {consumer} holds of what nobody offers")
        for name in State.__dataclass_fields__:
            mine, theirs = getattr(self.state, name), getattr(stored, name)
            if mine != theirs:
                raise Breach(f"{name} should be {mine}, and is {theirs}")

    # What accepted commands mean

    def _take(self, command: c.Command) -> None:
        state = self.state
        match command:
            case c.CreateProvider():
                self._put(command.uuid, command.name, 0, command.parent_uuid)
                self._stock(command.uuid, dict(command.inventories))
                _set_or_drop(state.traits, command.uuid, command.traits)
                _set_or_drop(state.aggregates, command.uuid, command.aggregates)
            case c.UpdateProvider():
                _, generation, parent, _ = state.providers[command.uuid]
                new_parent = parent if command.parent_uuid is NOT_SAID else command.parent_uuid
                self._put(command.uuid, command.name, generation, new_parent)
            case c.DeleteProvider():
                del state.providers[command.uuid]
                state.traits.pop(command.uuid, None)
                state.aggregates.pop(command.uuid, None)
                self._stock(command.uuid, {})
            case c.ReplaceAllocations():
                self._claim(command.claims)
            case c.ReleaseConsumer():
                self._hold(command.consumer_uuid, {})
                del state.consumers[command.consumer_uuid]
            case c.Reshape():
                self._reshape(command)
            case _:
                self._take_small(command)

    def _take_small(self, command: c.Command) -> None:
        state = self.state
        match command:
            case c.SetInventories():
                self._stock(command.provider_uuid, dict(command.inventories))
                self._raise(command.provider_uuid)
            case c.AddInventory() | c.UpdateInventory():
                state.inventories[command.provider_uuid, command.resource_class] = command.inventory
                state.used.setdefault((command.provider_uuid, command.resource_class), 0)
                self._raise(command.provider_uuid)
            case c.DeleteInventory():
                self._unstock((command.provider_uuid, command.resource_class))
                self._raise(command.provider_uuid)
            case c.ClearInventories():
                self._stock(command.provider_uuid, {})
                self._raise(command.provider_uuid)
            case c.SetProviderTraits() | c.ClearProviderTraits():
                traits = command.traits if isinstance(command, c.SetProviderTraits) else frozenset()
                if traits != state.traits.get(command.provider_uuid, frozenset()):
                    self._raise(command.provider_uuid)
                _set_or_drop(state.traits, command.provider_uuid, traits)
            case c.SetProviderAggregates():
                if command.generation is not NOT_SAID:
                    self._raise(command.provider_uuid)
                _set_or_drop(state.aggregates, command.provider_uuid, command.aggregates)
            case _:
                self._take_label(command)

    def _take_label(self, command: c.Command) -> None:
        state = self.state
        match command:
            case c.CreateResourceClass() | c.EnsureResourceClass():
                state.custom_classes.add(command.name)
            case c.EnsureTrait():
                state.custom_traits.add(command.name)
            case c.DeleteResourceClass():
                state.custom_classes.remove(command.name)
            case c.DeleteTrait():
                state.custom_traits.remove(command.name)
            case c.RenameResourceClass():
                self._rename(command.name, command.new_name)
            case _:
                raise Breach(f"a command that the auditor does not know: {command}")

    def _rename(self, old: str, new: str) -> None:
        def named(place: Place) -> Place:
            return (place[0], new if place[1] == old else place[1])

        state = self.state
        state.custom_classes = {new if name == old else name for name in state.custom_classes}
        state.inventories = {named(place): inventory for place, inventory in state.inventories.items()}
        state.used = {named(place): used for place, used in state.used.items()}
        state.held = {
            consumer: {named(place): amount for place, amount in holdings.items()}
            for consumer, holdings in state.held.items()
        }

    def _put(self, uuid: str, name: str, generation: int, parent: str | None) -> None:
        self.state.providers[uuid] = (name, generation, parent, uuid)
        for each, (its_name, its_generation, its_parent, _) in list(self.state.providers.items()):
            self.state.providers[each] = (its_name, its_generation, its_parent, self._root(each))

    def _root(self, uuid: str) -> str:
        path = [uuid]
        while (parent := self.state.providers[path[-1]][2]) is not None:
            if parent in path:
                raise Breach(f"{uuid} is in a loop")
            path.append(parent)
        return path[-1]

    def _raise(self, uuid: str, by: int = 1) -> None:
        name, generation, parent, root = self.state.providers[uuid]
        self.state.providers[uuid] = (name, generation + by, parent, root)

    def _stock(self, uuid: str, inventories: dict[str, Inventory]) -> None:
        for place in [place for place in self.state.inventories if place[0] == uuid]:
            if place[1] not in inventories:
                self._unstock(place)
        for name, inventory in inventories.items():
            self.state.inventories[uuid, name] = inventory
            self.state.used.setdefault((uuid, name), 0)

    def _unstock(self, place: Place) -> None:
        del self.state.inventories[place]
        if self.state.used.pop(place):
            raise Breach(f"{place} went while it was used")

    def _reshape(self, command: c.Reshape) -> None:
        for uuid, new in command.inventories.items():
            if self.state.providers[uuid][1] != new.generation:
                raise Breach(f"law 5: a stale generation of {uuid} was accepted")
            for name, inventory in new.inventories.items():
                self.state.inventories[uuid, name] = inventory
                self.state.used.setdefault((uuid, name), 0)
        self._claim(command.claims)
        for uuid, new in command.inventories.items():
            self._stock(uuid, dict(new.inventories))
            self._raise(uuid, 2 if new.inventories else 1)

    def _claim(self, claims: tuple[Claim, ...]) -> None:
        state = self.state
        last = {claim.consumer_uuid: claim for claim in claims}
        before = dict(state.used)
        raised: set[str] = set()
        for consumer, claim in last.items():
            was = state.consumers.get(consumer)
            if claim.expected_generation is not NOT_SAID and claim.expected_generation != (was[0] if was else None):
                raise Breach(f"law 5: a stale generation of {consumer} was accepted")
            new = _places(claim)
            raised |= {uuid for uuid, _ in new or state.held.get(consumer, {})}
            self._hold(consumer, new)
            kept_type = was[3] if was else None
            consumer_type = kept_type if claim.consumer_type is NOT_SAID else claim.consumer_type
            if new:
                state.consumers[consumer] = (was[0] + 1 if was else 1, claim.project, claim.user, consumer_type)
            else:
                state.consumers.pop(consumer, None)
        for place in {place for claim in last.values() for place in _places(claim)}:
            if state.used[place] > max(_capacity(state.inventories[place]), before.get(place, 0)):
                raise Breach(f"law 1: {place} is overcommitted, {state.used[place]} used")
        for uuid in raised:
            self._raise(uuid)

    def _hold(self, consumer: str, new: dict[Place, int]) -> None:
        for place, amount in self.state.held.pop(consumer, {}).items():
            self.state.used[place] -= amount
        for place, amount in new.items():
            if place not in self.state.inventories:
                raise Breach(f"law 4: {consumer} got {place}, which nobody offers")
            inventory = self.state.inventories[place]
            if not inventory.min_unit <= amount <= inventory.max_unit or amount % inventory.step_size:
                raise Breach(f"law 1: {consumer} got {amount} of {place}, which its units forbid")
            self.state.used[place] += amount
        if new:
            self.state.held[consumer] = new

    # Refusals

    def _doubt(self, command: c.Command, answer: errors.Refusal) -> None:
        """A claim that is refused for want of room must really not fit."""
        if not isinstance(command, c.ReplaceAllocations) or not isinstance(answer, errors.AmountDoesNotFit):
            return
        if answer.misfit is not Misfit.CAPACITY:
            return
        place = (answer.provider_uuid, answer.resource_class)
        last = {claim.consumer_uuid: claim for claim in command.claims}
        asked = sum(_places(claim).get(place, 0) for claim in last.values())
        others = sum(held.get(place, 0) for consumer, held in self.state.held.items() if consumer not in last)
        if others + asked <= max(_capacity(self.state.inventories[place]), self.state.used[place]):
            raise Breach(f"{asked} of {place} was refused although it fits")


def _capacity(inventory: Inventory) -> int:
    return int((inventory.total - inventory.reserved) * inventory.allocation_ratio // 1)


def _places(claim: Claim) -> dict[Place, int]:
    return {
        (provider, name): amount
        for provider, resources in claim.allocations.items()
        for name, amount in resources.items()
    }


def _set_or_drop(mapping: dict[str, frozenset[str]], key: str, value: frozenset[str]) -> None:
    if value:
        mapping[key] = value
    else:
        mapping.pop(key, None)
