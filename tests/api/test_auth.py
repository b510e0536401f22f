"""Who asks, and what they may do."""

from __future__ import annotations

import pytest

from ullage.api import auth
from ullage.api.auth import NoAuth2
from ullage.api.http import Identity, Request
from ullage.api.policy import RULES, Policy
from ullage.api.routes import ROUTES
from ullage.model.errors import NotPermitted
from ullage.settings import OPTIONS, Settings


def request(**headers: str) -> Request:
    return Request("GET", b"/", b"", {name.replace("_", "-"): value for name, value in headers.items()})


def test_noauth2_is_not_asked_without_a_token() -> None:
    assert NoAuth2().identify(request(x_roles="admin")) is None


@pytest.mark.parametrize(
    ("headers", "identity"),
    [
        ({"x_auth_token": "admin"}, Identity("admin", "admin", frozenset({"admin"}))),
        ({"x_auth_token": "admin:p"}, Identity("admin", "p", frozenset({"admin"}))),
        ({"x_auth_token": "user"}, Identity("user", "user", frozenset())),
        ({"x_auth_token": "user:a:b"}, Identity("user", "a:b", frozenset())),
        ({"x_auth_token": "user:a", "x_project_id": "p"}, Identity("user", "p", frozenset())),
        ({"x_auth_token": ""}, Identity("", "", frozenset())),
        ({"x_auth_token": "u", "x_roles": "Admin, reader,"}, Identity("u", "u", frozenset({"admin", "reader"}))),
        ({"x_auth_token": "admin", "x_roles": ""}, Identity("admin", "admin", frozenset())),
        (
            {"x_auth_token": "admin:p", "openstack_system_scope": "all"},
            Identity("admin", None, frozenset({"admin"}), system_scope=True),
        ),
    ],
)
def test_noauth2_believes_the_token_and_the_roles(headers: dict[str, str], identity: Identity) -> None:
    assert NoAuth2().identify(request(**headers)) == identity


def test_every_scheme_can_be_set_and_keeps_to_the_contract() -> None:
    assert set(auth.SCHEMES) == set(OPTIONS["auth"].choices)
    for name in auth.SCHEMES:
        assert auth.scheme_for(Settings(auth=name)).identify(request()) is None


ADMIN = Identity("a", "p", frozenset({"admin"}))
SERVICE = Identity("s", "p", frozenset({"service"}))
READER = Identity("r", "p", frozenset({"reader", "member"}))
SYSTEM = Identity("a", None, frozenset({"admin", "service"}), system_scope=True)


def may(policy: Policy, rule: str, identity: Identity, project: str | None = None) -> bool:
    try:
        policy.require(f"placement:{rule}", identity, project)
    except NotPermitted:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "identity", "project", "new", "old"),
    [
        ("resource_providers:list", ADMIN, None, True, True),
        ("resource_providers:list", SERVICE, None, True, True),
        ("resource_providers:list", READER, None, False, False),
        ("resource_providers:list", SYSTEM, None, False, False),
        ("reshaper:reshape", ADMIN, None, False, True),
        ("reshaper:reshape", SERVICE, None, True, True),
        ("reshaper:reshape", READER, None, False, False),
        ("usages", READER, "p", True, True),
        ("usages", READER, "q", False, False),
        ("usages", READER, None, False, False),
        ("usages", ADMIN, "q", True, True),
        ("usages", SERVICE, None, True, True),
        ("usages", SYSTEM, None, False, False),
    ],
)
def test_default_rules(rule: str, identity: Identity, project: str | None, new: bool, old: bool) -> None:
    assert may(Policy(enforce_new_defaults=True), rule, identity, project) is new
    assert may(Policy(enforce_new_defaults=False), rule, identity, project) is old


def test_a_refusal_names_the_rule() -> None:
    with pytest.raises(NotPermitted, match="Policy does not allow placement:usages to be performed"):
        Policy(enforce_new_defaults=True).require("placement:usages", READER, None)


def test_every_rule_is_some_routes_rule() -> None:
    assert {route.rule for route in ROUTES} == set(RULES)
