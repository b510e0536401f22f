"""Requests as WSGI and RSGI servers hand them over, and replies as they take them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from threading import Barrier, Event
from typing import Any

import pytest

from api.stand import ROUTES, an_app
from ullage.api.app import App
from ullage.api.http import Call, Response, Route
from ullage.api.rsgi import Entry
from ullage.api.wsgi import wsgi_application

LOCATED = Route("POST", "/resource_classes", lambda call: _located(call), "placement:resource_classes:create")


def _located(call: Call) -> Response:
    headers = [("location", f"{call.request.base_url}/here"), ("link", f"{call.request.mount}/there")]
    return Response(201, headers=headers)


def _gone(call: Call) -> Response:
    return Response(204)


GONE = Route("PUT", "/resource_classes/{name}", _gone, "placement:resource_classes:update")


@pytest.fixture(name="app", scope="module")
def _app() -> App:
    return an_app([*ROUTES, LOCATED, GONE], body_bytes_max=1000)


class Reply:
    """What a WSGI server would send."""

    def __init__(self, app: App, method: str, path: str, body: bytes = b"", **environ: Any) -> None:
        given = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "served",
            "SERVER_PORT": "80",
            "wsgi.input": io.BytesIO(body),
            "HTTP_X_AUTH_TOKEN": "admin",
            "CONTENT_LENGTH": str(len(body)) if body else "",
            **environ,
        }
        self.body = b"".join(wsgi_application(app)(given, self._start))

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.headers = dict(headers)

    @property
    def seen(self) -> Any:
        return json.loads(self.body)


def test_wsgi_gives_path_query_headers_and_body(app: App) -> None:
    reply = Reply(
        app,
        "POST",
        "/resource_providers",
        b"hello",
        QUERY_STRING="a=%e2%98%83",
        CONTENT_TYPE="application/json",
        HTTP_OPENSTACK_API_VERSION="placement 1.7",
    )
    assert reply.status == "200 OK"
    assert (reply.seen["query"], reply.seen["body"], reply.seen["version"]) == ({"a": ["☃"]}, "hello", "1.7")
    assert reply.headers["content-length"] == str(len(reply.body))


@pytest.mark.parametrize(
    ("path", "name"),
    [("/resource_providers/\xe2\x98\x83", "☃"), ("/resource_providers/a%b?", "a%b?"), ("/resource_providers/☃", "☃")],
)
def test_wsgi_gives_a_decoded_path_however_the_server_wrote_it(app: App, path: str, name: str) -> None:
    assert Reply(app, "GET", path).seen["parameters"] == {"uuid": name}


def test_wsgi_gives_bytes_that_are_no_text_as_they_are(app: App) -> None:
    assert Reply(app, "DELETE", "/resource_providers/\xff").status == "404 Not Found"


def test_wsgi_mounts_it_under_a_path(app: App) -> None:
    reply = Reply(app, "POST", "/resource_classes", SCRIPT_NAME="/placement", HTTP_HOST="example.org:8778")
    assert reply.status == "201 Created"
    assert reply.headers["location"] == "http://example.org:8778/placement/here"
    assert reply.headers["link"] == "/placement/there"
    assert reply.headers["content-length"] == "0"
    assert Reply(app, "GET", "", SCRIPT_NAME="/placement").status == "200 OK"


def test_wsgi_repeats_no_host_that_can_be_none(app: App) -> None:
    reply = Reply(app, "POST", "/resource_classes", HTTP_HOST="evil/<x>")
    assert reply.headers["location"] == "http://served:80/here"


def test_wsgi_takes_a_reply_without_a_body_without_a_length(app: App) -> None:
    reply = Reply(app, "PUT", "/resource_classes/A")
    assert (reply.status, reply.body) == ("204 No Content", b"")
    assert not {"content-length", "content-type"} & set(reply.headers)


def test_wsgi_refuses_a_body_that_is_too_large(app: App) -> None:
    length = Reply(app, "POST", "/resource_providers", b"x" * 1001, CONTENT_TYPE="application/json")
    chunked = Reply(
        app,
        "POST",
        "/resource_providers",
        b"x" * 1001,
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="",
        **{"wsgi.input_terminated": True},
    )
    for reply in (length, chunked):
        assert reply.status == "413 Request Entity Too Large"
        assert "1000 bytes" in reply.seen["errors"][0]["detail"]


def test_wsgi_reads_a_chunked_body_to_its_end_and_another_no_further_than_promised(app: App) -> None:
    chunked = Reply(
        app,
        "POST",
        "/resource_providers",
        b"hello",
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="",
        **{"wsgi.input_terminated": True},
    )
    assert chunked.seen["body"] == "hello"
    promised = Reply(app, "POST", "/resource_providers", b"hello", CONTENT_TYPE="application/json", CONTENT_LENGTH="2")
    assert promised.seen["body"] == "he"


def test_wsgi_leaves_a_length_that_is_none_to_the_app(app: App) -> None:
    reply = Reply(app, "POST", "/resource_providers", CONTENT_LENGTH="hi mom", CONTENT_TYPE="application/json")
    assert reply.status == "400 Bad Request"


def test_wsgi_sends_no_body_to_head(app: App) -> None:
    reply = Reply(app, "HEAD", "/")
    assert (reply.status, reply.body) == ("405 Method Not Allowed", b"")


class GivenHeaders:
    """Headers as Granian gives them: those that are not ASCII have a name and no value."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self._headers = headers

    def __len__(self) -> int:
        return len({name for name, _ in self._headers})

    def keys(self) -> list[str]:
        return list({name: None for name, _ in self._headers})

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._headers if value.isascii()]


