"""Which names are legal."""

from __future__ import annotations

import re
import uuid as uuid_module

NAME_LENGTH_MAX = 255
PROVIDER_NAME_LENGTH_MAX = 200

CUSTOM_NAME = re.compile(r"CUSTOM_[A-Z0-9_]+")
"""Custom resource classes and traits; use `fullmatch`, a `$` would let a trailing newline in."""
CONSUMER_TYPE = re.compile(r"[A-Z0-9_]+")
GROUP_SUFFIX = re.compile(r"[a-zA-Z0-9_-]{1,64}")

SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"
"""A provider with this trait offers its inventory to every tree that has a member in one of its aggregates."""


def is_custom_name(name: str) -> bool:
    """Whether a resource class or trait of this name may be created by a client."""
    return len(name) <= NAME_LENGTH_MAX and CUSTOM_NAME.fullmatch(name) is not None


def normalised_uuid(text: str) -> str | None:
    """The lower-case dashed form of a uuid written with or without dashes, or None if it is no uuid."""
    if len(text) not in (32, 36) or (len(text) == 36 and not _is_dashed(text)):
        return None
    digits = text.replace("-", "")
    if len(digits) != 32 or not all(character in "0123456789abcdefABCDEF" for character in digits):
        return None
    return str(uuid_module.UUID(digits))


def _is_dashed(text: str) -> bool:
    return all(text[position] == "-" for position in (8, 13, 18, 23))
