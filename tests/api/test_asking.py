"""A service that is slow or gone holds few threads, and not for long."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ullage.api.auth.asking import Asking, Unanswered
from ullage.api.problems import Problem

WAIT_SECONDS = 20


class Clock:
    """Time that passes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Peer:
    """A question that can be held up."""

    def __init__(self) -> None:
        self.asked = 0
        self.began = threading.Event()
        self.may_end = threading.Event()

    def question(self) -> int:
        self.asked += 1
        self.began.set()
        if not self.may_end.wait(WAIT_SECONDS):
            raise TimeoutError
        return self.asked


def unanswered() -> int:
    raise Unanswered("status 500")


def wait_until_full(asking: Asking[int]) -> None:
    """Wait until all who may wait do."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            asking.ask(b"another", lambda: 0)
        except Problem:
            return
        time.sleep(0.01)
    raise TimeoutError


def test_one_question_is_asked_once_however_many_want_to_know() -> None:
    asking: Asking[int] = Asking("the peer", waiting_max=4, pause_seconds=5)
    peer = Peer()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(asking.ask, b"key", peer.question)
        assert peer.began.wait(WAIT_SECONDS)
        assert asking.is_under_way(b"key")
        others = [threads.submit(asking.ask, b"key", peer.question) for _ in range(3)]
        wait_until_full(asking)
        peer.may_end.set()
        assert [each.result() for each in (first, *others)] == [1] * 4
    assert not asking.is_under_way(b"key")
    assert asking.ask(b"key", peer.question) == 2


def test_too_many_who_wait_are_turned_away() -> None:
    asking: Asking[int] = Asking("the peer", waiting_max=1, pause_seconds=5)
    peer = Peer()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(asking.ask, b"a", peer.question)
        assert peer.began.wait(WAIT_SECONDS)
        with pytest.raises(Problem) as refused:
            asking.ask(b"b", peer.question)
        assert refused.value.status == 503
        assert ("retry-after", "1") in refused.value.headers
        peer.may_end.set()
        assert first.result() == 1
    assert asking.ask(b"b", peer.question) == 2


def test_nobody_asks_for_a_while_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    asking: Asking[int] = Asking("the peer", waiting_max=1, pause_seconds=5, clock=clock)
    peer = Peer()
    peer.may_end.set()
    with caplog.at_level(logging.WARNING), pytest.raises(Problem) as refused:
        asking.ask(b"a", unanswered)
    assert "the peer does not answer" in refused.value.message
    assert caplog.messages == ["the peer did not tell who asks: status 500"]
    clock.now = 4.9
    with pytest.raises(Problem):
        asking.ask(b"b", peer.question)
    assert peer.asked == 0
    clock.now = 5.0
    assert asking.ask(b"b", peer.question) == 1
