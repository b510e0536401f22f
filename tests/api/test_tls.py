"""HTTPS, served by the service itself."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from certificates import Authority
from serving import HEADERS, UllageServer

from ullage.api.certificate import Certificate
from ullage.settings import Settings, SettingsError

PASSWORD = "a password"
RELOAD_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"))


def settings(certificate: Path, key: Path) -> Settings:
    return Settings(tls_certificate=str(certificate), tls_key=str(key))


# The files


def test_without_a_certificate_there_is_none() -> None:
    assert Certificate.of(Settings()) is None


def test_a_certificate_and_its_key_go_together(authority: Authority) -> None:
    certificate, key = authority.signed("one")
    _, other_key = authority.signed("two")
    assert Certificate.of(settings(certificate, key)) is not None
    with pytest.raises(SettingsError, match="option tls_key: '' is not accepted"):
        Settings(tls_certificate=str(certificate))
    with pytest.raises(SettingsError, match=r"do not fit together.*KEY_VALUES_MISMATCH"):
        Certificate.of(settings(certificate, other_key))
    with pytest.raises(SettingsError, match="a file cannot be read"):
        Certificate.of(settings(certificate, authority.folder / "nothing"))


def test_a_key_with_a_password_is_refused(authority: Authority) -> None:
    certificate, key = authority.signed("locked", password=PASSWORD)
    with pytest.raises(SettingsError, match="or the key has a password"):
        Certificate.of(settings(certificate, key))


def test_changed_files_are_noticed_once_and_only_if_they_fit(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    certificate, key = authority.signed("changing")
    new_certificate, new_key = authority.signed("changed")
    watched = Certificate(settings(certificate, key), lambda: now[0])
    caplog.set_level(logging.INFO)
    logging.getLogger("ullage").propagate = True
    assert not watched.has_changed()
    os.replace(new_certificate, certificate)
    assert not watched.has_changed()  # it looks only now and then
    now[0] += 10
    assert not watched.has_changed()
    assert "the old certificate is served on" in caplog.text
    os.replace(new_key, key)
    now[0] += 10
    assert watched.has_changed()
    now[0] += 10
    assert not watched.has_changed()


# The service


def s_client(port: int, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_https_is_served_from_1_2_on_and_a_new_certificate_while_requests_go_on(
    authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.signed("served")
    with UllageServer(
        f"sqlite:///{tmp_path}/u.db",
        authority=authority.certificate,
        tls_certificate=certificate,
        tls_key=key,
        workers=2,
    ) as server:
        reply = httpx.get(f"{server.url}/resource_providers", headers=HEADERS, verify=server.trusted)
        assert reply.json() == {"resource_providers": []}
        created = httpx.post(
            f"{server.url}/resource_providers", headers=HEADERS, verify=server.trusted, json={"name": "cn"}
        )
        assert created.json()["links"][0]["href"].startswith("/resource_providers/")
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(server.url)
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.url.replace("https", "http"))
        assert "Protocol  : TLSv1.2" in s_client(server.port, "-tls1_2")
        assert "TLSv1.3" in s_client(server.port, "-tls1_3")
        assert "Cipher is (NONE)" in s_client(server.port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        assert "CN = served" in s_client(server.port)
        # what a worker that ends has accepted and not yet read is closed unread: one connection of each at the most
        assert len(renewed_under_load(server, authority, certificate, key)) <= 2


def renewed_under_load(server: UllageServer, authority: Authority, certificate: Path, key: Path) -> list[str]:
    """The failures of requests while the certificate is replaced and until workers serve the new one alone."""
    new_certificate, new_key = authority.signed("renewed")
    failures: list[str] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                httpx.get(f"{server.url}/traits", headers=HEADERS, verify=server.trusted).raise_for_status()
            except httpx.HTTPError as error:
                failures.append(repr(error))

    asker = threading.Thread(target=ask)
    asker.start()
    os.replace(new_key, key)
    os.replace(new_certificate, certificate)
    deadline = time.monotonic() + RELOAD_SECONDS_MAX
    while server.log().count("Stopped old worker") < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    is_over.set()
    asker.join()
    assert "CN = renewed" in s_client(server.port)
    return failures