class Asked:
    """A request as Granian gives it."""

    def __init__(self, method: str, path: str, *headers: tuple[str, str], query: str = "") -> None:
        self.method = method
        self.path = path
        self.query_string = query
        self.headers = GivenHeaders(("x-auth-token", "admin"), *headers)
        self.authority: str | None = None
        self.client = "[::1]:1234"
        self.server = "127.0.0.1:8778"
        self.scheme = "http"


class Exchange:
    """The other side of a request: gives its body, takes the reply."""

    def __init__(self, body: bytes = b"") -> None:
        self._body = body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: bytes | None = None

    async def __call__(self) -> bytes:
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        yield b""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        raise AssertionError("none of these replies is large")

    @property
    def seen(self) -> Any:
        return json.loads(self.body or b"")


def served(app: App, *asked: tuple[Asked, Exchange]) -> None:
    """Have requests answered at the same time by one entry."""

    async def serve() -> None:
        entry = Entry(lambda: app, app.settings)
        entry.__rsgi_init__(asyncio.get_running_loop())
        await asyncio.gather(*(entry.__rsgi__(scope, exchange) for scope, exchange in asked))

    asyncio.run(serve())


def rsgi(app: App, scope: Asked, body: bytes = b"") -> Exchange:
    exchange = Exchange(body)
    served(app, (scope, exchange))
    return exchange


def test_rsgi_gives_path_query_headers_and_body(app: App) -> None:
    headers = (
        ("content-type", "application/json"),
        ("content-length", "5"),
        ("openstack-api-version", "placement 1.7"),
    )
    reply = rsgi(app, Asked("POST", "/resource_providers", *headers, query="a=%e2%98%83"), b"hello")
    assert reply.status == 200
    assert (reply.seen["query"], reply.seen["body"], reply.seen["version"]) == ({"a": ["☃"]}, "hello", "1.7")
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["☃", "a%b?", "%2F", "a b"])
def test_rsgi_gives_a_decoded_path(app: App, name: str) -> None:
    assert rsgi(app, Asked("GET", f"/resource_providers/{name}")).seen["parameters"] == {"uuid": name}


def test_rsgi_joins_headers_of_one_name(app: App) -> None:
    version = ("openstack-api-version", "placement 1.7"), ("openstack-api-version", "compute 2.1")
    assert rsgi(app, Asked("GET", "/resource_providers", *version)).seen["version"] == "1.7"


def test_rsgi_does_not_drop_a_header_that_is_no_text(app: App) -> None:
    assert rsgi(app, Asked("GET", "/", ("openstack-api-version", "placement é"))).status == 400


def test_rsgi_mounts_it_under_a_path() -> None:
    app = an_app([*ROUTES, LOCATED], mount="/placement")
    reply = rsgi(app, Asked("POST", "/placement/resource_classes", ("host", "example.org")))
    assert reply.headers["location"] == "http://example.org/placement/here"
    assert reply.headers["link"] == "/placement/there"
    assert rsgi(app, Asked("GET", "/placement")).status == 200
    assert rsgi(app, Asked("GET", "/resource_providers")).status == 200


def test_rsgi_takes_the_authority_where_there_is_no_host(app: App) -> None:
    asked = Asked("POST", "/resource_classes")
    assert rsgi(app, asked).headers["location"] == "http://127.0.0.1:8778/here"
    asked.authority = "example.org:1"
    assert rsgi(app, asked).headers["location"] == "http://example.org:1/here"


def test_rsgi_takes_a_reply_without_a_body(app: App) -> None:
    reply = rsgi(app, Asked("PUT", "/resource_classes/A"))
    assert (reply.status, reply.body) == (204, None)


def test_rsgi_refuses_a_body_that_is_too_large(app: App) -> None:
    assert rsgi(app, Asked("POST", "/resource_providers", ("content-length", "1001")), b"x" * 1001).status == 413


def test_rsgi_turns_away_what_is_too_much() -> None:
    begun, may_end = Event(), Event()

    def slow(call: Call) -> Response:
        begun.set()
        may_end.wait(10)
        return Response(200)

    app = an_app([Route("GET", "/usages", slow, "placement:usages")], threads=1, requests_max=2)

    async def serve() -> list[Exchange]:
        entry = Entry(lambda: app, app.settings)
        entry.__rsgi_init__(asyncio.get_running_loop())
        exchanges = [Exchange() for _ in range(4)]
        tasks = [asyncio.ensure_future(entry.__rsgi__(Asked("GET", "/usages"), each)) for each in exchanges]
        await asyncio.gather(*tasks[2:])
        may_end.set()
        await asyncio.gather(*tasks)
        after = Exchange()
        await entry.__rsgi__(Asked("GET", "/usages"), after)
        return [*exchanges, after]

    replies = asyncio.run(serve())
    assert [reply.status for reply in replies] == [200, 200, 503, 503, 200]
    assert replies[2].headers["retry-after"] == "1"


def test_rsgi_lets_as_many_requests_wait_for_something_at_once_as_it_has_threads() -> None:
    everybody = Barrier(64, timeout=30)

    def waiting(call: Call) -> Response:
        everybody.wait()
        return Response(200)

    app = an_app([Route("GET", "/usages", waiting, "placement:usages")], threads=64, requests_max=64)
    pairs = [(Asked("GET", "/usages"), Exchange()) for _ in range(64)]
    served(app, *pairs)
    assert {exchange.status for _, exchange in pairs} == {200}
