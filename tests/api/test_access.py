"""Every route, by every kind of caller, for its own and for another project, over the whole application."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from access import CALLERS, EXAMPLE, NO, OWN, PROJECTS, TABLES, YES, Caller
from conftest import Servers
from ledger_rows import new_uuid
from statements import recorded

from api.client import CONSUMER, OTHER, UUID
from api.good import GOOD
from api.stand import ask
from ullage.api.app import App, Begun
from ullage.api.http import Call, Request, Response, Route
from ullage.api.policy_rules import RULES
from ullage.api.routes import ROUTES
from ullage.operations import writing
from ullage.settings import Settings
from ullage.wiring import build_service

ADMIN = {"x-auth-token": "admin"}
MEMBER = {"x-auth-token": "m:p", "x-roles": "member"}
NEW, SPARE = f"7{CONSUMER[1:]}", f"7{UUID[1:]}"
NOTHING = {SPARE: {"resource_provider_generation": 0, "inventories": {}}}


@pytest.fixture(scope="module", params=list(TABLES), ids=["default", "example"])
def guarded(request: pytest.FixtureRequest, database_servers: Servers) -> Iterator[tuple[str, App]]:
    """(policy_file, an application with it on an empty ledger)."""
    server = database_servers("sqlite")
    url = server.new_ledger_database()
    settings = Settings(database=url, auth="noauth2", policy_file=request.param)
    service = build_service(settings)
    yield request.param, App(service, settings, ROUTES)
    service.committer.stop()
    service.store.close()
    server.drop_database(url)


def send(app: App, who: dict[str, str], method: str, target: str, body: object = None) -> Response:
    said = who if body is None else {**who, "content-type": "application/json"}
    return ask(app, method, target, said, b"" if body is None else json.dumps(body).encode(), "1.39")


def claim(project: str, generation: int | None = None) -> dict[str, object]:
    owner = {"project_id": project, "user_id": "u", "consumer_generation": generation, "consumer_type": "X"}
    return {"allocations": {UUID: {"resources": {"VCPU": 1}}}, **owner}


def provide(app: App) -> None:
    """A provider, and a consumer of project p and one of q that hold of it; nothing else."""
    for target in (f"/allocations/{CONSUMER}", f"/allocations/{OTHER}"):
        send(app, ADMIN, "DELETE", target)
    send(app, ADMIN, "POST", "/resource_providers", {"name": "host", "uuid": UUID})
    found = json.loads(send(app, ADMIN, "GET", f"/resource_providers/{UUID}").body)
    stock = {"resource_provider_generation": found["generation"], "inventories": {"VCPU": {"total": 8}}}
    assert send(app, ADMIN, "PUT", f"/resource_providers/{UUID}/inventories", stock).status == 200
    for consumer, project in ((CONSUMER, "p"), (OTHER, "q")):
        assert send(app, ADMIN, "PUT", f"/allocations/{consumer}", claim(project)).status == 204


def request_of(route: Route, project: str) -> tuple[str, object]:
    """A target that is about a project where the route can be, and a body."""
    consumer = CONSUMER if project == "p" else OTHER
    values = {"uuid": UUID, "name": "CUSTOM_A", "resource_class": "VCPU", "consumer_uuid": consumer}
    target = route.path.format(**values)
    body = GOOD.get((route.method, route.path))
    if route.rule.startswith("placement:allocations:") and body is not None:
        body = claim(project, 1) if route.method == "PUT" else {consumer: claim(project, 1)}
    if route.names_project:
        target += f"?project_id={project}"
    return target + ("?resources=VCPU:1" if route.path == "/allocation_candidates" else ""), body


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_is_for_whom_the_page_says(guarded: tuple[str, App], route: Route, caller: Caller) -> None:
    file, app = guarded
    expected = TABLES[file](route, caller)
    for relation, project in PROJECTS.items():
        provide(app)
        target, body = request_of(route, project)
        response = send(app, caller.headers(), route.method, target, body)
        assert response.status < 500
        if expected == YES or (expected == OWN and relation == "own"):
            assert response.status not in (401, 403), response.body
        elif expected == OWN and route.path == "/allocations/{consumer_uuid}" and route.method != "PUT":
            missing = target.replace(OTHER, UUID)
            unknown = send(app, caller.headers(), route.method, missing, body)
            shown = response.body.replace(OTHER.encode(), UUID.encode())
            assert response.status == unknown.status
            assert without_id(shown) == without_id(unknown.body)
            held = json.loads(send(app, ADMIN, "GET", target).body)["allocations"]
            assert held, "what is another's stays"
        else:
            assert (expected, response.status) in ((NO, 403), (OWN, 403))


def without_id(body: bytes) -> object:
    told = json.loads(body)
    for each in told.get("errors", ()):
        each.pop("request_id")
    return told


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_uses_a_route_without_credentials(guarded: tuple[str, App], route: Route) -> None:
    target, body = request_of(route, "p")
    assert send(guarded[1], {}, route.method, target, body).status == 401


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_route_is_left_without_a_rule(route: Route) -> None:
    assert route.rule in RULES


@pytest.mark.parametrize("rule", ["placement:nothing:known", " "])
def test_a_service_with_a_route_whose_rule_is_none_does_not_start(rule: str) -> None:
    def handler(call: Call) -> Response:
        return Response(204)

    settings = Settings(database="sqlite:///nothing-is-read.db")
    with pytest.raises(ValueError, match="there is no policy rule"):
        App(build_service(settings), settings, (*ROUTES, Route("GET", "/new", handler, rule)))


@pytest.fixture(name="shared")
def _shared(database_servers: Servers, tmp_path: Path) -> Iterator[App]:
    """An application that lets members reshape, too, with what `provide` makes."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(EXAMPLE.read_text() + '"placement:reshaper:reshape": "rule:claim_own"\n')
    server = database_servers("sqlite")
    settings = Settings(database=server.new_ledger_database(), auth="noauth2", policy_file=str(policy))
    service = build_service(settings)
    app = App(service, settings, ROUTES)
    provide(app)
    assert send(app, ADMIN, "POST", "/resource_providers", {"name": "spare", "uuid": SPARE}).status == 200
    yield app
    service.committer.stop()
    service.store.close()
    server.drop_database(settings.database)


