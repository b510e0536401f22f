"""Tokens of a real Keystone: who is believed, for how long, and what happens when it is gone."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from keystones import PASSWORD, KeystoneServer
from serving import UllageServer, free_port

from ullage.api.auth import NotIdentified
from ullage.api.auth.keystone import Keystone, own_session
from ullage.api.http import Identity, Request, WouldWait
from ullage.api.problems import Problem
from ullage.settings import Settings

pytestmark = pytest.mark.xdist_group("keystone")


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def keystone() -> Iterator[KeystoneServer]:
    with KeystoneServer() as keystone:
        yield keystone


def settings(keystone: KeystoneServer, **options: Any) -> Settings:
    said = {"keystone_url": keystone.url, "keystone_user": "ullage", "keystone_password": PASSWORD}
    return Settings(auth="keystone", **{**said, **options})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheme(keystone: KeystoneServer, clock: Clock) -> Keystone:
    return Keystone(settings(keystone), clock=clock)


def asked(token: str, service_token: str = "") -> Request:
    headers = {"x-auth-token": token}
    return Request("GET", b"/", b"", headers | ({"x-service-token": service_token} if service_token else {}))


def identity_of(scheme: Keystone, token: str, service_token: str = "") -> Identity | None:
    return scheme.identify(asked(token, service_token), may_wait=True)


def count(scheme: Keystone, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Keystone is asked about from now on."""
    urls: list[str] = []
    get = scheme._session.get

    def counting(url: str, **more: Any) -> Any:
        urls.append(url)
        return get(url, **more)

    monkeypatch.setattr(scheme._session, "get", counting)
    return urls


def test_keystone_says_who_asks(keystone: KeystoneServer, scheme: Keystone) -> None:
    service = keystone.projects["service"]
    alice = identity_of(scheme, keystone.token("alice", project_name="service"))
    assert alice == Identity(keystone.users["alice"], service, frozenset({"reader"}))
    nova = identity_of(scheme, keystone.token("nova", project_name="service"))
    assert nova == Identity(keystone.users["nova"], service, frozenset({"service"}))
    system = identity_of(scheme, keystone.token("admin", system_scope="all"))
    assert system is not None
    assert (system.project, system.system_scope, "admin" in system.roles) == (None, True, True)
    domain = identity_of(scheme, keystone.token("alice", domain_id="default"))
    assert domain is not None
    assert (domain.project, domain.domain, "admin" in domain.roles) == (None, "default", True)
    unscoped = identity_of(scheme, keystone.token("alice", unscoped=True))
    assert unscoped == Identity(keystone.users["alice"], None, frozenset())


def test_a_token_is_asked_about_once_and_not_in_the_event_loop(
    keystone: KeystoneServer, scheme: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, urls = keystone.token("alice", project_name="service"), count(scheme, monkeypatch)
    with pytest.raises(WouldWait):
        scheme.identify(asked(token), may_wait=False)
    assert urls == []
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: identity_of(scheme, token), range(8)))
    assert found == [scheme.identify(asked(token), may_wait=False)] * 8
    assert len(urls) == 1


def test_keystone_sees_no_token_of_ours(
    keystone: KeystoneServer, scheme: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, urls = keystone.token("alice", project_name="service"), count(scheme, monkeypatch)
    with pytest.raises(NotIdentified):
        identity_of(scheme, token, "ullage_abc")
    assert urls == []


@pytest.mark.parametrize("token", ["gAAAAAbad", "0" * 32, "a b", "a" * 8193, "é", "../../v3/users", "a\nb"])
def test_what_is_no_token_is_refused(scheme: Keystone, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = count(scheme, monkeypatch)
    for _ in range(3):
        with pytest.raises(NotIdentified):
            identity_of(scheme, token)
    assert len(urls) <= 1


@pytest.mark.parametrize("headers", [{}, {"x-auth-token": ""}, {"x-auth-token": "ullage_abc"}, {"authorization": "a"}])
def test_what_is_for_others_is_left_to_them(scheme: Keystone, headers: dict[str, str]) -> None:
    assert scheme.identify(Request("GET", b"/", b"", headers), may_wait=False) is None


def test_a_revoked_token_is_refused_when_what_was_said_of_it_is_old(
    keystone: KeystoneServer, scheme: Keystone, clock: Clock
) -> None:
    token = keystone.token("alice", project_name="service")
    assert identity_of(scheme, token) is not None
    keystone.revoke(token)
    clock.now += 59
    assert identity_of(scheme, token) is not None
    clock.now += 1
    with pytest.raises(NotIdentified):
        identity_of(scheme, token)


def test_a_token_of_a_user_who_is_disabled_or_has_lost_the_role_is_refused_as_soon(
    keystone: KeystoneServer, scheme: Keystone, clock: Clock
) -> None:
    place = f"{keystone.url}/projects/{keystone.projects['service']}/users"
    role = next(each["id"] for each in keystone.roles if each["name"] == "reader")
    for name in ("disabled", "demoted"):
        user = keystone.new("user", name=name, password=PASSWORD, domain_id="default")
        keystone.admin.put(f"{place}/{user}/roles/{role}")
        token = keystone.token(name, project_name="service")
        assert identity_of(scheme, token) is not None
        if name == "disabled":
            keystone.admin.patch(f"{keystone.url}/users/{user}", json={"user": {"enabled": False}})
        else:
            keystone.admin.delete(f"{place}/{user}/roles/{role}")
        clock.now += 60
        with pytest.raises(NotIdentified):
            identity_of(scheme, token)


def test_a_token_that_is_known_is_refused_when_it_expires(keystone: KeystoneServer, clock: Clock) -> None:
    scheme = Keystone(settings(keystone, keystone_cache_seconds=3600.0), clock=clock)
    token = keystone.token("alice", project_name="service")
    clock.now = time.time() + 100
    assert identity_of(scheme, token) is not None
    clock.now += 3400
    assert scheme.identify(asked(token), may_wait=False) is not None
    clock.now += 150
    with pytest.raises(NotIdentified):
        identity_of(scheme, token)


def test_an_expired_token_is_believed_beside_one_of_a_service_alone(keystone: KeystoneServer, scheme: Keystone) -> None:
    hour_ago = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - 3600))
    expired = keystone.expired_token(keystone.users["alice"], keystone.projects["service"], hour_ago)
    alice = Identity(keystone.users["alice"], keystone.projects["service"], frozenset({"reader"}))
    service, reader = (keystone.token(user, project_name="service") for user in ("nova", "alice"))
    for service_token in ("", reader, expired, "gAAAAAbad"):
        with pytest.raises(NotIdentified):
            identity_of(scheme, expired, service_token)
    assert identity_of(scheme, expired, service) == alice
    with pytest.raises(NotIdentified):  # what was believed then is not believed alone
        identity_of(scheme, expired)


