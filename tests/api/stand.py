"""An App with a few made-up routes, to look at what the App does by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import planted

from ullage.api.app import App
from ullage.api.http import Call, Request, Response, Route
from ullage.api.versions import Feature
from ullage.model.errors import ProviderMissing
from ullage.settings import Settings
from ullage.wiring import build_service

ADMIN = {"x-auth-token": "admin", **planted.HEADERS}
JSON = {"content-type": "application/json"}


class Wrong(Exception):
    """A mistake of a handler."""


def echo(call: Call) -> Response:
    """Shows what a handler gets."""
    seen = {
        "version": str(call.version),
        "parameters": dict(call.parameters),
        "query": dict(call.query),
        "user": call.identity.user,
        "body": call.request.body.decode("latin-1"),
    }
    return Response(200, json.dumps(seen).encode(), "application/json")


def missing(call: Call) -> Response:
    """Finds nothing."""
    raise ProviderMissing(call.parameters["uuid"])


def wrong(call: Call) -> Response:
    """Has a mistake."""
    raise Wrong("secret detail")


ROUTES = (
    Route("GET", "/resource_providers", echo, "placement:resource_providers:list", gives_json=True),
    Route("POST", "/resource_providers", echo, "placement:resource_providers:create", reads_json=True),
    Route("GET", "/resource_providers/{uuid}", echo, "placement:resource_providers:show", gives_json=True),
    Route("DELETE", "/resource_providers/{uuid}", missing, "placement:resource_providers:delete"),
    Route(
        "DELETE",
        "/resource_providers/{uuid}/inventories",
        echo,
        "placement:resource_providers:inventories:delete",
        since=Feature.DELETE_ALL_INVENTORIES,
        before=405,
    ),
    Route("GET", "/traits", echo, "placement:traits:list", since=Feature.TRAITS, gives_json=True),
    Route("PUT", "/traits/{name}", wrong, "placement:traits:update", since=Feature.TRAITS),
    Route(
        "GET", "/usages", echo, "placement:usages", since=Feature.PROJECT_USAGES, gives_json=True, names_project=True
    ),
    Route("POST", "/reshaper", echo, "placement:reshaper:reshape", since=Feature.RESHAPER, reads_json=True),
)


def an_app(routes: Iterable[Route] = ROUTES, **options: Any) -> App:
    """An App with these routes and settings. Its service is never asked for anything."""
    settings = Settings(database="sqlite:///nothing-is-read.db", auth="noauth2", **options)
    return App(build_service(settings), settings, routes)


def ask(
    app: App, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"", version: str = ""
) -> Response:
    """What the App answers to a request; `target` is path and query as they are sent."""
    path, _, query = target.partition("?")
    said = dict(headers or {})
    if version:
        said["openstack-api-version"] = f"placement {version}"
    if body:
        said.setdefault("content-length", str(len(body)))
    return app.handle(Request(method, path.encode(), query.encode(), said, body, "127.0.0.1", "http://localhost"))


def header(response: Response, name: str) -> str | None:
    """A header of a reply, None if it has none; several of one name come joined."""
    values = [value for key, value in response.headers if key == name]
    return ", ".join(values) if values else None


def error(response: Response) -> dict[str, Any]:
    """The one error of an error reply."""
    (only,) = json.loads(response.body)["errors"]
    assert isinstance(only, dict)
    return only
