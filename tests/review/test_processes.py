"""What is seen of processes that really run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ullage.review.processes import secrets_in_commands

TOKEN = "ullage_" + "x" * 43


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """A process with this command line; what it is called in a review."""
    command = [sys.executable, "-c", "input(print(flush=True))", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # before, it may have no command line yet
        yield f"process {process.pid}, "
        process.stdin.write(b"\n")


def seen(of: str, *secrets: str) -> list[str]:
    return [each.removeprefix(of) for each in secrets_in_commands(secrets) if each.startswith(of)]


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("ullage", "serve", "--database", "postgresql://u:p4ss@host/name"), "the password of a database"),
        (
            ("ullage", "serve", "--database", "mysql://host/name?user=u&password=p"),
            "the password of a database",
        ),
        (("curl", "-H", f"x-auth-token: {TOKEN}"), "an API token"),
        (("ullage", "load", "--token", "p4ss"), "a password or token"),
        (("ullage", "serve", "--keystone-password=p4ss"), "a password or token"),
        (("psql", "-h", "host", "chosen-by-hand"), "a secret of the settings"),
    ],
)
def test_a_secret_in_a_command_is_seen(arguments: tuple[str, ...], kind: str) -> None:
    with running(*arguments) as process:
        assert seen(process, "chosen-by-hand", "") == [kind]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ullage", "serve", "--database", "postgresql://u@host/name", "--tls-key-password-file", "/etc/password"),
        ("ullage", "serve", "--config", "/etc/ullage_serve.toml", "--token-seconds-max", "5"),
        ("psql", "postgresql://u:p4ss@host/another"),
    ],
)
def test_a_command_without_one_is_passed_over(arguments: tuple[str, ...]) -> None:
    with running(*arguments) as process:
        assert not seen(process, "u", "chosen-by-hand")


def test_a_process_that_has_ended_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "7" / "cmdline").mkdir(parents=True)  # what cannot be read as a file
    assert secrets_in_commands((), tmp_path) == ()
