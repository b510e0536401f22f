"""Providers."""

from __future__ import annotations

from ullage.api import bodies, provider_list, queries, replies
from ullage.api.handlers import paths
from ullage.api.handlers.questions import in_resources
from ullage.api.http import Call, Response, Write
from ullage.api.versions import Feature, has
from ullage.model.commands import DeleteProvider
from ullage.model.provider import Provider
from ullage.operations import providers
from ullage.operations.service import answered


def list_all(call: Call) -> Response:
    """GET /resource_providers"""
    wanted = queries.providers(call.query, call.version)
    with in_resources():
        found = providers.find(call.service, wanted)
    return provider_list.providers(call, found, found.updated_us)


def create(call: Call) -> Write:
    """POST /resource_providers"""
    command = paths.body(call, bodies.CREATE_PROVIDER).command(providers.new_uuid())
    call.parameters = {"name": command.name, "uuid": command.uuid}
    return Write(command, lambda created: _created(call, answered(Provider, created)))


def _created(call: Call, created: Provider) -> Response:
    where = replies.location(call, f"/resource_providers/{created.uuid}")
    if not has(call.version, Feature.CREATED_PROVIDER_BODY):
        return replies.without_body(201, [where])
    response = replies.provider(call, created)
    response.headers.append(where)
    return response


def show(call: Call) -> Response:
    """GET /resource_providers/{uuid}"""
    return replies.provider(call, providers.show(call.service, paths.provider_uuid(call)))


def update(call: Call) -> Response:
    """PUT /resource_providers/{uuid}"""
    uuid = paths.provider_uuid(call)
    with paths.about_provider(call, uuid):
        body = paths.body(call, bodies.UPDATE_PROVIDER)
    command = body.command(uuid, may_reparent=has(call.version, Feature.REPARENTING))
    return replies.provider(call, providers.update(call.service, command, call.origin))


def delete(call: Call) -> Response:
    """DELETE /resource_providers/{uuid}"""
    providers.delete(call.service, DeleteProvider(paths.provider_uuid(call, "delete")), call.origin)
    return replies.without_body()
