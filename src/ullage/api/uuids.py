"""How uuids may be spelled on the wire.

The Placement API takes more spellings in bodies and query strings than it shows: with or without dashes, in either
case, in braces, as a URN. Inside, a uuid has one form: lower-case and dashed.
"""

from __future__ import annotations

import re
import uuid as uuid_module

ANY_SPELLING = r"\A(?:urn:uuid:)?\{?[0-9a-fA-F](?:-?[0-9a-fA-F]){31}\}?\Z"
"""32 hexadecimal digits however they are dressed."""
DASHED = r"\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"
"""The one form that paths and some query parameters take."""

_ANY_SPELLING = re.compile(ANY_SPELLING)
_DASHED = re.compile(DASHED)
_DRESS = re.compile(r"urn:uuid:|[{}-]")


def is_any_spelling(text: str) -> bool:
    """Whether a text names a uuid in any spelling."""
    return _ANY_SPELLING.match(text) is not None


def from_any_spelling(text: str) -> str | None:
    """The lower-case dashed form of a uuid in any spelling, or None if the text is none."""
    if _DASHED.match(text) is not None:  # nearly always, and at a fifth of the cost
        return text.lower()
    if _ANY_SPELLING.match(text) is None:
        return None
    return str(uuid_module.UUID(_DRESS.sub("", text)))


def from_dashed(text: str) -> str | None:
    """The lower-case form of a dashed uuid, or None if the text is none."""
    return text.lower() if _DASHED.match(text) else None
