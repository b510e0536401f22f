"""Cross-origin requests."""

from __future__ import annotations

import pytest

from api.stand import ADMIN, an_app, ask, header

GOOD = "http://valid.example.com"
PREFLIGHT = {"origin": GOOD, "access-control-request-method": "GET"}


def test_without_allowed_origins_options_is_a_method_like_others() -> None:
    app = an_app()
    assert ask(app, "OPTIONS", "/", PREFLIGHT).status == 405
    assert header(ask(app, "GET", "/", {"origin": GOOD}), "access-control-allow-origin") is None


def test_a_preflight_is_answered_for_every_path_without_a_token() -> None:
    app = an_app(cors_origins=(GOOD,))
    for path in ("/", "/resource_providers", "/barnabas"):
        response = ask(app, "OPTIONS", path, {**PREFLIGHT, "access-control-request-headers": "openstack-api-version"})
        assert response.status == 200
        assert response.body == b""
        assert header(response, "access-control-allow-origin") == GOOD
        assert header(response, "access-control-allow-methods") == "GET"
        assert header(response, "access-control-allow-headers") == "openstack-api-version"
        assert header(response, "vary") == "Origin"


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "http://invalid.example.com"},
        {"access-control-request-method": "TRACE"},
        {"access-control-request-headers": "x-auth-token, x-secret"},
    ],
)
def test_a_preflight_that_is_not_granted_is_answered_without_a_grant(change: dict[str, str]) -> None:
    response = ask(an_app(cors_origins=(GOOD,)), "OPTIONS", "/", PREFLIGHT | change)
    assert response.status == 200
    assert not [name for name, _ in response.headers if name.startswith("access-control")]


def test_replies_and_errors_may_be_read_by_pages_of_an_allowed_origin() -> None:
    app = an_app(cors_origins=(GOOD,))
    for target, headers in (("/", {}), ("/resource_providers", {}), ("/barnabas", ADMIN)):
        assert header(ask(app, "GET", target, {"origin": GOOD, **headers}), "access-control-allow-origin") == GOOD
        other = ask(app, "GET", target, {"origin": "http://invalid.example.com", **headers})
        assert header(other, "access-control-allow-origin") is None


def test_a_reply_depends_on_version_and_origin() -> None:
    response = ask(an_app(cors_origins=(GOOD,)), "GET", "/", {"origin": GOOD})
    assert header(response, "vary") == "openstack-api-version, Origin"


def test_any_origin_is_admitted_without_credentials() -> None:
    response = ask(an_app(cors_origins=("*",)), "GET", "/", {"origin": "http://anywhere"})
    assert header(response, "access-control-allow-origin") == "*"
    assert header(response, "access-control-allow-credentials") is None
