"""The readable form of the OpenAPI document: `docs/reference/openapi.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ullage.api import openapi
from ullage.api.routes import ROUTES
from ullage.api.versions import LATEST

BOUNDS = ("format", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "minProperties")


def lines() -> list[str]:
    """The page, without its note."""
    said = [
        "# The API, route by route",
        "",
        f"What each route takes in microversion {LATEST}. The service serves this as an OpenAPI 3.1 document, at",
        "`/openapi.json`, to whoever has a token of any role. Fields marked * must be there; no others are accepted.",
    ]
    for route in ROUTES:
        about = openapi.operation(route)
        said += ["", f"## {route.method} {route.path}", "", f"{about['description']} Rule `{route.rule}`."]
        parameters = [each for each in about["parameters"] if "name" in each]
        body = about.get("requestBody")
        if parameters or body:
            said.append("")
        for each in parameters:
            mark = "*" if each.get("required") else ""
            said.append(f"- {each['in']} `{each['name']}`{mark}: {_bounds(each['schema'])}")
        if body:
            schema = body["content"]["application/json"]["schema"]
            said.append(f"- body: {_bounds(schema)}")
            said += _fields(schema, "  ")
    return said


def _fields(schema: dict[str, Any], indent: str) -> Iterator[str]:
    """A line for each field of an object, and for each of theirs below it."""
    required = schema.get("required", ())
    named = {
        f"`{name}`{'*' if name in required else ''}": inner for name, inner in schema.get("properties", {}).items()
    }
    patterns = {
        f"each key like `{_cut(pattern)}`": inner for pattern, inner in schema.get("patternProperties", {}).items()
    }
    more = schema.get("additionalProperties")
    any_name = {"each key": more} if isinstance(more, dict) else {}
    for name, inner in {**named, **patterns, **any_name}.items():
        yield f"{indent}- {name}: {_bounds(inner)}"
        yield from _fields(inner, f"{indent}  ")
        if isinstance(inner.get("items"), dict):
            yield from _fields(inner["items"], f"{indent}  ")


def _bounds(schema: dict[str, Any]) -> str:
    """The type of a value and what bounds it."""
    if "anyOf" in schema:
        return " or ".join(_bounds(each) for each in schema["anyOf"])
    kind = schema.get("type", "anything")
    text = kind if isinstance(kind, str) else " or ".join(kind)
    if isinstance(schema.get("items"), dict):
        text += f" of {_bounds(schema['items'])}"
    bounds = [f"{name} `{_cut(str(schema[name]))}`" for name in BOUNDS if name in schema]
    return ", ".join([text, *bounds])


def _cut(text: str) -> str:
    return text.replace("|", "\\|")
