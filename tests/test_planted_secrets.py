"""A served session with secrets in everything that is sent, and what its log holds of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import planted
import pytest
from api.wires import exchange
from serving import UllageServer

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+ \S.*|  \S.*")
"""A record, or what was raised below it."""
FORGED = "2026-01-01T00:00:00.000Z INFO ullage.request [req-forged] 1.2.3.4"
SECRET_HEADERS = [
    *("X-Auth-Token", "X-Service-Token", "X-Subject-Token", "Authorization", "Cookie", "Proxy-Authorization"),
    *("X-Roles", "X-User-Id", "X-Project-Id", "X-Openstack-Request-Id", "X-Forwarded-For", "Accept", "Origin"),
]


def request(line: str, body: object = None, **headers: str) -> bytes:
    """A request of an administrator, as bytes."""
    raw = b"" if body is None else json.dumps(body).encode()
    said = {"Host": "example.org", "X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.39"}
    said |= {"X-Roles": "admin,service", "Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{line} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + raw


def test_a_session_full_of_secrets_logs_none(database_url: str) -> None:
    with UllageServer(database_url, auth="noauth2", log_level="debug") as server:

        def ask(line: str, body: object = None) -> int:
            status, reply = exchange(server.port, request(line, body))
            assert status < 500, reply
            return status

        for name in SECRET_HEADERS:
            for value in (planted.TOKEN, f"Bearer {planted.TOKEN}"):
                assert exchange(server.port, request("GET /resource_providers", **{name: value}))[0] < 500
        secret = f"CUSTOM_{planted.BODY}"
        provider = {"name": planted.BODY, "uuid": UUID}
        assert ask("POST /resource_providers", provider) == 200
        assert ask("POST /resource_providers", {**provider, "uuid": UUID[::-1]}) >= 400
        assert ask("POST /resource_classes", {"name": secret}) == 400
        claim = {
            "allocations": {UUID: {"resources": {"VCPU": 1}}},
            "project_id": planted.BODY,
            "user_id": planted.BODY,
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
        }
        assert ask(f"PUT /allocations/{UUID}", claim) == 409
        assert ask(f"PUT /allocations/{UUID}", {**claim, planted.BODY: planted.TOKEN}) == 400
        for key in ("token", "password", "X-Auth-Token", "api_key", "secret"):
            ask(f"GET /resource_providers?{key}={planted.TOKEN}&name=a")
            ask(f"GET /resource_providers?{key}%3D{planted.TOKEN}")
        exchange(server.port, request("GET /resource_providers", **{"X-Auth-Token": "é" * 100}))
        exchange(server.port, b"\x16\x03\x01 " + planted.TOKEN.encode() + b"\r\n\r\n")
        exchange(server.port, request("GET /a", **{"Content-Length": planted.TOKEN}))
    # UllageServer has looked for the secrets in the log; without a session they would be nowhere, too.
    assert server.finished_log.count("ullage.request") > 30
    assert not [line for line in server.finished_log.splitlines() if not LINE.fullmatch(line)]


def test_nothing_that_is_sent_forges_a_line(tmp_path: Path) -> None:
    evil = [f"\x1b[2K\x1b[1A{FORGED}", f"a\x85{FORGED}", f'" status: 200 {FORGED}', f"\t{FORGED}", f"a\x0b\x0c{FORGED}"]
    with UllageServer(f"sqlite:///{tmp_path / 'u.db'}", auth="noauth2", log_level="debug") as server:
        for text in (*evil, f"a\n{FORGED}", f"a\r\n{FORGED}", f"a\x00{FORGED}", f"a\u2028{FORGED}", f"\u202e{FORGED}"):
            for line in (f"GET /{quote(text)}", f"GET /resource_providers?name={quote(text)}", "GET /traits"):
                exchange(server.port, request(line))
            exchange(server.port, request("POST /resource_providers", {"name": text}))
        for text in evil:
            for name in ("X-Auth-Token", "X-Openstack-Request-Id", "X-Project-Id", "OpenStack-API-Version", "Host"):
                exchange(server.port, request("GET /traits", **{name: text}))
            exchange(server.port, f"GET /{text} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
            exchange(server.port, f"{text} / HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
    lines = server.finished_log.splitlines()
    assert len(lines) > 40
    assert not [line for line in lines if not LINE.fullmatch(line) or not line.isprintable()]
    assert not [line for line in lines if line.startswith("2026-01-01T00:00:00.000Z")]


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_database_that_is_not_there_costs_no_password(command: str, tmp_path: Path) -> None:
    for scheme in ("postgresql", "mysql"):
        ended = subprocess.run(
            [sys.executable, "-m", "ullage", command],
            cwd=tmp_path,
            env=os.environ | {"ULLAGE_DATABASE": f"{scheme}://u:{planted.PASSWORD}@127.0.0.1:9/nothing"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode != 0
        planted.require_none(ended.stdout + ended.stderr)
        assert "127.0.0.1" in ended.stderr
