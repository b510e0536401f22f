"""TLS to the database servers, with certificates made here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import servers
from certificates import Authority
from sqlalchemy import make_url

from ullage.review import certificates
from ullage.review.gather import deployment
from ullage.review.identity import Certificates
from ullage.review.report import Severity
from ullage.settings import Settings
from ullage.storage.encryption import Encryption
from ullage.storage.privileges import facts
from ullage.storage.trouble import BadDatabaseUrl, StorageUnavailable
from ullage.storage.unit import Store

NAMES = [name for name in servers.chosen_names() if name != "sqlite"]


TLS_OPTIONS: dict[str, Callable[[Path], list[str]]] = {
    "postgresql": lambda at: ["-c", "ssl=on", "-c", f"ssl_cert_file={at}/tls.pem", "-c", f"ssl_key_file={at}/tls.key"],
    "mariadb": lambda at: [f"--ssl-cert={at}/tls.pem", f"--ssl-key={at}/tls.key"],
}


def encryption(url: str) -> Encryption:
    return Encryption.of(make_url(url))


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_servers_elsewhere_have_to_prove_who_they_are(scheme: str) -> None:
    assert encryption(f"{scheme}://u@db.example.org/d").mode == "verify-full"
    for host in ("127.0.0.1", "127.1.2.3", "localhost", "[::1]", ""):
        assert encryption(f"{scheme}://u@{host}/d").mode is None
    assert encryption(f"{scheme}://u@/d?host=/run/db").mode is None
    assert encryption(f"{scheme}://u@/d?host=db.example.org").mode == "verify-full"
    assert encryption(f"{scheme}://u@db.example.org/d?tls=off").mode == "off"
    assert encryption(f"{scheme}://u@db.example.org/d?sslmode=require").mode is None
    with pytest.raises(BadDatabaseUrl, match="verify-full, require, off"):
        Store.open(f"{scheme}://u@127.0.0.1/d?tls=maybe")
    with pytest.raises(BadDatabaseUrl, match="does not exist"):
        Store.open(f"{scheme}://u@127.0.0.1/d?tls_ca=/nowhere/ca.pem")


def select_one(url: str) -> None:
    store = Store.open(url)
    try:
        with store.looking() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    finally:
        store.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_server_without_tls_is_refused_in_plain_words(name: str) -> None:
    with servers.running(name) as server:
        url = server.new_database()
        select_one(url)
        if name == "postgresql":
            for mode in ("verify-full", "require"):
                with pytest.raises(StorageUnavailable, match="server does not support SSL"):
                    select_one(f"{url}?tls={mode}")
        else:
            with pytest.raises(StorageUnavailable, match=r"SSL|certificate"):
                select_one(f"{url}?tls=verify-full")


@pytest.fixture(params=NAMES)
def encrypted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[servers.Daemon, Authority]]:
    """A server that has a certificate for 127.0.0.1, but not for localhost."""
    authority = Authority.new(tmp_path)
    certificate, key = authority.signed("database")
    with servers.running(request.param) as server:
        assert isinstance(server, servers.Daemon)
        for source, file in ((certificate, "tls.pem"), (key, "tls.key")):
            shutil.copy(source, server.folder / file)
            shutil.chown(server.folder / file, server.user)
            (server.folder / file).chmod(0o600)
        server.stop()
        command = [*server.command(), *TLS_OPTIONS[request.param](server.folder)]
        server.command = lambda: command  # type: ignore[method-assign] # the same server, but with TLS
        server.start()
        yield server, authority


def test_the_certificate_of_a_server_is_seen_by_a_review(encrypted: tuple[servers.Daemon, Authority]) -> None:
    server, authority = encrypted
    url = server.new_database()
    found = facts(f"{url}?tls=verify-full&tls_ca={authority.certificate}")
    assert found.is_encrypted
    assert found.verifies_server
    (shown,) = certificates.of_database(found.certificate, certificates.now())
    assert (shown.place, shown.subject, shown.problem) == ("the database server", "CN=database", "")
    assert 1 < shown.days_left <= 2
    assert facts(f"{url}?tls=off").certificate is None
    reviewed = deployment(Settings(database=f"{url}?tls=require"), None, None)
    assert [each.subject for each in reviewed.certificates] == ["CN=database"]
    over = replace(reviewed, certificates=(replace(reviewed.certificates[0], days_left=-1),))
    ((severity, seen, _),) = Certificates().look(over)
    assert severity is Severity.HIGH
    assert "CN=database (the database server)" in seen


def test_a_certificate_of_a_server_that_cannot_be_read_is_said() -> None:
    (shown,) = certificates.of_database(b"no certificate", certificates.now())
    assert shown.problem == "it cannot be read"
    assert certificates.of_database(None, certificates.now()) == []


def test_a_server_with_tls_is_verified(encrypted: tuple[servers.Daemon, Authority], tmp_path: Path) -> None:
    server, authority = encrypted
    url = server.new_database()
    select_one(f"{url}?tls=verify-full&tls_ca={authority.certificate}")
    select_one(f"{url}?tls=require")
    with pytest.raises(StorageUnavailable, match=r"(?i)certificate"):
        select_one(f"{url}?tls=verify-full")
    elsewhere = url.replace("127.0.0.1", "localhost")
    with pytest.raises(StorageUnavailable, match=r"(?i)certificate|hostname|host name"):
        select_one(f"{elsewhere}?tls=verify-full&tls_ca={authority.certificate}")
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(StorageUnavailable, match=r"(?i)certificate"):
        select_one(f"{url}?tls_ca={Authority.new(other).certificate}")
