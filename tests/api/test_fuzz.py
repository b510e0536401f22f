"""Whatever is sent, something sane is answered: never an exception, never a 5xx."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.stand import ROUTES as STAND_ROUTES
from api.stand import an_app, wrong
from ullage.api.app import App
from ullage.api.http import Request, Response
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.wiring import build_service

UUID, CONSUMER, BAD = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11", "3F5F0F2C6B1E4A6B8A526FD0F6D5D5A1", "not-a-uuid"
GOOD_NAMES = [UUID, CONSUMER, "VCPU", "CUSTOM_A", "HW_CPU_X86_AVX"]
NAMES = [*GOOD_NAMES, BAD, "a%00b", "%ff", "%E2%98%83", "x" * 300, "%0A", "{0}", "%s", "a%2Fb"]
LIKELY = [[UUID, "VCPU"], [UUID, "VCPU"], [CONSUMER, "VCPU"], ["CUSTOM_A", "VCPU"]]
WORDS = ["uuid", "name", "resources", "required", "member_of", "in_tree", "limit", "group_policy", "root_required"]
VALUES = [*NAMES, "VCPU:1", "VCPU:99999999999999999999", f"in:{UUID}", f"!in:{UUID}", "!CUSTOM_A", "none", "-1", ""]
SUFFIXES = ["", "1", "_A", "_%ff"]
TEMPLATES: list[dict[str, Any]] = [
    {"name": "host", "uuid": UUID},
    {"name": "other"},
    {"name": "CUSTOM_A"},
    {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}}},
    {"resource_provider_generation": 1, "total": 8, "allocation_ratio": 1.5},
    {"resource_class": "VCPU", "total": 8},
    {"resource_provider_generation": 1, "traits": ["HW_CPU_X86_AVX"]},
    {"resource_provider_generation": 1, "aggregates": [UUID]},
    {
        "allocations": {UUID: {"resources": {"VCPU": 1}}},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    },
]

methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"]) | st.text(
    string.ascii_letters, min_size=1
)
numbers = st.integers() | st.floats(allow_nan=True, allow_infinity=True) | st.booleans() | st.none()
json_values = st.recursive(
    numbers | st.text(max_size=20) | st.sampled_from(NAMES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["resources", "VCPU", "CUSTOM_A", "total", "generation", UUID]), inner)
    ),
    max_leaves=10,
)
FIELDS = [
    *("name", "uuid", "parent_provider_uuid", "resource_provider_generation", "inventories", "resource_class", "total"),
    *("reserved", "min_unit", "max_unit", "step_size", "allocation_ratio", "aggregates", "traits", "allocations"),
    *("project_id", "user_id", "consumer_generation", "consumer_type", "mappings", UUID),
]
bodies = (
    st.just(b"")
    | st.binary(max_size=50)
    | st.builds(lambda value: json.dumps(value).encode(), json_values)
    | st.builds(lambda value: json.dumps(value).encode(), st.dictionaries(st.sampled_from(FIELDS), json_values))
    | st.builds(lambda depth: b"[" * depth, st.sampled_from([100, 5000, 200_000]))
)


def _path(segments: list[str]) -> bytes:
    return "".join(f"/{segment}" for segment in segments).encode()


def _filled(path: str, names: list[str]) -> bytes:
    """The path of a route with a name for each of its variables."""
    left = iter(names)
    return _path([next(left) if segment.startswith("{") else segment for segment in path.split("/")[1:]])


route_paths = st.builds(
    _filled, st.sampled_from(sorted({route.path for route in ROUTES})), st.lists(st.sampled_from(NAMES), min_size=2)
)
paths = route_paths | st.lists(st.sampled_from([*NAMES, "", "..", "traits"])).map(_path) | st.binary(max_size=30)
parameters = st.tuples(st.sampled_from(WORDS), st.sampled_from(SUFFIXES), st.sampled_from(VALUES))
queries = (
    st.just(b"")
    | st.binary(max_size=60)
    | st.lists(parameters, max_size=4).map(lambda all_: "&".join(f"{w}{s}={v}" for w, s, v in all_).encode())
)
versions = st.integers(-1, 41).map(lambda minor: f"placement 1.{minor}") | st.sampled_from(
    ["placement latest", "placement", "x", "placement 1.39, compute 2"]
)
plain = st.text(st.characters(codec="latin-1"), max_size=20)
headers = st.fixed_dictionaries(
    {"x-auth-token": st.sampled_from(["admin", "admin:p", ""])},
    optional={
        "x-roles": st.sampled_from(["admin", "service,admin", "reader", "☃"]) | plain,
        "openstack-api-version": versions | plain,
        "accept": st.sampled_from(["*/*", "application/json", "text/html", "a/b;q=", "text/*;q=0.1,*/*;q=0"]) | plain,
        "content-type": st.sampled_from(["application/json", "application/json;charset=x", "text/plain", ""]) | plain,
        "content-length": st.sampled_from(["0", "7", "-1", "", "x", "9" * 30]),
        "origin": plain,
        "openstack-system-scope": plain,
        "x-openstack-request-id": plain,
    },
)
# Most of the requests shall get past the headers, into the routes.
willing = st.fixed_dictionaries(
    {
        "x-auth-token": st.just("admin"),
        "x-roles": st.just("admin,service"),
        "openstack-api-version": versions,
        "content-type": st.just("application/json"),
    }
)
anything = st.builds(
    Request, methods, paths, queries, willing | headers, bodies, st.sampled_from(["127.0.0.1", ""]), st.just("http://x")
)


@st.composite
def almost_right(draw: st.DrawFn) -> Request:
    """What a client could send, but for one thing or none."""
    route = draw(st.sampled_from(ROUTES))
    path = _filled(route.path, draw(st.sampled_from(LIKELY) | st.permutations(GOOD_NAMES)))
    body = dict(draw(st.sampled_from(TEMPLATES)))
    if draw(st.booleans()):
        body[draw(st.sampled_from([*body, *FIELDS]))] = draw(json_values)
    said = {**draw(willing), "openstack-api-version": draw(st.sampled_from(["placement 1.39"] * 3) | versions)}
    raw = json.dumps(body).encode() if route.reads_json else b""
    return Request(route.method, path, draw(queries), said, raw, "127.0.0.1", "http://x")


requests = st.one_of(anything, almost_right(), almost_right())


def is_sane(response: Response) -> bool:
    """A status below 500, and headers and body that any server can send."""
    for name, value in response.headers:
        assert name == name.lower()
        assert value.isprintable()
    assert isinstance(response.body, bytes)
    if response.content_type == "application/json":
        json.loads(response.body)
    return 200 <= response.status < 500


@settings(deadline=None)
@given(requests)
@example(Request("GET", b"/", b"", {"openstack-api-version": "placement 1." + "9" * 5000}))
def test_nothing_upsets_the_app_itself(request: Request) -> None:
    assert is_sane(STAND.handle(request))


STAND = an_app([route for route in STAND_ROUTES if route.handler is not wrong])


@pytest.fixture(name="whole")
def _whole(database_url: str) -> Iterator[App]:
    chosen = Settings(database=database_url, auth="noauth2")
    service = build_service(chosen)
    yield App(service, chosen, ROUTES)
    service.committer.stop()
    service.store.close()


@settings(
    max_examples=400,
    deadline=None,
    # The world that builds up over the examples is part of the fun: what is refused must never depend on it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(requests)
def test_nothing_upsets_the_service_on_any_database(whole: App, request: Request) -> None:
    assert is_sane(whole.handle(request))
