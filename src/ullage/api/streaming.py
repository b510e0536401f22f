"""Large replies, sent no faster than they are read.

Granian takes the parts of a streamed reply without ever saying "wait": a client that does not read would have all of a
50 MB answer queued for it. But Granian reads a file only as fast as its client does. So a large reply is written into a
pipe, and the pipe's other end is the file: what is made and not yet read is one pipe and one chunk, and a full pipe
says "wait". No thread is held meanwhile.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

from ullage.api.http import CHUNK_BYTES

STREAMS_MAX = 128
"""How many large replies are sent at once; each has its pipe, and keeps the snapshot that it tells of."""
CHUNK_SECONDS_MAX = 30.0
"""How long a client may take over each chunk."""

LOG = logging.getLogger(__name__)


class Streams:
    """Counts the replies that are being streamed; safe for many threads."""

    def __init__(self, count_max: int = STREAMS_MAX, chunk_seconds_max: float = CHUNK_SECONDS_MAX) -> None:
        self._free = threading.Semaphore(count_max)
        self._chunk_seconds_max = chunk_seconds_max

    def open(self, chunks: Iterator[bytes], send: Callable[[str], None]) -> Stream | None:
        """Begin a reply of more than CHUNK_BYTES, which `send` sends from the file of a name; None if there are too
        many. Whoever opens a stream must await its `flow`, or it stays open.
        """
        if not self._free.acquire(blocking=False):
            return None
        try:
            return Stream(chunks, send, self._chunk_seconds_max, self._free.release)
        except BaseException:
            self._free.release()
            raise


class Stream:
    """One large reply on its way through a pipe."""

    def __init__(
        self, chunks: Iterator[bytes], send: Callable[[str], None], chunk_seconds_max: float, at_end: Callable[[], None]
    ) -> None:
        self._chunks = chunks
        self._chunk_seconds_max = chunk_seconds_max
        self._at_end = at_end
        self._left = memoryview(b"")
        self._written = 0
        self._is_over = False
        self._lock = threading.Lock()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        _widen(self._writer)
        send(f"/dev/fd/{self._reader}")
        self._make()

    async def flow(self, run: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """Bring the reply to its end, whichever that is; `run` has a task done in a thread."""
        loop = asyncio.get_running_loop()
        try:
            while not self._is_over:
                await self._drain(loop)
                await run(self._make)
        except TimeoutError:
            LOG.info("an answer was given up: its client takes more than %g s for a chunk", self._chunk_seconds_max)
        finally:
            self._close(loop)

    def _make(self) -> None:
        """Make one more chunk and write what the pipe has room for. Waits for nothing; any thread may do it."""
        with self._lock:
            if self._is_over:
                return
            try:
                self._left = memoryview(next(self._chunks, b""))
            except Exception:
                # The status is sent. All that can be done is to end in the midst of the JSON, which no reader of it
                # takes for the whole.
                LOG.exception("an answer broke off")
            self._is_over = not self._left
            self._write()

    async def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until the chunk is in the pipe; raises TimeoutError if that takes too long."""
        deadline = loop.time() + self._chunk_seconds_max
        while self._left:
            room = loop.create_future()
            loop.add_writer(self._writer, _settle, room)
            try:
                await asyncio.wait_for(room, deadline - loop.time())
            finally:
                loop.remove_writer(self._writer)
            self._write()

    def _write(self) -> None:
        """Write what there is room for."""
        try:
            while self._left:
                count = os.write(self._writer, self._left)
                self._left = self._left[count:]
                self._written += count
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._left, self._is_over = memoryview(b""), True
            LOG.info("a client left in the midst of its answer")
        if self._reader >= 0 and self._written > CHUNK_BYTES:
            # That is more than the pipe holds, so somebody reads, who has a descriptor of his own. Without ours, the
            # pipe breaks when the client leaves.
            os.close(self._reader)
            self._reader = -1

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:  # never while a thread writes: the number of a closed descriptor soon is another file's
            self._is_over = True
            os.close(self._writer)
            if self._reader >= 0:  # for that reason too: it is certainly open elsewhere, or not wanted, only later
                loop.call_later(self._chunk_seconds_max, os.close, self._reader)
        self._at_end()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _widen(pipe: int) -> None:
    """Let a pipe hold a chunk, where that can be said; else a chunk needs some more turns."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # a user may only have so much in pipes
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)
