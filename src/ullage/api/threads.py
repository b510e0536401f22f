"""Threads for an event loop: half as costly for each hand-over as the standard executor."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Task = tuple[Callable[[Callable[[Any], None]], None], asyncio.Future[Any] | None]
"""A task, and the future of its result, if anybody waits for that."""

LOG = logging.getLogger(__name__)


class Mail:
    """Brings results from other threads to the futures of an event loop that wait for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_waking = False

    def send(self, future: asyncio.Future[T], result: T) -> None:
        """Set the future's result in its loop, unless it has one; from any thread."""
        self._arrived.append((future, result))
        # Much that comes together wakes the loop once. The flag is read after the append and lowered before the deque
        # is emptied, so that nothing is left behind.
        if not self._is_waking:
            self._is_waking = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nobody waits any more
                LOG.debug("a result came after the end")

    def _deliver(self) -> None:
        self._is_waking = False
        while self._arrived:
            future, result = self._arrived.popleft()
            if not future.done():  # else its connection was given up, or its deadline has passed
                future.set_result(result)


class Threads:
    """Runs tasks in `count` threads, first come, first served, but for those that are wanted soon."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, mail: Mail | None = None) -> None:
        self._loop = loop
        self._mail = mail or Mail(loop)
        self._tasks: deque[_Task] = deque()
        self._ahead: deque[_Task] = deque()
        self._there: SimpleQueue[None] = SimpleQueue()
        """One for each task that is in a deque."""
        for number in range(count):
            # Nothing depends on how a thread ends, so none may keep a stopping process alive.
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    def run(self, task: Callable[[], T]) -> asyncio.Future[T | None]:
        """Have a task done; to be called and awaited in the event loop, which gets None from a task that fails."""
        return self.ask(lambda tell: tell(task()))

    def ask(self, task: Callable[[Callable[[T], None]], None]) -> asyncio.Future[T | None]:
        """The same for a task that tells its result, from whichever thread: it may have left the work to another."""
        future: asyncio.Future[T | None] = self._loop.create_future()
        self._tasks.append((task, future))
        self._there.put(None)
        return future

    def soon(self, task: Callable[[], None]) -> None:
        """Have a task done ahead of all that wait, by the next thread that is free; from any thread."""
        self._ahead.append((lambda _: task(), None))
        self._there.put(None)

    def _work(self) -> None:
        while True:
            self._there.get()
            task, future = self._next()
            try:
                task(partial(self._mail.send, future) if future is not None else _tell_nobody)
            except Exception:  # the thread is needed for the tasks to come
                LOG.exception("a task failed")
                if future is not None:
                    self._mail.send(future, None)
            del task, future  # an idle thread keeps nothing of a request alive

    def _next(self) -> _Task:
        """One task, no more: one that takes long may hold up no other. There is one for each that was said to be."""
        while True:
            for waiting in (self._ahead, self._tasks):
                with suppress(IndexError):
                    return waiting.popleft()


def _tell_nobody(_: object) -> None:
    pass
