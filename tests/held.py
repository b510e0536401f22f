"""Holding a committer in the middle of a transaction, to let things happen meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from statements import before_each

from ullage.storage.unit import Store

SECONDS_MAX = 60


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread brings about."""
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen")
        time.sleep(0.002)


class Hold:
    """Stops the first thread that comes to a certain statement, until it is released."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning
        self._reached = threading.Event()
        self._released = threading.Event()

    def step(self, statement: str) -> None:
        if statement.startswith(self._beginning) and not self._reached.is_set():
            self._reached.set()
            if not self._released.wait(SECONDS_MAX):
                raise AssertionError("never released")

    def wait(self) -> None:
        """Until somebody is stopped."""
        if not self._reached.wait(SECONDS_MAX):
            raise AssertionError(f"nobody came to {self._beginning!r}")

    def release(self) -> None:
        """Let it go on."""
        self._released.set()


@contextmanager
def held(store: Store, beginning: str) -> Iterator[Hold]:
    """A Hold on the statements of a store; released in the end."""
    hold = Hold(beginning)
    with before_each(store, hold.step):
        try:
            yield hold
        finally:
            hold.release()
