"""The OpenAPI document, made of the route table and the tables of bodies and queries, in their newest version.

It says nothing that a published Placement API does not say, so that whoever may speak to the service may read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from ullage import __version__
from ullage.api import bodies, claim_bodies, query_shapes
from ullage.api.body_schemas import Schema
from ullage.api.decoding import Shape
from ullage.api.http import Call, Response, Route
from ullage.api.policy_rules import OPEN
from ullage.api.query_shapes import GROUP_KEYS, NAMED, QueryShape
from ullage.api.versions import HISTORY, LATEST, MINIMUM, Since

PATH = "/openapi.json"
PROVIDER = "/resource_providers/{uuid}"

BODIES: Mapping[tuple[str, str], Since[Shape[Any]]] = {
    ("POST", "/resource_classes"): bodies.RESOURCE_CLASS,
    ("POST", "/resource_providers"): bodies.CREATE_PROVIDER,
    ("PUT", PROVIDER): bodies.UPDATE_PROVIDER,
    ("POST", f"{PROVIDER}/inventories"): bodies.ADD_INVENTORY,
    ("PUT", f"{PROVIDER}/inventories"): bodies.SET_INVENTORIES,
    ("PUT", f"{PROVIDER}/inventories/{{resource_class}}"): bodies.UPDATE_INVENTORY,
    ("PUT", f"{PROVIDER}/aggregates"): bodies.SET_AGGREGATES,
    ("PUT", f"{PROVIDER}/traits"): bodies.SET_TRAITS,
    ("POST", "/allocations"): claim_bodies.POST_ALLOCATIONS,
    ("PUT", "/allocations/{consumer_uuid}"): claim_bodies.PUT_ALLOCATIONS,
    ("POST", "/reshaper"): claim_bodies.RESHAPE,
}
"""The body of each route that reads one in the newest version; a test holds that none is left out."""
QUERIES: Mapping[str, Since[QueryShape]] = {
    "/resource_providers": query_shapes.PROVIDERS,
    "/allocation_candidates": query_shapes.CANDIDATES,
    "/traits": query_shapes.TRAITS,
    "/usages": query_shapes.USAGES,
}
"""The query of each path whose GET takes one."""

_UUID: Schema = {"type": "string", "format": "uuid"}
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_SUCCESSES = {"GET": "200", "PUT": "200", "POST": "200", "DELETE": "204"}
_ERROR: Schema = {
    "type": "object",
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "status": {"type": "integer"},
                    "title": {"type": "string"},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                    "request_id": {"type": "string"},
                },
            },
        }
    },
}


def document(routes: Iterable[Route], mount: str = "") -> dict[str, Any]:
    """The document of these routes, served below a mount point."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ullage: the Placement API",
            "version": __version__,
            "description": f"As it is in microversion {LATEST}; those from {MINIMUM} on are served.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": mount or "/"}],
        "security": [{"token": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": {"Errors": _ERROR},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "parameters": {
                "version": {
                    "name": "OpenStack-API-Version",
                    "in": "header",
                    "schema": {"type": "string", "examples": [f"placement {LATEST}"]},
                    "description": f"`placement X.Y`; without it the version is {MINIMUM}.",
                }
            },
        },
    }


def operation(route: Route) -> dict[str, Any]:
    """What the document says of one route."""
    body = BODIES.get((route.method, route.path))
    errors = {"description": "A refusal.", "content": _json({"$ref": "#/components/schemas/Errors"})}
    success: dict[str, Any] = {"description": "Done."}
    if route.gives_json:
        success["content"] = _json({"type": "object"})
    births = {row.feature: row.minor for row in HISTORY}
    said: dict[str, Any] = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}",
        "summary": f"{route.method} {route.path}",
        "description": f"Since {MINIMUM.major}.{births[route.since]}." if route.since else f"Since {MINIMUM}.",
        "parameters": [{"$ref": "#/components/parameters/version"}, *_path_parameters(route), *_queries(route)],
        "responses": {_SUCCESSES[route.method]: success, "default": errors},
    }
    shape = body.at(LATEST) if body is not None else None
    if shape is not None:
        said["requestBody"] = {"required": True, "content": _json(shape.wording.schema)}
    return said


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _UUID if name.endswith("uuid") else _NAME}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _queries(route: Route) -> list[dict[str, Any]]:
    table = QUERIES.get(route.path) if route.method == "GET" else None
    shape = table.at(LATEST) if table is not None else None
    if shape is None:
        return []
    said = [
        {"name": key, "in": "query", "required": key in shape.required, "schema": value.schema}
        for key, value in shape.keys.items()
    ]
    if shape.group_key is None:
        return said
    suffixed = {f"^({'|'.join(GROUP_KEYS)})({NAMED})$": {"type": "string"}}
    groups = {"type": "object", "patternProperties": suffixed, "additionalProperties": False}
    said += [{"name": key, "in": "query", "required": False, "schema": {"type": "string"}} for key in GROUP_KEYS]
    return [*said, {"name": "groups", "in": "query", "style": "form", "explode": True, "schema": groups}]


def routes(described: tuple[Route, ...]) -> tuple[Route, ...]:
    """The route of the document that describes these routes."""

    @cache
    def text(mount: str) -> bytes:
        return msgspec.json.encode(document(described, mount))

    def show(call: Call) -> Response:
        return Response(200, text(call.request.mount), "application/json")

    return (Route("GET", PATH, show, OPEN, gives_json=True),)
