"""What the processes of this host show of themselves to everybody."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECRET_LENGTH_MIN = 6
"""Shorter secrets stand in too many commands that mean something else."""
SHOWN = {
    "the password of a database": re.compile(
        r"(postgresql|mysql|mariadb)(\+\w+)?://([^:@/\s]*:[^@/\s]+@|\S*[?&]password=[^&\s])"
    ),
    "an API token": re.compile(r"\bullage_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
    "a password or token": re.compile(r"\s--(token|[a-z-]*(password|secret))(\s+|=)[^-\s]"),
}
"""What is looked for in commands of Ullage."""


def secrets_in_commands(secrets: Iterable[str], processes: Path = Path("/proc")) -> tuple[str, ...]:
    """Which processes show which kind of secret in their command line: any one of an Ullage, and these of whatever."""
    known = [secret for secret in secrets if len(secret) >= SECRET_LENGTH_MIN]
    found = []
    for path in sorted(processes.glob("[0-9]*/cmdline"), key=lambda each: int(each.parent.name)):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        kinds = [kind for kind, pattern in SHOWN.items() if "ullage" in words and pattern.search(words)]
        if not kinds and any(secret in words for secret in known):
            kinds = ["a secret of the settings"]
        found += [f"process {path.parent.name}, {kinds[0]}"] if kinds else []
    return tuple(found)


LISTENS = "0A"


@dataclass(frozen=True)
class ListenerFacts:
    """The process that serves on this host, as far as this one may look."""

    addresses: tuple[str, ...]
    is_root: bool
    may_dump: bool = False
    """Whether a crash of it may write its memory to a disk."""
    is_replaced: bool = False
    """Whether it runs libraries that have been replaced since it was started."""


@dataclass(frozen=True)
class _Socket:
    address: str
    user_id: int
    inode: str


def listening(port: int, *, is_own: bool, processes: Path = Path("/proc")) -> ListenerFacts | None:
    """Who listens at a port of this host; None: nobody, or, as far as can be seen, no Ullage.

    `is_own`: the port is that of the settings, so that who cannot be looked at is taken for Ullage.
    """
    sockets = list(_sockets(port, processes))
    holders = list(_holders({f"socket:[{each.inode}]" for each in sockets}, processes)) if sockets else []
    if not sockets or not (any(b"ullage" in _read(each / "cmdline") for each in holders) or (is_own and not holders)):
        return None
    return ListenerFacts(
        addresses=tuple(sorted({each.address for each in sockets})),
        is_root=any(each.user_id == 0 for each in sockets),
        may_dump=any(re.search(rb"Max core file size +[^0 ]", _read(each / "limits")) for each in holders),
        is_replaced=any(re.search(rb"\.so[^/]* \(deleted\)", _read(each / "maps")) for each in holders),
    )


def _sockets(port: int, processes: Path) -> Iterator[_Socket]:
    for name in ("tcp", "tcp6"):
        for line in _read(processes / "net" / name).decode().splitlines()[1:]:
            words = line.split()
            address, _, number = words[1].partition(":")
            if words[3] == LISTENS and int(number, 16) == port:
                yield _Socket(_address(address), int(words[7]), words[9])


def _address(text: str) -> str:
    """An address as the kernel writes it: words of four bytes, each in the order of the machine."""
    packed = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _holders(links: set[str], processes: Path) -> Iterator[Path]:
    """The processes that have one of these open."""
    for folder in processes.glob("[0-9]*"):
        try:
            if any(str(each.readlink()) in links for each in (folder / "fd").iterdir()):
                yield folder
        except OSError:
            continue  # it has ended, or is another user's


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
