"""Log lines: standard logging, written by one thread of each process so that no request waits for another's line."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, TextIO

from ullage import redaction

RECORDS = "ullage.audit"
"""The logger whose lines are JSON that is meant to be kept."""
FLUSH_SECONDS_MAX = 2.0
PAUSE_SECONDS = 0.02
"""How long the writing thread lets lines gather. Else it would wake for each, and take the interpreter away from the
thread that has just logged."""


def configure(level: str, handler: logging.Handler | None = None, *, records: str = "NOTSET") -> None:
    """Send this program's log lines to a handler, by default one that writes to the standard error.

    `records`: the level of RECORDS, if they have one of their own.
    """
    handler = handler or logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    # As the manual of logging advises for speed: no line shows where in the code it was logged, nor by what thread.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logger = logging.getLogger("ullage")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())
    logging.getLogger(RECORDS).setLevel(records)


SERVER_LOGGING: dict[str, Any] = {
    "handlers": {},
    "formatters": {},
    "loggers": {
        "_granian": {"handlers": [], "propagate": True},
        "granian.access": {"handlers": [], "propagate": False},
    },
}
"""What makes the HTTP server's own lines go where those of other libraries go."""


def take_over() -> None:
    """Let the lines of all libraries, their warnings, and what nobody caught go through the same sink."""
    root = logging.getLogger()
    root.handlers = logging.getLogger("ullage").handlers
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda arguments: _uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    sys.unraisablehook = lambda given: _uncaught(given.exc_type, given.exc_value, given.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, SystemExit | KeyboardInterrupt):
        return
    logging.getLogger("ullage").critical("nobody caught this", exc_info=(kind, error or kind(), trace))
    flush()


def flush() -> None:
    """Wait, but not for long, until what has been logged is written."""
    for handler in logging.getLogger("ullage").handlers:
        handler.flush()


class Formatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO ullage.request ...`; the text of a second is made once.

    This is the sink: nothing is written that has not come through here. A record is one line, however its message was
    made; an exception follows it in lines that begin with blanks, which no record does.
    """

    def __init__(self) -> None:
        super().__init__()
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        whole = int(record.created)
        second, text = self._second
        if whole != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
            self._second = (whole, text)  # one assignment, so that no thread sees half of it
        clean = redaction.clean_record if record.name == RECORDS else redaction.clean
        message = clean(record.getMessage())
        line = f"{text}.{int(record.msecs):03d}Z {record.levelname} {record.name} {message}"
        return "\n".join((line, *redaction.told(record.exc_info[1]))) if record.exc_info else line


class WriterHandler(logging.Handler):
    """Leaves lines to one thread, which writes all that wait in one go; with a lock around each write, as is usual,
    the threads of a busy server queue up for it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._is_awake = threading.Event()
        threading.Thread(target=self._work, name="log-writer", daemon=True).start()

    def createLock(self) -> None:  # noqa: N802 # the name is logging's
        """A deque needs no lock."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """As usual but for the lock, which newer Pythons take without asking whether there is one."""
        is_wanted = bool(self.filter(record))
        if is_wanted:
            self.emit(record)
        return is_wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Leave a record's line to the thread."""
        self._lines.append(self.format(record))
        if not self._is_awake.is_set():
            self._is_awake.set()

    def flush(self) -> None:
        """Wait, but not for long, until everything is written."""
        end = time.monotonic() + FLUSH_SECONDS_MAX
        while (self._lines or self._is_awake.is_set()) and time.monotonic() < end:
            time.sleep(0.005)

    def _work(self) -> None:
        while True:
            self._is_awake.wait()
            time.sleep(PAUSE_SECONDS)
            lines: list[str] = []
            while self._lines:
                lines.append(self._lines.popleft())
            try:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads it any more, which is no reason to stop serving
                lines.clear()
            # Lowered before the last look: a line that comes later raises it again.
            self._is_awake.clear()
            if self._lines:
                self._is_awake.set()
