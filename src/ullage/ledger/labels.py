"""Traits and aggregates of providers; custom resource classes and traits.

The catalogue commands that ask about the use of a name share no batch: a Book cannot know who else uses it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ullage.ledger.book import Draft, LabelRow
from ullage.ledger.needs import Needs
from ullage.ledger.rows import check_generation, existing_provider, raise_generation
from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    AggregatesNow,
    ClearProviderTraits,
    CreateResourceClass,
    DeleteResourceClass,
    DeleteTrait,
    Ensured,
    EnsureResourceClass,
    EnsureTrait,
    RenameResourceClass,
    SetProviderAggregates,
    SetProviderTraits,
    TraitsNow,
)
from ullage.model.errors import (
    BadInput,
    ResourceClassExists,
    ResourceClassInUse,
    ResourceClassMissing,
    StandardNameFixed,
    TraitInUse,
    TraitMissing,
    UnknownTraits,
)
from ullage.model.names import NAME_LENGTH_MAX, is_custom_name

CUSTOM = LabelRow(standard=False)


def needs_of_set_traits(command: SetProviderTraits) -> Needs:
    """The provider, its traits and the traits named."""
    uuids = {command.provider_uuid}
    return Needs(providers=uuids, traits_of=set(uuids), traits=set(command.traits))


def decide_set_traits(draft: Draft, command: SetProviderTraits) -> TraitsNow:
    """Replace a provider's traits; the generation rises only if they change."""
    provider = existing_provider(draft, command.provider_uuid)
    check_generation(provider, command.generation)
    check_traits(draft, command.traits)
    generation = provider.generation
    if command.traits != (draft.provider_traits.get(provider.uuid) or frozenset()):
        draft.provider_traits.put(provider.uuid, command.traits)
        generation = raise_generation(draft, provider)
    return TraitsNow(generation, tuple(sorted(command.traits)))


def check_traits(draft: Draft, names: Iterable[str]) -> None:
    """Raises UnknownTraits with all names that are no traits."""
    unknown = tuple(sorted(name for name in names if draft.traits.get(name) is None))
    if unknown:
        raise UnknownTraits(unknown)


def needs_of_clear_traits(command: ClearProviderTraits) -> Needs:
    """The provider and its traits."""
    return Needs(providers={command.provider_uuid}, traits_of={command.provider_uuid})


def decide_clear_traits(draft: Draft, command: ClearProviderTraits) -> None:
    """Take all traits away; the generation rises only if there were some."""
    provider = existing_provider(draft, command.provider_uuid)
    if draft.provider_traits.get(provider.uuid):
        draft.provider_traits.put(provider.uuid, frozenset())
        raise_generation(draft, provider)


def needs_of_set_aggregates(command: SetProviderAggregates) -> Needs:
    """The provider and its aggregates."""
    return Needs(providers={command.provider_uuid}, aggregates_of={command.provider_uuid})


def decide_set_aggregates(draft: Draft, command: SetProviderAggregates) -> AggregatesNow:
    """Replace a provider's aggregates; a generation that was said is checked and always rises."""
    provider = existing_provider(draft, command.provider_uuid)
    generation = provider.generation
    if command.generation is not NOT_SAID:
        check_generation(provider, command.generation)
        generation = raise_generation(draft, provider)
    draft.provider_aggregates.put(provider.uuid, command.aggregates)
    return AggregatesNow(generation, tuple(sorted(command.aggregates)))


def needs_of_class(command: CreateResourceClass | EnsureResourceClass) -> Needs:
    """The class of that name, if there is one."""
    return Needs(resource_classes={command.name})


def decide_create_class(draft: Draft, command: CreateResourceClass) -> None:
    """Make a custom class."""
    _check_custom("resource class", command.name)
    if draft.resource_classes.get(command.name) is not None:
        raise ResourceClassExists(command.name)
    draft.resource_classes.put(command.name, CUSTOM)


def decide_ensure_class(draft: Draft, command: EnsureResourceClass) -> Ensured:
    """Make a custom class unless it is there."""
    _check_custom("resource class", command.name)
    if draft.resource_classes.get(command.name) is not None:
        return Ensured(created=False)
    draft.resource_classes.put(command.name, CUSTOM)
    return Ensured(created=True)


def needs_of_rename_class(command: RenameResourceClass) -> Needs:
    """Both names, alone: inventories in a Book are known by class name."""
    return Needs(resource_classes={command.name, command.new_name}, alone=True)


def decide_rename_class(draft: Draft, command: RenameResourceClass) -> None:
    """Give a custom class another name; whatever is of that class stays of it."""
    _check_custom("resource class", command.new_name)
    label = draft.resource_classes.get(command.name)
    if label is None:
        raise ResourceClassMissing(command.name)
    if label.standard:
        raise StandardNameFixed("resource class", command.name, "update")
    if command.new_name == command.name:
        return
    if draft.resource_classes.get(command.new_name) is not None:
        raise ResourceClassExists(command.new_name, renaming=True)
    draft.resource_classes.drop(command.name)
    draft.resource_classes.put(command.new_name, label)
    draft.renamed_classes[command.name] = command.new_name


def needs_of_delete_class(command: DeleteResourceClass) -> Needs:
    """The class and whether any inventory is of it."""
    return Needs(resource_classes={command.name}, use_of_classes={command.name}, alone=True)


def decide_delete_class(draft: Draft, command: DeleteResourceClass) -> None:
    """Delete a custom class of which there is no inventory."""
    label = draft.resource_classes.get(command.name)
    if label is None:
        raise ResourceClassMissing(command.name)
    if label.standard:
        raise StandardNameFixed("resource class", command.name, "delete")
    if command.name in draft.book.classes_in_use:
        raise ResourceClassInUse(command.name)
    draft.resource_classes.drop(command.name)


def needs_of_trait(command: EnsureTrait) -> Needs:
    """The trait of that name, if there is one."""
    return Needs(traits={command.name})


def decide_ensure_trait(draft: Draft, command: EnsureTrait) -> Ensured:
    """Make a custom trait unless it is there."""
    _check_custom("trait", command.name)
    if draft.traits.get(command.name) is not None:
        return Ensured(created=False)
    draft.traits.put(command.name, CUSTOM)
    return Ensured(created=True)


def needs_of_delete_trait(command: DeleteTrait) -> Needs:
    """The trait and whether any provider has it."""
    return Needs(traits={command.name}, use_of_traits={command.name}, alone=True)


def decide_delete_trait(draft: Draft, command: DeleteTrait) -> None:
    """Delete a custom trait that no provider has."""
    label = draft.traits.get(command.name)
    if label is None:
        raise TraitMissing(command.name)
    if label.standard:
        raise StandardNameFixed("trait", command.name, "delete")
    if command.name in draft.book.traits_in_use:
        raise TraitInUse(command.name)
    draft.traits.drop(command.name)


def _check_custom(kind: str, name: str) -> None:
    if not is_custom_name(name):
        raise BadInput(
            f"The {kind} is invalid. A valid {kind} must be no longer than {NAME_LENGTH_MAX} characters, start with "
            'the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"'
        )
