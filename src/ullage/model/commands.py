"""Every write as one frozen command, and what an accepted one answers.

A command names things by their public keys (uuids and names), already well-formed: uuids lower-case and dashed, numbers
in range. What depends on what is stored (does it exist, does it fit) is the ledger's to decide. Rules that changed with
a microversion arrive as named arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ullage.model.allocation import NOT_SAID, Claim, NotSaid
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider


@dataclass(frozen=True, slots=True)
class CreateProvider:
    """Made with all that it has, if that is known already: one decision instead of four. Answers `Provider`, at
    generation 0.
    """

    uuid: str
    name: str
    parent_uuid: str | None = None
    inventories: Mapping[str, Inventory] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class UpdateProvider:
    """Rename and, if a parent is said, move. Raises no generation. Answers `Provider`.

    Without `may_reparent` only a root may be given a parent (Placement before 1.37).
    """

    uuid: str
    name: str
    parent_uuid: str | NotSaid | None = NOT_SAID
    may_reparent: bool = True


@dataclass(frozen=True, slots=True)
class DeleteProvider:
    """Takes inventories, traits and aggregate links with it; refused with children or allocations. Answers None."""

    uuid: str


@dataclass(frozen=True, slots=True)
class SetInventories:
    """Replace all inventories of a provider. Answers `InventoriesNow`."""

    provider_uuid: str
    generation: int
    inventories: Mapping[str, Inventory]
    reserved_may_equal_total: bool = True


@dataclass(frozen=True, slots=True)
class AddInventory:
    """Add the inventory of one class; asks no generation. Answers `InventoriesNow` with that class alone."""

    provider_uuid: str
    resource_class: str
    inventory: Inventory
    reserved_may_equal_total: bool = True


@dataclass(frozen=True, slots=True)
class UpdateInventory:
    """Replace the inventory of one class. Answers `InventoriesNow` with that class alone."""

    provider_uuid: str
    resource_class: str
    generation: int
    inventory: Inventory
    reserved_may_equal_total: bool = True


@dataclass(frozen=True, slots=True)
class DeleteInventory:
    """Answers None."""

    provider_uuid: str
    resource_class: str


@dataclass(frozen=True, slots=True)
class ClearInventories:
    """Delete all inventories of a provider; asks no generation. Answers None."""

    provider_uuid: str


@dataclass(frozen=True, slots=True)
class SetProviderTraits:
    """Replace a provider's traits; a set that changes nothing raises no generation. Answers `TraitsNow`."""

    provider_uuid: str
    generation: int
    traits: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClearProviderTraits:
    """Asks no generation. Answers None."""

    provider_uuid: str


@dataclass(frozen=True, slots=True)
class SetProviderAggregates:
    """Replace a provider's aggregates. Answers `AggregatesNow`.

    A NOT_SAID generation is neither asked nor raised (Placement before 1.19); a said one is, always, by 1.
    """

    provider_uuid: str
    generation: int | NotSaid
    aggregates: frozenset[str]


@dataclass(frozen=True, slots=True)
class CreateResourceClass:
    """Refused if it exists. Answers None."""

    name: str


@dataclass(frozen=True, slots=True)
class EnsureResourceClass:
    """Answers `Ensured`."""

    name: str


@dataclass(frozen=True, slots=True)
class RenameResourceClass:
    """Custom classes only (Placement 1.2 to 1.6). Answers None."""

    name: str
    new_name: str


@dataclass(frozen=True, slots=True)
class DeleteResourceClass:
    """Refused for standard classes and those in use by an inventory. Answers None."""

    name: str


@dataclass(frozen=True, slots=True)
class EnsureTrait:
    """Answers `Ensured`."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteTrait:
    """Refused for standard traits and those in use by a provider. Answers None."""

    name: str


OwnersSeen = Mapping[str, tuple[str, str] | None]
"""Consumer uuid -> (project, user) as they were when it was judged whether the asker may have it; None: there was none.
What has come to somebody else since is not the asker's any more. Empty where it does not matter whose they are."""


@dataclass(frozen=True, slots=True)
class ReplaceAllocations:
    """Replace what each of these consumers holds, all or nothing. Answers None."""

    claims: tuple[Claim, ...]
    owners_seen: OwnersSeen = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReleaseConsumer:
    """Release all that a consumer holds; refused (AllocationsMissing) if it holds nothing.

    Asks no generation and raises none. Answers None.
    """

    consumer_uuid: str
    owners_seen: OwnersSeen = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewInventories:
    """One provider's part of a reshape: the generation it must have and all it shall offer."""

    generation: int
    inventories: Mapping[str, Inventory]


@dataclass(frozen=True, slots=True)
class Reshape:
    """Replace inventories of providers and allocations of consumers as one decision. Answers None."""

    inventories: Mapping[str, NewInventories]
    claims: tuple[Claim, ...]
    owners_seen: OwnersSeen = field(default_factory=dict)


Command = (
    CreateProvider
    | UpdateProvider
    | DeleteProvider
    | SetInventories
    | AddInventory
    | UpdateInventory
    | DeleteInventory
    | ClearInventories
    | SetProviderTraits
    | ClearProviderTraits
    | SetProviderAggregates
    | CreateResourceClass
    | EnsureResourceClass
    | RenameResourceClass
    | DeleteResourceClass
    | EnsureTrait
    | DeleteTrait
    | ReplaceAllocations
    | ReleaseConsumer
    | Reshape
)


@dataclass(frozen=True, slots=True)
class InventoriesNow:
    """The provider's new generation and the inventories that were set."""

    generation: int
    inventories: Mapping[str, Inventory]


@dataclass(frozen=True, slots=True)
class TraitsNow:
    """The provider's generation and its traits, sorted."""

    generation: int
    traits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AggregatesNow:
    """The provider's generation and its aggregates, sorted."""

    generation: int
    aggregates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ensured:
    """Whether the thing was made just now (False: it was there)."""

    created: bool


Result = Provider | InventoriesNow | TraitsNow | AggregatesNow | Ensured | None
