"""Deadlines of things that may all last equally long, kept by one timer.

A timer for each of them would cost more than most of the things do, and they hardly ever are late.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable


class Deadline:
    """When one thing is over at the latest; `end` says that it is over."""

    __slots__ = ("_expire", "is_late", "is_over", "when")

    def __init__(self, when: float, expire: Callable[[], object]) -> None:
        self._expire = expire
        self.when = when
        self.is_over = False
        self.is_late = False

    def end(self) -> None:
        """It is over, and was in time unless `is_late`."""
        self.is_over = True
        self._expire = _nothing  # may hold much alive, while a deadline stays in its line

    def pass_by(self) -> None:
        """Its time is up."""
        self.is_late = True
        self._expire()
        self.end()


class Deadlines:
    """The deadlines of an event loop, each as many seconds after its start; to be used in that loop alone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._line: deque[Deadline] = deque()  # in the order of their starts is in the order of their ends
        self._is_armed = False

    def start(self, expire: Callable[[], object]) -> Deadline:
        """Have `expire` called in time, unless the deadline is ended before."""
        line = self._line
        while line and line[0].is_over:
            line.popleft()
        deadline = Deadline(time.monotonic() + self._seconds, expire)
        line.append(deadline)
        if not self._is_armed:
            self._arm(deadline)
        return deadline

    def _arm(self, next_one: Deadline) -> None:
        self._is_armed = True
        asyncio.get_running_loop().call_later(next_one.when - time.monotonic(), self._look)

    def _look(self) -> None:
        self._is_armed = False
        line = self._line
        while line and (line[0].is_over or line[0].when <= time.monotonic()):
            deadline = line.popleft()
            if not deadline.is_over:
                deadline.pass_by()
        if line:
            self._arm(line[0])


def _nothing() -> None:
    pass
