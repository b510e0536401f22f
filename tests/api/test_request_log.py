"""One line for each request."""

from __future__ import annotations

import logging
import os
import re
import warnings

import pytest

from api.stand import ADMIN, JSON, an_app, ask
from ullage.api import request_log
from ullage.api.http import Request, Response
from ullage.api.request_log import Visit

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
    ask(an_app(), "POST", "/resource_providers", {"x-auth-token": "secret:secret", **JSON}, b"secret")
    assert "secret" not in only(lines)


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


def test_a_long_address_is_cut(lines: pytest.LogCaptureFixture) -> None:
    ask(an_app(), "GET", f"/{'a' * 10_000}?{'b' * 10_000}", ADMIN)
    assert len(only(lines)) < 5_000
