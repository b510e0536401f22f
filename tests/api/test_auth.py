"""Who asks, and what they may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ullage.api import auth
from ullage.api.auth import NoAuth2, NotIdentified, Schemes
from ullage.api.http import Identity, Request, WouldWait
from ullage.api.policy import Policy
from ullage.api.policy_rules import RULES
from ullage.api.routes import ROUTES
from ullage.model.errors import NotPermitted
from ullage.settings import AUTH_SCHEMES, Settings
from ullage.wiring import build_service

EXAMPLE = Path(__file__).parents[2] / "examples" / "certificates.toml"
NEEDS: dict[str, dict[str, Any]] = {
    "certificates": {"certificates_file": str(EXAMPLE), "certificates_proxies": ("192.0.2.7",)},
    "keystone": {"keystone_url": "https://keystone.example.org", "keystone_user": "u", "keystone_password": "word"},
    "oidc": {"oidc_issuer": "https://issuer.example.org", "oidc_audience": "ullage"},
}
"""Settings without which a scheme cannot be."""


def request(**headers: str) -> Request:
    return Request("GET", b"/", b"", {name.replace("_", "-"): value for name, value in headers.items()})


def test_noauth2_is_not_asked_without_a_token() -> None:
    assert NoAuth2().identify(request(x_roles="admin"), may_wait=False) is None


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
    assert NoAuth2().identify(request(**headers), may_wait=False) == identity


def test_every_scheme_can_be_set_and_keeps_to_the_contract() -> None:
    assert set(auth.SCHEMES) == set(AUTH_SCHEMES)
    for name, make in auth.SCHEMES.items():
        settings = Settings(auth=name, **NEEDS.get(name, {}))
        assert make(settings, build_service(settings)).identify(request(), may_wait=False) is None


class Says:
    """A scheme that always says the same."""

    challenge = ""

    def __init__(self, answer: Identity | Exception | None) -> None:
        self._answer = answer

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_the_first_scheme_that_knows_the_credentials_decides() -> None:
    nobody, bad, somebody = Says(None), Says(NotIdentified()), Says(ADMIN)
    assert Schemes([nobody, somebody]).identify(request(), may_wait=True) is ADMIN
    assert Schemes([somebody, bad]).identify(request(), may_wait=True) is ADMIN
    for schemes in ([nobody], [bad, somebody], []):
        with pytest.raises(NotIdentified):
            Schemes(schemes).identify(request(), may_wait=True)


def test_who_would_wait_is_asked_again_before_another_decides() -> None:
    with pytest.raises(WouldWait):
        Schemes([Says(WouldWait()), Says(ADMIN)]).identify(request(), may_wait=False)


ADMIN = Identity("a", "p", frozenset({"admin"}))
SERVICE = Identity("s", "p", frozenset({"service"}))
READER = Identity("r", "p", frozenset({"reader", "member"}))
SYSTEM = Identity("a", None, frozenset({"admin", "service"}), system_scope=True)


def may(policy: Policy, rule: str, identity: Identity, project: str | None = None) -> bool:
    try:
        policy.require(f"placement:{rule}", identity, (project, identity.user))
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
    assert may(Policy(Settings(enforce_new_defaults=True)), rule, identity, project) is new
    assert may(Policy(Settings(enforce_new_defaults=False)), rule, identity, project) is old


def test_a_refusal_names_the_rule() -> None:
    with pytest.raises(NotPermitted, match="Policy does not allow placement:usages to be performed"):
        Policy(Settings()).require("placement:usages", READER, (None, "r"))


def test_every_rule_is_some_routes_rule() -> None:
    assert {route.rule for route in ROUTES} == set(RULES)
