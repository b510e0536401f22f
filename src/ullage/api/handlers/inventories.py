"""Inventories of a provider."""

from __future__ import annotations

from ullage.api import bodies, replies
from ullage.api.handlers import paths
from ullage.api.http import Call, Response, Write
from ullage.api.versions import Feature, has
from ullage.model.commands import ClearInventories, DeleteInventory, InventoriesNow
from ullage.model.errors import InventoryMissing
from ullage.operations import inventories
from ullage.operations.service import answered


def list_all(call: Call) -> Response:
    """GET /resource_providers/{uuid}/inventories"""
    return replies.inventories(call, inventories.show(call.service, paths.provider_uuid(call)))


def show(call: Call) -> Response:
    """GET /resource_providers/{uuid}/inventories/{resource_class}"""
    uuid = paths.provider_uuid(call)
    name = call.parameters["resource_class"]
    offered = inventories.show(call.service, uuid)
    stock = offered.stocks.get(name)
    if stock is None:
        raise InventoryMissing(uuid, name)
    return replies.inventory(call, stock.inventory, offered.provider.generation, stock.updated_us)


def add(call: Call) -> Response:
    """POST /resource_providers/{uuid}/inventories"""
    uuid = paths.provider_uuid(call)
    with paths.about_provider(call, uuid):
        body = paths.body(call, bodies.ADD_INVENTORY)
    now = inventories.change(call.service, body.command(uuid, _reserved_may_equal_total(call)), call.origin)
    response = replies.inventory(call, now.inventories[body.resource_class], now.generation, status=201)
    response.headers.append(replies.location(call, f"/resource_providers/{uuid}/inventories/{body.resource_class}"))
    return response


def set_all(call: Call) -> Write:
    """PUT /resource_providers/{uuid}/inventories"""
    uuid = paths.provider_uuid(call)
    with paths.about_provider(call, uuid):
        body = paths.body(call, bodies.SET_INVENTORIES)
    command = body.command(uuid, _reserved_may_equal_total(call))
    return Write(command, lambda now: replies.inventories_now(call, answered(InventoriesNow, now)))


def update(call: Call) -> Response:
    """PUT /resource_providers/{uuid}/inventories/{resource_class}"""
    uuid = paths.provider_uuid(call)
    with paths.about_provider(call, uuid):
        body = paths.body(call, bodies.UPDATE_INVENTORY)
    name = call.parameters["resource_class"]
    now = inventories.change(call.service, body.command(uuid, name, _reserved_may_equal_total(call)), call.origin)
    return replies.inventory(call, now.inventories[name], now.generation)


def delete(call: Call) -> Response:
    """DELETE /resource_providers/{uuid}/inventories/{resource_class}"""
    uuid = paths.provider_uuid(call)
    inventories.remove(call.service, DeleteInventory(uuid, call.parameters["resource_class"]), call.origin)
    return replies.without_body()


def clear(call: Call) -> Response:
    """DELETE /resource_providers/{uuid}/inventories"""
    inventories.remove(call.service, ClearInventories(paths.provider_uuid(call)), call.origin)
    return replies.without_body()


def _reserved_may_equal_total(call: Call) -> bool:
    return has(call.version, Feature.RESERVED_MAY_EQUAL_TOTAL)
