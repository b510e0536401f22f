"""What is seen of services that really answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from certificates import Authority
from cli.running import Service
from nginx import Nginx

from ullage.review import gather
from ullage.review.checks import reviewed
from ullage.review.gather import deployment
from ullage.review.processes import listening
from ullage.review.service import asked
from ullage.settings import Settings
from ullage.storage.unit import Store

SUBJECTS = '["CN=nova,O=Example"]\nuser = "nova"\nroles = ["admin"]\n'


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/ullage.db"
    store = Store.open(url)
    store.upgrade()
    store.close()
    return url


def test_a_service_that_is_well_gives_nothing_away(url: str) -> None:
    with Service(url, auth="tokens") as service:
        found = asked(service.url, Settings(database=url))
    assert (found.newest_version, found.names_program) == ("1.39", "")
    assert (found.admits_any_origin, found.admits_credentials) == (False, False)
    assert (found.status_without_credentials, set(found.statuses_of_forgeries.values())) == (401, {401})


def test_a_service_that_any_page_may_call_is_seen(url: str) -> None:
    with Service(url, "--cors-origins", "*", auth="tokens") as service:
        found = asked(service.url, Settings(database=url))
    assert (found.admits_any_origin, found.admits_credentials) == (True, False)


def test_a_certificate_that_anybody_can_tell_of_is_tried(url: str, tmp_path: Path) -> None:
    subjects = tmp_path / "certificates.toml"
    subjects.write_text(SUBJECTS)
    settings = Settings(
        database=url, auth="certificates", certificates_file=str(subjects), certificates_proxies=("127.0.0.1",)
    )
    given = ("--certificates-file", str(subjects), "--certificates-proxies", "127.0.0.1")
    with Service(url, *given, auth="certificates") as service:
        found = asked(service.url, settings)
        with Nginx(Authority.new(tmp_path), service.url) as proxy:
            before = asked(proxy.url, settings)
    let_in = [what for what, status in found.statuses_of_forgeries.items() if status == 200]
    assert let_in == ["the headers that tell of a certificate (CN=nova,O=Example)"]
    assert set(before.statuses_of_forgeries.values()) == {401}
    assert before.former_tls == ()


def test_a_proxy_that_speaks_former_tls_and_names_itself_is_seen(url: str, tmp_path: Path) -> None:
    said = "ssl_verify_client optional;"
    weak = f"{said} ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;"
    with Service(url, auth="tokens") as service, Nginx(Authority.new(tmp_path), service.url, **{said: weak}) as proxy:
        found = asked(proxy.url, Settings(database=url))
    assert found.former_tls == ("TLS 1.1",)
    assert found.names_program.startswith("nginx/")


def test_who_listens_is_seen(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "listening", listening)
    with Service(url, auth="tokens") as service:
        found = deployment(Settings(database=url, port=service.port), None, None)
        same = deployment(Settings(database=url), None, service.url)
    assert found.listener == same.listener
    assert found.listener is not None
    assert found.listener.addresses == ("127.0.0.1",)
    assert listening(service.port, is_own=True) is None
    with Service(url, "--host", "0.0.0.0", auth="tokens") as service:
        wide = deployment(Settings(database=url, auth="tokens", port=service.port), None, None)
    assert wide.listener is not None
    assert wide.listener.addresses == ("0.0.0.0",)
    assert "high" in {each.severity.word for each in reviewed(wide).observations if each.check == "process"}
