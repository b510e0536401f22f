"""Answers of many megabytes over real connections."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from serving import HEADERS, UllageServer

from ullage.model.commands import CreateProvider
from ullage.model.inventory import Inventory
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

CHILDREN = 8
GROUPS = 6
CEILING = 15_000
"""Of the 20,160 ways to give six groups a child each."""
MEGABYTE = 1024 * 1024


@pytest.fixture(name="server", scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UllageServer]:
    url = f"sqlite:///{tmp_path_factory.mktemp('large')}/large.db"
    store = Store.open(url)
    store.upgrade()
    committer = Committer(store)
    root = str(uuid.uuid4())
    committer.run_all([CreateProvider(root, "root")])
    children = [
        CreateProvider(str(uuid.uuid4()), f"child-{number}", root, {"VGPU": Inventory(1)}) for number in range(CHILDREN)
    ]
    committer.run_all(children)
    committer.stop()
    store.close()
    with UllageServer(url, threads=2, candidates_max=CEILING) as server:
        yield server


def question(**more: object) -> str:
    groups = {f"resources{number}": "VGPU:1" for number in range(GROUPS)}
    return "/allocation_candidates?" + urlencode({**groups, "group_policy": "none", **more})


def test_an_answer_that_a_ceiling_cuts_arrives_whole_and_says_so(server: UllageServer) -> None:
    reply = httpx.get(f"{server.url}{question()}", headers=HEADERS, timeout=60)
    assert len(reply.content) > 8 * MEGABYTE
    found = reply.json()
    assert len(found["allocation_requests"]) == CEILING
    assert len(found["provider_summaries"]) == 1 + CHILDREN
    assert reply.headers["ullage-truncated"] == "true"
    assert f"a search was cut short at {CEILING} candidates" in server.log()


def test_an_answer_that_a_limit_ends_is_not_cut(server: UllageServer) -> None:
    reply = httpx.get(f"{server.url}{question(limit=1000)}", headers=HEADERS, timeout=60)
    assert len(reply.json()["allocation_requests"]) == 1000
    assert "ullage-truncated" not in reply.headers


def peak_bytes(server: UllageServer) -> int:
    """The most memory that the worker ever held."""
    main = server.process.pid
    (worker,) = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_clients_that_do_not_read_hold_neither_threads_nor_their_answers(server: UllageServer) -> None:
    httpx.get(f"{server.url}{question()}", headers=HEADERS, timeout=60).raise_for_status()
    before = peak_bytes(server)
    head = (
        f"GET {question()} HTTP/1.1\r\nhost: x\r\nx-auth-token: admin\r\nopenstack-api-version: placement 1.39\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(8):
            stalled = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            stalled.sendall(head.encode())
            assert stalled.recv(12) == b"HTTP/1.1 200"
        small = httpx.get(f"{server.url}{question(limit=1)}", headers=HEADERS, timeout=60)
        assert len(small.json()["allocation_requests"]) == 1
        assert peak_bytes(server) - before < 60 * MEGABYTE  # all eight answers together have more than 80
