"""What the processes of this host show of themselves to everybody."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
