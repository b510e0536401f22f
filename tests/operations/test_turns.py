"""Turns at searching: one at a time, but nobody is held up by a slow one."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from ullage.operations.turns import Turns


def going_in(turns: Turns, inside: threading.Event, leave: threading.Event) -> Future[None]:
    """Somebody who takes a turn, says so, and stays until told to leave."""

    def stay() -> None:
        with turns.taken():
            inside.set()
            leave.wait(60)

    return ThreadPoolExecutor(1).submit(stay)


def test_one_waits_for_the_other() -> None:
    turns = Turns(seconds_max=60)
    first, second, leave = threading.Event(), threading.Event(), threading.Event()
    ahead = going_in(turns, first, leave)
    assert first.wait(60)
    behind = going_in(turns, second, leave)
    assert not second.wait(0.2)
    leave.set()
    assert second.wait(60)
    ahead.result(60)
    behind.result(60)


def test_a_slow_one_holds_nobody_up() -> None:
    turns = Turns(seconds_max=0.01)
    first, second, leave = threading.Event(), threading.Event(), threading.Event()
    ahead = going_in(turns, first, leave)
    assert first.wait(60)
    behind = going_in(turns, second, leave)
    assert second.wait(60)
    leave.set()
    ahead.result(60)
    behind.result(60)


def test_a_turn_that_fails_is_given_back() -> None:
    turns = Turns(seconds_max=60)
    with pytest.raises(ValueError, match="failed"), turns.taken():
        raise ValueError("failed")
    with turns.taken():
        pass


def test_who_stands_aside_waits_for_a_quick_one() -> None:
    turns = Turns(courtesy_seconds=60)
    inside, leave = threading.Event(), threading.Event()
    ahead = going_in(turns, inside, leave)
    assert inside.wait(60)
    aside = ThreadPoolExecutor(1).submit(turns.stand_aside)
    with pytest.raises(TimeoutError):
        aside.result(0.2)
    leave.set()
    aside.result(60)
    ahead.result(60)
    with turns.taken():
        pass


def test_nobody_stands_aside_for_a_slow_one_or_for_nobody() -> None:
    turns = Turns(courtesy_seconds=0)
    inside, leave = threading.Event(), threading.Event()
    ahead = going_in(turns, inside, leave)
    assert inside.wait(60)
    turns.stand_aside()
    leave.set()
    ahead.result(60)
    Turns(courtesy_seconds=60).stand_aside()
