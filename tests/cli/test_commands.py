"""Every command, as an operator meets it: what it prints, what it exits with, and no traceback, ever."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest

import ullage as package
from cli.running import Service, free_port, ullage

FLEET = "providers: [{name: host, inventories: {VCPU: 8}}]\n"
FLEET += "consumers: [{name: one, project: p, user: u, holds: {host: {VCPU: 4}}}]\n"


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ullage.db"


def complaint(*arguments: str, status: int = 1, **environment: str) -> str:
    """What a command that fails says, in one sentence and without a traceback."""
    done = ullage(*arguments, **environment)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_version_says_which() -> None:
    assert ullage("version").stdout == f"ullage {package.__version__}\n"


def test_without_a_command_it_teaches() -> None:
    shown = ullage()
    assert "ullage load examples/fleet.yaml" in shown.stdout + shown.stderr


def test_load_then_check_then_load_again(fleet_file: Path, database: str) -> None:
    done = ullage("load", str(fleet_file), "--database", database)
    assert done.stdout == f"Loaded {fleet_file}: 1 provider, 1 inventory and 1 consumer written.\n"
    assert ullage("check", "--database", database).stdout == "The laws hold.\n"
    assert (
        "nothing written; 1 provider and 1 consumer as they were"
        in ullage("load", str(fleet_file), ULLAGE_DATABASE=database).stdout
    )


def test_check_names_each_breach_and_exits_with_1(fleet_file: Path, database: str) -> None:
    ullage("load", str(fleet_file), "--database", database)
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE inventories SET used = 3")
    connection.close()
    done = ullage("check", "--database", database)
    assert done.returncode == 1
    assert "VCPU" in done.stdout
    assert "3" in done.stdout
    assert "4" in done.stdout
    assert "1 breach of the laws" in done.stderr


def test_check_exits_with_2_when_it_cannot_look(tmp_path: Path) -> None:
    complaint("check", "--database", f"sqlite:///{tmp_path}/none/ullage.db", status=2)
    complaint("check", "--database", f"sqlite:///{tmp_path}/empty.db", status=2)
    complaint("check", "--database", "oracle://somewhere/x", status=2)


def test_db_upgrade_makes_the_schema_and_may_be_run_again(database: str) -> None:
    assert ullage("db", "upgrade", "--database", database).stdout == "The database is up to date.\n"
    assert ullage("db", "upgrade", "--database", database).returncode == 0
    assert ullage("check", "--database", database).returncode == 0


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_does_not_answer_is_named_without_the_password(scheme: str, fleet_file: Path) -> None:
    port = free_port()
    url = f"{scheme}://ada:sesame@127.0.0.1:{port}/ullage"
    for command in (("load", str(fleet_file)), ("db", "upgrade"), ("serve", "--port", str(free_port()))):
        said = complaint(*command, "--database", url)
        assert f"127.0.0.1:{port}" in said
        assert "sesame" not in said


def test_a_fault_in_a_fleet_is_named_with_file_and_path_and_nothing_is_written(tmp_path: Path, database: str) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(FLEET.replace("VCPU: 4", "VCPU: 9"))
    said = complaint("load", str(bad), "--database", database)
    assert said.startswith(f"ullage: {bad}: consumers[0].holds.host.VCPU: 9 is not allowed there")
    assert not Path(database.removeprefix("sqlite:///")).exists()


def test_load_wants_one_place_to_load_into(fleet_file: Path, database: str) -> None:
    assert "not both" in complaint("load", str(fleet_file), "--database", database, "--url", "http://x")
    assert "--url needs a token" in complaint("load", str(fleet_file), "--url", "http://x")


def test_load_over_http_names_a_service_that_is_not_there(fleet_file: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert f"{url} cannot be reached" in complaint("load", str(fleet_file), "--url", url, "--token", "sesame")
    assert "'nonsense' is no URL" in complaint("load", str(fleet_file), "--url", "nonsense", "--token", "sesame")


def test_a_running_service_is_loaded_over_http_and_a_refused_token_is_named(fleet_file: Path, database: str) -> None:
    with Service(database) as service:
        done = ullage("load", str(fleet_file), "--url", service.url, ULLAGE_TOKEN="admin")
        assert "1 provider, 1 inventory and 1 consumer written" in done.stdout
        said = complaint("load", str(fleet_file), "--url", service.url, "--token", "nobody")
        assert "the service answered 40" in said
    assert ullage("check", "--database", database).returncode == 0


def test_serve_says_that_a_port_is_taken(database: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert str(port) in complaint("serve", "--port", str(port), "--database", database)


def test_serve_ends_in_good_order_when_told_to(database: str) -> None:
    with Service(database, "--workers", "2") as service:
        status, said = service.stop()
    assert status == 0
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", "0"), "option workers: 0 is not accepted"),
        (("--auth", "magic"), "of noauth2, tokens"),
        (("--host", "0.0.0.0", "--auth", "noauth2"), "noauth2_anywhere"),
        (("--host", "0.0.0.0"), "option auth names no scheme"),
        (("--config", "/nonexistent.toml"), "configuration file /nonexistent.toml"),
    ],
)
def test_serve_refuses_a_setting_that_cannot_be(options: tuple[str, ...], message: str, database: str) -> None:
    assert message in complaint("serve", "--database", database, *options)


def test_serve_takes_every_setting_as_an_option() -> None:
    from ullage.settings import OPTIONS

    shown = ullage("serve", "--help").stdout
    assert not [name for name in OPTIONS if f"--{name.replace('_', '-')}" not in shown]


def test_a_password_on_the_command_line_is_warned_of() -> None:
    url = f"postgresql://u:planted@127.0.0.1:{free_port()}/d"
    for asked in (ullage("check", "--database", url), ullage("check", ULLAGE_DATABASE=url)):
        assert ("Warning: everybody on this machine can read the password" in asked.stderr) == (url in asked.args)
        assert "planted" not in asked.stderr + asked.stdout
    secret = ullage("serve", "--keystone-password", "planted", "--port", "0")
    assert "read keystone_password on the command line" in secret.stderr
    assert "planted" not in secret.stderr + secret.stdout
