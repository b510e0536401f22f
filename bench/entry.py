"""The ways into a worker that were weighed in docs/decisions/0001: `python bench/entry.py [rounds] [seconds]`.

Each way serves the same three things with 80 threads, so that all 64 clients can wait: a small constant reply, the same
after a body of 400 bytes, and a reply that waits for a commit which takes 3 ms and which all that wait share. Then 100
uploads stall, and one that is too large comes in. Needs wrk; load goes to loopback only.
"""

from __future__ import annotations

import asyncio
import os
import queue
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ullage.api.threads import Mail, Threads
from ullage.api.upload import Limits, Uploads

THREADS = 80
CLIENTS = 64
COMMIT_SECONDS = 0.003
BODY = b'{"versions":[{"id":"v1.0","max_version":"1.39","min_version":"1.0","status":"CURRENT"}]}'
HEADERS = [("content-type", "application/json")]
PORT = 18760
PUT = 'wrk.method="PUT"; wrk.body=string.rep("x",400); wrk.headers["content-type"]="application/json"'
LARGE_MEGABYTES = 300


class Committer:
    """One thread that answers, after a pause, everybody who waited when it began."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._start = threading.Lock()
        self._is_started = False

    def wait(self) -> None:
        answered = threading.Lock()
        answered.acquire()
        self.tell(answered.release)
        answered.acquire()

    def tell(self, answer: Callable[[], None]) -> None:
        with self._start:
            if not self._is_started:
                threading.Thread(target=self._work, daemon=True).start()
                self._is_started = True
        self._waiting.put(answer)

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while not self._waiting.empty() and len(batch) < 256:
                batch.append(self._waiting.get())
            time.sleep(COMMIT_SECONDS)
            for answer in batch:
                answer()


committer = Committer()


def work(path: str) -> bytes:
    if path == "/claim":
        committer.wait()
    return BODY


# The ways


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    body = work(environ["PATH_INFO"])
    start_response("200 OK", [*HEADERS, ("content-length", str(len(body)))])
    return [body]


class Rsgi:
    """RSGI with the threads of the service, which answer by themselves."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._threads = Threads(loop, THREADS)

    async def __rsgi__(self, scope: Any, exchange: Any) -> None:
        if scope.method == "PUT":
            async with asyncio.timeout(30):
                await exchange()
        await self._threads.run(lambda: exchange.response_bytes(200, HEADERS, work(scope.path)))


class RsgiLoop:
    """The service's own way: the same, but what waits for a commit waits in the loop."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._mail = Mail(loop)
        self._threads = Threads(loop, THREADS, self._mail)
        self._uploads = Uploads(Limits(2**30, 30, 2**30))

    async def __rsgi__(self, scope: Any, exchange: Any) -> None:
        if scope.method == "PUT":
            await self._uploads.read(exchange, dict(scope.headers.items()))
        if scope.path == "/claim":
            committed: asyncio.Future[None] = self._loop.create_future()
            committer.tell(partial(self._mail.send, committed, None))
            await committed
            exchange.response_bytes(200, HEADERS, BODY)
        else:
            await self._threads.run(lambda: exchange.response_bytes(200, HEADERS, work(scope.path)))


class RsgiExecutor:
    """RSGI with the standard library's executor."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._executor = ThreadPoolExecutor(THREADS)

    async def __rsgi__(self, scope: Any, exchange: Any) -> None:
        if scope.method == "PUT":
            async with asyncio.timeout(30):
                await exchange()
        exchange.response_bytes(200, HEADERS, await self._loop.run_in_executor(self._executor, work, scope.path))


