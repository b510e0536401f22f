"""HTTPS, served by the service itself."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from certificates import Authority
from cryptography import x509
from serving import HEADERS, UllageServer

from ullage.api.certificate import Certificate, Unfit, _opened
from ullage.settings import Settings, SettingsError

PASSWORD = "a password"
RELOAD_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"))


def settings(certificate: Path, key: Path, **more: str) -> Settings:
    return Settings(tls_certificate=str(certificate), tls_key=str(key), **more)  # type: ignore[arg-type] # all are text


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


def test_a_key_with_a_password_is_opened_with_the_right_one_alone(authority: Authority) -> None:
    certificate, key = authority.signed("locked", password=PASSWORD)
    file = authority.folder / "password"
    file.write_text(f"{PASSWORD}\nnot this line\n")
    for given in ({"tls_key_password": PASSWORD}, {"tls_key_password_file": str(file), "tls_key_password": "wrong"}):
        found = Certificate.of(settings(certificate, key, **given))
        assert found is not None
        assert b"BEGIN PRIVATE KEY" in Path(found.pair.key).read_bytes()
    with pytest.raises(SettingsError, match=r"has a password, which tls_key_password_file or the environment"):
        Certificate.of(settings(certificate, key))
    with pytest.raises(SettingsError, match=r"the password does not open the key") as caught:
        Certificate.of(settings(certificate, key, tls_key_password="guessed"))
    assert "guessed" not in str(caught.value)
    with pytest.raises(SettingsError, match=r"option tls_key_password_file: .* cannot be read"):
        Certificate.of(settings(certificate, key, tls_key_password_file=f"{file}.gone"))


LOCKED = [
    ("genrsa", "-aes256", "-traditional", "-passout", f"pass:{PASSWORD}"),
    ("genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", f"pass:{PASSWORD}"),
]


@pytest.mark.parametrize("command", LOCKED)
def test_every_way_to_lock_a_key_is_opened(command: tuple[str, ...]) -> None:
    done = subprocess.run(["openssl", *command], capture_output=True, text=True, check=True)
    assert "ENCRYPTED" in done.stdout
    assert b"BEGIN PRIVATE KEY" in _opened(done.stdout.encode(), PASSWORD)
    with pytest.raises(Unfit, match="does not open"):
        _opened(done.stdout.encode(), "guessed")


def test_no_password_can_be_given_on_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ullage", "serve", "--tls-key-password", PASSWORD],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert "***" in repr(Settings(tls_key_password=PASSWORD))


class Watched:
    """A certificate that is looked at again and again, and what the log says of it."""

    def __init__(self, log: pytest.LogCaptureFixture, certificate: Path, key: Path, **more: str) -> None:
        self._now = 0.0
        self._log = log
        log.set_level(logging.INFO)
        self.certificate = Certificate(settings(certificate, key, **more), lambda: self._now)

    def look(self) -> bool:
        """Whether a new certificate is there; the log is that of this look."""
        self._log.clear()
        self._now += 10
        return self.certificate.has_changed()

    @property
    def served(self) -> str:
        """What is served now: who it is of, if the key fits."""
        pair = self.certificate.pair
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key)
        found = x509.load_pem_x509_certificate(Path(pair.certificate).read_bytes())
        return found.subject.rfc4514_string()


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    return caplog


def test_changed_files_are_noticed_once_and_only_if_they_fit(
    authority: Authority, log: pytest.LogCaptureFixture
) -> None:
    certificate, key = authority.signed("changing")
    new_certificate, new_key = authority.signed("changed")
    watched = Watched(log, certificate, key)
    assert not watched.look()
    os.replace(new_certificate, certificate)
    assert not watched.look()
    assert "the old certificate is served on: the certificate and its key do not fit together" in log.text
    assert watched.served == "CN=changing"
    assert not watched.certificate.has_changed()  # it looks only now and then
    os.replace(new_key, key)
    assert watched.look()
    assert watched.served == "CN=changed"
    assert not watched.look()


def test_half_a_file_and_no_file_are_not_served(authority: Authority, log: pytest.LogCaptureFixture) -> None:
    certificate, key = authority.signed("whole")
    new_certificate, new_key = authority.signed("next")
    watched = Watched(log, certificate, key)
    whole = new_certificate.read_bytes()
    os.replace(new_key, key)
    for broken in (b"", whole[:100], whole[:-30], whole + whole[:100]):
        certificate.write_bytes(broken)
        assert not watched.look()
        assert "the old certificate is served on" in log.text
    certificate.unlink()
    assert not watched.look()
    assert "a file cannot be read (No such file or directory)" in log.text
    assert watched.served == "CN=whole"
    certificate.write_bytes(whole)
    assert watched.look()
    assert watched.served == "CN=next"


def test_a_link_that_leads_elsewhere_is_a_change(authority: Authority, log: pytest.LogCaptureFixture) -> None:
    secret = Secret(authority.folder / "secret", *authority.signed("linked"))
    watched = Watched(log, secret.certificate, secret.key)
    secret.replace(*authority.signed("linked-anew"))
    assert watched.look()
    assert watched.served == "CN=linked-anew"


def test_a_password_that_comes_after_its_key_is_a_change(authority: Authority, log: pytest.LogCaptureFixture) -> None:
    certificate, key = authority.signed("open")
    file = authority.folder / "later"
    file.write_text("old")
    watched = Watched(log, certificate, key, tls_key_password_file=str(file))
    new_certificate, new_key = authority.signed("locked-later", password=PASSWORD)
    os.replace(new_certificate, certificate)
    os.replace(new_key, key)
    assert not watched.look()
    assert "the password does not open the key" in log.text
    file.write_text(PASSWORD)
    assert watched.look()
    assert watched.served == "CN=locked-later"


class Secret:
    """A pair of files behind links, as Kubernetes mounts secrets: all are replaced at once, by one link."""

    def __init__(self, folder: Path, certificate: Path, key: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._number = 0
        self._link(certificate, key)
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")

    @property
    def certificate(self) -> Path:
        return self._folder / "tls.crt"

    @property
    def key(self) -> Path:
        return self._folder / "tls.key"

    def replace(self, certificate: Path, key: Path) -> None:
        """Let the link lead to a new folder with these; the old one is removed."""
        old = (self._folder / "..data").resolve()
        self._link(certificate, key)
        shutil.rmtree(old)

    def _link(self, certificate: Path, key: Path) -> None:
        self._number += 1
        version = self._folder / f"..{self._number}"
        version.mkdir()
        shutil.copy(certificate, version / "tls.crt")
        shutil.copy(key, version / "tls.key")
        new = self._folder / "..data_tmp"
        new.symlink_to(version.name)
        os.replace(new, self._folder / "..data")


# The service


def s_client(port: int, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_https_is_served_from_1_2_on(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.signed("served", password=PASSWORD)
    with UllageServer(
        f"sqlite:///{tmp_path}/u.db",
        authority=authority.certificate,
        tls_certificate=certificate,
        tls_key=key,
        tls_key_password=PASSWORD,
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
        for old in ("-tls1", "-tls1_1"):
            assert "Cipher is (NONE)" in s_client(server.port, old, "-cipher", "ALL:@SECLEVEL=0")
        for weak in ("aNULL", "eNULL", "kRSA", "ECDHE-RSA-AES128-SHA"):
            assert "Cipher is (NONE)" in s_client(server.port, "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0"), weak
        assert "CN = served" in s_client(server.port)
        assert PASSWORD not in server.log()


def test_1_2_is_refused_where_1_3_is_asked_for(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.signed("newest")
    url = f"sqlite:///{tmp_path}/u.db"
    options = {"tls_certificate": certificate, "tls_key": key, "tls_minimum": "tls1.3"}
    with UllageServer(url, port=None, authority=authority.certificate, **options) as server:
        assert "TLSv1.3" in s_client(server.port)
        assert "Cipher is (NONE)" in s_client(server.port, "-tls1_2")


class Clients:
    """Askers that go on and on, each on one connection or each time on a new one; what failed is in `failures`."""

    def __init__(self, server: UllageServer) -> None:
        self.failures: list[str] = []
        self.count = 0
        self._server = server
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=task) for task in (*[self._stay] * 3, *[self._come_anew] * 5)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _stay(self) -> None:
        with httpx.Client(verify=self._server.trusted, headers=HEADERS) as client:
            while not self._is_over.is_set():
                self._ask(client)

    def _come_anew(self) -> None:
        while not self._is_over.is_set():
            with httpx.Client(verify=self._server.trusted, headers=HEADERS) as client:
                self._ask(client)

    def _ask(self, client: httpx.Client) -> None:
        self.count += 1
        try:
            client.get(f"{self._server.url}/traits/HW_CPU_X86_VMX").raise_for_status()
        except httpx.HTTPError as error:
            self.failures.append(repr(error))


def wait_for(server: UllageServer, words: str, count: int) -> None:
    """Until the log has them so often."""
    deadline = time.monotonic() + RELOAD_SECONDS_MAX
    while server.log().count(words) < count:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.1)


def test_certificates_are_replaced_and_no_request_is_lost(authority: Authority, tmp_path: Path) -> None:
    secret = Secret(tmp_path / "secret", *authority.signed("first"))
    with UllageServer(
        f"sqlite:///{tmp_path}/u.db",
        authority=authority.certificate,
        tls_certificate=secret.certificate,
        tls_key=secret.key,
        workers=2,
    ) as server:
        wait_for(server, "are in memory", 2)
        with Clients(server) as clients:
            secret.replace(*authority.signed("second"))
            wait_for(server, "Stopped old worker", 2)
            assert "CN = second" in s_client(server.port)
            certificate, key = authority.signed("third")
            os.replace(certificate, secret.certificate)  # no link any more, and for now no key
            wait_for(server, "the old certificate is served on", 1)
            assert "CN = second" in s_client(server.port)
            os.replace(key, secret.key)
            wait_for(server, "Stopped old worker", 4)
            assert "CN = third" in s_client(server.port)
        assert clients.failures == []
        assert clients.count > 100
        secret.certificate.write_text("half a")
        for child in worker_pids(server):
            os.kill(child, signal.SIGKILL)
        wait_for(server, "Spawning worker", 8)
        wait_for(server, "are in memory", 8)
        assert "CN = third" in s_client(server.port)


def worker_pids(server: UllageServer) -> list[int]:
    main = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
