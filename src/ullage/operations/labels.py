"""Resource classes, traits and aggregates, and which of them a provider has."""

from __future__ import annotations

from ullage.model.commands import (
    ClearProviderTraits,
    CreateResourceClass,
    DeleteResourceClass,
    DeleteTrait,
    Ensured,
    EnsureResourceClass,
    EnsureTrait,
    RenameResourceClass,
)
from ullage.model.origin import Origin
from ullage.model.provider import Label, ProviderAggregates, ProviderTraits
from ullage.operations.service import Service, answered
from ullage.storage import reads


def resource_classes(service: Service) -> tuple[Label, ...]:
    """All resource classes, the standard ones first."""
    with service.store.reading() as connection:
        return reads.resource_classes(connection)


def resource_class(service: Service, name: str) -> Label:
    """Raises ResourceClassMissing."""
    with service.store.reading() as connection:
        return reads.resource_class(connection, name)


def ensure_class(service: Service, command: EnsureResourceClass, origin: Origin) -> bool:
    """Whether the class was made just now; False if it was there."""
    return answered(Ensured, service.committer.run(command, origin)).created


def change_class(
    service: Service, command: CreateResourceClass | RenameResourceClass | DeleteResourceClass, origin: Origin
) -> None:
    """Raises ResourceClassExists, ResourceClassMissing, StandardNameFixed, ResourceClassInUse."""
    service.committer.run(command, origin)


def traits(
    service: Service,
    names: frozenset[str] | None = None,
    prefix: str | None = None,
    associated: bool | None = None,
) -> tuple[Label, ...]:
    """Traits by name, by beginning, and by whether any provider has them (None: no matter), sorted by name."""
    with service.store.reading() as connection:
        return reads.traits(connection, names, prefix, associated)


def trait(service: Service, name: str) -> Label:
    """Raises TraitMissing."""
    with service.store.reading() as connection:
        return reads.trait(connection, name)


def ensure_trait(service: Service, command: EnsureTrait, origin: Origin) -> tuple[bool, int]:
    """Whether the trait was made just now, and when it last changed (0: just now)."""
    if answered(Ensured, service.committer.run(command, origin)).created:
        return True, 0
    found = traits(service, frozenset([command.name]))
    return False, found[0].updated_us if found else 0


def delete_trait(service: Service, command: DeleteTrait, origin: Origin) -> None:
    """Raises TraitMissing, StandardNameFixed, TraitInUse."""
    service.committer.run(command, origin)


def traits_of(service: Service, provider_uuid: str) -> ProviderTraits:
    """Raises ProviderMissing."""
    with service.store.reading() as connection:
        return reads.provider_traits(connection, provider_uuid)


def clear_traits(service: Service, command: ClearProviderTraits, origin: Origin) -> None:
    """Raises ProviderMissing."""
    service.committer.run(command, origin)


def aggregates_of(service: Service, provider_uuid: str) -> ProviderAggregates:
    """Raises ProviderMissing."""
    with service.store.reading() as connection:
        return reads.provider_aggregates(connection, provider_uuid)
