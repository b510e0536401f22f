"""Deadlines kept by one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from api.loops import CountingLoop
from ullage.api.deadlines import Deadline, Deadlines


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


def test_what_is_late_is_told_so_and_in_order() -> None:
    async def run() -> tuple[list[int], list[Deadline]]:
        late: list[int] = []
        deadlines = Deadlines(0.02)
        started = [deadlines.start(lambda number=number: late.append(number)) for number in range(3)]  # type: ignore[misc] # it has a default
        await _until(lambda: len(late) == 3)
        return late, started

    late, started = asyncio.run(run())
    assert late == [0, 1, 2]
    assert all(each.is_late and each.is_over for each in started)


def test_what_is_over_is_not_told_so() -> None:
    async def run() -> list[str]:
        late: list[str] = []
        deadlines = Deadlines(0.02)
        first = deadlines.start(lambda: late.append("first"))
        deadlines.start(lambda: late.append("second"))
        first.end()
        await _until(lambda: bool(late))
        assert not first.is_late
        return late

    assert asyncio.run(run()) == ["second"]


def test_one_that_starts_later_has_its_whole_time() -> None:
    async def run() -> list[str]:
        loop = asyncio.get_running_loop()
        late: list[str] = []
        deadlines = Deadlines(0.05)
        deadlines.start(lambda: late.append("first"))
        await asyncio.sleep(0.03)
        began = loop.time()
        deadlines.start(lambda: late.append("second"))
        await _until(lambda: len(late) == 2)
        assert loop.time() - began >= 0.05
        return late

    assert asyncio.run(run()) == ["first", "second"]


def test_many_that_end_in_time_share_a_timer_and_are_forgotten() -> None:
    loop = CountingLoop()
    deadlines = Deadlines(60)

    async def run() -> None:
        for _ in range(1000):
            deadlines.start(lambda: None).end()

    loop.run_until_complete(run())
    loop.close()
    assert loop.timers == 1
    assert len(deadlines._line) == 1