def test_who_asks_keystone_may_be_the_system_or_a_credential(keystone: KeystoneServer, clock: Clock) -> None:
    ullage = keystone.session("ullage", project_name="service")
    credential = ullage.post(
        f"{keystone.url}/users/{keystone.users['ullage']}/application_credentials",
        json={"application_credential": {"name": "ullage"}},
    ).json()["application_credential"]
    token = keystone.token("alice", project_name="service")
    by_credential = {
        "keystone_application_credential_id": credential["id"],
        "keystone_application_credential_secret": credential["secret"],
    }
    for options in (by_credential, {"keystone_user": "admin", "keystone_project": ""}):
        assert identity_of(Keystone(settings(keystone, **options), clock=clock), token) is not None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"keystone_password": "wrong-word"}, "it refuses the service's own credentials"),
        ({"keystone_user": "alice"}, "status 403"),
        ({"keystone_url": f"http://127.0.0.1:{free_port()}/v3"}, "ConnectFailure"),
    ],
)
def test_a_keystone_that_does_not_tell_is_asked_seldom(
    keystone: KeystoneServer, clock: Clock, options: dict[str, str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    scheme = Keystone(settings(keystone, **options), clock=clock)
    token = keystone.token("nova", project_name="service")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(Problem) as refused:
                identity_of(scheme, token)
            assert refused.value.status == 503
            assert ("retry-after", "1") in refused.value.headers
        assert [line for line in caplog.messages if "who asks" in line] == [f"Keystone did not tell who asks: {reason}"]
        assert token not in caplog.text
        assert "wrong-word" not in caplog.text
        clock.now += 5
        with pytest.raises(Problem):
            identity_of(scheme, token)
        assert len([line for line in caplog.messages if "who asks" in line]) == 2


def test_a_keystone_that_hangs_has_a_bounded_time(keystone: KeystoneServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v3"
        scheme = Keystone(settings(keystone, keystone_url=url, keystone_seconds_max=0.2))
        with pytest.raises(Problem):
            identity_of(scheme, "gAAAAAany")


def test_the_environment_says_nothing_about_keystone(
    keystone: KeystoneServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    token = keystone.session("alice", project_name="service")
    token.session.trust_env = False
    scheme = Keystone(settings(keystone), own_session(settings(keystone)), clock)
    assert identity_of(scheme, str(token.get_token())) is not None


def test_tokens_over_http(keystone: KeystoneServer, tmp_path: Path) -> None:
    public = "https://keystone.example.org/v3"
    admin, alice = keystone.token("admin", project_name="admin"), keystone.token("alice", project_name="service")
    lord = keystone.token("alice", domain_id="default")
    server = UllageServer(
        f"sqlite:///{tmp_path}/ullage.db",
        auth="keystone",
        keystone_url=keystone.url,
        keystone_user="ullage",
        keystone_password=PASSWORD,
        keystone_public_url=public,
        log_level="debug",
    )
    with server, httpx.Client(base_url=server.url) as client:

        def status(method: str, path: str, token: str, **more: str) -> int:
            return client.request(method, path, headers={"x-auth-token": token, **more}).status_code

        service = keystone.new("service", name="placement", type="placement")
        keystone.new("endpoint", service_id=service, interface="public", url=server.url)
        found = keystone.session("nova", project_name="service").get(  # with a catalogue that has the endpoint
            "/resource_providers", endpoint_filter={"service_type": "placement", "interface": "public"}
        )
        assert found.json() == {"resource_providers": []}

        refused = client.get("/resource_providers")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, f'Keystone uri="{public}"')
        consumer = "/allocations/9f9c2b9e-55a5-4cb8-9b7a-3d2c2c9b7a10"
        assert status("DELETE", consumer, admin) == 404  # brief: it waits for Keystone in a thread
        assert status("GET", "/resource_providers", admin) == 200
        assert status("GET", "/resource_providers", alice) == 403
        assert status("GET", "/resource_providers", lord) == 403  # its admin is no operator
        assert status("PUT", "/traits/CUSTOM_A", lord, **{"openstack-api-version": "placement 1.39"}) == 403
        assert status("GET", "/resource_providers", "gAAAAAbad") == 401
        assert status("GET", "/resource_providers", admin, **{"x-service-token": alice}) == 401
    assert not [word for word in (admin, alice, PASSWORD) if word in server.finished_log]
