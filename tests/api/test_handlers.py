"""What the routes do on a real database: statuses, codes and texts that clients build on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import pytest

from api.client import CONSUMER, NOWHERE, OTHER, OWNER, UUID, Client, claim_body, header
from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.wiring import build_service

PROVIDER = f"/resource_providers/{UUID}"
MISSING = f"/resource_providers/{NOWHERE}"
UNDASHED = UUID.replace("-", "")


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    settings = Settings(database=database_url, auth="noauth2", candidates_max=3, enforce_new_defaults=False)
    service = build_service(settings)
    yield Client(App(service, settings, ROUTES))
    service.committer.stop()
    service.store.close()


# Providers


def test_creating_a_provider_gained_a_body(client: Client) -> None:
    bare = client.do("POST", "/resource_providers", {"name": "a", "uuid": UNDASHED}, "1.19")
    assert (bare.status, bare.body, bare.content_type) == (201, b"", None)
    assert header(bare, "location") == f"http://localhost{PROVIDER}"
    whole = client.do("POST", "/resource_providers", {"name": "b", "uuid": OTHER}, "1.20")
    assert whole.status == 200
    assert json.loads(whole.body)["generation"] == 0
    assert header(whole, "location") == f"http://localhost/resource_providers/{OTHER}"
    assert header(whole, "last-modified")


def test_a_provider_without_a_uuid_gets_one(client: Client) -> None:
    made = json.loads(client.do("POST", "/resource_providers", {"name": "a"}).body)
    assert client.get(f"/resource_providers/{made['uuid']}") == made


def test_a_refused_creation_names_the_provider(client: Client) -> None:
    client.provider()
    body = {"name": "child", "uuid": OTHER, "parent_provider_uuid": NOWHERE}
    status, _, detail = client.refused("POST", "/resource_providers", body)
    assert status == 400
    assert f'Unable to create resource provider "child", {OTHER}: parent provider UUID does not exist' in detail
    taken = client.refused("POST", "/resource_providers", {"name": "host"})
    assert taken[:2] == (409, "placement.duplicate_name")
    assert "Conflicting resource provider name: host already exists" in taken[2]


def test_a_refused_move_names_the_provider(client: Client) -> None:
    client.provider()
    status, _, detail = client.refused("PUT", PROVIDER, {"name": "host", "parent_provider_uuid": UUID})
    assert status == 400
    assert f"Unable to save resource provider {UUID}: creating loop in the provider tree is not allowed." in detail


def test_a_provider_deep_in_a_tree_is_renamed(client: Client) -> None:
    client.provider()
    client.do("POST", "/resource_providers", {"name": "child", "uuid": OTHER, "parent_provider_uuid": UUID})
    grandchild = {"name": "grandchild", "uuid": NOWHERE, "parent_provider_uuid": OTHER}
    client.do("POST", "/resource_providers", grandchild)
    renamed = json.loads(client.do("PUT", MISSING, {"name": "renamed"}).body)
    assert (renamed["name"], renamed["parent_provider_uuid"], renamed["root_provider_uuid"]) == ("renamed", OTHER, UUID)


def test_uuids_in_paths_may_be_upper_case(client: Client) -> None:
    client.provider()
    assert client.get(f"/resource_providers/{UUID.upper()}")["uuid"] == UUID


ABOUT_A_PROVIDER = (
    ("GET", "", None),
    ("PUT", "", {"name": "a"}),
    ("DELETE", "", None),
    ("GET", "/inventories", None),
    ("POST", "/inventories", {"resource_class": "VCPU", "total": 1}),
    ("PUT", "/inventories", {"resource_provider_generation": 0, "inventories": {}}),
    ("DELETE", "/inventories", None),
    ("GET", "/inventories/VCPU", None),
    ("PUT", "/inventories/VCPU", {"resource_provider_generation": 0, "total": 1}),
    ("DELETE", "/inventories/VCPU", None),
    ("GET", "/usages", None),
    ("GET", "/allocations", None),
    ("GET", "/aggregates", None),
    ("PUT", "/aggregates", {"aggregates": [], "resource_provider_generation": 0}),
    ("GET", "/traits", None),
    ("PUT", "/traits", {"traits": [], "resource_provider_generation": 0}),
    ("DELETE", "/traits", None),
)


@pytest.mark.parametrize("uuid", [NOWHERE, "fish", UNDASHED, "%0A", "x" * 300, "%E2%98%83"])
def test_every_route_of_a_provider_misses_it(client: Client, uuid: str) -> None:
    for method, below, body in ABOUT_A_PROVIDER:
        status, _, detail = client.refused(method, f"/resource_providers/{uuid}{below}", body)
        assert status == 404, (method, below)
        assert "No resource provider with uuid" in detail


def test_some_routes_tell_caches_also_of_a_missing_provider(client: Client) -> None:
    for below in ("", "/inventories", "/inventories/VCPU", "/usages", "/allocations", "/traits", "/aggregates"):
        missing = client.ask("GET", f"{MISSING}{below}")
        assert missing.status == 404
        assert (header(missing, "vary") is None) == (below in ("", "/aggregates")), below


@pytest.mark.parametrize(
    ("method", "below", "status"),
    [
        ("PUT", "", 404),
        ("POST", "/inventories", 404),
        ("PUT", "/inventories", 404),
        ("PUT", "/inventories/VCPU", 404),
        ("PUT", "/aggregates", 404),
        ("PUT", "/traits", 400),
    ],
)
def test_a_missing_provider_is_told_before_a_bad_body_but_for_traits(
    client: Client, method: str, below: str, status: int
) -> None:
    assert client.refused(method, f"{MISSING}{below}", {"cow": 1})[0] == status


def test_a_missing_provider_is_told_before_an_aggregate_that_is_named_twice(client: Client) -> None:
    body = {"aggregates": [OTHER, OTHER], "resource_provider_generation": 0}
    assert client.refused("PUT", f"{MISSING}/aggregates", body)[0] == 404


# Inventories


def test_one_inventory_has_a_location(client: Client) -> None:
    client.provider()
    made = client.do("POST", f"{PROVIDER}/inventories", {"resource_class": "VCPU", "total": 4})
    assert made.status == 201
    assert header(made, "location") == f"http://localhost{PROVIDER}/inventories/VCPU"
    assert json.loads(made.body)["resource_provider_generation"] == 1


@pytest.mark.parametrize(
    ("method", "below", "body", "status"),
    [
        ("POST", "", {"resource_class": "CUSTOM_NO", "total": 1}, 400),
        ("PUT", "", {"resource_provider_generation": 0, "inventories": {"CUSTOM_NO": {"total": 1}}}, 400),
        ("PUT", "", {"resource_provider_generation": 0, "inventories": {"no": {"total": 1}}}, 400),
        ("PUT", "/CUSTOM_NO", {"resource_provider_generation": 0, "total": 1}, 404),
        ("PUT", "/no", {"resource_provider_generation": 0, "total": 1}, 404),
        ("PUT", f"/{'A' * 300}", {"resource_provider_generation": 0, "total": 1}, 404),
        ("PUT", "/VCPU", {"resource_provider_generation": 0, "total": 1}, 400),
        ("GET", "/VCPU", None, 404),
        ("GET", "/no", None, 404),
        ("DELETE", "/VCPU", None, 404),
        ("DELETE", "/CUSTOM_NO", None, 404),
    ],
)
def test_a_class_that_is_not_there(client: Client, method: str, below: str, body: object, status: int) -> None:
    client.provider()
    assert client.refused(method, f"{PROVIDER}/inventories{below}", body)[0] == status


def test_refused_inventories_say_what_could_not_be_done(client: Client) -> None:
    client.provider()
    body = {"resource_class": "VCPU", "total": 1, "reserved": 2}
    assert (
        f"Unable to create inventory for resource provider {UUID}: "
        in client.refused("POST", f"{PROVIDER}/inventories", body)[2]
    )
    all_of_them = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1, "reserved": 2}}}
    assert (
        f"Unable to update inventory for resource provider {UUID}: "
        in client.refused("PUT", f"{PROVIDER}/inventories", all_of_them)[2]
    )


def test_all_may_be_reserved_from_one_version_on(client: Client) -> None:
    client.provider()
    body = {"resource_class": "VCPU", "total": 1, "reserved": 1}
    assert "greater than or equal to total" in client.refused("POST", f"{PROVIDER}/inventories", body, "1.25")[2]
    client.do("POST", f"{PROVIDER}/inventories", body, "1.26")


def test_inventories_in_use_stay(client: Client) -> None:
    client.provider(VCPU=4)
    client.claim(VCPU=1)
    assert client.refused("DELETE", f"{PROVIDER}/inventories/VCPU")[:2] == (409, "placement.concurrent_update")
    assert client.refused("DELETE", f"{PROVIDER}/inventories")[:2] == (409, "placement.inventory.inuse")
    assert client.refused("DELETE", PROVIDER)[:2] == (409, "placement.resource_provider.inuse")
    assert client.refused("DELETE", f"{PROVIDER}/inventories", version="1.4")[0] == 405


def test_no_inventories_have_no_time(client: Client) -> None:
    client.provider(VCPU=4)
    body = {"resource_provider_generation": 1, "inventories": {}}
    emptied = client.do("PUT", f"{PROVIDER}/inventories", body)
    assert header(emptied, "last-modified") is None
    assert header(emptied, "cache-control") == "no-cache"


# Labels


def test_a_class_was_renamed_once_and_is_ensured_now(client: Client) -> None:
    client.do("POST", "/resource_classes", {"name": "CUSTOM_A"})
    renamed = client.do("PUT", "/resource_classes/CUSTOM_A", {"name": "CUSTOM_B"}, "1.6")
    assert json.loads(renamed.body)["name"] == "CUSTOM_B"
    assert client.refused("PUT", "/resource_classes/CUSTOM_A", version="1.6")[0] == 415
    made = client.do("PUT", "/resource_classes/CUSTOM_C", version="1.7")
    there = client.do("PUT", "/resource_classes/CUSTOM_C", version="1.7")
    assert (made.status, there.status) == (201, 204)
    assert header(there, "location") == "http://localhost/resource_classes/CUSTOM_C"
    assert header(there, "cache-control") is None
    assert "Failed validating 'pattern'" in client.refused("PUT", "/resource_classes/VCPU")[2]
    assert client.refused("PUT", "/resource_classes/CUSTOM_a%22,%20%22name%22:%20%22CUSTOM_Y")[0] == 400


def test_a_class_in_use_stays(client: Client) -> None:
    client.do("POST", "/resource_classes", {"name": "CUSTOM_A"})
    client.provider(CUSTOM_A=1)
    status, _, detail = client.refused("DELETE", "/resource_classes/CUSTOM_A")
    assert status == 409
    assert "Error in delete resource class: " in detail
    assert "Error in delete resource class: " in client.refused("DELETE", "/resource_classes/VCPU")[2]
    assert client.refused("DELETE", "/resource_classes/no")[0] == 404
    assert client.refused("GET", f"/resource_classes/{'A' * 300}")[0] == 404


def test_traits_come_and_go(client: Client) -> None:
    made = client.do("PUT", "/traits/CUSTOM_A")
    there = client.do("PUT", "/traits/CUSTOM_A")
    shown = client.do("GET", "/traits/CUSTOM_A")
    assert [made.status, there.status, shown.status] == [201, 204, 204]
    assert all(header(each, "last-modified") and each.content_type is None for each in (made, there, shown))
    assert header(made, "location") == "http://localhost/traits/CUSTOM_A"
    assert client.get("/traits?name=startswith:CUSTOM_") == {"traits": ["CUSTOM_A"]}
    assert client.do("DELETE", "/traits/CUSTOM_A").status == 204
    assert [client.refused("GET", f"/traits/{name}")[0] for name in ("CUSTOM_A", "no", "A" * 300)] == [404] * 3
    assert "The trait is invalid." in client.refused("PUT", "/traits/HW_X")[2]


def test_times_of_a_provider_and_its_traits_are_those_of_their_changes(client: Client) -> None:
    client.provider()
    began = int(time.time())
    changed = client.do("PUT", PROVIDER, {"name": "renamed"})
    client.do("PUT", f"{PROVIDER}/traits", {"traits": ["HW_CPU_X86_AVX"], "resource_provider_generation": 0})
    client.do("DELETE", f"{PROVIDER}/traits")
    for response in (changed, client.do("GET", PROVIDER), client.do("GET", f"{PROVIDER}/traits")):
        told = header(response, "last-modified")
        assert told is not None
        assert began <= parsedate_to_datetime(told).timestamp() <= time.time()


def test_aggregates_are_answered_in_the_order_of_the_request(client: Client) -> None:
    client.provider()
    body = {"aggregates": [OTHER, UUID], "resource_provider_generation": 0}
    answer = json.loads(client.do("PUT", f"{PROVIDER}/aggregates", body).body)
    assert answer == {"aggregates": [OTHER, UUID], "resource_provider_generation": 1}
    assert client.get(f"/resource_providers?member_of={OTHER}")["resource_providers"][0]["uuid"] == UUID


# Claims


def test_a_consumers_path_has_many_spellings_only_when_it_claims(client: Client) -> None:
    client.provider(VCPU=4)
    undashed = CONSUMER.replace("-", "")
    client.do("PUT", f"/allocations/{undashed}", claim_body(VCPU=1))
    assert client.get(f"/allocations/{CONSUMER}")["consumer_type"] == "INSTANCE"
    assert client.get(f"/allocations/{CONSUMER.upper()}")["consumer_generation"] == 1
    assert client.get(f"/allocations/{undashed}") == client.get("/allocations/fish") == {"allocations": {}}
    assert client.refused("DELETE", f"/allocations/{undashed}")[0] == 404
    assert "Malformed consumer_uuid: fish" in client.refused("PUT", "/allocations/fish", {"bad": 1})[2]
    assert client.do("DELETE", f"/allocations/{CONSUMER}").status == 204


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (claim_body(VCPU=5), 409, "placement.undefined_code", "would exceed the capacity"),
        (claim_body(DISK_GB=1), 409, "placement.undefined_code", "Inventory for 'DISK_GB' on resource provider"),
        (claim_body(CUSTOM_NO=1), 400, "placement.undefined_code", "No such resource class CUSTOM_NO"),
        (claim_body(provider=NOWHERE, VCPU=1), 400, "placement.undefined_code", "that does not exist"),
        (claim_body(provider="-" * 36, VCPU=1), 400, "placement.undefined_code", "that does not exist"),
        (claim_body(VCPU=2**63 - 1), 409, "placement.undefined_code", "violate inventory constraints"),
        (claim_body(7, VCPU=1), 409, "placement.concurrent_update", "consumer generation conflict - expected null"),
    ],
)
def test_a_refused_claim(client: Client, body: dict[str, object], status: int, code: str, words: str) -> None:
    client.provider(VCPU=4)
    for method, target, sent in (
        ("PUT", f"/allocations/{CONSUMER}", body),
        ("POST", "/allocations", {CONSUMER: body}),
    ):
        told = client.refused(method, target, sent)
        assert told[:2] == (status, code)
        assert words in told[2]
        assert "Unable to allocate inventory" in told[2]


def test_who_names_no_owner_is_nobody(client: Client) -> None:
    client.provider(VCPU=4)
    body = {"allocations": [{"resource_provider": {"uuid": UUID}, "resources": {"VCPU": 1}}]}
    assert client.do("PUT", f"/allocations/{CONSUMER}", body, "1.7").status == 204
    shown = client.get(f"/allocations/{CONSUMER}")
    assert shown["project_id"] == shown["user_id"] == "00000000-0000-0000-0000-000000000000"
    assert shown["consumer_type"] == "unknown"


def test_usages_are_told_by_type(client: Client) -> None:
    client.provider(VCPU=4, DISK_GB=9)
    client.claim(VCPU=1, DISK_GB=2)
    client.do("PUT", f"/allocations/{OTHER}", {"allocations": {UUID: {"resources": {"VCPU": 2}}}, **OWNER}, "1.12")
    assert client.get("/usages?project_id=p", "1.9") == {"usages": {"VCPU": 3, "DISK_GB": 2}}
    by_type = {"INSTANCE": {"consumer_count": 1, "VCPU": 1, "DISK_GB": 2}, "unknown": {"consumer_count": 1, "VCPU": 2}}
    assert client.get("/usages?project_id=p") == {"usages": by_type}
    together = {"all": {"consumer_count": 2, "VCPU": 3, "DISK_GB": 2}}
    assert client.get("/usages?project_id=p&user_id=u&consumer_type=all") == {"usages": together}
    assert client.get("/usages?project_id=p&consumer_type=unknown") == {"usages": {"unknown": by_type["unknown"]}}
    assert client.get("/usages?project_id=q&consumer_type=all") == {"usages": {}}
    assert client.get(f"{PROVIDER}/usages")["usages"] == {"VCPU": 3, "DISK_GB": 2}


def test_a_reshape_of_nothing_known_has_a_code(client: Client) -> None:
    inventories = {NOWHERE: {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1}}}}
    told = client.refused("POST", "/reshaper", {"inventories": inventories, "allocations": {}})
    assert told[:2] == (400, "placement.resource_provider.not_found")


def test_a_reshape_moves_a_claim(client: Client) -> None:
    client.provider(VCPU=4)
    client.provider(OTHER, "child")
    client.claim(VCPU=2)
    generation = client.get(PROVIDER)["generation"]
    body = {
        "inventories": {
            UUID: {"resource_provider_generation": generation, "inventories": {}},
            OTHER: {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}}},
        },
        "allocations": {CONSUMER: claim_body(1, OTHER, VCPU=2)},
    }
    assert client.do("POST", "/reshaper", body).status == 204
    assert list(client.get(f"/allocations/{CONSUMER}")["allocations"]) == [OTHER]


# Questions


def test_candidates_can_be_claimed_as_they_come(client: Client) -> None:
    client.provider(VCPU=4, DISK_GB=9)
    found = client.get("/allocation_candidates?resources=VCPU:1&resources1=DISK_GB:2")
    (candidate,) = found["allocation_requests"]
    assert candidate["mappings"] == {"": [UUID], "1": [UUID]}
    assert found["provider_summaries"][UUID]["resources"]["VCPU"] == {"capacity": 4, "used": 0}
    body = {**claim_body(), **candidate}
    assert client.do("PUT", f"/allocations/{CONSUMER}", body).status == 204


def test_an_answer_at_the_ceiling_says_so(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(5):
        client.provider(f"{number}fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11", f"host {number}", VCPU=4)
    response = client.do("GET", "/allocation_candidates?resources=VCPU:1")
    assert len(json.loads(response.body)["allocation_requests"]) == 3
    assert header(response, "ullage-truncated") == "true"
    assert any("cut short" in record.message for record in caplog.records)
    few = client.do("GET", "/allocation_candidates?resources=VCPU:1&limit=2")
    assert header(few, "ullage-truncated") is None


@pytest.mark.parametrize("route", ["/resource_providers", "/allocation_candidates"])
def test_unknown_names_in_questions_are_told(client: Client, route: str) -> None:
    status, _, detail = client.refused("GET", f"{route}?resources=CUSTOM_NO:1")
    assert status == 400
    assert "Invalid resource class in resources parameter: No such resource class CUSTOM_NO" in detail
    status, _, detail = client.refused("GET", f"{route}?resources=VCPU:1&required=CUSTOM_NO")
    assert status == 400
    assert "No such trait(s): CUSTOM_NO" in detail


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resources=VCPU:1&root_required=A&root_required=B", "placement.query.duplicate_key"),
        ("resources=VCPU:1&same_subtree=,", "placement.query.bad_value"),
        ("required1=A", "placement.query.missing_value"),
        ("resources=VCPU:0", "placement.undefined_code"),
    ],
)
def test_bad_questions_have_codes(client: Client, query: str, code: str) -> None:
    assert client.refused("GET", f"/allocation_candidates?{query}")[:2] == (400, code)
