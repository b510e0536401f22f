"""What several decisions do with rows: look one up or refuse, check and raise a generation."""

from __future__ import annotations

from collections.abc import Mapping

from ullage.ledger.book import Draft, InventoryRow, ProviderRow
from ullage.model.errors import ProviderGenerationConflict, ProviderMissing

Offers = Mapping[str, InventoryRow]
"""All that one provider offers, by resource class name."""


def existing_provider(draft: Draft, uuid: str, purpose: str = "") -> ProviderRow:
    """The provider that a command addresses; raises ProviderMissing."""
    provider = draft.providers.get(uuid)
    if provider is None:
        raise ProviderMissing(uuid, purpose)
    return provider


def check_generation(provider: ProviderRow, given: int) -> None:
    """Raises ProviderGenerationConflict unless the asker knows the provider as it is."""
    if provider.generation != given:
        raise ProviderGenerationConflict(provider.uuid, provider.generation, given)


def raise_generation(draft: Draft, provider: ProviderRow, by: int = 1) -> int:
    """Count one change (or several) of a provider; gives its new generation."""
    generation = provider.generation + by
    draft.providers.put(
        provider.uuid,
        ProviderRow(provider.uuid, provider.name, generation, provider.parent_uuid, provider.root_uuid),
    )
    return generation


def offers_of(draft: Draft, uuid: str) -> Offers:
    """The inventories of a provider; empty if it has none."""
    return draft.inventories.get(uuid) or {}
