"""Inventories of a provider: read and change."""

from __future__ import annotations

from ullage.model.commands import (
    AddInventory,
    ClearInventories,
    DeleteInventory,
    InventoriesNow,
    UpdateInventory,
)
from ullage.model.origin import Origin
from ullage.model.provider import ProviderInventories
from ullage.operations.service import Service, answered
from ullage.storage import reads


def show(service: Service, provider_uuid: str) -> ProviderInventories:
    """All inventories of a provider, with what is used of them; raises ProviderMissing."""
    with service.store.reading() as connection:
        return reads.provider_inventories(connection, provider_uuid)


def change(service: Service, command: AddInventory | UpdateInventory, origin: Origin) -> InventoriesNow:
    """Raises ProviderMissing, a generation conflict, and what speaks against the inventories."""
    return answered(InventoriesNow, service.committer.run(command, origin))


def remove(service: Service, command: DeleteInventory | ClearInventories, origin: Origin) -> None:
    """Raises ProviderMissing, InventoryMissing, InventoryInUse."""
    service.committer.run(command, origin)
