"""A database host that falls silent: nobody waits for it for good, and work goes on once it is back."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator

import pytest
from relay import Relay
from sqlalchemy import make_url, select

from api.client import UUID, Client
from api.stand import header
from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.storage import dialects, mariadb, patience
from ullage.storage.tables import horizon
from ullage.storage.unit import Store
from ullage.wiring import build_service

EVERY = [
    ("GET", f"/resource_providers/{UUID}", None),
    ("GET", "/allocation_candidates?resources=VCPU:1", None),
    ("PUT", f"/resource_providers/{UUID}", {"name": "other"}),
]
SERVERS = pytest.mark.databases("postgresql", "mariadb")


@pytest.fixture(name="relayed")
def _relayed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Relay, Client]]:
    """An App that reaches its database through a relay, and is patient for a second."""
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    monkeypatch.setattr(patience, "ANSWER_SECONDS_MAX", 1)
    for module in (dialects, mariadb):
        monkeypatch.setattr(module, "CONNECT_SECONDS_MAX", 2)
    url = make_url(database_url)
    with contextlib.ExitStack() as stack:
        relay = stack.enter_context(Relay(url.port or 0))
        settings = Settings(database=url.set(port=relay.port).render_as_string(hide_password=False), auth="noauth2")
        service = build_service(settings)
        stack.callback(service.store.close)
        stack.callback(service.committer.stop)
        client = Client(App(service, settings, ROUTES))
        client.provider(UUID, VCPU=8)
        yield relay, client


@SERVERS
@pytest.mark.parametrize(("method", "target", "body"), EVERY)
def test_whoever_asks_a_silent_database_is_asked_to_come_back(
    relayed: tuple[Relay, Client],
    caplog: pytest.LogCaptureFixture,
    method: str,
    target: str,
    body: object,
) -> None:
    relay, client = relayed
    client.get("/allocation_candidates?resources=VCPU:1")
    relay.stall()
    for _ in range(2):  # on a connection that was open, and on a new one
        caplog.clear()
        reply = client.ask(method, target, body)
        assert reply.status == 503, reply.body
        assert header(reply, "retry-after") == "1"
        assert any("not served: Cannot use the" in line for line in caplog.messages)
    relay.resume()
    for each in EVERY:
        assert client.ask(*each).status == 200


@SERVERS
def test_a_host_that_says_nothing_is_asked_for_a_sign_of_life(store: Store) -> None:
    with store.looking() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        file = driver._sock.fileno() if store.dialect.name == "mariadb" else driver.fileno()
        with socket.socket(fileno=os.dup(file)) as found:
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert [found.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [5, 5, 2, 10_000]


@SERVERS
def test_an_upgrade_may_wait_longer_for_an_answer(
    store: Store, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS_MAX", 0.3)
    slow = {"postgresql": "SELECT pg_sleep(1)", "mariadb": "SELECT SLEEP(1)"}[database_name]
    with store.upgrading() as connection:
        connection.exec_driver_sql(slow)
    with store.writing() as connection:
        assert connection.execute(select(horizon.c.epoch)).scalar_one() >= 0
