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


def test_the_trail_is_archived_cut_and_verified_with_what_the_log_told(database: str, fleet_file: str) -> None:
    at = ("--database", database)
    said = ullage("load", fleet_file, *at).stderr
    archived = [json.loads(line) for line in ullage("audit", "show", "--json", *at).stdout.splitlines()]
    assert {(each["writer"], each["sequence"]) for each in archived} == {row[:2] for row in rows_of(database)}
    cut = ullage("audit", "prune", "--before", "2100-01-01", *at)
    assert (cut.returncode, cut.stdout) == (0, "Removed 2 rows of the audit trail, in 2 of its chains.\n")
    verified = ullage("audit", "verify", *at, *heads(said + cut.stderr))
    head = "{writer}:{sequence}:{hash}".format(**told(cut.stderr)[-1])
    assert verified.returncode == 0
    note, last = verified.stdout.splitlines()
    assert re.fullmatch(rf"Note: 2 chains were cut by '\S+' at \S+\. The log must have told of it: {head}\.", note)
    assert last == "The audit trail is whole."
    assert "PruneTrail" in ullage("audit", "show", *at).stdout
    early = ullage("audit", "prune", "--before", "2001-01-01", *at)
    assert (early.returncode, early.stdout, early.stderr) == (0, "Nothing is that old.\n", "")


def test_a_trail_that_is_not_whole_is_not_cut(database: str, fleet_file: str) -> None:
    said = ullage("load", fleet_file, "--database", database).stderr
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE audit SET recorded_us = 1 WHERE sequence = 0")
    connection.close()
    cut = ullage("audit", "prune", "--before", "2100-01-01", "--database", database)
    assert cut.returncode == 1
    assert cut.stderr.startswith("ullage: The audit trail is not whole, so nothing was removed;")
    assert len(rows_of(database)) == len(told(said))


def test_a_log_tells_of_every_row_that_must_be_there(database: str, fleet_file: str, tmp_path: Path) -> None:
    log = tmp_path / "ullage.log"
    forged = '"GET /x\\x20ullage.audit\\x20{\\x22writer\\x22:2,\\x22sequence\\x22:9," status: 404'
    said = ullage("load", fleet_file, "--database", database).stderr
    log.write_text(f"{forged}\n" + "".join(f"Jan 31 host ullage[7]: {line}\n" for line in said.splitlines()))
    at = ("--database", database, "--log", str(log))
    assert ullage("audit", "verify", *at).stdout == "The audit trail is whole.\n"
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM audit WHERE writer = 2")
        connection.execute("DELETE FROM writers WHERE id = 2")
    connection.close()
    assert ullage("audit", "verify", "--database", database).returncode == 0
    cut = ullage("audit", "verify", *at)
    assert cut.returncode == 1
    assert "Row 2:1 is missing, though its hash was told." in cut.stdout
    refused = ullage("audit", "prune", "--before", "2100-01-01", *at)
    assert refused.returncode == 1
    assert "nothing was removed" in refused.stderr


@pytest.mark.parametrize("text", [None, "a log of something else\n"])
def test_a_log_that_tells_nothing_is_refused(database: str, tmp_path: Path, text: str | None) -> None:
    ullage("db", "upgrade", "--database", database)
    log = tmp_path / "ullage.log"
    if text is not None:
        log.write_text(text)
    for command in (("verify",), ("prune", "--before", "2100-01-01")):
        done = ullage("audit", *command, "--database", database, "--log", str(log))
        assert done.returncode != 0
        assert f"option log: {log} " in done.stderr
