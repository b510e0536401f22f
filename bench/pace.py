"""How long everything may take."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for the things a row consists of, and how many questions are asked at most."""

    total: float
    question: float
    """For questions to Ullage, and again for its floor."""
    reference_question: float
    """For questions to the reference: no further one is begun after that."""
    given: float
    """For one answer of the reference; after that it has not finished."""
    load: int
    """For each load by many clients, on each side."""
    reference_searches: int
    """The same, where the reference has to search: its first answers take long."""
    warm_up: int
    pgbench: int
    samples_max: int
    reference_samples_max: int


FULL = Pace(3_500, 6.0, 20.0, 60.0, 10, 30, 2, 30, 300, 30)
QUICK = Pace(285, 1.0, 3.0, 5.0, 2, 4, 1, 3, 60, 5)


class Overdue(Exception):
    """Something took longer than it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not within {seconds:g} s")
        self.seconds = seconds


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise Overdue in the main thread, whatever it waits for, when the block takes longer. Blocks may be nested."""

    def ring(_: int, __: FrameType | None) -> None:
        raise Overdue(seconds)

    began = time.monotonic()
    outer = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer)
        if left:  # what the enclosing block still has
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001))
