"""Writes on their way through the event loop: no thread waits for the committer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.client import CONSUMER, UUID, claim_body
from api.loops import CountingLoop
from api.stand import ADMIN, JSON
from api.test_entries import Asked, Exchange
from ullage.api.app import BRIEF_BYTES_MAX, App, Begun
from ullage.api.http import Call, Request, Response, Route, WouldWait, Write
from ullage.api.routes import ROUTES
from ullage.api.rsgi import Entry
from ullage.model.commands import AggregatesNow, Command, InventoriesNow, ReleaseConsumer, Result, TraitsNow
from ullage.model.errors import ConcurrentUpdate, QueueFull
from ullage.model.origin import NOBODY, Origin
from ullage.model.provider import Provider
from ullage.operations.writing import Outcome
from ullage.settings import Settings
from ullage.wiring import build_service

NEWEST = {"openstack-api-version": "placement 1.39"}
CLAIM = claim_body(VCPU=1)
BRIEF_WRITES: dict[tuple[str, str], tuple[object, Result, int]] = {
    ("PUT", "/allocations/{consumer_uuid}"): (CLAIM, None, 204),
    ("POST", "/allocations"): ({CONSUMER: CLAIM}, None, 204),
    ("DELETE", "/allocations/{consumer_uuid}"): (None, None, 204),
    ("POST", "/resource_providers"): ({"name": "a"}, Provider(UUID, "a", 0, None, UUID), 200),
    ("PUT", "/resource_providers/{uuid}/inventories"): (
        {"resource_provider_generation": 0, "inventories": {}},
        InventoriesNow(1, {}),
        200,
    ),
    ("PUT", "/resource_providers/{uuid}/traits"): (
        {"resource_provider_generation": 0, "traits": []},
        TraitsNow(1, ()),
        200,
    ),
    ("PUT", "/resource_providers/{uuid}/aggregates"): (
        {"resource_provider_generation": 0, "aggregates": []},
        AggregatesNow(1, ()),
        200,
    ),
}
"""A body, what its command may answer, and the status of the reply."""

BRIEF = Route("PUT", "/usages", lambda call: _write(call), "placement:usages", is_brief=True)
LONG = Route("POST", "/usages", lambda call: _write(call), "placement:usages", trouble="Unable to do it")


def _write(call: Call) -> Write:
    began = threading.current_thread()

    def reply(result: object) -> Response:
        names = [began.name, threading.current_thread().name]
        return Response(200, json.dumps([result, *names]).encode(), "application/json")

    return Write(ReleaseConsumer(UUID), reply)


class Committer:
    """Takes commands, and tells what becomes of them when it is asked to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Command, Callable[[Outcome], object]]] = []
        self.is_full = False

    def submit(self, command: Command, tell: Callable[[Outcome], object], origin: Origin = NOBODY) -> None:
        if self.is_full:
            raise QueueFull
        self.waiting.append((command, tell))

    def tell(self, outcome: Outcome) -> None:
        told, self.waiting = self.waiting, []
        thread = threading.Thread(target=lambda: [tell(outcome) for _, tell in told], name="committer")
        thread.start()
        thread.join()


