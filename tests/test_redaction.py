"""No secret and no forged line gets into a log, whoever logs it."""

from __future__ import annotations

import logging
import re
import sys
from urllib.parse import quote

import pytest

from ullage import logs, redaction
from ullage.settings import Settings

SECRET = "Qm7-planted-Zx9"


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", ())


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ullage:{SECRET}@db/ullage",
        f"cannot use mysql://u:a@{SECRET}/b@db:3306/x?charset=utf8",
        f"password={SECRET}",
        f"connect(password='{SECRET}', host='db')",
        f"{{'x-auth-token': '{SECRET}'}}",
        f"headers: X-Auth-Token: {SECRET}",
        f"X-Subject-Token: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization='Basic {SECRET}'",
        f"sent Bearer {SECRET}",
        f'"GET /resource_providers?token={SECRET}&name=a" status: 400',
        f'"GET /x?access_token%3D{SECRET}" status: 404',
        f'could not read {{"name": "{SECRET}"}}',
        f'could not read b\'{{"name": "{SECRET}"}}\'',
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJh.{SECRET}",
        f"gAAAAABk{SECRET}abcdefghijkl==",
        f"client_secret: {SECRET}",
        f"(1062, \"Duplicate entry '{SECRET}' for key 'name'\")",
        f"DETAIL:  Key (name)=({SECRET}) already exists.",
    ],
)
def test_what_has_the_form_of_a_secret_is_hidden(text: str) -> None:
    assert SECRET not in redaction.clean(text)
    assert redaction.HIDDEN in redaction.clean(text)


@pytest.mark.parametrize("secret", [SECRET, "p@ss/w:rd%41"])
def test_a_known_secret_is_hidden_wherever_it_stands(secret: str) -> None:
    redaction.hide([secret])
    for text in (f"x{secret}y", f"{secret}", quote(secret, safe="")):
        assert secret not in redaction.clean(text)
        assert redaction.HIDDEN in redaction.clean(text)


def test_the_settings_say_what_is_secret() -> None:
    for url in (f"postgresql://ullage:{SECRET}@db/ullage", f"postgresql://db/ullage?user=u&password={SECRET}"):
        assert SECRET in Settings(database=url, auth="noauth2").secrets()
    assert Settings(database="sqlite:///a.db", auth="noauth2").secrets() == ()


def test_a_line_without_secrets_stays_as_it_is() -> None:
    line = '[req-1] 127.0.0.1 "GET /resource_providers?name=a%20b" status: 200 len: 3 microversion: 1.7 time: 0.000100'
    assert redaction.clean(line) == line


@pytest.mark.parametrize(
    "evil",
    [
        "\n",
        "\r\n",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
        "\u2028",
        "\u2029",
        "\x1b[31m",
        "\x00",
        "\x7f",
        "\x9b",
        "\u202e",
        "\ud800",
    ],
)
def test_a_message_is_one_line_that_steers_no_terminal(evil: str) -> None:
    line = line_of("user %s", f"a{evil}2026-01-01T00:00:00.000Z INFO ullage.request forged")
    assert len(line.splitlines()) == 1
    assert evil[0] not in line
    line.encode()


def test_letters_of_any_script_stay() -> None:
    assert redaction.clean("Wörld, 世界 — a b") == "Wörld, 世界 — a b"


def test_an_exception_tells_no_statement_no_values_and_no_folder() -> None:
    def wrong() -> None:
        try:
            raise ValueError(f"no such column\n[SQL: SELECT x FROM y]\n[parameters: ('{SECRET}',)]")
        except ValueError as error:
            raise RuntimeError(f"token={SECRET}\r\x1b[2Jforged") from error

    text = line_of("failed", error=wrong)
    assert SECRET not in text
    assert "SELECT" not in text
    assert "\x1b" not in text
    assert "RuntimeError: token=***" in text
    assert "ValueError: no such column" in text
    assert re.search(r"tests/test_redaction\.py:\d+ wrong", text)
    assert not re.search(r"(^|[ (])/\w", text)
    assert all(line.startswith("  ") for line in text.split("\n")[1:])


def test_an_exception_that_cannot_be_printed_is_logged_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise OSError

    def fail() -> None:
        raise Mute

    assert "Mute: (says nothing)" in line_of("failed", error=fail)


def line_of(message: str, *arguments: object, error: object = None) -> str:
    """What is written of a message, and of what `error` raises."""
    information = None
    if callable(error):
        try:
            error()
        except Exception:  # noqa: BLE001 # whatever it raises is what is to be shown
            information = sys.exc_info()
    return logs.Formatter().format(logging.LogRecord("ullage.x", logging.INFO, "", 0, message, arguments, information))