def test_a_member_takes_nothing_from_another_projects_consumer(shared: App) -> None:
    app, member = shared, MEMBER
    stolen = send(app, member, "PUT", f"/allocations/{OTHER}", claim("p", 1))
    both = send(app, member, "POST", "/allocations", {CONSUMER: claim("p", 1), OTHER: {**claim("p", 1)}})
    given = send(app, member, "PUT", f"/allocations/{CONSUMER}", claim("q", 1))
    assert [stolen.status, both.status, given.status] == [403, 403, 403]
    assert json.loads(send(app, ADMIN, "GET", f"/allocations/{OTHER}").body)["project_id"] == "q"
    assert json.loads(send(app, ADMIN, "GET", f"/allocations/{CONSUMER}").body)["consumer_generation"] == 1


def plain(project: str) -> dict[str, object]:
    """A claim as before 1.28, when it asked nothing of the consumer."""
    return {"allocations": {UUID: {"resources": {"VCPU": 2}}}, "project_id": project, "user_id": "u"}


def reshaped(uuid: str, generation: int | None) -> dict[str, object]:
    return {"inventories": NOTHING, "allocations": {uuid: claim("p", generation)}}


def given_away(app: App) -> None:
    """The consumer of project p becomes one of q."""
    assert send(app, ADMIN, "PUT", f"/allocations/{CONSUMER}", claim("q", 1)).status == 204


def made_elsewhere(app: App) -> None:
    assert send(app, ADMIN, "PUT", f"/allocations/{NEW}", claim("q")).status == 204


@pytest.mark.parametrize(
    ("method", "target", "body", "version", "meanwhile", "status"),
    [
        ("PUT", f"/allocations/{CONSUMER}", plain("p"), "1.12", given_away, 409),
        ("PUT", f"/allocations/{NEW}", plain("p"), "1.12", made_elsewhere, 409),
        ("PUT", f"/allocations/{CONSUMER}", claim("p", 1), "1.39", given_away, 409),
        ("POST", "/allocations", {CONSUMER: plain("p"), NEW: plain("p")}, "1.13", given_away, 409),
        ("POST", "/allocations", {CONSUMER: plain("p"), NEW: plain("p")}, "1.13", made_elsewhere, 409),
        ("POST", "/allocations", {NEW: claim("p")}, "1.39", made_elsewhere, 409),
        ("POST", "/reshaper", reshaped(CONSUMER, 1), "1.39", given_away, 409),
        ("POST", "/reshaper", reshaped(NEW, None), "1.39", made_elsewhere, 409),
        ("DELETE", f"/allocations/{CONSUMER}", None, "1.39", given_away, 404),
    ],
)
def test_what_becomes_anothers_while_a_write_waits_stays_the_others(
    shared: App, method: str, target: str, body: object, version: str, meanwhile: Callable[[App], None], status: int
) -> None:
    before = json.loads(send(shared, ADMIN, "GET", f"/resource_providers/{UUID}/usages").body)["usages"]
    said = MEMBER | {"openstack-api-version": f"placement {version}", "content-type": "application/json"}
    begun = shared.begin(Request(method, target.encode(), b"", said, json.dumps(body).encode() if body else b""))
    assert isinstance(begun, Begun)
    meanwhile(shared)
    response = shared.end(begun, writing.run(shared.service, begun.write.command, begun.call.origin))
    assert response.status == status, response.body
    taken = CONSUMER if meanwhile is given_away else NEW
    found = json.loads(send(shared, ADMIN, "GET", f"/allocations/{taken}").body)
    assert (found["project_id"], found["allocations"][UUID]["resources"]) == ("q", {"VCPU": 1})
    after = json.loads(send(shared, ADMIN, "GET", f"/resource_providers/{UUID}/usages").body)["usages"]
    assert after == {"VCPU": before["VCPU"] + (meanwhile is made_elsewhere)}


