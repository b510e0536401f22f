"""The server as a process: what comes over real connections, and what becomes of its workers."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from granian.constants import Loops
from serving import UllageServer, free_port

from api.wires import HEAD, PATIENCE_SECONDS, Wire, exchange
from ullage.api.replacement import Replacement
from ullage.server import Pauses, collect_seldom
from ullage.server import _server as granian_for
from ullage.settings import load

POST = b"POST /resource_classes HTTP/1.1"
BODY_BYTES_MAX = 1024 * 1024
HEAP_BYTES = 64 * 1024 * 1024


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(name="server", scope="module")
def _server(folder: Path) -> Iterator[UllageServer]:
    with UllageServer(f"sqlite:///{folder}/shared.db", threads=4, body_bytes_max=BODY_BYTES_MAX) as server:
        yield server


@pytest.fixture(name="impatient", scope="module")
def _impatient(folder: Path) -> Iterator[UllageServer]:
    with UllageServer(f"sqlite:///{folder}/impatient.db", threads=4, body_seconds_max=1) as server:
        yield server


def is_well(server: UllageServer) -> bool:
    return httpx.get(f"{server.url}/traits", headers={"x-auth-token": "admin"}).status_code == 404


def worker_pids(server: UllageServer) -> list[int]:
    main = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]


def test_a_worker_reads_everything_before_it_is_asked(server: UllageServer) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "0 providers are in memory" not in server.log():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_garbage_is_not_looked_for_among_what_stays() -> None:
    threshold = gc.get_threshold()
    try:
        collect_seldom()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects(generation=2)) < 1_000
        assert gc.get_threshold() > threshold
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


def test_threads_of_a_worker_share_one_heap(server: UllageServer) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: is_well(server), range(16)))
    assert [heaps_of_threads(pid) for pid in worker_pids(server)] == [[]]


def test_the_event_loop_is_the_compiled_one(server: UllageServer) -> None:
    granian = granian_for(load(), 100, None, Replacement())
    assert granian.loop == Loops.uvloop
    for pid in worker_pids(server):
        assert "/uvloop/loop." in Path(f"/proc/{pid}/maps").read_text()


def heaps_of_threads(pid: int) -> list[str]:
    """Where glibc has made heaps besides the main one: each is 64 MiB at a multiple of that, used from its beginning,
    and the rest may not be touched."""
    mappings = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    bounds = [[int(bound, 16) for bound in mapping[0].split("-")] for mapping in mappings]
    return [
        used[0]
        for used, rest, (start, end), (rest_start, rest_end) in zip(
            mappings, mappings[1:], bounds, bounds[1:], strict=False
        )
        if (used[1], rest[1], start % HEAP_BYTES) == ("rw-p", "---p", 0)
        if end == rest_start and rest_end == start + HEAP_BYTES
    ]


def test_more_stalled_uploads_than_threads_delay_nobody(server: UllageServer) -> None:
    with ExitStack() as stack:
        for number in range(60):
            stalled = stack.enter_context(Wire(server.port))
            framing = b"Transfer-Encoding: chunked\r\n" if number % 2 else b"Content-Length: 500000\r\n"
            stalled.request(POST, framing, b"5\r\n{    ")
        for _ in range(20):
            assert is_well(server)


def test_a_stalled_upload_is_answered_and_its_connection_closed(impatient: UllageServer) -> None:
    for headers in (b"Content-Length: 10\r\n", b"Content-Length: 500000\r\n", b"Transfer-Encoding: chunked\r\n"):
        with Wire(impatient.port) as wire:
            wire.request(POST, headers, b"5\r\n{")
            status, body = wire.reply()
            assert status == 408
            assert b"within 1 s" in body
            assert wire.is_closed()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_huge_body_is_answered_and_not_kept(server: UllageServer, is_chunked: bool) -> None:
    chunk, count = b"x" * 1024 * 1024, 100
    before = peak_kilobytes(server)
    with Wire(server.port) as wire:
        if is_chunked:
            wire.request(POST, b"Transfer-Encoding: chunked\r\n")
            for _ in range(count):
                wire.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            wire.send(b"0\r\n\r\n")
        else:
            wire.request(POST, b"Content-Length: %d\r\n" % (count * len(chunk)))
            for _ in range(count):
                wire.send(chunk)
        status, body = wire.reply()
    assert status == 413
    assert b"1048576 bytes" in body
    assert peak_kilobytes(server) - before < 30 * 1024


def peak_kilobytes(server: UllageServer) -> int:
    (worker,) = worker_pids(server)
    status = Path(f"/proc/{worker}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def test_a_huge_body_that_is_held_back_is_never_asked_for(server: UllageServer) -> None:
    with Wire(server.port) as wire:
        wire.request(POST, b"Expect: 100-continue\r\nContent-Length: 100000000\r\n")
        assert wire.reply()[0] == 413
        assert wire.is_closed()


def test_a_body_that_is_held_back_is_asked_for(server: UllageServer) -> None:
    with Wire(server.port) as wire:
        wire.request(POST + b"", b"Expect: 100-continue\r\nContent-Length: 2\r\n")
        assert wire.reply() == (100, b"")
        wire.send(b"{}")
        assert wire.reply()[0] == 404


def test_a_chunked_body_is_a_body(server: UllageServer) -> None:
    headers = b"OpenStack-API-Version: placement 1.2\r\nTransfer-Encoding: chunked\r\n"
    with Wire(server.port) as wire:
        wire.request(POST, headers, b'a\r\n{"name":"C\r\n10\r\nUSTOM_CHUNKED"}\n\r\n0\r\n\r\n')
        assert wire.reply()[0] == 201
        wire.request(POST, headers, b"1\r\n[\r\n0\r\n\r\n")
        assert wire.reply()[0] == 400


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n", b'12\r\n{"name":"CUSTOM_A"}\r\nZZ\r\n'),
        (b"Transfer-Encoding: chunked\r\n", b'13\r\n{"name":"CUSTOM_A"}\r\n'),
        (b"Content-Length: 30\r\n", b'{"name":"CUSTOM_A"}'),
    ],
)
def test_a_body_that_breaks_off_has_no_effect(server: UllageServer, headers: bytes, body: bytes) -> None:
    with Wire(server.port) as wire:
        wire.request(POST, b"OpenStack-API-Version: placement 1.2\r\n" + headers, body)
        wire.socket.shutdown(1)
        status, _ = wire.reply()
    assert status == 400
    said = {"x-auth-token": "admin", "openstack-api-version": "placement 1.2"}
    assert httpx.get(f"{server.url}/resource_classes/CUSTOM_A", headers=said).status_code == 404


ODD = [
    (b"GET / HTTP/1.1\r\n\r\n", 200),
    (b"GET / HTTP/1.0\r\n\r\n", 200),
    (b"GET http://elsewhere/ HTTP/1.1\r\n" + HEAD + b"\r\n", 200),
    (b"GET /?a=%ff HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    (b"HEAD / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    (b"BREW / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    (b"CONNECT example.org:80 HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    (b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    (b"GET //resource_providers HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    (b"GET /%2e%2e/etc HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    (b"GET /resource_providers/%ff HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
    (b"GET /resource_providers/%00 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    (b"GET /allocations/\xe2\x98\x83 HTTP/1.1\r\n" + HEAD + b"\r\n", 200),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 200),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"OpenStack-API-Version: placement \xe9\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"X: \x00\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"Content-Length: hi mom\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    (b"GET /?" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431),
    (b"GET  HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    (b"hello\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
]


@pytest.mark.parametrize(("data", "status"), ODD, ids=[f"{data[:30]!r}-{status}" for data, status in ODD])
def test_odd_requests_are_answered_sanely(server: UllageServer, data: bytes, status: int) -> None:
    assert exchange(server.port, data)[0] == status


def test_one_connection_carries_many_requests_also_before_they_are_answered(server: UllageServer) -> None:
    with Wire(server.port) as wire:
        for _ in range(3):
            wire.request(b"GET /resource_providers/a HTTP/1.1")
        assert [wire.reply()[0] for _ in range(3)] == [404, 404, 404]


def test_askers_that_go_away_harm_nobody(server: UllageServer) -> None:
    for _ in range(30):
        with Wire(server.port) as wire:
            wire.request(b"GET /resource_classes HTTP/1.1", b"OpenStack-API-Version: placement 1.39\r\n")
        with Wire(server.port) as wire:
            wire.request(POST, b"Content-Length: 100000\r\n", b"{")
    assert is_well(server)
    assert "Traceback" not in server.log()


def test_every_request_has_a_line_in_the_log(server: UllageServer) -> None:
    exchange(server.port, b"GET /look-for-this HTTP/1.1\r\n" + HEAD + b"\r\n")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while '"GET /look-for-this" status: 404' not in server.log():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_that_is_taken_is_not_shared(server: UllageServer, folder: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "ullage", "serve", "--port", str(server.port), "--database", "sqlite:///second.db"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert second.returncode != 0
    assert f"port {server.port}" in second.stderr
    assert "Traceback" not in second.stderr
    assert not (folder / "second.db").exists()


def test_a_killed_worker_is_replaced_again_and_again(folder: Path) -> None:
    with UllageServer(f"sqlite:///{folder}/killed.db", workers=2) as server:
        killed, kept = worker_pids(server)
        os.kill(killed, signal.SIGKILL)
        wait_until_it_is_well(server, without=killed)
        assert kept in worker_pids(server)
        for _ in range(3):
            killed = worker_pids(server)[0]
            os.kill(killed, signal.SIGKILL)
            wait_until_it_is_well(server, without=killed)
    assert server.process.returncode == 0


def wait_until_it_is_well(server: UllageServer, without: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if without not in worker_pids(server) and len(worker_pids(server)) == 2 and is_well(server):
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_requests_under_way_finish(folder: Path, number: signal.Signals) -> None:
    with UllageServer(f"sqlite:///{folder}/stopped.db") as server, Wire(server.port) as wire:
        wire.request(POST, b"OpenStack-API-Version: placement 1.2\r\nContent-Length: 20\r\n", b'{"name":"CUS')
        assert is_well(server)
        server.process.send_signal(number)
        time.sleep(0.5)
        wire.send(b'TOM_B"} ')
        assert wire.reply()[0] in (201, 409)
        assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_stop_waits_only_so_long(folder: Path) -> None:
    with UllageServer(f"sqlite:///{folder}/slow.db", stop_seconds_max=1) as server, Wire(server.port) as wire:
        wire.request(POST, b"Content-Length: 20\r\n", b"{")
        assert is_well(server)
        server.process.terminate()
        assert server.process.wait(20) == 0


def test_servers_that_start_at_once_share_a_fresh_database(folder: Path) -> None:
    def start() -> bool:
        with UllageServer(f"sqlite:///{folder}/fresh.db", port=free_port(), workers=2) as server:
            return is_well(server)

    with ThreadPoolExecutor(2) as pool:
        assert all(future.result() for future in [pool.submit(start) for _ in range(2)])


def test_pauses_between_starts_grow_until_one_start_lasts() -> None:
    now = 1000.0
    pauses = Pauses(lambda: now)
    seen = [pauses.next() for _ in range(10)]
    assert seen[:3] == [0.1, 0.2, 0.4]
    assert seen[-1] == 10.0
    now += 100
    assert pauses.next() == 0.1
