"""Allocations of consumers and on providers, and the reshaper."""

from __future__ import annotations

from ullage.api import claim_bodies, replies
from ullage.api.claim_bodies import Owner
from ullage.api.handlers import paths
from ullage.api.http import Call, Response, Write
from ullage.api.uuids import from_any_spelling
from ullage.model.commands import ReleaseConsumer, ReplaceAllocations, Result
from ullage.model.errors import BadInput
from ullage.model.names import NAME_LENGTH_MAX
from ullage.operations import allocations


def show(call: Call) -> Response:
    """GET /allocations/{consumer_uuid}: of a consumer that is none, nothing"""
    return replies.consumer_allocations(call, allocations.of_consumer(call.service, _consumer(call)))


def claim(call: Call) -> Write:
    """PUT /allocations/{consumer_uuid}"""
    text = call.parameters["consumer_uuid"]
    consumer = from_any_spelling(text)
    if consumer is None:
        raise BadInput(f"Malformed consumer_uuid: {text[:NAME_LENGTH_MAX]}")
    wanted = paths.body(call, claim_bodies.PUT_ALLOCATIONS).claim(consumer, _nobody(call))
    return Write(ReplaceAllocations((wanted,)), _done)


def claim_several(call: Call) -> Write:
    """POST /allocations"""
    body = paths.body(call, claim_bodies.POST_ALLOCATIONS)
    return Write(claim_bodies.replace_allocations(body, _nobody(call)), _done)


def release(call: Call) -> Write:
    """DELETE /allocations/{consumer_uuid}"""
    return Write(ReleaseConsumer(_consumer(call)), _done)


def list_of_provider(call: Call) -> Response:
    """GET /resource_providers/{uuid}/allocations"""
    return replies.provider_allocations(call, allocations.of_provider(call.service, paths.provider_uuid(call)))


def reshape(call: Call) -> Write:
    """POST /reshaper"""
    body = paths.body(call, claim_bodies.RESHAPE)
    return Write(body.reshape(body.allocations, _nobody(call)), _done)


def _done(result: Result) -> Response:
    return replies.without_body()


def _consumer(call: Call) -> str:
    """The consumer that the path names; reading and releasing take the plain form alone, whatever else is said."""
    return call.parameters["consumer_uuid"].lower()


def _nobody(call: Call) -> Owner:
    return Owner(call.service.incomplete_consumer_project, call.service.incomplete_consumer_user)
