"""Whether the table of API tokens is as the trail tells: who can write to it could else let himself in unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from ullage.model.token import fingerprint
from ullage.storage.tables import tokens

KIND = "token"


def told(row: Any) -> dict[str, Any]:
    """What the trail tells of a row of `tokens`."""
    roles = sorted(filter(None, row.roles.split(",")))
    told = {"user": row.user, "project": row.project, "roles": roles, "expires_us": row.expires_us}
    return told | {"fingerprint": fingerprint(row.digest)}


class TokensTold:
    """Gathers what the trail tells of tokens, in whatever order its chains are read: no number is given twice."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, Any]] = {}
        self._revoked: set[str] = set()

    def note(self, recorded_us: int, entry: Mapping[str, Any]) -> None:
        """An entry of the trail, decoded."""
        for change in entry["changes"]:
            if change["kind"] == KIND and change["after"] is None:
                self._revoked.add(change["name"])
            elif change["kind"] == KIND:
                self._made[change["name"]] = {**change["after"], "created_us": recorded_us, "updated_us": recorded_us}

    def faults(self, connection: Connection) -> Iterator[str]:
        """Each difference between the trail and the table, in a sentence."""
        missing = self._made.keys() - self._revoked
        for row in connection.execute(select(tokens).order_by(tokens.c.id)):
            name = str(row.id)
            missing.discard(name)
            if name in self._revoked:
                yield f"Token {name} was revoked, as the trail tells, but is there."
            elif name not in self._made:
                yield f"Token {name} is there, but the trail does not tell that it was made."
            else:
                yield from self._differences(name, row)
        for name in sorted(missing):
            yield f"Token {name} is missing, but the trail does not tell that it was revoked."

    def _differences(self, name: str, row: Any) -> Iterator[str]:
        there = told(row) | {"created_us": row.created_us, "updated_us": row.updated_us}
        names = [each for each, value in self._made[name].items() if there.get(each) != value]
        if names:
            yield f"Token {name} is not as the trail tells: {', '.join(names)}."
