"""The committer: the one thread of a process that writes.

It takes whatever commands wait (one when idle, many under load), decides them in turn on one Book, writes and commits
them together and answers each. So a commit is shared by all who wait for one, and throughput rises with load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from ullage.model.commands import Command, Result
from ullage.model.errors import Refusal
from ullage.model.origin import NOBODY, Origin
from ullage.storage.audit.chain import Detail
from ullage.storage.lane import Lane
from ullage.storage.unit import Store
from ullage.storage.waiting import Closed, Line, Outcome, Told, Waiter


def now_us() -> int:
    """The time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class Committer:
    """Runs commands against a store; safe for many threads. Its own thread begins with the first command.

    `clock`: the time to record, in microseconds since 1970 (UTC). `queue_max`: how many commands may wait.
    `batch_max`: how many share a transaction. `attempts`: how often a batch is tried when others are in its way.
    `deadline_seconds`: how long a command waits to be decided. `audit`: whether the audit trail is kept.
    `detail`: how much of it the log stream is told. `stand_aside`: called before a large batch; it returns once it is
    good to compute, within milliseconds.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int] = now_us,
        queue_max: int = 10_000,
        batch_max: int = 256,
        attempts: int = 10,
        deadline_seconds: float = 30.0,
        audit: bool = True,
        detail: Detail = Detail.NAMES,
        stand_aside: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._attempts = attempts
        self._deadline_seconds = deadline_seconds
        self._audit = audit
        self._detail = detail
        self._stand_aside = stand_aside
        self._lane: Lane | None = None
        self._starting = threading.Lock()

    def run(self, command: Command, origin: Origin = NOBODY) -> Result:
        """Decide and store one command; blocks until that is durable.

        Raises the Refusal if it is refused, ConcurrentUpdate if others were in the way again and again, QueueFull if
        too many wait, StorageUnavailable if the database cannot be reached (in all these cases nothing was changed),
        or DeadlineExceeded: then it may yet take effect.
        """
        waiter = Waiter(command, self._deadline_seconds, origin)
        self._join([waiter])
        return _result(waiter.wait())

    def submit(self, command: Command, tell: Callable[[Outcome], object], origin: Origin = NOBODY) -> None:
        """Have one command decided and stored without waiting: the committer's thread then tells its outcome, which is
        what `run` would give or raise. `tell` must be quick and never fail.

        Raises QueueFull. A deadline that passes while the command is being decided is for the asker to watch.
        """
        self._join([Told(command, self._deadline_seconds, tell, origin)])

    def run_all(self, commands: Sequence[Command], origin: Origin = NOBODY) -> list[Result | Refusal]:
        """Run many commands in this order, sharing transactions; gives the outcome of each.

        Waits for room where `run` would refuse. Raises only what is a bug, after all have been answered.
        """
        outcomes: list[Outcome] = []
        ahead: list[Waiter] = []
        size = max(1, min(self._batch_max, self._queue_max // 2))
        for start in range(0, len(commands), size):
            waiters = [Waiter(command, self._deadline_seconds, origin) for command in commands[start : start + size]]
            self._join(waiters, patient=True)
            outcomes += [waiter.wait() for waiter in ahead]  # one slice is being decided while the next one waits
            ahead = waiters
        outcomes += [waiter.wait() for waiter in ahead]
        return [outcome if isinstance(outcome, Refusal) else _result(outcome) for outcome in outcomes]

    @property
    def waiting(self) -> int:
        """How many commands wait to be taken into a batch."""
        lane = self._lane
        return len(lane.line) if lane is not None and lane.is_open else 0

    def stop(self) -> None:
        """Serve who waits, then end the thread; a later command begins a new one."""
        with self._starting:
            lane, self._lane = self._lane, None
        if lane is not None and lane.is_open:
            lane.stop()

    def _join(self, waiters: Sequence[Waiter], *, patient: bool = False) -> None:
        while True:
            try:
                return self._open_lane().line.join(waiters, patient=patient)
            except Closed:
                continue  # stopped just now: the next lane is a new one

    def _open_lane(self) -> Lane:
        lane = self._lane
        if lane is not None and lane.is_open:
            return lane
        with self._starting:
            if self._lane is None or not self._lane.is_open:
                line = Line(self._queue_max, self._stand_aside)
                self._lane = Lane(
                    self._store,
                    self._clock,
                    line,
                    self._batch_max,
                    self._attempts,
                    audit=self._audit,
                    detail=self._detail,
                )
                self._lane.start()
            return self._lane


def _result(outcome: Outcome) -> Result:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
