"""A committer's thread with the line that it serves, in the process that started it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from ullage.model.errors import Refusal
from ullage.storage.audit.chain import Detail
from ullage.storage.batch import Batch, Settled, WriterGone
from ullage.storage.trouble import CommitUnknown, NotAllowed, Outdated
from ullage.storage.unit import Store, again
from ullage.storage.waiting import Line, Outcome, Waiter
from ullage.storage.writers import Writer, retire

logger = logging.getLogger(__name__)

UNKNOWN_PAUSE_SECONDS = 0.2
"""Between two attempts to learn what became of a commit."""
RETIRE_EVERY_SECONDS = 3600.0
RETIRE_FIRST_SECONDS = 60.0
"""Not at once: those who wait for a service that has just started have more urgent needs."""
RETIRE_OLDER_THAN_US = 24 * 3600 * 1_000_000


class Lane:
    """Takes batches from `line` and settles each. See Committer for the arguments."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        line: Line,
        batch_max: int,
        attempts: int,
        *,
        audit: bool = True,
        detail: Detail = Detail.NAMES,
    ) -> None:
        self.line = line
        self._store = store
        self._clock = clock
        self._batch_max = batch_max
        self._attempts = attempts
        self._audit = audit
        self._detail = detail
        self._process = os.getpid()
        self._writer: Writer | None = None
        self._retire_at = time.monotonic() + RETIRE_FIRST_SECONDS
        self._thread = threading.Thread(target=self._serve, name="committer", daemon=True)

    @property
    def is_open(self) -> bool:
        """Whether commands may join its line: not after a stop, nor in a forked process."""
        return not self.line.is_closed and self._process == os.getpid()

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Serve who waits already, and end."""
        self.line.close()
        self._thread.join()

    def _serve(self) -> None:
        while batch := self.line.take(self._batch_max):
            try:
                self._settle(batch)
            except BaseException as error:  # the thread must outlive whatever happens to a batch
                logger.exception("a batch of %d commands failed", len(batch))
                _answer_rest(batch, error if isinstance(error, Exception) else RuntimeError(repr(error)))
            self._retire_if_due()

    def _settle(self, waiters: Sequence[Waiter]) -> None:
        """Commit and answer; what fails in company is tried alone, so that each command gets its own answer."""
        batch = Batch(self._store.dialect, waiters)
        try:
            outcomes = self._commit(batch)
        except Exception as error:
            is_of_all = isinstance(error, Refusal) and not isinstance(error, NotAllowed)
            if len(waiters) > 1 and not is_of_all:
                for waiter in waiters:
                    self._settle([waiter])
                return
            if not isinstance(error, Refusal):
                logger.exception("%s failed", type(waiters[0].command).__name__)
            batch.link, outcomes = None, [error] * len(waiters)
        for waiter, outcome in zip(waiters, outcomes, strict=True):
            waiter.answer(outcome)
        if batch.link is not None:
            batch.link.tell(self._detail)

    def _commit(self, batch: Batch) -> Sequence[Outcome]:
        """Execute a batch until its outcome is known, also when the connection breaks in the middle of a commit."""
        while True:
            try:
                return again(self._store.dialect, lambda: self._attempt(batch), self._attempts)
            except Settled as settled:
                batch.link = settled.link
                return settled.outcomes
            except CommitUnknown:
                logger.warning("a commit broke off; its outcome will be looked up", exc_info=True)
                batch.is_unknown = True
            except Refusal:
                if not batch.is_unknown:
                    raise
            time.sleep(UNKNOWN_PAUSE_SECONDS)

    def _attempt(self, batch: Batch) -> Sequence[Outcome]:
        if all(waiter.is_late for waiter in batch.waiters):
            raise Settled([waiter.too_late() for waiter in batch.waiters])  # nobody waits any longer
        if self._writer is None:
            self._writer = self._register()
        try:
            with self._store.writing_ahead() as connection:
                return batch.execute(connection, self._writer, self._clock())
        except WriterGone:
            self._writer = None
            raise
        except DBAPIError as error:
            if batch.is_overtaken(error):
                raise Outdated("a constraint stood against it") from error
            raise

    def _register(self) -> Writer:
        with self._store.writing() as connection:
            writer = Writer.register(connection, self._clock(), audit=self._audit)
        if writer.chain is not None:
            writer.chain.first.tell(self._detail)
        return writer

    def _retire_if_due(self) -> None:
        """Rarely, and after answering: forget what no reader should need."""
        if time.monotonic() < self._retire_at:
            return
        self._retire_at = time.monotonic() + RETIRE_EVERY_SECONDS
        try:
            retire(self._store, self._clock() - RETIRE_OLDER_THAN_US)
        except Exception:
            logger.exception("old tombstones and writers could not be removed")


def _answer_rest(batch: Sequence[Waiter], error: Exception) -> None:
    for waiter in batch:
        if not waiter.is_answered:
            waiter.answer(error)
