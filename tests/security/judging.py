"""What no answer may be: a fault of ours, or one that tells how the service is made."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

TELLTALES = [
    *(
        "Traceback",
        'File "',
        ".py",
        "site-packages",
        "sqlalchemy",
        "sqlite3",
        "psycopg",
        "pymysql",
        "alembic",
        "msgspec",
    ),
    *("SELECT ", "INSERT INTO", "DELETE FROM", "WHERE ", "[SQL", "syntax error", 'near "', "/usr/", "/tmp/", "/var/"),
    *("/src/", "/home", "/root", "planted-"),
]
HOST_LENGTH_MIN = 4
FAILURES_KEPT = 20


def telltales() -> list[str]:
    """What gives away the code, the database or the machine."""
    host = socket.gethostname()
    return [*TELLTALES, host] if len(host) >= HOST_LENGTH_MIN and host != "localhost" else TELLTALES


@dataclass
class Judge:
    """Counts requests by their kind, and keeps what was wrong with their answers."""

    requests: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    failed: int = 0
    _telltales: list[str] = field(default_factory=telltales)
    _stored: set[str] = field(default_factory=set)
    """Texts that were sent and hold a telltale: names may be such, and are listed to others later."""

    def whole(self, kind: str, sent: bytes, status: int, answer: bytes) -> None:
        """The same for a whole request: no answer to it is a fault."""
        if status == 0:
            self.fail(f"{kind}: no answer to {sent[:2000]!r}")
        self.answer(kind, sent, status, answer)

    def answer(self, kind: str, sent: bytes, status: int, answer: bytes) -> None:
        """Judge what was answered (head and body) to what was sent; status 0 is a connection that was closed."""
        self.requests[kind] = self.requests.get(kind, 0) + 1
        if status >= 500:
            self.fail(f"{kind}: {status} to {sent[:2000]!r}: {answer[:500]!r}")
        self._stored |= {text for text in _texts_sent(sent) if self._given(text)}
        if self._given(answer.decode("latin-1")):
            asked = _readings(sent)
            leaks = [each for each in self._given(self._own(answer)) if not any(each in reading for reading in asked)]
            if leaks:
                self.fail(f"{kind}: tells {leaks} to {sent[:2000]!r}: {answer[:500]!r}")

    def _given(self, text: str) -> list[str]:
        return [each for each in self._telltales if each in text]

    def _own(self, answer: bytes) -> str:
        """An answer without the texts in it that were stored for somebody."""
        head, _, body = answer.partition(b"\r\n\r\n")
        try:
            said = _strings(json.loads(body))
        except (ValueError, RecursionError):
            return answer.decode("latin-1")
        for text in sorted(self._stored, key=len, reverse=True):
            said = said.replace(text, "")
        return f"{head.decode('latin-1')}\n{said}"

    def fail(self, what: str) -> None:
        """Tell and count a failure; the first ones are kept."""
        self.failed += 1
        print(f"FAILURE {what}", file=sys.stderr, flush=True)
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(what)

    @property
    def total(self) -> int:
        """All requests of all kinds."""
        return sum(self.requests.values())


def _texts_sent(sent: bytes) -> list[str]:
    """The texts in a JSON body."""
    body = sent.partition(b"\r\n\r\n")[2]
    try:
        return list(_leaves(json.loads(body))) if body else []
    except (ValueError, RecursionError):
        return []


def _readings(sent: bytes) -> list[str]:
    """What was sent in the ways that it may be read: an answer may say again what the asker has said."""
    plain = sent.decode("latin-1")
    readings = [plain, unquote_plus(plain)]
    body = plain.partition("\r\n\r\n")[2]
    try:
        readings.append(_strings(json.loads(body.encode("latin-1"))))
    except (ValueError, RecursionError):
        readings.append(re.sub(r"\\u00([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), body))
    return readings


def _strings(value: object) -> str:
    return "\n".join(_leaves(value))


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for pair in value.items():
            for part in pair:
                yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield str(value)
