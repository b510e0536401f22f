"""What is seen of processes that really run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ullage.review.processes import ListenerFacts, listening, secrets_in_commands

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


SOCKETS = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:224A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     {user}        0 4711 1
   1: 0100007F:224A 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1
"""


def told(folder: Path, user: int, command: str, core: str, maps: str) -> None:
    """What the kernel of a little-endian machine tells of one process that listens at port 8778."""
    (folder / "net").mkdir()
    (folder / "net" / "tcp").write_text(SOCKETS.format(user=user))
    (folder / "7" / "fd").mkdir(parents=True)
    (folder / "7" / "fd" / "3").symlink_to("socket:[4711]")
    (folder / "7" / "cmdline").write_text(command)
    (folder / "7" / "limits").write_text(
        f"Max core file size        {core}                    unlimited            bytes\n"
    )
    (folder / "7" / "maps").write_text(maps)


@pytest.mark.parametrize("is_own", [True, False])
def test_a_process_with_too_much_power_is_seen(tmp_path: Path, is_own: bool) -> None:
    told(tmp_path, 0, "python\0-m\0ullage\0serve", "unlimited", "7f r-xp /lib/x.cpython-311.so (deleted)\n")
    seen = listening(8778, is_own=is_own, processes=tmp_path)
    assert seen == ListenerFacts(("0.0.0.0",), is_root=True, may_dump=True, is_replaced=True)


def test_a_process_without_is_passed_over(tmp_path: Path) -> None:
    told(tmp_path, 1000, "ullage\0serve", "0        ", "7f r-xp /lib/x.so\n7f r-xp /memfd:x (deleted)\n")
    assert listening(8778, is_own=False, processes=tmp_path) == ListenerFacts(("0.0.0.0",), is_root=False)


def test_a_process_that_is_none_of_ours_is_passed_over_and_one_that_cannot_be_looked_at_is_not(tmp_path: Path) -> None:
    told(tmp_path, 0, "nginx", "unlimited", "")
    assert listening(8778, is_own=True, processes=tmp_path) is None
    (tmp_path / "7" / "fd" / "3").unlink()  # as to another user
    assert listening(8778, is_own=False, processes=tmp_path) is None
    assert listening(8778, is_own=True, processes=tmp_path) == ListenerFacts(("0.0.0.0",), is_root=True)
    assert listening(8779, is_own=True, processes=tmp_path) is None
