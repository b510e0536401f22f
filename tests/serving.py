"""`ullage serve` as a process of its own, on a loopback port, and the way to empty it by its API."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import planted

START_SECONDS_MAX = 60.0
HEADERS = {"x-auth-token": "admin", "openstack-api-version": "placement 1.39", **planted.HEADERS}


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class UllageServer:
    """A running `ullage serve` with these options (named as in settings); it ends with the block."""

    command: tuple[str, ...] = (sys.executable, "-m", "ullage", "serve")
    finished_log = ""
    """All that the process had printed when it ended."""

    def __init__(self, database: str, *, port: int | None = None, **options: Any) -> None:
        """`authority` is no setting: the certificate that is trusted, where the service has one of its own."""
        authority: Path | None = options.pop("authority", None)
        self.port = port or free_port()
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.port}"
        self.trusted = True if authority is None else ssl.create_default_context(cafile=authority)
        self._options = {"database": database, "port": self.port, "auth": "noauth2", **options}

    def __enter__(self) -> UllageServer:
        self._folder = tempfile.TemporaryDirectory(prefix="ullage-serve-")
        self._log = (Path(self._folder.name) / "log").open("wb")
        given = {f"ULLAGE_{name.upper()}": str(value) for name, value in self._options.items()}
        self._process = subprocess.Popen(
            self.command,
            cwd=self._folder.name,
            env=os.environ | given,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        self.finished_log = self.log()
        self._folder.cleanup()
        planted.require_none(self.finished_log)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The main process."""
        return self._process

    def log(self) -> str:
        """All that the process has printed."""
        return (Path(self._folder.name) / "log").read_text(errors="replace")

    def empty(self) -> None:
        """Delete everything that can be deleted; aggregates stay, for nothing shows them."""
        with httpx.Client(base_url=self.url, headers=HEADERS, timeout=60) as client:
            providers = client.get("/resource_providers").json()["resource_providers"]
            for provider in providers:
                held = client.get(f"/resource_providers/{provider['uuid']}/allocations").json()["allocations"]
                for consumer in held:
                    client.delete(f"/allocations/{consumer}").raise_for_status()
            _delete_trees(client, providers)
            for kind in ("resource_classes", "traits"):
                for entry in client.get(f"/{kind}").json()[kind]:
                    name = entry if isinstance(entry, str) else entry["name"]
                    if name.startswith("CUSTOM_"):
                        client.delete(f"/{kind}/{name}").raise_for_status()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                httpx.get(self.url, verify=self.trusted).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise RuntimeError(f"`ullage serve` did not start:\n{self.log()[-4000:]}")


def _delete_trees(client: httpx.Client, providers: list[dict[str, Any]]) -> None:
    """Delete providers, those below before those above."""
    children: dict[str | None, list[str]] = {}
    for provider in providers:
        children.setdefault(provider["parent_provider_uuid"], []).append(provider["uuid"])
    order = list(children.get(None, ()))
    for uuid in order:
        order += children.get(uuid, ())
    for uuid in reversed(order):
        client.delete(f"/resource_providers/{uuid}").raise_for_status()
