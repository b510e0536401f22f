"""The application for Granian's RSGI: one event loop that reads requests, and threads that work on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable
from urllib.parse import quote

from ullage.api import uris
from ullage.api.app import App, Begun, Waiting
from ullage.api.http import Request, Response, WouldWait
from ullage.api.problems import Problem
from ullage.api.replacement import Place
from ullage.api.streaming import Stream, Streams
from ullage.api.threads import Mail, Threads
from ullage.api.upload import Limits, Upload, Uploads
from ullage.api.writes import Writes
from ullage.settings import Settings

T = TypeVar("T")
Rest = Begun | Stream | None
"""What is left to do of a request: to wait for its command, or for the reader of its answer."""

_PATH_SAFE = "/!$&'()*+,;=:@~"


class Headers(Protocol):
    """Those of a request; names in lower case."""

    def __len__(self) -> int:
        """The number of names."""

    def keys(self) -> list[str]:
        """The names."""

    def items(self) -> list[tuple[str, str]]:
        """Names and values, a name as often as it was sent; values that are not ASCII are left out."""


class Scope(Protocol):
    """A request without its body. `path` is percent-decoded, `client` and `server` are address:port."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def authority(self) -> str | None: ...
    @property
    def client(self) -> str: ...
    @property
    def server(self) -> str: ...
    @property
    def scheme(self) -> str: ...


@runtime_checkable
class Exchange(Upload, Protocol):
    """The body of a request, and the way to answer it; answering works from any thread."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole reply."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send a reply that has no body, not even one of length 0."""

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        """Send what a file of a name holds, no faster than the client reads."""


class Entry:
    """What Granian calls in a worker process; it builds its own application there."""

    def __init__(
        self,
        build: Callable[[], App],
        settings: Settings,
        at_the_end: Callable[[], None] = lambda: None,
        place: Place | None = None,
    ) -> None:
        """`place`: this worker's among those that are replaced; None: it never is."""
        self._build = build
        self._at_the_end = at_the_end
        self._place = place
        self._settings = settings
        self._waiting = 0
        self._streams = Streams()
        self._uploads = Uploads(Limits(settings.body_bytes_max, settings.body_seconds_max, settings.bodies_bytes_max))

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called once, before the first request."""
        self._app = self._build()
        self._turns = self._app.service.searching
        mail = Mail(loop)
        self._threads = Threads(loop, self._settings.threads, mail)
        if self._place is not None:
            self._place.arrive(loop)
        self._writes = Writes(self._app.service, mail, self._settings.write_deadline_seconds)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called once, after the last request, unless the process is killed."""
        self._at_the_end()

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Called for each request."""
        request = _request(scope, self._settings.mount)
        try:
            request.body = await self._uploads.read(exchange, request.headers)
        except Problem as problem:
            _send(self._app.refuse(problem, request), exchange)
            return
        try:
            # With the house full, the last search of whoever has most of them waiting is refused in place of this.
            limit = self._settings.requests_max
            if self._waiting >= limit and not self._turns.drop(limit // 2):
                _send(self._app.refuse(_too_many(), request), exchange)
                return
            self._waiting += 1
            try:
                await self._answer(request, exchange)
            finally:
                self._waiting -= 1
        finally:
            self._uploads.release(request.body)

    async def _answer(self, request: Request, exchange: Exchange) -> None:
        """Have a request worked on, where that is best, and replied to from there: a thread that sends the reply by
        itself spares the asker the way back through the loop."""
        arrived = time.monotonic()
        run = _run_here if self._app.is_brief(request) else self._threads.run
        try:
            if run is _run_here:
                rest = self._sent(self._app.begin(request, may_wait=False), request, exchange)
            else:
                rest = await self._threads.ask(lambda tell: self._begin(request, exchange, arrived, tell))
        except WouldWait:
            rest = await self._threads.ask(lambda tell: self._begin(request, exchange, arrived, tell))
        if isinstance(rest, Begun):
            begun = rest
            try:
                outcome = await self._writes.outcome(begun.write.command, begun.call.origin)
            except BaseException:
                self._app.abandon(begun)
                raise
            rest = await run(lambda: self._sent(self._app.end(begun, outcome), request, exchange))
        if isinstance(rest, Stream):
            asker = rest.asker
            await rest.flow(lambda task: self._in_turn(asker, task) if asker else self._threads.run(task))

    def _begin(self, request: Request, exchange: Exchange, arrived: float, tell: Callable[[Rest], None]) -> None:
        """Work on a request, unless it has waited so long for a thread that nobody may wait for it any more."""
        if self._is_too_late(arrived):
            tell(self._sent(self._app.refuse(_too_many(), request), request, exchange))
            return
        answer = self._app.begin(request)
        if not isinstance(answer, Waiting):
            tell(self._sent(answer, request, exchange))
            return
        waiting = answer

        def refuse() -> None:
            tell(self._sent(self._app.put_off(waiting, _too_many()), request, exchange))

        def work() -> None:
            rest = None
            try:
                too_late = self._is_too_late(arrived)
                turn = self._app.put_off(waiting, _too_many()) if too_late else self._app.take_turn(waiting)
                rest = self._sent(turn, request, exchange, waiting.asker)
            finally:
                tell(rest)

        self._turns.run(waiting.asker, work, self._threads.soon, refuse)

    def _is_too_late(self, arrived: float) -> bool:
        return time.monotonic() - arrived > self._settings.queue_seconds_max

    def _in_turn(self, asker: str, task: Callable[[], None]) -> asyncio.Future[None]:
        """Have a part of a large answer made when its asker's turn comes."""

        def ask(tell: Callable[[None], None]) -> None:
            def work() -> None:
                try:
                    task()
                finally:
                    tell(None)

            self._turns.run(asker, work, self._threads.soon)

        return self._threads.ask(ask)

    def _sent(self, answer: Response | Begun | Waiting, request: Request, exchange: Exchange, asker: str = "") -> Rest:
        """Send a reply; gives back what is none yet, and what is to flow after its beginning."""
        if isinstance(answer, Begun):
            return answer
        if isinstance(answer, Waiting):
            raise TypeError("a brief route may not wait for a turn")
        if self._place is not None and self._place.is_leaving():
            answer.headers.append(("connection", "close"))
        if answer.chunks is not None:
            status, headers = answer.status, _all_headers(answer)
            stream = self._streams.open(answer.chunks, lambda file: exchange.response_file(status, headers, file))
            if stream is not None:
                stream.asker = asker
                return stream
            answer = self._app.refuse(_too_many(), request)
        _send(answer, exchange)
        return None


