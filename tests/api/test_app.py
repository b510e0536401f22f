"""The order of a request, and what every reply carries."""

from __future__ import annotations

import json
import logging
import re

import pytest
from sqlalchemy.pool import QueuePool

from api.stand import ADMIN, JSON, ROUTES, an_app, ask, echo, error, header
from ullage.api.app import App
from ullage.api.http import Route
from ullage.settings import Settings
from ullage.wiring import build_service

UUID = "11111111-2222-3333-4444-555555555555"
TEXT = {"content-type": "text/plain"}
NOBODY = {"x-auth-token": "somebody"}


@pytest.fixture(name="app", scope="module")
def _app() -> App:
    return an_app()


# Each line adds to the fault before it one that is found earlier. The order is the documented one.
PRECEDENCE = [
    (200, "POST", "/reshaper?a=1", "1.39", {"x-auth-token": "s", "x-roles": "service", **JSON}),
    (400, "POST", "/reshaper?a=%ff", "1.39", {"x-auth-token": "s", "x-roles": "service", **JSON}),
    (403, "POST", "/reshaper?a=%ff", "1.39", {**NOBODY, **JSON}),
    (415, "POST", "/reshaper?a=%ff", "1.39", {**NOBODY, **TEXT}),
    (404, "POST", "/reshaper?a=%ff", "1.29", {**NOBODY, **TEXT}),
    (405, "PATCH", "/reshaper?a=%ff", "1.29", {**NOBODY, **TEXT}),
    (404, "PATCH", "/reshapers?a=%ff", "1.29", {**NOBODY, **TEXT}),
    (400, "PATCH", "/reshapers?a=%ff", "1.29", NOBODY),
    (406, "PATCH", "/reshapers?a=%ff", "1.40", NOBODY),
    (400, "PATCH", "/reshapers?a=%ff", "pony.horse", NOBODY),
    (401, "PATCH", "/reshapers?a=%ff", "pony.horse", {}),
]


@pytest.mark.parametrize(("status", "method", "target", "version", "headers"), PRECEDENCE)
def test_the_first_fault_in_the_documented_order_is_the_one_that_is_told(
    app: App, status: int, method: str, target: str, version: str, headers: dict[str, str]
) -> None:
    assert ask(app, method, target, headers, b"{}", version).status == status


def test_what_is_not_acceptable_is_told_before_what_is_forbidden(app: App) -> None:
    assert ask(app, "GET", "/resource_providers", {**NOBODY, "accept": "text/plain"}).status == 406


def test_a_handler_gets_version_parameters_query_and_asker(app: App) -> None:
    response = ask(app, "GET", f"/resource_providers/{UUID}?a=1&b=%e2%98%83&a=2+3&c", ADMIN, version="1.14")
    assert json.loads(response.body) == {
        "version": "1.14",
        "parameters": {"uuid": UUID},
        "query": {"a": ["1", "2 3"], "b": ["☃"], "c": [""]},
        "user": "admin",
        "body": "",
    }


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_the_version_document_needs_no_token(app: App, method: str) -> None:
    assert ask(app, method, "/").status == (200 if method == "GET" else 405)
    assert ask(app, method, "").status == (200 if method == "GET" else 405)


def test_everything_else_needs_a_token(app: App) -> None:
    for path in ("//", "/resource_providers", "/barnabas", "/resource_providers/"):
        assert ask(app, "GET", path).status == 401


def test_the_version_document_names_the_range_and_points_at_itself(app: App) -> None:
    (version,) = json.loads(ask(app, "GET", "/").body)["versions"]
    assert version == {
        "id": "v1.0",
        "max_version": "1.39",
        "min_version": "1.0",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": ""}],
    }


