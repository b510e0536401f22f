"""Fleets for the engine's tests: providers by name, whose uuid is their name, and the delta of any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ullage.engine.patch import Delta, patch
from ullage.engine.rows import InventoryRecord, ProviderRecord
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Answer
from ullage.model.inventory import Inventory
from ullage.model.names import SHARING_TRAIT
from ullage.model.request import LabelFilter

Offer = int | Inventory | tuple[Inventory, int]
"""A total, an inventory, or an inventory with what is used of it."""


@dataclass(frozen=True)
class Member:
    """One provider as a test describes it."""

    key: int
    name: str
    parent: str | None
    offers: Mapping[str, Offer]
    traits: frozenset[str]
    aggregates: frozenset[str]
    uuid: str
    generation: int = 0
    updated_us: int = 0


@dataclass
class Fleet:
    """A world that is built up by hand. Names of classes, traits and aggregates become known when first used."""

    members: dict[str, Member] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    traits: dict[str, int] = field(default_factory=lambda: {SHARING_TRAIT: 1})
    aggregates: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        name: str,
        offers: Mapping[str, Offer] | None = None,
        *,
        parent: str | None = None,
        traits: Iterable[str] = (),
        aggregates: Iterable[str] = (),
        key: int | None = None,
    ) -> Fleet:
        """One more provider; its key follows the highest, if none is said."""
        number = key or 1 + max((member.key for member in self.members.values()), default=0)
        self.set(Member(number, name, parent, offers or {}, frozenset(traits), frozenset(aggregates), name))
        return self

    def share(self, name: str, offers: Mapping[str, Offer], *aggregates: str) -> Fleet:
        """One more provider that shares via aggregates."""
        return self.add(name, offers, traits=[SHARING_TRAIT], aggregates=aggregates)

    def set(self, member: Member) -> None:
        """Put a provider in the place of the one with its name, if any."""
        for names, known in (
            (member.offers, self.classes),
            (member.traits, self.traits),
            (member.aggregates, self.aggregates),
        ):
            for name in sorted(names):
                known.setdefault(name, 1 + max(known.values(), default=0))
        self.members[member.name] = member

    def change(self, name: str, **parts: object) -> Fleet:
        """Give a provider other parts."""
        self.set(replace(self.members[name], **parts))  # type: ignore[arg-type]  # a test names real parts
        return self

    def root(self, member: Member) -> Member:
        while member.parent is not None:
            member = self.members[member.parent]
        return member

    def below(self, name: str) -> list[str]:
        """A provider and all its descendants."""
        found = [name]
        for one in found:
            found += [member.name for member in self.members.values() if member.parent == one]
        return found

    def delta(self, *names: str, deleted: Iterable[int] = ()) -> Delta:
        """The change that tells of some providers, as they are now; of no names, it tells all."""
        members = [self.members[name] for name in names or self.members]
        return Delta(
            providers=[self._record(member) for member in members],
            inventories=[record for member in members for record in self._inventories(member)],
            traits=[(member.key, self.traits[trait]) for member in members for trait in member.traits],
            aggregates=[(member.key, self.aggregates[one]) for member in members for one in member.aggregates],
            deleted_providers=tuple(deleted),
            class_names={key: name for name, key in self.classes.items()},
            trait_names={key: name for name, key in self.traits.items()},
            aggregate_uuids={key: name for name, key in self.aggregates.items()},
            complete=not names and not deleted,
        )

    def snapshot(self) -> Snapshot:
        """The snapshot of the fleet, made from nothing."""
        return patch(Snapshot.empty(), self.delta())

    def _record(self, member: Member) -> ProviderRecord:
        parent = None if member.parent is None else self.members[member.parent].key
        return ProviderRecord(
            member.key,
            member.uuid,
            member.name,
            member.generation,
            parent,
            self.root(member).key,
            member.updated_us,
        )

    def _inventories(self, member: Member) -> Iterable[InventoryRecord]:
        for name, offer in member.offers.items():
            inventory, used = offer if isinstance(offer, tuple) else (offer, 0)
            if isinstance(inventory, int):
                inventory = Inventory(inventory)
            yield InventoryRecord(
                member.key,
                self.classes[name],
                inventory.total,
                inventory.reserved,
                inventory.min_unit,
                inventory.max_unit,
                inventory.step_size,
                inventory.allocation_ratio,
                used,
            )


def wanted(*traits: str | Iterable[str], forbidden: Iterable[str] = ()) -> LabelFilter:
    """A filter: each argument is a label, or several of which any will do."""
    sets = (frozenset({some}) if isinstance(some, str) else frozenset(some) for some in traits)
    return LabelFilter(tuple(sets), frozenset(forbidden))


def allocations(answer: Answer) -> list[dict[str, dict[str, int]]]:
    """The allocations of an answer, in plain dictionaries."""
    return [
        {uuid: dict(resources) for uuid, resources in candidate.allocations.items()} for candidate in answer.candidates
    ]


def givers(answer: Answer) -> list[str]:
    """The providers of each candidate, in short: "cn1+disk"."""
    return ["+".join(sorted(candidate.allocations)) for candidate in answer.candidates]


def mapped(answer: Answer) -> list[dict[str, str]]:
    """The mappings of an answer, in short."""
    return [{suffix: "+".join(uuids) for suffix, uuids in one.mappings.items()} for one in answer.candidates]
