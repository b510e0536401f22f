"""`ullage` as an operator runs it: as processes of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx

START_SECONDS_MAX = 60


def ullage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ullage", *arguments],
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        env=_environment() | environment,
    )


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A running `ullage serve`; a context."""

    def __init__(self, database_url: str, *options: str, auth: str = "noauth2") -> None:
        """`auth`: the schemes; "" gives the option not at all."""
        self.port = free_port()
        self._complaints = ""
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = ["--port", str(self.port), "--database", database_url, *options]
        self._arguments += ["--auth", auth] if auth else []

    def __enter__(self) -> Service:
        self._folder = tempfile.TemporaryDirectory(prefix="ullage-cli-")
        with self._output.open("w") as output:
            self._start(output)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(self.url, trust_env=False)
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return self
        self.process.kill()
        raise RuntimeError(f"`ullage serve` does not answer:\n{self.process.communicate()[1]}")

    def _start(self, output: IO[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ullage", "serve", "--host", "127.0.0.1", *self._arguments],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(),
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def printed(self) -> str:
        """What it has said on its standard output."""
        return self._output.read_text()

    @property
    def _output(self) -> Path:
        return Path(self._folder.name) / "output"

    def stop(self) -> tuple[int, str]:
        """End it in good order; its status and what it said on its standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if not self._complaints:
            self._complaints = self.process.communicate(timeout=START_SECONDS_MAX)[1] or "\n"
        return self.process.returncode, self._complaints


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ULLAGE")}
