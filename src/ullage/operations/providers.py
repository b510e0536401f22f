"""Providers: list, show, create, update, delete."""

from __future__ import annotations

import uuid as uuid_module

from ullage.engine.select import Selection, selected
from ullage.model.commands import DeleteProvider, UpdateProvider
from ullage.model.origin import Origin
from ullage.model.provider import Provider
from ullage.model.request import ProviderFilter
from ullage.operations.service import Service, answered
from ullage.storage import reads


def new_uuid() -> str:
    """A uuid for a provider whose maker names none."""
    return str(uuid_module.uuid4())


def find(service: Service, wanted: ProviderFilter) -> Selection:
    """All providers of which everything asked holds; raises UnknownResourceClass, UnknownTraits."""
    return selected(service.mirror.fresh(), wanted)


def show(service: Service, uuid: str) -> Provider:
    """One provider; raises ProviderMissing."""
    with service.store.reading() as connection:
        return reads.provider(connection, uuid)


def update(service: Service, command: UpdateProvider, origin: Origin) -> Provider:
    """Raises ProviderMissing, ProviderExists, UnknownParent, ProviderLoop, ReparentingNotAllowed."""
    return answered(Provider, service.committer.run(command, origin))


def delete(service: Service, command: DeleteProvider, origin: Origin) -> None:
    """Raises ProviderMissing, ProviderHasChildren, ProviderHasAllocations."""
    service.committer.run(command, origin)
