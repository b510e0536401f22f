"""Strict reading of what a request is about: its path, its query and the address it was sent to."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_HOST_LENGTH_MAX = 260

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes that are not UTF-8. No name that is stored can hold it, so that a path with it finds nothing."""


class QueryUnreadable(Exception):
    """The query is not text; the sentence says where."""


def decode_path(raw_path: bytes) -> str:
    """A percent-encoded path as text, nothing else changed: `//a`, `/a/` and `/a` are three paths."""
    return unquote_to_bytes(raw_path).decode(errors="replace")


def decode_query(raw_query: bytes) -> dict[str, list[str]]:
    """Query keys in order of appearance, each with all its values; raises QueryUnreadable for what is no text."""
    query: dict[str, list[str]] = {}
    for pair in raw_query.split(b"&"):
        if pair:
            key, _, value = pair.partition(b"=")
            query.setdefault(_text(key, pair), []).append(_text(value, pair))
    return query


def _text(part: bytes, pair: bytes) -> str:
    try:
        text = unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise QueryUnreadable(f"{_shown(pair)} is not UTF-8") from None
    if "\0" in text:
        raise QueryUnreadable(f"{_shown(pair)} holds a NUL character")
    return text


def _shown(pair: bytes) -> str:
    return repr(pair[:100].decode("ascii", errors="backslashreplace"))


def base_url(scheme: str, host: str | None, server: str, mount: str) -> str:
    """The absolute URL that Location headers begin with; `server` stands in for a Host header that is no address."""
    is_sane = host is not None and len(host) <= _HOST_LENGTH_MAX and _HOST.fullmatch(host) is not None
    return f"{scheme}://{host if is_sane else server}{mount}"


def below_mount(path: str, mount: str) -> str:
    """The path below the mount point; a path that is not below it is one that a proxy has cut already."""
    if mount and path.startswith(mount) and path[len(mount) : len(mount) + 1] in ("", "/"):
        return path[len(mount) :]
    return path