class Asgi:
    """ASGI, without a framework, with the threads of the service."""

    _threads: Threads | None = None

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        if self._threads is None:
            self._threads = Threads(asyncio.get_running_loop(), THREADS)
        if scope["method"] == "PUT":
            async with asyncio.timeout(30):
                while (await receive())["more_body"]:
                    pass
        replies: list[bytes] = []
        await self._threads.run(lambda: replies.append(work(scope["path"])))
        headers = [(name.encode(), value.encode()) for name, value in HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": replies[0]})


rsgi, rsgi_loop, rsgi_executor, asgi = Rsgi(), RsgiLoop(), RsgiExecutor(), Asgi()
sys.setswitchinterval(0.0005)


# The measuring


class Way(NamedTuple):
    name: str
    interface: str
    target: str
    options: tuple[str, ...] = ()


WAYS = (
    Way("WSGI", "wsgi", "wsgi", ("--blocking-threads", str(THREADS))),
    Way("RSGI, own threads", "rsgi", "rsgi"),
    Way("RSGI, waits in loop", "rsgi", "rsgi_loop"),
    Way("RSGI, executor", "rsgi", "rsgi_executor"),
    Way("ASGI, own threads", "asginl", "asgi"),
)


@contextmanager
def served(way: Way, loop: str) -> Iterator[int]:
    """A server with one worker; the pid of that worker."""
    command = [sys.executable, "-m", "granian", "--interface", way.interface, "--port", str(PORT), "--http", "1"]
    command += ["--no-ws", "--backpressure", "4096", "--loop", loop, *way.options, f"entry:{way.target}"]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, cwd=Path(__file__).parent, stdout=log, stderr=log)
        try:
            yield worker_of(server)
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                kill_all(server)


def worker_of(server: subprocess.Popen[bytes]) -> int:
    for _ in range(200):
        time.sleep(0.05)
        try:
            socket.create_connection(("127.0.0.1", PORT), 1).close()
        except OSError:
            continue
        return int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    raise RuntimeError("the server did not start")


def kill_all(server: subprocess.Popen[bytes]) -> None:
    for child in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        os.kill(int(child), 9)
    server.kill()
    server.wait()


def requests_per_second(path: str, seconds: int, script: str | None) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script or "")
        file.flush()
        command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "-s", file.name, f"http://127.0.0.1:{PORT}{path}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec: *([0-9.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


def beside_stalled_uploads() -> str:
    """How long another request takes beside 100 uploads that stall."""
    stalled = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(100)]
    try:
        for each in stalled:
            each.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
        time.sleep(0.5)
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", PORT), 5) as asked:
            asked.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            asked.recv(1000)
        return f"{(time.perf_counter() - began) * 1000:.1f} ms"
    except TimeoutError:
        return "never"
    finally:
        for each in stalled:
            each.close()


def peak_megabytes(worker: int) -> float:
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def growth_by_a_large_body(worker: int) -> str:
    before = peak_megabytes(worker)
    with socket.create_connection(("127.0.0.1", PORT), 60) as asked:
        asked.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (LARGE_MEGABYTES * 2**20))
        for _ in range(LARGE_MEGABYTES):
            asked.sendall(b"x" * 2**20)
        asked.recv(1000)
    return f"{peak_megabytes(worker) - before:.0f} MB"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    loads = (("GET", "/", None), ("PUT", "/", PUT), ("claim", "/claim", PUT))
    kinds = [
        (way, loop) for way in WAYS for loop in (("asyncio", "uvloop") if way.interface != "wsgi" else ("asyncio",))
    ]
    figures: dict[tuple[str, str, str], list[float]] = {}
    print(f"requests/s, {CLIENTS} clients, median (best) of {rounds} rounds of {seconds} s")
    for _ in range(rounds):
        for way, loop in kinds:
            with served(way, loop):
                for name, path, script in loads:
                    rate = requests_per_second(path, seconds, script)
                    figures.setdefault((way.name, loop, name), []).append(rate)
    for way, loop in kinds:
        shown = []
        for name, _, _ in loads:
            rates = figures[way.name, loop, name]
            shown.append(f"{name} {statistics.median(rates):,.0f} ({max(rates):,.0f})")
        with served(way, loop) as worker:
            large = growth_by_a_large_body(worker)
            stalled = beside_stalled_uploads()
        print(
            f"{way.name:21}{loop:9}{'  '.join(shown)}  beside stalled uploads {stalled}  {LARGE_MEGABYTES} MB {large}"
        )


if __name__ == "__main__":
    main()
