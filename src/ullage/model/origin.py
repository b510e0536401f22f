"""Who asked for a write, and from where: what the audit trail tells beside the command itself."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """Nothing in it is known of what the program does of its own accord."""

    user: str = ""
    project: str | None = None
    roles: frozenset[str] = frozenset()
    remote: str = ""
    """The address that the request came from."""
    request_id: str = ""


NOBODY = Origin()
