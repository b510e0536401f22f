"""What the schemes that believe others must be told, and whom they would not believe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ullage.settings import SettingsError, load

OIDC = {"auth": "oidc", "oidc_issuer": "https://issuer.example.org/realm", "oidc_audience": "ullage"}


def test_oidc_needs_an_issuer_and_an_audience() -> None:
    assert load(environment={}, overrides=OIDC).auth_schemes == ("oidc",)
    for name in ("oidc_issuer", "oidc_audience"):
        with pytest.raises(SettingsError, match=rf"option {name}: '' .* auth oidc needs one"):
            load(environment={}, overrides={**OIDC, name: ""})
    with pytest.raises(SettingsError, match="oidc_algorithms"):
        load(environment={}, overrides={**OIDC, "oidc_algorithms": ()})


@pytest.mark.parametrize(
    "url", ["http://localhost", "http://127.0.0.1:80/a", "http://[::1]:80", "https://a.example:1/b"]
)
@pytest.mark.parametrize("name", ["oidc_issuer", "oidc_keys_url", "keystone_url"])
def test_addresses_that_are_trusted(name: str, url: str) -> None:
    assert getattr(load(environment={}, overrides={**OIDC, name: url}), name) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example.org",
        "http://10.0.0.1",
        "http://localhost.example.org",
        "http://127.0.0.1@example.org/",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1\\@example.org",
        "https://user:password@example.org",
        "https://example.org/?a=b",
        "https://example.org/#a",
        "ftp://example.org",
        "file:///etc/passwd",
        "https://",
        "https://example.org/a\n",
    ],
)
@pytest.mark.parametrize("name", ["oidc_issuer", "oidc_keys_url", "keystone_url"])
def test_addresses_that_others_could_answer_at_are_refused(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=rf"option {name}: .* Accepted: https://"):
        load(environment={}, overrides={**OIDC, name: url})


@pytest.mark.parametrize("value", [("HS256",), ("none",), ("RS256", "HS512"), ("",), ("RS256 ",)])
def test_algorithms_with_a_shared_secret_or_none_cannot_be_set(value: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match="oidc_algorithms"):
        load(environment={}, overrides={**OIDC, "oidc_algorithms": value})


def test_roles_are_pairs() -> None:
    assert load(environment={"ULLAGE_OIDC_ROLES": "a=admin, b=reader"}).oidc_roles == ("a=admin", "b=reader")
    with pytest.raises(SettingsError, match="word=role"):
        load(environment={"ULLAGE_OIDC_ROLES": "admin"})


def test_a_file_of_authorities_is_looked_at_before_it_is_needed(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    reasons: dict[Any, str] = {empty: "it holds no certificate", tmp_path / "none.pem": "No such file or directory"}
    for path, reason in reasons.items():
        with pytest.raises(SettingsError, match=f"option oidc_ca_file: .*: {reason}"):
            load(environment={}, overrides={**OIDC, "oidc_ca_file": str(path)})


KEYSTONE = {"auth": "keystone", "keystone_url": "https://a.example", "keystone_user": "u", "keystone_password": "word"}


def test_keystone_needs_an_address_and_credentials_of_one_kind() -> None:
    assert load(environment={}, overrides=KEYSTONE).auth_schemes == ("keystone",)
    for name in ("keystone_url", "keystone_user", "keystone_password"):
        with pytest.raises(SettingsError, match=rf"option {name}: '' .* auth keystone needs one"):
            load(environment={}, overrides={**KEYSTONE, name: ""})
    credential = {"auth": "keystone", "keystone_url": "https://a.example", "keystone_application_credential_id": "c"}
    with pytest.raises(SettingsError, match="option keystone_application_credential_secret"):
        load(environment={}, overrides=credential)
    made = load(environment={}, overrides={**credential, "keystone_application_credential_secret": "long secret"})
    assert made.secrets()[-1:] == ("long secret",)
    assert "long secret" not in repr(made)


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ("noauth2,tokens", "as tokens would not be asked after noauth2"),
        ("noauth2, oidc", "as oidc would not be asked after noauth2"),
        ("tokens,noauth2,keystone", "as keystone would not be asked after noauth2"),
        ("keystone,noauth2", "as noauth2 does not go with keystone"),
        ("tokens,keystone,noauth2", "as noauth2 does not go with keystone"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_no_scheme_hides_another(auth: str, reason: str, host: str) -> None:
    for forced in (False, True):
        said = {**OIDC, **KEYSTONE, "auth": auth, "host": host, "noauth2_anywhere": forced}
        with pytest.raises(
            SettingsError, match=f"option auth: '{auth}' .*{reason}.* alone, or last, after tokens or oidc"
        ):
            load(environment={}, overrides=said)


def test_schemes_that_leave_each_other_something_stand_together() -> None:
    for auth in ("tokens,noauth2", "oidc,tokens,noauth2", "noauth2,noauth2", "keystone,tokens,oidc", "tokens,keystone"):
        assert load(environment={}, overrides={**OIDC, **KEYSTONE, "auth": auth}).auth == auth


CERTIFICATES = {
    "auth": "certificates",
    "certificates_file": str(Path(__file__).parent.parent / "examples" / "certificates.toml"),
    "certificates_proxies": ("192.0.2.7",),
}


def test_certificates_need_proxies_and_a_file() -> None:
    assert load(environment={}, overrides=CERTIFICATES).auth_schemes == ("certificates",)
    for name, nothing in (("certificates_proxies", ()), ("certificates_file", "")):
        with pytest.raises(SettingsError, match=rf"option {name}: .* auth certificates needs one"):
            load(environment={}, overrides={**CERTIFICATES, name: nothing})
    given = {"ULLAGE_CERTIFICATES_PROXIES": "192.0.2.7, 2001:db8::/64"}
    assert len(load(environment=given, overrides={"auth": "tokens"}).proxy_networks()) == 2


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "192.0.2.7/24", "localhost", "*", "", "192.0.2", 7])
def test_a_proxy_is_an_address_or_a_network_but_not_everybody(network: Any) -> None:
    with pytest.raises(SettingsError, match=r"option certificates_proxies: .* Accepted: addresses, and networks"):
        load(environment={}, overrides={**CERTIFICATES, "certificates_proxies": ("192.0.2.7", network)})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names no subject"),
        ("a", "is not TOML"),
        ("a = 1", "says of the subject 'a': Expected `object`"),
        ('["CN=a"]\nproject = "p"', "'CN=a': Object missing required field `user`"),
        ('["CN=a"]\nuser = "u"\nrole = "admin"', "unknown field `role`"),
        ('["CN=a"]\nuser = "u"\nroles = "admin"', "Expected `array`"),
        ('["CN=a"]\nuser = ""', "user: '' is not accepted"),
        ('["CN=a"]\nuser = "u"\nroles = ["a b"]', "role: 'a b' is not accepted"),
        ('[""]\nuser = "u"', "has the subject ''"),
        ('[" CN=a"]\nuser = "u"', "has the subject ' CN=a'"),
        ('["CN=\\u00e9"]\nuser = "u"', "has the subject"),
    ],
)
def test_a_file_of_subjects_has_sense(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "certificates.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(environment={}, overrides={**CERTIFICATES, "certificates_file": str(file)})
    assert reason in str(refused.value)
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(environment={}, overrides={**CERTIFICATES, "certificates_file": str(tmp_path / "none")})


@pytest.mark.parametrize("name", ["", "X_Subject", "X-", "X Y", "x-ssl-client-verify"])
def test_a_header_of_certificates_is_one_and_another(name: str) -> None:
    with pytest.raises(SettingsError, match="option certificates_subject_header"):
        load(environment={}, overrides={**CERTIFICATES, "certificates_subject_header": name})


def test_certificates_do_not_go_with_noauth2() -> None:
    with pytest.raises(SettingsError, match="noauth2 does not go with certificates"):
        load(environment={}, overrides={**CERTIFICATES, "auth": "certificates,noauth2"})
