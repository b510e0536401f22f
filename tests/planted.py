"""Secrets that the tests plant: in the address of a database, in headers, in bodies. None may ever be logged.

Every served session of a test is looked through when it ends, and every line that is logged in process when it is.
"""

from __future__ import annotations

import logging

from ullage import logs

PASSWORD = "planted-password-7c1f4b"
"""In the address of each PostgreSQL database; its server trusts everybody, so that it changes nothing."""
TOKEN = "planted-token-51d0e2"
"""In a header of each request that the tests' own clients send."""
BODY = "planted-body-90ab3c"
"""In names, projects and users."""

EVERY = (PASSWORD, TOKEN, BODY)
HEADERS = {"x-service-token": TOKEN}


def found(text: str) -> list[str]:
    """The lines of a log that hold something planted."""
    return [line for line in text.splitlines() if any(secret in line for secret in EVERY)]


def require_none(text: str) -> None:
    """Fail if a log holds something planted."""
    lines = found(text)
    assert not lines, f"a planted secret was logged: {lines[:5]}"


class Grep(logging.Handler):
    """Looks through what is logged in this process, as the sink would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.Formatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what holds something planted."""
        self.lines += found(self.format(record))

    def require_none(self) -> None:
        """Fail if anything was kept since the last call."""
        lines, self.lines = self.lines, []
        require_none("\n".join(lines))


GREP = Grep()
