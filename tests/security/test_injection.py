"""Injections through every variable of every path, every query key, every field of every body and every header."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from api.client import CONSUMER, OTHER, UUID, Client
from api.good import GOOD
from api.stand import ADMIN, JSON, ask

from security.corpus import CORPUS
from security.judging import Judge
from ullage.api import openapi
from ullage.api.app import App
from ullage.api.http import Response, Route
from ullage.api.query_shapes import GROUP_KEYS
from ullage.api.routes import ROUTES
from ullage.api.versions import LATEST
from ullage.settings import Settings
from ullage.wiring import build_service

NAMES = {"uuid": UUID, "consumer_uuid": CONSUMER, "resource_class": "VCPU", "name": "CUSTOM_A"}
PREFIXES = ("", "CUSTOM_A", "in:", "!in:", "VCPU:", "VCPU:1,", "startswith:")
HEADERS = (
    *(
        "x-auth-token",
        "x-roles",
        "x-project-id",
        "x-user-id",
        "openstack-api-version",
        "accept",
        "content-type",
        "host",
    ),
    *("x-openstack-request-id", "x-openstack-global-request-id", "x-forwarded-for", "origin", "openstack-system-scope"),
    *("authorization", "x-service-token", "user-agent", "cookie"),
)


@pytest.fixture(name="client")
def _client(database_url: str) -> Iterator[Client]:
    settings = Settings(database=database_url, auth="noauth2", enforce_new_defaults=False)
    service = build_service(settings)
    client = Client(App(service, settings, ROUTES))
    client.provider(UUID, "host", VCPU=8)
    client.provider(OTHER, "other", VCPU=8)
    yield client
    service.committer.stop()
    service.store.close()


def sent(client: Client, judge: Judge, method: str, target: str, body: object = None, **headers: str) -> Response:
    """Ask, and judge what is answered."""
    raw = b"" if body is None else json.dumps(body).encode()
    said = {**ADMIN, **(JSON if raw else {}), **headers}
    version = "" if "openstack-api-version" in headers else "1.39"
    response = ask(client.app, method, target, said, raw, version)
    told = f"{response.headers}".encode() + response.body
    asked = f"{method} {target} {list(headers.values())}\r\n\r\n".encode("latin-1", "replace") + raw
    judge.answer("injection", asked, response.status, told)
    return response


def path_of(route: Route, **names: str) -> str:
    path = route.path
    for name, word in {**NAMES, **names}.items():
        path = path.replace(f"{{{name}}}", quote(word, safe=""))
    return path


def require_unharmed(client: Client, judge: Judge) -> None:
    """Nothing was told, both providers are there, and no others."""
    assert judge.failures == []
    listed = client.get("/resource_providers")["resource_providers"]
    assert sorted(each["uuid"] for each in listed) == sorted((UUID, OTHER))


def test_paths_and_queries_find_nothing_by_injection(client: Client) -> None:
    judge = Judge()
    for evil in CORPUS:
        inject_into_paths(client, judge, evil)
        inject_into_queries(client, judge, evil)
    require_unharmed(client, judge)
    assert judge.total > 3000


def inject_into_paths(client: Client, judge: Judge, evil: str) -> None:
    for route in ROUTES:
        for name in NAMES:
            if f"{{{name}}}" in route.path and (route.method != "DELETE" or name in ("name", "resource_class")):
                for word in (evil, f"{NAMES[name]}{evil}"):
                    path = path_of(route, **{name: word})
                    body = GOOD.get((route.method, route.path)) if route.reads_json else None
                    response = sent(client, judge, route.method, path, body)
                    assert response.status >= 400 or name == "consumer_uuid", (route.path, word)


def inject_into_queries(client: Client, judge: Judge, evil: str) -> None:
    for path, table in openapi.QUERIES.items():
        shape = table.at(LATEST)
        assert shape is not None
        keys = [*shape.keys, *(GROUP_KEYS if shape.group_key else ()), *(("resources_A",) if shape.group_key else ())]
        for key in keys:
            for prefix in PREFIXES:
                found = sent(client, judge, "GET", f"{path}?{quote(key)}={quote(prefix + evil)}")
                if path == "/resource_providers" and found.status == 200:
                    assert json.loads(found.body)["resource_providers"] == [], (key, prefix)
        sent(client, judge, "GET", f"{path}?{quote('resources' + evil)}=VCPU:1&{quote(evil)}=1")


@pytest.mark.parametrize("evil", CORPUS)
def test_bodies_are_data(client: Client, evil: str) -> None:
    judge = Judge()
    for route in ROUTES:
        good = GOOD.get((route.method, route.path))
        if good is None:
            continue
        for body in spoilt(good, evil):
            sent(client, judge, route.method, path_of(route), body)
    # What may be any text is kept as it is, and found by itself alone.
    names = {each["name"] for each in client.get("/resource_providers")["resource_providers"]}
    assert evil in names
    found = client.get(f"/resource_providers?name={quote(evil)}")["resource_providers"]
    assert [each["name"] for each in found] == [evil]
    assert judge.failures == []
    assert names <= {"host", "other", "child", "renamed", evil}


def test_headers_are_data(client: Client) -> None:
    judge = Judge()
    for name, evil in itertools.product(HEADERS, CORPUS):
        for value in (evil, f"admin{evil}", f"admin:{evil}", f"placement 1.39{evil}"):
            sent(client, judge, "GET", "/resource_providers", **{name: value})
    require_unharmed(client, judge)


def spoilt(body: Any, evil: str) -> Iterator[Any]:
    """A body again and again, each time with one of its texts, keys or numbers exchanged for something evil."""
    places = list(_places(body, ()))
    for place in places:
        yield _exchanged(body, place, evil)
    for place in places:
        if place and isinstance(place[-1], str):
            changed = copy.deepcopy(body)
            holder = changed
            for step in place[:-1]:
                holder = holder[step]
            holder[evil] = holder.pop(place[-1])
            yield changed


def _places(value: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*above, key)
        yield from _places(below, (*above, key))


def _exchanged(body: Any, place: tuple[Any, ...], evil: str) -> Any:
    changed = copy.deepcopy(body)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = evil
    return changed
