"""Inventories and claims as one decision.

The claims are judged while both the new inventories and those that shall go are offered, so that what is held can move
from one to the other; then what shall go goes, unless somebody still holds of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ullage.ledger.book import Draft
from ullage.ledger.claims import check_known, check_owners, needs_of_claims, replace_holdings
from ullage.ledger.inventories import check_classes, check_reserved, merged_offers, replace_offers
from ullage.ledger.needs import Needs
from ullage.ledger.rows import check_generation, existing_provider, offers_of, raise_generation
from ullage.model.commands import NewInventories, Reshape
from ullage.model.errors import UnknownReshapedProvider


def needs_of_reshape(command: Reshape) -> Needs:
    """What its claims need, and the providers and classes of the inventories."""
    needs = needs_of_claims(command.claims)
    needs.providers.update(command.inventories)
    for new in command.inventories.values():
        needs.resource_classes.update(new.inventories)
    return needs


def decide_reshape(draft: Draft, command: Reshape) -> None:
    """Replace inventories and holdings together.

    A provider is raised by 1 if its new inventories are not empty, by 1 if the claims count it, and by 1 at the end;
    clients of the Placement API know those numbers.
    """
    check_owners(draft, command.owners_seen)
    _check_providers(draft, command.inventories)
    check_known(draft, command.claims)
    for new in command.inventories.values():
        check_classes(draft, new.inventories)
    for uuid, new in command.inventories.items():
        if new.inventories:
            draft.inventories.put(uuid, merged_offers(offers_of(draft, uuid), new.inventories))
            raise_generation(draft, existing_provider(draft, uuid))
    replace_holdings(draft, command.claims)
    for uuid, new in command.inventories.items():
        replace_offers(draft, uuid, new.inventories)
        raise_generation(draft, existing_provider(draft, uuid))


def _check_providers(draft: Draft, inventories: Mapping[str, NewInventories]) -> None:
    """The providers must be there and as the asker knows them (one after another), and offer something to take."""
    for uuid, new in inventories.items():
        provider = draft.providers.get(uuid)
        if provider is None:
            raise UnknownReshapedProvider(uuid)
        check_generation(provider, new.generation)
    for uuid, new in inventories.items():
        check_reserved(uuid, new.inventories, may_equal=True)
