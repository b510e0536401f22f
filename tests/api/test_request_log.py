"""One line for each request."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable

import planted
import pytest

from api.stand import ADMIN, JSON, an_app, ask
from ullage.api import request_log
from ullage.api.app import Waiting
from ullage.api.http import Call, Identity, Request, Response, Route, Write
from ullage.api.request_log import Visit
from ullage.model.commands import EnsureTrait
from ullage.model.errors import BadInput, ConcurrentUpdate, NotPermitted, ProviderMissing, QueueFull
from ullage.model.refusal import Refusal

OUTER = "req-11111111-2222-3333-4444-555555555555"


@pytest.fixture(name="lines")
def _lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    caplog.set_level(logging.INFO, "ullage.request")
    return caplog


def only(lines: pytest.LogCaptureFixture) -> str:
    (record,) = lines.records
    assert record.levelname == "INFO"
    return record.getMessage()


def test_a_line_tells_who_what_and_how_it_went(lines: pytest.LogCaptureFixture) -> None:
    response = ask(an_app(), "GET", "/resource_providers?name=a%20b", ADMIN, version="1.7")
    assert re.fullmatch(
        r"\[req-[0-9a-f-]{36}\] 127\.0\.0\.1 \"GET /resource_providers\?name=a%20b\" status: 200 "
        rf"len: {len(response.body)} microversion: 1\.7 time: 0\.\d{{6}}",
        only(lines),
    )


def test_a_line_of_what_was_refused_tells_who_asked(lines: pytest.LogCaptureFixture) -> None:
    token = {"x-auth-token": "alice\u00e9 b:blue", **planted.HEADERS}
    response = ask(an_app(), "POST", "/resource_providers", token | JSON, b"{}", version="1.7")
    assert response.status == 403
    request_id = dict(response.headers)["x-openstack-request-id"]
    line = only(lines)
    assert line.startswith(f'[{request_id}] 127.0.0.1 "POST /resource_providers" status: 403 ')
    assert re.search(r" time: 0\.\d{6} user: alice\\xe9\\x20b project: blue$", line)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (BadInput("no"), 400),
        (NotPermitted("a"), 403),
        (ProviderMissing("a"), 404),
        (ConcurrentUpdate(), 409),
        (QueueFull(), 503),
    ],
)
@pytest.mark.parametrize("is_late", [True, False])
def test_every_refused_write_is_told_with_who_and_the_id_of_the_answer(
    lines: pytest.LogCaptureFixture, refusal: Refusal, status: int, is_late: bool
) -> None:
    def refuse(*_: object) -> Response:
        raise refusal

    def handler(call: Call) -> Response | Write:
        return Write(EnsureTrait("CUSTOM_A"), refuse) if is_late else refuse()

    app = an_app([Route("PUT", "/traits/{name}", handler, "placement:traits:update")])
    request = Request("PUT", b"/traits/CUSTOM_A", b"", {**ADMIN}, remote_address="192.0.2.7")
    begun = app.begin(request)
    assert not isinstance(begun, Waiting)
    response = begun if isinstance(begun, Response) else app.end(begun, refusal)
    assert response.status == status
    line = lines.records[-1].getMessage()
    assert line.startswith(f'[{dict(response.headers)["x-openstack-request-id"]}] 192.0.2.7 "PUT /traits/CUSTOM_A" ')
    assert f" status: {status} " in line
    assert line.endswith(" user: admin project: admin")


def test_a_line_tells_of_nobody_if_nobody_is_known(lines: pytest.LogCaptureFixture) -> None:
    ask(an_app(), "POST", "/resource_providers")
    assert only(lines).endswith(" user: - project: -")


@pytest.mark.parametrize("name", ['alice" status: 200', "a" * 10_000])
def test_no_name_of_an_asker_can_forge_or_fill_a_line(lines: pytest.LogCaptureFixture, name: str) -> None:
    identity = Identity(name, name, frozenset())
    request_log.finish(Visit(identity=identity), Request("PUT", b"/", b"", {}), Response(409))
    line = only(lines)
    assert line.count('"') == 2
    assert line.count(" status: ") == 1
    assert len(line) < 1_000


def test_a_line_tells_of_no_version_if_there_was_none(lines: pytest.LogCaptureFixture) -> None:
    ask(an_app(), "GET", "/resource_providers")
    assert "status: 401 " in only(lines)
    assert "microversion: - " in only(lines)


@pytest.mark.parametrize("name", ["x-openstack-request-id", "x-openstack-global-request-id"])
def test_a_line_begins_with_the_id_of_the_whole_chain(lines: pytest.LogCaptureFixture, name: str) -> None:
    ask(an_app(), "GET", "/", {name: OUTER})
    assert only(lines).startswith(f"[{OUTER} req-")


@pytest.mark.parametrize("given", ["req-forged] 10.0.0.1", f"{OUTER}] forged", "forged"])
def test_an_id_that_is_none_is_left_out(lines: pytest.LogCaptureFixture, given: str) -> None:
    ask(an_app(), "GET", "/", {"x-openstack-request-id": given})
    assert "forged" not in only(lines)


def test_nothing_that_was_sent_can_forge_a_line_or_a_field(lines: pytest.LogCaptureFixture) -> None:
    app = an_app()
    app.handle(Request('GE"T\n', b'/a" status: 200\r\n\x1b[31m\xc3\xa9', b"x\x00\\", ADMIN, b"", "1.2.3.4\nx"))
    line = only(lines)
    assert line.isascii()
    assert line.isprintable()
    assert line.count('"') == 2


def test_tokens_and_bodies_stay_out_of_it(lines: pytest.LogCaptureFixture) -> None:
    ask(an_app(), "POST", "/resource_providers", {**ADMIN, "authorization": "secret", **JSON}, b"secret")
    ask(an_app(), "POST", "/traits", {**ADMIN, "authorization": "secret", **JSON}, b"secret")
    assert len(lines.records) == 2
    assert "secret" not in lines.text


def test_no_two_requests_share_an_id_not_even_in_two_processes() -> None:
    def ids() -> list[str]:
        return [Visit().request_id for _ in range(100)]

    before = ids()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads; the child asks nothing of them
        child = os.fork()
    if child == 0:
        os.write(writing, "\n".join(ids()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_the_child = os.read(reading, 100_000).decode().split("\n")
    every = [*before, *of_the_child, *ids()]
    assert len(set(every)) == 300
    assert all(re.fullmatch(r"req-[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}", each) for each in every)


def test_a_line_costs_nothing_when_it_is_not_wanted(lines: pytest.LogCaptureFixture) -> None:
    class Unread(bytes):
        def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
            raise AssertionError("the line was made")

    lines.set_level(logging.WARNING, "ullage.request")
    visit = Visit()
    request_log.finish(visit, Request("GET", Unread(b"/"), Unread(b"a"), {}), Response(200))
    assert not lines.records


@pytest.mark.parametrize("character", ["a", "\u00e9"])
@pytest.mark.parametrize(
    "tell",
    [
        lambda visit, request: request_log.finish(visit, request, Response(400)),
        lambda visit, request: request_log.trouble(visit, request, "why"),
        request_log.bug,
    ],
)
def test_no_line_is_longer_than_so_much_whatever_was_sent(
    lines: pytest.LogCaptureFixture, tell: Callable[[Visit, Request], None], character: str
) -> None:
    long = 100_000 * character
    names = ("x-openstack-request-id", "x-openstack-global-request-id", "user-agent", "accept", "host", "content-type")
    request = Request(long, long.encode(), long.encode(), dict.fromkeys(names, long), long.encode(), "127.0.0.1")
    tell(Visit(identity=Identity(long, long, frozenset({long}))), request)
    (record,) = lines.records
    assert len(record.getMessage()) < 20_000


def test_a_long_address_is_cut(lines: pytest.LogCaptureFixture) -> None:
    ask(an_app(), "GET", f"/{'a' * 10_000}?{'b' * 10_000}", ADMIN)
    assert len(only(lines)) < 5_000
