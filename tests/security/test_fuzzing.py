"""A small sample of the attacks of `make security`, and what the judge of them sees."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import UllageServer

from security import fuzzing, run
from security.judging import Judge
from security.sending import Line, request


@pytest.fixture(name="line", scope="module")
def _line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder: Path = tmp_path_factory.mktemp("security")
    url = f"sqlite:///{folder / 'u.db'}"
    with UllageServer(url, auth="noauth2", log_level="warning") as server, Line(server.port) as line:
        yield line


def test_requests_made_of_the_document_do_no_harm(line: Line) -> None:
    judge = Judge()
    fuzzing.described(line, judge, 350, 1)
    assert judge.total >= 300
    assert judge.failures == []


def test_spoilt_requests_do_no_harm(line: Line) -> None:
    judge = Judge()
    fuzzing.spoilt(line, judge, 500, random.Random(1))
    assert judge.total == 500
    assert judge.failures == []


def test_random_bytes_do_no_harm(line: Line) -> None:
    judge = Judge()
    fuzzing.random_bytes(line, judge, 50, random.Random(1))
    assert judge.failures == []
    assert line.ask(request("GET", "/"))[0] == 200


def test_good_requests_reach_what_they_are_about(line: Line) -> None:
    fuzzing.populate(line)
    statuses = [line.ask(each)[0] for each in fuzzing.good_requests()]
    assert sum(status in (200, 201, 204) for status in statuses) > 15
    assert 0 not in statuses


@pytest.mark.parametrize("leak", ['{"detail": "SELECT * "}', "at /usr/lib/python3/x.py", "Traceback", "psycopg.Error"])
def test_the_judge_sees_what_leaks(leak: str) -> None:
    judge = Judge()
    judge.answer("x", b"GET / HTTP/1.1\r\n\r\n", 400, leak.encode())
    assert judge.failed == 1


def test_the_judge_sees_a_fault_of_ours_but_not_an_echo() -> None:
    judge = Judge()
    judge.answer("x", b"GET /a HTTP/1.1\r\n\r\n", 500, b"")
    judge.answer("x", b"GET /?name=SELECT%20 HTTP/1.1\r\n\r\n", 400, b"no SELECT here")
    assert judge.failed == 1


def test_the_judge_knows_what_was_stored() -> None:
    judge = Judge()
    name = "SELECT \u2603 from x.py"
    judge.answer("x", b"POST / HTTP/1.1\r\n\r\n" + json.dumps({"name": name}).encode(), 200, b"")
    listed = b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps({"names": [name]}).encode()
    judge.answer("x", b"GET / HTTP/1.1\r\n\r\n", 200, listed)
    assert judge.failed == 0
    judge.answer("x", b"GET / HTTP/1.1\r\n\r\n", 400, listed.replace(b"names", b"SELECT 1"))
    assert judge.failed == 1


def test_the_judge_misses_an_answer() -> None:
    judge = Judge()
    judge.whole("x", b"GET / HTTP/1.1\r\n\r\n", 0, b"")
    assert (judge.failed, judge.total) == (1, 1)


@pytest.mark.parametrize(
    ("log", "failed"),
    [
        ("2026-01-31T12:00:00.123Z WARNING ullage.x ERROR is a word\n", 0),
        ("2026-01-31T12:00:00.123Z INFO ullage.x a\n2026-01-31T12:00:00.123Z ERROR _granian a worker is gone\n", 1),
        ("2026-01-31T12:00:00.123Z CRITICAL ullage nobody caught this\n", 1),
        ("  Traceback, newest call last:\n", 1),
    ],
)
def test_the_judge_reads_the_log(log: str, failed: int) -> None:
    judge = Judge()
    run.judge_log(log, judge, "x")
    assert judge.failed == failed


def test_the_last_line_is_for_scripts() -> None:
    judge = Judge({"spoilt": 2, "random": 1})
    expected = "SECURITY requests=3 failures=0 seed=7 seconds=2 databases=sqlite spoilt=2 random=1"
    assert run.told(judge, 7, 1.6, "sqlite") == expected
