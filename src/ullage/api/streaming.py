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
PIPE_BYTES = 2 * CHUNK_BYTES
"""How much may wait to be read; whoever reads as fast as chunks are made never finds the pipe empty or full."""
CHUNK_SECONDS_MAX = 30.0
"""How long a client may take over each chunk."""

LOG = logging.getLogger(__name__)


class Streams:
    """Counts the replies that are being streamed; safe for many threads."""

    def __init__(self, count_max: int = STREAMS_MAX, chunk_seconds_max: float = CHUNK_SECONDS_MAX) -> None:
        self._free = threading.Semaphore(count_max)
        self._chunk_seconds_max = chunk_seconds_max

    def open(self, chunks: Iterator[bytes], send: Callable[[str], None]) -> Stream | None:
        """Begin a reply of more than PIPE_BYTES, which `send` sends from the file of a name; None if there are too
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
        self.asker = ""
        """In whose turns its parts are made, if in any."""
        self._lock = threading.Lock()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        _widen(self._writer)
        send(f"/dev/fd/{self._reader}")
        self._push()

    async def flow(self, run: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """Bring the reply to its end, whichever that is; `run` has a task done in a thread."""
        loop = asyncio.get_running_loop()
        try:
            while not self._is_over:
                deadline, aim = loop.time() + self._chunk_seconds_max, self._written + CHUNK_BYTES
                while self._written < aim and not self._is_over:
                    await self._room(loop, deadline)
                    # Not in the loop: a write lets go of the interpreter and gets it back only when busy threads yield.
                    await run(self._push)
        except TimeoutError:
            LOG.info("an answer was given up: its client takes more than %g s for a chunk", self._chunk_seconds_max)
        finally:
            self._close(loop)

    async def _room(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Wait until the pipe has room; raises TimeoutError if that takes too long."""
        room = loop.create_future()
        loop.add_writer(self._writer, _settle, room)
        try:
            await asyncio.wait_for(room, deadline - loop.time())
        finally:
            loop.remove_writer(self._writer)

    def _push(self) -> None:
        """Make and write what the pipe has room for. Waits for nothing; any thread may do it."""
        with self._lock:
            try:
                while not self._is_over:
                    if not self._left:
                        self._left = memoryview(next(self._chunks, b""))
                    self._is_over = not self._left
                    self._write()
            except BlockingIOError:
                return
            except BrokenPipeError:
                self._is_over = True
                LOG.info("a client left in the midst of its answer")
            except Exception:
                # The status is sent. All that can be done is to end in the midst of the JSON, which no reader of it
                # takes for the whole.
                self._is_over = True
                LOG.exception("an answer broke off")

    def _write(self) -> None:
        """Write some of what is left; raises BlockingIOError if there is no room, BrokenPipeError if nobody reads."""
        count = os.write(self._writer, self._left)
        self._left = self._left[count:]
        self._written += count
        if self._reader >= 0 and self._written > PIPE_BYTES:
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
    """Let a pipe hold PIPE_BYTES, where that can be said; else an answer needs more turns."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # a user may only have so much in pipes
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
