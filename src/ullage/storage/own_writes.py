"""What this process's committer wrote lately, for a reader in the same process that lacks nothing else.

Such a reader asks the database only how far each writer is. What its own process wrote up to there it knows already;
to read and pack those rows again would cost more than to search.

This rests on the order of a committer (see `feed`): what its transaction wrote is noted just before the commit, under
the transaction's sequence. A reader uses it only once the database shows that sequence, and then it was committed: an
attempt that was not is noted anew, under the same sequence, by the attempt that is. No other writer's change can be
missing, for a reader whom any other writer is ahead of reads the rows. Whoever had to begin anew, as after a database
was restored, has all notes forgotten: another process may be that writer now.
"""

from __future__ import annotations

import os
import threading

from ullage.engine.uses import Uses
from ullage.storage.feed import Marks
from ullage.storage.writers import Stamp

TRANSACTIONS_MAX = 64
VALUES_MAX = 1_000
"""Of one transaction. The rows of a larger one are read: it takes a longer time anyway, and memory is bounded."""


class OwnWrites:
    """The latest transactions of one committer after the other; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget(-1)

    def note(self, stamp: Stamp, uses: Uses | None) -> None:
        """Keep what a transaction that is about to be committed changes; None if that is more than uses."""
        with self._lock:
            if stamp.writer != self._writer or self._process != os.getpid():
                self._forget(stamp.writer)
            self._noted.pop(stamp.sequence - TRANSACTIONS_MAX, None)
            self._noted[stamp.sequence] = None if uses is None or len(uses) > VALUES_MAX else uses

    def is_alone(self, writers: frozenset[int]) -> bool:
        """Whether nobody else is among these."""
        return writers <= {self._writer}

    def between(self, marks: Marks, now: Marks) -> Uses | None:
        """All that a reader at `marks` lacks, where the database stands at `now`; None if it has to read that."""
        advanced = marks.advanced(now)
        with self._lock:
            if self._process != os.getpid() or advanced.keys() != {self._writer} or marks.are_behind_horizon(now):
                return None
            sequences = range(advanced[self._writer] + 1, now.sequences[self._writer] + 1)
            noted = [self._noted.get(sequence) for sequence in sequences[: TRANSACTIONS_MAX + 1]]
        providers: dict[int, tuple[int, int]] = {}
        used: dict[tuple[int, int], int] = {}
        for uses in noted:
            if uses is None:
                return None
            providers.update(uses.providers)
            used.update(uses.used)
        return Uses(providers, used)

    def forget(self) -> None:
        """Nothing that was noted so far holds any more, for all that is known."""
        with self._lock:
            self._forget(-1)

    def _forget(self, writer: int) -> None:
        self._process = os.getpid()
        self._writer = writer
        self._noted: dict[int, Uses | None] = {}
