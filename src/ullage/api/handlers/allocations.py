"""Allocations of consumers and on providers, and the reshaper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ullage.api import claim_bodies, replies
from ullage.api.claim_bodies import Owner
from ullage.api.handlers import paths
from ullage.api.http import Call, Response, WouldWait, Write
from ullage.api.uuids import from_any_spelling
from ullage.model.allocation import Claim, ConsumerAllocations
from ullage.model.commands import OwnersSeen, ReleaseConsumer, ReplaceAllocations, Result
from ullage.model.errors import AllocationsMissing, BadInput
from ullage.model.names import NAME_LENGTH_MAX
from ullage.operations import allocations


def show(call: Call) -> Response:
    """GET /allocations/{consumer_uuid}: of a consumer that is none, nothing"""
    return replies.consumer_allocations(call, _seen(call, _consumer(call)))


def claim(call: Call) -> Write:
    """PUT /allocations/{consumer_uuid}"""
    text = call.parameters["consumer_uuid"]
    consumer = from_any_spelling(text)
    if consumer is None:
        raise BadInput(f"Malformed consumer_uuid: {text[:NAME_LENGTH_MAX]}")
    wanted = paths.body(call, claim_bodies.PUT_ALLOCATIONS).claim(consumer, _nobody(call))
    return Write(ReplaceAllocations((wanted,), _owners_seen(call, (wanted,))), _done)


def claim_several(call: Call) -> Write:
    """POST /allocations"""
    body = paths.body(call, claim_bodies.POST_ALLOCATIONS)
    command = claim_bodies.replace_allocations(body, _nobody(call))
    return Write(replace(command, owners_seen=_owners_seen(call, command.claims)), _done)


def release(call: Call) -> Write:
    """DELETE /allocations/{consumer_uuid}"""
    consumer = _consumer(call)
    if call.confinement is None:
        return Write(ReleaseConsumer(consumer), _done)
    found = _seen(call, consumer)
    if found is None:
        raise AllocationsMissing(consumer)
    return Write(ReleaseConsumer(consumer, {consumer: _owner(found)}), _done)


def list_of_provider(call: Call) -> Response:
    """GET /resource_providers/{uuid}/allocations"""
    found = allocations.of_provider(call.service, paths.provider_uuid(call))
    if call.confinement is not None:
        owners = allocations.owners(call.service, found.allocations.keys())
        own = {uuid for uuid, owner in owners.items() if call.confinement.permits(*owner)}
        held = {uuid: each for uuid, each in found.allocations.items() if uuid in own}
        found = replace(found, allocations=held)
    return replies.provider_allocations(call, found)


def reshape(call: Call) -> Write:
    """POST /reshaper"""
    body = paths.body(call, claim_bodies.RESHAPE)
    command = body.reshape(body.allocations, _nobody(call))
    return Write(replace(command, owners_seen=_owners_seen(call, command.claims)), _done)


def _seen(call: Call, consumer: str) -> ConsumerAllocations | None:
    """What a consumer holds, None also if it is not for the asker to know that it does."""
    if not call.may_wait:
        raise WouldWait
    found = allocations.of_consumer(call.service, consumer)
    if found is None or call.confinement is None:
        return found
    return found if call.confinement.permits(found.consumer.project, found.consumer.user) else None


def _owners_seen(call: Call, claims: Iterable[Claim]) -> OwnersSeen:
    """Whose the consumers are, so that the ledger can look once more; nothing for an asker that is not confined.

    Raises NotPermitted unless an asker that is confined claims for its own, and from nobody else's consumer.
    """
    if call.confinement is None:
        return {}
    if not call.may_wait:
        raise WouldWait
    consumers = set()
    for claim in claims:
        call.confinement.require(claim.project, claim.user)
        consumers.add(claim.consumer_uuid)
    owners = allocations.owners(call.service, consumers)
    for owner in owners.values():
        call.confinement.require(*owner)
    return {uuid: owners.get(uuid) for uuid in consumers}


def _owner(found: ConsumerAllocations) -> tuple[str, str]:
    return found.consumer.project, found.consumer.user


def _done(result: Result) -> Response:
    return replies.without_body()


def _consumer(call: Call) -> str:
    """The consumer that the path names; reading and releasing take the plain form alone, whatever else is said."""
    return call.parameters["consumer_uuid"].lower()


def _nobody(call: Call) -> Owner:
    return Owner(call.service.incomplete_consumer_project, call.service.incomplete_consumer_user)
