"""Bodies on their way in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest

from api.loops import CountingLoop
from ullage.api.problems import Problem
from ullage.api.upload import PART_BYTES, PARTS_MAX, Limits, Uploads

LIMITS = Limits(bytes_max=200_000, seconds_max=60, total_bytes_max=300_000)
IMPATIENT = replace(LIMITS, seconds_max=0.05)
LARGE = 100_000


class Sent:
    """A body as a server gives it: these chunks, and then its end, a break, or nothing more."""

    def __init__(self, chunks: Iterable[bytes], breaks: bool = False, stalls: bool = False) -> None:
        self._chunks = list(chunks)
        self._breaks = breaks
        self.stalls = stalls
        self.taken = 0

    async def __call__(self) -> bytes:
        if self.stalls:
            await asyncio.sleep(60)
        if self._breaks:
            raise RuntimeError("closed")
        self.taken = len(self._chunks)
        return b"".join(self._chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.taken += 1
            yield chunk
        if self.stalls:
            await asyncio.sleep(60)
        if self._breaks:
            yield b""
        yield b""


def read(sent: Sent, headers: dict[str, str], uploads: Uploads | None = None) -> bytes:
    return asyncio.run((uploads or Uploads(IMPATIENT if sent.stalls else LIMITS)).read(sent, headers))


def refusal(sent: Sent, headers: dict[str, str], uploads: Uploads | None = None) -> Problem:
    with pytest.raises(Problem) as caught:
        read(sent, headers, uploads)
    return caught.value


def of_length(length: int) -> dict[str, str]:
    return {"content-length": str(length)}


CHUNKED = {"transfer-encoding": "chunked"}


@pytest.mark.parametrize("headers", [{}, of_length(0)])
def test_without_a_body_nothing_is_read(headers: dict[str, str]) -> None:
    sent = Sent([b"x"], stalls=True)
    assert read(sent, headers) == b""
    assert sent.taken == 0


@pytest.mark.parametrize("size", [1, LARGE, LIMITS.bytes_max])
def test_a_body_up_to_the_limit_is_read_whole(size: int) -> None:
    chunks = [b"x"] * (size % 1000) + [b"y" * 1000] * (size // 1000)
    assert read(Sent(chunks), of_length(size)) == b"".join(chunks)
    assert read(Sent(chunks), CHUNKED) == b"".join(chunks)


def test_a_chunked_body_may_be_empty() -> None:
    assert read(Sent([]), CHUNKED) == b""


@pytest.mark.parametrize("headers", [CHUNKED, of_length(LIMITS.bytes_max + 1)])
def test_a_larger_body_is_taken_in_to_its_end_and_refused(headers: dict[str, str]) -> None:
    sent = Sent([b"x" * 100_001] * 2)
    problem = refusal(sent, headers)
    assert problem.status == 413
    assert str(LIMITS.bytes_max) in problem.message
    assert ("connection", "close") in problem.headers
    assert sent.taken == 2


def test_a_larger_body_that_is_held_back_is_not_asked_for() -> None:
    sent = Sent([b"x"], stalls=True)
    headers = {**of_length(LIMITS.bytes_max + 1), "expect": "100-Continue"}
    assert refusal(sent, headers).status == 413
    assert sent.taken == 0


def test_a_larger_body_that_stalls_is_still_too_large() -> None:
    assert refusal(Sent([b"x"], stalls=True), of_length(LIMITS.bytes_max + 1)).status == 413
    assert refusal(Sent([b"x" * 200_001], stalls=True), CHUNKED).status == 413


@pytest.mark.parametrize("headers", [CHUNKED, of_length(10), of_length(LARGE)])
def test_a_body_that_stalls_is_refused_in_time(headers: dict[str, str]) -> None:
    problem = refusal(Sent([b"x"], stalls=True), headers)
    assert problem.status == 408
    assert "0.05 s" in problem.message
    assert ("connection", "close") in problem.headers


@pytest.mark.parametrize("headers", [CHUNKED, of_length(10), of_length(LARGE)])
def test_a_body_that_breaks_off_is_not_taken_for_whole(headers: dict[str, str]) -> None:
    assert refusal(Sent([b"x"], breaks=True), headers).status == 400


@pytest.mark.parametrize("size", [0, LARGE, LIMITS.bytes_max])
def test_a_body_may_come_in_so_many_parts(size: int) -> None:
    count = PARTS_MAX + size // PART_BYTES
    parts = [b"x" * max(size - count + 1, 1)] + [b"x"] * (count - 1)
    body = b"".join(parts)
    assert read(Sent(parts), CHUNKED) == body
    assert read(Sent(parts), of_length(len(body))) == body


@pytest.mark.parametrize("headers", [CHUNKED, of_length(LARGE), of_length(LIMITS.bytes_max + 1)])
def test_a_body_of_more_and_smaller_parts_is_refused_at_once(headers: dict[str, str]) -> None:
    sent = Sent([b"x"] * LARGE)
    problem = refusal(sent, headers)
    assert problem.status == 400
    assert f"{PARTS_MAX} parts" in problem.message
    assert f"{PART_BYTES} bytes" in problem.message
    assert ("connection", "close") in problem.headers
    assert sent.taken == PARTS_MAX + 1


def test_what_is_too_large_may_not_come_in_small_parts_for_ever() -> None:
    sent = Sent([b"x" * (LIMITS.bytes_max + 1)] + [b"x"] * LARGE)
    assert refusal(sent, CHUNKED).status == 400
    assert sent.taken < 2 * PARTS_MAX


def test_bodies_that_arrive_in_time_share_a_timer() -> None:
    loop = CountingLoop()
    uploads = Uploads(LIMITS)

    async def run() -> None:
        for _ in range(100):
            assert await uploads.read(Sent([b"x"]), of_length(1)) == b"x"
            assert await uploads.read(Sent([b"x"]), CHUNKED) == b"x"

    loop.run_until_complete(run())
    loop.close()
    assert loop.timers == 1


def test_a_reader_that_is_given_up_is_not_too_slow() -> None:
    async def run() -> None:
        reading = asyncio.ensure_future(Uploads(LIMITS).read(Sent([], stalls=True), of_length(1)))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(run())


def test_large_bodies_share_a_limit_until_they_are_released() -> None:
    uploads = Uploads(LIMITS)
    first = read(Sent([b"x" * LIMITS.bytes_max]), of_length(LIMITS.bytes_max), uploads)
    assert refusal(Sent([b"x" * 100_001]), of_length(100_001), uploads).status == 503
    assert read(Sent([b"x" * 100_000]), of_length(100_000), uploads)
    uploads.release(b"x" * 100_000)
    uploads.release(first)
    assert read(Sent([b"x" * LIMITS.bytes_max]), of_length(LIMITS.bytes_max), uploads)


@pytest.mark.parametrize(
    ("sent", "headers"),
    [
        (Sent([b"x" * LARGE], breaks=True), CHUNKED),
        (Sent([b"x" * LARGE], breaks=True), of_length(LIMITS.bytes_max)),
        (Sent([b"x" * LARGE], stalls=True), CHUNKED),
        (Sent([b"x" * LARGE] * 3), CHUNKED),
        (Sent([b"x" * LARGE, b"y" * LARGE, b"z"], stalls=True), CHUNKED),
        (Sent([b"x"] * 10), CHUNKED),
        (Sent([b"x" * LARGE] + [b"y"] * 2 * PARTS_MAX), CHUNKED),
    ],
)
def test_a_body_that_is_not_kept_takes_up_nothing(sent: Sent, headers: dict[str, str]) -> None:
    uploads = Uploads(IMPATIENT if sent.stalls else LIMITS)
    try:
        uploads.release(read(sent, headers, uploads))
    except Problem as problem:
        assert problem.status != 503  # noqa: PT017 # it may well be refused, but not for want of room
    largest = b"x" * LIMITS.bytes_max
    uploads.release(read(Sent([largest]), of_length(len(largest)), uploads))
    rest = b"y" * (LIMITS.total_bytes_max - LIMITS.bytes_max)
    first = read(Sent([largest]), of_length(len(largest)), uploads)
    assert len(first) + len(read(Sent([rest]), of_length(len(rest)), uploads)) == LIMITS.total_bytes_max
