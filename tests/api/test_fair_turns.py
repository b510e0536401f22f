"""An asker's searches, however slow and however many, keep no thread while they wait and nobody else from an answer."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from api.stand import ROUTES, an_app
from api.test_entries import Asked, Exchange, GivenHeaders
from ullage.api.app import App
from ullage.api.http import Call, InTurn, Response, Route
from ullage.api.rsgi import Entry
from ullage.api.threads import Threads

RULE = "placement:allocation_candidates:list"


def hostile() -> Asked:
    """A search of mallory's."""
    asked = Asked("GET", "/allocation_candidates")
    asked.headers = GivenHeaders(("x-auth-token", "mallory"), ("x-roles", "admin"))
    return asked


class Searching:
    """A route of searches: those of mallory take until they are told to end, and make way meanwhile."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.begun = 0

    def find(self, call: Call) -> InTurn:
        return InTurn(lambda: self._slow(call) if call.identity.user == "mallory" else Response(200, b"{}"))

    def _slow(self, call: Call) -> Response:
        self.begun += 1
        while not self.may_end.is_set():
            call.service.searching.make_way()
        return Response(200, b"slow")


class Hall:
    """An entry with requests of mallory on their way."""

    def __init__(self, app: App) -> None:
        self.entry = Entry(lambda: app, app.settings)
        self.entry.__rsgi_init__(asyncio.get_running_loop())
        self.hostile: list[Exchange] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def fill(self, count: int) -> None:
        """So many hostile searches, each of which has its turn or waits for it."""
        self.hostile += [Exchange() for _ in range(count)]
        for exchange in self.hostile[-count:]:
            self._tasks.append(asyncio.ensure_future(self.entry.__rsgi__(hostile(), exchange)))
        await self._until(lambda: len(self.entry._turns) == len(self.hostile))

    async def ask(self, path: str) -> Exchange:
        """An honest request, which is answered while theirs are not."""
        exchange = Exchange()
        await asyncio.wait_for(self.entry.__rsgi__(Asked("GET", path), exchange), 60)
        return exchange

    async def until_empty(self) -> None:
        """A turn is given back just after its answer was sent."""
        await self._until(lambda: len(self.entry._turns) == 0)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_so():
                await asyncio.sleep(0)

    async def end(self) -> list[int]:
        """What the hostile ones are answered in the end; nothing is left of them."""
        await asyncio.gather(*self._tasks)
        assert self.entry._waiting == 0
        await self.until_empty()
        return [exchange.status for exchange in self.hostile]


@pytest.fixture
def searching() -> Iterator[Searching]:
    made = Searching()
    yield made
    made.may_end.set()


def an_app_that_searches(searching: Searching, **options: int) -> App:
    return an_app([*ROUTES, Route("GET", "/allocation_candidates", searching.find, RULE)], **options)


@pytest.mark.parametrize("threads", [4, 16])
def test_slow_searches_of_one_asker_keep_no_other_from_an_answer(searching: Searching, threads: int) -> None:
    async def serve() -> list[int]:
        hall = Hall(an_app_that_searches(searching, threads=threads))
        await hall.fill(3 * threads)
        for _ in range(3):
            assert (await hall.ask("/allocation_candidates")).status == 200
            assert (await hall.ask("/resource_providers")).status == 200
        assert searching.begun <= threads // 4
        searching.may_end.set()
        return await hall.end()

    assert asyncio.run(serve()) == [200] * 3 * threads
    assert searching.begun == 3 * threads


def test_where_nobody_else_asks_nothing_is_refused(searching: Searching) -> None:
    searching.may_end.set()

    async def serve() -> list[int]:
        hall = Hall(an_app_that_searches(searching, threads=4))
        hall.hostile = [Exchange() for _ in range(64)]
        await asyncio.gather(*(hall.entry.__rsgi__(hostile(), exchange) for exchange in hall.hostile))
        return await hall.end()

    assert asyncio.run(serve()) == [200] * 64


def test_in_a_full_house_the_last_of_who_has_most_waiting_is_refused(searching: Searching) -> None:
    async def serve() -> list[int]:
        hall = Hall(an_app_that_searches(searching, threads=4, requests_max=8))
        await hall.fill(8)
        assert (await hall.ask("/allocation_candidates")).status == 200
        refused = hall.hostile[-1]
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert json.loads(refused.body or b"")["errors"][0]["status"] == 503
        searching.may_end.set()
        return await hall.end()

    assert asyncio.run(serve()) == [200] * 7 + [503]


def test_who_waited_too_long_for_a_turn_is_refused_and_not_worked_on(
    searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve() -> list[int]:
        hall = Hall(an_app_that_searches(searching, threads=4))
        await hall.fill(3)
        monkeypatch.setattr(hall.entry, "_is_too_late", lambda arrived: True)
        searching.may_end.set()
        return await hall.end()

    assert asyncio.run(serve()) == [200, 503, 503]
    assert searching.begun == 1


def test_who_has_gone_leaves_nothing_behind(searching: Searching) -> None:
    async def serve() -> None:
        hall = Hall(an_app_that_searches(searching, threads=4, asker_requests_at_once=8))
        await hall.fill(5)
        for task in hall._tasks:
            task.cancel()
        await asyncio.gather(*hall._tasks, return_exceptions=True)
        assert hall.entry._waiting == 0
        searching.may_end.set()
        await hall.until_empty()
        assert (await hall.ask("/allocation_candidates")).status == 200
        hall.hostile, hall._tasks = [], []
        again = [Exchange() for _ in range(8)]  # as many as there may be at once: all have left
        await asyncio.gather(*(hall.entry.__rsgi__(hostile(), exchange) for exchange in again))
        assert {exchange.status for exchange in again} == {200}

    asyncio.run(serve())


def test_a_search_with_a_mistake_costs_itself_alone(searching: Searching) -> None:
    def wrong(_: Call) -> InTurn:
        def work() -> Response:
            raise LookupError("a mistake")

        return InTurn(work)

    async def serve() -> None:
        app = an_app([Route("GET", "/allocation_candidates", wrong, RULE)], threads=1)
        hall = Hall(app)
        for _ in range(2):
            assert (await hall.ask("/allocation_candidates")).status == 500
        await hall.end()

    asyncio.run(serve())


def test_the_parts_of_a_large_answer_are_made_in_turn() -> None:
    made_in: list[str] = []

    def find(call: Call) -> InTurn:
        turns = call.service.searching

        def chunks() -> Iterator[bytes]:
            for _ in range(12):
                inside = turns._inside
                made_in.append(inside.asker if inside is not None else "nobody's")
                yield b"x" * 256 * 1024

        return InTurn(lambda: Response(200, content_type="text/plain", chunks=chunks()))

    class Reader(Exchange):
        def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
            self.status = status
            # opened before this returns, for the file is gone soon after
            self.reading = threading.Thread(target=self._read, args=(os.open(file, os.O_RDONLY),))
            self.reading.start()

        def _read(self, descriptor: int) -> None:
            with open(descriptor, "rb") as source:
                self.body = source.read()

    async def serve() -> Reader:
        app = an_app([Route("GET", "/allocation_candidates", find, RULE)])
        entry = Entry(lambda: app, app.settings)
        entry.__rsgi_init__(asyncio.get_running_loop())
        reader = Reader()
        await entry.__rsgi__(Asked("GET", "/allocation_candidates"), reader)
        return reader

    reader = asyncio.run(serve())
    reader.reading.join(60)
    assert (reader.status, len(reader.body or b"")) == (200, 12 * 256 * 1024)
    assert made_in == ["admin"] * 12


def test_what_is_wanted_soon_goes_first_and_holds_up_nothing_else() -> None:
    async def serve() -> list[str]:
        loop = asyncio.get_running_loop()
        threads = Threads(loop, 2)
        gates = {name: threading.Event() for name in ("one", "other", "soon")}
        done: list[str] = []

        def waiting(name: str) -> None:
            gates[name].wait(60)
            done.append(name)

        def soon() -> None:
            waiting("soon")
            loop.call_soon_threadsafe(over.set_result, None)

        over = loop.create_future()
        busy = [threads.run(partial(waiting, name)) for name in ("one", "other")]
        usual = threads.run(lambda: done.append("usual"))
        threads.soon(soon)
        gates["one"].set()
        await busy[0]
        gates["other"].set()
        await asyncio.wait_for(usual, 60)
        gates["soon"].set()
        await over
        return done

    assert asyncio.run(serve()) == ["one", "other", "usual", "soon"]
