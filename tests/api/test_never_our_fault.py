"""Whatever is asked, on whatever database: an answer, and never one that blames the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.client import CONSUMER, NOWHERE, OTHER, UUID, Client
from api.good import GOOD, PROVIDER
from ullage.api.app import App
from ullage.api.http import Route
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.wiring import build_service

NAMES = ["VCPU", "CUSTOM_A", "HW_CPU_X86_AVX", "CUSTOM_" + "A" * 249, "fish", "☃", "\0", "a\nb", "x" * 300, UUID, OTHER]
UUIDS = [UUID, OTHER, NOWHERE, CONSUMER, UUID.upper(), UUID.replace("-", ""), "-" * 36, "☃", "\0", "x" * 300]
NUMBERS = [0, 1, -1, 2, 1.0, 1e2, 0.5, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**70, -(2**63) - 1, 1e38, 1e300, 5e-324]
FIELDS = [
    *("name", "uuid", "parent_provider_uuid", "total", "reserved", "min_unit", "max_unit", "step_size"),
    *("allocation_ratio", "resource_class", "resource_provider_generation", "inventories", "traits", "aggregates"),
    *("allocations", "resources", "resource_provider", "project_id", "user_id", "consumer_generation"),
    *("consumer_type", "mappings", "generation"),
]
KEYS = [
    *("name", "uuid", "member_of", "resources", "in_tree", "required", "limit", "group_policy", "root_required"),
    *("same_subtree", "resources1", "required1", "member_of_A", "in_tree_A", "project_id", "user_id", "associated"),
    *("consumer_type", "☃", ""),
]
VALUES = [
    *("VCPU:1", "VCPU:" + "9" * 19, "CUSTOM_NO:1", "VCPU:0,", "in:CUSTOM_A,HW_X", "!HW_CPU_X86_AVX", "1", "none"),
    *(f"in:{UUID},{OTHER}", f"!in:{UUID}", "startswith:%_", "in:\0", "true", "all", "unknown", "_A,1", "9" * 400),
]
SCALARS = st.none() | st.booleans() | st.sampled_from([*NAMES, *UUIDS, *NUMBERS])
BODIES = st.recursive(
    SCALARS | st.sampled_from(list(GOOD.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, *NAMES]), inner, max_size=4),
    max_leaves=8,
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), BODIES, max_size=2)
QUERIES = st.sampled_from([[], [("resources", "VCPU:1")]]) | st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from([*VALUES, *NAMES, *UUIDS])), max_size=4
)


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    settings = Settings(database=database_url, auth="noauth2", enforce_new_defaults=False)
    service = build_service(settings)
    client = Client(App(service, settings, ROUTES))
    client.provider(UUID, "host", VCPU=8)
    client.provider(OTHER, "other", VCPU=2**31 - 1)
    yield client
    service.committer.stop()
    service.store.close()


def a_path(data: st.DataObject, route: Route) -> str:
    """The route's path with something for each variable, more often than not something that exists."""
    path = route.path
    for name in ("uuid", "consumer_uuid", "resource_class", "name"):
        likely, others = (UUID, UUIDS) if name == "uuid" else (CONSUMER, UUIDS) if "uuid" in name else ("VCPU", NAMES)
        word = likely if data.draw(st.booleans()) else data.draw(st.sampled_from(others))
        path = path.replace(f"{{{name}}}", quote(word, safe=""))
    return path


def a_body(data: st.DataObject, route: Route, generation: int) -> bytes | None:
    """A good body for the route, one with a few fields changed, or anything."""
    if not route.reads_json:
        return None
    body = GOOD[(route.method, route.path)]
    if route.method == "PUT" and route.path.startswith(f"{PROVIDER}/"):
        body = {**body, "resource_provider_generation": generation}
    how = data.draw(st.integers(0, 2))
    if how == 1:
        body = {**body, **data.draw(CHANGES)}
    elif how == 2:
        body = data.draw(BODIES)
    return json.dumps(body).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_request_is_our_fault(client: Client, data: st.DataObject) -> None:
    """The examples share a database: what one makes, another meets."""
    route = data.draw(st.sampled_from(ROUTES))
    path = a_path(data, route)
    query = "&".join(f"{quote(key)}={quote(value)}" for key, value in data.draw(QUERIES))
    if client.ask("GET", f"/resource_providers/{UUID}").status == 404:
        client.provider(UUID, "host again", VCPU=8)
    generation = client.get(f"/resource_providers/{UUID}")["generation"]
    version = data.draw(st.just("1.39") | st.sampled_from(["1.0", "1.6", "1.12", "1.19", "1.28", "1.33", "1.36"]))
    target = f"{path}?{query}" if query else path
    response = client.ask(route.method, target, a_body(data, route, generation), version)
    assert response.status < 500, response.body
