"""Set, add, update and delete what a provider offers.

Every accepted change raises the provider's generation by 1, also one that changes nothing. A capacity may shrink below
what is used; an inventory that is used may not go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ullage.ledger.book import Draft, InventoryRow
from ullage.ledger.needs import Needs
from ullage.ledger.rows import Offers, check_generation, existing_provider, offers_of, raise_generation
from ullage.model.commands import (
    AddInventory,
    ClearInventories,
    DeleteInventory,
    InventoriesNow,
    SetInventories,
    UpdateInventory,
)
from ullage.model.errors import (
    InventoryExists,
    InventoryInUse,
    InventoryMissing,
    InventoryNotOffered,
    OneInventoryInUse,
    ReservedTooLarge,
    ResourceClassMissing,
    UnknownResourceClass,
)
from ullage.model.inventory import Inventory


def needs_of_set(command: SetInventories) -> Needs:
    """The provider and the classes named."""
    return Needs(providers={command.provider_uuid}, resource_classes=set(command.inventories))


def decide_set(draft: Draft, command: SetInventories) -> InventoriesNow:
    """Replace all inventories of a provider."""
    provider = existing_provider(draft, command.provider_uuid)
    check_generation(provider, command.generation)
    check_reserved(provider.uuid, command.inventories, command.reserved_may_equal_total)
    check_classes(draft, command.inventories, "inventory")
    replace_offers(draft, provider.uuid, command.inventories)
    return InventoriesNow(raise_generation(draft, provider), command.inventories)


def needs_of_one(command: AddInventory | UpdateInventory) -> Needs:
    """The provider and the class named."""
    return Needs(providers={command.provider_uuid}, resource_classes={command.resource_class})


def decide_add(draft: Draft, command: AddInventory) -> InventoriesNow:
    """Offer one more class."""
    provider = existing_provider(draft, command.provider_uuid)
    added = {command.resource_class: command.inventory}
    check_reserved(provider.uuid, added, command.reserved_may_equal_total)
    check_classes(draft, added)
    offers = offers_of(draft, provider.uuid)
    if command.resource_class in offers:
        raise InventoryExists(provider.uuid, command.resource_class)
    draft.inventories.put(provider.uuid, merged_offers(offers, added))
    return InventoriesNow(raise_generation(draft, provider), added)


def decide_update(draft: Draft, command: UpdateInventory) -> InventoriesNow:
    """Replace what is offered of one class; the use of it stays."""
    provider = existing_provider(draft, command.provider_uuid)
    check_generation(provider, command.generation)
    updated = {command.resource_class: command.inventory}
    check_reserved(provider.uuid, updated, command.reserved_may_equal_total)
    if draft.resource_classes.get(command.resource_class) is None:
        raise ResourceClassMissing(command.resource_class)
    offers = offers_of(draft, provider.uuid)
    if command.resource_class not in offers:
        raise InventoryNotOffered(provider.uuid, command.resource_class)
    draft.inventories.put(provider.uuid, merged_offers(offers, updated))
    return InventoriesNow(raise_generation(draft, provider), updated)


def needs_of_provider(command: DeleteInventory | ClearInventories) -> Needs:
    """The provider with its inventories."""
    return Needs(providers={command.provider_uuid})


def decide_delete(draft: Draft, command: DeleteInventory) -> None:
    """Offer one class no longer."""
    provider = existing_provider(draft, command.provider_uuid)
    offers = offers_of(draft, provider.uuid)
    offer = offers.get(command.resource_class)
    if offer is None:
        raise InventoryMissing(provider.uuid, command.resource_class, "delete")
    if offer.used:
        raise OneInventoryInUse(provider.uuid, command.resource_class)
    left = {name: row for name, row in offers.items() if name != command.resource_class}
    draft.inventories.put(provider.uuid, left)
    raise_generation(draft, provider)


def decide_clear(draft: Draft, command: ClearInventories) -> None:
    """Offer nothing any longer."""
    provider = existing_provider(draft, command.provider_uuid)
    replace_offers(draft, provider.uuid, {})
    raise_generation(draft, provider)


def check_reserved(provider_uuid: str, inventories: Mapping[str, Inventory], may_equal: bool) -> None:
    """Raises ReservedTooLarge for the first inventory that leaves nothing (or, `may_equal`, less than nothing)."""
    for name, inventory in inventories.items():
        if inventory.reserved > inventory.total or inventory.capacity < (0 if may_equal else 1):
            raise ReservedTooLarge(provider_uuid, name, may_equal, inventory)


def check_classes(draft: Draft, names: Iterable[str], place: str = "") -> None:
    """Raises UnknownResourceClass for the first name that is no resource class."""
    for name in names:
        if draft.resource_classes.get(name) is None:
            raise UnknownResourceClass(name, place)


def merged_offers(offers: Offers, inventories: Mapping[str, Inventory]) -> dict[str, InventoryRow]:
    """What is offered already and, over it, new inventories; the use of a class stays."""
    merged = dict(offers)
    for name, inventory in inventories.items():
        merged[name] = InventoryRow(inventory, offers[name].used if name in offers else 0)
    return merged


def replace_offers(draft: Draft, provider_uuid: str, inventories: Mapping[str, Inventory]) -> None:
    """Let a provider offer exactly these; raises InventoryInUse with all classes that are used and would go."""
    offers = offers_of(draft, provider_uuid)
    in_use = tuple(name for name, offer in offers.items() if offer.used and name not in inventories)
    if in_use:
        raise InventoryInUse(provider_uuid, in_use)
    merged = merged_offers(offers, inventories)
    draft.inventories.put(provider_uuid, {name: merged[name] for name in merged if name in inventories})
