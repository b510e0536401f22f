"""Asking another service who somebody is, without being held up by it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from ullage.api.problems import Problem

T = TypeVar("T")

LOG = logging.getLogger(__name__)


class Unanswered(Exception):
    """The other service gave no answer, or none that tells. The sentence is for the log and holds no secret."""


class Asking(Generic[T]):
    """One question at a time for each key, few threads that wait, and none for a while after a failure.

    Without these bounds a service that is slow or gone would hold every thread, and with them the requests of those
    who are known already, or by another scheme.
    """

    def __init__(
        self, name: str, waiting_max: int, pause_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`name` is that of the other service, as clients may know it: "the issuer of access tokens"."""
        self._name = name
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._free = threading.BoundedSemaphore(waiting_max)
        self._failed_at = -float("inf")
        self._under_way: dict[bytes, Future[T]] = {}
        self._lock = threading.Lock()

    def ask(self, key: bytes, question: Callable[[], T]) -> T:
        """What the question gives, or one of the same key that is under way; raises Problem 503 if there is no answer.

        The question raises Unanswered if it gets none.
        """
        if self._clock() - self._failed_at < self._pause_seconds or not self._free.acquire(blocking=False):
            raise self._refusal()
        try:
            return self._together(key, question)
        except Unanswered:
            raise self._refusal() from None
        finally:
            self._free.release()

    def is_under_way(self, key: bytes) -> bool:
        """Whether somebody waits for the answer to a question of this key."""
        return key in self._under_way

    def _together(self, key: bytes, question: Callable[[], T]) -> T:
        with self._lock:
            future = self._under_way.get(key)
            is_first = future is None
            if future is None:
                future = self._under_way[key] = Future()
        if is_first:
            try:
                future.set_result(question())
            except BaseException as error:  # noqa: BLE001 # result() raises it, here and for those who wait
                if isinstance(error, Unanswered):
                    self._failed_at = self._clock()
                    LOG.warning("%s did not tell who asks: %s", self._name, error)
                future.set_exception(error)
            finally:
                with self._lock:
                    del self._under_way[key]
        return future.result()

    def _refusal(self) -> Problem:
        message = f"It is not known who asks, as {self._name} does not answer or is asked too much; try again later."
        return Problem(503, message, headers=(("retry-after", "1"),))
