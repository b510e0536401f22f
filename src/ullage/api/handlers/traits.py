"""Traits, and those of a provider."""

from __future__ import annotations

from ullage.api import bodies, queries, replies
from ullage.api.handlers import paths
from ullage.api.http import Call, Response, Write
from ullage.model.commands import ClearProviderTraits, DeleteTrait, EnsureTrait, TraitsNow
from ullage.model.errors import BadInput
from ullage.model.names import is_custom_name
from ullage.operations import labels
from ullage.operations.service import answered


def list_all(call: Call) -> Response:
    """GET /traits"""
    asked = queries.traits(call.query, call.version)
    return replies.traits(call, labels.traits(call.service, asked.names, asked.prefix, asked.associated))


def show(call: Call) -> Response:
    """GET /traits/{name}: whether it is there"""
    label = labels.trait(call.service, call.parameters["name"])
    return replies.without_body(204, replies.cache_headers(call, label.updated_us))


def ensure(call: Call) -> Response:
    """PUT /traits/{name}"""
    name = call.parameters["name"]
    if not is_custom_name(name):
        raise BadInput(
            "The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "
            '"CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"'
        )
    created, changed_us = labels.ensure_trait(call.service, EnsureTrait(name), call.origin)
    headers = [replies.location(call, f"/traits/{name}"), *replies.cache_headers(call, changed_us)]
    return replies.without_body(201 if created else 204, headers)


def delete(call: Call) -> Response:
    """DELETE /traits/{name}"""
    labels.delete_trait(call.service, DeleteTrait(call.parameters["name"]), call.origin)
    return replies.without_body()


def list_of_provider(call: Call) -> Response:
    """GET /resource_providers/{uuid}/traits"""
    return replies.provider_traits(call, labels.traits_of(call.service, paths.provider_uuid(call)))


def set_of_provider(call: Call) -> Write:
    """PUT /resource_providers/{uuid}/traits: here the body is judged before the provider is looked for"""
    body = paths.body(call, bodies.SET_TRAITS)
    command = body.command(paths.provider_uuid(call))
    return Write(command, lambda now: replies.provider_traits_now(call, answered(TraitsNow, now)))


def clear_of_provider(call: Call) -> Response:
    """DELETE /resource_providers/{uuid}/traits"""
    labels.clear_traits(call.service, ClearProviderTraits(paths.provider_uuid(call)), call.origin)
    return replies.without_body()
