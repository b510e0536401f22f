"""Create, rename, move and delete providers."""

from __future__ import annotations

from collections import defaultdict

from ullage.ledger.book import Draft, ProviderRow
from ullage.ledger.inventories import check_classes, check_reserved, merged_offers
from ullage.ledger.labels import check_traits
from ullage.ledger.needs import Needs
from ullage.ledger.rows import existing_provider, offers_of
from ullage.model.allocation import NOT_SAID
from ullage.model.commands import CreateProvider, DeleteProvider, UpdateProvider
from ullage.model.errors import (
    ProviderExists,
    ProviderHasAllocations,
    ProviderHasChildren,
    ProviderLoop,
    ProviderOwnParent,
    ReparentingNotAllowed,
    UnknownParent,
)
from ullage.model.provider import Provider


def needs_of_create(command: CreateProvider) -> Needs:
    """The uuid and the name that must be free, the parent, and the names of what it shall have."""
    needs = Needs(
        providers={command.uuid},
        provider_names={command.name},
        resource_classes=set(command.inventories),
        traits=set(command.traits),
    )
    if command.parent_uuid is not None:
        needs.parents.add(command.parent_uuid)
        needs.providers.add(command.parent_uuid)
    return needs


def decide_create(draft: Draft, command: CreateProvider) -> Provider:
    """Insert a provider at generation 0 with all that the command gives it."""
    root_uuid = command.uuid
    if command.parent_uuid is not None:
        if command.parent_uuid == command.uuid:
            raise ProviderOwnParent(command.uuid)
        root_uuid = _parent(draft, command.parent_uuid).root_uuid
        draft.stamped.add(root_uuid)
    if draft.providers.get(command.uuid) is not None:
        raise ProviderExists("uuid", command.uuid)
    if draft.provider_names.get(command.name) is not None:
        raise ProviderExists("name", command.name)
    check_reserved(command.uuid, command.inventories, may_equal=True)
    check_classes(draft, command.inventories, "inventory")
    check_traits(draft, command.traits)
    row = ProviderRow(command.uuid, command.name, 0, command.parent_uuid, root_uuid)
    draft.providers.put(row.uuid, row)
    draft.provider_names.put(row.name, row.uuid)
    draft.inventories.put(row.uuid, merged_offers({}, command.inventories))
    draft.provider_traits.put(row.uuid, command.traits)
    draft.provider_aggregates.put(row.uuid, command.aggregates)
    return _as_provider(row)


def needs_of_update(command: UpdateProvider) -> Needs:
    """The provider and its new name's owner; for a move also its whole tree (descendants follow) and the new parent."""
    needs = Needs(providers={command.uuid}, provider_names={command.name})
    if command.parent_uuid is not NOT_SAID:
        needs.trees.add(command.uuid)
        if command.parent_uuid is not None:
            needs.parents.add(command.parent_uuid)
            needs.providers.add(command.parent_uuid)
    return needs


def decide_update(draft: Draft, command: UpdateProvider) -> Provider:
    """Rename and move; neither raises a generation."""
    before = existing_provider(draft, command.uuid)
    if command.parent_uuid is not NOT_SAID and command.parent_uuid != before.parent_uuid:
        _move(draft, before, command.parent_uuid, command.may_reparent)
    if command.name != before.name:
        _rename(draft, before, command.name)
    return _as_provider(existing_provider(draft, command.uuid))


def needs_of_delete(command: DeleteProvider) -> Needs:
    """The provider with all that goes with it, and its children."""
    uuids = {command.uuid}
    return Needs(providers=set(uuids), children_of=set(uuids), traits_of=set(uuids), aggregates_of=set(uuids))


def decide_delete(draft: Draft, command: DeleteProvider) -> None:
    """Delete a provider that has neither children nor allocations; all else that it has goes with it."""
    row = existing_provider(draft, command.uuid, "delete")
    if any(other.parent_uuid == row.uuid for other in draft.providers.rows()):
        raise ProviderHasChildren(row.uuid)
    if any(offer.used for offer in offers_of(draft, row.uuid).values()):
        raise ProviderHasAllocations(row.uuid)
    if row.root_uuid != row.uuid:
        draft.stamped.add(row.root_uuid)
    draft.provider_traits.drop(row.uuid)
    draft.provider_aggregates.drop(row.uuid)
    draft.inventories.drop(row.uuid)
    draft.provider_names.drop(row.name)
    draft.providers.drop(row.uuid)


def _parent(draft: Draft, uuid: str) -> ProviderRow:
    parent = draft.providers.get(uuid)
    if parent is None:
        raise UnknownParent(uuid)
    return parent


def _rename(draft: Draft, before: ProviderRow, name: str) -> None:
    if draft.provider_names.get(name) is not None:
        raise ProviderExists("name", name)
    draft.provider_names.drop(before.name)
    draft.provider_names.put(name, before.uuid)
    draft.providers.put(before.uuid, existing_provider(draft, before.uuid)._replace(name=name))


def _move(draft: Draft, row: ProviderRow, parent_uuid: str | None, may_reparent: bool) -> None:
    """Give a provider another parent, or none; the root of all its descendants follows."""
    new_root = row.uuid if parent_uuid is None else _parent(draft, parent_uuid).root_uuid
    if row.parent_uuid is not None and not may_reparent:
        raise ReparentingNotAllowed(row.uuid, to_root=parent_uuid is None)
    subtree = _subtree(draft, row)
    if parent_uuid is not None and any(member.uuid == parent_uuid for member in subtree):
        raise ProviderLoop(row.uuid, parent_uuid)
    for member in subtree:
        draft.providers.put(member.uuid, member._replace(root_uuid=new_root))
    draft.providers.put(row.uuid, row._replace(parent_uuid=parent_uuid, root_uuid=new_root))
    # A move inside one tree changes the depth of rows that stay the same, and a lock alone does not certify a tree.
    draft.stamped.update(member.uuid for member in subtree)
    draft.stamped |= {row.root_uuid, new_root}


def _subtree(draft: Draft, top: ProviderRow) -> list[ProviderRow]:
    """A provider and all below it, however deep."""
    children: dict[str, list[ProviderRow]] = defaultdict(list)
    for row in draft.providers.rows():
        if row.root_uuid == top.root_uuid and row.parent_uuid is not None:
            children[row.parent_uuid].append(row)
    subtree = [top]
    for member in subtree:
        subtree.extend(children[member.uuid])
    return subtree


def _as_provider(row: ProviderRow) -> Provider:
    return Provider(row.uuid, row.name, row.generation, row.parent_uuid, row.root_uuid)
