"""Turns at searching: one at a time, the askers by the time they have had, and nobody is held up by another's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from ullage.operations.turns import SLICE_SECONDS, Turns

WAIT = 60
SLICE = 1.001 * SLICE_SECONDS
COURTESY = 60.0


class Search:
    """One that says when it begins or goes on, and does what it is told, step by step."""

    def __init__(self, stage: Stage, asker: str) -> None:
        self.asker = asker
        self.is_refused = False
        self._stage = stage
        self._orders: SimpleQueue[str] = SimpleQueue()

    def work(self) -> None:
        self._stage.inside.put(self)
        while (order := self._orders.get(timeout=WAIT)) != "end":
            if order == "fail":
                raise ValueError("failed")
            self._stage.turns.make_way()
            self._stage.inside.put(self)

    def refuse(self) -> None:
        self.is_refused = True

    def runs(self, seconds: float) -> None:
        """So much time passes; then it would make way."""
        self._stage.now += seconds
        self._orders.put("make way")

    def ends(self, seconds: float = 0.0, how: str = "end") -> None:
        """So much time passes; then it is over."""
        self._stage.now += seconds
        self._orders.put(how)


class Stage:
    """Turns with a clock that moves as it is told, and a thread for each search that needs one."""

    def __init__(self, begun_max: int = 8) -> None:
        self.now = 0.0
        self.turns = Turns(begun_max, lambda: self.now, COURTESY)
        self.inside: SimpleQueue[Search] = SimpleQueue()
        self.threads: list[threading.Thread] = []

    def first(self, asker: str) -> Search:
        """A search that begins at once, for nobody is there."""
        search = Search(self, asker)
        self.launch(lambda: self.turns.run(asker, search.work, self.launch, search.refuse))
        assert self.next() is search
        return search

    def more(self, askers: str) -> list[Search]:
        """Searches of these askers that have to wait; no thread waits with them."""
        found = [Search(self, asker) for asker in askers]
        for search in found:
            self.turns.run(search.asker, search.work, self.launch, search.refuse)
        return found

    def next(self) -> Search:
        """Who begins, or goes on."""
        return self.inside.get(timeout=WAIT)

    def launch(self, task: Callable[[], None]) -> None:
        self.threads.append(threading.Thread(target=task, daemon=True))
        self.threads[-1].start()

    def ended(self, count: int, seconds: float = 0.0) -> str:
        """Let so many run so long and end; their askers in the order in which they had their turns."""
        order = ""
        for _ in range(count):
            search = self.next()
            order += search.asker
            search.ends(seconds)
        return order

    def is_over(self) -> bool:
        """Whether nothing is left of all that was asked."""
        for thread in self.threads:
            thread.join(WAIT)
        return len(self.turns) == 0 and not self.turns._askers and self.turns._begun == 0


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_one_asker_is_served_in_order_and_by_one_thread(stage: Stage) -> None:
    stage.first("a").ends()
    waiting = [stage.first("a"), *stage.more("aaa")]
    waiting[0].ends()
    for each in waiting[1:]:
        assert stage.next() is each
        assert stage.inside.empty()
        each.ends()
    assert stage.is_over()
    assert len(stage.threads) == 2


def test_a_quick_search_is_not_interrupted_by_others_of_its_asker(stage: Stage) -> None:
    first = stage.first("a")
    stage.more("a")
    first.runs(0.9 * SLICE_SECONDS)
    assert stage.next() is first
    first.ends()
    assert stage.ended(1) == "a"
    assert stage.is_over()


def test_who_has_had_less_goes_first_at_once_and_then_the_slow_one_goes_on(stage: Stage) -> None:
    hostile = stage.first("b")
    stage.more("b" * 15)
    hostile.runs(0.001)  # its own have to wait for more than that
    assert stage.next() is hostile
    (honest,) = stage.more("a")
    hostile.runs(0.001)
    assert stage.next() is honest
    honest.ends()
    assert stage.next() is hostile
    hostile.ends()
    assert stage.ended(15) == "b" * 15
    assert stage.is_over()


def test_askers_go_by_the_time_they_have_had_however_many_searches_each_has(stage: Stage) -> None:
    first = stage.first("b")
    stage.more("bbbbbb" + "aaa" + "c")
    first.ends(1)
    assert stage.ended(10, 1) == "acbababbbb"
    assert stage.is_over()


def test_to_have_been_away_earns_nothing(stage: Stage) -> None:
    old = stage.first("a")
    stage.more("aaaa")
    old.ends(100)
    late = stage.next()
    stage.more("bbbb")
    late.ends(1)
    assert stage.ended(7, 1) == "bababab"
    assert stage.is_over()


def test_slow_searches_of_two_askers_change_places_after_slices_and_not_at_every_step(stage: Stage) -> None:
    inside = stage.first("a")
    stage.more("b")
    order = ""
    for _ in range(60):
        order += inside.asker
        inside.runs(SLICE / 4)
        inside = stage.next()
    assert 24 <= order.count("a") <= 36
    assert order.count("ab") + order.count("ba") <= 16
    inside.ends()
    stage.next().ends()
    assert stage.is_over()


def test_quick_and_slow_searches_of_one_asker_have_half_the_time_each(stage: Stage) -> None:
    slow = stage.first("a")
    stage.more("a" * 40)
    had = {True: 0.0, False: 0.0}
    inside = slow
    for _ in range(30):
        had[inside is slow] += SLICE / 4
        if inside is slow:
            slow.runs(SLICE / 4)
        else:
            inside.ends(SLICE / 4)
        inside = stage.next()
    assert 0.7 < had[True] / had[False] < 1.5
    while len(stage.turns) > 1:
        inside.ends()
        inside = stage.next()
    inside.ends()
    assert stage.is_over()


def test_an_askers_slow_searches_are_few_at_a_time_and_leave_room_for_other_askers(stage: Stage) -> None:
    began = {stage.first("b")}
    stage.more("b" * 30)
    inside = next(iter(began))
    for _ in range(100):
        inside.runs(SLICE)
        inside = stage.next()
        began.add(inside)
    assert len(began) == 4
    for asker in "cdefgh":
        (other,) = stage.more(asker)
        inside.runs(SLICE)
        assert stage.next() is other
        inside = other
    assert len(stage.threads) == 4 + 6
    while len(stage.turns) > 1:
        inside.ends()
        inside = stage.next()
    inside.ends()
    assert stage.is_over()


def test_with_one_place_nobody_makes_way() -> None:
    stage = Stage(begun_max=1)
    slow = stage.first("b")
    stage.more("a")
    slow.runs(SLICE)
    assert stage.next() is slow
    slow.ends()
    assert stage.ended(1) == "a"
    assert stage.is_over()


def test_a_turn_that_fails_is_given_back(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    failing = stage.first("a")
    stage.more("a")
    failing.ends(how="fail")
    assert stage.ended(1) == "a"
    assert stage.is_over()
    assert "a turn failed" in caplog.text
    with pytest.raises(ValueError, match="failed"), stage.turns.taken("a"):
        raise ValueError("failed")
    assert stage.is_over()


def test_the_last_search_of_who_has_most_waiting_is_refused(stage: Stage) -> None:
    first = stage.first("b")
    waiting = stage.more("bab")
    assert not stage.turns.drop(at_least=3)
    assert stage.turns.drop(at_least=2)
    assert [each.is_refused for each in waiting] == [False, False, True]
    assert not stage.turns.drop(at_least=2)
    assert stage.turns.drop(at_least=1)
    assert stage.turns.drop(at_least=1)
    assert [each.is_refused for each in (first, *waiting)] == [False, True, True, True]
    assert not stage.turns.drop(at_least=1)
    first.ends()
    assert stage.is_over()


def test_a_thread_may_wait_for_its_turn_itself(stage: Stage) -> None:
    first = stage.first("b")
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with stage.turns.taken("a"):
            inside.set()
            leave.wait(WAIT)

    stage.launch(stay)
    while len(stage.turns) < 2:  # the other thread is on its way
        pass
    first.runs(0.001)
    assert inside.wait(WAIT)
    assert stage.inside.empty()
    leave.set()
    assert stage.next() is first
    first.ends()
    assert stage.is_over()


def test_who_has_no_turn_has_none_to_give_up(stage: Stage) -> None:
    first = stage.first("b")
    stage.more("a")
    stage.turns.make_way()
    assert stage.inside.empty()
    first.ends()
    assert stage.ended(1) == "a"
    assert stage.is_over()


def test_who_stands_aside_waits_for_a_quick_one(stage: Stage) -> None:
    first = stage.first("a")
    aside = ThreadPoolExecutor(1).submit(stage.turns.stand_aside)
    with pytest.raises(TimeoutError):
        aside.result(0.2)
    first.ends()
    aside.result(WAIT)
    assert stage.is_over()


def test_nobody_stands_aside_for_a_slow_one_or_for_one_that_made_way_or_for_nobody(stage: Stage) -> None:
    stage.turns.stand_aside()
    first = stage.first("a")
    stage.now += COURTESY
    stage.turns.stand_aside()
    stage.more("b")
    first.runs(0)
    other = stage.next()
    assert other is not first
    other.ends()
    assert stage.next() is first
    stage.turns.stand_aside()
    first.ends()
    assert stage.is_over()


def test_the_rest_of_an_answer_comes_before_other_searches_of_its_asker(stage: Stage) -> None:
    first = stage.first("a")
    waiting = stage.more("aa")
    rest = Search(stage, "a")
    stage.turns.run("a", rest.work, stage.launch)
    first.ends()
    for each in (rest, *waiting):
        assert stage.next() is each
        each.ends()
    assert stage.is_over()
