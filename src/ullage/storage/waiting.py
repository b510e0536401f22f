"""Commands that wait for the committer: a bounded line in order of arrival, and what goes into one batch."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ullage.ledger.decide import needs as needs_of
from ullage.model.commands import Command, Result
from ullage.model.errors import DeadlineExceeded, QueueFull
from ullage.model.origin import NOBODY, Origin
from ullage.storage.rebirth import Vacated

COMPANY_SHARE = 1.0
"""The part of the time the latest batch took for which the next one may wait for company."""
COMPANY_SECONDS_MAX = 0.010

STANDS_ASIDE_FROM = 4
"""So many commands take long enough to be felt by others; fewer wait for nobody."""

Outcome = Result | Exception
"""What became of a command: its result, its refusal, or an error that is a bug."""


class Closed(Exception):
    """The line takes nothing more."""


class Waiter:
    """One command, and the thread that waits for its outcome until a deadline."""

    __slots__ = ("_done", "_seconds", "command", "deadline", "is_answered", "needs", "origin", "outcome")

    def __init__(self, command: Command, seconds: float, origin: Origin = NOBODY) -> None:
        self.command = command
        self.origin = origin
        self.needs = needs_of(command)
        self.deadline = time.monotonic() + seconds
        self.outcome: Outcome = None
        self.is_answered = False
        self._seconds = seconds
        self._done = threading.Lock()  # held until answered; cheaper than an Event, and there is one waiter
        self._done.acquire()

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed: nobody waits any longer."""
        return time.monotonic() >= self.deadline

    def answer(self, outcome: Outcome) -> None:
        """Hand the outcome over, once."""
        self.outcome = outcome
        self.is_answered = True
        self._done.release()

    def wait(self) -> Outcome:
        """The outcome; DeadlineExceeded is one, of which it is not known whether the command takes effect."""
        if not self._done.acquire(timeout=max(0.0, self.deadline - time.monotonic())):
            return self.too_late()
        self._done.release()
        return self.outcome

    def too_late(self) -> DeadlineExceeded:
        """The outcome for whoever waited in vain."""
        return DeadlineExceeded(self._seconds)


class Told(Waiter):
    """One command whose outcome is told to somebody, by the committer's thread: `tell` must be quick and never fail."""

    __slots__ = ("_tell",)

    def __init__(
        self, command: Command, seconds: float, tell: Callable[[Outcome], object], origin: Origin = NOBODY
    ) -> None:
        super().__init__(command, seconds, origin)
        self._tell = tell

    def answer(self, outcome: Outcome) -> None:
        """Hand the outcome over, once."""
        super().answer(outcome)
        self._tell(outcome)


class Line:
    """Waiters in order of arrival; safe for many threads, of which one takes."""

    def __init__(self, length_max: int, stand_aside: Callable[[], object] = lambda: None) -> None:
        """`stand_aside`: called before a large batch; it returns once it is good to compute, within milliseconds."""
        self._stand_aside = stand_aside
        self._waiters: deque[Waiter] = deque()
        self._length_max = length_max
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._left = threading.Condition(self._lock)
        self._is_closed = False
        self._company = 1
        """How many the next batch may hope for: as many as the latest held, who may come again once answered."""
        self._wanted = 1
        """How many must be there for the taker to wake."""
        self._taken_at = 0.0

    def __len__(self) -> int:
        return len(self._waiters)

    @property
    def is_closed(self) -> bool:
        """Whether nobody may join any more."""
        return self._is_closed

    def join(self, waiters: Sequence[Waiter], *, patient: bool = False) -> None:
        """Stand in line, all together; raises QueueFull if there is no room (`patient`: waits for it), or Closed."""
        with self._lock:
            while patient and not self._has_room(waiters) and not self._is_closed:
                self._left.wait()
            if self._is_closed:
                raise Closed
            if not self._has_room(waiters):
                raise QueueFull
            self._waiters.extend(waiters)
            if len(self._waiters) >= self._wanted:
                self._arrived.notify()

    def take(self, batch_max: int) -> list[Waiter]:
        """The next batch; waits until somebody comes. Nothing once the line is closed and empty."""
        asked_at = time.monotonic()
        patience = min(COMPANY_SECONDS_MAX, (asked_at - self._taken_at) * COMPANY_SHARE)
        while True:
            with self._lock:
                while not self._waiters and not self._is_closed:
                    self._arrived.wait()
                if not self._waiters:
                    return []
                self._await_company(asked_at + patience)
                is_large = len(self._waiters) >= STANDS_ASIDE_FROM
            if is_large:
                self._stand_aside()
            with self._lock:
                batch, late = self._cut(batch_max)
                self._company = len(batch)
                self._taken_at = time.monotonic()
                self._left.notify_all()
            for waiter in late:
                waiter.answer(waiter.too_late())
            if batch:
                return batch

    def close(self) -> None:
        """Let nobody join any more; those in line are still served."""
        with self._lock:
            self._is_closed = True
            self._arrived.notify_all()
            self._left.notify_all()

    def _await_company(self, until: float) -> None:
        """Let those who were answered together come again together, a part of the time that a batch takes.

        The first of them would else have a batch to itself, and all others wait for that. Who was alone in the latest
        batch, and who comes later than that, waits for nobody.
        """
        self._wanted = self._company
        while len(self._waiters) < self._wanted and not self._is_closed and (left := until - time.monotonic()) > 0:
            self._arrived.wait(left)
        self._wanted = 1

    def _has_room(self, waiters: Sequence[Waiter]) -> bool:
        return len(self._waiters) + len(waiters) <= self._length_max

    def _cut(self, batch_max: int) -> tuple[list[Waiter], list[Waiter]]:
        """Take from the front what may share a transaction, and those who came too late for any."""
        batch: list[Waiter] = []
        late: list[Waiter] = []
        vacated = Vacated()
        while self._waiters and len(batch) < batch_max:
            waiter = self._waiters[0]
            if waiter.is_late:
                late.append(self._waiters.popleft())
                continue
            if batch and (waiter.needs.alone or vacated.is_taken_by(waiter.command)):
                break
            batch.append(self._waiters.popleft())
            if waiter.needs.alone:
                break
            vacated.add(waiter.command)
        return batch, late
