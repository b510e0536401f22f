"""Turns at what mostly computes: threads that do so at once take the interpreter from each other again and again.

Sixteen clients that search had 349 answers a second from a worker on SQLite without turns and 913 with them, on MariaDB
318 and 623; one client alone has as many either way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS_MAX = 0.02
"""How long one may keep another waiting."""

COURTESY_SECONDS = 0.004
"""For how long after it began a turn has the interpreter to itself, as far as others stand aside."""


class Turns:
    """Lets one thread in at a time; but a slow one holds nobody up: behind it the next ones go in after a moment."""

    def __init__(self, seconds_max: float = SECONDS_MAX, courtesy_seconds: float = COURTESY_SECONDS) -> None:
        self._seconds_max = seconds_max
        self._courtesy_seconds = courtesy_seconds
        self._inside = threading.Lock()
        self._count = 0
        """How many turns were taken: while it stays the same, so does the one inside."""
        self._began = 0.0
        self._lasting = threading.Lock()
        """Held as long as the latest turn lasts. Each has its own: who waits for it competes with none of the next."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and give it back in the end."""
        if self._is_let_in():
            lasting = self._lasting
            try:
                yield
            finally:
                self._inside.release()
                lasting.release()
        else:
            yield

    def stand_aside(self) -> None:
        """Wait until the one inside is out, as quick ones soon are; for a slow one no longer than it was quick."""
        lasting = self._lasting
        if lasting.locked():
            left = self._began + self._courtesy_seconds - time.monotonic()
            if left > 0 and lasting.acquire(timeout=left):
                lasting.release()

    def _is_let_in(self) -> bool:
        """Whether the turn is ours alone; no, if the one inside has been there all the time that we waited."""
        while True:
            count = self._count
            if self._inside.acquire(timeout=self._seconds_max):
                self._count += 1
                self._began = time.monotonic()
                lasting = threading.Lock()
                lasting.acquire()
                self._lasting = lasting
                return True
            if self._count == count:
                return False
