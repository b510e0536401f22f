"""Each limit on the page about limits, at the served port where it can be: what is just within, and what is beyond."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from serving import HEADERS, UllageServer

from api.wires import HEAD, Wire, exchange
from ullage.api.queries import GROUPS_MAX, SUBTREES_MAX, TERMS_MAX
from ullage.api.upload import PARTS_MAX
from ullage.server import HEAD_BYTES_MAX

PAGE = Path(__file__).parents[2] / "docs" / "operating" / "limits.md"
CONNECTIONS_MAX = 16
IDLE_MILLISECONDS = 500
POST = b"POST /resource_classes HTTP/1.1"
NEW = b"OpenStack-API-Version: placement 1.2\r\n"
HERE = "api.test_limits"

SHOWN = {
    "size of a body (`body_bytes_max`)": (f"{HERE}.test_a_body_may_be_so_large", "api.test_upload"),
    "time for a body to arrive (`body_seconds_max`)": (f"{HERE}.test_a_body_may_take_so_long",),
    "parts of a chunked body, and of one from 64 KiB": (
        f"{HERE}.test_a_body_may_come_in_so_many_parts",
        "api.test_upload",
    ),
    "all bodies together, from 64 KiB each (`bodies_bytes_max`)": (f"{HERE}.test_bodies_may_be_so_large_together",),
    "whole requests that wait or run (`requests_max`)": ("api.test_entries.test_rsgi_turns_away_what_is_too_much",),
    "time that a request waits for a thread (`queue_seconds_max`)": (
        "api.test_askers.test_a_request_that_waited_too_long_for_a_thread_is_not_worked_on",
    ),
    "requests a second of one asker (`asker_requests_per_second`), after a burst (`asker_requests_burst`)": (
        "api.test_askers.test_too_many_requests_are_429_with_the_time_to_wait",
        "api.test_askers.test_a_bucket_holds_a_burst_and_fills_at_its_rate",
    ),
    "requests of one asker at a time (`asker_requests_at_once`)": (
        "api.test_askers.test_a_request_that_is_under_way_takes_its_place",
    ),
    "searches of one asker that have begun and made way for others": (
        "api.test_fair_turns.test_slow_searches_of_one_asker_keep_no_other_from_an_answer",
        "operations.test_turns.test_an_askers_slow_searches_are_few_at_a_time_and_leave_room_for_other_askers",
    ),
    "whole requests, where half of them are searches of one asker that wait": (
        "api.test_fair_turns.test_in_a_full_house_the_last_of_who_has_most_waiting_is_refused",
    ),
    "writes that wait for the committer (`queue_max`)": (
        "storage.test_committer.test_a_full_queue_refuses_and_loses_nothing_that_it_took",
        "api.test_writes.test_what_speaks_against_a_write_is_the_reply",
    ),
    "time of a write (`write_deadline_seconds`)": (
        "api.test_writes.test_a_write_that_is_not_decided_in_time_is_told_so_and_its_outcome_may_come_later",
    ),
    "open connections, idle ones too (`connections_max`)": (f"{HERE}.test_so_many_connections_are_accepted",),
    "work of one search (`search_work_max`)": (
        "api.test_costly_searches.test_a_search_that_gives_up_says_what_to_narrow",
    ),
    "candidates of one answer (`candidates_max`)": (
        "api.test_large_answers.test_an_answer_that_a_ceiling_cuts_arrives_whole_and_says_so",
        "api.test_large_answers.test_an_answer_that_a_limit_ends_is_not_cut",
    ),
    "time of a stop (`stop_seconds_max`)": (
        "api.test_server.test_a_stop_lets_requests_under_way_finish",
        "api.test_server.test_a_stop_waits_only_so_long",
    ),
    "path and query": (f"{HERE}.test_a_path_and_query_may_be_so_long",),
    "the whole head of a request": (f"{HERE}.test_a_head_may_be_so_large",),
    "headers": (f"{HERE}.test_so_many_headers_are_taken",),
    "time for a head to arrive, and of an idle connection": (f"{HERE}.test_a_head_may_take_so_long",),
    "a head that is not HTTP/1.0 or 1.1, a length that is no number, two lengths that differ": (
        f"{HERE}.test_other_versions_of_http_are_refused",
        "api.test_server.test_odd_requests_are_answered_sanely",
    ),
    "trailers after a chunked body": (f"{HERE}.test_a_chunked_body_has_no_trailers",),
    "request groups": (f"{HERE}.test_a_question_may_be_so_large",),
    "names, uuids and amounts in all groups": (f"{HERE}.test_a_question_may_be_so_large",),
    "different `same_subtree`": (f"{HERE}.test_a_question_may_be_so_large",),
    "characters of a suffix": (f"{HERE}.test_a_question_may_be_so_large",),
    "time of one statement (PostgreSQL, MariaDB)": (
        "api.test_time_limits.test_reads_and_writes_that_come_to_a_limit_are_asked_to_come_back",
    ),
    "a statement's wait for a lock, of a row or a table": (
        "api.test_time_limits.test_a_row_that_others_hold_is_waited_for_and_the_log_says_so_each_time",
    ),
    "deadlocks of a write": (
        "api.test_time_limits.test_a_deadlock_that_comes_again_and_again_is_told_as_such",
        "storage.test_unit.test_both_sides_of_a_deadlock_succeed_in_the_end",
    ),
    "a transaction that does nothing, since its process is frozen or its host gone": (
        "api.test_time_limits.test_a_transaction_that_does_nothing_is_ended_by_the_database",
    ),
}
"""The first cells of the page's tables, and the tests that show the limit: a test, or a module of them."""


