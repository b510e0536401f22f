"""`ullage token`, as an operator meets it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from cli.running import Service, ullage
from ullage.model.token import digest, has_form


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ullage.db"


def test_a_token_is_made_shown_once_listed_and_revoked(database: str, tmp_path: Path) -> None:
    options = ("--user", "nova", "--project", "blue", "--role", "Service", "--role", "reader", "--days", "3650")
    made = ullage("token", "create", *options, "--database", database)
    text = made.stdout.strip()
    assert has_form(text)
    assert "\nullage: made token 1, which holds until " in made.stderr
    assert text not in made.stderr
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert text.encode() not in kept
    assert digest(text).encode() in kept
    listed = ullage("token", "list", "--database", database).stdout
    assert listed.startswith('1: "nova", project "blue", roles reader, service, until 203')
    shown = json.loads(ullage("token", "list", "--json", ULLAGE_DATABASE=database).stdout)
    assert (shown["number"], shown["roles"], shown["expired"]) == (1, ["reader", "service"], False)
    revoked = ullage("token", "revoke", "1", "--database", database)
    assert revoked.stdout == 'Token 1 of "nova" is revoked.\n'
    assert ullage("token", "list", "--database", database).stdout == ""
    trail = ullage("audit", "show", "--database", database).stdout
    assert 'CreateToken: token "1" null -> {"user": "nova"' in trail
    assert "RevokeToken" in trail
    assert ullage("audit", "verify", "--database", database).returncode == 0
    for told in (listed, revoked.stdout, trail):
        assert text not in told
        assert digest(text) not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--user", ""), "option user: '' is not accepted"),
        (("create", "--user", "a", "--role", "a b"), "option role: 'a b' is not accepted"),
        (("create", "--user", "a", "--project", "\x1b[2J"), "option project: '\\x1b[2J' is not accepted"),
        (("create", "--user", "a", "--days", "0"), "--days"),
        (("create",), "--user"),
        (("list",), "there is no database file"),
        (("revoke", "1"), "there is no database file"),
        (("revoke", "one"), "NUMBER"),
    ],
)
def test_what_cannot_be_is_named(arguments: tuple[str, ...], said: str, database: str) -> None:
    done = ullage("token", *arguments, "--database", database)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_token_that_is_not_there_cannot_be_revoked(database: str) -> None:
    ullage("db", "upgrade", "--database", database)
    done = ullage("token", "revoke", "7", "--database", database)
    assert (done.returncode, done.stderr) == (1, "ullage: there is no token 7\n")


def status(service: Service, token: str) -> int:
    """What a question with this token is answered."""
    path = f"{service.url}/resource_providers"
    return httpx.get(path, headers={"x-auth-token": token}, trust_env=False).status_code


def test_a_service_without_any_setting_starts_closed_and_shows_one_token_once(database: str) -> None:
    with Service(database, auth="") as service:
        assert status(service, "admin") == 401
        words = service.printed().split()
        (text,) = (word for word in words if word.startswith("ullage_"))
        assert status(service, text) == 200
        _, said = service.stop()
    assert text not in said
    assert ullage("token", "list", "--database", database).stdout.startswith(
        '1: "admin", no project, roles admin, until'
    )
    with Service(database, auth="") as service:
        assert service.printed() == ""
        assert status(service, text) == 200
    assert "CreateToken" in ullage("audit", "show", "--database", database).stdout


def test_a_service_with_a_scheme_makes_no_token(database: str) -> None:
    with Service(database, auth="tokens") as service:
        assert service.printed() == ""
    assert ullage("token", "list", "--database", database).stdout == ""
