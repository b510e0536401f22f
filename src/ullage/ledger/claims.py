"""Replace or release what consumers hold.

Law 1 is judged here: amounts row by row on the whole new set, totals per provider and class over the whole request.
Row 74 of the generation rules too: a provider is raised once per request if a new set is on it, or if a consumer that
now releases everything held on it; one that a consumer merely moved away from is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ullage.ledger.book import Draft, Holdings, InventoryRow
from ullage.ledger.inventories import check_classes
from ullage.ledger.needs import Needs
from ullage.ledger.rows import existing_provider, offers_of, raise_generation
from ullage.model.allocation import NOT_SAID, Claim, Consumer
from ullage.model.commands import OwnersSeen, ReleaseConsumer, ReplaceAllocations
from ullage.model.errors import (
    AllocationsMissing,
    AmountDoesNotFit,
    ConcurrentUpdate,
    ConsumerGenerationConflict,
    NoInventoryToAllocate,
    Refusal,
    UnknownProvider,
    UnknownResourceClass,
)
from ullage.model.inventory import Misfit

REFUSALS: tuple[type[Refusal], ...] = (
    ConcurrentUpdate,
    ConsumerGenerationConflict,
    UnknownProvider,
    UnknownResourceClass,
    NoInventoryToAllocate,
    AmountDoesNotFit,
)
"""In order of precedence over all claims of a request. AmountDoesNotFit: the units of every row, then the totals."""

Wanted = Mapping[str, Holdings]
"""Consumer uuid -> all that it shall hold."""


def needs_of_claims(claims: Iterable[Claim]) -> Needs:
    """The consumers with what they hold, and the providers and classes named."""
    needs = Needs()
    for claim in claims:
        needs.consumers.add(claim.consumer_uuid)
        needs.providers.update(claim.allocations)
        for resources in claim.allocations.values():
            needs.resource_classes.update(resources)
    return needs


def needs_of_replace(command: ReplaceAllocations) -> Needs:
    """What its claims need."""
    return needs_of_claims(command.claims)


def decide_replace(draft: Draft, command: ReplaceAllocations) -> None:
    """Replace what each consumer holds, all or nothing."""
    check_owners(draft, command.owners_seen)
    replace_holdings(draft, command.claims)


def replace_holdings(draft: Draft, claims: Iterable[Claim]) -> None:
    """Judge the claims as one whole and write what they make of the Book; raises one of REFUSALS.

    Of several claims of one consumer the last one counts.
    """
    last = {claim.consumer_uuid: claim for claim in claims}
    check_known(draft, last.values())
    wanted = {uuid: _wanted_by(claim) for uuid, claim in last.items()}
    check_classes(draft, (name for holdings in wanted.values() for _, name in holdings))
    _check_rows(draft, wanted)
    changes = _net_changes(draft, wanted)
    _check_totals(draft, wanted, changes)
    _raise_providers(draft, wanted)
    _apply_use(draft, changes)
    for claim in last.values():
        _write_consumer(draft, claim, wanted[claim.consumer_uuid])


def check_owners(draft: Draft, seen: OwnersSeen) -> None:
    """The consumers must still be whose they were when the asker was let at them."""
    if not _are_as_seen(draft, seen):
        raise ConcurrentUpdate


def _are_as_seen(draft: Draft, seen: OwnersSeen) -> bool:
    now = {uuid: draft.consumers.get(uuid) for uuid in seen}
    return all(seen[uuid] == (each and (each.project, each.user)) for uuid, each in now.items())


def check_known(draft: Draft, claims: Iterable[Claim]) -> None:
    """The consumers must be as the asker knows them, and then the providers named must be there."""
    last = {claim.consumer_uuid: claim for claim in claims}
    for claim in last.values():
        _check_consumer_generation(draft.consumers.get(claim.consumer_uuid), claim)
    for claim in last.values():
        for provider_uuid in claim.allocations:
            if draft.providers.get(provider_uuid) is None:
                raise UnknownProvider(provider_uuid)


def needs_of_release(command: ReleaseConsumer) -> Needs:
    """The consumer with what it holds."""
    return Needs(consumers={command.consumer_uuid})


def decide_release(draft: Draft, command: ReleaseConsumer) -> None:
    """Release all that a consumer holds, raising no generation."""
    if not draft.holdings.get(command.consumer_uuid) or not _are_as_seen(draft, command.owners_seen):
        raise AllocationsMissing(command.consumer_uuid)
    _apply_use(draft, _net_changes(draft, {command.consumer_uuid: {}}))
    draft.holdings.drop(command.consumer_uuid)
    draft.consumers.drop(command.consumer_uuid)


def _check_consumer_generation(consumer: Consumer | None, claim: Claim) -> None:
    if claim.expected_generation is NOT_SAID:
        return
    actual = None if consumer is None else consumer.generation
    if claim.expected_generation != actual:
        raise ConsumerGenerationConflict(claim.consumer_uuid, actual, claim.expected_generation)


def _wanted_by(claim: Claim) -> Holdings:
    return {
        (provider_uuid, name): amount
        for provider_uuid, resources in claim.allocations.items()
        for name, amount in resources.items()
    }


def _check_rows(draft: Draft, wanted: Wanted) -> None:
    """Every row must be of a class that its provider offers, and then of an amount that the units admit."""
    rows = []
    for holdings in wanted.values():
        for (provider_uuid, name), amount in holdings.items():
            offer = offers_of(draft, provider_uuid).get(name)
            if offer is None:
                raise NoInventoryToAllocate(provider_uuid, name)
            rows.append((provider_uuid, name, amount, offer))
    for provider_uuid, name, amount, offer in rows:
        if not offer.inventory.admits_amount(amount):
            raise AmountDoesNotFit(provider_uuid, name, amount, Misfit.UNITS, offer.inventory, offer.used)


def _net_changes(draft: Draft, wanted: Wanted) -> dict[tuple[str, str], int]:
    """By how much the use of each provider and class would change in all."""
    changes: dict[tuple[str, str], int] = defaultdict(int)
    for consumer_uuid, holdings in wanted.items():
        for place, amount in holdings.items():
            changes[place] += amount
        for place, amount in (draft.holdings.get(consumer_uuid) or {}).items():
            changes[place] -= amount
    return changes


def _check_totals(draft: Draft, wanted: Wanted, changes: Mapping[tuple[str, str], int]) -> None:
    """Law 1: the use after the request is within capacity, or not above the use before it."""
    for (provider_uuid, name), change in changes.items():
        if change <= 0:
            continue
        offer = offers_of(draft, provider_uuid)[name]
        after = offer.used + change
        if not offer.inventory.admits_total(offer.used, after):
            asked = sum(holdings.get((provider_uuid, name), 0) for holdings in wanted.values())
            raise AmountDoesNotFit(provider_uuid, name, asked, Misfit.CAPACITY, offer.inventory, after - asked)


def _raise_providers(draft: Draft, wanted: Wanted) -> None:
    counted: dict[str, None] = {}
    for consumer_uuid, holdings in wanted.items():
        for provider_uuid, _ in holdings or draft.holdings.get(consumer_uuid) or {}:
            counted[provider_uuid] = None
    for provider_uuid in counted:
        raise_generation(draft, existing_provider(draft, provider_uuid))


def _apply_use(draft: Draft, changes: Mapping[tuple[str, str], int]) -> None:
    touched: dict[str, dict[str, InventoryRow]] = {}
    for (provider_uuid, name), change in changes.items():
        if change == 0:
            continue
        offer = offers_of(draft, provider_uuid)[name]
        offers = touched.setdefault(provider_uuid, dict(offers_of(draft, provider_uuid)))
        offers[name] = InventoryRow(offer.inventory, offer.used + change)
    for provider_uuid, offers in touched.items():
        draft.inventories.put(provider_uuid, offers)


def _write_consumer(draft: Draft, claim: Claim, holdings: Holdings) -> None:
    """A consumer exists while it holds something; its owner and type follow the latest claim."""
    before = draft.consumers.get(claim.consumer_uuid)
    if not holdings:
        if before is not None:
            draft.consumers.drop(claim.consumer_uuid)
            draft.holdings.drop(claim.consumer_uuid)
        return
    known_type = None if before is None else before.consumer_type
    consumer_type = known_type if claim.consumer_type is NOT_SAID else claim.consumer_type
    generation = 1 if before is None else before.generation + 1
    draft.consumers.put(
        claim.consumer_uuid, Consumer(claim.consumer_uuid, claim.project, claim.user, consumer_type, generation)
    )
    draft.holdings.put(claim.consumer_uuid, holdings)
