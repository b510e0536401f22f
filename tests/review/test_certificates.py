"""What is read of certificates that are really there."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from certificates import Authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ullage.review import certificates
from ullage.review.gather import deployment
from ullage.settings import Settings

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def written(path: Path, key: Key, begin_days: float = -30, end_days: float = 60) -> x509.Certificate:
    """A certificate that signs itself, added to a file."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"for {end_days:g} days\n")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW + timedelta(begin_days)).not_valid_after(NOW + timedelta(end_days))
    made = builder.sign(key, hashes.SHA256())
    with path.open("ab") as file:
        file.write(made.public_bytes(serialization.Encoding.PEM))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chain.pem"


def test_each_certificate_that_is_served_is_read(file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    written(file, key)
    written(file, rsa.generate_private_key(65537, 1024), end_days=-1)
    written(file, ec.generate_private_key(ec.SECP192R1()), begin_days=1)
    found = certificates.of_settings(Settings(tls_certificate=str(file), tls_key="key.pem"), NOW)
    assert [each.days_left for each in found] == [60, -1, 60]
    assert [each.life_days for each in found] == [90, 29, 59]
    assert [each.weakness for each in found] == ["", "a key of 1024 bits", "a key of 192 bits"]
    assert [each.problem for each in found] == ["", "", "it does not hold yet"]
    assert not any(each.signs_itself for each in found)  # of a chain, the others stand behind the first
    assert found[0].subject == "CN=for 60 days\\n"


def test_a_certificate_that_signs_itself_or_names_no_host_is_seen(file: Path, tmp_path: Path) -> None:
    written(file, ec.generate_private_key(ec.SECP256R1()))
    settings = Settings(tls_certificate=str(file), tls_key="key.pem", database_ca=str(file))
    own, trusted = certificates.of_settings(settings, NOW)
    assert (own.signs_itself, own.has_names) == (True, False)
    assert (trusted.signs_itself, trusted.has_names) == (False, True)
    signed, _ = Authority.new(tmp_path).signed("served")
    well = certificates.of_settings(Settings(tls_certificate=str(signed), tls_key="key.pem"), NOW)
    assert [(each.signs_itself, each.has_names) for each in well] == [(False, True)]


def test_of_authorities_the_one_that_holds_longest_is_read(file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    for end_days in (-10, 400, 5):
        written(file, key, end_days=end_days)
    found = certificates.of_settings(Settings(database_ca=str(file)), NOW)
    assert [(each.place, each.days_left) for each in found] == [("database_ca", 400)]


@pytest.mark.parametrize("content", [b"", b"no certificate", None])
def test_what_cannot_be_read_is_said(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    settings = Settings(database_ca=str(file), tls_certificate=str(file), tls_key="key.pem")
    assert [each.problem for each in certificates.of_settings(settings, NOW)] == ["it cannot be read"] * 2


def test_a_weak_signature_counts_where_somebody_rests_on_it() -> None:
    weak = {each: certificates.weak_signature(each, signs_itself=False) for each in ("md5", "sha1", "sha256", None)}
    assert [name for name, is_weak in weak.items() if is_weak] == ["md5", "sha1"]
    assert not certificates.weak_signature("sha1", signs_itself=True)


def test_the_certificate_that_a_service_shows_is_read_and_whether_it_is_believed(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    certificate, key = authority.signed("served")
    with served(certificate, key) as url:
        found = deployment(Settings(database=f"sqlite:///{tmp_path}/none.db"), None, url)
    assert found.service is not None
    assert found.service.status_without_credentials == 401
    assert "issuer certificate" in found.service.distrust
    assert [(each.place, each.subject) for each in found.certificates] == [(url, "CN=served")]
    assert 1 < found.certificates[0].days_left <= 2


def test_a_service_that_is_trusted_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority.new(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with served(*authority.signed("served")) as url:
        found = deployment(Settings(database=f"sqlite:///{tmp_path}/none.db"), None, url)
    assert found.service is not None
    assert found.service.distrust == ""


class _Refuses(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *said: object) -> None:
        """Nothing."""


@contextmanager
def served(certificate: Path, key: Path) -> Iterator[str]:
    """An https:// url of loopback where every question is answered 401."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refuses)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
