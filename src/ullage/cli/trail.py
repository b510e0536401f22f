"""Entries of the audit trail as the command line takes and shows them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ullage.cli.trouble import Trouble

_TOLD = re.compile(
    rb' ullage\.audit \{"writer":([0-9]{1,18}),"sequence":([0-9]{1,18}),'
    rb'"recorded_us":[0-9]{1,18},"hash":"([0-9a-f]{64})"'
)
"""A line of the log, whatever its keeper put before it. What an asker sent has no blank and no quote in any line."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def head(text: str) -> tuple[int, int, str]:
    """WRITER:SEQUENCE:HASH as its three parts; raises Trouble."""
    match = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18}):([0-9a-f]{64})", text)
    if match is None:
        raise Trouble(f"option head: {text!r} is not accepted. Accepted: WRITER:SEQUENCE:HASH, as the log shows them.")
    return int(match[1]), int(match[2]), match[3]


def heads(texts: Iterable[str], logs: Iterable[Path]) -> set[tuple[int, int, str]]:
    """The rows that options and files of the log tell of, as (writer, sequence, hash); raises Trouble."""
    told = {head(text) for text in texts}
    for log in logs:
        try:
            with log.open("rb") as lines:
                told_here = [match for match in map(_TOLD.search, lines) if match]
        except OSError as error:
            raise Trouble(f"option log: {log} cannot be read: {error.strerror}.") from None
        if not told_here:
            raise Trouble(f"option log: {log} has no line of ullage.audit. Accepted: the log, uncompressed, as text.")
        told.update((int(match[1]), int(match[2]), match[3].decode()) for match in told_here)
    return told


def time_us(text: str) -> int:
    """Microseconds since 1970 of a time in ISO 8601, UTC where it says nothing else; raises Trouble."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Trouble(f"{text!r} is no time. Accepted: 2026-01-31, or 2026-01-31T12:00:00.") from None
    return (time.replace(tzinfo=time.tzinfo or UTC) - EPOCH) // timedelta(microseconds=1)


def time_text(time_us: int, precision: str = "seconds") -> str:
    """Microseconds since 1970 in ISO 8601, UTC."""
    return (EPOCH + timedelta(microseconds=time_us)).isoformat(timespec=precision)


def is_wanted(entry: Mapping[str, Any], subject: str | None, user: str | None) -> bool:
    """Whether an entry is of this user, and changes or mentions this subject (None: any)."""
    if user is not None and entry.get("user", "") != user:
        return False
    return subject is None or json.dumps(subject) in json.dumps(entry["changes"])


def as_json(entry: Mapping[str, Any]) -> str:
    """One line of JSON, in ASCII."""
    return json.dumps(entry)


def as_text(entry: Mapping[str, Any]) -> str:
    """One line: when, who, from where, what."""
    time = time_text(entry["recorded_us"], "milliseconds")
    who = json.dumps(entry.get("user", "")) if entry.get("user") else "nobody"
    place = f" from {json.dumps(entry['remote'])}" if entry.get("remote") else ""
    request = f" [{entry['request']}]" if entry.get("request") else ""
    changes = "; ".join(_as_text(change) for change in entry["changes"])
    where = f"{entry['writer']}:{entry['sequence']}"
    return f"{time} {where} {who}{place}{request} {entry['command']}: {changes}"


def _as_text(change: Mapping[str, Any]) -> str:
    was, now = json.dumps(change["before"]), json.dumps(change["after"])
    return f"{change['kind']} {json.dumps(change['name'])} {was} -> {now}"
