"""Large replies flow as fast as they are read, and end when nobody reads."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from api.stand import an_app
from ullage.api.http import CHUNK_BYTES, Call, Response, Route
from ullage.api.streaming import Stream, Streams
from ullage.api.wsgi import wsgi_application

Task = Callable[[], None]


class Source:
    """Chunks that are counted when they are made."""

    def __init__(self, count: int, broken_at: int = -1) -> None:
        self.made = 0
        self._count = count
        self._broken_at = broken_at

    def __iter__(self) -> Iterator[bytes]:
        for number in range(self._count):
            if number == self._broken_at:
                raise ValueError("broken")
            self.made += 1
            yield bytes([number % 251]) * CHUNK_BYTES

    @property
    def whole(self) -> bytes:
        return b"".join(bytes([number % 251]) * CHUNK_BYTES for number in range(self._count))


class Client:
    """Opens the file that it is sent, as a server does, and reads when it is told to."""

    def send(self, file: str) -> None:
        self._file = os.open(file, os.O_RDONLY)

    def read(self, size: int) -> bytes:
        return os.read(self._file, size)

    def read_all(self) -> bytes:
        parts = []
        while part := self.read(CHUNK_BYTES):
            parts.append(part)
        return b"".join(parts)

    def leave(self) -> None:
        os.close(self._file)


async def in_a_thread(task: Task) -> None:
    await asyncio.to_thread(task)


def opened(streams: Streams, source: Source, client: Client) -> Stream:
    stream = streams.open(iter(source), client.send)
    assert stream is not None
    return stream


def flowing(source: Source, story: Callable[[Client], Awaitable[None]], chunk_seconds_max: float = 30.0) -> Streams:
    """Have a stream flow while a client does something; the only place of `streams` is free again afterwards."""
    streams, client = Streams(1, chunk_seconds_max), Client()

    async def main() -> None:
        stream = opened(streams, source, client)
        assert streams.open(iter(()), client.send) is None
        await asyncio.gather(stream.flow(in_a_thread), story(client))

    asyncio.run(main())
    after = opened(streams, Source(0), Client())
    asyncio.run(after.flow(in_a_thread))
    return streams


def test_all_of_a_reply_arrives() -> None:
    source = Source(9)
    seen: list[bytes] = []

    async def read(client: Client) -> None:
        seen.append(await asyncio.to_thread(client.read_all))
        client.leave()

    flowing(source, read)
    assert b"".join(seen) == source.whole


def test_no_more_is_made_than_the_client_has_read_a_pipe_and_a_chunk() -> None:
    source = Source(50)

    async def read_in_steps(client: Client) -> None:
        read = 0
        while part := await asyncio.to_thread(client.read, 64 * 1024):
            read += len(part)
            for _ in range(5):
                await asyncio.sleep(0)
            assert source.made * CHUNK_BYTES <= read + 3 * CHUNK_BYTES
        client.leave()

    flowing(source, read_in_steps)
    assert source.made == 50


def test_a_client_that_stops_reading_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = Source(50)

    async def read_a_little(client: Client) -> None:
        await asyncio.to_thread(client.read, 10)

    flowing(source, read_a_little, chunk_seconds_max=0.05)
    assert source.made <= 3
    assert "given up" in caplog.text


@pytest.mark.parametrize("at_once", [True, False])
def test_a_client_that_leaves_ends_its_reply(at_once: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = Source(50)

    async def leave(client: Client) -> None:
        if not at_once:
            for _ in range(8):
                await asyncio.to_thread(client.read, CHUNK_BYTES)
        client.leave()

    flowing(source, leave, chunk_seconds_max=0.05 if at_once else 30.0)
    assert source.made < 12
    assert ("given up" if at_once else "left") in caplog.text


def test_what_breaks_off_ends(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[bytes] = []

    async def read(client: Client) -> None:
        seen.append(await asyncio.to_thread(client.read_all))
        client.leave()

    flowing(Source(9, broken_at=4), read)
    assert b"".join(seen) == Source(4).whole
    assert "broke off" in caplog.text


def test_the_name_of_a_file_that_is_not_open_yet_comes_to_mean_no_other() -> None:
    """A reply that ends early keeps its end of the pipe for a while: a server may only now be about to open it."""
    names: list[str] = []

    async def main() -> None:
        stream = Streams(1, 0.05).open(iter(Source(9, broken_at=0)), names.append)
        assert stream is not None
        await stream.flow(in_a_thread)
        assert os.path.exists(names[0])
        await asyncio.sleep(0.1)
        assert not os.path.exists(names[0])

    asyncio.run(main())


def _large(call: Call) -> Response:
    return Response(200, content_type="application/json", chunks=iter(Source(3)))


LARGE = Route("GET", "/resource_classes", _large, "placement:resource_classes:list")


@pytest.mark.parametrize(("method", "body"), [("GET", Source(3).whole), ("HEAD", b"")])
def test_wsgi_gives_chunks_to_its_server_as_they_are_made(method: str, body: bytes) -> None:
    app = wsgi_application(an_app([LARGE, replace(LARGE, method="HEAD")]))
    seen: dict[str, str] = {}
    parts = app(
        {"REQUEST_METHOD": method, "PATH_INFO": "/resource_classes", "HTTP_X_AUTH_TOKEN": "admin"},
        lambda _, headers: seen.update(headers),
    )
    assert b"".join(parts) == body
    assert "content-length" not in seen
    assert seen["content-type"] == "application/json"
