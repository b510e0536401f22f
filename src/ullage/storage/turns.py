"""Turns at a SQLite file: processes that all have something to write write one after the other.

SQLite lets whoever waits for its write lock sleep and try again, longer each time. A process that writes without a
pause then finds the lock free nearly always, and the others wait for seconds. So a process first takes its turn, and
nobody can take two running while somebody waits: whoever waits for the turn holds the place of the next one.

Turns are about fairness alone. What keeps writers apart is SQLite's own lock, so a turn that cannot be had does no
harm: the process then goes without.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

PAUSE_SECONDS = 0.0005
"""Between two tries. Waiting in the kernel would be quicker by that much, but could not be given up."""


class Turns:
    """The turns at one database file, by locks on two empty files beside it. Opens them when first needed."""

    def __init__(self, database: str, seconds_max: float) -> None:
        self._database = database
        self._seconds_max = seconds_max

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, `seconds_max` at most, and give it to the next one in the end."""
        until = time.monotonic() + self._seconds_max
        next_place, turn = self._files
        is_next = _locked(next_place, until)
        has_turn = is_next and _locked(turn, until)
        if is_next:
            fcntl.flock(next_place, fcntl.LOCK_UN)
        try:
            yield
        finally:
            if has_turn:
                fcntl.flock(turn, fcntl.LOCK_UN)

    @cached_property
    def _files(self) -> tuple[int, int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        mode = self._mode()
        return os.open(f"{self._database}-next", flags, mode), os.open(f"{self._database}-turn", flags, mode)

    def _mode(self) -> int:
        """Whoever may write the database may take turns at it, and nobody else; a new one is its owner's alone."""
        try:
            return os.stat(self._database).st_mode & 0o666
        except FileNotFoundError:
            return 0o600

    def __del__(self) -> None:
        for file in self.__dict__.get("_files", ()):
            os.close(file)


def _locked(file: int, until: float) -> bool:
    """Whether the lock was had in time."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(PAUSE_SECONDS)
        except OSError:  # a file system without such locks
            return False
        else:
            return True