def test_what_stays_ones_own_may_be_claimed_moved_and_released(shared: App) -> None:
    assert send(shared, MEMBER, "PUT", f"/allocations/{CONSUMER}", claim("p", 1)).status == 204
    assert send(shared, MEMBER, "POST", "/allocations", {CONSUMER: claim("p", 2), NEW: claim("p")}).status == 204
    assert send(shared, MEMBER, "POST", "/reshaper", reshaped(CONSUMER, 3)).status == 204
    assert send(shared, MEMBER, "DELETE", f"/allocations/{CONSUMER}").status == 204


def test_whose_many_consumers_are_is_one_question(shared: App) -> None:
    claims = {CONSUMER: plain("p"), **{new_uuid(): plain("p") for _ in range(100)}}
    said = MEMBER | {"openstack-api-version": "placement 1.13", "content-type": "application/json"}
    with recorded(shared.service.store) as statements:
        begun = shared.begin(Request("POST", b"/allocations", b"", said, json.dumps(claims).encode()))
    assert isinstance(begun, Begun)
    assert [text.partition(" ")[0] for text in statements if not text.startswith("BEGIN")] == ["SELECT"]


def test_of_what_is_held_on_a_provider_only_ones_own_is_told(shared: App, tmp_path: Path) -> None:
    policy = tmp_path / "narrow.yaml"
    policy.write_text('"placement:resource_providers:allocations:list": "project_id:%(project_id)s"')
    narrow = App(shared.service, replace(shared.settings, policy_file=str(policy)), ROUTES)
    target = f"/resource_providers/{UUID}/allocations"
    for who, seen in ((MEMBER, {CONSUMER}), ({"x-auth-token": "m:q"}, {OTHER}), ({"x-auth-token": "m:r"}, set())):
        assert set(json.loads(send(narrow, who, "GET", target).body)["allocations"]) == seen
    assert set(json.loads(send(shared, ADMIN, "GET", target).body)["allocations"]) == {CONSUMER, OTHER}


def test_a_reshape_takes_nothing_from_another_projects_consumer(shared: App) -> None:
    for body in (reshaped(OTHER, 1), {"inventories": NOTHING, "allocations": {CONSUMER: claim("q", 1)}}):
        assert send(shared, MEMBER, "POST", "/reshaper", body).status == 403
    several = {"inventories": NOTHING, "allocations": {CONSUMER: claim("p", 1), OTHER: claim("p", 1)}}
    assert send(shared, MEMBER, "POST", "/reshaper", several).status == 403
    emptied = {"inventories": NOTHING, "allocations": {OTHER: {**claim("p", 1), "allocations": {}}}}
    assert send(shared, MEMBER, "POST", "/reshaper", emptied).status == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("project_id=p", 200),
        ("project_id=q", 403),
        ("project_id=p&project_id=q", 403),
        ("project%5Fid=q", 403),
        ("project_id=p&user_id=u&consumer_type=all", 200),
        ("project_id=q&user_id=u&consumer_type=X", 403),
        ("user_id=u", 403),
        ("project_id=p&a=%ff", 403),  # what cannot be read names no project
        ("project_id=q&a=%ff", 403),
        ("", 403),
    ],
)
def test_usages_of_others_are_told_by_no_spelling(shared: App, query: str, status: int) -> None:
    reader = {"x-auth-token": "r:p", "x-roles": "reader"}
    assert send(shared, reader, "GET", f"/usages?{query}").status == status


def test_of_two_projects_in_a_query_the_one_that_is_judged_is_the_one_that_is_told(shared: App) -> None:
    assert send(shared, ADMIN, "DELETE", f"/allocations/{CONSUMER}").status == 204
    reader = {"x-auth-token": "r:p", "x-roles": "reader"}
    told = send(shared, reader, "GET", "/usages?project_id=q&project_id=p")
    assert (told.status, json.loads(told.body)["usages"]) == (200, {})
