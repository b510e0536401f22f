"""What ends a command with a sentence instead of a traceback."""

from __future__ import annotations


class Trouble(Exception):
    """`str()` is the whole sentence, free of passwords and tokens."""
