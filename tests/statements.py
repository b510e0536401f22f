"""Watching the statements of a store, and stepping in between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event

from ullage.storage import mariadb_ahead, postgresql_ahead
from ullage.storage import statements as driver_statements
from ullage.storage.statements import Answer
from ullage.storage.unit import Store

Action = Callable[[str], None]

_actions: WeakKeyDictionary[Engine, list[Action]] = WeakKeyDictionary()


def watch(store: Store) -> None:
    """Make a store ready for `before_each`. SQLAlchemy does not bear listeners that come while others are called."""
    if store.engine in _actions:
        return
    actions = _actions[store.engine] = _actions[store.writing_engine] = []

    def hook(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        for action in tuple(actions):
            action(" ".join(statement.split()))

    event.listen(store.engine, "before_cursor_execute", hook)
    event.listen(store.writing_engine, "before_cursor_execute", hook)


def _watched(execute: Callable[..., None]) -> Callable[..., None]:
    """The same for statements that do not go through SQLAlchemy; those sent before one have then been executed."""

    def watched(connection: Connection, cursor: Any, text: str, parameters: Any, *, many: bool) -> None:
        actions = tuple(_actions.get(connection.engine, ()))
        for module in (mariadb_ahead, postgresql_ahead):
            waiting = module.cursor(connection) if actions else None
            if waiting is not None:
                waiting.fetchall()
        for action in actions:
            action(" ".join(text.split()))
        execute(connection, cursor, text, parameters, many=many)

    return watched


driver_statements.execute = _watched(driver_statements.execute)


@contextmanager
def before_each(store: Store, action: Action) -> Iterator[None]:
    """Call `action` with the text of each statement, before it is executed, on the thread that executes it."""
    watch(store)
    _actions[store.engine].append(action)
    try:
        yield
    finally:
        _actions[store.engine].remove(action)


@contextmanager
def recorded(store: Store) -> Iterator[list[str]]:
    """The statements executed meanwhile."""
    statements: list[str] = []
    with before_each(store, statements.append):
        yield statements


def counting(method: Callable[..., None], calls: list[str]) -> Callable[..., None]:
    """The same method, noting its name in `calls` each time."""

    def counted(*arguments: Any) -> None:
        calls.append(method.__name__)
        method(*arguments)

    return counted


@contextmanager
def rows_counted() -> Iterator[list[int]]:
    """How many rows each answer had that was asked for meanwhile on the driver's cursor."""
    counts: list[int] = []
    original = Answer.rows

    def rows(answer: Answer) -> Any:
        found = original(answer)
        counts.append(len(found))
        return found

    with patch.object(Answer, "rows", rows):
        yield counts


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
