"""Options: where they come from, what they accept, what they never tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ullage import settings
from ullage.settings import OPTIONS, Settings, SettingsError, environment_variable, load

SECRET = "postgresql://ullage:s3cret@db/ullage"  # the secret of a test


def from_environment(**variables: str) -> Settings:
    return load(environment={f"ULLAGE_{name.upper()}": value for name, value in variables.items()})


def test_every_option_has_a_help_a_default_that_it_accepts_and_a_variable() -> None:
    defaults = load(environment={})
    for name, option in OPTIONS.items():
        assert option.help.endswith(".")
        assert getattr(defaults, name) == option.default
        assert environment_variable(name) == f"ULLAGE_{name.upper()}"


def test_the_call_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ullage.toml"
    file.write_text('port = 1\nworkers = 1\nthreads = 1\ncors_origins = ["http://a"]\nbody_seconds_max = 5\n')
    environment = {"ULLAGE_WORKERS": "2", "ULLAGE_THREADS": "2"}
    made = load(file, environment, {"threads": 3, "port": None})
    assert (made.port, made.workers, made.threads) == (1, 2, 3)
    assert (made.cors_origins, made.body_seconds_max) == (("http://a",), 5.0)


def test_the_environment_speaks_every_type() -> None:
    made = from_environment(
        noauth2_anywhere="Yes",
        enforce_new_defaults="0",
        port="80",
        body_seconds_max="2.5",
        cors_origins="http://a, https://b:1, https://[::1]:8443, http://a.b-c_d:443",
        candidates_strategy="breadth-first",
    )
    assert (made.noauth2_anywhere, made.enforce_new_defaults, made.port) == (True, False, 80)
    assert (made.body_seconds_max, made.cors_origins) == (
        2.5,
        ("http://a", "https://b:1", "https://[::1]:8443", "http://a.b-c_d:443"),
    )
    assert made.candidates_strategy == "breadth-first"


@pytest.mark.parametrize(
    ("name", "text", "accepted"),
    [
        ("port", "0", "1 to 65535"),
        ("port", "65536", "1 to 65535"),
        ("port", "http", "a whole number"),
        ("port", "1.5", "a whole number"),
        ("workers", "0", "1 to 256"),
        ("body_seconds_max", "nan", "0.1 to 3600"),
        ("body_seconds_max", "soon", "a number"),
        ("queue_max", "0", "1 or more"),
        ("noauth2_anywhere", "maybe", "true, false"),
        ("auth", "trust", "noauth2"),
        ("candidates_strategy", "random", "depth-first, breadth-first"),
        ("log_level", "loud", "debug, info, warning, error"),
        ("cors_origins", "http://a/b", "scheme://host"),
        ("cors_origins", "https://a/", "scheme://host"),
        ("cors_origins", "https://*.example", "no wildcard within"),
        ("cors_origins", "https://a:*", "no wildcard within"),
        ("cors_origins", "https://A", "in small letters"),
        ("cors_origins", "https://b\u00fccher", "in small letters"),
        ("cors_origins", "https://a:443", "without the scheme's own port"),
        ("cors_origins", "http://a:80", "without the scheme's own port"),
        ("cors_origins", "https://a?b", "scheme://host"),
        ("cors_origins", "null", "scheme://host"),
        ("mount", "placement", "begins with /"),
        ("mount", "/placement/", "does not end with it"),
        ("incomplete_consumer_user", "", "1 to 255 characters"),
        ("database", "oracle://x", "sqlite:///"),
    ],
)
def test_a_refused_value_names_the_option_the_value_and_what_is_accepted(name: str, text: str, accepted: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_environment(**{name: text})
    sentence = str(caught.value)
    assert name in sentence.lower()
    assert accepted in sentence
    assert OPTIONS[name].is_secret or repr(text) in sentence or text in sentence


@pytest.mark.parametrize(
    "name", ["keystone_url", "keystone_public_url", "oidc_issuer", "oidc_keys_url", "cors_origins"]
)
def test_a_refused_address_does_not_show_the_password_in_it(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"option {name}: .*https://\*\*\*@host") as caught:
        from_environment(**{name: "https://user:s3cr@et@host/"})
    assert "s3cr" not in str(caught.value)
    assert "user" not in str(caught.value).partition("Accepted")[0]


@pytest.mark.parametrize(
    ("values", "accepted"),
    [({"port": "80"}, "type int"), ({"port": True}, "type int"), ({"mount": 1}, "type str"), ({"ports": 1}, "port")],
)
def test_a_call_with_a_wrong_type_or_name_is_refused(values: dict[str, Any], accepted: str) -> None:
    with pytest.raises(SettingsError, match=accepted):
        load(environment={}, overrides=values)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port = 'x'", "option port"),
        ("ports = 1", "option ports: there is none of this name"),
        ("port = ", "is not TOML"),
        ("cors_origins = 'http://a'", "option cors_origins"),
        ("cors_origins = [1]", "option cors_origins"),
        ("[port]\nx = 1", "option port"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "ullage.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        load(file, {})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml: No such file"):
        load(tmp_path / "gone.toml", {})


def test_passwords_are_never_shown() -> None:
    made = load(environment={}, overrides={"database": SECRET})
    assert made.database == SECRET
    for text in (repr(made), str(made), str(made.shown())):
        assert "s3cret" not in text
        assert "ullage:***@db" in text
    with pytest.raises(SettingsError) as caught:
        load(environment={}, overrides={"database": SECRET.replace("postgresql", "oracle")})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p4ss@h/d",
        "postgresql://u:p4:ss@h/d",
        "postgresql://h/d?user=u&password=p4ss",
        "mysql://u:p4ss@h:1/d?x=1",
        "postgresql://u:p4ss@[bad/d",
    ],
)
def test_a_password_is_masked_wherever_a_url_has_it(url: str) -> None:
    assert "p4" not in settings.masked(url)


def test_a_url_without_a_password_is_shown_as_it_is() -> None:
    assert settings.masked("sqlite:///ullage.db") == "sqlite:///ullage.db"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_scheme_that_believes_everybody_is_not_served_to_other_machines_unasked(host: str) -> None:
    for auth in ("noauth2", "tokens, noauth2"):
        with pytest.raises(SettingsError, match=r"option host: .* noauth2_anywhere"):
            load(environment={}, overrides={"host": host, "auth": auth})
    said = {"host": host, "noauth2_anywhere": True}
    assert load(environment={}, overrides={**said, "auth": "noauth2"}).host == host
    with pytest.raises(SettingsError, match="auth without noauth2"):
        load(environment={}, overrides={**said, "auth": "tokens, noauth2"})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_a_scheme_it_starts_closed(host: str) -> None:
    made = load(environment={}, overrides={})
    assert (made.auth, made.auth_schemes, made.host) == ("", ("tokens",), "127.0.0.1")
    for more in ({}, {"noauth2_anywhere": True}):
        with pytest.raises(SettingsError, match="option auth names no scheme"):
            load(environment={}, overrides={"host": host, **more})
    assert load(environment={}, overrides={"host": host, "auth": "tokens"}).host == host


def test_schemes_are_named_in_order_and_each_once() -> None:
    assert Settings(auth="tokens , noauth2,tokens").auth_schemes == ("tokens", "noauth2")
    for auth in (",", "tokens,", "tokens noauth2", "tokens,magic", " "):
        with pytest.raises(SettingsError, match="option auth"):
            Settings(auth=auth)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_it_is_served_to_its_own_machine(host: str) -> None:
    assert load(environment={}, overrides={"host": host}).host == host


def test_the_database_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_text("postgresql://ullage:planted@db/ullage\n")
    environment = {"ULLAGE_DATABASE_FILE": str(file), "ULLAGE_DATABASE": "sqlite:///other.db"}
    assert load(environment=environment).database == "postgresql://ullage:planted@db/ullage"
    given = load(environment=environment, overrides={"database": "sqlite:///given.db"})
    assert given.database == "sqlite:///given.db"
    with pytest.raises(SettingsError, match=r"option database_file: .* cannot be read") as refused:
        load(environment={"ULLAGE_DATABASE_FILE": str(tmp_path)})
    assert "planted" not in str(refused.value)


def test_what_settings_say_of_tls_goes_into_the_databases_url_unless_that_says_it() -> None:
    said = {"database_tls": "require", "database_ca": "/etc/our ca.pem"}

    def url(database: str, **options: str) -> str:
        return load(environment={}, overrides={"database": database, **options}).database

    assert url("sqlite:///a.db", **said) == "sqlite:///a.db"
    assert url("mysql://u@h/d") == "mysql://u@h/d"
    assert url("mysql://u@h/d", **said) == "mysql://u@h/d?tls=require&tls_ca=/etc/our%20ca.pem"
    assert url("mysql://u@h/d?tls=off", **said) == "mysql://u@h/d?tls=off&tls_ca=/etc/our%20ca.pem"
