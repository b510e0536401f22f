"""Client certificates as a proxy tells of them: who is believed, and all the ways in which one may not be."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from api.test_entries import Asked, GivenHeaders
from ullage.api import rsgi
from ullage.api.auth import NotIdentified
from ullage.api.auth.certificates import LOOK_SECONDS, Certificates
from ullage.api.http import Identity, Request
from ullage.api.wsgi import wsgi_application
from ullage.settings import Settings, SettingsError
from ullage.wiring import build_app

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "certificates.toml")
NOVA = "CN=nova,OU=compute,O=Example"
PROXY, STRANGER = "192.0.2.7", "192.0.2.8"


def settings(**options: Any) -> Settings:
    given = {"certificates_file": EXAMPLE, "certificates_proxies": (PROXY, "198.51.100.0/24", "2001:db8::/64")}
    return Settings(auth="certificates", **{**given, **options})


def request(address: str, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", b"/", b"", named, remote_address=address)


def shown(address: str = PROXY, subject: str = NOVA, verified: str = "SUCCESS") -> Request:
    return request(address, x_ssl_client_verify=verified, x_ssl_client_s_dn=subject)


def identified(asked: Request, **options: Any) -> Identity | None:
    return Certificates(settings(**options)).identify(asked, may_wait=False)


def test_a_verified_subject_is_whom_the_file_says() -> None:
    assert identified(shown()) == Identity("nova", None, frozenset({"service"}))
    alice = identified(shown(subject="CN=alice,O=Example"))
    assert alice == Identity("alice", "blue", frozenset({"reader", "member"}))


@pytest.mark.parametrize("address", [PROXY, "198.51.100.200", "2001:db8::9", f"::ffff:{PROXY}"])
def test_proxies_are_addresses_and_networks(address: str) -> None:
    assert identified(shown(address)) is not None


@pytest.mark.parametrize(
    "address",
    [STRANGER, "127.0.0.1", "::1", "2001:db8:0:1::1", "::ffff:127.0.0.1", "", "localhost", f"{PROXY}, 1.2.3.4"],
)
def test_from_anywhere_else_the_headers_are_not_even_looked_at(address: str) -> None:
    class Untouched(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            raise ValueError(f"{name} was looked at")

    forged = shown(address)
    forged.headers = Untouched(forged.headers)
    assert identified(forged) is None
    forged.headers = {**forged.headers, "x-forwarded-for": PROXY, "forwarded": f"for={PROXY}", "x-real-ip": PROXY}
    assert identified(forged) is None


@pytest.mark.parametrize("verified", [None, "NONE", ""])
def test_who_shows_no_certificate_is_left_to_other_schemes(verified: str | None) -> None:
    asked = request(PROXY) if verified is None else request(PROXY, x_ssl_client_verify=verified)
    assert identified(asked) is None


@pytest.mark.parametrize(
    "verified",
    ["FAILED:certificate has expired", "GENEROUS", "NONE", "", "success", "SUCCESS ", "0", "SUCCESS,SUCCESS"],
)
def test_a_certificate_that_is_not_verified_is_refused(verified: str) -> None:
    with pytest.raises(NotIdentified):
        identified(shown(verified=verified))
    with pytest.raises(NotIdentified):
        identified(request(PROXY, x_ssl_client_s_dn=NOVA))
    if verified not in ("NONE", ""):
        with pytest.raises(NotIdentified):
            identified(request(PROXY, x_ssl_client_verify=verified))


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "CN=nova",
        "CN=nova,OU=compute",
        "cn=nova,OU=compute,O=Example",
        f" {NOVA}",
        f"{NOVA},",
        f"{NOVA},C=XX",
        "\N{REPLACEMENT CHARACTER}",
    ],
)
def test_a_subject_must_be_one_of_the_file_letter_by_letter(subject: str) -> None:
    with pytest.raises(NotIdentified):
        identified(shown(subject=subject))


@pytest.mark.parametrize("twice", ["x-ssl-client-verify", "x-ssl-client-s-dn"])
def test_a_header_that_came_twice_is_refused_whatever_it_says(twice: str) -> None:
    asked = shown()
    asked.repeated = frozenset({twice})
    with pytest.raises(NotIdentified):
        identified(asked)
    asked.repeated = frozenset({"accept"})
    assert identified(asked) is not None


def test_what_came_twice_is_known_though_it_makes_one_subject() -> None:
    asked = Asked("GET", "/")
    halves = (("x-ssl-client-s-dn", "CN=nova"), ("x-ssl-client-s-dn", "OU=compute,O=Example"))
    asked.headers = GivenHeaders(*halves, ("x-ssl-client-verify", "SUCCESS"))
    asked.client = f"{PROXY}:4711"
    made = rsgi._request(asked, "")
    assert made.headers["x-ssl-client-s-dn"] == NOVA
    with pytest.raises(NotIdentified):
        identified(made)


def test_the_headers_have_the_names_of_the_settings() -> None:
    options = {"certificates_verified_header": "X-Verified", "certificates_subject_header": "X-Subject"}
    assert identified(request(PROXY, x_verified="SUCCESS", x_subject=NOVA), **options) is not None
    assert identified(shown(), **options) is None


class Clock:
    """Time that passes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_file_is_taken_up_again_and_only_with_sense(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, clock = tmp_path / "certificates.toml", Clock()
    file.write_text(f'["{NOVA}"]\nuser = "nova"\n')
    scheme = Certificates(settings(certificates_file=str(file)), clock)

    def user_after(text: str | None, seconds: float = LOOK_SECONDS) -> str:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
            os.utime(file, (clock.now + 1, clock.now + 1))
        clock.now += seconds
        identity = scheme.identify(shown(), may_wait=False)
        assert identity is not None
        return identity.user

    with caplog.at_level(logging.INFO):
        assert user_after(f'["{NOVA}"]\nuser = "other"\n', 0.5) == "nova"
        assert user_after(f'["{NOVA}"]\nuser = "other"\n') == "other"
        assert user_after("nonsense") == "other"
        assert user_after("") == "other"
        assert user_after(None) == "other"
        with pytest.raises(NotIdentified):
            user_after('["CN=alice"]\nuser = "alice"\n')
    said = [record.message for record in caplog.records]
    assert said[0] == "certificates_file has changed and is in force"
    assert ["not taken" in line for line in said] == [False, True, True, True, False]


def test_it_is_not_embedded_where_servers_join_headers() -> None:
    app = build_app(settings())
    with pytest.raises(SettingsError, match="option auth: 'certificates' is not accepted by a WSGI application"):
        wsgi_application(app)
