"""The audit trail of commands: told on their standard error as a service tells it to its log."""

from __future__ import annotations

import json
import os
import pwd
import re
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cli.running import Service, ullage

FLEET = "providers: [{name: host, inventories: {VCPU: 8}}]\n"
LINE = re.compile(r"^\S+Z INFO ullage\.audit (\{.*\})$", re.MULTILINE)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ullage.db"


@pytest.fixture
def fleet_file(tmp_path: Path) -> str:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return str(path)


def told(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in LINE.findall(said)]


def heads(said: str) -> list[str]:
    return [option for each in told(said) for option in ("--head", "{writer}:{sequence}:{hash}".format(**each))]


def rows_of(database: str) -> set[tuple[int, int, str]]:
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))
    rows = set(connection.execute("SELECT writer, sequence, hash FROM audit"))
    connection.close()
    return rows


def test_every_command_that_writes_tells_what_it_wrote(database: str, fleet_file: str) -> None:
    said = ""
    for command in (
        ("db", "upgrade"),
        ("load", fleet_file),
        ("token", "create", "--user", "nova"),
        ("token", "revoke", "1"),
    ):
        done = ullage(*command, "--database", database)
        assert done.returncode == 0
        assert told(done.stderr)
        assert "ullage.audit" not in done.stdout
        said += done.stderr
    assert {(each["writer"], each["sequence"], each["hash"]) for each in told(said)} == rows_of(database)
    whole = ullage("audit", "verify", "--database", database, *heads(said))
    assert (whole.returncode, whole.stdout) == (0, "The audit trail is whole.\n")


@pytest.mark.parametrize("last", ["load", "token"])
def test_what_only_a_command_told_is_missed_when_it_is_cut_off(database: str, fleet_file: str, last: str) -> None:
    ullage("db", "upgrade", "--database", database)
    command = ("load", fleet_file) if last == "load" else ("token", "create", "--user", "nova")
    said = ullage(*command, "--database", database).stderr
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM audit WHERE writer = 2")
        connection.execute("DELETE FROM writers WHERE id = 2")
        connection.execute("DELETE FROM tokens")
    connection.close()
    cut = ullage("audit", "verify", "--database", database, *heads(said))
    assert cut.returncode == 1
    assert "Row 2:1 is missing, though its hash was told." in cut.stdout


def test_the_first_token_of_a_closed_start_is_told_to_the_log(database: str) -> None:
    with Service(database, auth="") as service:
        _, said = service.stop()
    (line,) = (each for each in told(said) if "CreateToken" in json.dumps(each))
    assert (line["writer"], line["sequence"], line["hash"]) in rows_of(database)
    assert line["entries"][0]["changes"] == [{"kind": "token", "name": "1"}]
    assert rows_of(database) == {(each["writer"], each["sequence"], each["hash"]) for each in told(said)}


def test_values_are_told_if_the_setting_says_so(database: str) -> None:
    options = ("token", "create", "--user", "nova", "--role", "service", "--database", database)
    line = told(ullage(*options, ULLAGE_AUDIT_LOG_VALUES="true").stderr)[-1]
    (change,) = line["entries"][0]["changes"]
    assert (change["before"], change["after"]["user"], change["after"]["roles"]) == (None, "nova", ["service"])


def test_who_ran_a_command_is_the_systems_to_say_and_not_the_environments(database: str) -> None:
    said = ullage("token", "create", "--user", "nova", "--database", database, LOGNAME="mallory", USER="mallory").stderr
    (entry,) = told(said)[-1]["entries"]
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = f"uid {os.geteuid()}"
    assert (entry["user"], entry["remote"]) == (name, f"ullage token on {socket.gethostname()}")
