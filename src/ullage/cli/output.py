"""What the commands show: progress on a terminal, one sentence at the end, errors without tracebacks."""

from __future__ import annotations

import logging
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ullage.cli.load import Tally

ERRORS = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)


def say(sentence: str) -> None:
    """To the standard output, as it is: no markup, no wrapping."""
    print(sentence, flush=True)


def complain(sentence: str) -> None:
    """To the standard error, after the program's name."""
    ERRORS.print(f"ullage: {sentence}", markup=False)


class Lines(logging.Handler):
    """Log lines on the standard error, above the bars if there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record's line as it is."""
        ERRORS.print(self.format(record), markup=False)


class Bars:
    """Shows a `load.Progress` as bars, and nothing where there is no terminal. Use it as a context."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:>14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=ERRORS, transient=True, disable=not ERRORS.is_terminal)
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, stage: str, total: int) -> None:
        """A new bar."""
        self._task = self._progress.add_task(stage, total=total)

    def advance(self, count: int) -> None:
        """Move the newest bar."""
        if self._task is not None:
            self._progress.advance(self._task, count)


SINGULAR = {"inventories": "inventory"}
"""The other kinds of things end in a mere s."""
COUNTED_UNCHANGED = ("providers", "consumers")


def described(tally: Tally) -> str:
    """ "590 providers and 1 trait written; 3 consumers as they were"."""
    written = [_counted(count, kind) for kind, count in tally.written.items() if count]
    unchanged = [_counted(tally.unchanged[kind], kind) for kind in COUNTED_UNCHANGED if tally.unchanged[kind]]
    parts = [f"{_joined(written)} written"] if written else ["nothing written"]
    if unchanged:
        parts.append(f"{_joined(unchanged)} as they were")
    return "; ".join(parts)


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind}" if count != 1 else f"1 {SINGULAR.get(kind, kind.removesuffix('s'))}"


def _joined(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
