"""Watching the statements of a store, and stepping in between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from ullage.storage.unit import Store


@contextmanager
def before_each(store: Store, action: Callable[[str], None]) -> Iterator[None]:
    """Call `action` with the text of each statement, before it is executed, on the thread that executes it."""

    def hook(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        action(" ".join(statement.split()))

    event.listen(store.engine, "before_cursor_execute", hook)
    try:
        yield
    finally:
        event.remove(store.engine, "before_cursor_execute", hook)


@contextmanager
def recorded(store: Store) -> Iterator[list[str]]:
    """The statements executed meanwhile."""
    statements: list[str] = []
    with before_each(store, statements.append):
        yield statements


@contextmanager
def once_before(store: Store, beginning: str, action: Callable[[], object]) -> Iterator[None]:
    """Call `action` before the first statement that begins like this; raises AssertionError if there was none."""
    waiting = [action]

    def step(statement: str) -> None:
        if statement.startswith(beginning) and waiting:
            waiting.pop()()

    with before_each(store, step):
        yield
    if waiting:
        raise AssertionError(f"no statement began with {beginning!r}")
