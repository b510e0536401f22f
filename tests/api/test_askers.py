"""How much one asker may ask."""

from __future__ import annotations

import asyncio
import itertools
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from api.stand import ADMIN, JSON, an_app, ask, error, header
from api.test_entries import Asked, Exchange, served
from ullage.api import askers, rsgi
from ullage.api.askers import Allowance, Askers
from ullage.api.http import Call, Request, Response, Route, WouldWait, Write
from ullage.api.problems import Problem
from ullage.api.rsgi import Entry
from ullage.model.commands import Command, ReleaseConsumer, Result
from ullage.model.origin import NOBODY, Origin
from ullage.operations.writing import Outcome
from ullage.settings import Settings

LIST = "placement:resource_providers:list"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def retry_after(entering: Askers, name: str) -> str:
    with pytest.raises(Problem) as refused:
        entering.enter(name)
    assert refused.value.status == 429
    return dict(refused.value.headers)["retry-after"]


# The count


def test_a_bucket_holds_a_burst_and_fills_at_its_rate() -> None:
    clock = Clock()
    some = Askers(Allowance(per_second=0.5, burst=3), clock)
    for _ in range(3):
        assert some.enter("nova")
    assert retry_after(some, "nova") == "2"
    assert some.enter("neutron")
    clock.seconds += 2
    assert some.enter("nova")
    assert retry_after(some, "nova") == "2"
    clock.seconds += 1000
    for _ in range(3):
        some.enter("nova")
    assert retry_after(some, "nova") == "2"


def test_so_many_at_once_and_no_more() -> None:
    some = Askers(Allowance(at_once=2))
    some.enter("nova")
    some.enter("nova")
    assert retry_after(some, "nova") == "1"
    assert some.enter("neutron")
    some.leave("nova")
    assert some.enter("nova")


def test_what_is_begun_again_counts_once() -> None:
    some = Askers(Allowance(per_second=0.001, burst=1))
    some.enter("nova")
    some.leave("nova", is_undone=True)
    assert some.enter("nova")


def test_nobody_is_counted_while_there_is_no_bound() -> None:
    some = Askers(Allowance())
    assert not any(some.enter("nova") for _ in range(1000))
    assert len(some) == 0


def test_so_many_askers_are_kept_and_those_inside_are_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(askers, "ASKERS_MAX", 3)
    some = Askers(Allowance(at_once=1))
    for name in ("a", "b", "c"):
        some.enter(name)
    assert retry_after(some, "d") == "1"
    some.leave("b")
    assert some.enter("d")
    assert len(some) == 3
    assert retry_after(some, "a") == "1"


def test_each_worker_has_its_share() -> None:
    settings = Settings(workers=4, asker_requests_per_second=10.0, asker_requests_burst=2, asker_requests_at_once=6)
    assert Allowance.of(settings) == Allowance(2.5, 1.0, 2)


# The reply


def test_too_many_requests_are_429_with_the_time_to_wait() -> None:
    app = an_app(asker_requests_per_second=0.01, asker_requests_burst=2)
    for _ in range(2):
        assert ask(app, "GET", "/resource_providers", ADMIN).status == 200
    refused = ask(app, "GET", "/resource_providers", ADMIN)
    assert refused.status == 429
    assert 90 < int(header(refused, "retry-after") or 0) <= 100
    assert error(refused)["title"] == "Too Many Requests"
    assert ask(app, "GET", "/resource_providers", {"x-auth-token": "other", "x-roles": "admin"}).status == 200


def test_whoever_does_not_say_who_asks_is_known_by_address() -> None:
    app = an_app(asker_requests_per_second=0.01, asker_requests_burst=2)
    assert [ask(app, "GET", "/").status for _ in range(3)] == [200, 200, 429]
    assert ask(app, "GET", "/resource_providers").status == 429  # credentials cannot be guessed any faster
    assert ask(app, "GET", "/resource_providers", ADMIN).status == 200


def test_every_way_out_makes_room_for_the_next() -> None:
    app = an_app(asker_requests_at_once=1)
    uuid = "4e8e5957-649f-477b-9e5b-f1f75b21c03c"
    for method, target, version, status in (
        ("GET", "/resource_providers", "", 200),
        ("GET", "/nowhere", "", 404),
        ("GET", "/resource_providers", "9.9", 406),
        ("DELETE", f"/resource_providers/{uuid}", "", 404),
        ("PUT", "/traits/CUSTOM_A", "1.39", 500),
        ("POST", "/resource_providers", "", 415),
    ):
        headers = {**ADMIN, **({"content-type": "text/plain"} if status == 415 else {})}
        assert ask(app, method, target, headers, b"{}" if status == 415 else b"", version).status == status
    assert ask(app, "POST", "/resource_providers", {**ADMIN, **JSON}, b"{}").status == 200


def test_a_request_that_is_under_way_takes_its_place() -> None:
    inside, done = threading.Event(), threading.Event()

    def slow(call: Call) -> Response:
        inside.set()
        done.wait(10)
        return Response(200)

    app = an_app([Route("GET", "/resource_providers", slow, LIST)], asker_requests_at_once=1)
    first = threading.Thread(target=ask, args=(app, "GET", "/resource_providers", ADMIN))
    first.start()
    inside.wait(10)
    assert ask(app, "GET", "/resource_providers", ADMIN).status == 429
    done.set()
    first.join()
    assert ask(app, "GET", "/resource_providers", ADMIN).status == 200


def test_what_would_wait_leaves_its_place_until_it_comes_again() -> None:
    def waits(call: Call) -> Response:
        if not call.may_wait:
            raise WouldWait
        return Response(200)

    app = an_app([Route("GET", "/resource_providers", waits, LIST)], asker_requests_at_once=1)
    request = Request("GET", b"/resource_providers", b"", ADMIN)
    with pytest.raises(WouldWait):
        app.begin(request, may_wait=False)
    answer = app.begin(request)
    assert isinstance(answer, Response)
    assert answer.status == 200


def test_a_write_whose_asker_has_gone_leaves_its_place() -> None:
    route = Route("GET", "/resource_providers", lambda call: Write(ReleaseConsumer("c"), _unasked), LIST, is_brief=True)
    app = an_app([route], asker_requests_at_once=1)

    async def gone(command: Command, origin: Origin = NOBODY) -> Outcome:
        raise asyncio.CancelledError

    async def serve() -> list[int]:
        entry = Entry(lambda: app, app.settings)
        entry.__rsgi_init__(asyncio.get_running_loop())
        entry._writes.outcome = gone  # type: ignore[method-assign] # a connection that breaks at this moment
        statuses = []
        for _ in range(2):
            exchange = Exchange()
            with suppress(asyncio.CancelledError):
                await entry.__rsgi__(Asked("GET", "/resource_providers"), exchange)
            statuses.append(exchange.status)
        return statuses

    assert asyncio.run(serve()) == [0, 0]


def _unasked(result: Result) -> Response:
    raise RuntimeError("nobody waits for this reply")


def test_a_request_that_waited_too_long_for_a_thread_is_not_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 20)
    monkeypatch.setattr(rsgi, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    for seconds, status in ((30.0, 200), (10.0, 503)):
        app = an_app(queue_seconds_max=seconds)
        exchange = Exchange()
        served(app, (Asked("GET", "/resource_providers"), exchange))
        assert exchange.status == status
