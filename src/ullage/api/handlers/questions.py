"""What searches have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ullage.model.errors import BadInput, UnknownResourceClass


@contextmanager
def in_resources() -> Iterator[None]:
    """An unknown resource class can only have come from the `resources` of the query; clients look for that."""
    try:
        yield
    except UnknownResourceClass as unknown:
        raise BadInput(f"Invalid resource class in resources parameter: {unknown.message}") from unknown
