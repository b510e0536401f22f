"""A served session whose askers show certificates to a real nginx before it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from certificates import Authority
from cli.running import ullage
from nginx import Nginx
from serving import UllageServer

from ullage.storage.unit import Store

VERSION = {"openstack-api-version": "placement 1.39"}
PATH = "/resource_providers"
ADMIN = "CN=admin,O=Example"
Shown = tuple[Path, Path]
FORGED = {"x-ssl-client-verify": "SUCCESS", "x-ssl-client-s-dn": ADMIN}
ACCENTED = r"CN=Zo\C3\AB\, admin,O=Example"
SUBJECTS = f"""
["{ADMIN}"]
user = "cert-admin"
roles = ["admin"]
['{ACCENTED}']
user = "zoe"
roles = ["admin"]
["CN=reader,O=Example"]
user = "cert-reader"
project = "blue"
roles = ["reader"]
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UllageServer]:
    folder = tmp_path_factory.mktemp("certificates")
    file, database = folder / "certificates.toml", f"sqlite:///{folder}/ullage.db"
    file.write_text(SUBJECTS)
    store = Store.open(database)
    store.upgrade()
    store.close()
    options: dict[str, Any] = {"certificates_file": file, "certificates_proxies": "127.0.0.1,192.0.2.0/24"}
    with UllageServer(database, auth="certificates,tokens", **options) as server:
        yield server
    assert ADMIN not in server.finished_log


@pytest.fixture(scope="module")
def proxy(authority: Authority, service: UllageServer) -> Iterator[Nginx]:
    with Nginx(authority, service.url) as nginx:
        yield nginx


def asked(url: str, authority: Authority, shown: Shown | None = None, **headers: Any) -> httpx.Response:
    """What a question is answered, of one who shows this certificate."""
    trusted = ssl.create_default_context(cafile=authority.certificate)
    if shown is not None:
        trusted.load_cert_chain(*shown)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(verify=trusted, trust_env=False, headers=VERSION | named) as client:
        return client.get(f"{url}{PATH}")


def test_a_certificate_opens_what_its_roles_open(authority: Authority, proxy: Nginx) -> None:
    def status(name: str, subject: str) -> int:
        return asked(proxy.url, authority, authority.signed(name, subject=subject)).status_code

    assert status("admin", "/O=Example/CN=admin") == 200
    assert status("zoe", "/O=Example/CN=Zoë, admin") == 200  # nginx escapes what is no plain ASCII
    assert status("reader", "/O=Example/CN=reader") == 403
    assert status("unknown", "/O=Example/CN=somebody") == 401
    assert status("order", "/CN=admin/O=Example") == 401
    assert status("comma", "/CN=admin,O=Example") == 401


def test_who_shows_none_is_asked_for_a_token(authority: Authority, proxy: Nginx, service: UllageServer) -> None:
    database = service._options["database"]
    token = ullage("token", "create", "--user", "nova", "--role", "admin", "--database", database).stdout.strip()
    assert asked(proxy.url, authority).status_code == 401
    assert asked(proxy.url, authority, x_auth_token=token).status_code == 200
    assert asked(proxy.url, authority, x_auth_token="admin").status_code == 401


def test_what_the_asker_says_through_the_proxy_is_gone(authority: Authority, proxy: Nginx) -> None:
    said: dict[str, Any] = {name.replace("-", "_"): value for name, value in FORGED.items()}
    assert asked(proxy.url, authority, **said).status_code == 401
    reader = authority.signed("reader", subject="/O=Example/CN=reader")
    assert asked(proxy.url, authority, reader, **said).status_code == 403


def test_a_certificate_of_another_authority_is_none(
    authority: Authority, proxy: Nginx, service: UllageServer, tmp_path: Path
) -> None:
    stranger = Authority.new(tmp_path).signed("admin", subject="/O=Example/CN=admin")
    assert asked(proxy.url, authority, stranger).status_code == 400  # nginx's own refusal
    with Nginx(authority, service.url, **{"ssl_verify_client optional;": "ssl_verify_client optional_no_ca;"}) as lax:
        assert asked(lax.url, authority, stranger).status_code == 401
        assert asked(lax.url, authority, authority.signed("admin", subject="/O=Example/CN=admin")).status_code == 200


def test_another_address_than_the_proxys_forges_in_vain(service: UllageServer) -> None:
    def status(address: str, headers: Any) -> int:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=address), headers=VERSION) as client:
            return client.get(f"{service.url}{PATH}", headers=headers).status_code

    assert status("127.0.0.1", FORGED) == 200  # whoever sends from there is the proxy
    assert status("127.0.0.2", FORGED) == 401
    assert status("127.0.0.2", {**FORGED, "x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1"}) == 401


@pytest.mark.parametrize(
    "lines",
    [
        [f"X-SSL-Client-S-DN: {ADMIN}", f"x-ssl-client-s-dn: {ADMIN}", "X-SSL-Client-Verify: SUCCESS"],
        ["X-SSL-Client-S-DN: CN=admin", "X-SSL-Client-S-DN: O=Example", "X-SSL-Client-Verify: SUCCESS"],
        [f"X-SSL-Client-S-DN: {ADMIN}", "X-SSL-Client-Verify: NONE", "X-SSL-Client-Verify: SUCCESS"],
        [f"X-SSL-Client-S-DN: {ADMIN}", "X-SSL-Client-Verify: SUCCESS", "X-SSL-Client-Verify: SUCCESS"],
        [f"X_SSL_Client_S_DN: {ADMIN}", "X_SSL_Client_Verify: SUCCESS"],
        [f"X-SSL-Client-S-DN: {ADMIN}", "X-SSL-Client-Verify: FAILED:certificate has expired"],
        ["X-SSL-Client-S-DN: CN=ädmin,O=Example", "X-SSL-Client-Verify: SUCCESS"],
        [f"X-SSL-Client-S-DN: {ADMIN}"],
    ],
)
def test_the_proxy_itself_must_say_it_once_and_well(service: UllageServer, lines: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        head = "\r\n".join([f"GET {PATH} HTTP/1.1", "Host: a", "Connection: close", *lines, "", ""])
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")
