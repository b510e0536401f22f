"""The differences that are meant: each is a row of docs/reference/differences.md under the same name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from differential.asks import Answer, Ask


@dataclass(frozen=True, slots=True)
class Known:
    """A listed difference: how it is recognised, and whether what the two services hold is no longer the same."""

    slug: str
    matches: Callable[[Ask, Answer, Answer], bool]
    parts_ways: bool = False


def _refuses_quietly(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return theirs.status == 500 and 400 <= ours.status < 500


KNOWN: tuple[Known, ...] = (Known("server-errors", _refuses_quietly),)


def recognise(ask: Ask, theirs: Answer, ours: Answer) -> Known | None:
    """The listed difference that a pair of answers shows, None if it is not listed."""
    return next((known for known in KNOWN if known.matches(ask, theirs, ours)), None)