async def _run_here(task: Callable[[], T]) -> T | None:
    return task()


def _too_many() -> Problem:
    return Problem(503, "Too many requests are waiting. Try again later.", headers=(("retry-after", "1"),))


def _request(scope: Scope, mount: str) -> Request:
    headers, repeated = _headers(scope.headers)
    path = uris.below_mount(scope.path, mount)
    if not path.isascii() or "%" in path:
        path = quote(path, safe=_PATH_SAFE)
    return Request(
        method=scope.method,
        raw_path=path.encode(),
        raw_query=scope.query_string.encode(),
        headers=headers,
        remote_address=scope.client.rpartition(":")[0].strip("[]"),
        base_url=uris.base_url(scope.scheme, headers.get("host") or scope.authority, scope.server, mount),
        mount=mount,
        repeated=repeated,
    )


def _headers(given: Headers) -> tuple[dict[str, str], frozenset[str]]:
    """The headers, and the names of those that came more than once."""
    headers: dict[str, str] = {}
    repeated: frozenset[str] = frozenset()
    for name, value in given.items():
        if name in headers:
            repeated |= {name}
            value = f"{headers[name]},{value}"
        headers[name] = value
    if len(headers) != len(given):
        for name in given.keys():  # noqa: SIM118 # it has no __iter__ by protocol
            headers.setdefault(name, uris.UNREADABLE)
    return headers, repeated


def _all_headers(response: Response) -> list[tuple[str, str]]:
    if response.content_type is None:
        return response.headers
    return [*response.headers, ("content-type", response.content_type)]


def _send(response: Response, exchange: Exchange) -> None:
    headers = _all_headers(response)
    if response.status == 204:
        exchange.response_empty(204, headers)
    else:
        exchange.response_bytes(response.status, headers, response.body)
