"""Allocations: read them, and their sums."""

from __future__ import annotations

from collections.abc import Collection

from ullage.model.allocation import NOT_SAID, ConsumerAllocations, NotSaid, ProviderAllocations, TypeUsage
from ullage.operations.service import Service
from ullage.storage import reads


def of_consumer(service: Service, consumer_uuid: str) -> ConsumerAllocations | None:
    """What a consumer holds, or None if it holds nothing."""
    with service.store.reading() as connection:
        return reads.consumer_allocations(connection, consumer_uuid)


def owners(service: Service, consumer_uuids: Collection[str]) -> dict[str, tuple[str, str]]:
    """(project, user) of those of the consumers that hold something."""
    with service.store.reading() as connection:
        return reads.owners_of(connection, consumer_uuids)


def of_provider(service: Service, provider_uuid: str) -> ProviderAllocations:
    """What is held on a provider; raises ProviderMissing."""
    with service.store.reading() as connection:
        return reads.provider_allocations(connection, provider_uuid)


def usages(
    service: Service, project: str, user: str | None = None, consumer_type: str | NotSaid | None = NOT_SAID
) -> tuple[TypeUsage, ...]:
    """What the consumers of a project (and a user) hold, summed by consumer type."""
    with service.store.reading() as connection:
        return reads.usages(connection, project, user, consumer_type)
