"""The OpenAPI document says what the tables say, and is served to whoever may ask."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from api.stand import ADMIN, an_app, ask
from ullage.api import openapi
from ullage.api.http import Route
from ullage.api.routes import ROUTES
from ullage.api.versions import LATEST

APP_ROUTES = (*ROUTES, *openapi.routes(ROUTES))
DOCUMENT = openapi.document(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described(route: Route) -> None:
    said = DOCUMENT["paths"][route.path][route.method.lower()]
    assert ("requestBody" in said) == route.reads_body(LATEST)
    named = {each["name"] for each in said["parameters"] if each.get("in") == "path"}
    assert all(f"{{{name}}}" in route.path for name in named)
    assert len(named) == route.path.count("{")


def test_every_query_key_of_the_newest_version_is_described() -> None:
    for path, table in openapi.QUERIES.items():
        shape = table.at(LATEST)
        assert shape is not None
        described = {each.get("name") for each in DOCUMENT["paths"][path]["get"]["parameters"]}
        assert shape.keys.keys() <= described


def test_no_two_operations_share_a_name() -> None:
    names = [said["operationId"] for methods in DOCUMENT["paths"].values() for said in methods.values()]
    assert len(set(names)) == len(names) == len(ROUTES)


def test_the_schemas_are_schemas() -> None:
    for methods in DOCUMENT["paths"].values():
        for said in methods.values():
            if "requestBody" in said:
                Draft202012Validator.check_schema(said["requestBody"]["content"]["application/json"]["schema"])


def test_it_is_served_to_whoever_is_known() -> None:
    app = an_app(APP_ROUTES, mount="/placement")
    assert ask(app, "GET", "/openapi.json").status == 401
    reply = ask(app, "GET", "/openapi.json", {**ADMIN, "x-roles": "nothing"})
    assert reply.status == 200
    assert reply.content_type == "application/json"
    assert json.loads(reply.body)["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))
    assert ask(app, "POST", "/openapi.json", ADMIN).status == 405
    assert ask(app, "GET", "/openapi.json/", ADMIN).status == 404
    assert ask(app, "GET", "/openapi", ADMIN).status == 404