def test_the_version_document_has_cache_headers_from_1_15_on(app: App) -> None:
    assert header(ask(app, "GET", "/", version="1.14"), "cache-control") is None
    response = ask(app, "GET", "/", version="1.15")
    assert header(response, "cache-control") == "no-cache"
    assert re.fullmatch(r"\w+, \d+ \w+ \d{4} [\d:]+ GMT", header(response, "last-modified") or "")


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "status"),
    [
        ("GET", "/resource_providers", ADMIN, b"", 200),
        ("PATCH", "/resource_providers", ADMIN, b"", 405),
        ("GET", "/traits", ADMIN, b"", 404),
        ("POST", "/resource_providers", {**ADMIN, **TEXT}, b"x", 415),
        ("GET", "/resource_providers", {**ADMIN, "accept": "text/plain"}, b"", 406),
        ("GET", "/resource_providers?a=%ff", ADMIN, b"", 400),
        ("DELETE", f"/resource_providers/{UUID}/inventories", ADMIN, b"", 405),
    ],
)
def test_replies_that_depend_on_the_version_say_so(
    app: App, method: str, target: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = ask(app, method, target, headers, body, version="1.4")
    assert response.status == status
    assert header(response, "openstack-api-version") == "placement 1.4"
    assert header(response, "vary") == "openstack-api-version"


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "status"),
    [
        ("GET", "/barnabas", ADMIN, b"", 404),
        ("DELETE", f"/resource_providers/{UUID}", ADMIN, b"", 404),
        ("POST", "/resource_providers", ADMIN, b"x", 400),
        ("GET", "/resource_providers", NOBODY, b"", 403),
    ],
)
def test_replies_that_clients_know_without_vary_have_none(
    app: App, method: str, target: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = ask(app, method, target, headers, body, version="1.4")
    assert response.status == status
    assert header(response, "openstack-api-version") == "placement 1.4"
    assert header(response, "vary") is None


@pytest.mark.parametrize("version", ["1.40", "0.9", "2.0", "x"])
def test_a_reply_in_no_version_names_none(app: App, version: str) -> None:
    response = ask(app, "GET", "/", version=version)
    assert response.status in (400, 406)
    assert header(response, "openstack-api-version") is None
    assert header(response, "vary") is None


def test_a_version_that_is_not_served_is_told_which_are(app: App) -> None:
    told = error(ask(app, "GET", "/", version="0.5"))
    assert told["max_version"] == "1.39"
    assert told["min_version"] == "1.0"
    assert "code" not in told
    assert "Unacceptable version header: 0.5" in told["detail"]


def test_every_reply_and_every_error_has_a_request_id(app: App) -> None:
    seen = set()
    for target in ("/", "/barnabas", "/resource_providers"):
        response = ask(app, "GET", target, ADMIN)
        identity = header(response, "x-openstack-request-id")
        assert identity is not None
        assert re.fullmatch(r"req-[0-9a-f-]{36}", identity)
        seen.add(identity)
        if response.status == 404:
            assert error(response)["request_id"] == identity
    assert len(seen) == 3


def test_a_wrong_method_is_told_the_right_ones(app: App) -> None:
    for method in ("HEAD", "OPTIONS", "PATCH", "BREW"):
        response = ask(app, method, "/resource_providers", ADMIN)
        assert response.status == 405
        assert header(response, "allow") == "GET, POST"
        if method != "HEAD":  # nobody sees the body of its reply
            assert f"The method {method} is not allowed for this resource." in error(response)["detail"]


def test_clearing_inventories_before_there_was_such_a_thing_is_405_that_allows_nothing(app: App) -> None:
    response = ask(app, "DELETE", f"/resource_providers/{UUID}/inventories", ADMIN, version="1.4")
    assert (response.status, header(response, "allow")) == (405, None)


@pytest.mark.parametrize(
    "path",
    ["/resource_providers/", "//resource_providers", f"/resource_providers//{UUID}", "/resource_providers/a/b", "/x"],
)
def test_a_slash_more_or_less_is_another_path(app: App, path: str) -> None:
    assert ask(app, "GET", path, ADMIN).status == 404


def test_a_percent_encoded_path_is_the_path_it_stands_for(app: App) -> None:
    assert ask(app, "GET", "/resource%5Fproviders", ADMIN).status == 200


def test_bytes_that_are_no_text_name_nothing(app: App) -> None:
    response = ask(app, "DELETE", "/resource_providers/%ff", ADMIN)
    assert response.status == 404


def test_a_nul_in_a_name_is_refused(app: App) -> None:
    response = ask(app, "DELETE", "/resource_providers/a%00b", ADMIN)
    assert response.status == 400
    assert "uuid" in error(response)["detail"]


@pytest.mark.parametrize("length", ["hi mom", "-1", "+2", "²"])
def test_a_length_that_is_no_integer_is_refused(app: App, length: str) -> None:
    response = ask(app, "POST", "/resource_providers", {**ADMIN, **JSON, "content-length": length}, b"{}")
    assert response.status == 400
    assert "content-length header must be an integer" in error(response)["detail"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"{}", 400),
        ({"content-type": ""}, b"{}", 400),
        ({}, b"", 415),
        ({"content-type": "text/plain"}, b"{}", 415),
        ({"content-type": ";;;"}, b"{}", 415),
        ({"content-type": "application/json"}, b"", 200),
        ({"content-type": "application/json; charset=latin-1"}, b"{}", 200),
    ],
)
def test_a_body_needs_the_type_that_the_route_reads(
    app: App, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert ask(app, "POST", "/resource_providers", {**ADMIN, **headers}, body).status == status


def test_a_missing_type_is_called_none(app: App) -> None:
    told = error(ask(app, "POST", "/resource_providers", ADMIN))
    assert "The media type None is not supported, use application/json" in told["detail"]


def test_a_mistake_in_a_handler_costs_one_request_and_tells_nothing(
    app: App, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    response = ask(app, "PUT", "/traits/CUSTOM_A", ADMIN, version="1.6")
    assert response.status == 500
    assert b"secret" not in response.body
    assert header(response, "openstack-api-version") is None
    identity = header(response, "x-openstack-request-id") or "none"
    assert any(identity in record.message and record.exc_info for record in caplog.records)
    assert ask(app, "GET", "/resource_providers", ADMIN).status == 200


def test_a_reader_sees_the_usages_of_its_own_project_alone(app: App) -> None:
    reader = {"x-auth-token": "u:p", "x-roles": "reader"}
    assert ask(app, "GET", "/usages?project_id=p", reader, version="1.9").status == 200
    assert ask(app, "GET", "/usages?project_id=q", reader, version="1.9").status == 403
    assert ask(app, "GET", "/usages", reader, version="1.9").status == 403
    assert ask(app, "GET", "/usages?project_id=p&project_id=q", reader, version="1.9").status == 403
    assert ask(app, "GET", "/usages?project_id=q&project_id=p", reader, version="1.9").status == 200


def test_a_route_without_a_policy_rule_fails_at_the_start() -> None:
    with pytest.raises(ValueError, match="no policy rule"):
        an_app([Route("GET", "/a", echo, "placement:nothing")])


def test_a_route_that_is_there_twice_fails_at_the_start() -> None:
    with pytest.raises(ValueError, match="twice"):
        an_app([*ROUTES, ROUTES[0]])


@pytest.mark.parametrize("threads", [Settings().threads, 40])
def test_every_thread_has_a_connection_to_read_by(threads: int) -> None:
    pool = build_service(Settings(database="postgresql://nobody@localhost/nothing", threads=threads)).store.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.size() > threads