def test_every_limit_on_the_page_is_shown_by_a_test() -> None:
    rows = re.findall(r"^\| (.+?) \| .*\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    headings = [row for row in rows if row in {"what", "of one question", "of the database"}]
    assert len(headings) == 4
    assert sorted(set(rows) - set(headings)) == sorted(SHOWN)
    for name in {name for names in SHOWN.values() for name in names}:
        module, _, test = name.partition(".test_")[2].partition(".")
        found = importlib.import_module(f"{name.partition('.')[0]}.test_{module}")
        assert not test or callable(getattr(found, test)), name


# What a worker takes on


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("limits")


@pytest.fixture(name="server", scope="module")
def _server(folder: Path) -> Iterator[UllageServer]:
    bounds = {"body_bytes_max": 100_000, "bodies_bytes_max": 150_000, "connections_max": CONNECTIONS_MAX}
    with UllageServer(f"sqlite:///{folder}/limits.db", **bounds) as server:
        yield server


def posted(server: UllageServer, size: int) -> tuple[int, bytes]:
    """What is answered to a body of so many bytes, which names a class and is JSON."""
    body = json.dumps({"name": "CUSTOM_A"}).encode()
    return exchange(server.port, b"%s\r\n%s%sContent-Length: %d\r\n\r\n%s" % (POST, HEAD, NEW, size, body.ljust(size)))


def test_a_body_may_be_so_large(server: UllageServer) -> None:
    assert posted(server, 100_000)[0] in {201, 409}
    status, reply = posted(server, 100_001)
    assert status == 413
    assert b"100000 bytes at most" in reply


def test_a_body_may_take_so_long(folder: Path) -> None:
    with UllageServer(f"sqlite:///{folder}/slow.db", body_seconds_max=2) as server, Wire(server.port) as wire:
        wire.request(POST, NEW + b"Content-Length: 20\r\n", b'{"name":')
        assert exchange(server.port, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")[0] == 200
        wire.send(b'"CUSTOM_A"} ')
        assert wire.reply()[0] == 201
        wire.request(POST, NEW + b"Content-Length: 20\r\n", b'{"name":')
        status, reply = wire.reply()
        assert status == 408
        assert b"within 2 s" in reply
        assert wire.is_closed()


def test_a_body_may_come_in_so_many_parts(server: UllageServer) -> None:
    def status(count: int) -> int:
        with Wire(server.port) as wire:
            body = b'{"name":"CUSTOM_A"}'.ljust(count)
            chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
            wire.request(POST, NEW + b"Transfer-Encoding: chunked\r\n", chunks)
            if count <= PARTS_MAX:
                wire.send(b"0\r\n\r\n")
            return wire.reply()[0]  # to one that is refused, although its end is yet to come

    assert status(PARTS_MAX) in {201, 409}
    assert status(PARTS_MAX + 1) == 400


def test_bodies_may_be_so_large_together(server: UllageServer) -> None:
    half = b"{".ljust(70_000)
    with Wire(server.port) as first, Wire(server.port) as second, Wire(server.port) as third:
        for wire in (first, second):
            wire.request(POST, NEW + b"Content-Length: 80000\r\n", half)
            assert exchange(server.port, b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")[0] == 200  # the loop has read it
        third.request(POST, NEW + b"Content-Length: 80000\r\n", half)
        status, reply = third.reply()
        assert status == 503
        assert b"\r\nretry-after: 1\r\n" in third.head.lower()
        assert b"Too many large bodies are arriving" in reply
        first.send(b" " * 10_000)
        assert first.reply()[0] == 400  # it was read whole: it is no JSON


def test_so_many_connections_are_accepted(folder: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(
            UllageServer(f"sqlite:///{folder}/connections.db", connections_max=CONNECTIONS_MAX)
        )
        open_ones = [stack.enter_context(Wire(server.port)) for _ in range(CONNECTIONS_MAX)]
        for wire in open_ones:
            wire.request(b"GET / HTTP/1.1")
            assert wire.reply()[0] == 200
        waiting = stack.enter_context(Wire(server.port))
        waiting.request(b"GET / HTTP/1.1")
        patience = waiting.socket.gettimeout()
        waiting.socket.settimeout(1)
        with pytest.raises(TimeoutError):
            waiting.reply()
        waiting.socket.settimeout(patience)
        open_ones[0].socket.close()
        assert waiting.reply()[0] == 200


# Heads


def test_a_path_and_query_may_be_so_long(server: UllageServer) -> None:
    for size, status, has_body in ((65_534, 200, True), (65_535, 414, False)):
        reply = exchange(server.port, b"GET /?" + b"a" * (size - 2) + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert (reply[0], bool(reply[1])) == (status, has_body)


def test_a_head_may_be_so_large(server: UllageServer) -> None:
    before = b"GET / HTTP/1.1\r\n" + HEAD + b"X: "
    for size, status in ((HEAD_BYTES_MAX, 200), (2 * HEAD_BYTES_MAX + 1, 431)):
        assert exchange(server.port, (before.ljust(size - 5, b"a")) + b"a\r\n\r\n")[0] == status


def test_so_many_headers_are_taken(server: UllageServer) -> None:
    usual = HEAD.count(b"\r\n")
    for count, status in ((100, 200), (101, 431)):
        more = b"".join(b"X-%d: 1\r\n" % number for number in range(count - usual))
        assert exchange(server.port, b"GET / HTTP/1.1\r\n" + HEAD + more + b"\r\n")[0] == status


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3", b"HTTP"])
def test_other_versions_of_http_are_refused(server: UllageServer, version: bytes) -> None:
    assert exchange(server.port, b"GET / " + version + b"\r\n" + HEAD + b"\r\n") == (400, b"")


def test_a_chunked_body_has_no_trailers(server: UllageServer) -> None:
    chunked = POST + b"\r\n" + HEAD + NEW + b'Transfer-Encoding: chunked\r\n\r\n13\r\n{"name":"CUSTOM_B"}\r\n0\r\n'
    assert exchange(server.port, chunked + b"\r\n")[0] == 201
    assert exchange(server.port, chunked.replace(b"CUSTOM_B", b"CUSTOM_C") + b"X: y\r\n\r\n")[0] == 400
    with httpx.Client(base_url=server.url, headers=HEADERS) as client:
        assert client.get("/resource_classes/CUSTOM_C").status_code == 404


IMPATIENT = """
import sys
from ullage import server
server.IDLE_MILLISECONDS_MAX = int(sys.argv.pop(1))
from ullage.cli.main import main
main()
"""


class ImpatientServer(UllageServer):
    """A service whose limit for heads and idle connections, which is no setting, is short."""

    command = (sys.executable, "-c", IMPATIENT, str(IDLE_MILLISECONDS), "serve")


def test_a_head_may_take_so_long(folder: Path) -> None:
    with ImpatientServer(f"sqlite:///{folder}/heads.db") as server:
        with Wire(server.port) as wire:
            wire.send(b"GET / HTTP/1.1\r\n")
            wire.send(HEAD + b"\r\n")
            assert wire.reply()[0] == 200
            assert wire.is_closed()  # it was idle for too long
        with Wire(server.port) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost:")
            assert wire.reply()[0] in {0, 408}


# Questions


def question(**asked: object) -> str:
    return urlencode({"group_policy": "none", "resources": "VCPU:1", **asked}, doseq=True)


QUESTIONS = [
    (question(**{f"resources{n}": "VCPU:1" for n in range(1, GROUPS_MAX)}), 200, ""),
    (question(**{f"resources{n}": "VCPU:1" for n in range(GROUPS_MAX)}), 400, "more than 256 request groups"),
    (question(required="in:" + ",".join(f"T{n}" for n in range(TERMS_MAX - 1))), 400, "No such trait"),
    (question(required="in:" + ",".join(f"T{n}" for n in range(TERMS_MAX))), 400, "more than 4096 names"),
    (
        question(
            **{f"resources{n}": "VCPU:1" for n in range(SUBTREES_MAX + 1)},
            same_subtree=[f"0,{n}" for n in range(1, SUBTREES_MAX + 1)],
        ),
        200,
        "",
    ),
    (
        question(
            **{f"resources{n}": "VCPU:1" for n in range(SUBTREES_MAX + 2)},
            same_subtree=[f"0,{n}" for n in range(1, SUBTREES_MAX + 2)],
        ),
        400,
        "more than 64 different `same_subtree`",
    ),
    (question(**{"resources" + "a" * 64: "VCPU:1"}), 200, ""),
    (question(**{"resources" + "a" * 65: "VCPU:1"}), 400, "does not match any of the regexes"),
]


@pytest.mark.parametrize(("asked", "status", "words"), QUESTIONS)
def test_a_question_may_be_so_large(server: UllageServer, asked: str, status: int, words: str) -> None:
    reply = httpx.get(f"{server.url}/allocation_candidates?{asked}", headers=HEADERS)
    assert reply.status_code == status, reply.text[:500]
    assert words in reply.text
