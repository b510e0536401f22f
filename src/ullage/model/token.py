"""API tokens: who asks, by a secret that Ullage itself has made."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

PREFIX = "ullage_"
"""What every token's text begins with, so that it is told from those of others, and found where it should not be."""
RANDOM_BYTES = 32
NAME_LENGTH_MAX = 255
ROLES_MAX = 15

_TEXT = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
"""The random bytes as base64url have 43 letters."""
_ROLE = re.compile(r"[a-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token; its text is not. Times are microseconds since 1970, UTC."""

    id: int
    user: str
    project: str | None
    roles: frozenset[str]
    created_us: int
    expires_us: int


def has_form(text: str) -> bool:
    """Whether a text can be that of a token."""
    return _TEXT.fullmatch(text) is not None


def digest(text: str) -> str:
    """What is kept of a token's text: its SHA-256, in hexadecimal. It holds 256 random bits, so it needs no salt."""
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(its_digest: str) -> str:
    """What the audit trail tells of a digest, so that a change of it shows: a hash of that hash, of no other use."""
    return hashlib.sha256(f"ullage audit {its_digest}".encode()).hexdigest()


def misfit(user: str, project: str | None, roles: frozenset[str]) -> str | None:
    """Why a token cannot be of these, in a sentence; None if it can."""
    for name, value in (("user", user), ("project", project)):
        if value is not None and not (0 < len(value) <= NAME_LENGTH_MAX and value.isprintable()):
            return f"option {name}: {value!r} is not accepted. Accepted: 1 to {NAME_LENGTH_MAX} printable characters."
    for role in sorted(roles):
        if not _ROLE.fullmatch(role):
            return f"option role: {role!r} is not accepted. Accepted: up to 64 letters, digits and _ . : -"
    if len(roles) > ROLES_MAX:
        return f"option role: {len(roles)} roles are too many. Accepted: {ROLES_MAX}."
    return None
