"""A database that cannot be reached."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import free_port

from api.stand import ADMIN, JSON, ask, error, header
from ullage.api.app import App
from ullage.api.routes import ROUTES
from ullage.settings import Settings
from ullage.wiring import build_service

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"


@pytest.fixture(name="url", params=["postgresql", "mysql"])
def _url(request: pytest.FixtureRequest) -> str:
    return f"{request.param}://ullage:s3cret@127.0.0.1:{free_port()}/ullage"


@pytest.fixture(name="app")
def _app(url: str) -> Iterator[App]:
    settings = Settings(database=url, auth="noauth2")
    service = build_service(settings)
    yield App(service, settings, ROUTES)
    service.committer.stop()
    service.store.close()


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/resource_providers", b""),
        ("GET", f"/resource_providers/{UUID}", b""),
        ("GET", "/allocation_candidates?resources=VCPU:1", b""),
        ("PUT", "/traits/CUSTOM_A", b""),
        ("POST", "/resource_providers", b'{"name":"host"}'),
        ("DELETE", f"/allocations/{UUID}", b""),
    ],
)
def test_an_asker_is_told_to_come_back_and_the_operator_is_told_why(
    app: App,
    method: str,
    target: str,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    response = ask(app, method, target, {**ADMIN, **JSON} if body else ADMIN, body, "1.39")
    assert response.status == 503
    assert header(response, "retry-after") == "1"
    assert "127.0.0.1" not in error(response)["detail"]
    assert "cannot be reached" in error(response)["detail"]
    assert any("not served: " in line and "database (127.0.0.1" in line for line in caplog.messages)
    assert "s3cret" not in caplog.text


def test_the_version_document_needs_no_database(app: App) -> None:
    assert ask(app, "GET", "/").status == 200


def test_a_server_does_not_start_without_its_database(url: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ullage", "serve", "--port", str(free_port()), "--database", url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "database (127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "s3cret" not in ended.stderr + ended.stdout
