"""Resource classes."""

from __future__ import annotations

from ullage.api import bodies, replies
from ullage.api.handlers import paths
from ullage.api.http import Call, Response
from ullage.api.versions import Feature, has
from ullage.model.commands import CreateResourceClass, DeleteResourceClass, EnsureResourceClass, RenameResourceClass
from ullage.operations import labels


def list_all(call: Call) -> Response:
    """GET /resource_classes"""
    return replies.resource_classes(call, labels.resource_classes(call.service))


def create(call: Call) -> Response:
    """POST /resource_classes"""
    name = paths.body(call, bodies.RESOURCE_CLASS).name
    labels.change_class(call.service, CreateResourceClass(name), call.origin)
    return replies.without_body(201, [_location(call, name)])


def show(call: Call) -> Response:
    """GET /resource_classes/{name}"""
    return replies.resource_class(call, labels.resource_class(call.service, call.parameters["name"]))


def update(call: Call) -> Response:
    """PUT /resource_classes/{name}: once a rename, now a wish that the class be there"""
    return (_ensure if has(call.version, Feature.ENSURE_RESOURCE_CLASS) else _rename)(call)


def _rename(call: Call) -> Response:
    new_name = paths.body(call, bodies.RESOURCE_CLASS).name
    name = call.parameters["name"]
    labels.change_class(call.service, RenameResourceClass(name, new_name), call.origin)
    return replies.resource_class(call, labels.resource_class(call.service, new_name))


def _ensure(call: Call) -> Response:
    name = bodies.resource_class_named(call.parameters["name"]).name
    created = labels.ensure_class(call.service, EnsureResourceClass(name), call.origin)
    return replies.without_body(201 if created else 204, [_location(call, name)])


def delete(call: Call) -> Response:
    """DELETE /resource_classes/{name}"""
    labels.change_class(call.service, DeleteResourceClass(call.parameters["name"]), call.origin)
    return replies.without_body()


def _location(call: Call, name: str) -> tuple[str, str]:
    return replies.location(call, f"/resource_classes/{name}")
