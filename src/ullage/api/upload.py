"""Bodies, read in the event loop before a thread is taken: so large, so slow and so many, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ullage.api.deadlines import Deadlines
from ullage.api.problems import Problem

T = TypeVar("T")

_CLOSE = (("connection", "close"),)
_COUNTED_FROM_BYTES = 64 * 1024
"""Smaller bodies are not counted towards the total: all of them together are little."""
PARTS_MAX = 1_000
"""Any body may come in so many parts (chunks, or what a connection gives at a time)..."""
PART_BYTES = 1_024
"""...and one more for each so many bytes. A part keeps the event loop for 50 microseconds, however small it is."""


class Upload(Protocol):
    """What a server gives to read a body with: all of it by a call, or chunk by chunk."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body; raises RuntimeError if it breaks off."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks, then an empty one; a body that breaks off has two empty ones at its end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one body, and all bodies of a process together, may take."""

    bytes_max: int
    seconds_max: float
    total_bytes_max: int


@dataclass(slots=True)
class _Body:
    """A body that is coming in. `length`: what its headers promise, None if nothing."""

    length: int | None
    bytes_max: int
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    part_count: int = 0
    empty_count: int = 0

    @property
    def is_too_large(self) -> bool:
        return self.size > self.bytes_max or (self.length is not None and self.length > self.bytes_max)

    @property
    def is_minced(self) -> bool:
        return self.part_count - self.empty_count > PARTS_MAX + self.size // PART_BYTES

    @property
    def is_whole(self) -> bool:
        return self.empty_count == 1 if self.length is None else self.size == self.length


class Uploads:
    """Reads the bodies of one process; used in its event loop alone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._deadlines = Deadlines(limits.seconds_max)
        self._total_bytes = 0

    async def read(self, upload: Upload, headers: Mapping[str, str]) -> bytes:
        """The body of a request with these headers, to be given to `release` when the request is answered.

        Raises Problem: 413 too large, 408 too slow, 400 broken off or minced, 503 too many of them.
        """
        said = headers.get("content-length")
        if said is None and "transfer-encoding" not in headers:
            return b""
        length = int(said) if said is not None and said.isascii() and said.isdigit() else None
        if length == 0:
            return b""
        body = _Body(length, self._limits.bytes_max)
        if body.is_too_large and headers.get("expect", "").lower() == "100-continue":
            raise too_large(self._limits.bytes_max)  # the asker holds it back until it is told to send
        try:
            if length is not None and length < min(_COUNTED_FROM_BYTES, self._limits.bytes_max + 1):
                return await self._in_time(_at_once(upload))
            await self._in_time(self._gather(upload, body))
        except TimeoutError:
            if not body.is_too_large:
                message = f"The body did not arrive within {self._limits.seconds_max:g} s."
                raise Problem(408, message, headers=_CLOSE) from None
        if body.is_too_large:
            raise too_large(self._limits.bytes_max)
        if not body.is_whole:
            raise _broken_off()
        return b"".join(body.chunks)

    def release(self, body: bytes) -> None:
        """A body that `read` gave is no longer needed."""
        if len(body) >= _COUNTED_FROM_BYTES:
            self._total_bytes -= len(body)

    async def _in_time(self, reading: Coroutine[Any, Any, T]) -> T:
        """What reading comes to; raises TimeoutError. As `asyncio.timeout`, but without a timer for each body."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("bodies are read by a task of an event loop")
        deadline = self._deadlines.start(task.cancel)
        try:
            return await reading
        except asyncio.CancelledError:
            if deadline.is_late and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            deadline.end()

    async def _gather(self, upload: Upload, body: _Body) -> None:
        """Take in what is sent. Of a body that is too large the rest is taken in and forgotten: an asker that still
        sends would see a broken connection, and no reply."""
        counted = 0
        try:
            async for chunk in upload:
                body.size += len(chunk)
                body.part_count += 1
                body.empty_count += not chunk
                if body.is_minced:
                    raise _minced()
                if body.is_too_large:
                    body.chunks.clear()
                    self._total_bytes -= counted
                    counted = 0
                    continue
                body.chunks.append(chunk)
                counted += len(chunk)
                self._total_bytes += len(chunk)
                if self._total_bytes > self._limits.total_bytes_max:
                    message = "Too many large bodies are arriving. Try again later."
                    raise Problem(503, message, headers=(*_CLOSE, ("retry-after", "1")))
            if counted >= _COUNTED_FROM_BYTES and body.is_whole:
                counted = 0  # from here on `release` sees to it
        finally:
            self._total_bytes -= counted


async def _at_once(upload: Upload) -> bytes:
    try:
        return await upload()
    except RuntimeError:
        raise _broken_off() from None


def too_large(bytes_max: int) -> Problem:
    """The problem of a body that is larger than it may be."""
    return Problem(413, f"It may have {bytes_max} bytes at most.", headers=_CLOSE)


def _minced() -> Problem:
    message = f"It may come in {PARTS_MAX} parts, and one more for each {PART_BYTES} bytes: send larger ones."
    return Problem(400, message, headers=_CLOSE)


def _broken_off() -> Problem:
    return Problem(400, "The body broke off before its end.", headers=_CLOSE)