class Stand:
    """An entry in a loop of its own, before a committer that waits to be told."""

    def __init__(self, *routes: Route, **options: Any) -> None:
        settings = Settings(database="sqlite:///nothing-is-read.db", auth="noauth2", **options)
        self.committer = Committer()
        service = replace(build_service(settings), committer=self.committer)  # type: ignore[arg-type] # it has what is used
        self.app = App(service, settings, routes or (BRIEF, LONG))
        self.entry = Entry(lambda: self.app, settings)
        self.loop = CountingLoop()

    def run(self, scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Play a scene; nothing may go wrong in the loop unnoticed."""
        faults: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda loop, context: faults.append(context))
        self.entry.__rsgi_init__(self.loop)
        try:
            self.loop.run_until_complete(asyncio.wait_for(scene(), 30))
        finally:
            self.loop.close()
        assert not faults

    def ask(self, method: str, body: bytes = b"", path: str = "/usages") -> tuple[asyncio.Task[None], Exchange]:
        length = (("content-length", str(len(body))), ("content-type", "application/json")) if body else ()
        exchange = Exchange(body)
        asked = Asked(method, path, *length)
        return self.loop.create_task(self.entry.__rsgi__(asked, exchange)), exchange

    async def until_waiting(self, count: int) -> None:
        while len(self.committer.waiting) < count:
            await asyncio.sleep(0.001)


def test_a_brief_write_needs_no_thread_even_while_it_waits() -> None:
    may_end = threading.Event()

    def slow(call: Call) -> Response:
        may_end.wait(30)
        return Response(200)

    stand = Stand(BRIEF, Route("GET", "/usages", slow, "placement:usages"), threads=1)

    async def scene() -> None:
        busy, _ = stand.ask("GET")
        writes = [stand.ask("PUT") for _ in range(64)]
        await stand.until_waiting(64)
        stand.committer.tell(7)  # type: ignore[arg-type] # replies show it
        for task, exchange in writes:
            await task
            assert exchange.seen == [7, "MainThread", "MainThread"]
        assert not busy.done()
        may_end.set()
        await busy

    stand.run(scene)


@pytest.mark.parametrize(("method", "size"), [("POST", 0), ("PUT", BRIEF_BYTES_MAX + 1)])
def test_a_write_that_takes_longer_is_begun_and_ended_in_a_thread_that_does_not_wait(method: str, size: int) -> None:
    stand = Stand(threads=1)

    async def scene() -> None:
        writes = [stand.ask(method, b"x" * size) for _ in range(5)]
        await stand.until_waiting(5)
        stand.committer.tell(None)
        for task, exchange in writes:
            await task
            assert exchange.seen == [None, "request-0", "request-0"]

    stand.run(scene)


def test_outcomes_that_come_together_wake_the_loop_once() -> None:
    stand = Stand()

    async def scene() -> None:
        writes = [stand.ask("PUT") for _ in range(64)]
        await stand.until_waiting(64)
        stand.loop.wakes = 0
        stand.committer.tell(None)
        await asyncio.gather(*(task for task, _ in writes))
        assert stand.loop.wakes == 1

    stand.run(scene)


def test_writes_that_are_answered_in_time_share_a_timer() -> None:
    stand = Stand()

    async def scene() -> None:
        for _ in range(20):
            before = stand.loop.timers
            task, _ = stand.ask("PUT")
            await asyncio.sleep(0)
            stand.committer.tell(None)
            await task
        assert stand.loop.timers == before
        assert len(stand.entry._writes._deadlines._line) == 1

    stand.run(scene)


def test_a_write_that_is_not_decided_in_time_is_told_so_and_its_outcome_may_come_later() -> None:
    stand = Stand(write_deadline_seconds=0.1)

    async def scene() -> None:
        task, exchange = stand.ask("PUT")
        await task
        assert exchange.status == 503
        stand.committer.tell(None)
        await asyncio.sleep(0.01)
        assert exchange.status == 503

    stand.run(scene)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_what_speaks_against_a_write_is_the_reply(method: str) -> None:
    stand = Stand()

    async def scene() -> None:
        statuses = []
        for outcome in (ConcurrentUpdate(), ValueError("secret")):
            task, exchange = stand.ask(method)
            await stand.until_waiting(1)
            stand.committer.tell(outcome)
            await task
            statuses.append(exchange.status)
            assert b"secret" not in (exchange.body or b"")
        assert statuses == [409, 500]
        stand.committer.is_full = True
        task, exchange = stand.ask(method)
        await task
        assert (exchange.status, exchange.headers["retry-after"]) == (503, "1")

    stand.run(scene)


def test_brief_routes_ask_neither_the_database_nor_the_mirror() -> None:
    settings = Settings(database="sqlite:///nothing-is-read.db", auth="noauth2")
    service = replace(build_service(settings), store=None, mirror=None)  # type: ignore[arg-type] # that is the test
    app = App(service, settings, ROUTES)
    brief = {(route.method, route.path) for route in ROUTES if route.is_brief}
    assert brief == set(BRIEF_WRITES)
    for (method, path), (body, result, status) in BRIEF_WRITES.items():
        path = path.replace("{consumer_uuid}", CONSUMER).replace("{uuid}", UUID)
        sent = b"" if body is None else json.dumps(body).encode()
        request = Request(method, path.encode(), b"", {**ADMIN, **JSON, **NEWEST}, sent)
        assert app.is_brief(request)
        begun = app.begin(request, may_wait=False)
        assert isinstance(begun, Begun), begun
        assert app.end(begun, result).status == status


@pytest.mark.parametrize("path", [f"/resource_providers/{UUID}/inventories", f"/resource_providers/{UUID}/aggregates"])
def test_a_brief_write_that_has_to_look_something_up_is_handled_in_a_thread(tmp_path: Path, path: str) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path}/ledger.db", auth="noauth2")
    service = build_service(settings)
    service.store.upgrade()
    app = App(service, settings, ROUTES)
    malformed = Request("PUT", path.encode(), b"", {**ADMIN, **JSON, **NEWEST}, b"{}")
    with pytest.raises(WouldWait):
        app.begin(malformed, may_wait=False)
    entry = Entry(lambda: app, settings)

    async def scene() -> None:
        entry.__rsgi_init__(asyncio.get_running_loop())
        exchange = Exchange(b"{}")
        headers = [*JSON.items(), *NEWEST.items(), ("content-length", "2")]
        await entry.__rsgi__(Asked("PUT", path, *headers), exchange)
        assert exchange.status == 404  # that there is no such provider is said before what is wrong with the body

    asyncio.run(scene())
    service.store.close()
