"""The door of the ledger: what a command needs to have read, and what it decides on a Book.

DECISIONS has one row per command. `refusals` is the order of precedence: of several faults in one command the one
that stands first is answered, whatever the order of the request's parts. Within one kind the parts are looked at in
the order in which the request names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ullage.ledger import claims, inventories, labels, laws, providers, reshape
from ullage.ledger.book import Book, Draft
from ullage.ledger.needs import Needs
from ullage.model import commands, errors
from ullage.model.commands import Command, Result
from ullage.model.errors import Refusal


@dataclass(frozen=True, slots=True)
class Decision:
    """How one kind of command is decided: `decide` writes to the draft, or raises one of `refusals`."""

    needs: Callable[[Any], Needs]
    decide: Callable[[Draft, Any], Result]
    refusals: tuple[type[Refusal], ...]


DECISIONS: Mapping[type[Command], Decision] = {
    commands.CreateProvider: Decision(
        providers.needs_of_create,
        providers.decide_create,
        (
            errors.ProviderOwnParent,
            errors.UnknownParent,
            errors.ProviderExists,
            errors.ReservedTooLarge,
            errors.UnknownResourceClass,
            errors.UnknownTraits,
        ),
    ),
    commands.UpdateProvider: Decision(
        providers.needs_of_update,
        providers.decide_update,
        (
            errors.ProviderMissing,
            errors.UnknownParent,
            errors.ReparentingNotAllowed,
            errors.ProviderLoop,
            errors.ProviderExists,
        ),
    ),
    commands.DeleteProvider: Decision(
        providers.needs_of_delete,
        providers.decide_delete,
        (errors.ProviderMissing, errors.ProviderHasChildren, errors.ProviderHasAllocations),
    ),
    commands.SetInventories: Decision(
        inventories.needs_of_set,
        inventories.decide_set,
        (
            errors.ProviderMissing,
            errors.ProviderGenerationConflict,
            errors.ReservedTooLarge,
            errors.UnknownResourceClass,
            errors.InventoryInUse,
        ),
    ),
    commands.AddInventory: Decision(
        inventories.needs_of_one,
        inventories.decide_add,
        (
            errors.ProviderMissing,
            errors.ReservedTooLarge,
            errors.UnknownResourceClass,
            errors.InventoryExists,
        ),
    ),
    commands.UpdateInventory: Decision(
        inventories.needs_of_one,
        inventories.decide_update,
        (
            errors.ProviderMissing,
            errors.ProviderGenerationConflict,
            errors.ReservedTooLarge,
            errors.ResourceClassMissing,
            errors.InventoryNotOffered,
        ),
    ),
    commands.DeleteInventory: Decision(
        inventories.needs_of_provider,
        inventories.decide_delete,
        (errors.ProviderMissing, errors.InventoryMissing, errors.OneInventoryInUse),
    ),
    commands.ClearInventories: Decision(
        inventories.needs_of_provider,
        inventories.decide_clear,
        (errors.ProviderMissing, errors.InventoryInUse),
    ),
    commands.SetProviderTraits: Decision(
        labels.needs_of_set_traits,
        labels.decide_set_traits,
        (errors.ProviderMissing, errors.ProviderGenerationConflict, errors.UnknownTraits),
    ),
    commands.ClearProviderTraits: Decision(
        labels.needs_of_clear_traits, labels.decide_clear_traits, (errors.ProviderMissing,)
    ),
    commands.SetProviderAggregates: Decision(
        labels.needs_of_set_aggregates,
        labels.decide_set_aggregates,
        (errors.ProviderMissing, errors.ProviderGenerationConflict),
    ),
    commands.CreateResourceClass: Decision(
        labels.needs_of_class,
        labels.decide_create_class,
        (errors.BadInput, errors.ResourceClassExists),
    ),
    commands.EnsureResourceClass: Decision(labels.needs_of_class, labels.decide_ensure_class, (errors.BadInput,)),
    commands.RenameResourceClass: Decision(
        labels.needs_of_rename_class,
        labels.decide_rename_class,
        (
            errors.BadInput,
            errors.ResourceClassMissing,
            errors.StandardNameFixed,
            errors.ResourceClassExists,
        ),
    ),
    commands.DeleteResourceClass: Decision(
        labels.needs_of_delete_class,
        labels.decide_delete_class,
        (errors.ResourceClassMissing, errors.StandardNameFixed, errors.ResourceClassInUse),
    ),
    commands.EnsureTrait: Decision(labels.needs_of_trait, labels.decide_ensure_trait, (errors.BadInput,)),
    commands.DeleteTrait: Decision(
        labels.needs_of_delete_trait,
        labels.decide_delete_trait,
        (errors.TraitMissing, errors.StandardNameFixed, errors.TraitInUse),
    ),
    commands.ReplaceAllocations: Decision(
        claims.needs_of_replace,
        claims.decide_replace,
        claims.REFUSALS,
    ),
    commands.ReleaseConsumer: Decision(claims.needs_of_release, claims.decide_release, (errors.AllocationsMissing,)),
    commands.Reshape: Decision(
        reshape.needs_of_reshape,
        reshape.decide_reshape,
        (
            errors.ConcurrentUpdate,
            errors.UnknownReshapedProvider,
            errors.ProviderGenerationConflict,
            errors.ReservedTooLarge,
            errors.ConsumerGenerationConflict,
            errors.UnknownProvider,
            errors.UnknownResourceClass,
            errors.NoInventoryToAllocate,
            errors.AmountDoesNotFit,
            errors.InventoryInUse,
        ),
    ),
}


def needs(command: Command) -> Needs:
    """What must be locked and read before this command can be decided."""
    return DECISIONS[type(command)].needs(command)


def decide(book: Book, command: Command, note: Callable[[Draft], None] | None = None) -> Result | Refusal:
    """Decide one command on a Book that holds its needs.

    An accepted command changes the Book and gives its result; a refused one leaves the Book exactly as it was and
    gives (never raises) the Refusal. `note` is shown what an accepted one is about to
    change. Raises NotRead or LawBroken only for a programmer's error.
    """
    decision = DECISIONS[type(command)]
    draft = Draft(book)
    try:
        result = decision.decide(draft, command)
    except Refusal as refusal:
        if type(refusal) not in decision.refusals:
            raise laws.LawBroken(
                f"{type(refusal).__name__} is not in the list of {type(command).__name__}"
            ) from refusal
        return refusal
    laws.check(draft)
    if note is not None:
        note(draft)
    draft.accept()
    return result
